"""What the gateway says to a page, as it goes over the wire."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.errors import OfferError
from gateway.signaling import messages
from gateway.signaling.messages import error_of, render

SENT: list[tuple[messages.ServerMessage, dict[str, Any]]] = [
    (
        messages.TokenWillExpire(expires=1_800_000_000),
        {"type": "tokenWillExpire", "expires": 1_800_000_000.0},
    ),
    (messages.Draining(seconds=300), {"type": "draining", "seconds": 300}),
    (
        messages.Welcome(session="s"),
        {
            "type": "welcome",
            "session": "s",
            "resumeToken": None,
            "resumeWindow": 0,
            "iceServers": [],
            "iceTransportPolicy": "all",
            "expires": None,
            "resume": None,
            "heard": 0,
            "received": 0,
            "missed": 0,
            "lost": 0,
            "calls": [],
        },
    ),
    (
        messages.Welcome(
            session="s",
            resume_token="t",
            resume_window=60,
            resume="resumed",
            heard=9,
            received=7,
            missed=2,
            lost=1,
            calls=(
                messages.LiveCall(call="c", state="trying", direction="outgoing", to="600"),
                messages.LiveCall(
                    call="i",
                    state="answered",
                    direction="incoming",
                    to="+1",
                    from_="anonymous",
                    display_name="A",
                    early_media=True,
                    answered_ms=5,
                    held=("local", "remote"),
                    codec=messages.Codecs(browser="opus", trunk="PCMU"),
                ),
            ),
        ),
        {
            "type": "welcome",
            "session": "s",
            "resumeToken": "t",
            "resumeWindow": 60,
            "iceServers": [],
            "iceTransportPolicy": "all",
            "expires": None,
            "resume": "resumed",
            "heard": 9,
            "received": 7,
            "missed": 2,
            "lost": 1,
            "calls": [
                {
                    "call": "c",
                    "state": "trying",
                    "direction": "outgoing",
                    "to": "600",
                    "earlyMedia": False,
                    "answeredMs": None,
                    "held": [],
                },
                {
                    "call": "i",
                    "state": "answered",
                    "direction": "incoming",
                    "to": "+1",
                    "from": "anonymous",
                    "displayName": "A",
                    "earlyMedia": True,
                    "answeredMs": 5,
                    "held": ["local", "remote"],
                    "codec": {"browser": "opus", "trunk": "PCMU"},
                },
            ],
        },
    ),
    (messages.Trying(call="c"), {"type": "trying", "call": "c"}),
    (
        messages.Ringing(call="c", early_media=True),
        {"type": "ringing", "call": "c", "earlyMedia": True},
    ),
    (
        messages.Answer(call="c", answer=messages.AnswerDescription(sdp="v=0\r\n")),
        {"type": "answer", "call": "c", "answer": {"type": "answer", "sdp": "v=0\r\n"}},
    ),
    (
        messages.ServerCandidate(call="c", candidate=None),
        {"type": "candidate", "call": "c", "candidate": None},
    ),
    (
        messages.Answered(call="c", codec=messages.Codecs(browser="opus", trunk="PCMU")),
        {"type": "answered", "call": "c", "codec": {"browser": "opus", "trunk": "PCMU"}},
    ),
    (
        messages.Digit(call="c", digit="#", duration=80),
        {"type": "dtmf", "call": "c", "digit": "#", "duration": 80},
    ),
    (
        messages.Ended(
            call="c",
            by="remote",
            cause="busy",
            sip_code=486,
            reason="Busy Here",
            message="Busy.",
            duration_ms=0,
        ),
        {
            "type": "ended",
            "call": "c",
            "by": "remote",
            "cause": "busy",
            "sipCode": 486,
            "reason": "Busy Here",
            "message": "Busy.",
            "durationMs": 0,
        },
    ),
    (
        messages.Quality(
            call="c",
            browser=messages.LegQuality(
                mos=4.21, loss=0.01, jitter_ms=2.5, rtt_ms=31.0, level=28, packets=100
            ),
            trunk=messages.LegQuality(
                mos=None, loss=0.0, jitter_ms=0.0, rtt_ms=None, level=None, packets=0
            ),
        ),
        {
            "type": "quality",
            "call": "c",
            "browser": {
                "mos": 4.21,
                "loss": 0.01,
                "jitterMs": 2.5,
                "rttMs": 31.0,
                "level": 28,
                "packets": 100,
            },
            "trunk": {
                "mos": None,
                "loss": 0.0,
                "jitterMs": 0.0,
                "rttMs": None,
                "level": None,
                "packets": 0,
            },
        },
    ),
    (messages.Held(call="c", by="local"), {"type": "held", "call": "c", "by": "local"}),
    (messages.Resumed(call="c", by="remote"), {"type": "resumed", "call": "c", "by": "remote"}),
    (
        messages.TransferProgress(call="c", sip_code=180, reason="Ringing"),
        {"type": "transferProgress", "call": "c", "sipCode": 180, "reason": "Ringing"},
    ),
    (
        messages.Transferred(call="c", sip_code=200, reason="OK"),
        {"type": "transferred", "call": "c", "sipCode": 200, "reason": "OK"},
    ),
    (
        messages.TransferFailed(call="c", sip_code=486, reason="Busy Here"),
        {"type": "transferFailed", "call": "c", "sipCode": 486, "reason": "Busy Here"},
    ),
    (
        messages.Redirecting(call="c", to="+1", sip_code=180, reason="Ringing"),
        {"type": "redirecting", "call": "c", "to": "+1", "sipCode": 180, "reason": "Ringing"},
    ),
    (
        messages.Redirected(call="c", to="+1", codec=messages.Codecs(browser="opus", trunk="PCMU")),
        {
            "type": "redirected",
            "call": "c",
            "to": "+1",
            "codec": {"browser": "opus", "trunk": "PCMU"},
        },
    ),
    (
        messages.RedirectFailed(call="c", to="+1", sip_code=486, reason="Busy"),
        {"type": "redirectFailed", "call": "c", "to": "+1", "sipCode": 486, "reason": "Busy"},
    ),
    (messages.Pong(), {"type": "pong"}),
    (
        error_of(OfferError("no audio"), call="c", fatal=True),
        {
            "type": "error",
            "code": 488,
            "name": "bad-offer",
            "message": "no audio",
            "fatal": True,
            "call": "c",
        },
    ),
    (
        error_of(OfferError("no audio")),
        {"type": "error", "code": 488, "name": "bad-offer", "message": "no audio", "fatal": False},
    ),
]


@pytest.mark.parametrize(("message", "wire"), SENT, ids=[wire["type"] for _, wire in SENT])
def test_the_wire_is_camel_case(message: messages.ServerMessage, wire: dict[str, Any]) -> None:
    assert json.loads(render(message)) == wire
