"""The rows that need a network of their own: a NAT before each side, and trunks by their names.

The peers' host has a private address behind a router that masquerades: what comes from there has
the router's public address and any port. Let in are the ports of SIP alone, so that the gateway's
sound finds a peer only by where that peer's own comes from. The gateway's host is behind a router
that gives its public address to it, one to one. The callers are beside the peers.

    peers, callers 10.1.0.10 -- 10.1.0.1 masquerading 203.0.113.1
                                                          |
          gateway 10.2.0.10 -- 10.2.0.1 one to one 203.0.113.2

It is run as a process in a namespace (`peers.namespace`); what became of each story it tells as
JSON on standard output.
"""

from __future__ import annotations

import json
import re
import shlex
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.end_to_end.odd_trunk import odd_trunk
from tests.end_to_end.relayed_network import proxy
from tests.interop.matrix.cells import Result, Site, Way
from tests.interop.matrix.columns import COLUMNS
from tests.interop.matrix.house import CALLER_TONE, House, gateway_config, prefixes, trunk_name
from tests.interop.matrix.natted import PEERS
from tests.interop.matrix.rows import NATTED
from tests.interop.matrix.telling import Telling
from tests.peers.asterisk import AsteriskLab, run_lab
from tests.peers.authority import Authority
from tests.peers.dnsmasq import NameServer, run_name_server
from tests.peers.gateway import Gateway, run_gateway
from tests.peers.host import HOST
from tests.peers.hosts import Host, run
from tests.peers.namespace import run_until_told
from tests.peers.ports import free_port
from tests.peers.process import PeerError
from tests.peers.requirement import require
from tests.tones import make_tone, write_wav

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from tests.interop.matrix.cells import Column

INSIDE = "10.1.0.1"
TRUNK, PUBLIC = "203.0.113.1", "203.0.113.2"  # RFC 5737
GATEWAY, BEFORE = "10.2.0.10", "10.2.0.1"
DOMAIN: Final = "example"

MASQUERADE: Final = """
table ip nat {{
    chain before {{
        type nat hook prerouting priority dstnat
        iifname wan udp dport {{ {ports} }} dnat to {peers}
    }}
    chain after {{
        type nat hook postrouting priority srcnat
        oifname wan masquerade random
    }}
}}
table ip filter {{
    chain through {{
        type filter hook forward priority filter; policy drop
        ct state established,related accept
        iifname lan accept
        iifname wan udp dport {{ {ports} }} accept
    }}
}}
"""
ONE_TO_ONE: Final = f"""
table ip nat {{
    chain before {{
        type nat hook prerouting priority dstnat
        iifname wan ip daddr {PUBLIC} dnat to {GATEWAY}
    }}
    chain after {{
        type nat hook postrouting priority srcnat
        oifname wan ip saddr {GATEWAY} snat to {PUBLIC}
    }}
}}
"""


class Network:
    """The hosts: the peers', where we are, both routers, and the gateway's."""

    def __init__(self) -> None:
        self.here = Host.here()
        self.first, self.second, self.far = (Host.new() for _ in range(3))
        self.here.link(self.first, "lan", f"{PEERS}/24", f"{INSIDE}/24")
        self.first.link(self.second, "wan", f"{TRUNK}/24", f"{PUBLIC}/24")
        self.second.link(self.far, "lan", f"{BEFORE}/24", f"{GATEWAY}/24")

    def translate(self, ports: Collection[int]) -> None:
        """Have the routers do their work; these are the peers' ports of SIP."""
        listed = ", ".join(map(str, sorted(ports)))
        masquerade = MASQUERADE.format(ports=listed, peers=PEERS)
        forward = "echo 1 > /proc/sys/net/ipv4/ip_forward"
        for host, commands in (
            (self.here, f"ip route add default via {INSIDE}"),
            (self.first, f"{forward} && {_rules(masquerade)}"),
            # Contact of a peer is its private address, and the way there that of SIP alone
            (self.second, f"{forward} && ip route add {PEERS} via {TRUNK} && {_rules(ONE_TO_ONE)}"),
            (self.far, f"ip route add default via {BEFORE}"),
        ):
            with host.entered():
                run(commands)


def _rules(text: str) -> str:
    return f"printf %s {shlex.quote(text)} | {require('nft')} -f -"


def port_of(way: Way) -> int:
    """Return where a peer has its SIP."""
    found = re.fullmatch(r"sip:[^:]+:([0-9]+);transport=udp", str(way.keys["uri"]))
    assert found is not None, way.keys["uri"]
    return int(found[1])


def natted(column: str, row: str, way: Way) -> Way:
    """Return the way to a peer from elsewhere: by the router, or by a name that leads to it."""
    uri = f"sip:{TRUNK}:{port_of(way)}" if row == "nat" else f"sip:{column}.{DOMAIN}"
    keys = {key: value for key, value in way.keys.items() if key != "symmetric_rtp"}
    return Way({**keys, "uri": uri, "options": 0})


def records(column: str, way: Way) -> list[str]:
    """Return what the DNS says of a peer: NAPTR, SRV, and an address."""
    name = f"{column}.{DOMAIN}"
    return [
        f"naptr-record={name},10,10,S,SIP+D2U,,_sip._udp.srv.{name}",
        f"srv-host=_sip._udp.srv.{name},host.{name},{port_of(way)},10",
        f"host-record=host.{name},{TRUNK}",
    ]


class World:
    """The peers, and the gateway once all of them are there."""

    def __init__(self, stack: AsyncExitStack, folder: Path) -> None:
        self._stack = stack
        self._folder = folder
        self._network = Network()
        self.peers: dict[str, Any] = {}

    def way(self, column: str, row: str) -> Way:
        """Return how a peer is reached from beside it; some have a way for each row."""
        ways: dict[str, Way] = self.peers[column].ways
        return ways.get(row, ways["udp"])

    async def start(self, column: Column, lab: AsteriskLab, authority: Authority) -> None:
        """Start a peer; raises as it does if it cannot be."""
        folder = self._folder / column.name
        folder.mkdir()
        site = Site(folder, lab, self._folder / "tone.wav", authority)
        self.peers[column.name] = await self._stack.enter_async_context(column.open(site))

    async def open(self) -> tuple[Gateway, NameServer, dict[str, Way]]:
        """Have the routers work, and start the gateway and its name server at the far end of it."""
        ways = {
            trunk_name(column, row): natted(column, row, self.way(column, row))
            for column in self.peers
            for row in NATTED
        }
        ports = {port_of(self.way(column, row)) for column in self.peers for row in NATTED}
        self._network.translate(ports)
        config = gateway_config(ways, {}, free_port())
        config.overrides = {
            "sip": {"listen": f"{GATEWAY}:{config.sip_port}"},
            "media": {"address": "0.0.0.0", "public_address": PUBLIC},
        }
        said = [each for c in self.peers for each in records(c, self.way(c, "names"))]
        self._network.far.enter()
        names = self._folder / "names"
        names.mkdir()
        server = await self._stack.enter_async_context(run_name_server(names, *said, port=53))
        running = run_gateway(config, self._folder / "gateway", wait_ready=False)
        gateway = await self._stack.enter_async_context(running)
        self._network.here.enter()
        by = proxy(self._network.here, self._network.far, config.http_port)
        port = await self._stack.enter_async_context(by)
        gateway.url = f"http://127.0.0.1:{port}"
        gateway.websocket_url = f"ws://127.0.0.1:{port}/v1/ws"
        await gateway.ready()
        return gateway, server, ways


async def tell(folder: Path, rows: Mapping[str, Collection[str]]) -> list[tuple[str, str, str]]:
    """Tell the stories; return row, column, and what is wrong."""
    columns = [column for column in COLUMNS if column.name in rows]
    tone = write_wav(folder / "tone.wav", make_tone(CALLER_TONE, seconds=1, rate=48000), 48000)
    telling = Telling()
    async with AsyncExitStack() as stack:
        world, authority = World(stack, folder), Authority(folder)
        lab = stack.enter_context(run_lab()) if "asterisk" in rows else no_lab(folder)
        for column in columns:
            try:
                await world.start(column, lab, authority)
            except (PeerError, pytest.skip.Exception, pytest.fail.Exception) as error:
                telling.lack(column, rows[column.name], error)
        phone = await stack.enter_async_context(odd_trunk())
        gateway, server, ways = await world.open()
        stack.push_async_callback(telling.close)
        begin = prefixes(ways)
        for column in columns:
            if column.name not in world.peers:
                continue
            own = {row: begin[trunk_name(column.name, row)] for row in NATTED}
            house = House(gateway, tone, column.name, own, {}, folder / column.name, phone)
            telling.begin(column, house, world.peers[column.name], rows[column.name])
        cells = await telling.over()
        return [
            (row, column, _wrong(row, column, why.why or why.result, server))
            if why.result is not Result.PASS
            else (row, column, _wrong(row, column, "", server))
            for (row, column), why in cells.items()
        ]


def _wrong(row: str, column: str, why: str, server: NameServer) -> str:
    """Say what is wrong with a story; a name has to have been asked for."""
    if not why and row == "names" and not server.asked("NAPTR", f"{column}.{DOMAIN}"):
        return "Nobody has asked for NAPTR records."
    return why


def no_lab(folder: Path) -> AsteriskLab:
    """Return a lab that does not run, for peers that only want to know where a gateway may be."""
    return AsteriskLab(folder, free_port(), free_port(), free_port(), free_port())


def main() -> None:
    assert HOST == PEERS
    told = run_until_told(tell(Path(sys.argv[1]), json.loads(sys.argv[2])))
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    main()
