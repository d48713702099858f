"""Opus by libopus: round trips, FFmpeg as a second decoder, loss, settings, and buffers."""

from __future__ import annotations

import ctypes.util

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.voice.signals import (
    correlate,
    find_delay,
    make_sine,
    make_speech,
    measure_snr,
    peak_frequency,
)
from voice.libopus import Libopus, load
from voice.opus import SAMPLE_RATES, Application, Bandwidth, OpusDecoder, OpusEncoder, OpusError
from voice.opus_frames import has_fec, packet_samples
from voice.opus_packet import read_toc

Samples = NDArray[np.int16]

LIBRARIES = [None, *filter(None, [ctypes.util.find_library("opus")])]
CANARY = 0x5A5A
LONGEST_DTX_PACKET = 2  # bytes, by libopus: such packets hold no audio


def encode_all(encoder: OpusEncoder, signal: Samples, frame: int) -> list[bytes]:
    rows = signal[: len(signal) // frame * frame].reshape(-1, frame)
    return [encoder.encode(row) for row in rows]


def decode_all(decoder: OpusDecoder, packets: list[bytes], frame: int) -> Samples:
    rows = np.zeros((len(packets), frame), np.int16)
    for packet, row in zip(packets, rows, strict=True):
        assert decoder.decode(packet, row) == frame
    return rows.ravel()


def is_dtx(payload: bytes) -> bool:
    return len(payload) <= LONGEST_DTX_PACKET


def decode_with_ffmpeg(name: str, packets: list[bytes]) -> Samples:
    """Decode at 48 kHz; "opus" is FFmpeg's own implementation, "libopus" wraps the library."""
    codec = av.CodecContext.create(name, "r")
    codec.sample_rate, codec.layout = 48000, "mono"  # type: ignore[attr-defined]
    parts = [
        frame.to_ndarray()
        for packet in [*map(av.Packet, packets), None]
        for frame in codec.decode(packet)  # type: ignore[attr-defined]
    ]
    samples = np.concatenate(parts, axis=1)[0]
    if samples.dtype.kind == "f":
        samples = np.clip(np.rint(samples * 32768), -32768, 32767)
    decoded: Samples = samples.astype(np.int16)
    return decoded


@pytest.fixture(params=LIBRARIES, ids=lambda path: path or "bundled")
def library(request: pytest.FixtureRequest) -> Libopus:
    return load(request.param)


class TestOpus:
    @pytest.mark.parametrize("rate", SAMPLE_RATES)
    def test_a_tone_survives(self, rate: int, library: Libopus) -> None:
        frame = rate // 50
        signal = make_sine(440, rate, rate)
        packets = encode_all(OpusEncoder(rate, library=library), signal, frame)
        heard = decode_all(OpusDecoder(rate, library=library), packets, frame)
        assert heard.shape == signal.shape
        assert peak_frequency(heard[rate // 2 :], rate) == pytest.approx(440, abs=2)
        assert heard[rate // 2 :].std() == pytest.approx(signal.std(), rel=0.15)

    @pytest.mark.parametrize("rate", SAMPLE_RATES)
    def test_speech_survives(self, rate: int, library: Libopus) -> None:
        frame = rate // 50
        signal = make_speech(rate, 2)
        encoder = OpusEncoder(rate, bitrate=32000, library=library)
        packets = encode_all(encoder, signal, frame)
        heard = decode_all(OpusDecoder(rate, library=library), packets, frame)
        delay = find_delay(heard, signal, rate // 50)
        assert delay <= rate // 100  # RFC 6716 section 2: look-ahead of 2.5 to 6.5 ms and filters
        assert correlate(heard[delay:], signal[: len(heard) - delay]) > 0.9

    @pytest.mark.parametrize("milliseconds", [2.5, 5, 10, 20, 40, 60, 80, 100, 120])
    @pytest.mark.parametrize("rate", [8000, 16000, 48000])
    def test_every_duration(self, rate: int, milliseconds: float) -> None:
        frame = round(rate * milliseconds / 1000)
        signal = make_speech(rate, 0.6)
        packets = encode_all(OpusEncoder(rate), signal, frame)
        assert {packet_samples(packet, rate) for packet in packets} == {frame}
        assert len(decode_all(OpusDecoder(rate), packets, frame)) == len(packets) * frame

    @pytest.mark.parametrize("rate", [8000, 16000, 48000])
    def test_a_fullband_stream_decodes_at_any_rate(self, rate: int) -> None:
        signal = make_sine(1000, 48000, 48000)
        packets = encode_all(OpusEncoder(48000, bitrate=32000), signal, 960)
        heard = decode_all(OpusDecoder(rate), packets, rate // 50)
        assert peak_frequency(heard[rate // 2 :], rate) == pytest.approx(1000, abs=2)

    @pytest.mark.parametrize("complexity", [0, 5, 10])
    @pytest.mark.parametrize("rate", [8000, 16000, 48000])
    def test_ffmpegs_own_decoder_agrees(self, rate: int, complexity: int) -> None:
        encoder = OpusEncoder(rate, bitrate=24000, complexity=complexity)
        packets = encode_all(encoder, make_speech(rate, 2), rate // 50)
        ours = decode_all(OpusDecoder(48000), packets, 960)
        theirs = decode_with_ffmpeg("opus", packets)
        delay = find_delay(theirs, ours, 480)
        size = min(len(ours), len(theirs) - delay)
        assert size > 1.9 * 48000
        # Not equal: below 48 kHz the two have resamplers of their own behind the decoder
        assert correlate(theirs[delay : delay + size], ours[:size]) > 0.99

    def test_libopus_through_ffmpeg_agrees_exactly(self) -> None:
        packets = encode_all(OpusEncoder(48000), make_speech(48000, 1), 960)
        ours = decode_all(OpusDecoder(48000), packets, 960)
        theirs = decode_with_ffmpeg("libopus", packets)
        np.testing.assert_array_equal(ours[: len(theirs)], theirs)

    def test_decoding_at_8_khz_is_decimated_48_khz(self) -> None:
        packets = encode_all(OpusEncoder(8000), make_speech(8000, 2), 160)
        low = decode_all(OpusDecoder(8000), packets, 160)
        high = decode_all(OpusDecoder(48000), packets, 960)
        # The delays differ by less than a sample of 8 kHz: every sixth sample, from wherever it
        # fits best. A narrowband stream has nothing that would alias.
        best = max(
            correlate(high[offset::6], low[: len(high[offset::6])]) for offset in range(0, 240)
        )
        assert best > 0.99

    def test_stereo_is_mixed_down(self) -> None:
        left, right = make_sine(440, 48000, 48000), make_sine(660, 48000, 48000)
        both = np.ascontiguousarray(np.stack([left, right], axis=1)).reshape(-1, 960, 2)
        encoder = OpusEncoder(
            48000, channels=2, bitrate=96000, application=Application.AUDIO, fec=False
        )
        packets = [encoder.encode(row) for row in both]
        assert any(read_toc(packet).stereo for packet in packets)
        mono = decode_all(OpusDecoder(8000), packets, 160)[4000:]
        spectrum = np.abs(np.fft.rfft(mono * np.hanning(len(mono))))
        tones = np.sort(np.argsort(spectrum)[-2:]) * 8000 / len(mono)
        assert tones == pytest.approx([440, 660], abs=4)

    def test_a_packet_is_as_long_at_any_rate_of_samples(self) -> None:
        packet = OpusEncoder(48000).encode(make_sine(440, 48000, 1920))
        for rate in SAMPLE_RATES:
            decoder = OpusDecoder(rate)
            assert (decoder.clock_rate, decoder.payload_units(packet)) == (48000, 1920)

    def test_two_channels_are_interleaved(self) -> None:
        left, right = make_sine(440, 48000, 24000), make_sine(660, 48000, 24000)
        both = np.ascontiguousarray(np.stack([left, right], axis=1)).reshape(-1, 960, 2)
        encoder = OpusEncoder(
            48000, channels=2, bitrate=128000, application=Application.AUDIO, fec=False
        )
        decoder = OpusDecoder(48000, channels=2)
        heard = np.zeros_like(both)
        for row, out in zip(both, heard, strict=True):
            assert decoder.decode(encoder.encode(row), out) == 960
        assert peak_frequency(heard[10:, :, 0].ravel(), 48000) == pytest.approx(440, abs=4)
        assert peak_frequency(heard[10:, :, 1].ravel(), 48000) == pytest.approx(660, abs=4)

    def test_streams_do_not_touch_each_other(self) -> None:
        signals = [make_speech(8000, 0.5, seed=seed).reshape(-1, 160) for seed in range(4)]
        alone = [encode_all(OpusEncoder(8000), signal.ravel(), 160) for signal in signals]
        encoders = [OpusEncoder(8000) for _ in signals]
        together = [
            [encoder.encode(signal[i]) for encoder, signal in zip(encoders, signals, strict=True)]
            for i in range(25)
        ]
        assert [list(stream) for stream in zip(*together, strict=True)] == alone


@pytest.fixture(scope="module")
def packets() -> list[bytes]:
    """Narrowband speech with FEC."""
    encoder = OpusEncoder(8000, bitrate=24000, fec=True, expected_loss=20)
    return encode_all(encoder, make_speech(8000, 6), 160)


class TestLoss:
    def receive(self, packets: list[bytes], *, fec: bool) -> tuple[Samples, list[int]]:
        """Lose every tenth packet; return all rows, and the numbers of those repaired."""
        decoder = OpusDecoder(8000)
        rows = np.zeros((len(packets), 160), np.int16)
        repaired = []
        for i, (packet, row) in enumerate(zip(packets, rows, strict=True)):
            if i % 10 or i + 1 == len(packets):
                assert decoder.decode(packet, row) == 160
            elif fec and has_fec(packets[i + 1]):
                assert decoder.decode_fec(packets[i + 1], row, 160) == 160
                repaired.append(i)
            else:
                assert decoder.conceal(row, 160) == 160
        return rows, repaired

    def test_fec_repairs_better_than_concealment(self, packets: list[bytes]) -> None:
        clean = decode_all(OpusDecoder(8000), packets, 160).reshape(-1, 160)
        repaired, rows = self.receive(packets, fec=True)
        concealed, _ = self.receive(packets, fec=False)
        assert len(rows) >= 20
        with_fec = measure_snr(repaired[rows].ravel(), clean[rows].ravel())
        without = measure_snr(concealed[rows].ravel(), clean[rows].ravel())
        assert with_fec > without + 4
        assert with_fec > 4

    def test_concealment_is_no_silence_and_fades(self, packets: list[bytes]) -> None:
        decoder = OpusDecoder(8000)
        row = np.zeros(160, np.int16)
        loudest = max(
            range(20, 100),
            key=lambda i: decode_all(OpusDecoder(8000), packets[: i + 1], 160)[-160:].std(),
        )
        for packet in packets[: loudest + 1]:
            decoder.decode(packet, row)
        before = row.std()
        energies = []
        for _ in range(50):
            decoder.conceal(row, 160)
            energies.append(row.std())
        assert energies[0] > 0.3 * before
        assert energies[-1] < 0.05 * before

    def test_fec_switched_off_is_not_there(self) -> None:
        packets = encode_all(OpusEncoder(8000, fec=False), make_speech(8000, 2), 160)
        assert not any(map(has_fec, packets))

    def test_fec_needs_an_expected_loss(self) -> None:
        packets = encode_all(OpusEncoder(8000, expected_loss=0), make_speech(8000, 2), 160)
        assert not any(map(has_fec, packets))

    def test_repair_from_a_packet_without_fec_conceals(self) -> None:
        packets = encode_all(OpusEncoder(8000, fec=False), make_speech(8000, 1), 160)
        one, other = OpusDecoder(8000), OpusDecoder(8000)
        repaired, concealed = np.zeros((2, 160), np.int16)
        for packet in packets[:20]:
            one.decode(packet, repaired)
            other.decode(packet, concealed)
        assert one.decode_fec(packets[21], repaired, 160) == 160
        assert other.conceal(concealed, 160) == 160
        assert repaired.any()
        np.testing.assert_array_equal(repaired, concealed)

    @pytest.mark.parametrize("samples", [20, 160, 320, 960])
    def test_any_multiple_of_a_block_is_made_up(self, packets: list[bytes], samples: int) -> None:
        decoder = OpusDecoder(8000)
        decode_all(decoder, packets[:30], 160)
        out = np.full(1000, CANARY, np.int16)
        assert decoder.conceal(out, samples) == samples
        assert decoder.decode_fec(packets[31], out, samples) == samples
        assert (out[samples:] == CANARY).all()

    @pytest.mark.parametrize("samples", [-160, 0, 1, 159, 980, 9600])
    def test_other_amounts_are_refused(self, packets: list[bytes], samples: int) -> None:
        out = np.zeros(9600, np.int16)
        with pytest.raises(ValueError, match=f"{samples} samples to make up at 8000 Hz"):
            OpusDecoder(8000).conceal(out, samples)
        with pytest.raises(ValueError, match="up to 960"):
            OpusDecoder(8000).decode_fec(packets[1], out, samples)

    def test_a_new_decoder_conceals_with_silence(self) -> None:
        out = np.full(160, CANARY, np.int16)
        assert OpusDecoder(8000).conceal(out, 160) == 160
        assert not out.any()

    def test_reset_forgets(self, packets: list[bytes]) -> None:
        decoder = OpusDecoder(8000)
        first = decode_all(decoder, packets[:25], 160)
        decoder.reset()
        np.testing.assert_array_equal(decode_all(decoder, packets[:25], 160), first)


class TestDtx:
    def test_silence_is_not_sent_and_speech_is(self, library: Libopus) -> None:
        rng = np.random.default_rng(3)
        noise = rng.integers(-2, 3, 16000).astype(np.int16)
        speech = make_speech(8000, 1)
        encoder = OpusEncoder(8000, dtx=True, library=library)
        silent = encode_all(encoder, noise, 160)
        assert sum(map(is_dtx, silent)) > 60
        assert not is_dtx(silent[0])
        assert sum(map(is_dtx, encode_all(encoder, speech, 160))) < 5

    def test_without_dtx_all_is_sent(self) -> None:
        packets = encode_all(OpusEncoder(8000), np.zeros(16000, np.int16), 160)
        assert not any(map(is_dtx, packets))

    def test_dtx_packets_decode(self) -> None:
        encoder, decoder = OpusEncoder(8000, dtx=True), OpusDecoder(8000)
        packets = encode_all(encoder, np.zeros(16000, np.int16), 160)
        row = np.zeros(960, np.int16)
        for packet in filter(is_dtx, packets):
            assert decoder.decode(packet, row) == 160
            assert np.abs(row).max() < 50


class TestSettings:
    def test_they_are_what_was_asked_for(self, library: Libopus) -> None:
        encoder = OpusEncoder(
            16000,
            bitrate=20000,
            complexity=3,
            fec=False,
            expected_loss=7,
            dtx=True,
            max_bandwidth=Bandwidth.NARROWBAND,
            library=library,
        )
        assert encoder.bitrate == 20000
        assert encoder.complexity == 3
        assert encoder.fec is False
        assert encoder.expected_loss == 7
        assert encoder.dtx is True
        assert encoder.max_bandwidth is Bandwidth.NARROWBAND

    def test_the_bitrate_changes_at_once(self) -> None:
        signal = make_speech(8000, 4).reshape(-1, 160)
        encoder = OpusEncoder(8000, bitrate=32000, fec=False)
        fast = sum(len(encoder.encode(row)) for row in signal)
        encoder.bitrate = 8000
        slow = sum(len(encoder.encode(row)) for row in signal)
        assert slow < 0.5 * fast
        assert slow * 8 / 4 == pytest.approx(8000, rel=0.3)

    def test_fec_comes_and_goes_with_the_loss(self) -> None:
        signal = make_speech(8000, 2)
        encoder = OpusEncoder(8000, expected_loss=0)
        assert not any(map(has_fec, encode_all(encoder, signal, 160)))
        encoder.expected_loss = 20
        assert any(map(has_fec, encode_all(encoder, signal, 160)))

    def test_the_loss_that_reports_tell_is_expected(self) -> None:
        encoder = OpusEncoder(8000, expected_loss=5)
        for percent, expected in ((5, 5), (12, 12), (-1, 0), (101, 100)):
            encoder.adapt_to_loss(percent)
            assert encoder.expected_loss == expected

    def test_the_bandwidth_is_limited(self) -> None:
        signal = make_speech(48000, 1)
        encoder = OpusEncoder(48000, bitrate=64000, max_bandwidth=Bandwidth.NARROWBAND)
        packets = encode_all(encoder, signal, 960)
        assert {read_toc(packet).bandwidth for packet in packets} == {Bandwidth.NARROWBAND}

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("bitrate", 5999),
            ("bitrate", 510001),
            ("complexity", -1),
            ("complexity", 11),
            ("expected_loss", 101),
            ("max_bandwidth", 1100),
        ],
    )
    def test_what_is_out_of_range_is_refused(self, name: str, value: int) -> None:
        encoder = OpusEncoder(8000)
        before = getattr(encoder, name)
        with pytest.raises(ValueError, match=f"{name} is {value}"):
            setattr(encoder, name, value)
        assert getattr(encoder, name) == before

    @pytest.mark.parametrize("kind", [OpusDecoder, OpusEncoder])
    def test_other_rates_and_channels_are_refused(
        self, kind: type[OpusDecoder] | type[OpusEncoder]
    ) -> None:
        with pytest.raises(ValueError, match="44100"):
            kind(44100)
        with pytest.raises(ValueError, match="3 channels"):
            kind(8000, channels=3)

    def test_an_unknown_control_request_is_refused(self) -> None:
        with pytest.raises(OpusError, match="4999"):
            OpusEncoder(8000).control(4999)

    # Reading, as if it was setting; those that take or give a pointer to something else
    @pytest.mark.parametrize("request_", [4003, 4052, 5120, 10015, 10026, -1, 0])
    def test_requests_that_would_write_to_an_address_are_refused(self, request_: int) -> None:
        encoder = OpusEncoder(8000)
        with pytest.raises(OpusError, match=f"{request_}"):
            encoder.control(request_, 5)
        if request_ != 4003:
            with pytest.raises(OpusError, match=f"{request_}"):
                encoder.query(request_)

    def test_a_setting_without_a_property(self) -> None:
        encoder = OpusEncoder(8000)
        encoder.control(4006, 0)  # OPUS_SET_VBR
        assert encoder.query(4007) == 0
        with pytest.raises(OpusError, match="4006"):
            encoder.control(4006, 2)
        with pytest.raises(OpusError, match="4006"):
            encoder.query(4006)

    def test_reset_forgets_but_keeps_settings(self) -> None:
        signal = make_speech(8000, 0.5)
        encoder = OpusEncoder(8000, bitrate=12000)
        first = encode_all(encoder, signal, 160)
        encoder.reset()
        assert encode_all(encoder, signal, 160) == first
        assert encoder.bitrate == 12000
