"""What is known of all calls together: who has which, how they ended, how they were rated."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace

import pytest

from gateway import trunk
from gateway.admission.grant import Visitor
from gateway.calls import news
from gateway.calls.call_news import CallNews, Closed, Rated
from gateway.calls.opinion import Feedback
from gateway.calls.record import Holder
from gateway.calls.registry import MOST_OPINIONS
from gateway.errors import RequestError
from tests.gateway.calls.fakes import Client
from tests.gateway.calls.seams import PCMU_ANSWERED, REQUEST, Gateway
from tests.gateway.calls.stories import BYE
from tests.gateway.log_fields import fields


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
