"""An engine for each test, and a call from a trunk to a browser on it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.gateway.media.engine.datagrams import Port
from tests.gateway.media.engine.parties import Room, open_room
from tests.gateway.media.engine.rig import Rig
from tests.gateway.media.engine.trunk_call import Call


@pytest.fixture
def rig() -> Iterator[Rig]:
    rig = Rig()
    yield rig
    rig.close()


@pytest.fixture
def call(rig: Rig) -> Call:
    return Call(rig)


@pytest.fixture
def room() -> Iterator[Room]:
    """Parties that a bridge can join."""
    with open_room() as room:
        yield room


@pytest.fixture
def port() -> Iterator[Port]:
    """The browsers' port, with two browsers."""
    rig = Rig()
    yield Port(rig)
    rig.close()
