#!/bin/sh
# libopus: more bitrate makes the sound duller, where it begins to pay for forward error correction.
#
# Software: libopus 1.6.1, as av 18.1.0 brings it; mono, 20 ms, application VOIP, FEC asked for
#   (OPUS_SET_INBAND_FEC 1) at an expected loss of 10 %; a synthetic voice with pauses.
# Surprise: FEC that is asked for is not there below a bitrate which depends on the complexity, and
#   when it comes in at 48 kHz the audio bandwidth falls from full (20 kHz) to medium (6 kHz): the
#   step from 24 to 26 kbit/s gives fewer bits per second than before. A sender that raises its
#   bitrate because the line is good sounds worse for it. A steady tone is hardly protected at all,
#   so who measures FEC by a tone finds next to none.
# Seen: at 48 kHz, complexity 0: 24 kbit/s full bandwidth, no frame with FEC; 26 kbit/s medium
#   bandwidth, 162 of 300 frames with FEC, a fifth fewer bytes. At 8 kHz the first bitrate with
#   FEC is 26 kbit/s at complexity 0, 20 at 5, 18 at 10. Tone at 32 kbit/s: 36 of 300 frames.
set -eu
. "$(dirname -- "$0")/lib/prepare.sh"
prepare av==18.1.0 numpy==2.4.6

run 60 <<'PYTHON'
import ctypes
from collections import Counter
from pathlib import Path

import av
import numpy as np
from expect import end, expect

VOIP, BITRATE, COMPLEXITY, FEC, LOSS = 2048, 4002, 4010, 4012, 4014  # of opus_defines.h
STEP = 2000

(library,) = (Path(av.__file__).parents[1] / "av.libs").glob("libopus-*.so*")
opus = ctypes.CDLL(str(library))
opus.opus_get_version_string.restype = ctypes.c_char_p
opus.opus_encoder_create.restype = ctypes.c_void_p


def voice(rate):
    """Return six seconds of a buzzing vowel that comes and goes 2.3 times a second."""
    time = np.arange(rate * 6) / rate
    phase = 2 * np.pi * np.cumsum(120 + 20 * np.sin(2 * np.pi * 0.7 * time)) / rate
    weights = [np.exp(-(((120 * k - 500) / 700) ** 2)) / k for k in range(1, 20)]
    buzz = sum(w * np.sin(k * phase) for k, w in enumerate(weights, 1))
    return (6000 * buzz * np.sqrt(np.clip(np.sin(2 * np.pi * 2.3 * time), 0, 1))).astype(np.int16)


def encode(samples, rate, bitrate, complexity):
    """Return the packets of the samples."""
    state = ctypes.c_void_p(opus.opus_encoder_create(rate, 1, VOIP, ctypes.byref(ctypes.c_int())))
    for setting, value in ((BITRATE, bitrate), (COMPLEXITY, complexity), (FEC, 1), (LOSS, 10)):
        assert opus.opus_encoder_ctl(state, setting, ctypes.c_int(value)) == 0
    buffer = ctypes.create_string_buffer(1500)
    packets = []
    for frame in samples[: len(samples) // (rate // 50) * (rate // 50)].reshape(-1, rate // 50):
        pcm = np.ascontiguousarray(frame).ctypes.data_as(ctypes.c_void_p)
        size = opus.opus_encode(state, pcm, len(frame), buffer, 1500)
        packets.append(buffer.raw[:size])
    return packets


def protected(packets):
    """Return how many hold a copy of the frame before (LBRR)."""
    return sum(opus.opus_packet_has_lbrr(packet, len(packet)) > 0 for packet in packets)


def bandwidth(packets):
    """Return the most frequent audio bandwidth."""
    names = ("narrow", "medium", "wide", "super-wide", "full")  # OPUS_BANDWIDTH_..., from 1101 on
    found = Counter(map(opus.opus_packet_get_bandwidth, packets))
    return names[found.most_common(1)[0][0] - 1101]


def first_protected(complexity):
    samples = voice(8000)
    rates = range(12000, 32001, STEP)
    return next(r for r in rates if protected(encode(samples, 8000, r, complexity)) > 0)


print(opus.opus_get_version_string().decode())
before, after = (encode(voice(48000), 48000, rate, 0) for rate in (24000, 26000))
print("frames with FEC", protected(before), protected(after), "of", len(after))
print("bytes", sum(map(len, before)), sum(map(len, after)))
expect(bandwidth(before), "full", "48 kHz, 24 kbit/s: bandwidth")
expect(bandwidth(after), "medium", "48 kHz, 26 kbit/s: bandwidth")
expect((protected(before), protected(after) > 100), (0, True), "frames with FEC: none, over 100")
expect(sum(map(len, before)) > sum(map(len, after)) * 1.1, True, "fewer bytes at 26 kbit/s")
for complexity, rate in ((0, 26000), (5, 20000), (10, 18000)):
    expect(first_protected(complexity), rate, f"8 kHz, complexity {complexity}: first with FEC")
tone = (8000 * np.sin(2 * np.pi * 660 * np.arange(48000) / 8000)).astype(np.int16)
few = protected(encode(tone, 8000, 32000, 5))
print("a tone: frames with FEC", few)
expect(few < 60, True, "a tone at 32 kbit/s: under a fifth of 300 frames with FEC")
end()
PYTHON
