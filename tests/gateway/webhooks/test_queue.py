"""The file of events: what is next, what waits, what is dead, and what a restart finds."""

from __future__ import annotations

import sqlite3
import stat
from typing import TYPE_CHECKING

import pytest

from gateway.errors import ConfigError
from gateway.webhooks import queue as module
from gateway.webhooks.event import Event, make_event
from gateway.webhooks.queue import Queue
from gateway.webhooks.schedule import LONGEST_WAIT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOW = 1_800_000_000.0
URL = "https://crm.example/calls"


def event(name: str, key: str = "", at: float = NOW) -> Event:
    return Event(name, "ended", key or name, at, f'{{"type":"{name}"}}')


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[Queue]:
    queue = Queue(tmp_path / "w.db", 100)
    yield queue
    queue.close()


def ready(queue: Queue, now: float = NOW, most: int = 100, busy: tuple[str, ...] = ()) -> list[str]:
    return [each.event.id for each in queue.ready(now, most, busy)]


def test_the_first_of_each_call_is_next(queue: Queue) -> None:
    queue.add([event("a1", "a"), event("b1", "b"), event("a2", "a"), event("c1", "c")])
    assert ready(queue) == ["a1", "b1", "c1"]
    assert ready(queue, most=2) == ["a1", "b1"]
    assert ready(queue, busy=("a", "c")) == ["b1"]
    queue.delivered(event("a1"))
    assert ready(queue) == ["b1", "a2", "c1"]
    assert queue.waiting == 3


def test_a_long_queue_takes_no_longer(tmp_path: Path) -> None:
    """It is long after the server was away, and would not become short again."""
    queue = Queue(tmp_path / "w.db", 10_000)
    queue.add([event(f"e{number}", f"call{number // 3}") for number in range(9000)])
    steps = 0

    def count() -> None:
        nonlocal steps
        steps += 100

    queue._file.set_progress_handler(count, 100)
    (first,) = queue.ready(NOW, 1, ())
    queue.failed(first.event, "no", NOW)
    queue.delivered(first.event)
    queue.add([event("e9000")])
    assert queue.expire(NOW - 1, NOW) == 0
    assert steps < 2000
    queue.close()


def test_one_that_was_taken_after_it_was_given_up_is_not_dead(queue: Queue) -> None:
    queue.add([event("a1")])
    queue.expire(NOW + 1, NOW)
    queue.delivered(event("a1"))
    assert (queue.dead(9), queue.waiting, queue.dead_count) == ([], 0, 0)


def test_what_has_failed_is_due_later_and_holds_up_its_call(queue: Queue) -> None:
    queue.add([event("a1", "a"), event("a2", "a"), event("b1", "b")])
    queue.failed(event("a1"), "it answers 500", NOW + 5)
    assert ready(queue) == ["b1"]
    assert queue.next_due() == 0
    queue.delivered(event("b1"))
    assert queue.next_due() == NOW + 5
    (again,) = queue.ready(NOW + 5, 9, ())
    assert (again.event.id, again.attempts) == ("a1", 1)


def test_a_clock_that_was_put_back_holds_up_nothing(queue: Queue) -> None:
    queue.add([event("a1")])
    queue.failed(event("a1"), "no", NOW + LONGEST_WAIT)
    assert ready(queue, NOW - 10) == []
    assert ready(queue, NOW - 86_400) == ["a1"]


def test_what_is_too_old_is_dead_and_can_be_sent_again(queue: Queue) -> None:
    queue.add([event("a1", "a", NOW - 10), event("a2", "a")])
    queue.failed(event("a1"), "it answers 500", NOW)
    assert queue.expire(NOW - 20, NOW) == 0
    assert queue.expire(NOW - 5, NOW) == 1
    assert ready(queue) == ["a2"]
    (dead,) = queue.dead(9)
    assert (dead.event.id, dead.attempts, dead.why, dead.died) == ("a1", 1, "it answers 500", NOW)
    assert dead.event.body == '{"type":"a1"}'
    assert queue.revive(["b1"], NOW) == 0
    assert queue.revive(["a1"], NOW) == 1
    assert ready(queue) == ["a1"]  # it is the call's first again
    assert queue.expire(NOW - 5, NOW) == 0  # with all the time that there is
    assert (queue.waiting, queue.dead_count) == (2, 0)


def test_dead_events_can_be_thrown_away(queue: Queue) -> None:
    queue.add([event("a1"), event("a2")])
    queue.expire(NOW + 1, NOW)
    assert queue.forget() == 2
    assert queue.dead(9) == []


def test_only_the_latest_dead_are_kept(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_DEAD", 2)
    for number in range(4):
        queue.add([event(f"e{number}")])
        queue.expire(NOW + 1, NOW + number)
    assert [each.event.id for each in queue.dead(9)] == ["e3", "e2"]
    assert queue.dead_count == 2


def test_there_is_no_more_than_it_may_hold(tmp_path: Path) -> None:
    queue = Queue(tmp_path / "w.db", 3)
    assert queue.add([event("a"), event("b")]) == 0
    assert queue.add([event("c"), event("d")]) == 1
    assert ready(queue) == ["a", "b", "c"]
    queue.delivered(event("a"))
    assert queue.add([event("e")]) == 0
    queue.close()


def test_a_server_that_is_gone_stays_so(tmp_path: Path) -> None:
    queue = Queue(tmp_path / "w.db", 9)
    queue.add([event("a")])
    queue.shut(URL, "410 Gone", NOW)
    assert [each.why for each in queue.dead(9)] == ["410 Gone"]
    queue.close()
    again = Queue(tmp_path / "w.db", 9)
    assert again.is_shut(URL)
    assert not again.is_shut("https://other.example/")
    assert again.revive(None, NOW) == 1
    assert not again.is_shut(URL)
    again.close()


def test_a_restart_finds_all_of_it(tmp_path: Path) -> None:
    queue = Queue(tmp_path / "w.db", 9)
    written = make_event("ended", NOW, {"id": "c0ffee", "to": "+15550100 ☎"}, key="c0ffee")
    queue.add([written, event("old", at=NOW - 9)])
    queue.failed(written, "no", NOW)
    queue.expire(NOW - 1, NOW)
    queue.close()
    queue.close()
    again = Queue(tmp_path / "w.db", 9)
    (found,) = again.ready(NOW, 9, ())
    assert (found.event, found.attempts) == (written, 1)
    assert (again.waiting, again.dead_count) == (1, 1)
    again.close()


def test_nobody_else_reads_it_or_uses_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOCK_TIMEOUT", 0.01)
    path = tmp_path / "w.db"
    queue = Queue(path, 9)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(ConfigError, match=r"webhooks\.queue_file = '.*w\.db': database is locked"):
        Queue(path, 9)
    queue.close()


def test_another_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE t (x)")
    other.commit()
    other.close()
    with pytest.raises(ConfigError, match="another program's, or of another version"):
        Queue(path, 9)
    path.write_text("no database at all, but a text that is long enough to look like one" * 20)
    with pytest.raises(ConfigError, match="not a database"):
        Queue(path, 9)
    with pytest.raises(ConfigError, match="No such file or directory"):
        Queue(tmp_path / "nowhere" / "w.db", 9)
