"""A call to a fallback with nothing real around it: what crosses, what fails, and what is left."""

from __future__ import annotations

import asyncio
from time import time
from typing import TYPE_CHECKING, cast

import pytest

import sdp
from gateway import trunk
from gateway.admission.audit import Audit
from gateway.admission.gate import Gate, Rules
from gateway.admission.policy import Policy
from gateway.admission.store import MemoryStore
from gateway.calls.directory import Directory
from gateway.calls.incoming import IncomingRoute, IncomingRoutes
from gateway.calls.reception import Reception
from gateway.media import events as media
from gateway.media.parameters import Flow
from gateway.signaling.api_messages import CallView
from gateway.trunk import IncomingCall, SipAddress
from sdp.model import Connection
from tests.gateway.calls.arrivals import CANCEL, TRUNK_OFFER, Leg
from tests.gateway.calls.seams import PCMU_ANSWERED, Gateway
from tests.gateway.calls.stories import BUSY, BYE

if TYPE_CHECKING:
    from gateway.calls.record import CallRecord
    from tests.gateway.calls.fakes import FakeJoined, FakeTrunk

NUMBER, FALLBACK = "+15550100", "+15550199"
ACK = trunk.Answered("", takes_info=True)


class House:
    """A registry with a reception whose calls go to a fallback at once."""

    def __init__(self, max_calls: int = 100) -> None:
        self.registry = Gateway(max_calls)
        self.calls = self.registry.calls
        rules = Rules(policy=Policy(allow=("+1",)))
        self.gate = Gate(rules, MemoryStore(time), Audit(None, "full", time))
        routes = IncomingRoutes([IncomingRoute(NUMBER, "sales", fallback=FALLBACK)])
        self.reception = Reception(self.calls, routes, Directory(), self.gate.incoming)

    def call(self, offer: str = TRUNK_OFFER) -> Leg:
        leg = ProgressLeg()
        incoming = IncomingCall(
            leg=cast(trunk.TrunkLeg, leg),
            trunk="lab",
            to=NUMBER,
            caller="+15550001",
            display_name="Alice",
            anonymous=False,
            offer=offer,
            headers=(),
            source=SipAddress("198.51.100.7", 5060),
        )
        leg.notify = self.reception(incoming)
        return leg

    async def dialed(self) -> FakeTrunk:
        async with asyncio.timeout(2):
            await self.registry.endpoint.dialed.wait()
            trunks = self.registry.endpoint.trunks
            await trunks[-1].dialed.wait()
        return trunks[-1]

    @property
    def joined(self) -> FakeJoined:
        (joined,) = self.registry.plane.joined
        return joined

    @property
    def record(self) -> CallRecord:
        (record,) = self.calls.records()
        return record

    async def talk(self) -> tuple[Leg, FakeTrunk]:
        """Have both sides talk."""
        leg = self.call()
        fallback = await self.dialed()
        fallback.notify(PCMU_ANSWERED)
        async with asyncio.timeout(2):
            await leg.answered.wait()
        leg.notify(ACK)
        return leg, fallback

    async def idle(self) -> None:
        """Wait until no call is left; nothing is held any more, and each session closed once."""
        tasks = [each for each in asyncio.all_tasks() if each.get_name().startswith("call-")]
        if tasks:
            await asyncio.wait(tasks, timeout=5)
        await asyncio.sleep(0)
        assert (self.calls.active, self.calls.trunks["lab"].active) == (0, 0)
        assert (self.gate.limits.running, len(self.calls.records())) == (0, 0)
        assert all(each.closed == 1 for each in self.registry.plane.joined)


class ProgressLeg(Leg):
    """The caller's leg, which may hear what comes before the answer."""

    early = ""

    async def progress(self, sdp: str) -> None:
        self.early = sdp


async def test_both_talk_and_the_fallback_hangs_up(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    house = House()
    leg, fallback = await house.talk()
    assert "m=audio 20000" in leg.answered_with
    record, lab = house.record, house.calls.trunks["lab"]
    assert (record.state, record.fallback, record.fallback_trunk) == ("answered", FALLBACK, "lab")
    assert (lab.active, lab.placed, lab.answered) == (2, 1, 1)
    assert house.gate.limits.running == 1
    assert house.joined.caller.flow is house.joined.callee.flow is Flow.AUDIO
    for side, mos in ((house.joined.caller, 4.0), (house.joined.callee, 3.0)):
        side.report(media.TrunkQuality(media.LegQuality(mos, 0.0, 1.0, None, None, 100)))
    fallback.notify(BYE)
    await house.idle()
    assert (leg.hung_up, leg.code, leg.cause) == (1, 0, "hangup")
    line = next(each for each in caplog.messages if each.startswith("call ended"))
    assert "codec=-/PCMU mos=-/4.00" in line
    assert f"fallback={FALLBACK} fallback_trunk=lab fallback_codec=PCMU fallback_mos=3.00" in line
    seen = CallView.of(record)
    assert (seen.codec.fallback, seen.mos.trunk, seen.mos.fallback) == ("PCMU", 4.0, 3.0)


async def test_the_request_says_who_calls_and_who_was_called() -> None:
    house = House()
    leg, _ = await house.talk()
    (request,) = house.registry.endpoint.requests
    assert (request.to, request.from_user, request.display_name) == (FALLBACK, "+15550001", "Alice")
    assert request.diversion == trunk.Diversion(NUMBER, "unavailable")
    leg.notify(BYE)
    await house.idle()


@pytest.mark.parametrize("answered", [False, True])
async def test_the_operator_ends_it(answered: bool) -> None:
    house = House()
    if answered:
        leg, fallback = await house.talk()
    else:
        leg, fallback = house.call(), await house.dialed()
        await asyncio.sleep(0)
    assert house.calls.stop([house.record.id], "The operator ended it.") == 1
    await house.idle()
    assert (leg.hung_up, leg.code) == (1, 0 if answered else 480)
    assert fallback.hung_up == 1


async def test_its_end_costs_no_more_once_the_cap_is_reached() -> None:
    house = House()
    leg, fallback = await house.talk()
    house.calls.stop_answered("The gateway has reached what it may use on one day.")
    await house.idle()
    assert (leg.hung_up, fallback.hung_up) == (1, 1)


async def test_a_cancel_crosses_the_answer() -> None:
    """The caller is gone when the fallback answers: the fallback hears BYE, and nobody pays on."""
    house = House()
    leg, fallback = house.call(), await house.dialed()
    leg.notify(CANCEL)
    fallback.notify(PCMU_ANSWERED)
    await house.idle()
    assert (fallback.hung_up, leg.answered_with) == (1, "")
    assert house.calls.totals.accepted == 0


async def test_a_cancel_comes_before_the_invite_is_out() -> None:
    house = House()
    leg = house.call()
    leg.notify(CANCEL)
    await house.idle()
    assert all(each.canceled or each.hung_up for each in house.registry.endpoint.trunks)


async def test_the_answer_of_the_caller_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House()
    leg, fallback = house.call(), await house.dialed()

    async def answer(sdp: str) -> None:
        raise trunk.TrunkError("the caller is gone")

    monkeypatch.setattr(leg, "answer", answer)
    fallback.notify(PCMU_ANSWERED)
    await house.idle()
    assert (leg.hung_up, fallback.hung_up) == (1, 1)


async def test_an_answer_that_cannot_be_used() -> None:
    house = House()
    leg, fallback = house.call(), await house.dialed()
    fallback.notify(trunk.Answered("v=0\r\nnonsense"))
    await house.idle()
    assert (leg.code, fallback.hung_up) == (480, 1)


async def test_the_invite_cannot_be_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House()

    async def targets(configured: trunk.Trunk) -> tuple[trunk.Target, ...]:
        raise trunk.TrunkError("the trunk's name has no address")

    monkeypatch.setattr(house.registry.endpoint, "targets", targets)
    leg = house.call()
    await house.idle()
    assert leg.code == 480


@pytest.mark.parametrize("seconds", [3.0])
async def test_a_trunk_that_hangs_does_not_keep_the_call(seconds: float) -> None:
    house = House()
    leg, fallback = await house.talk()
    fallback.hanging.set()
    async with asyncio.timeout(seconds + 1):
        leg.notify(BYE)
        await house.idle()


async def test_the_media_fails() -> None:
    house = House()
    leg, fallback = await house.talk()
    house.joined.caller.report(media.MediaFailed())
    await house.idle()
    assert (leg.hung_up, fallback.hung_up, leg.cause) == (1, 1, "media-failed")


async def test_silence_alone_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever side it comes from, its dialog is asked; one that has gone ends the call."""
    house = House()
    leg, fallback = await house.talk()
    for side, party in ((house.joined.caller, leg), (house.joined.callee, fallback)):
        party.stands.set()
        side.report(media.TrunkSilent(15))
        async with asyncio.timeout(2):
            await party.probed.acquire()
    assert house.record.state == "answered"

    async def gone(timeout: float) -> bool:
        return False

    monkeypatch.setattr(fallback, "probe", gone)
    house.joined.callee.report(media.TrunkSilent(15))
    await house.idle()
    assert (leg.cause, fallback.cause) == ("media-timeout", "media-timeout")


async def test_digits_pass_each_way_as_the_sides_take_them() -> None:
    house = House()
    leg, fallback = await house.talk()
    house.joined.caller.report(media.TrunkDigit("1", 100))
    fallback.notify(trunk.Digit("2", 100))
    leg.notify(trunk.Digit("3", 100))
    leg.notify(BYE)
    await house.idle()
    assert (house.joined.callee.digits, house.joined.caller.digits) == ("13", "2")


async def test_early_media_and_a_refusal() -> None:
    house = House()
    leg, fallback = cast(ProgressLeg, house.call()), await house.dialed()
    fallback.notify(trunk.Progress(183, "Session Progress", PCMU_ANSWERED.sdp))
    await house.joined.callee.follow(1)
    await house.joined.caller.follow(1)
    fallback.notify(BUSY)
    await house.idle()
    assert "m=audio 20000" in leg.early
    assert (leg.code, leg.answered_with) == (486, "")
    assert house.joined.callee.flow is Flow.SILENCE


async def test_the_trunk_has_no_line_for_a_second_leg() -> None:
    house = House(max_calls=1)
    leg = house.call()
    await house.idle()
    assert leg.code == 480
    assert not house.registry.endpoint.requests


async def test_the_gateway_has_no_line_for_a_second_leg() -> None:
    house = House()
    house.registry.endpoint.capacity = 1
    leg = house.call()
    await house.idle()
    assert leg.code == 480
    assert not house.registry.plane.joined


async def test_the_gateway_stops() -> None:
    house = House()
    leg, fallback = await house.talk()
    await house.calls.close()
    assert (leg.hung_up, fallback.hung_up, leg.cause) == (1, 1, "shutdown")
    await house.idle()


async def test_each_side_is_told_the_address_that_leads_to_it() -> None:
    """Caller and fallback are in two networks, and media is bound to any address."""
    house = House()
    house.registry.plane.own = {"198.51.100.7": "198.51.100.1", "127.0.0.1": "127.0.0.1"}
    leg, fallback = await house.talk()
    assert sdp.parse(leg.answered_with).connection == Connection("IP4", "198.51.100.1")
    assert sdp.parse(fallback.offer).connection == Connection("IP4", "127.0.0.1")
    assert house.joined.caller.trunk[-1].own == "198.51.100.1"
    assert house.joined.callee.trunk[-1].own == "127.0.0.1"
    leg.notify(BYE)
    await house.idle()
