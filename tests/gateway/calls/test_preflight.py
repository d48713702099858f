"""A pre-flight at its seams: its answer, its ends, its time limit; it takes nothing of a call's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import product

import pytest

from gateway.calls import news
from gateway.calls.browser_description import read_offer
from gateway.calls.end import By, CallEnd
from gateway.calls.events import EndWanted
from gateway.calls.preflight import (
    Event,
    Preflight,
    PreflightNews,
    Preflights,
    Ready,
    State,
    Wording,
    advance,
    end_of,
)
from gateway.calls.trunks import Route
from gateway.errors import DrainingError, GatewayError, OfferError, OverloadError
from gateway.media.events import (
    BrowserConnected,
    BrowserDigit,
    BrowserLost,
    BrowserReachable,
    EchoQuality,
    LegQuality,
    LossReason,
)
from gateway.trunk import Trunk
from tests.gateway.calls.descriptions import fixture
from tests.gateway.calls.fakes import FakeEcho
from tests.gateway.calls.seams import FakePlane, Gateway
from tests.waiting import until

OFFER = fixture("chrome-156-audio.sdp")
LEG = LegQuality(4.2, 0.0, 1.0, 20.0, 30, 100)
QUALITY = EchoQuality(LEG, LEG)
SHUTDOWN = CallEnd.made_here(By.GATEWAY, "shutdown", 503, "It stops.")

EVENTS: tuple[Event, ...] = (
    BrowserReachable(),
    BrowserConnected(),
    BrowserDigit("1", 100),
    QUALITY,
    BrowserLost(LossReason.SILENT),
    EndWanted(SHUTDOWN),
)


@pytest.mark.parametrize(("state", "event"), list(product(State, EVENTS)))
def test_a_state_is_left_once_and_never_taken_back(state: State, event: Event) -> None:
    after = advance(state, event)
    assert after.value >= state.value
    assert (after is State.OVER) == (state is State.OVER or end_of(state, event) is not None)


@pytest.mark.parametrize(
    ("state", "reason", "cause"),
    [
        (State.CONNECTING, LossReason.ICE_TIMEOUT, "no-media-path"),
        (State.CONNECTING, LossReason.NO_CANDIDATE, "no-media-path"),
        (State.CONNECTING, LossReason.DTLS_FAILED, "media-failed"),
        (State.CONNECTING, LossReason.INTERNAL, "media-failed"),
        (State.UP, LossReason.SILENT, "media-lost"),
        (State.UP, LossReason.CLOSED, "hangup"),
    ],
)
def test_a_lost_browser_ends_it(state: State, reason: LossReason, cause: str) -> None:
    end = end_of(state, BrowserLost(reason))
    assert end is not None
    assert end.cause == cause


class Client:
    """Takes news."""

    def __init__(self) -> None:
        self.told: asyncio.Queue[PreflightNews] = asyncio.Queue()

    async def hear(self, kind: type[PreflightNews]) -> PreflightNews:
        async with asyncio.timeout(5):
            event = await self.told.get()
        assert isinstance(event, kind), event
        return event

    async def end(self) -> news.Ended:
        event = await self.hear(news.Ended)
        assert isinstance(event, news.Ended)
        return event


@asynccontextmanager
async def preflight(longest: float = 30) -> AsyncIterator[tuple[Preflight, FakeEcho, Client]]:
    session, client = FakeEcho(), Client()
    made = Preflight(session, read_offer(OFFER), Wording(), client.told.put_nowait, longest=longest)
    task = asyncio.create_task(made.run())
    ready = await client.hear(Ready)
    assert isinstance(ready, Ready)
    assert ready.ports == FakeEcho.local.ports
    try:
        yield made, session, client
    finally:
        made.hangup()
        async with asyncio.timeout(5):
            await task


async def test_a_browser_is_answered_measured_and_let_go() -> None:
    async with preflight() as (made, session, client):
        await until(lambda: session.browser is not None)
        session.report(BrowserConnected())
        session.report(QUALITY)
        assert await client.hear(EchoQuality) == QUALITY
        await made.add_candidate("candidate:1")
        await made.add_candidate(None)
        assert session.candidates == ["candidate:1", None]
        made.hangup()
        ended = await client.end()
        assert (ended.end.cause, ended.end.by) == ("hangup", By.LOCAL)
        assert ended.traffic == session.traffic
        assert session.closed == 1
        await made.add_candidate("candidate:2")
        assert session.candidates == ["candidate:1", None]


async def test_the_first_end_counts() -> None:
    async with preflight() as (made, session, client):
        session.report(BrowserLost(LossReason.ICE_TIMEOUT))
        made.hangup()
        ended = await client.end()
        assert (ended.end.cause, ended.duration_ms) == ("no-media-path", 0)
    assert client.told.empty()
    assert session.closed == 1


async def test_it_ends_by_itself() -> None:
    async with preflight(longest=0.01) as (_, session, client):
        ended = await client.end()
        assert (ended.end.cause, ended.end.by) == ("max-duration", By.GATEWAY)
        assert session.closed == 1


def test_the_answer_is_that_of_a_call_on_the_trunk() -> None:
    route = Route(Trunk("lab", "sip:127.0.0.1"), ("PCMU",), 1, passthrough=("PCMU",), bitrate=24000)
    wording = Wording.of(route)
    answer = wording.answer(wording.read(OFFER), FakeEcho.local)
    assert "PCMU/8000" in answer
    assert "opus" not in answer
    default = Wording.of(None)
    assert "opus/48000/2" in default.answer(default.read(OFFER), FakeEcho.local)


def nothing() -> None:
    pass


def registry(check: Callable[[], None] = nothing) -> tuple[Preflights, FakePlane]:
    plane = FakePlane()
    return Preflights(plane, check, lambda: None), plane


async def test_a_stop_ends_those_that_run() -> None:
    preflights, plane = registry()
    client = Client()
    await preflights.begin(OFFER, client.told.put_nowait)
    assert preflights.active == 1
    await preflights.close()
    await client.hear(Ready)
    assert (await client.end()).end.cause == "shutdown"
    assert preflights.active == 0
    assert plane.echoes[0].closed == 1
    await preflights.close()


async def test_an_offer_that_cannot_be_used_opens_nothing() -> None:
    preflights, plane = registry()
    with pytest.raises(OfferError):
        await preflights.begin("v=0\r\n", print)
    assert (plane.echoes, preflights.active) == ([], 0)


async def test_a_drain_that_begins_meanwhile_gives_all_back() -> None:
    answers: list[GatewayError | None] = [None, DrainingError("it drains")]

    def check() -> None:
        if (error := answers.pop(0)) is not None:
            raise error

    preflights, plane = registry(check)
    with pytest.raises(DrainingError):
        await preflights.begin(OFFER, print)
    assert (plane.echoes[0].closed, preflights.active) == (1, 0)


async def test_a_gateway_with_no_time_takes_none_and_one_without_lines_does() -> None:
    gateway = Gateway()
    client = Client()
    gateway.endpoint.capacity = 0
    await gateway.calls.preflights.begin(OFFER, client.told.put_nowait)
    await client.hear(Ready)
    assert gateway.calls.active == 0
    assert not gateway.endpoint.requests
    gateway.plane.overloaded = True
    with pytest.raises(OverloadError):
        await gateway.calls.preflights.begin(OFFER, print)
    await gateway.calls.drain()
    with pytest.raises(DrainingError):
        await gateway.calls.preflights.begin(OFFER, print)
    await gateway.calls.emptied()
    await gateway.calls.close()
    assert (await client.end()).end.cause == "shutdown"
