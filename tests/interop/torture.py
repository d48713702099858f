"""RFC 4475, the SIP torture tests: each message, and what has to come of it.

The gateway is an end point that takes no calls, registers nobody and forwards nothing. So a valid
INVITE is refused with 404, OPTIONS is answered, REGISTER and MESSAGE get 405, and methods that
nobody knows get 501. Where the RFC leaves a choice, between an error and a liberal reading or
silence, each is right.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).with_name("rfc4475")

SILENCE: Final = 0
CALL: Final = frozenset({404})  # an INVITE that could be taken
OPTIONS: Final = frozenset({200})
METHOD: Final = frozenset({405})  # one that we know, and do not do
UNKNOWN: Final = frozenset({501})  # one that nobody knows
NOTHING: Final = frozenset({SILENCE})
BAD: Final = frozenset({400})

# What an answer of this status has to have (RFC 3261 sections 8.2.1, 8.2.2.3 and 8.2.3)
NEEDED: Final = {405: "allow", 415: "accept", 420: "unsupported"}


@dataclass(frozen=True, slots=True)
class Message:
    """A message: its section in the RFC, why it is one, the answers that are right.

    `tcp` are those over TCP, where they are others than over UDP.
    """

    section: str
    what: str
    right: frozenset[int]
    tcp: frozenset[int] | None = None

    def over(self, transport: str) -> frozenset[int]:
        """Return the right answers over "udp" or "tcp"."""
        return self.tcp if transport == "tcp" and self.tcp is not None else self.right


MESSAGES: Final = {
    # 3.1.1: valid messages
    "TC_WSINV": Message("3.1.1.1", "folds everywhere; a dialog nobody has", frozenset({481})),
    "TC_INTMETH": Message("3.1.1.2", "wide range of valid characters", UNKNOWN),
    "TC_ESC01_V": Message("3.1.1.3", "escapes in URIs", CALL),
    "TC_ESCNULL_V": Message("3.1.1.4", "escaped nulls", METHOD),
    "TC_ESC02_V": Message("3.1.1.5", "% where it is no escape: a method of its own", UNKNOWN),
    "TC_LWSDISP_V": Message("3.1.1.6", "no blank before <", OPTIONS),
    "TC_LONGREQ_V": Message("3.1.1.7", "long values", CALL),
    # A datagram has one request; a stream goes on with the next, whose description is malformed
    "TC_DBLREQ": Message("3.1.1.8", "an INVITE after a REGISTER", METHOD, METHOD | BAD | CALL),
    "TC_SEMIURI_V": Message("3.1.1.9", "parameters in the user part", OPTIONS | {404}),
    "TC_TRANSPORTS_V": Message("3.1.1.10", "all kinds of transports in Via", OPTIONS),
    "TC_MPART01": Message("3.1.1.11", "MESSAGE in several parts", METHOD),
    "TC_UNREASON_V": Message("3.1.1.12", "a response with an odd reason", NOTHING),
    "TC_NOREASON_V": Message("3.1.1.13", "a response without reason", NOTHING),
    # 3.1.2: invalid messages
    "TC_BADINV01_I": Message("3.1.2.1", "separators in Via and Contact", BAD),
    "TC_CLERR_I": Message("3.1.2.2", "Content-Length too large", BAD, NOTHING),
    "TC_NCL_I": Message("3.1.2.3", "Content-Length below zero", BAD),
    "TC_SCALAR02_V": Message("3.1.2.4", "numbers out of range in a request", BAD),
    "TC_SCALARLG_V": Message("3.1.2.5", "numbers out of range in a response", NOTHING),
    "TC_QUOTBAL_I": Message("3.1.2.6", "a quote that is not closed", BAD),
    "TC_LTGTRURI_I": Message("3.1.2.7", "<> around the request URI", BAD | CALL),
    "TC_LWSRURI_I": Message("3.1.2.8", "a blank in the request URI", BAD | {481}),
    "TC_LWSSTART_V": Message("3.1.2.9", "several blanks in the request line", BAD | CALL),
    "TC_TRWS_I": Message("3.1.2.10", "blanks after the request line", BAD | OPTIONS),
    "TC_ESCRURI_V": Message("3.1.2.11", "headers in the request URI", BAD | CALL),
    "TC_BADDATE_V": Message("3.1.2.12", "a time zone other than GMT", BAD | CALL),
    "TC_REGBADCT_I": Message("3.1.2.13", "headers in a Contact without <>", BAD | METHOD),
    "TC_BADASPEC_I": Message("3.1.2.14", "blanks within <>", BAD | OPTIONS),
    # Without the empty line at its end: over TCP more is waited for
    "TC_BADDN_I": Message("3.1.2.15", "a name that wants quotes", BAD | OPTIONS, NOTHING),
    "TC_BADVERS_V": Message("3.1.2.16", "SIP/7.0", frozenset({505})),
    "TC_MISMATCH01_V": Message("3.1.2.17", "another method in CSeq", BAD),
    "TC_MISMATCH02_V": Message("3.1.2.18", "another method in CSeq, unknown", BAD | UNKNOWN),
    "TC_BIGCODE_V": Message("3.1.2.19", "a response with a status out of range", NOTHING),
    # 3.2: the transaction layer
    "TC_BADBRANCH_V": Message("3.2.1", "a branch of the cookie alone", OPTIONS),
    # 3.3: the application layer. Without From, To and Call-ID no answer can be made
    "TC_INSUF_I": Message("3.3.1", "required headers are missing", BAD | NOTHING),
    "TC_UNKSCM_V": Message("3.3.2", "a request URI of an unknown scheme", frozenset({416})),
    "TC_NOVELSC_V": Message("3.3.3", "a request URI of a known scheme", frozenset({416})),
    "TC_UNKSM2_V": Message("3.3.4", "unknown schemes in To and From", METHOD | BAD),
    "TC_BEXT01_V": Message("3.3.5", "Require of what nobody supports", frozenset({420})),
    "TC_INVUT_V": Message("3.3.6", "a body of an unknown type", frozenset({415})),
    "TC_REGAUT01_V": Message("3.3.7", "an unknown scheme in Authorization", METHOD),
    "TC_MULTI01_I": Message("3.3.8", "headers twice that there is one of", BAD),
    "TC_MCL01_I": Message("3.3.9", "Content-Length twice", BAD),
    "TC_BCAST_V": Message("3.3.10", "a response with a broadcast Via", NOTHING),
    "TC_ZEROMF_V": Message("3.3.11", "Max-Forwards: 0", OPTIONS | {483}),
    "TC_CPARAM01_V": Message("3.3.12", "a parameter of REGISTER's Contact", METHOD),
    "TC_CPARAM02_V": Message("3.3.13", "a parameter of the URI in it", METHOD),
    "TC_REGESCRT_V": Message("3.3.14", "headers in a Contact with <>", METHOD),
    "TC_SDP01_V": Message("3.3.15", "Accept of what nobody can write", frozenset({406})),
    # 3.4: RFC 2543. It has no Content-Length, which a stream needs
    "TC_INV2543_I": Message("3.4.1", "INVITE as in RFC 2543", CALL, CALL | BAD | NOTHING),
    # Of the collection that the RFC grew from
    "TC_TEST_I": Message("-", "no version, no Via, headers that are none", BAD | NOTHING),
}


def read_message(name: str, branch: str) -> bytes:
    """Return a message's bytes.

    Many have the one branch z9hG4bKkdjuw, which would make them retransmissions of the first; it is
    replaced by `branch`, as long.
    """
    ours, shared = branch.encode(), b"z9hG4bKkdjuw"
    if len(ours) != len(shared):
        raise ValueError(f"{branch!r} is not as long as the branch that it is for")
    return (FOLDER / f"{name}.dat").read_bytes().replace(shared, ours)
