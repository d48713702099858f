"""Loads a firewall's rules in a network namespace and says what passes.

Run there by `run_isolated`: every address is on loopback, so that any sender can be played. Prints
one JSON object: whether each probe has arrived, after how many connections at once those from one
address are refused, and those from one IPv6 network, and whether another network gets in then.
"""

from __future__ import annotations

import json
import select
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

GATEWAY, GATEWAY6 = "192.0.2.20", "2001:db8::20"
# Loopback has them by `SETUP`: for IPv6 a route is not enough to be bound to
NETWORK6, OTHER6 = ("2001:db8:7::1", "2001:db8:7::2"), "2001:db8:8::1"
SETUP = " && ".join(f"ip addr add {each}/128 dev lo" for each in (GATEWAY6, *NETWORK6, OTHER6))
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


def refused_after(sources: Sequence[str], port: int, gateway: str = GATEWAY) -> int | None:
    with _serving(gateway, port):
        for count in range(CONNECTIONS):
            if not _connects(sources[count % len(sources)], port, gateway):
                return count
    return None


def _serving(gateway: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in gateway else socket.AF_INET
    return socket.create_server((gateway, port), family=family, backlog=CONNECTIONS)


def _connects(source: str, port: int, gateway: str = GATEWAY) -> bool:
    try:
        socket.create_connection((gateway, port), LIMIT, (source, 0)).close()
    except OSError:
        return False
    return True


def main(rules: Path, probes: list[tuple[str, str, int]]) -> None:
    subprocess.run(["nft", "-f", rules], check=True)
    arrive = {"udp": arrives_udp, "tcp": arrives_tcp}
    found = {f"{kind} {source} {port}": arrive[kind](source, port) for kind, source, port in probes}
    said = {
        "arrived": found,
        "refused_after": refused_after(["198.51.100.7"], 443),
        "refused6_after": refused_after(NETWORK6, 443, GATEWAY6),
    }
    with _serving(GATEWAY6, 443):
        said["other6_connects"] = _connects(OTHER6, 443, GATEWAY6)
    sys.stdout.write(json.dumps(said))


if __name__ == "__main__":
    main(Path(sys.argv[1]), json.loads(sys.argv[2]))
