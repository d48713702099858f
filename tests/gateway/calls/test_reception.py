"""An INVITE at the reception: whom it rings, and what refuses it before anybody hears it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from time import time
from typing import cast

import pytest

import sdp
from gateway import trunk
from gateway.admission.audit import Audit
from gateway.admission.gate import Gate, Rules
from gateway.admission.store import MemoryStore
from gateway.calls import news
from gateway.calls.call_news import Opened
from gateway.calls.directory import Directory
from gateway.calls.incoming import IncomingRoute, IncomingRoutes
from gateway.calls.reception import Reception
from gateway.calls.request import CallRequest
from gateway.calls.ring import Ring
from gateway.errors import CapacityError, UnavailableError
from gateway.media import events as media
from gateway.trunk import IncomingCall, SipAddress
from sdp.model import Connection
from tests.gateway.calls.arrivals import CANCEL, TRUNK_OFFER, FakePage, Leg, acceptance
from tests.gateway.calls.seams import PCMU_ANSWERED, Gateway
from tests.gateway.calls.stories import BYE

NUMBER = "+15550100"
ROUTES = (IncomingRoute(NUMBER, "sales", ring=5.0), IncomingRoute("desk", "desk", trunk="other"))


class House:
    """A registry with a reception, and a page of each identity that is asked for."""

    def __init__(
        self, *identities: str, max_calls: int = 100, passthrough: tuple[str, ...] = ()
    ) -> None:
        self.registry = Gateway(max_calls, passthrough)
        self.calls = self.registry.calls
        self.gate = Gate(Rules(), MemoryStore(time), Audit(None, "full", time))
        self.directory = Directory()
        self.pages = [FakePage() for _ in identities]
        for identity, page in zip(identities, self.pages, strict=True):
            self.directory.register(identity, page)
        self.reception = Reception(
            self.calls, IncomingRoutes(ROUTES), self.directory, self.gate.incoming
        )

    def call(self, to: str = NUMBER, offer: str = TRUNK_OFFER, name: str = "lab") -> Leg:
        leg = Leg()
        incoming = IncomingCall(
            leg=cast(trunk.TrunkLeg, leg),
            trunk=name,
            to=to,
            caller="+15550001",
            display_name="Alice\r\n",
            anonymous=False,
            offer=offer,
            headers=(("x-a", "1"),),
            source=SipAddress("198.51.100.7", 5060),
        )
        leg.notify = self.reception(incoming)
        return leg

    async def idle(self) -> None:
        """Wait until no call is left; no line of the trunk is held."""
        tasks = [each for each in asyncio.all_tasks() if each.get_name().startswith("call-")]
        if tasks:
            await asyncio.wait(tasks, timeout=5)
        await asyncio.sleep(0)  # for what is called once a task is done
        assert self.calls.active == 0
        assert self.calls.trunks["lab"].active == 0
        assert not self.calls.records()


async def refused(house: House, leg: Leg, code: int) -> None:
    await house.idle()
    assert (leg.code, leg.rang.is_set()) == (code, False)
    assert all(page.rings.empty() for page in house.pages)


async def test_it_rings_and_is_answered() -> None:
    house = House("sales", "desk")
    leg = house.call()
    ring = await house.pages[0].rung()
    caller = ring.caller
    assert (caller.to, caller.number, caller.display_name) == (NUMBER, "+15550001", "Alice")
    assert (caller.trunk, caller.headers) == ("lab", (("x-a", "1"),))
    assert house.pages[1].rings.empty()
    (record,) = house.calls.records()
    assert (record.id, record.direction, record.state) == (ring.id, "incoming", "ringing")
    assert (record.request.identity, record.request.visitor.address) == ("sales", "")
    assert house.calls.trunks["lab"].active == 1
    await ring.accept(acceptance())
    await house.pages[0].client.hear(news.AnswerReady)
    assert (record.request.visitor.address, record.request.identity) == ("192.0.2.7", "sales")
    house.registry.plane.sessions[0].report(media.BrowserConnected())
    async with asyncio.timeout(2):
        await leg.answered.wait()
    leg.notify(trunk.Answered(""))
    await house.pages[0].client.hear(news.Answered)
    assert record.state == "answered"
    leg.notify(BYE)
    await house.idle()
    totals, lab = house.calls.totals, house.calls.trunks["lab"]
    assert (totals.received, totals.accepted, dict(totals.received_ended)) == (1, 1, {"hangup": 1})
    assert (totals.placed, totals.answered, lab.placed, lab.answered) == (0, 0, 0, 0)
    assert not totals.ended
    assert not lab.ended


@pytest.mark.parametrize(
    ("to", "name", "code"),
    [
        ("+15550199", "lab", 404),
        ("desk", "lab", 404),  # of another trunk
        (NUMBER, "", 404),  # a stranger
        (NUMBER, "gone", 404),  # a trunk that calls know nothing of
        ("", "lab", 404),
    ],
)
async def test_a_number_of_nobodys(to: str, name: str, code: int) -> None:
    house = House("sales", "desk")
    await refused(house, house.call(to, name=name), code)


async def test_nobody_is_there() -> None:
    house = House("desk")
    await refused(house, house.call(), 480)
    assert house.calls.totals.received_ended == {"unavailable": 1}


@pytest.mark.parametrize(
    "offer",
    [
        "nonsense",
        TRUNK_OFFER.replace("audio", "video"),
        TRUNK_OFFER.replace("RTP/AVP 0 101", "RTP/AVP 18 101"),
        TRUNK_OFFER.replace("RTP/AVP", "RTP/SAVP"),
    ],
)
async def test_no_audio_of_ours(offer: str) -> None:
    house = House("sales")
    await refused(house, house.call(offer=offer), 488)


async def test_no_new_calls() -> None:
    house = House("sales")
    await house.gate.stop("fraud", by="ops")
    await refused(house, house.call(), 503)
    await house.gate.start(by="ops")
    house.gate.block("number", "+15550001", "a robot", by="ops")
    await refused(house, house.call(), 403)
    await house.gate.unblock("number", "+15550001", by="ops")
    house.registry.plane.overloaded = True
    await refused(house, house.call(), 503)
    house.registry.plane.overloaded = False
    await house.calls.drain()
    await refused(house, house.call(), 503)


async def test_the_lines_of_the_trunk_are_in_use() -> None:
    house = House("sales", max_calls=1)
    first = house.call()
    await house.pages[0].rung()
    second = house.call()
    async with asyncio.timeout(2):
        await second.ended.wait()
    assert second.code == 486
    first.notify(CANCEL)
    await house.idle()
    third = house.call()
    await house.pages[0].rung()
    third.notify(CANCEL)
    await house.idle()


async def test_the_operator_and_the_stop_end_what_rings() -> None:
    house = House("sales")
    leg = house.call()
    ring = await house.pages[0].rung()
    house.calls.stop_answered("The day is used up.")  # costs nothing
    assert house.calls.stop([ring.id], "The operator ended the call.") == 1
    await house.idle()
    assert leg.code == 480
    leg = house.call()
    await house.pages[0].rung()
    await house.calls.close()
    assert leg.code == 503
    ended = await house.pages[0].client.hear(news.Ended, 2)
    assert isinstance(ended, news.Ended)
    assert ended.end.cause == "shutdown"
    await house.idle()


async def test_what_refuses_a_call_is_known_from_its_first_news_on() -> None:
    """So whoever keeps account of calls need not take it for one that runs."""
    house = House("sales")
    told: list[tuple[type, str | None]] = []
    house.calls.listeners.add(lambda each: told.append((type(each.event), each.record.rule)))
    await house.calls.drain()
    await refused(house, house.call(), 503)
    assert told[0] == (Opened, told[-1][1])
    assert told[0][1] is not None


async def test_no_port_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    """The page hears of it, and may try again: somebody may hang up meanwhile."""
    house = House("sales")

    async def fail() -> None:
        raise CapacityError("no port")

    house.call()
    ring = await house.pages[0].rung()
    with monkeypatch.context() as patch:
        patch.setattr(house.registry.plane, "open", fail)
        with pytest.raises(CapacityError):
            await ring.accept(acceptance())
    assert await ring.accept(acceptance()) is not None
    await house.calls.close()
    await house.idle()


async def test_a_host_that_has_no_address() -> None:
    house = House("sales")
    leg = house.call(offer=TRUNK_OFFER.replace("IP4 198.51.100.7\r\nt", "IP4 sbc.example\r\nt"))
    ring = await house.pages[0].rung()
    assert await ring.accept(acceptance()) is None
    await house.idle()
    assert leg.code == 488
    assert house.registry.plane.sessions[0].closed == 1


@pytest.mark.parametrize(
    ("formats", "codec"), [("0 101", "PCMU"), ("8 101", "PCMA"), ("9 101", "OPUS")]
)
async def test_g711_goes_through_where_the_trunk_offers_it(formats: str, codec: str) -> None:
    house = House("sales", passthrough=("PCMU", "PCMA"))
    state = house.calls.trunks["lab"]
    state.route = replace(state.route, codecs=("PCMU", "PCMA", "G722"))
    house.call(offer=TRUNK_OFFER.replace("0 101", formats))
    ring: Ring = await house.pages[0].rung()
    assert await ring.accept(acceptance()) is not None
    await house.pages[0].client.hear(news.AnswerReady)
    remote = house.registry.plane.sessions[0].browser
    assert remote is not None
    assert remote.codec == codec
    await house.calls.close()


async def test_the_answer_names_the_address_that_leads_to_the_trunk() -> None:
    house = House("sales")
    house.registry.plane.own = {"198.51.100.7": "198.51.100.1"}
    leg = house.call()
    await (await house.pages[0].rung()).accept(acceptance())
    await house.pages[0].client.hear(news.AnswerReady)
    house.registry.plane.sessions[0].report(media.BrowserConnected())
    async with asyncio.timeout(2):
        await leg.answered.wait()
    assert sdp.parse(leg.answered_with).connection == Connection("IP4", "198.51.100.1")
    assert house.registry.plane.sessions[0].trunk[-1].own == "198.51.100.1"
    leg.notify(BYE)
    await house.idle()


async def test_no_address_of_ours_leads_to_the_trunk() -> None:
    """The page hears of it at its `accept`, and nothing is left open."""
    house = House("sales")
    house.registry.plane.own = {"198.51.100.7": ""}
    leg = house.call()
    ring = await house.pages[0].rung()
    with pytest.raises(UnavailableError, match="no address of ours leads to"):
        await ring.accept(acceptance())
    assert house.registry.plane.sessions[0].closed == 1
    leg.notify(CANCEL)
    await house.idle()


async def test_a_redirected_call_holds_the_line_that_it_uses() -> None:
    """The caller's is free once the caller is gone, and that of the other far end after the end."""
    house = House("sales")
    leg = house.call()
    ring = await house.pages[0].rung()
    call = await ring.accept(acceptance())
    assert call is not None
    house.registry.plane.sessions[0].report(media.BrowserConnected())
    async with asyncio.timeout(2):
        await leg.answered.wait()
    leg.notify(trunk.Answered(""))
    page, lab = house.pages[0].client, house.calls.trunks["lab"]
    await page.hear(news.Answered)
    leg.notify(trunk.Referred(1, trunk.ReferredTo("+15557777", "lab", number=1)))
    await page.hear(news.Referred)
    await call.redirect(1, CallRequest("+15557777", ""))
    async with asyncio.timeout(2):
        await house.registry.endpoint.dialed.wait()
    assert lab.active == 2
    onward = house.registry.endpoint.trunks[0]
    onward.notify(PCMU_ANSWERED)
    await page.hear(news.Redirected)
    leg.over = True
    leg.notify(BYE)
    async with asyncio.timeout(2):
        await leg.ended.wait()
    await asyncio.sleep(0)  # for what gives the line back
    assert lab.active == 1
    onward.notify(BYE)
    await house.idle()
