"""What a process and its descendants use, by /proc (proc(5)): CPU to the nanosecond, memory."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gateway.errors import UnavailableError

_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Usage:
    """CPU seconds since the start of what runs now, and resident bytes."""

    cpu: float
    resident: int
    processes: int


def read_usage(pid: int) -> Usage:
    """Return what the process tree under `pid` uses.

    Raises
    ------
    UnavailableError
        There is no such process.
    """
    rows = [row for each in set(process_tree(pid)) if (row := _usage_of(each)) is not None]
    if not rows:
        raise UnavailableError(f"there is no process {pid}")
    return Usage(sum(cpu for cpu, _ in rows), sum(size for _, size in rows), len(rows))


def process_tree(pid: int) -> Iterator[int]:
    """Yield the process and all that descend from it."""
    yield pid
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found = children.read_text().split()
        except OSError:  # the thread has ended since
            continue
        for child in found:
            yield from process_tree(int(child))


def _usage_of(pid: int) -> tuple[float, int] | None:
    folder = Path(f"/proc/{pid}")
    try:
        # utime and stime of `stat` are counted in ticks of 10 ms, schedstat's first field in ns
        tasks = [each.read_text().split() for each in folder.glob("task/*/schedstat")]
        resident = int((folder / "statm").read_text().split()[1]) * _PAGE
    except OSError:  # it has ended since
        return None
    return sum(int(task[0]) for task in tasks if task) / 1e9, resident
