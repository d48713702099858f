"""Encrypted audio with Asterisk: it wants SDES, takes it or refuses it, and so do we."""

from __future__ import annotations

import asyncio
import re
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gateway.caller.sound import RATE
from tests.end_to_end.conftest import LAB_TONE, TONE
from tests.end_to_end.phone import calling
from tests.end_to_end.recording import assert_heard, read_recording
from tests.end_to_end.test_codecs import check_unbroken
from tests.end_to_end.trunks import idle, lab_trunk, media_events, refused
from tests.peers.gateway import Gateway, GatewayConfig, run_gateway

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.peers.ami import Manager
    from tests.peers.asterisk import AsteriskLab

pytestmark = [pytest.mark.peer, pytest.mark.asyncio(loop_scope="module")]

WANTS, TAKES, REFUSES = "trunk-srtp", "trunk-srtp-opt", "trunk-digest"  # of the lab's accounts
ROUND_TRIP = 20.0  # seconds within which both sides have sent reports that answer each other's


@asynccontextmanager
async def gateway_to(
    lab: AsteriskLab,
    folder: Path,
    username: str,
    srtp: str,
    codecs: tuple[str, ...] = ("PCMU",),
    transport: str = "udp",
) -> AsyncIterator[Gateway]:
    """Run a gateway that logs everything, but no key, and is to refuse no packet."""
    trunk = {**lab_trunk(lab, transport, username=username, codecs=codecs), "srtp": srtp}
    overrides: dict[str, dict[str, object]] = {
        "admission": {"allow": ["*"]},
        "log": {"level": "debug"},
    }
    config = GatewayConfig([trunk], overrides=overrides)
    async with run_gateway(config, folder / "gateway") as gateway:
        yield gateway
        metrics = media_events(await idle(gateway))
        assert refused(metrics) == {}
        shown = re.findall(r"inline:[^\\\s|;]*", gateway.log())
        assert set(shown) <= {"inline:***"}
        assert shown or srtp == "off", "the log has SIP in it"


@pytest.mark.parametrize(
    ("username", "srtp", "transport", "encrypted"),
    [
        (WANTS, "required", "udp", True),
        (WANTS, "required", "tls", True),
        (WANTS, "optional", "udp", True),
        (TAKES, "required", "udp", True),
        (TAKES, "optional", "udp", True),
        (TAKES, "off", "udp", False),
        (REFUSES, "optional", "udp", False),
    ],
)
async def test_a_tone_from_each_side(
    lab: AsteriskLab,
    manager: Manager,
    tmp_path: Path,
    tone: Path,
    username: str,
    srtp: str,
    transport: str,
    encrypted: bool,
) -> None:
    async with gateway_to(lab, tmp_path, username, srtp, transport=transport) as gateway:
        async with calling(gateway, "9603", play=tone) as call:
            await call.hear("answered")
            await asyncio.sleep(2)
            outcome = await call.hang_up()
        log = gateway.log()
    assert outcome.heard is not None
    assert outcome.lost == 0
    assert_heard(outcome.heard[-RATE:], RATE, present=[LAB_TONE], absent=[TONE])
    record = await manager.wait("LabRecord")
    hangup = await manager.wait("LabHangup", CallID=record["CallID"])
    assert float(hangup["RxPloss"]) == 0
    received, rate = await read_recording(Path(record["Rx"]))
    assert_heard(received[-rate:], rate, present=[TONE], absent=[LAB_TONE])
    ciphers = re.findall(r"audio goes to the trunk with (no cipher|\w+)", log)
    assert len(ciphers) == 1
    assert (ciphers != ["no cipher"]) is encrypted, ciphers


@pytest.mark.parametrize(
    ("username", "srtp", "words"),
    [(WANTS, "off", "audio formats."), (REFUSES, "required", "encrypted audio only")],
)
async def test_who_wants_what_the_other_refuses(
    lab: AsteriskLab, tmp_path: Path, tone: Path, username: str, srtp: str, words: str
) -> None:
    async with (
        gateway_to(lab, tmp_path, username, srtp) as gateway,
        calling(gateway, "603", play=tone) as call,
    ):
        ended = await call.hear("ended")
    assert call.ended() == ("remote", "incompatible-media", 488)
    assert words in ended["message"]


async def test_another_codec_in_mid_call(
    lab: AsteriskLab, manager: Manager, tmp_path: Path, tone: Path
) -> None:
    """The lab's re-INVITE has the key that it had, and the stream goes on, both ways."""
    async with (
        gateway_to(lab, tmp_path, WANTS, "required", ("PCMU", "PCMA")) as gateway,
        calling(gateway, "9674", play=tone) as call,
    ):
        await call.hear("answered")
        record = await manager.wait("LabRecord")
        await asyncio.sleep(4)  # the change comes two seconds after the answer
        outcome = await call.hang_up()
    hangup = await manager.wait("LabHangup", CallID=record["CallID"])
    assert hangup["Codec"] == "alaw", "the codec was to change"
    assert outcome.heard is not None
    check_unbroken(outcome.heard, RATE, LAB_TONE, "the caller")
    received, rate = await read_recording(Path(record["Rx"]))
    check_unbroken(received, rate, TONE, "the trunk")


async def test_reports_are_encrypted_both_ways(
    lab: AsteriskLab, tmp_path: Path, tone: Path
) -> None:
    """A round trip is known only where each side has read the other's reports."""
    async with (
        gateway_to(lab, tmp_path, WANTS, "required") as gateway,
        calling(gateway, "603", play=tone) as call,
    ):
        await call.hear("answered")
        count = 1
        async with asyncio.timeout(ROUND_TRIP):
            while (await call.hear("quality", count=count))["trunk"].get("rttMs") is None:
                count += 1
        await call.hang_up()
