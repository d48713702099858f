"""Datagrams of strangers: checks of ICE that nobody has agreed on, handshakes, sound, and noise."""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Callable

import numpy as np

from tests.tones import make_tone
from voice import g711
from voice.rtp import pack_header

INTRUDER_TONE = 1200.0
_COOKIE = b"\x21\x12\xa4\x42"  # RFC 8489 section 5
_BINDING = 0x0001
_USERNAME, _INTEGRITY, _PRIORITY, _CONTROLLING = 0x0006, 0x0008, 0x0024, 0x802A
_USE_CANDIDATE, _FINGERPRINT = 0x0025, 0x8028
_RATE, _FRAME, _PCMU = 8000, 160, 0


def _attribute(kind: int, value: bytes) -> bytes:
    padding = b"\0" * (-len(value) % 4)
    return struct.pack("!HH", kind, len(value)) + value + padding


def check(fragment: str, chance: random.Random) -> bytes:
    """Return a connectivity check as a browser writes it (RFC 8445), by a wrong password."""
    attributes = b"".join(
        (
            _attribute(_USERNAME, f"{fragment}:evil".encode()),
            _attribute(_PRIORITY, struct.pack("!I", 0x7EFFFFFF)),
            _attribute(_CONTROLLING, chance.randbytes(8)),
            _attribute(_USE_CANDIDATE, b""),
            _attribute(_INTEGRITY, chance.randbytes(20)),
        )
    )
    transaction = chance.randbytes(12)
    head = struct.pack("!HH", _BINDING, len(attributes) + 8) + _COOKIE + transaction
    # RFC 8489 section 14.7
    checksum = zlib.crc32(head + attributes) ^ 0x5354554E
    return head + attributes + _attribute(_FINGERPRINT, struct.pack("!I", checksum))


def client_hello(chance: random.Random) -> bytes:
    """Return the first flight of DTLS 1.2 without a cookie (RFC 6347 section 4.2.1)."""
    suites = struct.pack("!HHHH", 6, 0xC02B, 0xC02F, 0x009C)
    groups = _extension(10, struct.pack("!HHH", 4, 29, 23))
    schemes = _extension(13, struct.pack("!HHH", 4, 0x0403, 0x0804))
    srtp = _extension(14, struct.pack("!HHB", 2, 1, 0))
    extensions = groups + schemes + srtp
    body = b"\xfe\xfd" + chance.randbytes(32) + b"\0\0" + suites + b"\x01\0"
    body += struct.pack("!H", len(extensions)) + extensions
    length = len(body).to_bytes(3, "big")
    handshake = b"\x01" + length + b"\0\0" + b"\0\0\0" + length + body
    return b"\x16\xfe\xff" + bytes(8) + struct.pack("!H", len(handshake)) + handshake


def _extension(kind: int, value: bytes) -> bytes:
    return struct.pack("!HH", kind, len(value)) + value


def noise(chance: random.Random) -> bytes:
    """Return bytes that mean nothing."""
    return chance.randbytes(chance.randrange(1, 1400))


def sound(ssrc: int = 0x1BAD1BAD) -> Callable[[random.Random], bytes]:
    """Return RTP as a trunk sends it, one packet after the other, with a tone nobody may hear."""
    codes = g711.encode_ulaw(make_tone(INTRUDER_TONE, seconds=1, rate=_RATE))
    frames = [frame.tobytes() for frame in np.reshape(codes, (-1, _FRAME))]
    count = 0

    def packet(chance: random.Random) -> bytes:
        nonlocal count
        count += 1
        header = pack_header(_PCMU, count & 0xFFFF, count * _FRAME & 0xFFFFFFFF, ssrc)
        return header + frames[count % len(frames)]

    return packet


def kinds(fragment: str) -> dict[str, Callable[[random.Random], bytes]]:
    """Return makers of datagrams by kind; `fragment` is a user name fragment that is in use."""
    return {
        "check": lambda chance: check(fragment, chance),
        "stray-check": lambda chance: check(f"{chance.randrange(1 << 32):08x}", chance),
        "hello": client_hello,
        "noise": noise,
        "sound": sound(),
    }
