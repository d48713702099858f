"""What is read out of recordings: any bytes may have come."""

from __future__ import annotations

import socket
from typing import cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.bench.delay import Said, delays
from gateway.bench.description import read_wanted
from gateway.bench.load import End, Load, make_load
from gateway.bench.material import BLOCK, RATE, Coding, decode, encode, encode_speech, speech
from gateway.bench.measure import measure_down, measure_up, missing, read_packets, spacing
from gateway.bench.player import PlainLeg, Reception, Recording
from gateway.bench.usage import read_usage
from gateway.errors import UnavailableError
from sdp import SdpError
from tests.bench.latency import recovery
from voice import rtcp
from voice.opus_frames import packet_samples
from voice.rtp import pack_header, parse
from voice.rtp_extension import find, pack_one_byte

START = 1_000_000_000_000
CODED = encode_speech(Coding("OPUS", bitrate=24000, rate=RATE))
SOUND = speech()[: 100 * 160]


class NoSocket(PlainLeg):
    """A leg for what is never sent."""

    socket = cast("socket.socket", None)

    def __init__(self) -> None:
        pass


def datagrams() -> st.SearchStrategy[bytes]:
    headers = st.builds(
        pack_header,
        st.integers(0, 127),
        st.integers(0, 65535),
        st.integers(0, 2**32 - 1),
        st.integers(0, 2**32 - 1),
    )
    payloads = st.one_of(st.binary(max_size=200), st.sampled_from(CODED))
    return st.one_of(st.binary(max_size=60), st.builds(bytes.__add__, headers, payloads))


@given(st.lists(datagrams(), max_size=30), st.booleans())
def test_any_bytes_are_packets_or_are_left_out(came: list[bytes], opus: bool) -> None:
    arrivals = [(START + number * 20_000_000, each) for number, each in enumerate(came)]
    heard = read_packets(arrivals, NoSocket(), START, opus=opus)
    found = delays(Said(SOUND, np.arange(100, dtype=np.float64) * 0.02), heard)
    assert len(heard) <= len(came)
    assert found.shape[1] == 2
    reception = Reception()
    for each in came:
        if len(each) >= 12:
            reception.count(each)
    assert reception.lost >= 0


@given(st.text(max_size=300))
def test_any_text_is_an_answer_or_refused(text: str) -> None:
    with pytest.raises(SdpError):
        read_wanted(text)


def recorded(delay_ms: float, *, drop: int | None = None) -> tuple[Load, Recording]:
    """One call of four seconds through a gateway that decodes, encodes and is `delay_ms` late."""
    narrowband, pcmu = Coding("OPUS", bitrate=24000, rate=RATE), Coding("PCMU")
    ends = (End(NoSocket(), narrowband, 111), End(NoSocket(), pcmu, 0))
    load = make_load([ends], seconds=4)
    count = len(load.streams[0].departures)
    sent = START + (np.arange(count) * 20_000_000).astype(np.int64)
    recording = Recording(START, [sent, sent.copy()], [[], []], [Reception(), Reception()])
    voices = load.calls[0]
    assert voices.down is not None
    to_trunk = encode(decode(voices.up.payloads, "OPUS"), pcmu)
    to_browser = encode(decode(voices.down.payloads, "PCMU"), narrowband)
    for leg, payloads, step in ((1, to_trunk, 160), (0, to_browser, 960)):
        for number, payload in enumerate(payloads):
            if number != drop:
                datagram = pack_header(0, number, number * step, 5) + payload
                at = int(sent[number] + delay_ms * 1e6)
                recording.arrivals[leg].append((at, datagram))
                recording.received[leg].count(datagram)
    return load, recording


def test_delay_loss_and_spacing_are_found_in_a_recording() -> None:
    load, recording = recorded(4.0, drop=120)
    for way in (measure_up(load, recording), measure_down(load, recording)):
        assert (way.sent, way.received, way.lost) == (200, 199, 1)
        assert way.delay_p50 == pytest.approx(4.0, abs=0.3)
        assert way.delay_p99 == pytest.approx(4.0, abs=0.3)
        assert way.measured > 50
    assert missing(recording, None, load.calls[0].up) == 1
    uneven = spacing(recording, 1)
    assert np.sort(np.abs(uneven))[-2:] == pytest.approx([0, 0.02], abs=1e-6)


def test_a_browser_reports_what_it_has_sent() -> None:
    """Every five seconds, with the clock of its packets; levels stand in their headers."""
    extension = pack_one_byte([(1, b"\x9e")])
    coding = Coding("OPUS", bitrate=24000, rate=RATE)
    end = End(NoSocket(), coding, 111, 7, extension, lambda packet: b"SRTCP" + packet)
    load = make_load([(end, None)], seconds=12)
    media, reports = load.streams
    assert len(reports.departures) in (2, 3)
    first = parse(media.packet(0))
    assert find(first, 1) == b"\x9e"
    number = len(reports.departures) - 1
    due = reports.departures[number]
    assert due is not None
    wired = reports.leg.wire(reports.packet(number))
    report = rtcp.parse(wired.removeprefix(b"SRTCP"))[0]
    assert isinstance(report, rtcp.SenderReport)
    assert report.ssrc == first.ssrc == 7
    assert report.packets == round(due / 0.02)
    assert report.timestamp == (first.timestamp + report.packets * 960) & 0xFFFFFFFF


def test_what_a_gateway_left_out_without_a_gap_is_missing() -> None:
    load, recording = recorded(4.0)
    for reception in recording.received:
        reception.packets -= 50
        reception.span -= 50
    assert measure_up(load, recording).lost == 50
    assert measure_down(load, recording).lost == 50


@pytest.mark.parametrize(
    "coding",
    [
        *(Coding("OPUS", ptime, 24000, 8000) for ptime in (10, 20, 40, 60)),
        Coding("OPUS"),
        Coding("PCMU", 60),
        Coding("PCMA", 10),
    ],
    ids=str,
)
def test_speech_is_encoded_for_each_packet_time(coding: Coding) -> None:
    payloads = encode(speech()[: BLOCK * 4], coding)
    assert len(payloads) == BLOCK * 4 * 1000 // RATE // coding.ptime
    if coding.codec == "OPUS":
        assert {packet_samples(each, 48000) for each in payloads} == {coding.step}
    else:
        assert {len(each) for each in payloads} == {coding.step}


def test_a_process_that_is_not_there_has_no_usage() -> None:
    with pytest.raises(UnavailableError, match="999999999"):
        read_usage(999_999_999)


@pytest.mark.parametrize(
    ("late_until", "expected"), [(2.0, 0.0), (3.35, 0.4), (9.0, None)], ids=str
)
def test_a_recovery_lasts_until_nothing_is_late(late_until: float, expected: float | None) -> None:
    times = np.arange(2.0, 6.0, 0.005)
    found = np.column_stack([times, np.where(times < late_until, 0.09, 0.004)])
    seconds, worst = recovery(found, 3.0)
    assert seconds == (None if expected is None else pytest.approx(expected))
    assert worst == pytest.approx(0.09 if late_until > 3 else 0.004)
