"""Records from the news of calls to a real database, also of those that a kill cuts off."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from gateway.admission.mask import mask
from gateway.calls import news
from gateway.calls.call_news import CallNews, Closed, Opened
from gateway.calls.record import CallRecord
from gateway.calls.request import CallRequest
from gateway.errors import ForbiddenError
from gateway.records import refusals
from gateway.records.journal import Alive
from gateway.records.recorder import Account, Recorder
from gateway.records.search import Search
from tests.gateway.records.recorders import (
    END,
    LIMIT,
    answer,
    begin,
    end,
    ids,
    kill,
    limit_spool,
    rate,
    run_calls,
    run_recorder,
    said,
    spooled,
    start,
)
from tests.gateway.records.rows import STARTED, record
from tests.waiting import until

if TYPE_CHECKING:
    from pathlib import Path


async def test_a_call_is_one_row(url: str, tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    async with run_recorder(url, spool) as recorder:
        call = begin(recorder, 1)
        answer(recorder, call)
        await until(lambda: spool.stat().st_size)
        assert await ids(recorder) == [], "it runs: /v1/calls has it"
        end(recorder, call)
        assert await recorder.flush(LIMIT)
        found = await recorder.find(call.id)
        assert found is not None
        assert (found.cause, found.codec_trunk, found.duration_ms) == ("hangup", "PCMU", 2000)
        assert await ids(recorder) == [1]
        assert (recorder.counts.written, recorder.queued, recorder.faults) == (1, 0, [])
        await until(lambda: not spool.stat().st_size)


async def test_what_is_said_of_a_call_is_in_its_row(url: str, tmp_path: Path) -> None:
    async with run_recorder(url, tmp_path / "spool") as recorder:
        during, after, long_after, crossing = (begin(recorder, number) for number in range(4))
        rate(recorder, during, 2)
        for call in (during, after, long_after):
            end(recorder, call)
        crossing.learn(news.Ended(END, 2000, "lab"), STARTED)
        rate(recorder, crossing, 1)
        recorder.hear(CallNews(crossing, Closed()))
        rate(recorder, after, 5, "x" * 1000 + "\0")
        found = await recorder.find(after.id)
        assert found is not None
        assert found.feedback_score == 5, "at once"
        assert await recorder.flush(LIMIT)
        recorder._recent.clear()  # a thousand calls later
        rate(recorder, long_after, 4, "an echo")
        rate(recorder, after, 3, "a\0b\ud800")
        assert await recorder.flush(LIMIT)
        assert await said(recorder) == [
            (2, None),
            (3, "a\N{REPLACEMENT CHARACTER}b?"),
            (4, "an echo"),
            (1, None),
        ]
        assert recorder.counts.written == 4


async def test_what_was_said_before_a_kill_is_kept(tmp_path: Path) -> None:
    url, spool = f"sqlite:///{tmp_path}/gateway.db", tmp_path / "spool"
    before = await start(url, spool)
    rate(before, begin(before, 1), 1, "I hear nothing")
    await spooled(before)
    await kill(before)
    async with run_recorder(url, spool) as recorder:
        assert await recorder.flush(LIMIT)
        assert await said(recorder) == [(1, "I hear nothing")]


async def test_the_record_of_a_call_that_has_just_ended_can_be_read_at_once(
    tmp_path: Path,
) -> None:
    async with run_recorder(f"sqlite:///{tmp_path}/no/folder.db", tmp_path / "spool") as recorder:
        run_calls(recorder, range(1, 2))
        found = await recorder.find(record(1).id)
        assert found is not None
        assert found.cause == "hangup"


async def test_what_a_kill_has_left_is_closed_at_the_next_start(url: str, tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    before = await start(url, spool)
    ringing, talking = begin(before, 1), begin(before, 2)
    answer(before, talking)
    run_calls(before, range(3, 4))
    assert await before.flush(LIMIT)
    await kill(before)
    async with run_recorder(url, spool) as recorder:
        run_calls(recorder, range(4, 5))
        assert await recorder.flush(LIMIT)
        assert await ids(recorder) == [1, 2, 3, 4]
        page = await recorder.search(Search(cause="interrupted"))
        assert [row.id for row in page.rows] == [talking.id, ringing.id]
        assert {row.ended_by for row in page.rows} == {"gateway"}
        assert [row.duration_ms > 0 for row in page.rows] == [True, False]
    async with run_recorder(url, spool) as recorder:
        assert await ids(recorder) == [1, 2, 3, 4], "each of them once"


async def test_a_flood_of_refused_calls_is_no_flood_of_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(refusals, "AT_ONCE_OF_ONE", 5)
    async with run_recorder(f"sqlite:///{tmp_path}/gateway.db", tmp_path / "spool") as recorder:
        for number in range(20):
            call = record(number)
            call.refuse(ForbiddenError("it may not be called", rule="deny"), STARTED)
            recorder.hear(CallNews(call, Closed()))
        run_calls(recorder, range(20, 21))
        assert await recorder.flush(LIMIT)
        assert await ids(recorder) == [*range(5), 20]
    assert (recorder.counts.skipped, caplog.text.count("refused calls are too many")) == (15, 1)


def arrive(number: int, trunk: str = "lab") -> CallRecord:
    """Return the record of a trunk's call that no page has."""
    request = CallRequest(to="+15551234567", offer="", caller="+15550001", identity="sales")
    return CallRecord(
        f"{number:016x}", request, trunk, STARTED + number, "ringing", direction="incoming"
    )


def refuse(recorder: Recorder, call: CallRecord, rule: str | None = "stopped") -> None:
    """Refuse a trunk's call as it comes, as `Reception` does; without a rule it is for nobody."""
    call.rule = rule
    recorder.hear(CallNews(call, Opened()))
    call.learn(news.Ended(END, 0, call.trunk), call.started)
    recorder.hear(CallNews(call, Closed()))


@pytest.mark.parametrize("rule", ["stopped", None])
async def test_a_flood_of_refused_calls_of_a_trunk_leaves_none_open(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    rule: str | None,
) -> None:
    monkeypatch.setattr(refusals, "AT_ONCE_OF_ONE", 5)
    url, spool = f"sqlite:///{tmp_path}/gateway.db", tmp_path / "spool"
    async with run_recorder(url, spool) as recorder:
        for number in range(20):
            refuse(recorder, arrive(number), rule)
        refuse(recorder, arrive(20, "another trunk"), rule)
        assert await recorder.flush(LIMIT)
        await until(lambda: not spool.stat().st_size)
        assert recorder.counts.skipped == 15
    assert (
        caplog.text.count("refused calls are too many for a record each: address=- trunk=lab") == 1
    )
    async with run_recorder(url, spool) as recorder:
        assert await recorder.flush(LIMIT)
        assert await ids(recorder) == [*range(5), 20]
        assert (await recorder.search(Search(cause="interrupted"))).rows == []


async def test_calls_that_rang_and_whose_fallback_floods_are_not_left_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As above, but the spool says that they run by the time that something refuses them."""
    monkeypatch.setattr(refusals, "AT_ONCE_OF_ONE", 0)
    url, spool = f"sqlite:///{tmp_path}/gateway.db", tmp_path / "spool"

    def ring(recorder: Recorder, number: int) -> CallRecord:
        call = arrive(number)
        call.ringing = call.started
        recorder.hear(CallNews(call, Opened()))
        return call

    def refuse_fallback(recorder: Recorder, call: CallRecord) -> None:
        call.rule = "loop"
        recorder.hear(CallNews(call, Closed()))

    async with run_recorder(url, spool) as recorder:
        call = ring(recorder, 1)
        await until(lambda: recorder._pipeline._spool.has_open)
        refuse_fallback(recorder, call)
        await until(lambda: not spool.stat().st_size)
        limit_spool(recorder, 0)  # a full disk
        for number in range(2, 9):
            refuse_fallback(recorder, ring(recorder, number))
        await spooled(recorder)
        assert recorder.counts.skipped == 8
    assert spool.read_bytes() == b""


async def test_what_a_call_costs_is_by_the_rate_that_it_began_with(tmp_path: Path) -> None:
    cents = 1

    def price(number: str) -> Callable[[int], float]:
        rate = cents
        return lambda milliseconds: rate * milliseconds / 100_000

    account = Account("one", price=price)
    url = f"sqlite:///{tmp_path}/gateway.db"
    async with run_recorder(url, tmp_path / "spool", account) as recorder:
        call = begin(recorder, 1)
        answer(recorder, call)
        cents = 50  # a reload
        end(recorder, call)
        unanswered = begin(recorder, 2)
        recorder.hear(CallNews(unanswered, Closed()))
        found = [await recorder.find(each.id) for each in (call, unanswered)]
        assert [each and each.cost for each in found] == [0.02, None]


@pytest.mark.parametrize(("shown", "cost"), [(str, 180.0), (mask, None)])
async def test_what_a_kill_has_cut_off_costs_what_it_has_lasted(
    url: str, tmp_path: Path, shown: Callable[[str], str], cost: float | None
) -> None:
    """A number that is masked does not say it, and nothing is better than the first second."""

    def price(number: str) -> Callable[[int], float]:
        assert number == "+15551234567"
        return lambda milliseconds: milliseconds / 1000

    account, spool = Account("one", shown, price), tmp_path / "spool"
    before = await start(url, spool, account)
    call = begin(before, 1)
    answer(before, call)
    before._pipeline.put(Alive(call.started + 1 + 180))
    await spooled(before)
    await kill(before)
    async with run_recorder(url, spool, account) as recorder:
        assert await recorder.flush(LIMIT)
        found = await recorder.find(call.id)
        assert found is not None
        assert (found.duration_ms, found.cost) == (180_000, cost)
