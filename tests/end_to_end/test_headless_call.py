"""Calls by the headless caller (real ICE, DTLS, Opus) through the gateway to Asterisk."""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from gateway.caller.sound import RATE
from tests.end_to_end.conftest import LAB_TONE, RINGBACK, TONE
from tests.end_to_end.phone import calling
from tests.end_to_end.recording import assert_heard, first_sound, read_recording
from tests.end_to_end.trunks import idle, media_events, refused
from tests.tones import make_tone, read_wav, strongest_tone, write_wav

if TYPE_CHECKING:
    from tests.peers.ami import Manager
    from tests.peers.gateway import Gateway

pytestmark = [pytest.mark.peer, pytest.mark.asyncio(loop_scope="module")]

CLIPPED = 0.3  # seconds of the first word that may be missing on a busy machine; 0.1 is usual


@pytest.mark.parametrize(
    ("number", "cause", "code"),
    [
        ("619", "no-answer", 408),
        ("620", "busy", 486),
        ("621", "rejected", 603),
        ("622", "not-found", 404),
        ("623", "forbidden", 403),
        ("624", "no-answer", 480),
        ("625", "congestion", 503),
        ("626", "incompatible-media", 488),
        ("627", "not-found", 410),
        ("628", "incomplete-number", 484),
        ("629", "network-failure", 500),
    ],
)
async def test_refused(gateway: Gateway, number: str, cause: str, code: int) -> None:
    async with calling(gateway, number) as call:
        end = (await call.end()).last
    assert call.kinds == ["welcome", "trying", "answer", "ended"]
    assert (end["by"], end["cause"], end["sipCode"], end["durationMs"]) == (
        "remote",
        cause,
        code,
        0,
    )
    assert end["reason"]
    assert end["message"].endswith(".")


async def test_ring_and_cancel(gateway: Gateway, manager: Manager) -> None:
    async with calling(gateway, "630") as call:
        ringing = await call.hear("ringing")
        end = (await call.hang_up()).last
    assert ringing["earlyMedia"] is False
    assert "answered" not in call.kinds
    assert (end["by"], end["cause"], end["sipCode"]) == ("local", "canceled", 487)
    rung = await manager.wait("LabCall", Dialed="630")
    await manager.wait("LabHangup", CallID=rung["CallID"])


async def test_the_far_end_hangs_up(gateway: Gateway) -> None:
    async with calling(gateway, "641") as call:
        outcome = await call.end()
    end = outcome.last
    assert call.kinds[-2:] == ["answered", "ended"]
    assert (end["by"], end["cause"], end["sipCode"]) == ("remote", "hangup", 200)
    assert 700 <= end["durationMs"] <= 2000
    assert outcome.received > 30


async def test_the_caller_hangs_up(gateway: Gateway, manager: Manager) -> None:
    async with calling(gateway, "600") as call:
        answered = await call.hear("answered")
        lab_call = await manager.wait("LabCall", Dialed="600")
        end = (await call.hang_up()).last
    assert answered["codec"] == {"browser": "opus", "trunk": "PCMU"}
    assert (end["by"], end["cause"], end["sipCode"]) == ("local", "hangup", 200)
    await manager.wait("LabHangup", CallID=lab_call["CallID"])
    await idle(gateway)


async def test_each_side_hears_the_other_and_not_itself(
    gateway: Gateway, manager: Manager, tone: Path
) -> None:
    async with calling(gateway, "9603", play=tone) as call:
        await call.hear("answered")
        await asyncio.sleep(2)
        outcome = await call.hang_up()
    record = await manager.wait("LabRecord")
    await manager.wait("LabHangup", CallID=record["CallID"])
    assert outcome.heard is not None
    heard = outcome.heard[-round(1.5 * RATE) :]
    assert_heard(heard, RATE, present=[LAB_TONE], absent=[TONE])
    received, rate = await read_recording(Path(record["Rx"]))
    assert_heard(received[-rate:], rate, present=[TONE], absent=[LAB_TONE])


async def test_first_words_from_the_far_end(gateway: Gateway) -> None:
    """What the far end says as it picks up is there: the first packet comes with the answer."""
    async with calling(gateway, "603") as call:
        await call.hear("answered")
        await asyncio.sleep(0.5)
        outcome = await call.hang_up()
    assert outcome.heard is not None
    wait = outcome.times["sound"] - outcome.times["answered"]
    assert wait < CLIPPED, f"the first packet came {1000 * wait:.0f} ms after the answer"
    silent = first_sound(outcome.heard, RATE)
    assert silent < CLIPPED, f"the first {1000 * silent:.0f} ms are silent"


async def test_first_words_from_the_caller(
    gateway: Gateway, manager: Manager, tmp_path: Path
) -> None:
    """The caller speaks from the moment that media is up; the lab hears it from the answer on.

    What is said is a staircase of tones, so that the first one in the recording tells the time.
    """
    step, lowest, rise = 0.1, 400.0, 50.0
    stairs = [
        make_tone(lowest + rise * i, seconds=step, rate=RATE, level=-9.0)
        for i in range(60)  # six seconds, up to 3350 Hz
    ]
    words = write_wav(tmp_path / "stairs.wav", np.concatenate(stairs), RATE)
    async with calling(gateway, "9611", play=words) as call:  # rings for two seconds
        await call.hear("answered")
        await asyncio.sleep(1)
        outcome = await call.hang_up()
    record = await manager.wait("LabRecord")
    await manager.wait("LabHangup", CallID=record["CallID"])
    received, rate = await read_recording(Path(record["Rx"]))
    begins = round(first_sound(received, rate) * rate)
    tone = strongest_tone(received[begins : begins + round(step * rate)], rate)
    heard_at = (tone.frequency - lowest) / rise * step
    answered_at = outcome.times["answered"] - outcome.times["media"]
    clipped = heard_at - answered_at
    assert answered_at > 1.5, "the far end was to ring, with media up already"
    assert -2 * step < clipped < CLIPPED, f"the first {1000 * clipped:.0f} ms are missing"


async def test_early_media(gateway: Gateway) -> None:
    """183 with ringback for two seconds, then an answer with silence."""
    async with calling(gateway, "610") as call:
        ringing = await call.hear("ringing")
        await call.hear("answered")
        outcome = await call.hang_up()
    assert ringing["earlyMedia"] is True
    assert call.kinds.index("ringing") < call.kinds.index("answered")
    assert outcome.heard is not None
    before = outcome.heard[round(0.3 * RATE) : round(1.5 * RATE)]
    assert_heard(before, RATE, present=RINGBACK)
    assert outcome.times["sound"] < outcome.times["answered"] - 1


async def test_early_media_before_a_refusal(gateway: Gateway) -> None:
    async with calling(gateway, "613") as call:
        outcome = await call.end()
    end = outcome.last
    assert (end["by"], end["cause"], end["sipCode"]) == ("remote", "not-found", 404)
    assert outcome.heard is not None
    assert first_sound(outcome.heard, RATE) < CLIPPED


async def test_digits_towards_the_trunk(gateway: Gateway, manager: Manager) -> None:
    async with calling(gateway, "650", dtmf="12309*#") as call:
        digits = await manager.wait("LabDTMF", limit=10)
        await call.hang_up()
    assert digits["Digits"] == "12309*"  # `#` ends what is read
    lengths = [
        int(event["DurationMs"]) for event in manager.matching("DTMFEnd", Direction="Received")
    ]
    assert len(lengths) == 7
    assert all(100 <= length <= 220 for length in lengths), lengths  # 160 ms are asked for


async def test_digits_from_the_trunk(gateway: Gateway) -> None:
    async with calling(gateway, "660") as call:
        await call.hear("dtmf", count=16, limit=15)
        outcome = await call.hang_up()
    assert outcome.digits == "0123456789*#ABCD"
    lengths = [m["duration"] for m in call.messages if m["type"] == "dtmf"]
    # Asterisk asks for 100 ms, and ends a digit when it gets round to it
    assert all(100 <= length <= 400 for length in lengths), lengths


async def test_the_lab_reoffers_in_mid_call(gateway: Gateway, tone: Path) -> None:
    """A re-INVITE that changes nothing, two seconds after the answer; the sound goes on."""
    async with calling(gateway, "672", play=tone) as call:
        await call.hear("answered")
        await asyncio.sleep(3.5)
        outcome = await call.hang_up()
    assert outcome.last["cause"] == "hangup"
    assert outcome.heard is not None
    assert_heard(outcome.heard[-RATE:], RATE, present=[LAB_TONE], absent=[TONE])


async def test_headers_and_caller_reach_the_trunk(gateway: Gateway, manager: Manager) -> None:
    async with calling(gateway, "720", headers={"X-Lab": "ticket 42; a=b"}) as call:
        await call.hear("answered")
        headers = await manager.wait("LabHeaders")
        await call.hang_up()
    assert headers["XLab"] == "ticket 42; a=b"
    assert "+15550001" in headers["From"]


async def test_no_packet_is_lost(gateway: Gateway, manager: Manager, tone: Path) -> None:
    """Counted at all four places: the caller, both sides of the gateway, the lab."""
    before = media_events(await idle(gateway))
    async with calling(gateway, "600", play=tone) as call:
        await call.hear("answered")
        taken = await manager.wait("LabCall", Dialed="600")
        await asyncio.sleep(1)
        outcome = await call.hang_up()
    # By its Call-ID: the end of the test before this one may be told only now
    lab = await manager.wait("LabHangup", CallID=taken["CallID"])
    after = media_events(await idle(gateway))
    counted = {name: after[name] - before.get(name, 0) for name in after}
    assert outcome.lost == 0
    # The last ones may come when the call has ended
    assert 0 <= outcome.sent - counted["browser_packets_received"] <= 5
    assert 0 <= counted["browser_packets_sent"] - outcome.received <= 5
    assert 0 <= counted["trunk_packets_sent"] - int(lab["RtpRx"]) <= 1
    assert 0 <= int(lab["RtpTx"]) - counted["trunk_packets_received"] <= 2
    assert refused(counted) == {}


async def test_the_command(gateway: Gateway, tmp_path: Path, tone: Path) -> None:
    """`gateway call`: what it prints, what it records, and its exit status."""
    recording = tmp_path / "heard.wav"
    lines, status = await run_command(
        gateway, "603", "--play", str(tone), "--record", str(recording), "--duration", "1"
    )
    assert status == 0, lines
    assert lines[0] == "answered: opus <-> PCMU"
    assert re.fullmatch(r"\d+ packets sent, \d+ received, 0 lost", lines[-2])
    assert lines[-1] == "ended by local: hangup (200): You ended the call."
    heard, rate = read_wav(recording)
    assert_heard(heard[rate // 4 :], rate, present=[LAB_TONE], absent=[TONE])


async def test_the_command_says_why_a_call_failed(gateway: Gateway) -> None:
    lines, status = await run_command(gateway, "620")
    assert status == 1
    assert lines[-1] == "ended by remote: busy (486): The line is busy."
    lines, status = await run_command(gateway, "sip:somebody@example.org")
    assert status == 1
    assert lines[-1].startswith("refused: `to` is 'sip:somebody@example.org'")


async def run_command(gateway: Gateway, *arguments: str) -> tuple[list[str], int]:
    """Run `gateway call`; return the lines that it printed and its exit status."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway", "call", "--url", gateway.websocket_url, *arguments),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(20):
            output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode is not None
    return output.decode().splitlines(), process.returncode
