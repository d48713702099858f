"""All calls together: limits, totals, draining, and a stop that leaves nothing behind."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from typing import cast

import pytest

import sdp
from gateway import trunk
from gateway.admission.grant import Visitor
from gateway.calls import news
from gateway.calls.call_news import CallNews, Closed, Rated
from gateway.calls.new_way import beside
from gateway.calls.opinion import Feedback
from gateway.calls.record import Holder
from gateway.calls.registry import MOST_OPINIONS, Calls
from gateway.calls.request import CallRequest
from gateway.calls.symmetric_rtp import SymmetricRtp
from gateway.calls.trunks import Route, Trunks
from gateway.errors import (
    CapacityError,
    DrainingError,
    ForbiddenError,
    OfferError,
    OverloadError,
    RequestError,
    UnavailableError,
)
from sdp.model import Connection
from tests.gateway.calls.descriptions import ANSWER, fixture
from tests.gateway.calls.fakes import (
    LOCAL,
    Client,
    FakeEcho,
    FakeJoined,
    FakeSecond,
    FakeSession,
    FakeTrunk,
)
from tests.gateway.calls.stories import BYE
from tests.gateway.log_fields import fields

PCMU_ANSWERED = trunk.Answered(ANSWER.replace("PCMA", "PCMU").replace(" 8 ", " 0 "))
REQUEST = CallRequest(to="600", offer=fixture("chrome-156-audio.sdp"), caller="+15550001")


TARGET = trunk.Target("127.0.0.1", 5060, "udp")


class FakePlane:
    """Opens fake sessions."""

    overloaded = False
    load = 0.0
    pairs = 1000
    calls_by_load: int | None = None

    def __init__(self) -> None:
        self.sessions: list[FakeSession] = []
        self.joined: list[FakeJoined] = []
        self.echoes: list[FakeEcho] = []
        self.own: dict[str, str] = {}  # our address, by that of a trunk; empty: none leads there

    async def start(self) -> None: ...

    def own_host(self, trunk: str) -> str:
        own = self.own.get(trunk, LOCAL.trunk_host)
        if not own:
            raise UnavailableError(f"no address of ours leads to {trunk}")
        return own

    async def open(self) -> FakeSession:
        await asyncio.sleep(0)  # binding takes a turn of the loop
        self.sessions.append(FakeSession())
        return self.sessions[-1]

    async def open_joined(self) -> FakeJoined:
        await asyncio.sleep(0)
        self.joined.append(FakeJoined())
        return self.joined[-1]

    async def open_echo(self) -> FakeEcho:
        await asyncio.sleep(0)
        self.echoes.append(FakeEcho())
        return self.echoes[-1]

    def stats(self) -> dict[str, int]:
        return {"sessions": len(self.sessions)}

    async def close(self) -> None: ...


class FakeEndpoint:
    """Dials fake trunks."""

    capacity = 3

    def __init__(self) -> None:
        self.trunks: list[FakeTrunk] = []
        self.requests: list[trunk.DialRequest] = []
        self.dialed = asyncio.Event()

        self.targets_of: dict[str, tuple[trunk.Target, ...]] = {}

    async def targets(self, configured: trunk.Trunk) -> tuple[trunk.Target, ...]:
        return self.targets_of.get(configured.name, (TARGET,))

    async def locate(self, name: str, like: str) -> str:
        raise trunk.TrunkError(f"{name!r} has no address")

    async def dial(
        self, request: trunk.DialRequest, notify: Callable[[trunk.TrunkEvent], None]
    ) -> trunk.TrunkLeg:
        self.requests.append(request)
        self.trunks.append(FakeTrunk())
        self.dialed.set()
        return await self.trunks[-1].dial(request.offer, notify)


class Gateway:
    """A registry between its seams."""

    def __init__(
        self,
        max_calls: int = 100,
        passthrough: tuple[str, ...] = (),
        symmetric_rtp: SymmetricRtp = SymmetricRtp.AUTO,
    ) -> None:
        self.plane = FakePlane()
        self.endpoint = FakeEndpoint()
        lab = trunk.Trunk("lab", "sip:127.0.0.1:5060")
        route = Route(lab, ("PCMU",), max_calls, passthrough, 16_000, symmetric_rtp)
        self.calls = Calls(
            cast(trunk.TrunkEndpoint, self.endpoint),
            self.plane,
            Trunks([route], lambda to: ["lab"]),
            max_duration=60,
        )


async def test_what_was_asked_for_reaches_the_trunk() -> None:
    gateway = Gateway()
    await gateway.calls.place(REQUEST, Client())
    await asyncio.wait_for(gateway.endpoint.dialed.wait(), 2)
    (request,) = gateway.endpoint.requests
    assert (request.to, request.from_user) == ("600", "+15550001")
    assert "RTP/AVP" in request.offer
    await gateway.calls.close()


@pytest.mark.parametrize(
    ("passthrough", "codec", "line"),
    [((), "OPUS", "maxaveragebitrate=16000"), (("PCMU",), "PCMU", "a=rtpmap:0 PCMU/8000")],
)
async def test_the_route_says_what_the_browser_sends(
    passthrough: tuple[str, ...], codec: str, line: str
) -> None:
    gateway = Gateway(passthrough=passthrough)
    client = Client()
    await gateway.calls.place(REQUEST, client)
    answer = await client.hear(news.AnswerReady)
    assert isinstance(answer, news.AnswerReady)
    assert line in answer.sdp
    await asyncio.wait_for(gateway.endpoint.dialed.wait(), 2)
    remote = gateway.plane.sessions[0].browser
    assert remote is not None
    assert remote.codec == codec
    await gateway.calls.close()


async def test_a_far_end_that_hands_over_has_its_line_before_it_has_a_port(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gateway = Gateway(2)
    await gateway.calls.place(REQUEST, Client())
    session = gateway.plane.sessions[0]
    add, may_add = session.add_trunk, asyncio.Event()

    async def add_slowly() -> FakeSecond:
        await may_add.wait()
        return await add()

    monkeypatch.setattr(session, "add_trunk", add_slowly)
    finding = asyncio.ensure_future(beside(gateway.calls, session)(REQUEST))
    await asyncio.sleep(0)
    with pytest.raises(CapacityError, match="all 2 lines"):
        await gateway.calls.place(REQUEST, Client())
    may_add.set()
    (await finding).attempts.release()
    assert gateway.calls.active == 1, "the call itself counts it now"
    await gateway.calls.close()


@pytest.mark.parametrize("max_calls", [2, 100])
async def test_a_call_past_the_limit_is_refused(max_calls: int) -> None:
    gateway = Gateway(max_calls)
    limit = min(max_calls, FakeEndpoint.capacity)
    assert gateway.calls.capacity == limit
    for _ in range(limit):
        await gateway.calls.place(REQUEST, Client())
    with pytest.raises(CapacityError, match=str(limit)):
        await gateway.calls.place(REQUEST, Client())
    await gateway.calls.close()


async def test_a_call_that_is_handed_over_takes_a_second_line() -> None:
    gateway = Gateway(100)  # of which the engine carries three
    client = Client()
    call = await gateway.calls.place(REQUEST, client)
    await asyncio.wait_for(gateway.endpoint.dialed.wait(), 2)
    gateway.endpoint.trunks[0].notify(PCMU_ANSWERED)
    await client.hear(news.Answered)
    gateway.endpoint.trunks[0].notify(trunk.Referred(1, trunk.ReferredTo("601", "lab", number=1)))
    await client.hear(news.Referred)
    await call.redirect(1, replace(REQUEST, to="601", offer="", max_ringing=60))
    await client.hear(news.Redirecting)
    await gateway.calls.place(REQUEST, Client())
    with pytest.raises(CapacityError, match="all 3 lines"):
        await gateway.calls.place(REQUEST, Client())
    await gateway.calls.close()


async def test_who_began_a_call_is_known_beside_who_has_it_now() -> None:
    gateway = Gateway()
    call = await gateway.calls.place(REQUEST, Client())
    holder = Holder(Visitor("192.0.2.77", None, "other"), "sales")
    gateway.calls.note_holder("nobody's", holder)
    gateway.calls.note_holder(call.id, holder)
    (record,) = gateway.calls.records()
    assert record.request.visitor == REQUEST.visitor
    assert record.holders == (Holder(REQUEST.visitor, None), holder)
    await gateway.calls.close()


async def test_capacity_is_the_least_of_all_parts() -> None:
    gateway = Gateway(100)
    assert gateway.calls.capacities == {"engine": 3, "trunk": 100, "ports": 1000}
    gateway.plane.pairs = 2
    assert gateway.calls.capacity == 2
    gateway.plane.calls_by_load = 1  # an estimate, which refuses nobody
    assert (gateway.calls.capacity, gateway.calls.capacities["load"]) == (1, 1)
    for _ in range(2):
        await gateway.calls.place(REQUEST, Client())
    with pytest.raises(CapacityError, match="all 2 lines"):
        await gateway.calls.place(REQUEST, Client())
    await gateway.calls.close()


@pytest.mark.parametrize(
    ("end", "answer"),
    [
        (trunk.Ended(trunk.Origin.REMOTE, 486, "Busy", "busy", 17, "Busy."), "486"),
        (trunk.Ended(trunk.Origin.NETWORK, 408, "Timeout", "unreachable", 0, "Nobody."), "none"),
    ],
)
async def test_final_answers_are_counted(end: trunk.Ended, answer: str) -> None:
    gateway, client = Gateway(), Client()
    await gateway.calls.place(REQUEST, client)
    await asyncio.wait_for(gateway.endpoint.dialed.wait(), 2)
    assert gateway.calls.totals.last_answered is None
    gateway.endpoint.trunks[0].notify(end)
    await client.hear(news.Ended)
    assert gateway.calls.trunks["lab"].answers == {answer: 1}


async def test_a_call_that_was_answered_counts_as_200() -> None:
    gateway, client = Gateway(), Client()
    await gateway.calls.place(REQUEST, client)
    await asyncio.wait_for(gateway.endpoint.dialed.wait(), 2)
    gateway.endpoint.trunks[0].notify(PCMU_ANSWERED)
    await client.hear(news.Answered)
    gateway.endpoint.trunks[0].notify(BYE)
    await client.hear(news.Ended)
    assert gateway.calls.trunks["lab"].answers == {"200": 1}
    assert gateway.calls.totals.last_answered is not None


async def test_a_call_is_rated_while_it_runs_and_afterwards_and_not_without_end() -> None:
    gateway, client = Gateway(), Client()
    heard: list[CallNews] = []
    gateway.calls.listeners.add(heard.append)
    call = await gateway.calls.place(REQUEST, client)
    await asyncio.wait_for(gateway.endpoint.dialed.wait(), 2)
    record = gateway.calls.record_of(call.id)
    assert record is not None
    gateway.endpoint.trunks[0].notify(PCMU_ANSWERED)
    await client.hear(news.Answered)
    gateway.calls.rate(record, Feedback(5))
    gateway.endpoint.trunks[0].notify(BYE)
    await client.hear(news.Ended)
    await asyncio.sleep(0)
    assert gateway.calls.record_of(call.id) is None
    assert record.request.offer == "", "a session may keep it for long"
    for _ in range(MOST_OPINIONS - 1):
        gateway.calls.rate(record, Feedback(1, "an echo"))
    with pytest.raises(RequestError, match="10 times at most"):
        gateway.calls.rate(record, Feedback(3))
    assert record.feedback == Feedback(1, "an echo")
    events = [each.event for each in heard if isinstance(each.event, Closed | Rated)]
    assert events == [Rated(), Closed(), *[Rated()] * (MOST_OPINIONS - 1)]


async def test_under_overload_no_call_is_taken_and_those_that_run_go_on() -> None:
    gateway = Gateway()
    client = Client()
    await gateway.calls.place(REQUEST, client)
    gateway.plane.overloaded = True
    assert gateway.calls.overloaded
    with pytest.raises(OverloadError, match="try again later") as refused:
        await gateway.calls.place(REQUEST, Client())
    assert (refused.value.name, refused.value.sip_code) == ("busy", 503)
    assert (gateway.calls.active, len(gateway.plane.sessions)) == (1, 1)
    gateway.plane.overloaded = False  # it recovers by itself
    await gateway.calls.place(REQUEST, Client())
    assert gateway.calls.active == 2
    await gateway.calls.close()


@pytest.mark.parametrize(
    ("rule", "peer", "anywhere"),
    [
        (SymmetricRtp.AUTO, "203.0.113.9", False),
        (SymmetricRtp.STRICT, None, False),
        (SymmetricRtp.ANY, None, True),
    ],
)
async def test_the_route_says_whose_audio_is_believed(
    rule: SymmetricRtp, peer: str | None, anywhere: bool
) -> None:
    gateway = Gateway(symmetric_rtp=rule)
    client = Client()
    await gateway.calls.place(REQUEST, client)
    await asyncio.wait_for(gateway.endpoint.dialed.wait(), 2)
    answer = (
        ANSWER.replace("PCMA", "PCMU").replace(" 8 ", " 0 ").replace("198.51.100.7", "10.0.0.7")
    )
    gateway.endpoint.trunks[0].notify(trunk.Answered(answer, "203.0.113.9"))
    await client.hear(news.Answered)
    (remote,) = gateway.plane.sessions[0].trunk
    assert (remote.host, remote.also_from, remote.from_anywhere) == ("10.0.0.7", peer, anywhere)
    await gateway.calls.close()


async def test_an_offer_that_cannot_be_used_leaves_nothing_behind() -> None:
    gateway = Gateway()
    with pytest.raises(OfferError):
        await gateway.calls.place(CallRequest(to="600", offer="nonsense"), Client())
    assert gateway.calls.active == 0
    assert not gateway.plane.sessions
    assert not gateway.endpoint.requests


async def test_calls_are_counted_by_how_they_ended() -> None:
    gateway = Gateway()
    client = Client()
    await gateway.calls.place(REQUEST, client)
    await asyncio.wait_for(gateway.endpoint.dialed.wait(), 2)
    (far_end,) = gateway.endpoint.trunks
    far_end.notify(PCMU_ANSWERED)
    far_end.notify(BYE)
    await client.hear(news.Ended)
    assert (gateway.calls.totals.placed, gateway.calls.totals.answered) == (1, 1)
    assert gateway.calls.totals.ended == {"hangup": 1}
    await asyncio.sleep(0)
    assert gateway.calls.active == 0


async def test_a_call_is_seen_while_it_runs_and_leaves_one_line(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "gateway.calls")
    gateway, client = Gateway(), Client()
    visitor = Visitor("192.0.2.7", "https://shop.example", "s1")
    request = replace(REQUEST, visitor=visitor, identity="portal", page_call="p1")
    call = await gateway.calls.place(request, client)
    await asyncio.wait_for(gateway.endpoint.dialed.wait(), 2)
    (record,) = gateway.calls.records()
    assert (record.id, record.state, record.trunk, record.answered) == (
        call.id,
        "trying",
        "lab",
        None,
    )
    gateway.endpoint.trunks[0].notify(PCMU_ANSWERED)
    await client.hear(news.Answered)
    (record,) = gateway.calls.records()
    assert record.state == "answered"
    assert record.answered is not None
    assert record.sip_call_id == "fake@trunk"
    gateway.endpoint.trunks[0].notify(BYE)
    await client.hear(news.Ended)
    await asyncio.sleep(0)
    assert gateway.calls.records() == ()
    (line,) = [each for each in caplog.records if each.name.startswith("gateway.calls")]
    assert fields(line) == {"session": "s1", "page_call": "p1", "call": call.id}
    for part in (
        "to=600 from=+15550001 trunk=lab identity=portal address=192.0.2.7",
        "cause=hangup(200) by=remote",
        "codec=opus/PCMU",
        "sip=fake@trunk",
    ):
        assert part in line.message


@pytest.mark.parametrize(
    ("request_", "cause"),
    [
        (replace(REQUEST, max_ringing=0.02), "no-answer"),
        (replace(REQUEST, max_duration=0.02), "max-duration"),
    ],
)
async def test_what_admission_leaves_of_a_limit_holds(request_: CallRequest, cause: str) -> None:
    gateway, client = Gateway(), Client()
    await gateway.calls.place(request_, client)
    await asyncio.wait_for(gateway.endpoint.dialed.wait(), 2)
    if request_.max_duration is not None:
        gateway.endpoint.trunks[0].notify(PCMU_ANSWERED)
    ended = await client.hear(news.Ended)
    assert isinstance(ended, news.Ended)
    assert ended.end.cause == cause


async def test_the_operator_ends_one_call_and_no_other() -> None:
    gateway = Gateway()
    clients = [Client(), Client()]
    calls = [await gateway.calls.place(REQUEST, client) for client in clients]
    assert gateway.calls.stop(["no such call"], "No.") == 0
    assert gateway.calls.stop([calls[0].id], "The operator ended the call.") == 1
    ended = await clients[0].hear(news.Ended)
    assert isinstance(ended, news.Ended)
    assert (ended.end.cause, ended.end.message) == ("stopped", "The operator ended the call.")
    await asyncio.sleep(0)
    assert [record.id for record in gateway.calls.records()] == [calls[1].id]
    await gateway.calls.close()


async def test_draining_takes_no_new_calls_and_keeps_the_old() -> None:
    gateway = Gateway()
    client = Client()
    await gateway.calls.place(REQUEST, client)
    await gateway.calls.drain()
    with pytest.raises(DrainingError):
        await gateway.calls.place(REQUEST, Client())
    assert gateway.calls.active == 1
    await gateway.calls.close()


async def test_it_is_empty_once_the_last_call_is_over() -> None:
    gateway = Gateway()
    async with asyncio.timeout(5):
        await gateway.calls.emptied()
        clients = [Client(), Client()]
        calls = [await gateway.calls.place(REQUEST, client) for client in clients]
        emptied = asyncio.create_task(gateway.calls.emptied())
        for call in calls:
            assert not emptied.done()
            await call.hangup()
            await clients.pop(0).hear(news.Ended)
        await emptied
    assert not gateway.calls.active


async def test_it_is_not_empty_while_a_call_is_being_opened() -> None:
    gateway = Gateway()
    placing = asyncio.create_task(gateway.calls.place(REQUEST, Client()))
    await asyncio.sleep(0)
    assert gateway.calls.active == 1
    emptied = asyncio.create_task(gateway.calls.emptied())
    await gateway.calls.drain()
    with pytest.raises(DrainingError):
        await placing
    async with asyncio.timeout(5):
        await emptied


async def test_a_call_that_was_being_opened_at_the_end_is_refused() -> None:
    gateway = Gateway()
    placing = asyncio.create_task(gateway.calls.place(REQUEST, Client()))
    await asyncio.sleep(0)
    await gateway.calls.close()
    with pytest.raises(DrainingError):
        await placing
    assert [session.closed for session in gateway.plane.sessions] == [1]
    assert not gateway.endpoint.requests


async def test_closing_ends_every_call_and_tells_each_client() -> None:
    gateway = Gateway()
    clients = [Client() for _ in range(3)]
    for client in clients:
        await gateway.calls.place(REQUEST, client)
    await gateway.calls.close()
    await gateway.calls.close()
    assert gateway.calls.active == 0
    for client in clients:
        ended = await client.hear(news.Ended)
        assert isinstance(ended, news.Ended)
        assert ended.end.cause == "shutdown"
    assert [session.closed for session in gateway.plane.sessions] == [1, 1, 1]


async def test_calls_that_come_at_once_keep_to_the_limit() -> None:
    gateway = Gateway(max_calls=2)
    placed = await asyncio.gather(
        *(gateway.calls.place(REQUEST, Client()) for _ in range(5)), return_exceptions=True
    )
    assert sum(isinstance(result, CapacityError) for result in placed) == 3
    assert gateway.calls.active == 2
    await gateway.calls.close()


async def test_a_trunk_knows_which_numbers_are_led_to_it() -> None:
    def order(to: str) -> tuple[str, ...]:
        return ("lab",) if to.startswith("+1") else ("other",)

    routes = [
        Route(trunk.Trunk(name, "sip:127.0.0.1:5060"), ("PCMU",), 1) for name in ("lab", "other")
    ]
    lab = Trunks(routes, order).states["lab"]
    assert lab.number("+15557777") == "+15557777"
    with pytest.raises(ForbiddenError, match="no route leads to it"):
        lab.number("+445557777")


async def test_each_target_is_told_the_address_that_leads_to_it() -> None:
    """The first cannot be reached from here, the second is silent, the third is told its own."""
    gateway = Gateway()
    hosts = ("192.0.2.1", "192.0.2.2", "192.0.2.3")
    gateway.endpoint.targets_of["lab"] = tuple(trunk.Target(each, 5060, "udp") for each in hosts)
    gateway.plane.own = {hosts[0]: "", hosts[1]: "198.51.100.1", hosts[2]: "203.0.113.1"}
    await gateway.calls.place(REQUEST, Client())
    silent = trunk.Ended(trunk.Origin.NETWORK, 408, "Timeout", "unreachable", 0, "Nobody.")
    for _ in range(2):
        await asyncio.wait_for(gateway.endpoint.dialed.wait(), 2)
        gateway.endpoint.dialed.clear()
        gateway.endpoint.trunks[-1].notify(silent)
    told = [sdp.parse(request.offer).connection for request in gateway.endpoint.requests]
    assert told == [Connection("IP4", "198.51.100.1"), Connection("IP4", "203.0.113.1")]
    await gateway.calls.close()
