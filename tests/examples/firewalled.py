"""Loads a firewall's rules in a network namespace and says what passes.

Run there by `run_isolated`: every address is on loopback, so that any sender can be played. Prints
one JSON object: whether each probe has arrived, and after how many of a hundred connections at once
those from one address are refused.
"""

from __future__ import annotations

import json
import select
import socket
import subprocess
import sys
from pathlib import Path

GATEWAY = "192.0.2.20"
LIMIT = 0.3  # seconds; what is dropped never comes, the rest is there at once
CONNECTIONS = 300


def arrives_udp(source: str, port: int) -> bool:
    with (
        socket.socket(type=socket.SOCK_DGRAM) as receiver,
        socket.socket(type=socket.SOCK_DGRAM) as sender,
    ):
        receiver.bind((GATEWAY, port))
        sender.bind((source, 0))
        sender.sendto(b"x", (GATEWAY, port))
        return bool(select.select([receiver], [], [], LIMIT)[0])


def arrives_tcp(source: str, port: int) -> bool:
    with socket.create_server((GATEWAY, port)):
        return _connects(source, port)


def refused_after(source: str, port: int) -> int | None:
    with socket.create_server((GATEWAY, port), backlog=CONNECTIONS):
        for count in range(CONNECTIONS):
            if not _connects(source, port):
                return count
    return None


def _connects(source: str, port: int) -> bool:
    try:
        socket.create_connection((GATEWAY, port), LIMIT, (source, 0)).close()
    except OSError:
        return False
    return True


def main(rules: Path, probes: list[tuple[str, str, int]]) -> None:
    subprocess.run(["nft", "-f", rules], check=True)
    arrive = {"udp": arrives_udp, "tcp": arrives_tcp}
    found = {f"{kind} {source} {port}": arrive[kind](source, port) for kind, source, port in probes}
    flood = refused_after("198.51.100.7", 443)
    sys.stdout.write(json.dumps({"arrived": found, "refused_after": flood}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), json.loads(sys.argv[2]))
