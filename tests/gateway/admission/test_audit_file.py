"""The thread behind the audit log: a disk that hangs, is a pipe here that nobody reads."""

from __future__ import annotations

import fcntl
import logging
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from gateway.admission import audit_file
from gateway.admission.audit_file import AuditFile

LINE = b"x" * 99 + b"\n"


class Disk:
    """A file that takes nothing more until it is read."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self.path = path
        self._reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        fcntl.fcntl(self._reader, fcntl.F_SETPIPE_SZ, 4096)

    def read(self) -> bytes:
        with suppress(BlockingIOError):
            return os.read(self._reader, 1 << 20)
        return b""

    def read_all(self, file: AuditFile) -> bytes:
        read = self.read()
        while not file.flush(0.01):
            read += self.read()
        return read + self.read()

    def close(self) -> None:
        os.close(self._reader)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    disk = Disk(tmp_path / "audit.log")
    yield disk
    disk.close()


def numbered(count: int) -> list[bytes]:
    return [b"%098d\n" % number for number in range(count)]


def test_a_disk_that_hangs_holds_nobody_up(disk: Disk) -> None:
    file = AuditFile(disk.path)
    lines = numbered(1000)
    began = time.monotonic()
    for line in lines:
        file.append(line)
    assert time.monotonic() - began < 1
    assert not file.flush(0.05)
    assert disk.read_all(file) == b"".join(lines)
    assert file.lost == 0
    file.close()


def test_what_does_not_fit_is_lost_counted_and_said_once(
    disk: Disk, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_file, "MOST_WAITING", 100)
    caplog.set_level(logging.WARNING)
    file = AuditFile(disk.path)
    lines = numbered(500)
    for line in lines[:80]:
        file.append(line)
    assert not file.flush(0.05)  # the thread hangs
    for line in lines[80:]:
        file.append(line)
    lost = file.lost
    assert 300 < lost <= 400
    first = disk.read_all(file)
    assert first == b"".join(lines[: 500 - lost])  # no gap but at the end
    file.append(b"after\n")
    assert disk.read_all(file) == b"after\n"
    assert file.lost == lost
    assert [record.getMessage() for record in caplog.records] == [
        f"the audit log loses lines: 100 wait for the disk: {disk.path}",
        f"the audit log has lost {lost} lines, and has room again",
    ]
    file.close()


def test_a_reopening_waits_for_its_turn(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    file = AuditFile(path)
    lines = numbered(300)
    for line in lines[:200]:
        file.append(line)
    assert file.flush()
    old = path.rename(tmp_path / "audit.log.1")
    file.reopen()
    for line in lines[200:]:
        file.append(line)
    file.close()
    assert old.read_bytes() == b"".join(lines[:200])
    assert path.read_bytes() == b"".join(lines[200:])


def test_a_stop_writes_what_waits(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    file = AuditFile(path)
    lines = numbered(2000)
    for line in lines:
        file.append(line)
    file.close()
    assert path.read_bytes() == b"".join(lines)
    file.close()
    file.append(LINE)
    file.reopen()
    assert file.flush()
    assert path.read_bytes() == b"".join(lines)


def test_a_stop_waits_for_no_disk_that_hangs(disk: Disk, caplog: pytest.LogCaptureFixture) -> None:
    file = AuditFile(disk.path)
    for line in numbered(200):
        file.append(line)
    began = time.monotonic()
    file.close(0.1)
    assert time.monotonic() - began < 1
    assert "has lost its last lines" in caplog.text
    assert not file.flush()
    while disk.read():  # lets its thread end
        time.sleep(0.01)


def test_lines_that_fail_are_counted(caplog: pytest.LogCaptureFixture) -> None:
    file = AuditFile(Path("/dev/full"))
    for _ in range(3):
        file.append(LINE)
    file.close()
    assert file.lost == 3
    assert caplog.text.count("No space left on device") == 1
