"""Free ports on loopback.

They come from below the kernel's ephemeral range (32768 and up): a port that the kernel gives to
somebody's outgoing connection a moment later is no free port. None is handed out twice: a range for
media is bound port by port, call by call, so that it looks free while it is somebody's. Whoever
took a large one gives it back.
"""

from __future__ import annotations

import os
import random
import socket
from contextlib import ExitStack

SINGLE = range(10000, 20000)
BLOCKS = range(20000, 32000)

_given: set[int] = set()
_chance = random.Random(os.getpid())  # two test runs on one machine start at different places


def free_port() -> int:
    """Return an even port that is free for UDP and TCP, and so is the one after it."""
    return free_ports(2, within=SINGLE).start


def free_ports(count: int, *, within: range = BLOCKS) -> range:
    """Return `count` ports in a row, the first one even, free for UDP and TCP."""
    starts = list(range(within.start, within.stop - count, 2))
    for _ in range(200):
        block = range(start := _chance.choice(starts), start + count)
        if _given.isdisjoint(block) and _is_free(block):
            _given.update(block)
            return block
    raise OSError(f"no {count} free ports in a row from {within.start} to {within.stop - 1}")


def release_ports(block: range) -> None:
    """Give back ports that nobody will use any more."""
    _given.difference_update(block)


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
