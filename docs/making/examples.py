"""An example of each message, as it goes over the wire."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Examples = Mapping[str, Mapping[str, Any]]

_OFFER = {"type": "offer", "sdp": "v=0\r\n…"}
_CANDIDATE = "candidate:1 1 udp 2122260223 192.0.2.7 51472 typ host"
_LEG = {"mos": 4.3, "loss": 0.01, "jitterMs": 4.2, "rttMs": 38.0, "level": 27, "packets": 100}

CLIENT: Examples = {
    "hello": {"type": "hello", "token": "eyJhbGciOiJIUzI1NiJ9.…"},
    "call": {
        "type": "call",
        "call": "c1",
        "to": "+15551234567",
        "offer": _OFFER,
        "headers": {"X-Order": "4711"},
    },
    "accept": {"type": "accept", "call": "5d0c9b7a2f6e4c18", "offer": _OFFER},
    "reject": {"type": "reject", "call": "5d0c9b7a2f6e4c18", "code": 486},
    "register": {"type": "register", "identity": "sales"},
    "unregister": {"type": "unregister"},
    "candidate": {
        "type": "candidate",
        "call": "c1",
        "candidate": {"candidate": _CANDIDATE, "sdpMid": "0", "sdpMLineIndex": 0},
    },
    "restart": {"type": "restart", "call": "c1", "offer": _OFFER, "id": "r1"},
    "hangup": {"type": "hangup", "call": "c1"},
    "hold": {"type": "hold", "call": "c1"},
    "resume": {"type": "resume", "call": "c1"},
    "transfer": {"type": "transfer", "call": "c1", "to": "+15557654321"},
    "dtmf": {"type": "dtmf", "call": "c1", "digits": "1,2#", "duration": 100, "gap": 70},
    "stats": {
        "type": "stats",
        "call": "c1",
        "report": [
            {"type": "inbound-rtp", "kind": "audio", "packetsReceived": 512, "jitter": 0.004}
        ],
    },
    "feedback": {"type": "feedback", "call": "c1", "score": 4, "issue": "echo"},
    "preflight": {"type": "preflight", "call": "p1", "offer": _OFFER},
    "ping": {"type": "ping"},
}

SERVER: Examples = {
    "welcome": {
        "type": "welcome",
        "session": "b1946ac92492d234",
        "resumeToken": "pzJ3…",
        "resumeWindow": 60.0,
        "iceServers": [
            {"urls": ["turn:turn.example:3478"], "username": "1795974693", "credential": "d3J…"}
        ],
        "iceTransportPolicy": "all",
        "expires": 1795974693.0,
        "identity": "alice",
        "resume": None,
        "heard": 0,
        "received": 0,
        "missed": 0,
        "lost": 0,
        "calls": [],
    },
    "tokenWillExpire": {"type": "tokenWillExpire", "expires": 1795974693.0},
    "draining": {"type": "draining", "seconds": 300},
    "trying": {"type": "trying", "call": "c1"},
    "ringing": {"type": "ringing", "call": "c1", "earlyMedia": True},
    "answer": {"type": "answer", "call": "c1", "answer": {"type": "answer", "sdp": "v=0\r\n…"}},
    "candidate": {"type": "candidate", "call": "c1", "candidate": None},
    "answered": {"type": "answered", "call": "c1", "codec": {"browser": "opus", "trunk": "PCMU"}},
    "incoming": {
        "type": "incoming",
        "call": "5d0c9b7a2f6e4c18",
        "from": "+15557654321",
        "to": "+15550100",
        "displayName": "Ada",
        "headers": {"X-Order": "4711"},
    },
    "registered": {"type": "registered", "identity": "sales"},
    "unregistered": {"type": "unregistered", "identity": "sales"},
    "dtmf": {"type": "dtmf", "call": "c1", "digit": "5", "duration": 160},
    "held": {"type": "held", "call": "c1", "by": "remote"},
    "resumed": {"type": "resumed", "call": "c1", "by": "remote"},
    "transferProgress": {
        "type": "transferProgress",
        "call": "c1",
        "sipCode": 180,
        "reason": "Ringing",
    },
    "transferred": {"type": "transferred", "call": "c1", "sipCode": 200, "reason": "OK"},
    "transferFailed": {
        "type": "transferFailed",
        "call": "c1",
        "sipCode": 486,
        "reason": "Busy Here",
    },
    "redirecting": {
        "type": "redirecting",
        "call": "c1",
        "to": "+15557654321",
        "sipCode": 180,
        "reason": "Ringing",
    },
    "redirected": {
        "type": "redirected",
        "call": "c1",
        "to": "+15557654321",
        "codec": {"browser": "opus", "trunk": "PCMA"},
    },
    "redirectFailed": {
        "type": "redirectFailed",
        "call": "c1",
        "to": "+15557654321",
        "sipCode": 408,
        "reason": "Request Timeout",
    },
    "quality": {"type": "quality", "call": "c1", "browser": _LEG, "trunk": {**_LEG, "rttMs": None}},
    "feedbackTaken": {"type": "feedbackTaken", "call": "c1"},
    "ended": {
        "type": "ended",
        "call": "c1",
        "by": "remote",
        "cause": "busy",
        "sipCode": 486,
        "reason": "Busy Here",
        "message": "The line is busy.",
        "durationMs": 0,
    },
    "pong": {"type": "pong"},
    "error": {
        "type": "error",
        "code": 403,
        "name": "not-allowed",
        "message": "+1900555 is a premium-rate number, which may not be called",
        "fatal": True,
        "call": "c1",
    },
}
