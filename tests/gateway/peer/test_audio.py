"""What arrives at the peer's RTP port: anything at all, and only the caller's counts."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import repeat
from typing import TYPE_CHECKING

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.peer.audio import Audio, open_audio
from gateway.peer.sounds import FRAME, Playback, Samples
from sdp import Codec, Direction, RtpAddress, TrunkMedia
from voice import g711, rtp

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

CALLER = ("127.0.0.1", 4000)
MEDIA = TrunkMedia(
    address=RtpAddress("127.0.0.1", 4000),
    codec=Codec(0, "PCMU", 8000),
    telephone_event=Codec(101, "telephone-event", 8000),
    ptime=20,
    direction=Direction.INACTIVE,
    event_payload_types=(101,),
)
TONE = np.full(FRAME, 8031, np.int16)


class Ears:
    """A source that keeps what was heard, for a number of frames."""

    def __init__(self, frames: int) -> None:
        self.heard: list[Samples] = []
        self._frames = frames

    def frame(self, heard: Samples) -> Samples | None:
        self.heard.append(heard)
        return heard if len(self.heard) < self._frames else None

    def key(self, digit: str) -> None:
        pass


def packet(sequence: int, samples: Samples = TONE) -> bytes:
    header = rtp.pack_header(0, sequence, sequence * FRAME, 1)
    return header + g711.encode_ulaw(samples).tobytes()


async def loudest(audio: Audio) -> int:
    await audio.play(ears := Ears(6))
    return int(np.abs(np.concatenate(ears.heard)).max())


async def test_first_port_of_the_caller_stays() -> None:
    async with open_audio("127.0.0.1", lambda _: None) as audio:
        audio.agree(MEDIA)
        for sequence in range(4):
            audio.datagram_received(packet(sequence), ("127.0.0.9", 4000))
        assert await loudest(audio) == 0
        audio.datagram_received(packet(0), CALLER)
        for sequence in range(1, 8):
            audio.datagram_received(packet(sequence), ("127.0.0.1", 4001))
        assert await loudest(audio) == 0
        for sequence in range(1, 4):
            audio.datagram_received(packet(sequence), CALLER)
        assert await loudest(audio) > 7000


async def test_old_packets_are_not_played() -> None:
    async with open_audio("127.0.0.1", lambda _: None) as audio:
        audio.agree(MEDIA)
        audio.datagram_received(packet(10, np.zeros(FRAME, np.int16)), CALLER)
        for sequence in range(2, 9):
            audio.datagram_received(packet(sequence), CALLER)
        assert await loudest(audio) == 0


class Sent(asyncio.DatagramTransport):
    """A socket that keeps the packets that are sent."""

    def __init__(self) -> None:
        super().__init__()
        self.packets: list[rtp.RtpPacket] = []

    def sendto(self, data: ReadableBuffer, addr: object = None) -> None:
        self.packets.append(rtp.parse(bytes(data)))


async def test_a_hold_is_no_loss() -> None:
    """Sequence numbers count packets that were sent; the clock goes on (RFC 3550 section 5.1)."""
    audio = Audio(lambda _: None)
    audio.connection_made(sent := Sent())
    for direction, frames in (
        (Direction.INACTIVE, 2),  # before the answer, too
        (Direction.SENDRECV, 2),
        (Direction.RECVONLY, 3),
        (Direction.SENDRECV, 2),
    ):
        audio.agree(replace(MEDIA, direction=direction))
        await audio.play(Playback(repeat(TONE, frames)))
    first, *_ = sent.packets
    steps = [
        ((each.sequence - first.sequence) & 0xFFFF, (each.timestamp - first.timestamp) & 0xFFFFFFFF)
        for each in sent.packets
    ]
    assert steps == [(0, 0), (1, FRAME), (2, 5 * FRAME), (3, 6 * FRAME)]
    assert [each.marker for each in sent.packets] == [True, False, True, False]


EVENT = rtp.pack_header(101, 1, 160, 1)


@settings(max_examples=50)
@given(
    st.lists(
        st.one_of(
            st.binary(max_size=200),
            st.binary(max_size=1600).map(lambda tail: packet(1)[:12] + tail),
            st.binary(max_size=8).map(lambda tail: EVENT + tail),
        ),
        max_size=20,
    )
)
def test_anything_may_arrive(datagrams: list[bytes]) -> None:
    keys: list[str] = []

    async def run() -> None:
        async with open_audio("127.0.0.1", keys.append) as audio:
            audio.agree(MEDIA)
            for datagram in datagrams:
                audio.datagram_received(datagram, CALLER)
            await audio.play(Ears(2))

    asyncio.run(run())
    assert all(key in "0123456789*#ABCD" for key in keys)
