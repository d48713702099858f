"""The gateway as a process: it starts, says that it is ready, and ends when it is told to."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from gateway.config_sources import load
from tests.peers.gateway import GatewayConfig
from tests.peers.process import PeerError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import StartGateway
    from tests.peers.asterisk import AsteriskLab
    from tests.peers.gateway import Gateway

TRUNK = {"name": "lab", "uri": "sip:127.0.0.1:15060;transport=udp", "codecs": ["PCMA"]}


def test_the_configuration_is_one_that_the_gateway_reads(tmp_path: Path) -> None:
    config = GatewayConfig([TRUNK], overrides={"admission": {"deny": ["+1900"]}})
    file = tmp_path / "gateway.toml"
    file.write_text(config.render())
    settings = load(file, {})
    assert settings.http.listen.port == config.http_port
    assert settings.sip.listen.port == config.sip_port
    assert settings.media.ports == (config.media_ports.start, config.media_ports.stop - 1)
    assert (settings.admission.allow, settings.admission.deny) == (("+1",), ("+1900",))
    assert [(trunk.name, trunk.codecs) for trunk in settings.trunks] == [("lab", ("PCMA",))]


async def test_it_is_ready_and_says_what_it_uses(gateway: Gateway) -> None:
    assert (await gateway.get("/healthz"))[0] == 200
    assert await gateway.metrics()
    usage = gateway.usage()
    assert usage.processes >= 1
    assert usage.sockets >= 2  # HTTP and SIP
    assert usage.cpu > 0


async def test_it_ends_when_it_is_told_to(lab: AsteriskLab, start_gateway: StartGateway) -> None:
    async with start_gateway({**TRUNK, "uri": lab.uri()}) as gateway:
        pid = gateway.pid
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_a_start_that_fails_is_told_with_its_reason(start_gateway: StartGateway) -> None:
    with pytest.raises(PeerError, match=r"ended with status 1\n(?s:.*)sip\.listen"):
        async with start_gateway(TRUNK, sip={"listen": "nowhere"}):
            pass
