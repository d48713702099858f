"""The operator's view of call records, and what becomes of a call that is refused."""

from __future__ import annotations

from time import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from gateway.admission.grant import Visitor
from gateway.admission.keys import new_key, read_keys
from gateway.admission.policy import Policy
from gateway.calls import news
from gateway.calls.call_news import CallNews, Closed, Rated
from gateway.calls.opinion import Feedback, PageSample
from gateway.calls.record import CallRecord, Holder
from gateway.calls.request import CallRequest
from gateway.errors import CapacityError, ForbiddenError, TargetError, UnavailableError
from gateway.records.database import Database
from gateway.records.pipeline import Pipeline
from gateway.records.recorder import Account, RecordCounts, Recorder
from gateway.records.row import Row, row_of
from gateway.records.search import Page, Search
from gateway.records.spool import Spool
from gateway.signaling.api_messages import CallView
from gateway.signaling.record_messages import call_view
from tests.gateway.records.rows import STARTED, row
from tests.gateway.records.test_row import END, quality

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.gateway.signaling.conftest import Gateway, StartGateway


class Operator:
    """A gateway with records in a file, and an operator's program that has a key."""

    def __init__(self, gateway: Gateway, recorder: Recorder, http: httpx.AsyncClient) -> None:
        self.gateway = gateway
        self.recorder = recorder
        self.http = http

    async def ask(self, path: str, **query: Any) -> tuple[int, Any]:
        response = await self.http.get(path, params=query)
        return response.status_code, response.json()

    async def ended(self, number: int, to: str = "+15551234567") -> CallRecord:
        """Have a call end, and its record in the database."""
        request = CallRequest(to=to, offer="", caller="+15550001", identity="sales", page_call="p")
        record = CallRecord(f"{number:016x}", request, "lab", STARTED + number)
        record.learn(news.Answered("opus", "PCMU"), STARTED + number + 1)
        record.learn(news.Ended(END, 2000, "lab"), STARTED + number + 3)
        self.recorder.hear(CallNews(record, Closed()))
        assert await self.recorder.flush(10)
        return record


@pytest.fixture
async def operator(start_gateway: StartGateway, tmp_path: Path) -> AsyncIterator[Operator]:
    key, line = new_key()
    (tmp_path / "keys").write_text(line)
    spool = Spool(tmp_path / "spool", 1_000_000)
    database = Database(f"sqlite:///{tmp_path}/gateway.db")
    recorder = Recorder(database, Pipeline(database, spool), Account("one"))
    await recorder.start()
    gateway = await start_gateway(keys=read_keys(tmp_path / "keys"), records=recorder)
    async with httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{gateway.port}",
        headers={"Authorization": f"Bearer {key}"},
        trust_env=False,
    ) as http:
        yield Operator(gateway, recorder, http)
    await recorder.close()


async def test_a_report_of_a_call_that_runs_and_of_the_same_call_afterwards(
    operator: Operator,
) -> None:
    request = CallRequest(to="+15551234567", offer="", caller="+15550001", page_call="p1")
    record = CallRecord("c1", request, "lab", STARTED)
    operator.gateway.calls.running["c1"] = record
    record.learn(news.Answered("opus", "PCMU"), STARTED + 1)
    record.learn(news.Quality(quality(4.0, 0.0), quality(3.0, 0.1)), STARTED + 3)
    record.page.add(PageSample(0.25, 0.125, 7.0))
    record.holder = Holder(Visitor("192.0.2.8", None, "s2"), "support")
    status, view = await operator.ask("/v1/calls/c1/report")
    assert (status, view["state"], view["end"], view["endedAt"]) == (200, "answered", None, None)
    assert view["startedAt"] == "2025-11-29T14:46:25.123Z"
    assert view["legs"]["browser"]["mos"] == 4.0
    assert view["heard"] == {"loss": 0.25, "concealed": 0.125, "jitterMs": 7.0, "rttMs": None}
    assert view["feedback"] is None
    assert view["holder"] == {"identity": "support", "address": "192.0.2.8", "session": "s2"}
    assert view["legs"]["trunk"] == {
        "mos": 3.0,
        "loss": 0.1,
        "jitterMs": 1.0,
        "rttMs": 20.0,
        "packetsReceived": None,
        "octetsReceived": None,
        "packetsSent": None,
        "octetsSent": None,
    }
    del operator.gateway.calls.running["c1"]
    record.learn(news.Ended(END, 2000, "lab"), STARTED + 4)
    operator.recorder.hear(CallNews(record, Closed()))
    status, at_once = await operator.ask("/v1/calls/c1/report")
    assert (status, at_once["state"]) == (200, "ended")
    assert at_once["end"] == {"by": "remote", "cause": "hangup", "code": 200, "reason": "OK"}
    assert await operator.recorder.flush(10)
    operator.recorder._recent.clear()
    assert await operator.ask("/v1/calls/c1/report") == (200, at_once)
    record.feedback = Feedback(2, "an echo")
    operator.recorder.hear(CallNews(record, Rated()))
    assert await operator.recorder.flush(10)
    rated = {**at_once, "feedback": {"score": 2, "issue": "an echo"}}
    assert await operator.ask("/v1/calls/c1/report") == (200, rated)
    assert await operator.ask("/v1/records") == (200, {"records": [rated], "next": None})


def test_a_row_is_shown_as_its_call_was() -> None:
    """Who hears of the end from the row, after a kill, finds what the events before have told."""
    visitor = Visitor("192.0.2.1", "https://shop.example", "s1")
    request = CallRequest(
        "+15551234567", "", "+15550001", identity="sales", visitor=visitor, page_call="p1"
    )
    whole = CallRecord("c1", request, "lab", STARTED + 0.0006, sip_call_id="a@b")
    whole.learn(news.Answered("opus", "PCMU"), STARTED + 1.0004)
    whole.learn(news.Quality(quality(4.0, 0.0), quality(3.0, 0.1)), STARTED + 3)
    whole.learn(news.Redirected("+15550002", "opus", "PCMA", "pstn", 900), STARTED + 4)
    whole.holder = Holder(Visitor("192.0.2.8", None, "s2"), "support")
    bare = CallRecord(
        "c2", CallRequest("+1", "", None), "lab", STARTED, "ringing", direction="incoming"
    )
    forwarded = CallRecord("c3", bare.request, "lab", STARTED, direction="incoming")
    forwarded.fallback, forwarded.fallback_trunk = "+15550003", "pstn"
    forwarded.learn(news.Answered("", "PCMU", "PCMA"), STARTED + 1)
    for record in (whole, bare, forwarded):
        assert call_view(row_of(record, "one", str, None)) == CallView.of(record)


async def test_there_is_no_report_of_a_call_that_was_never_made(operator: Operator) -> None:
    status, problem = await operator.ask("/v1/calls/abc/report")
    assert (status, problem["error"]) == (404, "not-found")


async def test_pages_lead_through_all_records(operator: Operator) -> None:
    for number in range(5):
        await operator.ended(number)
    seen: list[str] = []
    query: dict[str, Any] = {"limit": 2}
    while True:
        status, page = await operator.ask("/v1/records", **query)
        assert status == 200
        seen += [each["id"] for each in page["records"]]
        if page["next"] is None:
            break
        query["cursor"] = page["next"]
    assert seen == [row(number).id for number in (4, 3, 2, 1, 0)]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"to": "+44*"}, 1),
        ({"from": "+15550001"}, 2),
        ({"identity": "nobody"}, 0),
        ({"trunk": "lab", "cause": "hangup", "direction": "outgoing"}, 2),
        ({"since": "2025-11-29T14:46:26Z"}, 1),
        ({"until": "2025-11-29T15:46:26+01:00"}, 1),
    ],
)
async def test_a_search(operator: Operator, query: dict[str, str], found: int) -> None:
    await operator.ended(0)
    await operator.ended(1, to="+442071234567")
    status, page = await operator.ask("/v1/records", **query)
    assert (status, len(page["records"])) == (200, found)


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"limit": "0"}, 422),
        ({"limit": "501"}, 422),
        ({"direction": "up"}, 422),
        ({"since": "yesterday"}, 422),
        ({"since": "2026-01-01T00:00:00"}, 422),  # of which time zone?
        ({"since": "0001-01-01T00:00:00+14:00"}, 422),  # the year 0 of UTC
        ({"until": "9999-12-31T23:59:59-14:00"}, 422),
        ({"to": "a\0b"}, 422),
        ({"who": "me"}, 422),
        ({"cursor": "nonsense"}, 400),
    ],
)
async def test_what_cannot_be_looked_for_is_said(
    operator: Operator, query: dict[str, str], status: int
) -> None:
    assert (await operator.ask("/v1/records", **query))[0] == status


class Away(Recorder):
    """Records whose database is away."""

    def __init__(self) -> None:
        pass

    @property
    def queued(self) -> int:
        return 7

    @property
    def faults(self) -> list[str]:
        return ["7 records wait: the database of records x: it does not answer in time"]

    @property
    def counts(self) -> RecordCounts:
        return RecordCounts(written=3, lost=1, skipped=2)

    async def find(self, call_id: str) -> Row | None:
        raise UnavailableError("the database of records x: it does not answer in time")

    async def search(self, wanted: Search) -> Page:
        raise UnavailableError("the database of records x: it does not answer in time")


async def test_while_the_database_is_away_calls_go_on_and_everybody_is_told(
    start_gateway: StartGateway, tmp_path: Path
) -> None:
    key, line = new_key()
    (tmp_path / "keys").write_text(line)
    away = Away()
    gateway = await start_gateway(keys=read_keys(tmp_path / "keys"), records=away)
    headers = {"Authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{gateway.port}", headers=headers, trust_env=False
    ) as http:
        ready = await http.get("/readyz")
        assert (ready.status_code, ready.json()["ready"]) == (200, True)
        assert ready.json()["degraded"] == away.faults
        for path in ("/v1/records", "/v1/calls/abc/report"):
            response = await http.get(path)
            assert response.status_code == 503
            assert "does not answer in time" in response.json()["message"]
        metrics = (await http.get("/metrics")).text
    samples = ("written_total 3.0", "queued 7.0", "lost_total 1.0", "skipped_total 2.0", "up 0.0")
    for sample in samples:
        assert f"gateway_records_{sample}\n" in metrics


async def test_without_a_database_there_are_no_records(
    start_gateway: StartGateway, tmp_path: Path
) -> None:
    key, line = new_key()
    (tmp_path / "keys").write_text(line)
    gateway = await start_gateway(keys=read_keys(tmp_path / "keys"))
    async with httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{gateway.port}",
        headers={"Authorization": f"Bearer {key}"},
        trust_env=False,
    ) as http:
        response = await http.get("/v1/records")
        assert response.status_code == 404
        assert "records.database" in response.json()["message"]
        assert "gateway_records" not in (await http.get("/metrics")).text


async def test_each_refused_call_is_told_once(gateway: Gateway) -> None:
    calls = gateway.calls
    async with gateway.client() as client:
        await client.place("c1", to="not a number!")
        await client.receive()
        calls.failure = CapacityError("all lines are in use")
        await client.place("c2")
        await client.receive()
    refusals = [(request.page_call, type(error)) for request, error in calls.refusals]
    assert refusals == [("c1", TargetError), ("c2", CapacityError)]


async def test_a_call_that_the_dial_plan_refuses_is_told_with_its_rule(
    start_gateway: StartGateway,
) -> None:
    gateway = await start_gateway(policy=Policy(allow=("+44",)))
    async with gateway.client() as client:
        await client.place("c1", to="+15551234567")
        await client.receive()
    ((request, error),) = gateway.calls.refusals
    assert isinstance(error, ForbiddenError)
    record = CallRecord("1", request, "", time())
    record.refuse(error, time())
    assert (record.request.to, record.rule) == ("+15551234567", "policy")
