"""Where the peers listen: on loopback, unless the module of a network of its own says otherwise."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Final

VARIABLE: Final = "TEST_PEER_HOST"
HOST: Final = os.environ.get(VARIABLE, "127.0.0.1")
BOTH: Final = ("/proc/net/udp", "/proc/net/tcp")


def listens(port: int, *tables: str) -> bool:
    """Say whether somebody has this port of theirs, by tables of the kernel (proc_pid_net(5))."""
    octets = socket.inet_aton(HOST)[::-1]  # the address as one little-endian number
    address = f"{octets.hex().upper()}:{port:04X}"
    return all(address in Path(table).read_text() for table in tables or BOTH)
