"""All calls together: limits, routes, draining, and a stop that leaves nothing behind."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

import sdp
from gateway import trunk
from gateway.calls import news
from gateway.calls.new_way import beside
from gateway.calls.request import CallRequest
from gateway.calls.symmetric_rtp import SymmetricRtp
from gateway.calls.trunks import Route, Trunks
from gateway.errors import (
    CapacityError,
    DrainingError,
    ForbiddenError,
    OfferError,
    OverloadError,
)
from sdp.model import Connection
from tests.gateway.calls.descriptions import ANSWER
from tests.gateway.calls.fakes import Client, FakeSecond
from tests.gateway.calls.seams import PCMU_ANSWERED, REQUEST, FakeEndpoint, Gateway


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
