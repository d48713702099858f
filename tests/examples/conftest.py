"""One demo gateway and one Chromium for the tests of a file; examples come one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest_asyncio

from tests.examples.demo_site import TONE, DemoSite, Visitor, run_demo, visitor
from tests.peers.chromium import Chromium, run_chromium
from tests.peers.ports import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import pytest


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def demo(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[DemoSite]:
    """A gateway that lets one site in."""
    folder = tmp_path_factory.mktemp("demo")
    async with run_demo(DemoSite(free_port(), free_port(), folder)) as demo:
        yield demo


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chromium(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Chromium]:
    async with run_chromium(tmp_path_factory.mktemp("chromium"), tone=TONE) as chromium:
        yield chromium


@pytest_asyncio.fixture(loop_scope="module")
async def person(chromium: Chromium) -> AsyncIterator[Visitor]:
    async with visitor(chromium) as person:
        yield person
