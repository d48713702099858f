"""Opus payloads: libopus writes where it may and nowhere else, whatever the bytes say.

The first byte chooses the decoder and the buffer; then come packets, each after its length.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from voice.opus import OpusDecoder, OpusError
from voice.opus_frames import has_fec, packet_samples

_RATES = (8000, 16000, 48000)
_GUARD, _MARK = 64, 12345


def one_input(data: bytes) -> None:
    if not data:
        return
    rate, channels = _RATES[data[0] % 3], 1 + (data[0] >> 2) % 2
    # Room for the longest packet, for a frame, and for less than that
    room = (rate * 120 // 1000, rate // 50, rate // 400)[(data[0] >> 3) % 3]
    with OpusDecoder(rate, channels) as decoder:
        place = 1
        while place < len(data):
            end = place + 1 + data[place]
            _decode(decoder, data[place + 1 : end], room)
            place = end


def _decode(decoder: OpusDecoder, payload: bytes, room: int) -> None:
    size = room * decoder.channels
    whole: NDArray[np.int16] = np.full(size + _GUARD, _MARK, np.int16)
    out = whole[:size]
    units = decoder.payload_units(payload)
    written = 0
    try:
        written = decoder.decode(payload, out)
        assert written == packet_samples(payload, decoder.sample_rate) <= room
        assert written * decoder.clock_rate == units * decoder.sample_rate
    except OpusError:
        pass
    try:
        assert has_fec(payload) == decoder.payload_repairs(payload)
        if has_fec(payload):
            assert decoder.decode_fec(payload, out, room) == room
    except OpusError:
        assert not written, "libopus has decoded what has_fec calls malformed"
    assert decoder.conceal(out, room) == room
    assert (whole[size:] == _MARK).all()
