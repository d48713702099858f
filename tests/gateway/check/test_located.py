"""Trunks by name: `gateway check` asks where calls would go, and says which target is at fault."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import dns.asyncresolver
import pytest

from gateway.check import located, password, trunk
from gateway.config_media import MediaSettings
from gateway.config_sip import TrunkSettings
from gateway.trunk.lookup import Resolver
from tests.gateway.trunk.wire import open_wire
from tests.peers.dnsmasq import run_name_server
from tests.peers.ports import free_port

pytestmark = pytest.mark.peer


def at(uri: str, **more: object) -> TrunkSettings:
    return TrunkSettings.model_validate({"name": "t", "uri": uri, **more})


@asynccontextmanager
async def names(
    monkeypatch: pytest.MonkeyPatch, directory: Path, *records: str
) -> AsyncIterator[None]:
    """Have names looked up in these records."""
    async with run_name_server(directory, *records) as server:
        servers = dns.asyncresolver.Resolver(configure=False)
        servers.nameservers, servers.port = ["127.0.0.1"], server.port
        monkeypatch.setattr(located, "Resolver", partial(Resolver, lambda: servers))
        yield


def srv(*ports: int) -> list[str]:
    return [
        "host-record=here.example,127.0.0.1",
        *(
            f"srv-host=_sip._udp.pbx.example,here.example,{port},{priority}"
            for priority, port in enumerate(ports, 1)
        ),
    ]


async def test_each_target_is_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    async with open_wire() as first, open_wire() as second:
        first.answering, second.answering = 200, 503
        async with names(monkeypatch, tmp_path, *srv(first.port, second.port)):
            found = await trunk.answer(at("sip:pbx.example"))
    assert (found.ok, found.doubtful) == (True, True)
    assert found.text == (
        "trunk 't' at sip:pbx.example: "
        f"127.0.0.1:{first.port};transport=udp: answered OPTIONS with 200 As Always; "
        f"127.0.0.1:{second.port};transport=udp: answered OPTIONS with 503 As Always"
    )
    assert first.heard[0].start == "OPTIONS sip:pbx.example SIP/2.0"


async def test_no_target_answers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    async with names(monkeypatch, tmp_path, *srv(free_port(), free_port())):
        found = await trunk.answer(at("sip:pbx.example"))
    assert (found.ok, found.doubtful) == (False, False)
    assert found.text.lower().count("connection refused") == 2


async def test_a_name_without_an_address(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    async with names(monkeypatch, tmp_path, "host-record=six.example,2001:db8::6"):
        for host, why in (
            ("nowhere.example", "the name does not exist"),
            ("six.example", "there is no A record of that name"),
        ):
            found = await trunk.answer(at(f"sip:{host}:5060"))
            assert not found.ok
            assert found.text.endswith(f"the host {host!r} has no address: {why}")
            assert await trunk.audio(at(f"sip:{host}:5060"), MediaSettings()) == []
            told = await password.check(at(f"sip:{host}:5060", username="us", password="secret"))
            assert told is not None
            assert f"no way to tell whether the password is right: the host {host!r}" in told.text


async def test_a_name_that_leads_elsewhere_needs_another_media_address(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async with names(monkeypatch, tmp_path, "host-record=pbx.example,192.0.2.7"):
        pbx = at("sip:pbx.example")
        (finding,) = await trunk.audio(pbx, MediaSettings())
        assert not finding.ok
        assert finding.text == (
            "media.address = '127.0.0.1': the trunk 't' at pbx.example (192.0.2.7) cannot send "
            "audio to a loopback address"
        )
        for address in ("192.0.2.1", "0.0.0.0", "::"):
            assert await trunk.audio(pbx, MediaSettings(address=address)) == []


async def test_a_name_of_the_other_kind_of_ip_hears_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async with names(monkeypatch, tmp_path, "host-record=pbx.example,2001:db8::7"):
        pbx = at("sip:pbx.example")
        (finding,) = await trunk.audio(pbx, MediaSettings(address="0.0.0.0"), "::")
        assert not finding.ok
        assert finding.text == (
            "media.address = '0.0.0.0' has no address that the trunk 't' at pbx.example "
            "(2001:db8::7) can send audio to"
        )
        assert await trunk.audio(pbx, MediaSettings(address="::"), "::") == []


async def test_an_outbound_proxy_is_asked_instead(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async with open_wire() as proxy, names(monkeypatch, tmp_path):
        proxy.answering = 200
        one = at(
            "sip:trunk.example",
            outbound_proxy=f"{proxy.uri};transport=udp;lr",
            username="us",
            password="secret",
        )
        found = await trunk.answer(one)
        told = await password.check(one)
    assert found.text == (
        f"trunk 't' at sip:trunk.example by {proxy.uri};transport=udp;lr: "
        "answered OPTIONS with 200 As Always"
    )
    assert told is not None
    assert "challenges neither OPTIONS nor REGISTER" in told.text
    assert {each.header("route") for each in proxy.heard} == {f"<{proxy.uri};transport=udp;lr>"}
    assert proxy.heard[0].start == "OPTIONS sip:trunk.example SIP/2.0"
