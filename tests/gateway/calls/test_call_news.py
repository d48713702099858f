"""What is told of every call, admitted or refused, to whoever keeps account of it."""

from __future__ import annotations

import asyncio

import pytest

from gateway import trunk
from gateway.calls import news
from gateway.calls.call_news import CallNews, Closed, Opened
from gateway.calls.record import CallRecord
from gateway.errors import ForbiddenError, LimitError
from tests.gateway.calls.fakes import Client
from tests.gateway.calls.seams import REQUEST, Gateway

BUSY = trunk.Ended(trunk.Origin.REMOTE, 486, "Busy", "busy", 17, "Busy.")


async def test_a_call_is_opened_and_closed_once_and_all_else_is_in_between() -> None:
    gateway, client = Gateway(), Client()
    told: list[CallNews] = []
    gateway.calls.listeners.add(told.append)
    await gateway.calls.place(REQUEST, client)
    (record,) = gateway.calls.records()
    await asyncio.wait_for(gateway.endpoint.dialed.wait(), 2)
    gateway.endpoint.trunks[0].notify(trunk.Ringing(180, "Ringing"))
    await client.hear(news.Ringing)
    assert record.ringing is not None
    gateway.endpoint.trunks[0].notify(BUSY)
    await client.hear(news.Ended)
    await gateway.calls.close()
    assert {id(each.record) for each in told} == {id(record)}
    events = [type(each.event) for each in told]
    assert events[0] is Opened
    assert events[-2:] == [news.Ended, Closed]
    assert events.count(Opened) == events.count(Closed) == 1
    assert news.Ringing in events
    assert record.end is not None
    assert record.end.cause == "busy"
    assert record.ended is not None
    assert record.started <= record.ringing <= record.ended


async def test_a_refused_call_is_closed_and_nothing_else() -> None:
    gateway = Gateway()
    told: list[CallNews] = []
    gateway.calls.listeners.add(told.append)
    gateway.calls.refused(REQUEST, ForbiddenError("no", rule="deny"))
    (only,) = told
    assert only.event == Closed()
    assert only.record.end is not None
    assert (only.record.rule, only.record.end.cause, only.record.trunk) == (
        "deny",
        "not-allowed",
        "",
    )
    assert not gateway.calls.records()


async def test_a_listener_that_fails_costs_nobody_anything(
    caplog: pytest.LogCaptureFixture,
) -> None:
    gateway = Gateway()
    told: list[CallNews] = []

    def fail(event: CallNews) -> None:
        raise LimitError("a fault")

    gateway.calls.listeners.add(fail)
    gateway.calls.listeners.add(told.append)
    gateway.calls.refused(REQUEST, ForbiddenError("no"))
    assert len(told) == 1
    assert "a listener has failed" in caplog.text


def test_a_call_that_rings_twice_has_rung_since_the_first_time() -> None:
    record = CallRecord("1", REQUEST, "lab", 100.0)
    record.learn(news.Ringing(early_media=False), 101.0)
    record.learn(news.Ringing(early_media=True), 102.0)
    assert record.ringing == 101.0
