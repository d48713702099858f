"""Calls from a trunk that no page takes, and the number that is called then: `fallback`."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from tests.end_to_end.calling_trunk import TrunkCall, trunk_call
from tests.end_to_end.odd_sound import Sound, open_sound
from tests.end_to_end.odd_trunk import Line, OddTrunk, describe, odd_trunk
from tests.end_to_end.phone import waiting
from tests.end_to_end.recording import assert_heard
from tests.end_to_end.trunks import idle, open_trunk
from tests.peers.gateway import Gateway, GatewayConfig, run_gateway
from tests.peers.process import wait_until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.peers.sipp import SipMessage

pytestmark = [pytest.mark.peer, pytest.mark.asyncio(loop_scope="module")]

NUMBER, BRIEF, BUSY_PAGES, FORBIDDEN, ROUND = (f"+1555010{each}" for each in range(5))
FALLBACK = "+15550199"
CALLER_TONE, FALLBACK_TONE = 440.0, 660.0
FAR = "127.0.0.2"
PCMA = ("8 PCMA/8000", "101 telephone-event/8000")


@dataclass
class World:
    """A gateway, and two trunks that calls to the fallback go to, in turn."""

    gateway: Gateway
    first: OddTrunk
    second: OddTrunk

    def line(self) -> Line:
        """Return the fallback's line at the first trunk, as it is before a call."""
        self.first._dialed.clear()
        return self.first.line(FALLBACK)

    def other_line(self) -> Line:
        """Return the same at the second."""
        self.second._dialed.clear()
        return self.second.line(FALLBACK)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with odd_trunk(FAR) as first, odd_trunk("127.0.0.3") as second, odd_trunk() as near:
        both = {"codecs": ["PCMU", "PCMA"]}
        trunks = [
            {**open_trunk(near.port), **both},
            {**open_trunk(0), **both, "name": "first", "uri": first.uri},
            {**open_trunk(0), **both, "name": "second", "uri": second.uri},
        ]
        config = GatewayConfig(
            trunks,
            incoming=[
                {"to": NUMBER, "identity": "nobody", "fallback": FALLBACK},
                {"to": BRIEF, "identity": "sales", "ring": 1, "fallback": FALLBACK},
                {"to": BUSY_PAGES, "identity": "sales", "fallback": FALLBACK},
                {"to": FORBIDDEN, "identity": "nobody", "fallback": "+4420"},
                {"to": ROUND, "identity": "nobody", "fallback": ROUND},
            ],
            routes=[{"to": "*", "trunks": ["first", "second"]}],
        )
        async with run_gateway(config, tmp_path_factory.mktemp("gateway")) as gateway:
            yield World(gateway, first, second)


@dataclass
class Talk:
    """A call that the fallback has answered."""

    call: TrunkCall
    line: Line
    invite: SipMessage
    caller: Sound
    fallback: Sound

    async def both_hear(self) -> None:
        """Check that each side hears the other's tone, and not its own."""
        for sound, present, absent in (
            (self.caller, FALLBACK_TONE, CALLER_TONE),
            (self.fallback, CALLER_TONE, FALLBACK_TONE),
        ):
            await sound.hear(75)
            assert_heard(sound.samples(1), sound.rate, present=[present], absent=[absent])


@asynccontextmanager
async def talking(
    world: World, *, codecs: tuple[str, str] = ("PCMU", "PCMU"), late: bool = False
) -> AsyncIterator[Talk]:
    """Have a caller and the fallback talk."""
    line = world.line()
    async with (
        open_sound(CALLER_TONE, codec=codecs[0]) as caller,
        open_sound(FALLBACK_TONE, codec=codecs[1]) as fallback,
        trunk_call(world.gateway, NUMBER) as call,
    ):
        ours, theirs = (
            describe(each.port, formats="8 101", rtpmaps=PCMA)
            if each.codec == "PCMA"
            else describe(each.port)
            for each in (caller, fallback)
        )
        call.ack_body = ours if late else ""
        call.invite("" if late else ours)
        invite = await line.hear("INVITE")
        assert 200 not in call.statuses
        await line.answer(theirs)
        await call.hear(200)
        try:
            yield Talk(call, line, invite, caller, fallback)
        finally:
            call.request("BYE")  # should it not be over yet: each test begins with no call
    await idle(world.gateway)


@pytest.mark.parametrize(
    "codecs", [("PCMU", "PCMU"), ("PCMU", "PCMA"), ("PCMA", "PCMU"), ("PCMA", "PCMA")]
)
async def test_both_hear_each_other(world: World, codecs: tuple[str, str]) -> None:
    async with talking(world, codecs=codecs) as talk:
        await talk.both_hear()
        talk.call.request("BYE")
        await talk.line.hear("BYE")
        await talk.call.hear(200, method="BYE")


async def test_what_the_fallback_is_told_of_the_caller(world: World) -> None:
    async with talking(world) as talk:
        assert '"Alice Example" <sip:+15550001@' in (talk.invite.header("from") or "")
        diversion = talk.invite.header("diversion") or ""
        assert diversion == f"<sip:{NUMBER}@{FAR}>;reason=unavailable"
        talk.call.request("BYE")


async def test_the_caller_asks_for_our_offer(world: World) -> None:
    async with talking(world, late=True) as talk:
        await talk.both_hear()
        talk.call.request("BYE")


async def test_the_fallback_hangs_up(world: World) -> None:
    async with talking(world) as talk:
        assert (await talk.line.request("BYE")).status == 200
        await talk.call.hear("BYE")


async def test_after_the_pages_have_rung(world: World) -> None:
    """They ring for as long as they may; then they are told, and the caller hears it ring on."""
    line = world.line()
    async with (
        waiting(world.gateway, "sales") as page,
        open_sound(FALLBACK_TONE) as sound,
        trunk_call(world.gateway, BRIEF) as call,
    ):
        call.invite(describe(9))
        await page.hear("incoming")
        await page.end()
        assert page.ended() == ("gateway", "no-answer", 480)
        invite = await line.hear("INVITE")
        assert (invite.header("diversion") or "").endswith(";reason=no-answer")
        await line.answer(describe(sound.port))
        await call.hear(200)
        call.request("BYE")
        await line.hear("BYE")
    await idle(world.gateway)


async def test_after_every_page_has_rejected(world: World) -> None:
    line = world.line()
    async with (
        waiting(world.gateway, "sales") as page,
        trunk_call(world.gateway, BUSY_PAGES) as call,
    ):
        call.invite(describe(9))
        await page.hear("incoming")
        await page.reject(603)
        await line.hear("INVITE")
        call.cancel()
        await line.hear("CANCEL")
        await call.hear(487)
    await idle(world.gateway)


@pytest.mark.parametrize(("status", "told"), [(486, 486), (603, 603), (403, 480), (302, 480)])
async def test_the_fallback_will_not(world: World, status: int, told: int) -> None:
    line = world.line()
    async with trunk_call(world.gateway, NUMBER) as call:
        call.invite(describe(9))
        await line.hear("INVITE")
        line.respond(180)
        await call.hear(180)
        line.respond(status)
        await call.hear(told)
        assert call.statuses[-1] == told
    await idle(world.gateway)


async def test_another_trunk_is_tried(world: World) -> None:
    line, other = world.line(), world.other_line()
    async with (
        open_sound(CALLER_TONE) as caller,
        open_sound(FALLBACK_TONE) as fallback,
        trunk_call(world.gateway, NUMBER) as call,
    ):
        call.invite(describe(caller.port))
        invite = await line.hear("INVITE")
        line.respond(503)
        await other.hear("INVITE")
        await other.answer(describe(fallback.port))
        await call.hear(200)
        await Talk(call, other, invite, caller, fallback).both_hear()
        call.request("BYE")
        await other.hear("BYE")
    await idle(world.gateway)
    assert "fallback_trunk=second" in world.gateway.log()


async def test_no_trunk_reaches_it(world: World) -> None:
    line, other = world.line(), world.other_line()
    async with trunk_call(world.gateway, NUMBER) as call:
        call.invite(describe(9))
        for each in (line, other):
            await each.hear("INVITE")
            each.respond(503)
        await call.hear(480)
    await idle(world.gateway)


async def test_early_media_is_heard(world: World) -> None:
    """The caller hears an announcement; the fallback does not hear the caller yet."""
    line = world.line()
    async with (
        open_sound(CALLER_TONE) as caller,
        open_sound(FALLBACK_TONE) as fallback,
        trunk_call(world.gateway, NUMBER) as call,
    ):
        call.invite(describe(caller.port))
        invite = await line.hear("INVITE")
        line.respond(183, describe(fallback.port))
        early = await call.hear(183)
        await caller.hear(75)
        assert_heard(caller.samples(1), caller.rate, present=[FALLBACK_TONE], absent=[CALLER_TONE])
        assert_heard(fallback.samples(1), fallback.rate, absent=[CALLER_TONE])
        await line.answer(describe(fallback.port))
        assert (await call.hear(200)).body == early.body
        await Talk(call, line, invite, caller, fallback).both_hear()
        call.request("BYE")
        await line.hear("BYE")
    await idle(world.gateway)


async def test_the_caller_cancels(world: World) -> None:
    line = world.line()
    async with trunk_call(world.gateway, NUMBER) as call:
        call.invite(describe(9))
        await line.hear("INVITE")
        line.respond(180)
        await call.hear(180)
        call.cancel()
        await call.hear(487)
        await line.hear("CANCEL")
    await idle(world.gateway)


async def answers(call: TrunkCall, count: int) -> None:
    """Wait until so many INVITEs have been answered."""
    await wait_until(
        lambda: call.statuses.count(200) == count, limit=8, what=f"{count} answers of 200"
    )


async def test_each_side_holds_and_resumes(world: World) -> None:
    """A hold is answered here, the other side hears nothing of it in SIP."""
    async with talking(world) as talk:
        held = await talk.line.reinvite(
            describe(talk.fallback.port, direction="sendonly", version=2)
        )
        assert "a=recvonly" in held.body
        await talk.fallback.expect_silence()
        await talk.line.reinvite(describe(talk.fallback.port, version=3))
        await talk.both_hear()
        for direction, version in (("sendonly", 2), ("sendrecv", 3)):
            body = describe(talk.caller.port, direction=direction, version=version)
            talk.call.request("INVITE", body)
            await answers(talk.call, version)  # that to the first INVITE is one of them
            if direction == "sendonly":
                await talk.caller.expect_silence()
        await talk.both_hear()
        assert talk.line.requests().count("INVITE") == 1
        talk.call.request("BYE")


async def test_digits_pass_as_each_side_takes_them(world: World) -> None:
    async with talking(world) as talk:
        await talk.both_hear()
        talk.caller.press("12#")
        await talk.fallback.hear_digits("12#")
        talk.fallback.press("9*")
        await talk.caller.hear_digits("9*")
        info = "Signal=5\r\nDuration=160\r\n"
        answer = await talk.line.request("INFO", info, kind="application/dtmf-relay")
        assert answer.status == 200
        await talk.caller.hear_digits("9*5")
        talk.call.request("BYE")


async def test_it_is_one_call_for_metrics_and_log(world: World) -> None:
    async with talking(world) as talk:
        metrics = await world.gateway.metrics()
        assert metrics["gateway_calls_active"] == 1
        assert metrics['gateway_trunk_calls_active{trunk="first"}'] == 1
        talk.call.request("BYE")
        await talk.line.hear("BYE")
    assert "fallback=+15****99 fallback_trunk=first" in world.gateway.log()


@pytest.mark.parametrize("number", [FORBIDDEN, ROUND])
async def test_a_fallback_that_may_not_be_called(world: World, number: str) -> None:
    """One that the dial plan forbids, and one that is the called number itself."""
    async with trunk_call(world.gateway, number) as call:
        call.invite(describe(9))
        await call.hear(480)
    await idle(world.gateway)


async def test_a_call_that_comes_back_ends(world: World) -> None:
    """By its Diversion the call is one that has been forwarded already."""
    line = world.line()
    async with (
        trunk_call(world.gateway, NUMBER) as first,
        trunk_call(world.gateway, NUMBER) as second,
    ):
        first.invite(describe(9))
        invite = await line.hear("INVITE")
        second.invite(describe(9), f"Diversion: {invite.header('diversion')}")
        await second.hear(480)
        line.respond(486)
        await first.hear(486)
    await idle(world.gateway)
    assert "forwarded by us already" in world.gateway.log()


async def test_a_call_that_comes_back_without_a_word_ends(world: World) -> None:
    """So many calls of one caller are on their way to it that they have to be one."""
    line = world.line()
    calls: list[TrunkCall] = []
    async with asyncio.timeout(20):
        contexts = [trunk_call(world.gateway, NUMBER) for _ in range(5)]
        calls = [await each.__aenter__() for each in contexts]
        for call in calls[:4]:
            world.first._dialed.clear()
            line = world.first.line(FALLBACK)
            call.invite(describe(9))
            await line.hear("INVITE")
        calls[4].invite(describe(9))
        await calls[4].hear(480)
        for call in calls[:4]:
            call.cancel()
            await call.hear(487)
        for each in contexts:
            await each.__aexit__(None, None, None)
    await idle(world.gateway)


async def test_the_gateway_stops(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Both sides hear BYE, and a caller who waits hears that it is over."""
    async with odd_trunk(FAR) as far:
        config = GatewayConfig(
            [{**open_trunk(0), "uri": far.uri}],
            incoming=[{"to": "*", "identity": "nobody", "fallback": FALLBACK}],
            overrides={"sip": {"strangers": "refuse"}, "sessions": {"drain_timeout": 0}},
        )
        config.trunks = [{**config.trunks[0], "sources": ["127.0.0.1/32"]}]
        async with run_gateway(config, tmp_path_factory.mktemp("stop")) as gateway:
            line = far.line(FALLBACK)
            async with open_sound(1) as sound, trunk_call(gateway, NUMBER) as call:
                call.invite(describe(sound.port))
                await line.hear("INVITE")
                await line.answer(describe(9))
                await call.hear(200)
                gateway.terminate()
                await line.hear("BYE")
                await call.hear("BYE")
                await gateway.stop()
