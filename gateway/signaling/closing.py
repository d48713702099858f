"""Why a WebSocket closes: the codes that a client sees, and the way out of reading and writing."""

from __future__ import annotations

import logging

from starlette.websockets import WebSocketDisconnect

logger = logging.getLogger(__name__)

# RFC 6455 section 7.4.1, and the registry that its section 11.7 opens
NORMAL = 1000
POLICY_VIOLATION = 1008
INTERNAL_ERROR = 1011
TRY_AGAIN_LATER = 1013

# RFC 6455 section 7.4.2: from 4000 on codes are the application's own. A client that sees this one
# must not come back: it would take the session from whoever has it now, over and over
TAKEN_OVER = 4000
# As 408 of HTTP, and others' word for it: the network may have held the hello up, so come back
HELLO_TIMEOUT = 4408

# The server below answers these faults by itself, and tells us nothing but the code
FAULTS_OF_CLIENTS = {
    1008: "too many control frames, fragments or messages at once",
    1002: "a frame breaks the WebSocket protocol",
    1007: "a text frame is not UTF-8",
    1009: "a frame is too big",
}


class Closing(Exception):
    """The way out of reading and writing: the socket has to close, and why.

    `reason` has at most 123 bytes (RFC 6455 section 5.5). `left` says that the client itself has
    said goodbye, and did not just vanish.
    """

    def __init__(self, code: int, reason: str, *, left: bool = False) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
        self.left = left


def closing_for(error: Exception) -> Closing:
    """Say why the socket closes; a fault of ours closes with 1011."""
    if isinstance(error, Closing):
        return error
    if isinstance(error, WebSocketDisconnect):
        why = FAULTS_OF_CLIENTS.get(error.code, "by the client")
        return Closing(NORMAL, f"{why} ({error.code})", left=error.code == NORMAL)
    logger.error("a WebSocket task failed", exc_info=error)
    return Closing(INTERNAL_ERROR, "internal error")
