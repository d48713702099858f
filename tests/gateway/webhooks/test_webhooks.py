"""Events on their way to a real server: signed, in order, again until it takes them."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import asynccontextmanager
from time import time
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import UnavailableError
from gateway.webhooks import schedule, webhooks
from gateway.webhooks.event import Event, make_event
from gateway.webhooks.post import Answer, Poster, Verdict, read_answer
from gateway.webhooks.queue import Queue
from gateway.webhooks.signature import Signer
from gateway.webhooks.webhooks import Webhooks
from tests.peers.ports import free_port
from tests.peers.receiver import Receiver, new_secret, run_receiver
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

SECRET = new_secret()


@pytest.fixture(autouse=True)
def _in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedule, "FIRST_WAIT", 0.02)
    monkeypatch.setattr(webhooks, "CLOSE_TIMEOUT", 0.5)


@asynccontextmanager
async def sending(
    folder: Path,
    url: str,
    *,
    secrets: tuple[str, ...] = (SECRET,),
    retry_for: float = 60,
    timeout: float = 5,
) -> AsyncIterator[Webhooks]:
    queue = Queue(folder / "w.db", 1000)
    async with Poster(url, timeout) as post:
        it = Webhooks(queue, post, Signer(secrets), url=url, retry_for=retry_for)
        it.start()
        try:
            yield it
        finally:
            await it.close()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with run_receiver(SECRET) as receiver:
        yield receiver


def event(name: str, key: str = "", at: float | None = None) -> Event:
    return make_event("ended", time() if at is None else at, {"id": name}, key=key)


def names(events: list[Any]) -> list[str]:
    return [each.payload["data"]["id"] for each in events]


async def test_an_event_is_signed_and_sent_once(receiver: Receiver, tmp_path: Path) -> None:
    """The receiver verifies it by the library of the spec."""
    async with sending(tmp_path, receiver.url) as it:
        sent = event("a")
        it.put(sent)
        (taken,) = await receiver.take(1)
        await until(lambda: not it.waiting)
    assert taken.id == sent.id
    assert taken.payload["type"] == "ended"
    assert (it.counts.sent, it.counts.failed, it.counts.lost) == (1, 0, 0)
    assert len(receiver.seen) == 1


@pytest.mark.parametrize("known", [0, 1])
async def test_a_secret_can_be_replaced(tmp_path: Path, known: int) -> None:
    """Whoever knows the old one, or the new one, takes what is signed by both."""
    secrets = (new_secret(), new_secret())
    async with (
        run_receiver(secrets[known]) as receiver,
        sending(tmp_path, receiver.url, secrets=secrets) as it,
    ):
        it.put(event("a"))
        await receiver.take(1)


async def test_it_is_sent_again_until_it_is_taken(receiver: Receiver, tmp_path: Path) -> None:
    receiver.answers = [500, 404, 301, 204]
    async with sending(tmp_path, receiver.url) as it:
        sent = event("a")
        it.put(sent)
        await receiver.take(1)
        await until(lambda: not it.waiting)
    assert [each.id for each in receiver.seen] == [sent.id] * 4
    assert (it.counts.sent, it.counts.failed) == (1, 3)


async def test_one_that_is_refused_holds_up_its_own_call_only(
    receiver: Receiver, tmp_path: Path
) -> None:
    async with sending(tmp_path, receiver.url) as it:
        receiver.answers = [500, 500]
        it.put(event("a1", "a"))
        await receiver.see(1)
        for each in (event("a2", "a"), event("b1", "b"), event("b2", "b"), event("a3", "a")):
            it.put(each)
        taken = names(await receiver.take(5))
    for key in "ab":
        own = [name for name in taken if name.startswith(key)]
        assert own == sorted(own)


async def test_events_of_one_call_are_never_sent_beside_each_other(
    receiver: Receiver, tmp_path: Path
) -> None:
    gate = asyncio.Event()

    async def wait() -> int:
        await gate.wait()
        return 200

    receiver.answers = [wait]
    async with sending(tmp_path, receiver.url) as it:
        for number in range(3):
            it.put(event(f"a{number}", "a"))
        await receiver.see(1)
        it.put(event("b0", "b"))
        await receiver.see(2)
        assert names(receiver.seen) == ["a0", "b0"]
        gate.set()
        await receiver.take(4)
    assert [name for name in names(receiver.taken) if name[0] == "a"] == ["a0", "a1", "a2"]


async def test_a_server_that_is_down_is_asked_once_at_a_time(tmp_path: Path) -> None:
    """And gets everything once it is there."""
    port = free_port()
    async with sending(tmp_path, f"http://127.0.0.1:{port}/hook") as it:
        for number in range(30):
            it.put(event(f"e{number:02}"))
        await until(lambda: it.counts.failed >= 3)
        assert "refused" in it.why.lower() or "connect" in it.why.lower()
        assert it.faults == [f"{it.waiting} webhooks wait: {it.why}"]
        assert it.counts.failed < 15  # one at a time, and later each time
        async with run_receiver(SECRET, port=port) as receiver:
            taken = await receiver.take(30)
            assert len({each.id for each in taken}) == 30
        await until(lambda: not it.waiting)
    assert it.counts.sent == 30
    assert it.faults == []


async def test_attempts_that_fail_together_are_one_failure(tmp_path: Path) -> None:
    """A server that is restarted while eight events are on their way is asked again soon."""
    began, fail = asyncio.Semaphore(0), asyncio.Event()

    class Down:
        async def post(self, body: str, headers: dict[str, str]) -> Answer:
            began.release()
            await fail.wait()
            return Answer(Verdict.AWAY, "it answers 503")

    queue = Queue(tmp_path / "w.db", 1000)
    it = Webhooks(
        queue,
        Down(),
        Signer([SECRET]),
        url="",
        retry_for=60,
        wall=lambda: 1.0,
        clock=lambda: 1.0,
        chance=lambda: 1.0,
    )
    it.start()
    for number in range(webhooks.AT_ONCE):
        it.put(event(f"e{number}", at=1.0))
    async with asyncio.timeout(5):
        for _ in range(webhooks.AT_ONCE):
            await began.acquire()
    fail.set()
    await until(lambda: it.counts.failed == webhooks.AT_ONCE)
    assert it._resume_at == 1.0 + schedule.FIRST_WAIT  # which takes a real server minutes to see
    await it.close()


async def test_a_wall_clock_that_is_put_back_holds_up_nothing(tmp_path: Path) -> None:
    wall, answer = time(), Answer(Verdict.AWAY, "it answers 503")

    class Server:
        async def post(self, body: str, headers: dict[str, str]) -> Answer:
            return answer

    queue = Queue(tmp_path / "w.db", 1000)
    it = Webhooks(queue, Server(), Signer([SECRET]), url="", retry_for=60, wall=lambda: wall)
    it.start()
    it.put(event("a"))
    await until(lambda: it.counts.failed)
    wall -= 3600
    answer = Answer(Verdict.TAKEN)
    await until(lambda: it.counts.sent)
    await it.close()


async def test_a_fault_of_ours_costs_time_and_no_event(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    attempts = 0

    class Broken:
        async def post(self, body: str, headers: dict[str, str]) -> Answer:
            nonlocal attempts
            attempts += 1
            if attempts < 4:
                raise ZeroDivisionError
            return Answer(Verdict.TAKEN)

    it = Webhooks(Queue(tmp_path / "w.db", 1000), Broken(), Signer([SECRET]), url="", retry_for=60)
    it.start()
    it.put(event("a"))
    await until(lambda: it.counts.failed)
    assert it.faults == ["1 webhooks wait: the gateway failed; its log says why"]
    await until(lambda: it.counts.sent)
    assert (attempts, it.counts.failed) == (4, 3)
    assert caplog.text.count("Traceback") == 1, "and not at each attempt"
    await it.close()


async def test_a_server_that_hangs_is_left(tmp_path: Path) -> None:
    async def hang() -> int:
        await asyncio.sleep(60)
        return 200

    async with run_receiver(SECRET) as receiver:
        receiver.answers = [hang]
        async with sending(tmp_path, receiver.url, timeout=1.0) as it:
            it.put(event("a"))
            await receiver.take(1)
            assert it.counts.failed == 1


async def test_a_server_says_when_to_come_again(receiver: Receiver, tmp_path: Path) -> None:
    receiver.answers, receiver.headers = [429], {"retry-after": "600"}
    async with sending(tmp_path, receiver.url) as it:
        it.put(event("a"))
        await until(lambda: it.counts.failed)
        it.put(event("b"))
        await until(lambda: it.waiting == 2 and not it._inbox)
    assert len(receiver.seen) == 1


async def test_a_server_that_wants_none_gets_none(receiver: Receiver, tmp_path: Path) -> None:
    """Not after a restart either, until the operator says so."""
    receiver.answers = [410]
    async with sending(tmp_path, receiver.url) as it:
        it.put(event("a"))
        await until(lambda: it.dead_count == 1)
        it.put(event("b"))
        assert it.counts.lost == 1
    async with sending(tmp_path, receiver.url) as it:
        assert it.shut
        assert "410" in it.faults[0]
        (dead,) = await it.dead(9)
        assert dead.why == "410 Gone: it wants no events"
        assert await it.revive(None) == 1
        (taken,) = await receiver.take(1)
        assert names([taken]) == ["a"]
        it.put(event("c"))
        await receiver.take(2)


async def test_what_is_never_taken_is_dead(
    receiver: Receiver, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.answers = [500] * 100
    async with sending(tmp_path, receiver.url, retry_for=0.3) as it:
        it.put(event("a"))
        await until(lambda: it.dead_count == 1)
        (dead,) = await it.dead(9)
        assert (dead.why, dead.event.kind) == ("it answers 500", "ended")
        assert dead.attempts >= 1
        assert "were not taken in time" in caplog.text
        receiver.answers = []
        assert await it.forget() == 1


async def test_a_redirect_is_not_followed(receiver: Receiver, tmp_path: Path) -> None:
    """Else whoever answers could have the gateway ask what it likes, in our network."""
    receiver.answers, receiver.headers = [302], {"location": receiver.url + "/elsewhere"}
    async with sending(tmp_path, receiver.url) as it:
        it.put(event("a"))
        await until(lambda: it.counts.failed)
        assert it.why == "it answers 302"


async def test_an_endless_answer_is_not_read(receiver: Receiver, tmp_path: Path) -> None:
    receiver.body = bytes(16 * 1024 * 1024)
    receiver.answers = [200]
    async with sending(tmp_path, receiver.url) as it:
        it.put(event("a"))
        await receiver.take(1)
        await until(lambda: it.counts.sent == 1)


async def test_a_restart_loses_none(tmp_path: Path) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}/hook"
    async with sending(tmp_path, url) as it:
        for number in range(5):
            it.put(event(f"a{number}", "a"))
    async with run_receiver(SECRET, port=port) as receiver, sending(tmp_path, url):
        assert names(await receiver.take(5)) == [f"a{number}" for number in range(5)]


async def test_the_last_events_are_sent_before_the_end(receiver: Receiver, tmp_path: Path) -> None:
    """Where a gateway does not come back, nobody sends them later."""
    async with sending(tmp_path, receiver.url) as it:
        for number in range(20):
            it.put(event(f"a{number}", f"k{number % 7}"))
    assert len(receiver.taken) == 20


async def test_a_disk_that_takes_nothing_costs_time_and_no_event(
    receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "RETRY", 0.01)
    add, full = Queue.add, [sqlite3.OperationalError("database or disk is full")] * 3

    def failing(queue: Queue, events: Any) -> int:
        if full:
            raise full.pop()
        return add(queue, events)

    monkeypatch.setattr(Queue, "add", failing)
    async with sending(tmp_path, receiver.url) as it:
        it.put(event("a"))
        it.put(event("b"))
        await receiver.take(2)
    assert it.counts.lost == 0


async def test_who_asks_for_the_dead_hears_that_the_disk_fails(
    receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*given: object) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    async with sending(tmp_path, receiver.url) as it:
        for name in ("dead", "revive", "forget"):
            monkeypatch.setattr(Queue, name, fail)
        for asked in (it.dead(10), it.revive(None), it.forget()):
            with pytest.raises(UnavailableError, match="cannot be used now: disk I/O error"):
                await asked


async def test_more_than_there_is_room_for_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "MOST_INBOX", 2)
    async with sending(tmp_path, f"http://127.0.0.1:{free_port()}/") as it:
        for number in range(5):
            it.put(event(f"a{number}"))
        assert it.counts.lost == 3
        await until(lambda: not it._inbox)
        assert it.waiting == 2


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        (200, Verdict.TAKEN),
        (299, Verdict.TAKEN),
        (302, Verdict.REFUSED),
        (400, Verdict.REFUSED),
        (410, Verdict.GONE),
        (429, Verdict.AWAY),
        (500, Verdict.REFUSED),
        (503, Verdict.AWAY),
    ],
)
def test_what_a_status_means(status: int, verdict: Verdict) -> None:
    assert read_answer(status, None).verdict is verdict


@given(st.integers(200, 999), st.none() | st.text())
def test_no_answer_is_a_fault(status: int, retry_after: str | None) -> None:
    answer = read_answer(status, retry_after)
    assert answer.retry_after is None or 0 <= answer.retry_after < 1e9


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("7", 7), (" 7 ", 7), ("Wed, 21 Oct 2026 07:28:00 GMT", None), ("-1", None), ("9" * 99, None)],
)
def test_what_retry_after_means(text: str, seconds: float | None) -> None:
    assert read_answer(503, text).retry_after == seconds
