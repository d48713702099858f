#!/bin/sh
# uvicorn logs an error for a WebSocket that the application has refused in the way it may.
#
# Software: uvicorn 0.54.0 with websockets 17.4 and wsproto 1.3.2, each of its WebSocket protocols.
#   "websockets-sansio" is what "auto", the default, takes.
# Surprise: an application may refuse a handshake by a response of its own, with the ASGI extension
#   websocket.http.response, which uvicorn offers in the scope. The client gets it, and still
#   websockets-sansio says that the application returned without completing the handshake. A log
#   that is watched for errors has one for each refusal then. The other two protocols say nothing,
#   nor does this one when the application refuses by websocket.close, which makes it a 403.
# Seen: the client gets 401 and the body from all three; websockets-sansio logs the ERROR "ASGI
#   callable returned without completing handshake.", websockets and wsproto none.
set -eu
. "$(dirname -- "$0")/lib/prepare.sh"
prepare uvicorn==0.54.0 websockets==17.4 wsproto==1.3.2

run 60 <<'PYTHON'
import asyncio
import logging
import warnings
from importlib.metadata import version

import uvicorn
from expect import end, expect
from uvicorn.protocols.websockets.auto import AutoWebSocketsProtocol

HOST = "127.0.0.1"
REQUEST = (
    "GET / HTTP/1.1\r\nHost: loopback\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n"
)
COMPLAINT = "ASGI callable returned without completing handshake."
warnings.simplefilter("ignore")  # that the protocol "websockets" is deprecated


class Errors(logging.Handler):
    """Keeps what is logged as an error."""

    def __init__(self):
        super().__init__(logging.ERROR)
        self.texts = []

    def emit(self, record):
        self.texts.append(record.getMessage())


async def respond(scope, receive, send):
    """Refuse by a response."""
    assert "websocket.http.response" in scope["extensions"]
    assert (await receive())["type"] == "websocket.connect"
    headers = [(b"content-type", b"text/plain"), (b"content-length", b"8")]
    await send({"type": "websocket.http.response.start", "status": 401, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": b"no token"})


async def close(scope, receive, send):
    """Refuse without one."""
    assert (await receive())["type"] == "websocket.connect"
    await send({"type": "websocket.close"})


async def outcome(application, protocol):
    """Return what the client got, status and body, and the errors that were logged."""
    errors = Errors()
    log = logging.getLogger("uvicorn.error")
    log.addHandler(errors)
    log.propagate = False
    config = uvicorn.Config(
        application, host=HOST, port=0, ws=protocol, lifespan="off", log_config=None
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    reader, writer = await asyncio.open_connection(*server.servers[0].sockets[0].getsockname())
    writer.write(REQUEST.encode())
    head, _, body = (await reader.read()).decode().partition("\r\n\r\n")
    writer.close()
    server.should_exit = True
    await serving
    log.removeHandler(errors)
    return int(head.split(" ")[1]), body, errors.texts


versions = (f"{name} {version(name)}" for name in ("uvicorn", "websockets", "wsproto"))
print(", ".join(versions))
expect(AutoWebSocketsProtocol.__name__, "WebSocketsSansIOProtocol", "what auto takes")
for protocol, errors in (("websockets-sansio", [COMPLAINT]), ("websockets", []), ("wsproto", [])):
    seen = asyncio.run(outcome(respond, protocol))
    expect(seen, (401, "no token", errors), f"{protocol}, refused by a response")
status, _, errors = asyncio.run(outcome(close, "websockets-sansio"))
expect((status, errors), (403, []), "websockets-sansio, refused by websocket.close")
end()
PYTHON
