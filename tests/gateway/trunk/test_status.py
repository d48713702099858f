"""The table of causes: complete, stable in form, and specific where it can be."""

from __future__ import annotations

import re

import pytest

from gateway.trunk.message import read
from gateway.trunk.status import CANCELS, CODES, Q850, Local, meaning, meaning_of_end

MEANINGS = [
    *CODES.values(),
    *Q850.values(),
    *CANCELS.values(),
    *(local.value for local in Local),
]

# The IANA registry, without what can be no end of an INVITE: 202 and 204
REGISTERED = (
    *(200, 300, 301, 302, 305, 380),
    *(400, 401, 402, 403, 404, 405, 406, 407, 408, 410, 412, 413, 414, 415, 416, 417, 420, 421),
    *(422, 423, 424, 425, 428, 429, 430, 433, 436, 437, 438, 439, 440, 469, 470),
    *(480, 481, 482, 483, 484, 485, 486, 487, 488, 489, 491, 493, 494),
    *(500, 501, 502, 503, 504, 505, 513, 555, 580, 600, 603, 604, 606, 607, 608),
)

# ITU-T Q.850, table 1, and those of them that say no more than that the call is over
ISUP = (
    *(1, 2, 3, 4, 5, 6, 7, 8, 9, 14, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30),
    *(31, 34, 38, 39, 40, 41, 42, 43, 44, 46, 47, 49, 50, 53, 55, 57, 58, 62, 63, 65, 66, 69, 70),
    *(79, 81, 82, 83, 84, 85, 86, 87, 88, 90, 91, 95, 96, 97, 98, 99, 100, 101, 102, 103, 110),
    *(111, 127),
)
SILENT = {16, 30, 31, 127}


@pytest.mark.parametrize(("cause", "sentence"), MEANINGS)
def test_form(cause: str, sentence: str) -> None:
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", cause)
    assert re.fullmatch(r"[A-Z].*\.", sentence)


def test_every_registered_code_has_a_sentence() -> None:
    assert sorted(CODES) == list(REGISTERED)
    assert sorted(Q850) == [cause for cause in ISUP if cause not in SILENT]


@pytest.mark.parametrize("code", [300, 301, 302, 305, 380, 399])
def test_a_redirect_says_that_it_is_not_followed(code: int) -> None:
    redirected = meaning(code)
    assert redirected.cause == "redirected"
    assert "redirects are not followed" in redirected.sentence


def test_every_code_means_something() -> None:
    assert all(meaning(code).cause for code in range(-1, 800))


@pytest.mark.parametrize(
    ("code", "q850", "cause"),
    [
        (486, None, "busy"),
        (486, 16, "busy"),
        (404, 17, "not-found"),  # a clear code needs no ISUP cause
        (480, None, "unavailable"),
        (480, 19, "no-answer"),
        (503, 34, "congestion"),
        (500, 1, "not-found"),
        (200, 16, "hangup"),
        (200, 38, "network-failure"),
        (603, 21, "rejected"),
        (499, None, "rejected"),
        (599, None, "trunk-error"),
        (305, None, "redirected"),
    ],
)
def test_cause(code: int, q850: int | None, cause: str) -> None:
    assert meaning(code, q850).cause == cause


@pytest.mark.parametrize(
    ("text", "cause", "sentence"),
    [
        ("SIP/2.0 486 Busy Here", "busy", "The line is busy."),
        (
            'SIP/2.0 488 Not Acceptable Here\r\nWarning: 304 trunk "Media type not available"',
            "incompatible-media",
            "The other side cannot use the offered audio formats. "
            'The trunk says: "Media type not available".',
        ),
        (
            'SIP/2.0 503 Service Unavailable\r\nReason: Q.850;cause=34;text="No circuit"',
            "congestion",
            'All lines of the network are busy. The trunk says: "No circuit".',
        ),
        (
            'BYE sip:a SIP/2.0\r\nReason: SIP;cause=503;text="RTP timeout"',
            "hangup",
            'The other side ended the call. The trunk says: "RTP timeout".',
        ),
        (
            'BYE sip:a SIP/2.0\r\nReason: Q.850;cause=16;text="Normal Clearing"',
            "hangup",
            "The other side ended the call.",
        ),
        ("CANCEL sip:a SIP/2.0", "canceled", "The call was canceled before it was answered."),
        (
            "CANCEL sip:a SIP/2.0\r\nReason: SIP;cause=200",
            "answered-elsewhere",
            "The call was answered at another phone.",
        ),
        (
            "CANCEL sip:a SIP/2.0\r\nReason: Q.850;cause=26",
            "answered-elsewhere",
            "The call was answered at another phone.",
        ),
        (
            'CANCEL sip:a SIP/2.0\r\nReason: SIP;cause=603;text="Declined"',
            "rejected",
            'The call was declined at another phone. The trunk says: "Declined".',
        ),
    ],
)
def test_what_the_trunk_says_itself(text: str, cause: str, sentence: str) -> None:
    assert meaning_of_end(read(f"{text}\r\n\r\n")) == (cause, sentence)
