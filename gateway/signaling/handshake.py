"""Who may open the WebSocket, told to the handshake, and as an answer that a page may read.

A browser keeps from a page why a WebSocket did not open: a refusal looks like a dead gateway, and
like a firewall. So a plain GET of the same address makes the same checks, and says what they came
to.
"""

from __future__ import annotations

import secrets

from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse

from gateway.admission.grant import Visitor
from gateway.errors import ForbiddenError, GatewayError, LimitError
from gateway.signaling import origin as origins
from gateway.signaling.room import Room

SUBPROTOCOL = "gateway.v1"

TOO_MANY_REQUESTS = 429  # RFC 6585: in HTTP 480 means nothing

OTHER_PAGES = "Pages of this origin may not connect to the gateway."
NO_ORIGIN = "The Origin header is missing."


def visitor_of(connection: HTTPConnection) -> Visitor:
    """Return who is at the other end, by a name that nobody had before."""
    client = connection.client
    return Visitor(
        address=client.host if client is not None else "",
        origin=connection.headers.get("origin"),
        session=secrets.token_urlsafe(9),
    )


def check_origin(origin: str | None, host: str | None, room: Room) -> None:
    """Let a page pass that may connect.

    Raises
    ------
    ForbiddenError
        It is a page of somebody else's.
    """
    reason = origins.refused_because(origin, host, allowed=room.gate.origins)
    if reason is not None:
        said = NO_ORIGIN if origin is None else OTHER_PAGES
        raise ForbiddenError(reason, rule="origin", said=said)


def status_of(error: GatewayError) -> int:
    """Return the HTTP status of a refusal."""
    return TOO_MANY_REQUESTS if isinstance(error, LimitError) else error.sip_code


def explain(connection: HTTPConnection, room: Room) -> JSONResponse:
    """Say whether a WebSocket would be let in that is asked for like this.

    It costs the address as much as a handshake, and is counted as no refusal.
    """
    host = connection.headers.get("host")
    # Browsers send none to the page's own site
    origin = connection.headers.get("origin", f"{connection.scope['scheme']}://{host}")
    try:
        room.gate.enter(visitor_of(connection)).release()
        check_origin(origin, host, room)
    except GatewayError as error:
        body, status = {"error": error.name, "message": error.said}, status_of(error)
    else:
        body, status = {"subprotocol": SUBPROTOCOL}, 200
    # Whoever may not connect is to read that; nothing in it is secret
    return JSONResponse(body, status, {"Access-Control-Allow-Origin": "*"})
