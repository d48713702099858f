"""What nobody should send: refused with its reason or dropped and counted, and calls go on.

sipp is the trunk, so that the test owns the address of the trunk's media. It takes one call in a
test: an INVITE for anything that was to be refused would be that call, and fail the test.
"""

from __future__ import annotations

import asyncio
import re
import socket
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, NamedTuple

import pytest
import pytest_asyncio

from gateway.caller.sound import RATE
from tests.end_to_end.conftest import TONE
from tests.end_to_end.page import open_page
from tests.end_to_end.phone import PhoneCall, calling
from tests.end_to_end.recording import assert_heard
from tests.end_to_end.trunk_audio import FRAME, HOST, PCMU, TrunkAudio, trunk_audio
from tests.end_to_end.trunk_audio import RATE as TRUNK_RATE
from tests.end_to_end.trunks import idle, media_events, open_trunk
from tests.gateway.trunk.script import (
    ACK,
    BYE,
    DONE,
    INVITE,
    RINGING,
    SDP,
    Respond,
    Step,
    write_script,
)
from tests.peers.gateway import Gateway, GatewayConfig, run_gateway
from tests.peers.ports import free_port
from tests.peers.sipp import run_trunk
from tests.sdp.descriptions import BROWSER_OFFER
from tests.tones import make_tone
from voice import g711
from voice.rtp import pack_header

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from tests.peers.sipp import Sipp

pytestmark = [pytest.mark.peer, pytest.mark.asyncio(loop_scope="module")]

NUMBER = "+15550100"
TRUNK_TONE = 440.0
INTRUDER_TONE = 1200.0
STRANGER = "127.0.0.3"
BUSY = (INVITE, Respond(486, "Busy Here"), ACK)


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(port: int, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gateway]:
    """A gateway whose trunk is whatever listens on `port`."""
    config = GatewayConfig([open_trunk(port)])
    async with run_gateway(config, tmp_path_factory.mktemp("gateway")) as gateway:
        yield gateway


def trunk(port: int, folder: Path, *steps: Step) -> AbstractAsyncContextManager[Sipp]:
    return run_trunk(write_script(folder, *steps), folder, port=port)


def invited(sipp: Sipp) -> list[str]:
    """Return the request lines of the INVITEs that the trunk got."""
    return [each.start_line for each in sipp.messages() if each.start_line.startswith("INVITE")]


# ---- descriptions

FINGERPRINT = re.search(r"^a=fingerprint:.*\n", BROWSER_OFFER, re.M)[0]  # type: ignore[index]
BAD_OFFERS = {
    "nothing": ("", "line 1"),
    "no description": ("Call me, please.", "line 1"),
    "no medium": (BROWSER_OFFER.partition("m=audio")[0], "audio"),
    "no audio": (BROWSER_OFFER.replace("m=audio", "m=video"), "audio"),
    "audio that is refused": (BROWSER_OFFER.replace("m=audio 9", "m=audio 0"), "audio"),
    "no fingerprint": (BROWSER_OFFER.replace(FINGERPRINT, ""), "fingerprint"),
    "no ICE": (re.sub(r"a=ice-(ufrag|pwd).*\n", "", BROWSER_OFFER), "ice"),
    "no shared codec": (
        BROWSER_OFFER.replace("111", "9").replace("opus/48000/2", "G722/8000"),
        "opus",
    ),
    "no encryption": (BROWSER_OFFER.replace("UDP/TLS/RTP/SAVPF", "RTP/AVP"), "RTP/AVP"),
}


@pytest.mark.parametrize("kind", BAD_OFFERS)
async def test_an_offer_that_cannot_be_answered(
    gateway: Gateway, port: int, tmp_path: Path, kind: str
) -> None:
    offer, word = BAD_OFFERS[kind]
    async with trunk(port, tmp_path, *BUSY) as sipp:
        async with open_page(gateway) as page:
            error = await page.call("+15550199", offer)
            await page.call(NUMBER, BROWSER_OFFER)
            await page.until("ended")
        await sipp.finish()
    assert (error["type"], error["code"], error["name"]) == ("error", 488, "bad-offer")
    assert (error["fatal"], error["call"]) == (True, "1")
    assert word.lower() in error["message"].lower()
    assert [NUMBER in line for line in invited(sipp)] == [True]
    await idle(gateway)


# ---- fields

BAD_TARGETS = [
    "",
    " ",
    "sip:600@example.org",
    "600@example.org",
    "callto:+15550100",
    "tel:+15550100;isub=1",
    "+44020 7946 0000",
    "+15550100\r\nX-Evil: 1",
    "+15550100\nX-Evil: 1",
    "<sip:600@127.0.0.1>",
    "600>",
    "600;transport=tcp",
    "600?Replaces=1",
    '"600"',
    "+1555\x00010",
    "+",
    "+15550100" + 60 * "0",
    "+1555\u0660\u0661\u0660\u0660",  # Arabic-Indic digits, which Python takes for digits
]
BAD_FIELDS: dict[str, dict[str, object]] = {
    "from with a line end": {"from": "+15550001\r\nX-Evil: 1"},
    "from with a host": {"from": "+15550001@example.org"},
    "from with brackets": {"from": "<+15550001>"},
    "name with a line end": {"displayName": "Ana\r\nX-Evil: 1"},
    "name with brackets": {"displayName": "Ana <sip:ana@example.org>"},
    "name that is long": {"displayName": 65 * "a"},
    "header with CR": {"headers": {"X-Account": "1\rX-Evil: 1"}},
    "header with LF": {"headers": {"X-Account": "1\nX-Evil: 1"}},
    "header with brackets": {"headers": {"X-Account": "<sip:ana@example.org>"}},
    "header with a line end in its name": {"headers": {"X-A: 1\r\nX-Evil": "1"}},
    "header with a colon in its name": {"headers": {"X-A:B": "1"}},
    "header of SIP's own": {"headers": {"Route": "sip:127.0.0.1"}},
    "header twice": {"headers": {"X-A": "1", "x-a": "2"}},
    "headers without end": {"headers": {f"X-{i}": "1" for i in range(17)}},
}
FORBIDDEN = ["+442071838750", "600", "operator"]  # admission.allow is ["+1"]


async def test_fields_that_are_refused(gateway: Gateway, port: int, tmp_path: Path) -> None:
    """All on one socket, and then a call that is one."""
    async with trunk(port, tmp_path, *BUSY) as sipp:
        async with open_page(gateway) as page:
            for to in BAD_TARGETS:
                error = await page.call(to, BROWSER_OFFER)
                assert (error["type"], error["code"], error["name"]) == ("error", 484, "bad-target")
                assert error["fatal"], to
            for fields in BAD_FIELDS.values():
                error = await page.call(NUMBER, BROWSER_OFFER, **fields)
                assert (error["type"], error["code"]) == ("error", 400), fields
                assert error["fatal"], fields
                assert next(iter(fields)) in error["message"] or "header" in error["message"]
            for to in FORBIDDEN:
                error = await page.call(to, BROWSER_OFFER)
                assert (error["type"], error["code"], error["name"]) == (
                    "error",
                    403,
                    "not-allowed",
                )
            await page.call(NUMBER, BROWSER_OFFER)
            await page.until("ended")
        messages = await sipp.finish()
    assert [NUMBER in line for line in invited(sipp)] == [True]
    assert "evil" not in str(messages).lower()
    await idle(gateway)


# ---- datagrams


class Talk(NamedTuple):
    """A call in which both sides speak, and where the gateway listens."""

    call: PhoneCall
    trunk: TrunkAudio
    gateway_rtp: tuple[str, int]  # towards the trunk
    gateway_ice: tuple[str, int]  # towards the browser


@asynccontextmanager
async def talking(gateway: Gateway, port: int, folder: Path, tone: Path) -> AsyncIterator[Talk]:
    """Set up a call; at the end both sides must still hear each other, and nobody else."""
    async with trunk_audio(TRUNK_TONE) as sound:
        answer = Respond(200, "OK", SDP.replace("[media_port]", str(sound.port)))
        async with (
            trunk(port, folder, INVITE, RINGING, answer, ACK, BYE, DONE) as sipp,
            calling(gateway, NUMBER, play=tone) as call,
        ):
            await call.hear("answered")
            async with asyncio.timeout(5):
                await sound.found.wait()
            assert sound.gateway is not None
            yield Talk(call, sound, sound.gateway, ice_address(call))
            before = len(sound.heard)
            await asyncio.sleep(1)
            outcome = await call.hang_up()
            await sipp.finish()
        assert outcome.heard is not None
        wrong = [TONE, INTRUDER_TONE]
        assert_heard(outcome.heard[RATE // 2 :], RATE, present=[TRUNK_TONE], absent=wrong)
        assert len(sound.heard) > before + 25, "the trunk hears nothing any more"
        wrong = [TRUNK_TONE, INTRUDER_TONE]
        assert_heard(sound.samples()[-TRUNK_RATE:], TRUNK_RATE, present=[TONE], absent=wrong)
    # A port is held as long as its trunk speaks, so only now can nothing be left
    assert "faults" not in media_events(await idle(gateway))


def ice_address(call: PhoneCall) -> tuple[str, int]:
    """Return where the gateway listens for the browser, from its answer."""
    answer = next(each for each in call.messages if each["type"] == "answer")
    found = re.search(r"a=candidate:\S+ 1 udp \d+ (\S+) (\d+) typ host", answer["answer"]["sdp"])
    assert found is not None
    return found[1], int(found[2])


@asynccontextmanager
async def counting(gateway: Gateway) -> AsyncIterator[dict[str, int]]:
    """Give the dictionary that is filled at the end: what the media plane counted meanwhile."""
    counted: dict[str, int] = {}
    before = media_events(await gateway.metrics())
    yield counted
    after = media_events(await gateway.metrics())
    counted.update({name: after[name] - before.get(name, 0) for name in after})


def sender(host: str) -> socket.socket:
    """Return a socket on another address, or another port, than the peers of the call."""
    made = socket.socket(type=socket.SOCK_DGRAM)
    made.bind((host, 0))
    made.setblocking(False)
    return made


def intrusion(count: int, *, ssrc: int = 0x1BAD1BAD, payload_type: int = PCMU) -> list[bytes]:
    """Return proper RTP packets with a tone that nobody may hear."""
    codes = g711.encode_ulaw(make_tone(INTRUDER_TONE, seconds=count * 0.02, rate=TRUNK_RATE))
    return [
        pack_header(payload_type, i, i * FRAME, ssrc) + frame.tobytes()
        for i, frame in enumerate(codes.reshape(-1, FRAME))
    ]


@pytest.mark.parametrize("host", [STRANGER, HOST])
async def test_rtp_from_a_stranger(
    gateway: Gateway, port: int, tmp_path: Path, tone: Path, host: str
) -> None:
    """From another host, and from another port of the trunk's own host."""
    packets = intrusion(50)
    async with counting(gateway) as counted, talking(gateway, port, tmp_path, tone) as talk:
        with sender(host) as stranger:
            for packet in packets:
                stranger.sendto(packet, talk.gateway_rtp)
                await asyncio.sleep(0.01)
            with pytest.raises(BlockingIOError):
                stranger.recv(2000)  # the gateway never speaks to it
    assert counted["trunk_rejected_stranger"] == len(packets)


async def test_rtp_of_a_second_source(
    gateway: Gateway, port: int, tmp_path: Path, tone: Path
) -> None:
    """Another SSRC from the right address, beside the stream that is being heard."""
    packets = intrusion(50)
    async with counting(gateway) as counted, talking(gateway, port, tmp_path, tone) as talk:
        await talk.trunk.send_beside(packets)
    # It may be a media server in another's place, until the one before goes on
    assert len(packets) - 3 <= counted["trunk_rejected_ssrc"] <= len(packets)


def malformed(ssrc: int) -> dict[str, list[bytes]]:
    """Return datagrams by the reason for which each is rejected."""
    good = intrusion(1, ssrc=ssrc)[0]
    return {
        "short": [b"\x80", good[:11]],
        "version": [b"\x00" + good[1:], b"\x40" + good[1:], 200 * b"\xff"],
        "csrc": [b"\x8f" + good[1:20]],
        "extension": [b"\x90" + good[1:12], b"\x90" + good[1:12] + b"\xbe\xde\xff\xff"],
        "padding": [b"\xa0" + good[1:-1] + b"\x00", b"\xa0" + good[1:-1] + b"\xff"],
        "length": [b"", 1501 * b"\x80", 9000 * b"\x80", 65507 * b"\x80"],
        "payload-type": intrusion(3, ssrc=ssrc, payload_type=96),
        "event": [pack_header(101, 1, 0, ssrc) + b"\x01"],
    }


async def test_rtp_that_is_malformed(
    gateway: Gateway, port: int, tmp_path: Path, tone: Path
) -> None:
    """From the right address and, where it has got one, with the right SSRC."""
    async with counting(gateway) as counted, talking(gateway, port, tmp_path, tone) as talk:
        datagrams = malformed(talk.trunk.ssrc)
        await talk.trunk.send_beside([each for kind in datagrams.values() for each in kind])
    rejected = {kind: counted.get(f"trunk_rejected_{kind}", 0) for kind in datagrams}
    assert rejected == {kind: len(each) for kind, each in datagrams.items()}


def garbage() -> Iterator[bytes]:
    """Yield datagrams that no browser sends, one for each first byte, and forgeries."""
    for first in range(256):
        yield bytes([first]) + 40 * b"\x5a"
    cookie = b"\x21\x12\xa4\x42"
    yield b"\x00\x01\x00\x00" + cookie + 12 * b"x"  # a binding request without credentials
    yield b"\x00\x01\xff\xff" + cookie + 12 * b"x"  # its length is wrong
    yield b"\x00\x01\x00\x08" + cookie + 12 * b"x" + b"\x00\x06\x00\x40a:b"  # a user name cut off
    yield b"\x01\x01\x00\x00" + cookie + 12 * b"x"  # an answer to nothing
    alert = b"\x16\xfe\xfd" + 8 * b"\x00"
    yield alert + b"\xff\xff"  # a record cut off
    yield b"\x15\xfe\xfd" + 8 * b"\x00" + b"\x00\x02\x02\x28"  # fatal: handshake_failure
    yield b"\x15\xfe\xfd" + 8 * b"\x00" + b"\x00\x02\x01\x00"  # close_notify


OUTSIZED = [b"", b"\x80", 12 * b"\x00", 1501 * b"\x16", 9000 * b"\x80", 65507 * b"\x00"]


async def send_all(source: socket.socket, datagrams: Sequence[bytes], to: tuple[str, int]) -> None:
    """Send them, with a pause now and then so that no buffer overflows."""
    for number, datagram in enumerate(datagrams):
        source.sendto(datagram, to)
        if number % 16 == 15:
            await asyncio.sleep(0.002)


@pytest.mark.parametrize("host", [STRANGER, HOST])
async def test_garbage_at_the_browsers_port(
    gateway: Gateway, port: int, tmp_path: Path, tone: Path, host: str
) -> None:
    """STUN, DTLS and RTP that is none, in mid-call, from another host and from another port."""
    datagrams = list(garbage())
    async with counting(gateway) as counted, talking(gateway, port, tmp_path, tone) as talk:
        with sender(host) as stranger:
            await send_all(stranger, [*datagrams, *OUTSIZED], talk.gateway_ice)
    assert counted["browser_rejected_length"] == len(OUTSIZED)
    # A check needs a user name fragment of ours, all else an address that a check has proved
    checks = sum(each[0] < 4 and not (each[0] << 8 | each[1]) & 0x0110 for each in datagrams)
    secret = sum(20 <= each[0] < 64 or 128 <= each[0] < 192 for each in datagrams)
    answers = sum(each[0] < 4 for each in datagrams) - checks
    assert counted["browser_rejected_ufrag"] == checks
    assert counted["browser_rejected_stranger"] == secret + answers
    assert counted["browser_rejected_unknown"] == len(datagrams) - checks - answers - secret


async def test_garbage_during_the_set_up(
    gateway: Gateway, port: int, tmp_path: Path, tone: Path
) -> None:
    """Before ICE has found the browser, whatever comes could be its first packet."""
    async with trunk_audio(TRUNK_TONE) as sound:
        answer = Respond(200, "OK", SDP.replace("[media_port]", str(sound.port)))
        async with (
            counting(gateway) as counted,
            trunk(port, tmp_path, INVITE, RINGING, answer, ACK, BYE, DONE) as sipp,
            calling(gateway, NUMBER, play=tone) as call,
        ):
            await call.hear("answer")
            with sender(HOST) as stranger:
                for datagram in [*garbage(), *OUTSIZED]:
                    stranger.sendto(datagram, ice_address(call))
                await call.hear("answered")
                await asyncio.sleep(1)
            outcome = await call.hang_up()
            await sipp.finish()
    assert "media" in outcome.times, "the browser's media never came up"
    assert outcome.heard is not None
    assert_heard(outcome.heard[-RATE // 2 :], RATE, present=[TRUNK_TONE], absent=[TONE])
    assert counted["browser_rejected_length"] == len(OUTSIZED)
    await idle(gateway)
