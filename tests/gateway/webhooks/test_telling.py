"""Which events a call makes, and which a limit."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.admission.grant import Visitor
from gateway.calls import news
from gateway.calls.call_news import CallNews, Closed, Opened, Rated
from gateway.calls.end import By, CallEnd
from gateway.calls.opinion import Feedback
from gateway.calls.record import CallRecord
from gateway.calls.request import CallRequest
from gateway.webhooks.event import Event
from gateway.webhooks.telling import LIMIT_EVERY, Teller

NOW = 1_800_000_000.25
ENDED = news.Ended(CallEnd(By.REMOTE, "hangup", 200, "OK", "The other side hung up."), 1500)
ALL = ("ringing", "answered", "ended", "limit")


class Listener:
    """A teller, and what it has told."""

    def __init__(self, *wanted: str) -> None:
        self.events: list[Event] = []
        self.now = NOW
        self.teller = Teller(
            wanted, lambda record: {"id": record.id}, self.events.append, self.wall
        )
        self.record = CallRecord("c1", CallRequest(to="+1", offer="", caller=None), "lab", NOW)

    def wall(self) -> float:
        return self.now

    def hear(self, *events: Opened | news.News | Closed | Rated) -> None:
        for each in events:
            if not isinstance(each, Opened | Closed | Rated):
                self.record.learn(each, NOW)
            self.teller.hear(CallNews(self.record, each))

    @property
    def kinds(self) -> list[str]:
        return [each.kind for each in self.events]

    @property
    def payloads(self) -> list[Any]:
        return [json.loads(each.body) for each in self.events]


def test_a_call_from_its_ringing_to_its_end() -> None:
    it = Listener(*ALL)
    it.hear(
        Opened(),
        news.Trying(),
        news.Ringing(early_media=False),
        news.Ringing(early_media=True),
        news.Answered("opus", "PCMU"),
        news.DigitHeard("1", 100),
        ENDED,
        Closed(),
    )
    assert it.kinds == ["ringing", "answered", "ended"]
    assert {each.key for each in it.events} == {"c1"}
    assert len({each.id for each in it.events}) == 3
    ringing, _, ended = it.payloads
    assert ringing == {
        "type": "ringing",
        "timestamp": "2027-01-15T08:00:00.250Z",
        "data": {"id": "c1"},
    }
    assert ended["data"]["end"] == {
        "by": "remote",
        "cause": "hangup",
        "sipCode": 200,
        "reason": "OK",
        "message": "The other side hung up.",
        "durationMs": 1500,
    }


def test_a_call_has_one_end_whoever_tells_it() -> None:
    """The gateway is killed as a call ends, and its next start does not know that it was told."""
    before, after = Listener(*ALL), Listener(*ALL)
    before.hear(Opened(), ENDED, Closed())
    end = CallEnd(By.GATEWAY, "interrupted", 500, "gateway stopped", "It was killed.")
    for _ in range(2):
        after.teller.tell_end("c1", {"id": "c1"}, end, 700)
    assert {(each.id, each.key) for each in before.events + after.events} == {
        ("msg_c1_ended", "c1")
    }
    assert after.payloads[0]["data"] == {
        "id": "c1",
        "end": {
            "by": "gateway",
            "cause": "interrupted",
            "sipCode": 500,
            "reason": "gateway stopped",
            "message": "It was killed.",
            "durationMs": 700,
        },
    }
    silent = Listener("ringing")
    silent.teller.tell_end("c1", {}, end, 700)
    assert silent.events == []


def test_feedback_comes_with_its_call_where_it_is_asked_for() -> None:
    it = Listener("feedback")
    it.hear(Opened(), news.Answered("opus", "PCMU"), ENDED, Closed())
    it.record.feedback = Feedback(2, "an echo")
    it.hear(Rated())
    assert it.kinds == ["feedback"]
    (payload,) = it.payloads
    assert payload["data"]["feedback"] == {"score": 2, "issue": "an echo"}
    assert payload["data"]["end"]["cause"] == "hangup"
    assert it.events[0].key == "c1"


def test_only_what_is_wanted() -> None:
    it = Listener("ended")
    it.hear(Opened(), news.Ringing(early_media=False), news.Answered("opus", "PCMU"))
    it.teller.limit("calls-at-once", None)
    it.hear(Rated())
    assert it.events == []
    it.hear(ENDED, Closed())
    assert it.kinds == ["ended"]


def test_a_call_that_was_refused_never_was_one() -> None:
    it = Listener(*ALL)
    it.hear(Closed())
    it.record.rule = "stopped"  # a trunk's, whose invitation wants an answer
    it.hear(Opened(), ENDED, Closed())
    assert it.events == []


def test_limits_are_told_once_a_minute_with_their_count() -> None:
    it = Listener("limit")
    visitor = Visitor("192.0.2.7", "https://shop.example", "s1")
    for _ in range(5):
        it.teller.limit("calls-at-once", visitor)
    it.teller.limit("spend-per-day", None)
    it.now += LIMIT_EVERY
    it.teller.limit("calls-at-once", None)
    assert [each["data"] for each in it.payloads] == [
        {
            "limit": "calls-at-once",
            "count": 1,
            "address": "192.0.2.7",
            "origin": "https://shop.example",
            "session": "s1",
        },
        {"limit": "spend-per-day", "count": 1},
        {"limit": "calls-at-once", "count": 5},
    ]
    assert len({each.key for each in it.events}) == 3  # none waits for another


@pytest.mark.parametrize("back", [1.0, 86_400.0])
def test_a_clock_that_was_put_back_silences_no_limit(back: float) -> None:
    it = Listener("limit")
    it.teller.limit("calls-at-once", None)
    it.now -= back
    it.teller.limit("calls-at-once", None)
    assert len(it.events) == 2
