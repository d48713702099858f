"""The far end of a trunk that is encrypted: its half of SRTP, by pylibsrtp alone."""

from __future__ import annotations

import secrets

from pylibsrtp import Policy, Session

from gateway.media.parameters import TrunkKeys
from gateway.media.srtp_keys import PROFILES
from voice.rtp import RtpPacket, parse

SHA_80 = "AES_CM_128_HMAC_SHA1_80"
GCM = "AEAD_AES_128_GCM"


def make_keys(suite: str = SHA_80, mki: bytes = b"") -> TrunkKeys:
    size = PROFILES[suite].key_size
    return TrunkKeys(suite, secrets.token_bytes(size), secrets.token_bytes(size), mki)


class Phone:
    """The far end's half of SRTP, by pylibsrtp alone, with an MKI put in by hand."""

    def __init__(self, keys: TrunkKeys) -> None:
        self._profile = PROFILES[keys.suite]
        self._mki = keys.receive_mki
        self._out = self._session(keys.receive, Policy.SSRC_ANY_OUTBOUND)
        self._in = self._session(keys.send, Policy.SSRC_ANY_INBOUND)

    def _session(self, key: bytes, direction: int) -> Session:
        return Session(Policy(key, direction, 0, self._profile.number))

    def protect(self, packet: bytes) -> bytes:
        return self._named(self._out.protect(packet), self._profile.tag)

    def protect_rtcp(self, packet: bytes) -> bytes:
        return self._named(self._out.protect_rtcp(packet), self._profile.rtcp_tag)

    def _named(self, packet: bytes, tag: int) -> bytes:
        end = len(packet) - tag
        return packet[:end] + self._mki + packet[end:]

    def unprotect(self, datagram: bytes) -> bytes:
        packet: bytes = self._in.unprotect(datagram)
        return packet

    def read(self, datagrams: list[bytes]) -> list[RtpPacket]:
        return [parse(self.unprotect(each)) for each in datagrams]

    def read_rtcp(self, datagram: bytes) -> bytes:
        report: bytes = self._in.unprotect_rtcp(datagram)
        return report
