"""Calls over TLS, and over IPv6, to Asterisk: each side hears the other."""

from __future__ import annotations

import asyncio
import os
import signal
import ssl
from pathlib import Path
from shutil import copyfile
from typing import TYPE_CHECKING

import pytest

from gateway.caller.sound import RATE
from tests.end_to_end.conftest import LAB_TONE, TONE
from tests.end_to_end.phone import calling
from tests.end_to_end.recording import assert_heard, read_recording
from tests.end_to_end.trunks import idle, lab_trunk
from tests.peers.authority import Authority, Pair
from tests.peers.gateway import Gateway, GatewayConfig, run_gateway
from tests.peers.ports import free_port
from tests.peers.process import wait_until
from tests.peers.requirement import require_ipv6, require_own_engine

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.peers.ami import Manager
    from tests.peers.asterisk import AsteriskLab

pytestmark = [pytest.mark.peer, pytest.mark.asyncio(loop_scope="module")]

TRUNKS = ["sip:127.0.0.1:{tls};transport=tls", "sips:localhost:{tls}"]
IPV6 = ["sip:[::1]:{sip}", "sip:[::1]:{sip};transport=tcp", "sips:[::1]:{tls}"]


@pytest.fixture(autouse=True)
def _engine() -> None:
    require_own_engine()


async def talk(gateway: Gateway, manager: Manager, tone: Path, address: str = "127.0.0.1") -> None:
    """Call from an address, and find each side's tone at the other, and not its own."""
    async with calling(gateway, "9603", play=tone, address=address) as call:
        await call.hear("answered")
        await asyncio.sleep(2)
        outcome = await call.hang_up()
    record = await manager.wait("LabRecord")
    await manager.wait("LabHangup", CallID=record["CallID"])
    assert outcome.heard is not None
    assert_heard(outcome.heard[-round(1.5 * RATE) :], RATE, present=[LAB_TONE], absent=[TONE])
    received, rate = await read_recording(Path(record["Rx"]))
    assert_heard(received[-rate:], rate, present=[TONE], absent=[LAB_TONE])
    await idle(gateway)


def config(trunk: Mapping[str, object], **tables: Mapping[str, object]) -> GatewayConfig:
    return GatewayConfig([trunk], overrides={"admission": {"allow": ["*"]}, **tables})


@pytest.mark.parametrize("uri", TRUNKS)
async def test_by_tls(
    lab: AsteriskLab, manager: Manager, tone: Path, tmp_path: Path, uri: str
) -> None:
    trunk = {**lab_trunk(lab, "tls"), "uri": uri.format(tls=lab.tls_port)}
    async with run_gateway(config(trunk), tmp_path) as gateway:
        await talk(gateway, manager, tone)


@pytest.mark.parametrize("uri", IPV6)
async def test_by_ipv6(
    lab: AsteriskLab, manager: Manager, tone: Path, tmp_path: Path, uri: str
) -> None:
    require_ipv6()
    transport = "tls" if uri.startswith("sips") else "udp"
    trunk = {
        **lab_trunk(lab, transport, username="trunk-ipv6"),
        "uri": uri.format(tls=lab.tls_port, sip=lab.sip_port),
    }
    both = config(trunk, media={"address": "::1"})
    both.overrides = {**both.overrides, "sip": {"listen": f"[::1]:{both.sip_port}"}}
    async with run_gateway(both, tmp_path) as gateway:
        await talk(gateway, manager, tone, "::1")


async def test_a_trunk_that_is_not_believed(lab: AsteriskLab, tmp_path: Path) -> None:
    """The log is told whose certificate is wrong, and the call does not hang."""
    other = Authority(tmp_path, "somebody else")
    trunk = {**lab_trunk(lab, "tls"), "ca": str(other.file)}
    async with run_gateway(config(trunk), tmp_path / "gateway") as gateway:
        async with calling(gateway, "600") as call:
            end = (await call.end()).last
        said = "certificate is of an authority ('asterisk-lab CA') that is not trusted here."
        assert (end["by"], end["cause"], end["sipCode"]) == ("gateway", "unreachable", 503)
        assert end["message"] == "No connection to the trunk could be made."
        assert said in gateway.log()


async def test_sighup_renews_the_certificate(lab: AsteriskLab, tmp_path: Path) -> None:
    """The next connection is shown what the files hold now, unless that is no certificate."""
    authority, port = Authority(tmp_path), free_port()
    before, after = authority.issue("gateway.example"), authority.issue("gateway.example")
    sip = {"tls_listen": f"127.0.0.1:{port}", "certificate": str(before.certificate)}
    settings = config(lab_trunk(lab), log={"level": "info"})
    sip = {"listen": f"127.0.0.1:{settings.sip_port}", **sip, "key": str(before.key)}
    settings.overrides = {**settings.overrides, "sip": sip}

    async def shown() -> str:
        return await asyncio.to_thread(ssl.get_server_certificate, ("127.0.0.1", port))

    def text(pair: Pair) -> str:
        return pair.certificate.read_text()

    old, new = text(before), text(after)
    async with run_gateway(settings, tmp_path / "gateway") as gateway:
        assert (await shown()).split() == old.split()
        before.certificate.write_text("none")
        os.kill(gateway.pid, signal.SIGHUP)
        await wait_until(lambda: "sip.certificate = " in gateway.log(), limit=5, what="the mistake")
        assert (await shown()).split() == old.split()
        copyfile(after.certificate, before.certificate)
        copyfile(after.key, before.key)
        os.kill(gateway.pid, signal.SIGHUP)
        await wait_until(lambda: "was read again" in gateway.log(), limit=5, what="the renewal")
        assert (await shown()).split() == new.split()
