"""Says in a sentence why a connection by TLS has failed.

Pure. The SIP engine and Python's ssl (in `gateway check`) tell the same things, in bits, codes and
OpenSSL's own words; an operator wants to know whose certificate is wrong, and what to do.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple


class Peer(NamedTuple):
    """A certificate that was shown to us: its names, its issuer, and until when it is valid."""

    names: tuple[str, ...] = ()
    issuer: str = ""
    begins: str = ""
    ends: str = ""


# Bits of pj_ssl_cert_verify_flag_t
ISSUER_NOT_FOUND: Final = 1 << 0
UNTRUSTED: Final = 1 << 1
VALIDITY_PERIOD: Final = 1 << 2
INVALID_FORMAT: Final = 1 << 3
INVALID_PURPOSE: Final = 1 << 4
ISSUER_MISMATCH: Final = 1 << 5
CRL_FAILURE: Final = 1 << 6
REVOKED: Final = 1 << 7
CHAIN_TOO_LONG: Final = 1 << 8
OTHER_NAME: Final = 1 << 30

# X509_V_ERR_… of OpenSSL, as bits of the engine's
CODES: Final = {
    2: ISSUER_NOT_FOUND,
    7: ISSUER_MISMATCH,
    9: VALIDITY_PERIOD,
    10: VALIDITY_PERIOD,
    18: UNTRUSTED,
    19: UNTRUSTED,
    20: UNTRUSTED,
    21: ISSUER_MISMATCH,
    22: CHAIN_TOO_LONG,
    23: REVOKED,
    26: INVALID_PURPOSE,
    62: OTHER_NAME,
    64: OTHER_NAME,
}

CLOSED: Final = "The trunk closed the connection. It may want a certificate, or another one."

# What OpenSSL says where no certificate of the trunk's is at fault, and what it means
WORDS: Final = (
    ("certificate required", "The trunk wants a certificate, and none was shown to it."),
    ("peer did not return a certificate", "The trunk wants a certificate, and none was shown."),
    ("alert unknown ca", "The trunk does not trust the authority of our certificate."),
    ("alert certificate expired", "The trunk says that our certificate has expired."),
    ("alert certificate revoked", "The trunk says that our certificate is revoked."),
    ("alert certificate unknown", "The trunk does not accept our certificate."),
    ("alert bad certificate", "The trunk does not accept our certificate."),
    ("alert unsupported certificate", "The trunk does not accept our certificate."),
    ("alert access denied", "The trunk does not accept our certificate."),
    ("protocol version", "The trunk speaks no TLS that is in use any more: 1.2 is the least."),
    ("unsupported protocol", "The trunk speaks no TLS that is in use any more: 1.2 is the least."),
    ("wrong version number", "What answers at the trunk's port does not speak TLS."),
    ("packet length too long", "What answers at the trunk's port does not speak TLS."),
    ("record layer failure", "What answers at the trunk's port does not speak TLS."),
    ("unrecognized name", "The trunk has no certificate for the name that it was called by."),
    ("handshake failure", "The trunk and we agree on no cipher, or it wants a certificate of us."),
    ("dh key too small", "The trunk's key exchange is too weak."),
    ("ee key too small", "The key of the trunk's certificate is too short."),
    ("connection refused", "Nobody listens at the trunk's port."),
    # By TLS 1.3 a server refuses a certificate after the handshake, and a reset overtakes its alert
    ("end of file", CLOSED),
    ("connection reset", CLOSED),
)


# A status of the engine's holds the part of OpenSSL that has failed, and its reason. That of an
# alert that came is the alert's number (RFC 8446 section 6) and 1000 more
SSL_STATUSES: Final = range(470_000, 520_000)
REASONS: Final = 1200
SSL_LIBRARY: Final = 20
FIRST_ALERT: Final = 1000
ALERTS: Final = {
    40: "alert handshake failure",
    42: "alert bad certificate",
    43: "alert unsupported certificate",
    44: "alert certificate revoked",
    45: "alert certificate expired",
    46: "alert certificate unknown",
    48: "alert unknown ca",
    49: "alert access denied",
    70: "alert protocol version",
    112: "alert unrecognized name",
    116: "alert certificate required",
}
FAULTS: Final = {
    198: "packet length too long",
    258: "unsupported protocol",
    267: "wrong version number",
    394: "dh key too small",
    399: "ee key too small",
}


def distrust(bits: int, wanted: str, peer: Peer) -> str:
    """Say why the certificate of a trunk is not believed.

    Parameters
    ----------
    bits
        The engine's, of which one is set at least.
    wanted
        Whose certificate it was to be.
    """
    if bits & VALIDITY_PERIOD:
        until = f" (from {peer.begins} to {peer.ends})" if peer.ends else ""
        return f"The trunk's certificate has expired, or is not valid yet{until}."
    if bits & (UNTRUSTED | ISSUER_NOT_FOUND | ISSUER_MISMATCH):
        by = f" ({peer.issuer!r})" if peer.issuer else ""
        return f"The trunk's certificate is of an authority{by} that is not trusted here."
    if bits & OTHER_NAME:
        names = f" but for {', '.join(peer.names)}" if peer.names else ""
        return f"The trunk's certificate is not for {wanted!r}{names}."
    return f"The trunk's certificate cannot be used: {', '.join(_less_common(bits))}."


def _less_common(bits: int) -> Iterable[str]:
    known = {
        REVOKED: "it is revoked",
        INVALID_PURPOSE: "it is not one of a server",
        CHAIN_TOO_LONG: "its chain is too long",
        CRL_FAILURE: "whether it is revoked is not known",
        INVALID_FORMAT: "it is malformed",
    }
    return [text for bit, text in known.items() if bits & bit] or ["OpenSSL does not accept it"]


def reason(status: int) -> str:
    """Return OpenSSL's words for a status of the engine's; empty if it is none of OpenSSL.

    The engine has them, too, but not any more once it has been started again in one process.
    """
    library, number = divmod(status - SSL_STATUSES.start, REASONS)
    if status not in SSL_STATUSES or library != SSL_LIBRARY:
        return ""
    return ALERTS.get(number - FIRST_ALERT) or FAULTS.get(number, f"error {number} of OpenSSL")


def refusal(said: str) -> str:
    """Say what words of OpenSSL's mean, which may be the name of an error."""
    plain = said.replace("_", " ").lower()
    for words, sentence in WORDS:
        if words in plain:
            return sentence
    return f"No connection by TLS could be made: {said.strip().rstrip('.') or 'it was closed'}."
