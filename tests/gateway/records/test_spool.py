"""The file in which rows wait: nothing in it is lost, doubled or out of order."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import pytest

from gateway.errors import ConfigError
from gateway.records import spool as spool_module
from gateway.records.journal import Done, Forgotten, Rated, Running
from gateway.records.spool import Spool, SpoolFullError
from gateway.records.toll import Paid
from tests.gateway.records.rows import STARTED, row

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LIMIT = 10_000_000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "records.spool"


@pytest.fixture
def spool(path: Path) -> Iterator[Spool]:
    spool = Spool(path, LIMIT)
    yield spool
    spool.close()


def drain(spool: Spool, most: int = 3) -> list[str]:
    """Deliver everything, and return the ids in their order."""
    found: list[str] = []
    while True:
        lines, place = spool.take(most)
        found += [each.row.id if isinstance(each, Done) else f"said:{each.id}" for each in lines]
        spool.delivered(place, len(lines))
        if not lines:
            return found


def test_rows_come_out_as_they_went_in(spool: Spool, path: Path) -> None:
    spool.append([Done(row(number)) for number in range(7)])
    spool.append([Running(row(8)), Done(row(7))])
    assert spool.backlog == 8
    assert drain(spool) == [row(number).id for number in range(8)]
    assert spool.backlog == 0


def test_what_is_said_of_a_call_comes_after_its_row(path: Path) -> None:
    spool = Spool(path, LIMIT)
    spool.append([Done(row(1)), Done(row(2)), Rated("1", 5), Rated("1", 1, "an echo")])
    assert spool.backlog == 4
    spool.close()
    after = Spool(path, LIMIT)
    assert after.recover().done == after.backlog == 4
    assert after.take(9)[0][2:] == [Rated("1", 5), Rated("1", 1, "an echo")]
    assert drain(after) == [row(1).id, row(2).id, "said:1", "said:1"]
    after.close()


def test_what_is_delivered_is_on_the_disk_no_more(spool: Spool, path: Path) -> None:
    spool.append([Running(row(1))])
    spool.append([Done(row(1))])
    assert path.stat().st_size
    drain(spool)
    assert path.stat().st_size == 0
    spool.append([Done(row(2))])
    assert drain(spool) == [row(2).id]


def test_a_call_that_runs_is_kept_when_the_file_is_cut_short(path: Path) -> None:
    spool = Spool(path, LIMIT)
    running = Running(row(0), Paid(0.5, 2000))
    spool.append([running])
    for number in range(1, 600):
        spool.append([Running(row(number)), Done(row(number))])
        if number % 20 == 0:
            drain(spool, 50)
    assert path.stat().st_size < 2 * spool_module.COMPACT_ABOVE
    spool.close()
    for _ in range(2):  # the second time as the first has left it
        after = Spool(path, LIMIT)
        assert list(after.recover().open) == [running]
        after.close()


def test_it_is_not_cut_short_for_what_would_be_written_again(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a thousand calls that run there is more than is delivered in a minute."""
    renames: list[object] = []
    monkeypatch.setattr(os, "rename", lambda *names: renames.append(names))
    spool.append([Running(row(number)) for number in range(1000)])
    for number in range(1000, 1050):
        spool.append([Done(row(number))])
        drain(spool)
    assert renames == []


def test_a_file_that_was_cut_short_says_when_the_gateway_was_alive(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool_module, "COMPACT_ABOVE", 1000)
    monkeypatch.setattr(spool_module, "time", lambda: STARTED + 9000)
    spool.append([Running(row(0))])
    for number in range(1, 100):
        spool.append([Done(row(number))])
        drain(spool)
    assert spool.recover().alive_at == STARTED + 9000


def test_what_was_not_delivered_is_there_after_a_kill(path: Path) -> None:
    before = Spool(path, LIMIT)
    before.append([Done(row(1)), Done(row(2)), Running(row(3))])
    before.close()  # the lock is all that a kill lets go of
    after = Spool(path, LIMIT)
    journal = after.recover()
    assert (after.backlog, [each.row.id for each in journal.open]) == (2, [row(3).id])
    assert drain(after) == [row(1).id, row(2).id]
    after.close()


def test_a_file_of_forgotten_calls_is_empty_and_needs_no_room_for_it(path: Path) -> None:
    spool = Spool(path, 2000)
    spool.append([Running(row(1)), Running(row(2))])
    drain(spool)
    with pytest.raises(SpoolFullError):
        spool.append([Done(row(number)) for number in range(1, 10)])
    spool.forget([row(1).id, "never heard of"])
    drain(spool)
    assert (spool.has_open, path.stat().st_size > 0) == (True, True)
    spool.forget([row(2).id])
    drain(spool)
    assert (spool.has_open, path.stat().st_size) == (False, 0)
    spool.append([Running(row(3))])
    assert spool.recover().size == path.stat().st_size
    spool.close()


def test_a_forgotten_call_is_not_open_after_a_kill(path: Path) -> None:
    before = Spool(path, LIMIT)
    before.append([Running(row(1)), Running(row(2)), Running(row(3))])
    before.append([Forgotten(row(1).id)])
    before.forget([row(2).id])
    before.append([Done(row(4))])
    before.close()
    after = Spool(path, LIMIT)
    assert [each.row.id for each in after.recover().open] == [row(3).id]
    assert drain(after) == [row(4).id]
    after.close()


def test_a_torn_line_is_cut_off_and_damage_is_put_aside(path: Path) -> None:
    spool = Spool(path, LIMIT)
    spool.append([Done(row(1)), Done(row(2))])
    spool.close()
    text = path.read_bytes()
    path.write_bytes(b"damaged\n" + text[:-10])
    after = Spool(path, LIMIT)
    after.recover()
    after.append([Done(row(3))])
    assert drain(after) == [row(1).id, row(3).id]
    assert path.with_name("records.spool.bad").read_bytes() == b"damaged\n"
    after.close()


def test_a_disk_that_is_full_takes_all_lines_or_none(
    spool: Spool, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool.append([Done(row(1))])
    real = os.pwrite
    room = 100

    def pwrite(file: int, text: memoryview, place: int) -> int:
        nonlocal room
        if not room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        part, room = min(room, len(text)), room - min(room, len(text))
        return real(file, text[:part], place)

    monkeypatch.setattr(os, "pwrite", pwrite)
    size = path.stat().st_size
    with pytest.raises(OSError, match="No space"):
        spool.append([Done(row(2)), Done(row(3))])
    assert path.stat().st_size == size
    monkeypatch.undo()
    spool.append([Done(row(4))])
    assert drain(spool) == [row(1).id, row(4).id]


def test_its_limit_holds(path: Path) -> None:
    spool = Spool(path, 2000)
    spool.append([Done(row(1))])
    with pytest.raises(SpoolFullError, match="it has reached 2000 bytes"):
        spool.append([Done(row(number)) for number in range(10)])
    assert drain(spool) == [row(1).id]
    spool.append([Done(row(2))])
    spool.close()


def test_two_gateways_have_two_files(spool: Spool, path: Path) -> None:
    with pytest.raises(ConfigError, match="another gateway uses it"):
        Spool(path, LIMIT)


def test_a_place_that_cannot_be_used_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"records.spool .*: No such file"):
        Spool(tmp_path / "nope" / "spool", LIMIT)


def test_it_is_nobody_elses_to_read(spool: Spool, path: Path) -> None:
    spool.put_aside([b"a row"])
    for each in (path, path.with_name("records.spool.bad")):
        assert each.stat().st_mode & 0o077 == 0
