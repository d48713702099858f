"""Tells the library in `faults.c` what to do: stall one thread, move the clock of the wall."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
from pathlib import Path

from tests.peers.process import PeerError

SOURCE = Path(__file__).with_name("faults.c")

# As in faults.c
SET_STALL, STALL, SET_CLOCK = (signal.SIGRTMIN + number for number in (1, 2, 3))

MAIN = ""  # the thread of the event loop, which bears the process's name


class _Value(ctypes.Union):
    _fields_ = (("number", ctypes.c_int), ("pointer", ctypes.c_void_p))


_libc = ctypes.CDLL(None, use_errno=True)
_libc.sigqueue.argtypes = (ctypes.c_int, ctypes.c_int, _Value)


def build(folder: Path) -> Path:
    """Compile the library; PeerError with what the compiler says."""
    made = folder / "faults.so"
    command = ["gcc", "-shared", "-fPIC", "-O2", "-o", str(made), str(SOURCE), "-ldl"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise PeerError(done.stderr)
    return made


def thread_of(pid: int, name: str) -> int:
    """Return the thread that the library has given this name to."""
    if name == MAIN:
        return pid
    for folder in Path(f"/proc/{pid}/task").iterdir():
        if (folder / "comm").read_text().strip() == name:
            return int(folder.name)
    raise PeerError(f"process {pid} has no thread {name!r}")


def stall(pid: int, name: str, seconds: float) -> None:
    """Have one thread stand still.

    It is one that waits: so it does not hold the interpreter's lock, and others go on.
    """
    thread = thread_of(pid, name)
    _queue(pid, SET_STALL, round(seconds * 1000))
    state = Path(f"/proc/{pid}/task/{thread}/stat")
    while state.read_text().rpartition(")")[2].split()[0] != "S":
        pass
    if _libc.tgkill(pid, thread, STALL):
        raise PeerError(f"thread {thread}: {os.strerror(ctypes.get_errno())}")


def set_clock(pid: int, ahead: int) -> None:
    """Put the clock of the wall so many seconds ahead of the machine's."""
    _queue(pid, SET_CLOCK, ahead)


def _queue(pid: int, number: int, value: int) -> None:
    if _libc.sigqueue(pid, number, _Value(number=value)):
        raise PeerError(f"process {pid}: {os.strerror(ctypes.get_errno())}")
