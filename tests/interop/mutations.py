"""`python -m tests.interop.mutations SEED SECONDS`: send damaged SIP messages to a SIP end point.

For a namespace of its own (`peers.namespace`): answers go where a damaged Via says. What is damaged
are the messages of RFC 4475 and a request of each method. Prints a line of JSON: how many were
sent, how often OPTIONS was asked and answered between them, and what was logged as an error.
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
import socket
import sys
from collections.abc import Callable
from time import monotonic
from typing import Final

from gateway.trunk import EndpointConfig, TrunkEndpoint
from gateway.trunk.screening import METHODS
from tests.interop.torture import FOLDER

SIP: Final = 15080
OWN: Final = 15062  # the port that sends
BURST: Final = 200  # messages between two rests, which fit into a socket's buffer
ALIVE: Final = 2.0  # seconds for the answer to OPTIONS

REQUEST: Final = "\r\n".join(
    (
        "{0} sip:a@127.0.0.1 SIP/2.0",
        f"Via: SIP/2.0/UDP 127.0.0.1:{OWN};branch=z9hG4bK{{1}};rport",
        *("From: <sip:x@h>;tag=1", "To: <sip:y@h>", "Call-ID: {1}", "CSeq: 1 {0}"),
        *("Max-Forwards: 70", "Contact: <sip:x@127.0.0.1>", "Retry-After: 5", "RSeq: 1"),
        *("Session-Expires: 90;refresher=uac", "Min-SE: 90", "RAck: 1 1 INVITE"),
        *("Content-Type: application/sdp", "Content-Length: 10", "", "v=0\r\no=- 1"),
    )
)
LINES: Final = (
    *(b"", b"X", b":", b" x", b"Contact: <", b"Via", b"From:", b"Retry-After: x\r"),
    *(b"Content-Length: 99999999999\r", b"Require\r"),
)


def damaged(message: bytes, rng: random.Random) -> bytes:
    """Return a message with up to eight things wrong with it."""
    for _ in range(rng.choice((1, 1, 2, 3, 8))):
        if message:
            message = rng.choice(DAMAGES)(message, rng.randrange(len(message)), rng)
    return message[:65_000]


def _line(message: bytes, at: int, rng: random.Random) -> bytes:
    lines = message.split(b"\n")
    lines[at % len(lines)] = rng.choice(LINES)
    return b"\n".join(lines)


DAMAGES: Final[tuple[Callable[[bytes, int, random.Random], bytes], ...]] = (
    lambda message, at, rng: message[:at] + rng.randbytes(1) + message[at + 1 :],
    lambda message, at, rng: message[:at] + message[at + rng.randrange(1, 20) :],
    lambda message, at, rng: message[:at] + rng.choice((b"\r\n", b"\0", b'"', b"<")) + message[at:],
    lambda message, at, rng: message[:at] + message[: rng.randrange(60)] + message[at:],
    lambda message, at, rng: message[:at],
    lambda message, at, rng: message.replace(b"\r\n", b"\n"),
    _line,
)


class Errors(logging.Handler):
    """Keeps what is logged as an error."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


async def answers(own: socket.socket, number: int) -> bool:
    """Tell whether OPTIONS is answered; what else waits at the socket is thrown away."""
    asked = REQUEST.format("OPTIONS", f"alive{number}").encode()
    until = monotonic() + ALIVE
    while monotonic() < until:
        own.sendto(asked, ("127.0.0.1", SIP))
        await asyncio.sleep(0.02)
        try:
            while True:
                if f"Call-ID: alive{number}".encode() in own.recv(65_536):
                    return True
        except BlockingIOError:
            continue
    return False


async def torment(seed: int, seconds: float) -> dict[str, object]:
    """Send damaged messages for so long."""
    logging.getLogger().addHandler(errors := Errors())
    rng = random.Random(seed)
    whole = [file.read_bytes() for file in sorted(FOLDER.glob("*.dat"))]
    whole += [REQUEST.format(method, method).encode() for method in (*METHODS, "NOTIFY", "NEW")]
    endpoint = TrunkEndpoint(EndpointConfig(port=SIP))
    await endpoint.start()
    sent = asked = answered = 0
    with socket.socket(type=socket.SOCK_DGRAM) as own:
        own.bind(("127.0.0.1", OWN))
        own.setblocking(False)
        until = monotonic() + seconds
        while monotonic() < until:
            for _ in range(BURST):
                own.sendto(damaged(rng.choice(whole), rng), ("127.0.0.1", SIP))
            sent, asked = sent + BURST, asked + 1
            await asyncio.sleep(0.02)
            answered += await answers(own, asked)
    fault = endpoint.fault
    await endpoint.close()
    return {
        **{"sent": sent, "asked": asked, "answered": answered},
        **{"errors": errors.lines, "fault": fault},
    }


if __name__ == "__main__":
    found = asyncio.run(torment(int(sys.argv[1]), float(sys.argv[2])))
    sys.stdout.write(json.dumps(found))
