"""A gateway at the seam: real WebSocket, real WebRTC answerer, and a signaling story per test.

It does on purpose what the real gateway takes care never to do (closing in mid-call, answering
nonsense), so that the page can be seen to survive it. The media are real: aiortc answers and
sends a tone.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import uvicorn
from aiortc import (
    AudioStreamTrack,
    RTCConfiguration,
    RTCPeerConnection,
    RTCSessionDescription,
)
from aiortc.contrib.media import MediaBlackhole
from aiortc.sdp import candidate_from_sdp
from av import AudioFrame
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.websockets import WebSocket, WebSocketDisconnect

from tests.tones import make_tone

TREE = Path(__file__).parents[2]
WEB = TREE / "gateway" / "web"
DESKTOP = TREE / "examples" / "agent-desktop" / "site"
HARNESS = Path(__file__).with_name("harness.js")
POLICY = {"Content-Security-Policy": "default-src 'self'"}
EXTENSIONS = [
    {"number": "600", "name": "Echo", "description": "sends back what it hears"},
    {"number": "602", "name": "Tone", "description": "plays 660 Hz"},
    {"number": "620", "name": "Busy", "description": "answers 486"},
]
TIME_LIMIT = 10

TONE = 1000.0
TONE_LEVEL = -18.0  # dBFS

Frame = dict[str, Any]


class ToneTrack(AudioStreamTrack):
    """A tone instead of aiortc's silence, in its frames of 20 ms at 8 kHz: whole periods fit."""

    async def recv(self) -> AudioFrame:
        frame = await super().recv()
        if not isinstance(frame, AudioFrame):
            raise TypeError(f"an audio track gave a {type(frame).__name__}")
        tone = make_tone(TONE, seconds=frame.samples / frame.sample_rate, level=TONE_LEVEL)
        frame.planes[0].update(tone.tobytes())
        return frame


class Session:
    """One WebSocket, as a story sees it."""

    def __init__(self, socket: WebSocket) -> None:
        self.socket = socket
        self.received: list[Frame] = []
        self.pongs = True  # whether pings are answered
        self.news = asyncio.Condition()
        self.call: Frame = {}  # the `call` frame that the story is about
        self.peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.sink = MediaBlackhole()
        self.gone = asyncio.Event()

    async def send(self, type_: str, **fields: object) -> None:
        await self.socket.send_text(json.dumps({"type": type_, **fields}))

    async def reply(self, type_: str, **fields: object) -> None:
        """Send a frame about the call that the page asked for."""
        await self.send(type_, call=self.call["call"], **fields)

    def find(self, type_: str, **fields: object) -> list[Frame]:
        wanted = {"type": type_, **fields}
        return [frame for frame in self.received if wanted.items() <= frame.items()]

    async def wait_for(self, type_: str, **fields: object) -> Frame:
        """The first frame of this type with these fields, now or within the time limit."""
        async with asyncio.timeout(TIME_LIMIT), self.news:
            await self.news.wait_for(lambda: self.find(type_, **fields))
        return self.find(type_, **fields)[0]

    async def wait_for_count(self, type_: str, count: int) -> None:
        """Wait, for as long as it takes, until so many frames of this type have come."""
        async with self.news:
            await self.news.wait_for(lambda: len(self.find(type_)) >= count)

    async def next_call(self, number: int) -> None:
        """Wait, for as long as it takes, for the page's call of this number, from 0."""
        async with self.news:
            await self.news.wait_for(lambda: len(self.find("call")) > number)
        call = self.find("call")[number]
        if number:
            await self.take(call)
        self.call = call

    async def take(self, asked: Frame) -> None:
        """Have what follows be about another offer, which a new connection is for."""
        self.call = asked
        await self.close_media()
        self.peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.sink = MediaBlackhole()

    async def make_answer(self, *, telephone_event: bool = False) -> Frame:
        """Answer the page's offer by a real peer connection that sends a tone."""
        self.peer.on("track", self.sink.addTrack)
        self.peer.addTrack(ToneTrack())
        await self.peer.setRemoteDescription(RTCSessionDescription(**self.call["offer"]))
        await self.peer.setLocalDescription(await self.peer.createAnswer())
        await self.sink.start()
        sdp = self.peer.localDescription.sdp
        if telephone_event:
            sdp = with_telephone_event(sdp)
        return {"type": "answer", "sdp": sdp}

    async def feed(self, frame: Frame) -> None:
        async with self.news:
            self.received.append(frame)
            self.news.notify_all()
        if frame["type"] == "ping" and self.pongs:
            await self.send("pong")
        text = (frame.get("candidate") or {}).get("candidate", "")
        if text and self.peer.remoteDescription:
            candidate = candidate_from_sdp(text.removeprefix("candidate:"))
            candidate.sdpMLineIndex = 0
            await self.peer.addIceCandidate(candidate)

    async def ring(self, call: str = "in-1", **fields: object) -> None:
        """Call the page."""
        self.call = {"call": call}
        caller = {"from": "+15551234567", "to": "+15550100", **fields}
        await self.send("incoming", call=call, **caller)

    async def accepted(self) -> None:
        """Wait until the page takes the call that rings."""
        self.call = await self.wait_for("accept", call=self.call["call"])

    async def close_media(self) -> None:
        await self.sink.stop()
        await self.peer.close()


def with_telephone_event(sdp: str) -> str:
    """Accept payload type 126, which is Chromium's telephone-event/8000."""
    lines = sdp.split("\r\n")
    media = next(i for i, line in enumerate(lines) if line.startswith("m=audio"))
    lines[media] += " 126"
    mid = next(i for i, line in enumerate(lines) if line.startswith("a=rtpmap"))
    lines.insert(mid, "a=rtpmap:126 telephone-event/8000")
    return "\r\n".join(lines)


Story = Callable[[Session], Coroutine[Any, Any, None]]


async def welcome(session: Session) -> None:
    await session.wait_for("hello")
    await session.send("welcome", session="s1", resumeToken="r", iceServers=[], calls=[])


async def take_registration(session: Session) -> None:
    """Let the page be reachable under whatever it says."""
    await welcome(session)
    frame = await session.wait_for("register")
    await session.send("registered", identity=frame.get("identity", "of the token"))


async def connect_incoming(session: Session) -> None:
    """Wait for the page to accept, and connect it."""
    await session.accepted()
    await session.reply("answer", answer=await session.make_answer())
    await session.reply("answered", codec={"browser": "opus", "trunk": "PCMU"})


async def answer_call(session: Session, *, telephone_event: bool = False) -> None:
    """The good story: every later one starts from it."""
    await session.reply("trying")
    answer = await session.make_answer(telephone_event=telephone_event)
    await session.reply("answer", answer=answer)
    await session.reply("ringing", earlyMedia=False)
    await session.reply("answered", codec={"browser": "opus", "trunk": "PCMU"})


class FakeGateway:
    """Serves the web folder as the gateway does, and plays `story` to each call."""

    def __init__(self) -> None:
        self.story: Story = answer_call
        self.greeting: Story = welcome
        self.subprotocol: str | None = "gateway.v1"
        self.extensions = True
        self.pages = {"docs": True, "preflight": True}
        self.page = ""  # a page of somebody else's, at /page
        self.page_headers: dict[str, str] = {}
        self.token = ""  # that the site's own server gives out, at /token
        self.sessions: asyncio.Queue[Session] = asyncio.Queue()
        self.opened: list[Session] = []
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def session(self) -> Session:
        async with asyncio.timeout(TIME_LIMIT):
            return await self.sessions.get()

    async def websocket(self, socket: WebSocket) -> None:
        await socket.accept(subprotocol=self.subprotocol)
        session = Session(socket)
        self.opened.append(session)
        self.sessions.put_nowait(session)
        play = asyncio.create_task(self._play(session))
        try:
            while True:
                await session.feed(json.loads(await socket.receive_text()))
        except WebSocketDisconnect:
            pass
        finally:
            play.cancel()
            await asyncio.gather(play, return_exceptions=True)
            await session.close_media()
            session.gone.set()

    async def _play(self, session: Session) -> None:
        greeting = asyncio.create_task(self.greeting(session))
        try:
            await self._play_calls(session)
        finally:
            greeting.cancel()
            await asyncio.gather(greeting, return_exceptions=True)

    async def _play_calls(self, session: Session) -> None:
        for number in itertools.count():
            await session.next_call(number)
            await self.story(session)

    def _index(self, request: Request) -> Response:
        return FileResponse(WEB / "demo" / "index.html", headers=POLICY)

    def _blank(self, request: Request) -> Response:
        page = '<!doctype html><title>blank</title><script src="/harness.js"></script>'
        # No policy here: the tests' own wait_for_function evaluates strings
        return HTMLResponse(page)

    def _page(self, request: Request) -> Response:
        return HTMLResponse(self.page, headers=self.page_headers)

    def _forbidding(self, request: Request) -> Response:
        """A page that forbids what the client needs, and lets tests evaluate strings."""
        page = "<!doctype html><title>forbidding</title>"
        policy = "connect-src 'self' https://elsewhere.example; script-src 'self' 'unsafe-eval'"
        # 'self' is the page's http, and not ws to another port
        return HTMLResponse(page, headers={"Content-Security-Policy": policy})

    def _extensions(self, request: Request) -> Response:
        return JSONResponse(EXTENSIONS) if self.extensions else Response(status_code=404)

    def _pages(self, request: Request) -> Response:
        return JSONResponse(self.pages)

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/", self._index),
                Route("/blank", self._blank),
                Route("/page", self._page),
                Route("/forbidding", self._forbidding),
                Route("/token", lambda request: Response(self.token), methods=["POST"]),
                Route("/harness.js", lambda request: FileResponse(HARNESS)),
                Route("/demo/extensions.json", self._extensions),
                Route("/demo/pages.json", self._pages),
                WebSocketRoute("/v1/ws", self.websocket),
                Mount("/demo", StaticFiles(directory=WEB / "demo")),
                Mount("/sdk", StaticFiles(directory=WEB / "sdk")),
                Mount("/desktop", StaticFiles(directory=DESKTOP)),
                # As behind a proxy that serves other things beside it
                Mount("/phone/sdk", StaticFiles(directory=WEB / "sdk")),
            ]
        )

    @asynccontextmanager
    async def run(self) -> AsyncIterator[FakeGateway]:
        config = uvicorn.Config(
            self.app(),
            host="127.0.0.1",
            port=0,
            log_level="warning",
            lifespan="off",
            ws="websockets-sansio",
            timeout_graceful_shutdown=2,
        )
        listener = config.bind_socket()
        self.port = listener.getsockname()[1]
        server = uvicorn.Server(config)
        task = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield self
        finally:
            server.should_exit = True
            await task
            listener.close()
