"""The pages around the WebSocket: the demo, the SDK, and what an operator's tools ask for."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from fastapi import APIRouter, FastAPI, Response
from fastapi.responses import FileResponse, PlainTextResponse, RedirectResponse
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from gateway.signaling import api, handshake, socket
from gateway.signaling.files import CompressedFiles
from gateway.signaling.room import Room

# What the demo's embedded peer answers: number, name and description of each
Extensions = Sequence[Mapping[str, str]]

WEBSOCKET_PATH = "/v1/ws"

TLS_FOR = 365 * 86_400  # seconds in which a browser comes back by TLS only (RFC 6797)

WEB = Path(__file__).parent.parent / "web"

# What `make docs` makes of docs/; a wheel has it, a fresh clone has not
DOCUMENTATION = Path(__file__).parent.parent / "docs"
NOT_BUILT = "The documentation is not built: type `make docs`.\n"


class Health(BaseModel):
    status: str = "ok"


class Readiness(BaseModel):
    """`reasons` says in words why no call can be placed; empty when one can.

    `degraded` says what else does not work: no call fails for it. `capacity` is the least of
    `capacities`: calls at a time that each part carries.
    """

    ready: bool
    reasons: list[str]
    degraded: list[str]
    engine: str
    active: int
    capacity: int
    capacities: dict[str, int]


router = APIRouter()


@router.get("/healthz", summary="Whether the process runs")
async def healthz() -> Health:
    return Health()


@router.get(
    "/readyz",
    summary="Whether a call can be placed now",
    responses={503: {"model": Readiness, "description": "No call can be placed; see `reasons`"}},
)
async def readyz(room: api.AnyRoom, response: Response) -> Readiness:
    reasons = room.not_ready()
    if reasons:
        response.status_code = 503
    return Readiness(
        ready=not reasons,
        reasons=reasons,
        degraded=room.degraded(),
        engine=room.engine,
        active=room.calls.active,
        capacity=room.calls.capacity,
        capacities=dict(room.calls.capacities),
    )


@router.get("/metrics", summary="Prometheus metrics", response_class=Response)
async def metrics(room: api.AnyRoom) -> Response:
    return Response(room.metrics.text(), media_type=CONTENT_TYPE_LATEST)


@router.get("/docs", include_in_schema=False)
async def documentation() -> RedirectResponse:
    # Relative: a proxy's host, port and scheme are its own
    return RedirectResponse("docs/")


def is_documented() -> bool:
    """Whether the documentation is there: it may be built while the gateway runs."""
    return (DOCUMENTATION / "index.html").exists()


class Documentation(CompressedFiles):
    """The pages of the documentation; where they are not built, a line says how."""

    async def check_config(self) -> None:
        """Take a folder that is not there."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        if not is_documented():
            return PlainTextResponse(NOT_BUILT, 404)
        return await super().get_response(path, scope)


def add_routes(app: FastAPI, room: Room, drain: Callable[[], None]) -> None:
    """Add what every gateway serves."""
    app.state.room = room
    app.state.drain = drain
    app.include_router(router)
    api.add_api(app)

    pages = Documentation(directory=DOCUMENTATION, html=True, check_dir=False)
    app.mount("/docs", pages, name="docs")
    app.mount("/sdk", CompressedFiles(directory=WEB / "sdk", check_dir=False), name="sdk")
    app.add_middleware(api.ApiDoor, room=room)
    app.add_middleware(SecurityHeaders)
    app.add_middleware(Heads)


def add_demo(app: FastAPI, extensions: Extensions, *, preflight: bool) -> None:
    """Add the demo page; no extensions are listed but in a demo."""

    @app.get("/", include_in_schema=False)
    async def page() -> FileResponse:
        return FileResponse(WEB / "demo" / "index.html")

    @app.get("/demo/extensions.json", include_in_schema=False)
    async def demo_extensions() -> Extensions:
        return extensions

    @app.get("/demo/pages.json", include_in_schema=False)
    async def pages() -> Mapping[str, bool]:
        return {"docs": is_documented(), "preflight": preflight}

    app.mount("/demo", CompressedFiles(directory=WEB / "demo", check_dir=False), name="demo")


def add_preflight(app: FastAPI) -> None:
    """Add the page of a pre-flight."""
    pages = CompressedFiles(directory=WEB / "preflight", check_dir=False, html=True)
    app.mount("/preflight", pages, name="preflight")


class WebSocketDoor:
    """Serves the WebSocket, and who asks why it gets none; lets everything else pass.

    It is one path without parameters, open for as long as a call lasts. FastAPI's way to it is
    twenty layers deep, each with a frame that stays, and each message would climb through some.
    """

    def __init__(self, app: ASGIApp, room: Room) -> None:
        self._app = app
        self._room = room

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind, path = scope["type"], scope.get("path")
        if kind == "websocket" and path == WEBSOCKET_PATH:
            await socket.serve(WebSocket(scope, receive, send), self._room)
        elif kind == "http" and path == WEBSOCKET_PATH and scope["method"] == "GET":
            answer = handshake.explain(HTTPConnection(scope), self._room)
            await SecurityHeaders(answer)(scope, receive, send)
        else:
            await self._app(scope, receive, send)


class Heads:
    """Answers HEAD as GET, without the body (RFC 9110 section 9.3.2): monitoring asks so.

    A route of FastAPI takes the methods that it names, and would describe each of them in OpenAPI.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def send_head(message: Message) -> None:
            body = message["type"] == "http.response.body"
            await send({**message, "body": b""} if body else message)

        await self._app({**scope, "method": "GET"}, receive, send_head)


_HOST = re.compile(r"[A-Za-z0-9.-]+(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]+\](:[0-9]{1,5})?", re.ASCII)


def content_security_policy(host: str) -> str:
    """Allow the page its own files, its own WebSocket, and the sound it plays; nothing else.

    The WebSocket is named, since not every browser in use takes 'self' to cover ws: and wss:.
    """
    sockets = f" ws://{host} wss://{host}" if _HOST.fullmatch(host) else ""
    return (
        f"default-src 'self'; connect-src 'self'{sockets}; media-src 'self' blob: mediastream:; "
        "img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'"
    )


class SecurityHeaders:
    """Adds to each response what limits the harm that a page, or a page around it, can do."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        host = Headers(scope=scope).get("host", "")

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["Content-Security-Policy"] = content_security_policy(host)
                headers["X-Content-Type-Options"] = "nosniff"
                headers["Referrer-Policy"] = "no-referrer"
                headers["Permissions-Policy"] = "microphone=(self)"
                if scope["scheme"] == "https":
                    headers["Strict-Transport-Security"] = f"max-age={TLS_FOR}"
                # Checked again by ETag each time: an update reaches every page at once
                headers["Cache-Control"] = "no-cache"
                if scope["path"].startswith("/sdk/"):
                    # A module is fetched by CORS; any site may embed the SDK
                    headers["Access-Control-Allow-Origin"] = "*"
            await send(message)

        await self._app(scope, receive, send_with_headers)
