"""From a suite's name and a key, as a description has them, to libsrtp's sessions."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from pylibsrtp import Error as SrtpError
from pylibsrtp import Policy, Session

from gateway.media.engine.srtp import SrtpSession
from gateway.media.engine.trunk_cipher import Inbound
from gateway.media.parameters import TrunkKeys


class Profile(NamedTuple):
    """What libsrtp calls a suite, and bytes of authentication behind an MKI.

    With GCM there are none (RFC 7714 section 8.2). The short tag of SHA1_32 is of RTP alone (RFC
    4568 section 6.2.2).
    """

    number: int
    key_size: int
    tag: int = 0
    rtcp_tag: int = 0


PROFILES = {
    "AEAD_AES_128_GCM": Profile(Policy.SRTP_PROFILE_AEAD_AES_128_GCM, 28),
    "AEAD_AES_256_GCM": Profile(Policy.SRTP_PROFILE_AEAD_AES_256_GCM, 44),
    "AES_CM_128_HMAC_SHA1_80": Profile(Policy.SRTP_PROFILE_AES128_CM_SHA1_80, 30, 10, 10),
    "AES_CM_128_HMAC_SHA1_32": Profile(Policy.SRTP_PROFILE_AES128_CM_SHA1_32, 30, 4, 10),
}


@cache
def usable_suites() -> tuple[str, ...]:
    """Return the suites that this machine's libsrtp has, the best first.

    One that was built without OpenSSL has no GCM.
    """
    return tuple(name for name in PROFILES if _works(name))


def _works(name: str) -> bool:
    try:
        _session(name, bytes(PROFILES[name].key_size), Policy.SSRC_ANY_INBOUND)
    except SrtpError:
        return False
    return True


def open_outbound(keys: TrunkKeys) -> SrtpSession:
    """Return what encrypts for the trunk."""
    return SrtpSession(_session(keys.suite, keys.send, Policy.SSRC_ANY_OUTBOUND))


def open_inbound(keys: TrunkKeys) -> Inbound:
    """Return what decrypts what comes from the trunk."""
    profile = PROFILES[keys.suite]
    session = SrtpSession(_session(keys.suite, keys.receive, Policy.SSRC_ANY_INBOUND))
    return Inbound(session, mki=keys.receive_mki, tag=profile.tag, rtcp_tag=profile.rtcp_tag)


def _session(suite: str, key: bytes, direction: int) -> Session:
    policy = Policy(key=key, ssrc_type=direction, srtp_profile=PROFILES[suite].number)
    return Session(policy)
