"""One trunk is watched: ports that answer, fall silent, say 503, are closed, refuse to register."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import cast

import pytest

from gateway.trunk import (
    Ended,
    Origin,
    Secret,
    Trunk,
    TrunkEndpoint,
    TrunkError,
    TrunkState,
    TrunkWatch,
)
from tests.gateway.trunk.conftest import Phone
from tests.gateway.trunk.wire import Wire, open_wire
from tests.peers.asterisk import AsteriskLab
from tests.peers.ports import free_port
from tests.peers.process import wait_until

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.usefixtures("own_engine"),
]

OPTIONS = 0.1  # seconds between two
REPLY_LIMIT = 2.0  # seconds for the answer to one, which the trunk here may give late


@dataclass
class Board:
    """What was told, with whom it was told of; it can be waited for."""

    states: list[TrunkState] = field(default_factory=list)
    names: set[str] = field(default_factory=set)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def __call__(self, trunk: Trunk, state: TrunkState) -> None:
        self.names.add(trunk.name)
        self.states.append(state)
        self.news.set()

    async def until(self, *ups: bool | None, limit: float = 10) -> None:
        """Wait until exactly these have been told."""
        async with asyncio.timeout(limit):
            while len(self.states) < len(ups):
                self.news.clear()
                await self.news.wait()
        assert [each.up for each in self.states] == list(ups), self.states

    @property
    def why(self) -> str:
        return self.states[-1].why


def watch(
    endpoint: TrunkEndpoint,
    uri: str,
    board: Board,
    *,
    options: float = OPTIONS,
    register: bool = False,
) -> TrunkWatch:
    trunk = Trunk(
        "watched", uri, "ana", Secret("x"), options=options, register=register, expires=60
    )
    return TrunkWatch(endpoint, trunk, board, reply_limit=REPLY_LIMIT)


def asked(trunk: Wire) -> int:
    """Count the questions, repeated ones once."""
    return len({each.call_id for each in trunk.heard if each.method == "OPTIONS"})


async def ask_count(trunk: Wire, count: int) -> None:
    await trunk.find(lambda _: asked(trunk) >= count, limit=10)


async def test_comes_and_goes(endpoint: TrunkEndpoint) -> None:
    """Each change is told once, however often it is asked in between."""
    board = Board()
    async with open_wire() as trunk, watch(endpoint, trunk.uri, board):
        trunk.answering = 200
        await board.until(True)
        await ask_count(trunk, 4)
        trunk.answering = 0
        await board.until(True, False)
        assert board.why == "The trunk did not answer OPTIONS within 2 s."
        await ask_count(trunk, asked(trunk) + 2)
        trunk.answering = 404
        await board.until(True, False, True)
    assert board.names == {"watched"}


async def test_unavailable(endpoint: TrunkEndpoint) -> None:
    """It is down until Retry-After has passed, and asked again right then."""
    board = Board()
    async with open_wire() as trunk, watch(endpoint, trunk.uri, board, options=60):
        trunk.answering, trunk.adding = 503, ("Retry-After: 2",)
        began = time.monotonic()
        await board.until(False)
        assert board.why == "The trunk says 503 As Always to OPTIONS."
        trunk.answering, trunk.adding = 200, ()
        await board.until(False, True)
        assert 1.9 < time.monotonic() - began < 6


async def test_closed_port(endpoint: TrunkEndpoint) -> None:
    board = Board()
    async with watch(endpoint, f"sip:127.0.0.1:{free_port()};transport=tcp", board):
        await board.until(False)
    assert board.why == "No connection to the trunk could be made."


async def test_failed_call(endpoint: TrunkEndpoint, phone: Phone) -> None:
    """A trunk that has died between two OPTIONS is found out by the first call, and soon."""
    board = Board()
    async with open_wire() as trunk, watch(endpoint, trunk.uri, board, options=60) as watching:
        trunk.answering = 200
        await board.until(True)
        trunk.answering = 0
        _, ear = await phone.dial(trunk.uri, response_timeout=0.3)
        watching.call_ended(await ear.end())
        await board.until(True, False, limit=REPLY_LIMIT + 5)
        trunk.answering = 200
        watching.call_answered()
        await board.until(True, False, True)


async def test_many_failed_calls(endpoint: TrunkEndpoint) -> None:
    """A trunk that fails each call is not flooded with questions as well."""
    board = Board()
    async with open_wire() as trunk, watch(endpoint, trunk.uri, board, options=60) as watching:
        trunk.answering = 200
        await board.until(True)
        until = time.monotonic() + 1.5
        while time.monotonic() < until:
            watching.call_ended(Ended(Origin.REMOTE, 500, "No", "trunk-error", None, "No."))
            await asyncio.sleep(0.01)
        assert asked(trunk) in (2, 3)


async def test_no_options(endpoint: TrunkEndpoint) -> None:
    """Nothing is asked; the end of a pause is told all the same."""
    board = Board()
    async with open_wire() as trunk, watch(endpoint, trunk.uri, board, options=0) as watching:
        late = Ended(Origin.REMOTE, 503, "Later", "trunk-unavailable", None, "Later.", 1)
        watching.call_ended(late)
        await board.until(False)
        await board.until(False, None, limit=3)
        assert not trunk.heard


async def test_registration(endpoint: TrunkEndpoint) -> None:
    """A refused registration is told as such; a granted one says that the trunk is there."""
    board = Board()
    async with open_wire() as trunk:
        trunk.answering = 403
        async with watch(endpoint, trunk.uri, board, options=0, register=True) as watching:
            await board.until(False)
            assert board.why == "The trunk refuses our registration: 403 As Always."
            assert watching.registration is not None
            assert watching.registration.failures == 1
        board = Board()
        trunk.answering, trunk.adding = 200, ("Expires: 60",)
        async with watch(endpoint, trunk.uri, board, options=0, register=True) as watching:
            await board.until(True)
            assert watching.registration is not None
            assert watching.registration.registered
        last = trunk.heard[-1]
    assert (last.method, last.header("expires")) == ("REGISTER", "0")


async def test_listener_that_fails(
    endpoint: TrunkEndpoint, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(trunk: Trunk, state: TrunkState) -> None:
        raise ValueError("a fault of the listener's")

    async with open_wire() as trunk:
        trunk.answering = 200
        trunk_config = Trunk("watched", trunk.uri, options=OPTIONS)
        async with TrunkWatch(endpoint, trunk_config, fail):
            await ask_count(trunk, 3)
    assert "the state of trunk watched could not be told" in caplog.text


class Unable:
    """An endpoint that cannot ask."""

    def __init__(self) -> None:
        self.tried = asyncio.Event()

    async def inquire(self, trunk: Trunk, timeout: float) -> None:
        self.tried.set()
        raise TrunkError("the stock engine cannot ask")


async def test_who_cannot_ask_says_nothing_of_the_trunk() -> None:
    board, unable = Board(), Unable()
    async with watch(cast(TrunkEndpoint, unable), "sip:127.0.0.1", board) as watching:
        await unable.tried.wait()
        assert watching.health.up is None
    assert not board.states


async def test_lab(endpoint: TrunkEndpoint, lab: AsteriskLab) -> None:
    board = Board()
    trunk = Trunk(
        "lab", lab.uri(), "acct1001", Secret(lab.secret), register=True, expires=60, options=OPTIONS
    )
    async with TrunkWatch(endpoint, trunk, board) as watching:
        await board.until(True)
        await wait_until(lambda: watching.registration is not None, limit=5, what="an answer")
        assert watching.registration is not None
        assert watching.registration.registered
