"""The file of the audit log, written by a thread of its own.

A disk that hangs, and a network file system does, must not hold up the event loop, by which calls
live: lines wait here. When too many wait they are lost, since memory has an end.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue

from gateway.errors import ConfigError

logger = logging.getLogger(__name__)

MOST_WAITING = 5000  # lines; some 2 MB, and ten times that if strangers make them long
CLOSE_LIMIT = 2.0  # seconds for what waits when the gateway stops


class AuditFile:
    """Appends lines, in the order in which they come.

    A line that cannot be written is lost, and calls go on: an attacker who fills the disk must not
    end the service. The log says so once, and again when lines can be written.

    Raises
    ------
    ConfigError
        The file cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._file = _open(path)
        except OSError as error:
            raise ConfigError(f"log.audit_file {path}: {error.strerror}") from None
        self._waiting: SimpleQueue[bytes | Callable[[], None] | None] = SimpleQueue()
        self._closed = False
        # In the threads of callers
        self._overflowing = False
        self._dropped = 0
        self._dropped_before = 0  # when it began to overflow
        # In ours
        self._broken = False
        self._torn = False  # the last line was not written to its end
        self._failed = 0
        self._thread = threading.Thread(target=self._run, name="audit", daemon=True)
        self._thread.start()

    @property
    def lost(self) -> int:
        """How many lines are not in the file, and never will be."""
        return self._dropped + self._failed

    def append(self, line: bytes) -> None:
        """Add a line, with its end, as soon as the disk takes it."""
        if self._closed:
            return
        waiting = self._waiting.qsize()
        if waiting >= MOST_WAITING:
            self._drop()
            return
        # Later than the first one that fits: a slow disk would have us say so for each line
        if self._overflowing and waiting <= MOST_WAITING // 2:
            self._overflowing = False
            dropped = self._dropped - self._dropped_before
            logger.warning("the audit log has lost %d lines, and has room again", dropped)
        self._waiting.put(line)

    def reopen(self) -> None:
        """Go on in a file of the same name: the old one has been moved away (logrotate, SIGHUP).

        What was added before goes into the old one.
        """
        if not self._closed:
            self._waiting.put(self._open_anew)

    def flush(self, limit: float = CLOSE_LIMIT) -> bool:
        """Wait until what was added is in the file; False if it is not in so many seconds."""
        if self._closed:
            return not self._thread.is_alive()
        written = threading.Event()
        self._waiting.put(written.set)
        return written.wait(limit)

    def close(self, limit: float = CLOSE_LIMIT) -> None:
        """Write what waits, for so many seconds, and let go; the second time does nothing."""
        if self._closed:
            return
        self._closed = True
        self._waiting.put(None)
        self._thread.join(limit)
        if self._thread.is_alive():
            # It goes with the process
            left = self._waiting.qsize()
            logger.error("the audit log has lost its last lines, some %d: the disk hangs", left)

    def _drop(self) -> None:
        if not self._overflowing:
            self._overflowing = True
            self._dropped_before = self._dropped
            logger.error(
                "the audit log loses lines: %d wait for the disk: %s", MOST_WAITING, self._path
            )
        self._dropped += 1

    # In the thread

    def _run(self) -> None:
        while (next_one := self._waiting.get()) is not None:
            if isinstance(next_one, bytes):
                self._write(next_one)
            else:
                next_one()
        os.close(self._file)

    def _write(self, line: bytes) -> None:
        # The rest of a line that was cut must not spoil this one
        whole = b"\n" + line if self._torn else line
        try:
            written = os.write(self._file, whole)
            self._torn = written < len(whole)
            if self._torn:
                raise OSError(0, "the disk is full")
        except OSError as error:
            self._failed += 1
            if not self._broken:
                self._broken = True
                logger.error(
                    "the audit log has no line of this and of what follows: %s: %s",
                    *(self._path, error.strerror),
                )
            return
        if self._broken:
            self._broken = False
            logger.warning("the audit log is written again: %s", self._path)

    def _open_anew(self) -> None:
        try:
            file = _open(self._path)
        except OSError as error:
            logger.error("the audit log stays in the old file: %s: %s", self._path, error.strerror)
            return
        os.close(self._file)
        self._file = file
        self._torn = False


def _open(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
