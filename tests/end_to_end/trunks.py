"""Trunks for the gateway under test, and what a call must leave behind: nothing."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING

from tests.gateway.trunk.script import SDP, Step, write_script
from tests.peers.host import HOST
from tests.peers.process import PeerError
from tests.peers.sipp import Sipp, run_trunk

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractAsyncContextManager

    from tests.peers.asterisk import AsteriskLab
    from tests.peers.gateway import Gateway, Table


def lab_trunk(
    lab: AsteriskLab,
    transport: str = "udp",
    *,
    username: str = "trunk-digest",
    codecs: Sequence[str] = ("PCMU",),
) -> Table:
    """Return the lab as a trunk with digest authentication; the user name says of which kind."""
    secured = {"ca": str(lab.authority)} if transport == "tls" else {}
    return {
        "name": "lab",
        "uri": lab.uri(transport),
        **secured,
        "username": username,
        "password": lab.secret,
        "codecs": list(codecs),
        "caller_id": "+15550001",
    }


def open_trunk(port: int, transport: str = "udp") -> Table:
    """Return a trunk on a port of loopback that asks for no password."""
    return {
        "name": "open",
        "uri": f"sip:{HOST}:{port};transport={transport}",
        "codecs": ["PCMU"],
        "caller_id": "+15550001",
    }


def trunk_sdp(media_port: int, *, version: int = 1, direction: str = "sendrecv") -> str:
    """Return a scripted trunk's description with its media on a port of the test's own."""
    return (
        SDP.replace("trunk 1 1", f"trunk 1 {version}")
        .replace("[media_port]", str(media_port))
        .replace("sendrecv", direction)
    )


def scripted_trunk(port: int, folder: Path, *steps: Step) -> AbstractAsyncContextManager[Sipp]:
    """Have sipp be the trunk at `port`: it takes one call, step by step."""
    folder.mkdir(exist_ok=True)
    return run_trunk(write_script(folder, *steps), folder, port=port)


def media_ports(gateway: Gateway) -> set[int]:
    """Return the UDP ports that the gateway has open for trunks."""
    inodes = set()
    for descriptor in Path(f"/proc/{gateway.pid}/fd").iterdir():
        try:
            inodes.add(os.readlink(descriptor).removeprefix("socket:[").removesuffix("]"))
        except OSError:  # closed since
            continue
    # proc_pid_net(5): the second column is the local address, in hexadecimal, the tenth the inode
    rows = (line.split() for line in Path("/proc/net/udp").read_text().splitlines()[1:])
    ports = {int(row[1].rpartition(":")[2], 16) for row in rows if row[9] in inodes}
    return ports.intersection(gateway.config.trunk_ports)


async def idle(gateway: Gateway, limit: float = 5.0) -> dict[str, float]:
    """Wait until no call, session or media port is left; return the metrics."""
    left = "nothing was read"
    try:
        async with asyncio.timeout(limit):
            while True:
                metrics = await gateway.metrics()
                calls = metrics["gateway_calls_active"]
                sessions = metrics["gateway_websocket_sessions"]
                ports = media_ports(gateway)
                if not (calls or sessions or ports):
                    return metrics
                left = f"{calls:g} calls, {sessions:g} WebSockets, media ports {sorted(ports)}"
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise PeerError(f"the gateway is not idle after {limit:g} s: {left}") from None


def media_events(metrics: dict[str, float]) -> dict[str, int]:
    """Return the counts of the media plane by event."""
    prefix, suffix = 'gateway_media_events_total{event="', '"}'
    return {
        name.removeprefix(prefix).removesuffix(suffix): int(value)
        for name, value in metrics.items()
        if name.startswith(prefix)
    }


# A caller's last connectivity check and last packets may come when its call has ended
LAST_ONES = {"browser_rejected_ufrag": 1, "browser_rejected_stranger": 5}


def refused(events: dict[str, int]) -> dict[str, int]:
    """Return what the media plane has refused of the calls of a test, and its faults."""
    return {
        name: count
        for name, count in events.items()
        if (name == "faults" or "rejected" in name) and count > LAST_ONES.get(name, 0)
    }
