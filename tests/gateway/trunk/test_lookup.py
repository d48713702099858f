"""Names of trunks, asked of dnsmasq: what is found, and that a silent server holds nobody up."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from pathlib import Path
from random import Random

import dns.asyncresolver
import pytest

from gateway.trunk.address import TrunkUri, parse_trunk
from gateway.trunk.errors import TrunkError
from gateway.trunk.hosts_file import HostsFile
from gateway.trunk.lookup import (
    KEPT_ANSWERS,
    MOST_LOOKUPS,
    Cache,
    Resolver,
    SystemServers,
    ask_as_configured,
)
from gateway.trunk.targets import Target
from tests.peers.dnsmasq import NameServer, run_name_server

pytestmark = pytest.mark.peer

HOST = "the host"
RECORDS = (
    "host-record=a.example,192.0.2.1",
    "host-record=b.example,192.0.2.2",
    "host-record=plain.example,192.0.2.7,2001:db8::7",
    "host-record=six.example,2001:db8::6",
    "srv-host=_sip._udp.srv.example,a.example,5070,10,0",
    "srv-host=_sip._udp.srv.example,b.example,5080,20,0",
    "srv-host=_sip._tcp.srv.example,b.example,5090,10,0",
    "host-record=srv.example,192.0.2.99",
    "naptr-record=all.example,20,10,S,SIP+D2U,,_sip._udp.srv.example",
    "naptr-record=all.example,10,10,S,SIP+D2T,,_sip._tcp.srv.example",
    "srv-host=_sip._udp.without.example",
    "host-record=without.example,192.0.2.99",
    "srv-host=_sip._udp.astray.example,nowhere.example,5060,1,1",
    "srv-host=_sip._udp.half.example,nowhere.example,5060,1,1",
    "srv-host=_sip._udp.half.example,a.example,5060,2,1",
)


def asking(server: NameServer, hosts: Path | None = None) -> Resolver:
    servers = dns.asyncresolver.Resolver(configure=False)
    servers.nameservers, servers.port = ["127.0.0.1"], server.port
    servers.cache = Cache(KEPT_ANSWERS)
    return Resolver(lambda: servers, Random(1), HostsFile(hosts or Path("/nowhere")))


def uri(text: str) -> TrunkUri:
    return parse_trunk(f"sip:{text}")


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ("192.0.2.9", "192.0.2.9:5060;transport=udp"),
        ("192.0.2.9:5070;transport=tcp", "192.0.2.9:5070;transport=tcp"),
        ("plain.example", "192.0.2.7:5060;transport=udp"),
        ("plain.example;transport=tcp", "192.0.2.7:5060;transport=tcp"),
        ("srv.example", "192.0.2.1:5070;transport=udp 192.0.2.2:5080;transport=udp"),
        ("srv.example;transport=tcp", "192.0.2.2:5090;transport=tcp"),
        ("srv.example:5065", "192.0.2.99:5065;transport=udp"),
        ("all.example", "192.0.2.2:5090;transport=tcp"),
        ("half.example", "192.0.2.1:5060;transport=udp"),
        ("localhost:5070", "127.0.0.1:5070;transport=udp"),
    ],
)
async def test_where_a_trunk_is(tmp_path: Path, where: str, found: str) -> None:
    """RFC 3263 section 4.2: an address, a port given, a transport given, nothing given."""
    async with run_name_server(tmp_path, *RECORDS) as server:
        targets = await asking(server).targets(uri(where), HOST, transports=("udp", "tcp"))
    assert " ".join(map(str, targets)) == found


async def test_pointers_to_what_we_do_not_have(tmp_path: Path) -> None:
    async with run_name_server(tmp_path, *RECORDS) as server:
        targets = await asking(server).targets(uri("all.example"), HOST, transports=("udp",))
    assert targets[0] == Target("192.0.2.1", 5070, "udp")


async def test_either_version_of_ip(tmp_path: Path) -> None:
    """Media may be IPv6 beside SIP over IPv4, and one name can have both."""
    async with run_name_server(tmp_path, *RECORDS) as server:
        resolver = asking(server)
        assert await resolver.resolve("plain.example", HOST) == "192.0.2.7"
        assert await resolver.resolve("plain.example", HOST, version=6) == "2001:db8::7"
        both = await resolver.targets(uri("plain.example"), HOST, versions=(6, 4))
        assert [each.host for each in both] == ["2001:db8::7", "192.0.2.7"]
        assert server.asked("SRV", "_sip._udp.plain.example") == 1


@pytest.mark.parametrize(
    ("host", "why"),
    [
        ("nowhere.example", "'nowhere.example' has no address: the name does not exist"),
        ("six.example", "'six.example' has no address: there is no A record of that name"),
        ("a" * 70 + ".example", "'a*.example' has no address"),
        ("without.example", "'without.example' offers no SIP that we speak"),
        ("astray.example", "'astray.example': its server 'nowhere.example' has no address"),
    ],
)
async def test_no_address(tmp_path: Path, host: str, why: str) -> None:
    async with run_name_server(tmp_path, *RECORDS) as server:
        with pytest.raises(TrunkError, match=why):
            await asking(server).targets(uri(host), HOST)


async def test_the_hosts_file_comes_first(tmp_path: Path) -> None:
    hosts = tmp_path / "hosts"
    hosts.write_text("192.0.2.77 srv.example\n2001:db8::77 srv.example\n")
    async with run_name_server(tmp_path, *RECORDS) as server:
        resolver = asking(server, hosts)
        found = await resolver.targets(uri("srv.example"), HOST)
        assert await resolver.resolve("srv.example", HOST, version=6) == "2001:db8::77"
        assert server.asked("SRV", "_sip._udp.srv.example") == 0
    assert found == (Target("192.0.2.77", 5060, "udp"),)


async def test_answers_are_kept(tmp_path: Path) -> None:
    """Whether there is one or none, and one question is asked for all who wait for it."""
    async with run_name_server(tmp_path, *RECORDS) as server:
        resolver = asking(server)
        for _ in range(3):
            some = (resolver.targets(uri("srv.example"), HOST) for _ in range(20))
            assert len(set(await asyncio.gather(*some))) == 1
        assert server.asked("SRV", "_sip._udp.srv.example") == 1
        assert server.asked("NAPTR", "srv.example") == 1


async def test_answers_end(tmp_path: Path) -> None:
    async with run_name_server(tmp_path, *RECORDS, ttl=0) as server:
        resolver = asking(server)
        for _ in range(2):
            await resolver.resolve("a.example", HOST)
        assert server.asked("A", "a.example") == 2


async def test_limit(tmp_path: Path) -> None:
    async with run_name_server(tmp_path, *RECORDS) as server:
        server.hang()
        began = time.monotonic()
        with pytest.raises(TrunkError, match=r"the host 'a.example' was not .* within 0\.3 s"):
            await asking(server).resolve("a.example", HOST, limit=0.3)
        assert time.monotonic() - began < 3


async def test_silent_name_servers(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """What was known before still counts, and costs no more than two seconds."""
    caplog.set_level(logging.WARNING, logger="gateway.trunk.lookup")
    async with run_name_server(tmp_path, *RECORDS, ttl=0) as server:
        resolver = asking(server)
        before = await resolver.targets(uri("srv.example"), HOST)
        server.hang()
        began = time.monotonic()
        assert await resolver.targets(uri("srv.example"), HOST) == before
        assert time.monotonic() - began < 2.5
        assert "what was known before is used" in caplog.text
        with pytest.raises(TrunkError, match=r"'plain.example' was not resolved within 0\.5 s"):
            await resolver.targets(uri("plain.example"), HOST, limit=0.5)
        await resolver.close()


async def test_cancel(tmp_path: Path) -> None:
    """Whoever is canceled goes at once, and the others get their answer."""
    async with run_name_server(tmp_path, *RECORDS) as server:
        server.hang()
        resolver = asking(server)
        first, second = (asyncio.create_task(resolver.resolve("a.example", HOST)) for _ in range(2))
        await asyncio.sleep(0.05)
        began = time.monotonic()
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        assert time.monotonic() - began < 1
        server.go_on()
        assert await second == "192.0.2.1"


async def test_close(tmp_path: Path) -> None:
    """Nobody waits any more, and no task is left behind."""
    async with run_name_server(tmp_path, *RECORDS) as server:
        server.hang()
        resolver = asking(server)
        waiting = asyncio.create_task(resolver.resolve("a.example", HOST))
        await asyncio.sleep(0.05)
        await resolver.close()
        with pytest.raises(TrunkError, match="the gateway asks no more"):
            await waiting
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_not_more_than_so_many(tmp_path: Path) -> None:
    """A trunk that names a new host in each description does not use up the sockets."""
    async with run_name_server(tmp_path, *RECORDS) as server:
        server.hang()
        resolver = asking(server)
        some = [
            asyncio.create_task(resolver.resolve(f"{number}.example", HOST))
            for number in range(MOST_LOOKUPS)
        ]
        await asyncio.sleep(0)
        with pytest.raises(TrunkError, match="too many names"):
            await resolver.resolve("a.example", HOST)
        server.go_on()
        await asyncio.gather(*some, return_exceptions=True)
        assert await resolver.resolve("a.example", HOST) == "192.0.2.1"


async def test_literal_address() -> None:
    assert await Resolver().resolve("192.0.2.1", HOST) == "192.0.2.1"


def test_the_machines_name_servers(tmp_path: Path) -> None:
    """They are read again when the file has changed; without any it is the one here."""
    path = tmp_path / "resolv.conf"
    servers = SystemServers(path)
    assert servers().nameservers == ["127.0.0.1"]
    path.write_text("nameserver 192.0.2.53\nsearch voice.example\n")
    first = servers()
    assert first.nameservers == ["192.0.2.53"]
    assert [name.to_text() for name in first.search] == ["voice.example."]
    assert servers() is first
    path.write_text("nameserver 192.0.2.54\n")
    os.utime(path, (1, 1))
    assert servers().nameservers == ["192.0.2.54"]
    path.write_text("nameserver no-address\n")
    os.utime(path, (2, 2))
    assert servers().nameservers == ["127.0.0.1"]


def test_the_name_servers_for_the_engine(tmp_path: Path) -> None:
    """It asks at port 53, and knows no zones of addresses."""
    path = tmp_path / "resolv.conf"
    path.write_text("nameserver 192.0.2.53\nnameserver 2001:db8::53\nnameserver fe80::1%lo\n")
    servers = ask_as_configured(path)
    assert Resolver(lambda: servers).name_servers == ("192.0.2.53", "2001:db8::53")
    servers.port = 5353
    assert Resolver(lambda: servers).name_servers == ()
