"""The file in which rows wait for the database. All of it blocks: it is used in one thread.

Each line is on the disk when `append` returns, so that neither a killed gateway nor a database that
is away loses a row. Lines are taken from the front in the order in which they came. The file is cut
short once all of it has been delivered; until then a line may be delivered a second time, after a
crash, and the database keeps the first.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from time import time

from gateway.errors import ConfigError
from gateway.records.journal import (
    Alive,
    Delivery,
    Done,
    Forgotten,
    Journal,
    Line,
    Rated,
    Running,
    read,
    read_line,
    write_line,
)

logger = logging.getLogger(__name__)

# Delivered lines are cut off where calls still run, once it is worth writing those anew
COMPACT_ABOVE = 256 * 1024  # bytes
CHUNK = 256 * 1024  # bytes read at a time; a row has some 900

# What ends by itself: no reason not to start
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class SpoolFullError(OSError):
    """The file has reached its limit."""


class Spool:
    """The file, of one gateway alone.

    Parameters
    ----------
    limit
        Bytes that it may have.

    Raises
    ------
    ConfigError
        The file cannot be used, or another gateway uses it.
    """

    def __init__(self, path: Path, limit: int) -> None:
        self._path = path
        self._limit = limit
        self._file: int | None = None
        self._size = 0
        self._taken = 0  # where the lines that are not delivered begin
        self._open: dict[str, bytes] = {}  # the latest line of each call that runs
        self._forgotten: set[str] = set()  # calls of whom the file says that they run
        self.backlog = 0  # rows and opinions that are not delivered
        try:
            self._open_file()
        except OSError as error:
            if error.errno not in _FULL:
                raise ConfigError(f"records.spool {path}: {_in_words(error)}") from None
            logger.error("records.spool %s: %s", path, _in_words(error))

    def _open_file(self) -> int:
        if self._file is None:
            file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                os.close(file)
                raise
            self._file = file
        return self._file

    @property
    def has_open(self) -> bool:
        """Whether a call runs."""
        return bool(self._open)

    def recover(self) -> Journal:
        """Read what an earlier gateway has left. A torn line is cut off, damaged ones put aside."""
        if self._file is None:
            return read(b"")
        with os.fdopen(os.dup(self._file), "rb") as file:
            file.seek(0)
            text = file.read()
        journal = read(text)
        if journal.size < len(text):
            logger.warning("records.spool %s: its last line was torn", self._path)
            os.ftruncate(self._file, journal.size)
        self._size = journal.size
        self.backlog = journal.done
        self._open = {line.row.id: write_line(line) for line in journal.open}
        self._forgotten.clear()
        if journal.damaged:
            self.put_aside(journal.damaged)
        return journal

    def put_aside(self, lines: Sequence[bytes]) -> None:
        """Keep what cannot be used, for somebody to look at."""
        aside = self._path.with_name(self._path.name + ".bad")
        logger.error("%d lines of the records are of no use: see %s", len(lines), aside)
        with suppress(OSError):
            aside.touch(0o600)
            with aside.open("ab") as file:
                file.write(b"\n".join(lines) + b"\n")

    def append(self, lines: Sequence[Line]) -> None:
        """Add lines, all of them or none.

        Raises
        ------
        OSError
            They are not on the disk.
        """
        # What a full disk has not taken comes first
        lines = [*map(Forgotten, sorted(self._forgotten)), *lines]
        texts = [write_line(line) for line in lines]
        text = b"".join(texts)
        if self._size + len(text) > self._limit:
            raise SpoolFullError(errno.EFBIG, f"it has reached {self._limit} bytes")
        file = self._open_file()
        try:
            _write_at(file, text, self._size)
            os.fsync(file)
        except OSError:
            with suppress(OSError):
                os.ftruncate(file, self._size)  # needs no room on the disk
            raise
        self._size += len(text)
        self._forgotten.clear()
        for line, written in zip(lines, texts, strict=True):
            self._count(line, written)

    def _count(self, line: Line, text: bytes) -> None:
        if isinstance(line, Running):
            self._open[line.row.id] = text
        elif isinstance(line, Done):
            self._open.pop(line.row.id, None)
            self.backlog += 1
        elif isinstance(line, Forgotten):
            self._open.pop(line.id, None)
        elif isinstance(line, Rated):
            self.backlog += 1

    def forget(self, ids: Iterable[str]) -> None:
        """Take calls for over whose rows do not come from here.

        The disk, which may be full just now, is told together with the next lines.
        """
        for call_id in ids:
            if self._open.pop(call_id, None) is not None:
                self._forgotten.add(call_id)

    def take(self, most: int) -> tuple[list[Delivery], int]:
        """Return the next lines for the database, and what `delivered` hears once it has them."""
        lines: list[Delivery] = []
        place = self._taken
        while place < self._size and len(lines) < most and self._file is not None:
            chunk = os.pread(self._file, min(CHUNK, self._size - place), place)
            end = chunk.rfind(b"\n") + 1
            if not end:  # no line of ours is as long
                place += len(chunk) or self._size - place
                continue
            for text in chunk[:end].split(b"\n")[:-1]:
                place += len(text) + 1
                if isinstance(line := read_line(text), Done | Rated):
                    lines.append(line)
                    if len(lines) == most:
                        break
        return lines, place

    def delivered(self, place: int, count: int) -> None:
        """Go on behind so many lines: the database has them."""
        self._taken = place
        self.backlog = max(self.backlog - count, 0)
        if self._file is None or self._size == 0:
            return
        try:
            if place == self._size and not self._open:
                os.ftruncate(self._file, 0)
                self._size = self._taken = 0
                self._forgotten.clear()
            elif place > COMPACT_ABOVE and self._useless() > max(COMPACT_ABOVE, self._size // 2):
                self._compact(self._file)
        except OSError as error:  # it can wait: the next ones are tried again
            logger.warning("records.spool %s is not cut short: %s", self._path, _in_words(error))

    def _useless(self) -> int:
        """Return how many bytes at least a new file would not have."""
        return self._taken - sum(map(len, self._open.values()))

    def _compact(self, old: int) -> None:
        """Write what is still needed into a new file, which then takes the old one's place."""
        rest = os.pread(old, self._size - self._taken, self._taken)
        # What says how long the gateway has run is among what is cut off
        head = b"".join((*self._open.values(), write_line(Alive(round(time(), 3)))))
        new_path = self._path.with_name(self._path.name + ".new")
        new = os.open(new_path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(new, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _write_at(new, head + rest, 0)
            os.fsync(new)
            os.rename(new_path, self._path)
        except OSError:
            os.close(new)
            with suppress(OSError):
                os.unlink(new_path)
            raise
        self._file, self._size, self._taken = new, len(head) + len(rest), len(head)
        os.close(old)
        folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def close(self) -> None:
        """Let go of the file; the second time does nothing."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


def _write_at(file: int, text: bytes, place: int) -> None:
    """Write all of it: a full disk takes the first part of a line without a word."""
    view = memoryview(text)
    while view:
        written = os.pwrite(file, view, place)
        if not written:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        view, place = view[written:], place + written


def _in_words(error: OSError) -> str:
    if error.errno in (errno.EAGAIN, errno.EACCES) and isinstance(error, BlockingIOError):
        return "another gateway uses it: each needs one of its own"
    return error.strerror or str(error)
