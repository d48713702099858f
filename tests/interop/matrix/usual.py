"""Stories that are the same with any peer, by the number that it is to be called by."""

from __future__ import annotations

import asyncio
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

from tests.end_to_end.odd_trunk import describe
from tests.gateway.calls.descriptions import fixture
from tests.interop.matrix.house import FAILOVER, judge_somebody
from tests.peers.process import poll

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from tests.end_to_end.page import Page
    from tests.end_to_end.phone import PhoneCall
    from tests.interop.matrix.cells import Tell
    from tests.interop.matrix.house import House, Somebody

OFFER: Final = fixture("chrome-156-audio.sdp")
STAGES: Final = ("100", "180", "200")  # that a peer is told of whom it has handed a page over to
TAKES: Final = 8.0  # seconds: 4 of silence at the first trunk, and a call's set-up


def ringing(extension: str) -> Tell:
    """180, without a description, and later the answer."""

    async def tell(house: House, peer: Any) -> None:
        number = house.unique(extension)
        async with house.dial(number, silent=True) as call:
            assert not (await call.hear("ringing"))["earlyMedia"]
            await call.hear("answered")
            await call.hang_up()

    return tell


def failover(extension: str) -> Tell:
    """The first trunk of the route is silent; the page hears of one call."""

    async def tell(house: House, peer: Any) -> None:
        number = house.unique(extension)
        began = perf_counter()
        async with house.dial(number, FAILOVER, silent=True) as call:
            await call.hear("answered")
            took = perf_counter() - began
            await call.hang_up()
        assert took < TAKES, f"{took:.1f} s until the second trunk has answered"
        assert call.kinds.count("answer") == 1

    return tell


def watched(way: str = "udp") -> Tell:
    """The trunk answers our OPTIONS."""

    async def tell(house: House, peer: Any) -> None:
        async def up() -> bool:
            return await house.metric("gateway_trunk_up", way) == 1

        await poll(up, limit=10, what=f"{house.trunk(way)} answers OPTIONS")

    return tell


async def hold(call: PhoneCall) -> None:
    """Have the page hold a call, and resume it."""
    await call.ask("hold")
    assert (await call.hear("held"))["by"] == "local"
    await call.ask("resume")
    assert (await call.hear("resumed"))["by"] == "local"


async def held_by_peer(call: PhoneCall) -> None:
    """Expect the page to be told that the peer holds."""
    assert (await call.hear("held"))["by"] == "remote"


async def resumed_by_peer(call: PhoneCall) -> None:
    """Expect the page to be told that the peer holds no longer."""
    assert (await call.hear("resumed"))["by"] == "remote"


async def transferred(call: PhoneCall) -> None:
    """Expect the page to be told that the far end is elsewhere, and the call to be over."""
    await call.end()
    told = next(each for each in call.messages if each["type"] == "transferred")
    assert told["sipCode"] == 200
    assert call.ended() == ("local", "transferred", 200)


async def handed_over(
    call: PhoneCall, somebody: Somebody, refer: Callable[[], Coroutine[Any, Any, object]]
) -> None:
    """Have a peer ask for it, until it has heard how that has ended and has hung up; both talk."""
    _, line, sound = somebody
    asked = asyncio.create_task(refer())
    await line.hear("INVITE")
    line.respond(180)
    await line.answer(describe(sound.port))
    await call.hear("redirected")
    await asked
    await sound.hear(75)
    samples = sound.samples(1.0)
    outcome = await call.hang_up()
    await line.hear("BYE")
    assert call.ended() == ("local", "hangup", 200)
    judge_somebody(outcome, samples)


async def two_calls(page: Page, house: House, first: str, second: str) -> None:
    """Have a page make two calls by one trunk, "first" and "second"."""
    for call, number in (("first", first), ("second", second)):
        told = await page.call(house.prefixes["udp"] + number, OFFER, call=call)
        assert told["type"] == "trying", told
        await page.until("answered", call=call, limit=10)


async def joined(page: Page) -> None:
    """Have a page join the far ends of its two calls; both calls end by it."""
    await page.send(type="transfer", call="first", replaces="second")
    ends: dict[str, str] = {}
    told = None
    while len(ends) < 2:
        message = await page.receive(limit=10)
        if message["type"] == "ended":
            ends[message["call"]] = message["cause"]
        elif message["type"] in ("transferred", "transferFailed"):
            told = message
    assert told == {"type": "transferred", "call": "first", "sipCode": 200, "reason": "OK"}
    assert ends["first"] == "transferred"


def unencrypted(number: str = "") -> Tell:
    """The peer has no SRTP, and this trunk's settings want nothing else."""

    async def tell(house: House, peer: Any) -> None:
        async with house.dial(number or house.unique("603"), "srtp-refused", silent=True) as call:
            ended = await call.hear("ended")
        assert call.ended() == ("remote", "incompatible-media", 488)
        assert "encrypted audio only" in ended["message"]

    return tell


async def rejected(page: PhoneCall) -> None:
    """Have a page reject its call."""
    await page.hear("incoming")
    await page.reject(486)
    await page.end()
    assert page.ended() == ("local", "rejected", 486)


async def given_up(page: PhoneCall) -> None:
    """Expect a page to be told that its caller has given up."""
    await page.end()
    assert page.ended() == ("remote", "canceled", 487)


def bye(extension: str) -> Tell:
    """The page hangs up."""

    async def tell(house: House, peer: Any) -> None:
        number = house.unique(extension)
        async with house.dial(number, silent=True) as call:
            await call.hear("answered")
            await call.hang_up()
        assert call.ended() == ("local", "hangup", 200)
        await peer.over(number)

    return tell


def bye_remote(extension: str) -> Tell:
    """The peer hangs up by itself."""

    async def tell(house: House, peer: Any) -> None:
        number = house.unique(extension)
        async with house.dial(number, silent=True) as call:
            await call.hear("answered")
            await call.end()
        assert call.ended() == ("remote", "hangup", 200)
        await peer.over(number)

    return tell


def cancel(extension: str) -> Tell:
    """The page hangs up while it rings."""

    async def tell(house: House, peer: Any) -> None:
        number = house.unique(extension)
        async with house.dial(number, silent=True) as call:
            await call.hear("ringing")
            await call.hang_up()
        assert call.ended() == ("local", "canceled", 487)
        await peer.over(number)

    return tell


def refused(extension: str, cause: str, code: int) -> Tell:
    """The peer says no, and no other trunk is asked."""

    async def tell(house: House, peer: Any) -> None:
        number = house.unique(extension)
        async with house.dial(number, silent=True) as call:
            await call.end()
        assert call.ended() == ("remote", cause, code)

    return tell
