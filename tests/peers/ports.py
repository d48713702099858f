"""Free ports on loopback.

They come from below the kernel's ephemeral range (32768 and up): a port that the kernel gives to
somebody's outgoing connection a moment later is no free port. And from outside of what the gateway
and its caller take for media unless told otherwise (20000 to 32766), as another test may run one.
They are handed out in a circle, so that one comes again only after all others.
Browsers call no port 10080 (the Fetch standard blocks it).

Whoever binds its ports later, call by call, reserves them: they look free while they are taken. Of
several processes of one test run (pytest-xdist) each has a share of its own.
"""

from __future__ import annotations

import os
import random
import socket
from contextlib import ExitStack


def _share(ports: range) -> range:
    """Return this process's part of the ports; all of them where it is the only one."""
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    count = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    size = len(ports) // count
    start = number % count * size  # past the count is one that has come in the place of another
    return ports[start : start + size]


SINGLE = _share(range(10100, 12700))
BLOCKS = _share(range(12700, 20000))

_reserved: set[int] = set()
_next: dict[range, int] = {}  # where the circle goes on
_chance = random.Random(os.getpid())  # two test runs on one machine start at different places


def free_port() -> int:
    """Return an even port that is free for UDP and TCP, and so is the one after it."""
    return free_ports(2, within=SINGLE).start


def free_ports(count: int, *, within: range = BLOCKS) -> range:
    """Return `count` ports in a row, the first one even, free for UDP and TCP."""
    starts = range(within.start + within.start % 2, within.stop - count + 1, 2)
    began = _next.get(within, _chance.choice(starts))
    for start in (*(s for s in starts if s >= began), *(s for s in starts if s < began)):
        block = range(start, start + count)
        if _reserved.isdisjoint(block) and _is_free(block):
            _next[within] = block.stop
            return block
    raise OSError(f"no {count} free ports in a row from {within.start} to {within.stop - 1}")


def reserve_ports(count: int, *, within: range = BLOCKS) -> range:
    """Return `count` free ports that are nobody else's until they are released."""
    block = free_ports(count, within=within)
    _reserved.update(block)
    return block


def release_ports(block: range) -> None:
    """Give back ports that were reserved."""
    _reserved.difference_update(block)


def _is_free(block: range) -> bool:
    kinds = (socket.SOCK_DGRAM, socket.SOCK_STREAM)
    with ExitStack() as stack:
        try:
            for port in block:
                for kind in kinds:
                    stack.enter_context(socket.socket(type=kind)).bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
