"""What a recording says of a gateway: losses, spacing, delay. Computed when the run is over."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gateway.bench.delay import Heard, Said, delays
from gateway.bench.load import Load, Voice
from gateway.bench.material import RATE, Samples, decode
from gateway.bench.player import Arrival, Leg, Recording
from voice import rtp
from voice.codec import OPUS, PCMA, PCMU
from voice.opus import OpusDecoder, OpusError
from voice.opus_frames import packet_samples
from voice.sequence import SequenceTracker

# What libopus adds to a narrowband stream, encoding and decoding (its look-ahead, 6.5 ms)
OPUS_DELAY = 52  # samples at 8 kHz

# A stream's first packets wait for a jitter buffer that does not know the network yet
SETTLING = 1.0  # seconds

PTIME = 20  # ms of the packets that come out: our answer as the trunk asks for them

Decode = Callable[[bytes], Samples]


@dataclass(frozen=True, slots=True)
class Way:
    """One direction. Times in milliseconds; None where nothing was measured.

    `lost` are packets that are missing at the receiver, be it by a gap in their numbers or because
    the gateway sent less than went in. `spacing_p99` is of |interval - packet time|, `delay_*`
    beyond the codec's own, of `measured` packets.
    """

    sent: int
    received: int
    lost: int
    spacing_p99: float | None = None
    delay_p50: float | None = None
    delay_p99: float | None = None
    measured: int = 0


def measure_up(load: Load, recording: Recording) -> Way:
    """Measure what came to the trunk; nothing comes where somebody else is the trunk."""
    voices = [(each.up, each.down) for each in load.calls if each.down is not None]
    return _measure(load, recording, voices)


def measure_down(load: Load, recording: Recording) -> Way:
    """Measure what came to the browsers; from somebody else's trunk nobody knows what was sent."""
    return _measure(load, recording, [(each.down, each.up) for each in load.calls])


def _measure(load: Load, recording: Recording, voices: Sequence[tuple[Voice | None, Voice]]) -> Way:
    streams = [said.stream for said, _ in voices if said is not None]
    sent = sum(int(np.count_nonzero(recording.sent[stream])) for stream in streams)
    receptions = [recording.received[heard.leg] for _, heard in voices]
    kept = [heard.leg for _, heard in voices if recording.arrivals[heard.leg]]
    found = [
        delays_of(load, recording, said, heard)[:, 1]
        for said, heard in voices
        if said is not None and recording.arrivals[heard.leg]
    ]
    late = np.concatenate(found) * 1e3 if found else np.zeros(0)
    uneven = np.concatenate([spacing(recording, leg) for leg in kept]) if kept else np.zeros(0)
    return Way(
        sent=sent,
        received=sum(each.packets for each in receptions),
        lost=sum(missing(recording, said, heard) for said, heard in voices),
        spacing_p99=percentile(np.abs(uneven) * 1e3, 99),
        delay_p50=percentile(late, 50),
        delay_p99=percentile(late, 99),
        measured=late.size,
    )


def missing(recording: Recording, said: Voice | None, heard: Voice) -> int:
    """Return how many packets did not come to a leg; only gaps, if nobody knows what was sent.

    What was lost on its way in does not count, though a gateway may well conceal it.
    """
    reception = recording.received[heard.leg]
    if said is None:
        return reception.lost
    sent = int(np.count_nonzero(recording.sent[said.stream]))
    return max(reception.lost, sent * said.coding.ptime // PTIME - reception.packets)


def percentile(values: NDArray[np.float64], which: float) -> float | None:
    """Return a percentile, None of nothing."""
    return float(np.percentile(values, which)) if values.size else None


def spacing(recording: Recording, leg: int) -> NDArray[np.float64]:
    """Return how far each interval between two packets is from the packet time, in seconds."""
    end = _end(recording)
    times = [at / 1e9 for at, _ in recording.arrivals[leg] if at <= end]
    steps = np.diff(np.array(times) - recording.start / 1e9)
    # What a stream is like once it runs; the packet time is what most intervals are nearest to
    steps = steps[min(steps.size // 2, round(SETTLING * 50)) :]
    if not steps.size:
        return steps
    return steps - np.round(np.median(steps), 2)


def _end(recording: Recording) -> int:
    return max((int(each.max(initial=0)) for each in recording.sent), default=0)


def delays_of(load: Load, recording: Recording, said: Voice, heard: Voice) -> NDArray[np.float64]:
    """Return float64[n, 2] of one direction of a call, see `delay.delays`; settling left out."""
    stream = load.streams[said.stream]
    sound = decode(said.payloads, said.coding.codec, said.coding.ptime)
    opus_behind = heard.coding.codec == "OPUS"
    sent = (recording.sent[said.stream] - recording.start) / 1e9
    due = stream.offset + np.arange(len(said.payloads)) * (said.coding.ptime / 1000)
    given = Said(
        sound,
        np.where(recording.sent[said.stream] > 0, sent, due),
        OPUS_DELAY if opus_behind else 0,
    )
    arrivals = recording.arrivals[heard.leg]
    law = "PCMA" if heard.coding.codec == "PCMA" else "PCMU"
    packets = read_packets(
        arrivals, load.legs[heard.leg], recording.start, opus=opus_behind, g711_law=law
    )
    end = (_end(recording) - recording.start) / 1e9
    found = delays(given, [each for each in packets if each.at <= end])
    return found[found[:, 0] >= SETTLING]


def read_packets(
    arrivals: Sequence[Arrival], leg: Leg, start: int, *, opus: bool, g711_law: str = "PCMU"
) -> list[Heard]:
    """Decode what came to a leg, in the order of sending; what is none of the call's is left out.

    Positions count from the first packet's timestamp.
    """
    track, packets = SequenceTracker(), []
    for at, datagram in arrivals:
        try:
            packet = rtp.parse(leg.unwire(datagram))
        except ValueError:  # RtpError is one
            continue
        number = track(packet.sequence)
        if number is not None:
            packets.append((number, at, packet))
    packets.sort(key=lambda each: each[0])
    decode_one = _opus_decoder() if opus else _g711_decoder(g711_law)
    # Opus's clock is 48 kHz, whatever the sound's (RFC 7587)
    factor = OPUS.clock_rate // RATE if opus else 1
    heard: list[Heard] = []
    first = packets[0][2].timestamp if packets else 0
    for _, at, packet in packets:
        position = ((packet.timestamp - first + 0x80000000) & 0xFFFFFFFF) - 0x80000000
        try:
            samples = decode_one(packet.payload)
        except OpusError:
            continue
        heard.append(Heard((at - start) / 1e9, position // factor, samples))
    return heard


def _opus_decoder() -> Decode:
    decoder = OpusDecoder(RATE)

    def decode_one(payload: bytes) -> Samples:
        samples = np.zeros(packet_samples(payload, RATE), np.int16)
        decoder.decode(payload, samples)
        return samples

    return decode_one


def _g711_decoder(law: str) -> Decode:
    codec = PCMA if law == "PCMA" else PCMU
    return lambda payload: codec.decode(np.frombuffer(payload, np.uint8))
