"""DTLS after its handshake: what nobody with the key has written says nothing, however it looks."""

from __future__ import annotations

from gateway.media.webrtc.established import CIPHERS, EPOCH, HEADER, VERSION, Established, Told


def one_input(data: bytes) -> None:
    for name, cipher in CIPHERS.items():
        secret = bytes(range(cipher.key + cipher.fixed_nonce))
        established = Established(b"", b"flight", name, secret)
        assert established.judge(data) is Told.NOTHING
        for kind, number in zip(data[:4], (b"\x00", b"\x01") * 2, strict=False):
            header = HEADER.pack(kind, VERSION, (EPOCH + number).ljust(8, b"\x00"), len(data) // 2)
            assert established.judge(header + data) is Told.NOTHING
