"""The WebSocket `/v1/ws`: who may open it, what a frame may be, and how it ends.

One task reads, and another one writes while there is something to write; the session between them
knows neither. A session with calls outlives the socket, and may go on by another one.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from dataclasses import replace
from time import monotonic, time

from pydantic import SecretStr
from starlette.responses import JSONResponse
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from gateway.admission.grant import Visitor
from gateway.admission.pace import spend
from gateway.admission.socket_limits import SocketLease
from gateway.errors import GatewayError, RequestError
from gateway.signaling import messages
from gateway.signaling.closing import (
    HELLO_TIMEOUT,
    NORMAL,
    POLICY_VIOLATION,
    TAKEN_OVER,
    TRY_AGAIN_LATER,
    Closing,
    closing_for,
)
from gateway.signaling.handshake import SUBPROTOCOL, check_origin, status_of, visitor_of
from gateway.signaling.messages import MessageError
from gateway.signaling.outbox import Outbox
from gateway.signaling.room import Room
from gateway.signaling.session import Resume, Session
from gateway.signaling.websocket_protocol import WATCH

logger = logging.getLogger(__name__)

# A page renews its token by a request to its own site: seconds, and room for a slow one
TOKEN_WARNING = 30.0  # seconds before the token expires


async def serve(websocket: WebSocket, room: Room) -> None:
    """Serve one WebSocket from the handshake to the end of its last call."""
    visitor = visitor_of(websocket)
    place = None
    try:
        place = room.gate.enter(visitor)  # first: who is refused counts, too
        _check_handshake(websocket, room)
    except GatewayError as error:
        if place is not None:
            place.release()
        await _deny(websocket, room, visitor, error)
        return
    try:
        await websocket.accept(subprotocol=SUBPROTOCOL)
        with room.metrics.sessions.track_inprogress():
            await Connection(websocket, room, visitor, place).run()
    finally:
        place.release()


def _check_handshake(websocket: WebSocket, room: Room) -> None:
    check_origin(websocket.headers.get("origin"), websocket.headers.get("host"), room)
    if SUBPROTOCOL not in websocket.scope["subprotocols"]:
        raise RequestError(f"the subprotocol {SUBPROTOCOL!r} is needed (Sec-WebSocket-Protocol)")


async def _deny(websocket: WebSocket, room: Room, visitor: Visitor, error: GatewayError) -> None:
    room.gate.refuse(visitor, error)
    room.count_socket_refusal(error, visitor)
    body = {"error": error.name, "message": error.said}
    await websocket.send_denial_response(JSONResponse(body, status_of(error)))


class Connection:
    """An accepted WebSocket.

    Parameters
    ----------
    visitor
        Who is at the other end.
    place
        Its place among the sockets of that address.
    """

    def __init__(
        self, websocket: WebSocket, room: Room, visitor: Visitor, place: SocketLease
    ) -> None:
        self._websocket = websocket
        self._room = room
        self._visitor = visitor
        self._place = place
        self._limits = room.limits
        self._outbox = Outbox(room.limits.outbox)
        self._unwanted = False  # what waits is of no use to the client
        self._session: Session | None = None  # until the hello
        self.watch = websocket.scope["extensions"][WATCH]
        self._log = {"session": visitor.session}
        self._bad_frames = 0.0  # the bucket of those that may come
        self._expiry: asyncio.TimerHandle | None = None  # of the token, told some time before
        self._patience = asyncio.timeout(room.limits.hello)  # with reading; endless after the hello
        self._reading = True
        self._given_up: Closing | None = None
        # Only while there is something to write: most pages hear nothing for hours
        self._writer: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Serve until one side closes."""
        visitor = self._visitor
        where = f"address={visitor.address or '-'} origin={visitor.origin or '-'}"
        logger.info("session opened %s", where[:200], extra=self._log)
        closing = Closing(NORMAL, "the gateway interrupted it")
        try:
            closing = await self._read()
        finally:
            self._reading = False
            if self._expiry is not None:
                self._expiry.cancel()
            if self._writer is not None:
                self._writer.cancel()
                await asyncio.wait({self._writer})
            what = await self._leave(closing)
            await self._close(closing)
            logger.info("session %s: %s", what, closing.reason, extra=self._log)

    async def _leave(self, closing: Closing) -> str:
        """Leave the session to the socket that it has by now, to one to come, or end it."""
        session, sessions = self._session, self._room.sessions
        if session is None:
            return "closed"
        if not session.has(self):
            return "left to another socket"
        if session.is_worth_keeping(closing.left) and sessions.keep(session):
            session.detach(self)
            return "lost its socket"
        sessions.forget(session)
        await session.close("The connection to the page was lost.")
        session.detach(self)
        return "closed"

    # Reading

    async def _read(self) -> Closing:
        """Read until the socket has to close; return why."""
        try:
            async with self._patience:
                frame = await self._receive()
                self._patience.reschedule(None)
                session = await self._welcome(frame)
                while True:
                    await self._outbox.room()
                    frame = await self._receive()
                    if not session.has(self):
                        raise _taken_over()
                    await self._take(session, frame)
        except TimeoutError as error:
            if not self._patience.expired():
                return closing_for(error)
            late = Closing(HELLO_TIMEOUT, f"no hello within {self._limits.hello:g} s")
            return self._given_up or late
        except Exception as error:  # noqa: BLE001 - a fault of ours closes this socket only
            return closing_for(error)

    async def _receive(self) -> str | bytes:
        event = await self._websocket.receive()
        if event["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(event.get("code", 1005), event.get("reason"))
        text: str | None = event.get("text")
        return text if text is not None else bytes(event["bytes"])

    async def _welcome(self, frame: str | bytes) -> Session:
        try:
            message = self._parse(frame)
        except MessageError as error:
            self._refuse(error)
            raise Closing(POLICY_VIOLATION, "the first frame must be hello") from None
        if not isinstance(message, messages.Hello):
            refusal = RequestError("the first frame must be hello")
            self._refuse(refusal)
            raise Closing(POLICY_VIOLATION, str(refusal))
        try:
            session, resume = await self._enter(message)
        except GatewayError as error:
            self._room.count_socket_refusal(error, self._visitor)
            self._refuse(error)
            raise Closing(POLICY_VIOLATION, error.name) from None
        self._session = session
        session.greet(resume, message.received)
        self._warn_of_expiry(session.grant.expires)
        return session

    async def _enter(self, hello: messages.Hello) -> tuple[Session, Resume | None]:
        """Go on with a session, or begin one; nothing waits between that and the welcome."""
        room = self._room
        wanted, token = _revealed(hello.resume), _revealed(hello.token)
        found = None if wanted is None else room.sessions.find(wanted)
        if wanted is not None and isinstance(found, Session):
            visitor = replace(self._visitor, session=found.id)
            grant = await room.gate.sessions.resume(visitor, found.visitor, found.grant, token)
            if room.sessions.find(wanted) is found:
                room.sessions.take(found)
                found.attach(visitor, grant, self)
                self._log = {"session": found.id}
                where = f"address={visitor.address or '-'} instead of {self._visitor.session}"
                logger.info("session resumed %s", where, extra=self._log)
                return found, "resumed"
            found = "over"  # while the gate made up its mind
        grant = await room.gate.sessions.welcome(self._visitor, token, _revealed(hello.challenge))
        session = Session(self._visitor, grant, room, self)
        room.sessions.add(session)
        return session, None if found is None else "over" if found == "over" else "unknown"

    async def _renew(self, session: Session, message: messages.Hello) -> None:
        """Take a new token; what is wrong with it costs neither the session nor its calls."""
        try:
            grant = await self._room.gate.sessions.renew(
                session.visitor, session.grant, _revealed(message.token)
            )
        except GatewayError as error:
            self._room.count_socket_refusal(error, self._visitor)
            session.say(messages.error_of(error))
        else:
            session.grant = grant
            session.check_registration()
            session.greet()
            self._warn_of_expiry(grant.expires)

    def _warn_of_expiry(self, expires: float | None) -> None:
        """Tell the client some time before its token runs out."""
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None
        if expires is not None:
            warning = messages.render(messages.TokenWillExpire(expires=expires))
            left = max(0.0, expires - TOKEN_WARNING - time())
            self._expiry = asyncio.get_running_loop().call_later(left, self.send, warning)

    def _refuse(self, error: GatewayError) -> None:
        """Tell a client that is not welcomed why."""
        self.send(messages.render(messages.error_of(error, fatal=True)))

    async def _take(self, session: Session, frame: str | bytes) -> None:
        if not self._place.message():
            self._room.limit_reached("messages-per-second-per-address", self._visitor)
            # Not for good: the address may be that of an office whose pages all come back at once
            raise Closing(TRY_AGAIN_LATER, "too many messages from this address")
        try:
            message = self._parse(frame)
        except MessageError as error:
            session.complain(error)
            self._count_bad_frame()
        else:
            if isinstance(message, messages.Hello):
                await self._renew(session, message)
            else:
                session.receive(message)

    def _count_bad_frame(self) -> None:
        """Close at the last one that may come within a minute."""
        most = self._limits.bad_frames
        self._bad_frames, may = spend(self._bad_frames, monotonic(), most / 60, most - 1)
        if not may:
            raise Closing(POLICY_VIOLATION, f"{most} bad frames") from None

    def _parse(self, frame: str | bytes) -> messages.ClientMessage:
        if isinstance(frame, bytes):
            raise MessageError("the frame is binary: messages are JSON in text frames")
        return messages.parse(frame, self._limits.frame_bytes)

    # Writing

    def send(self, text: str) -> None:
        """Take a message for the client, at once and without waiting."""
        if not self._outbox.put(text):
            self._unwanted = True
            self._close_unread()
        elif self._reading and self._writer is None:
            self._writer = asyncio.create_task(self._write(), name="websocket-writer")

    def give_way(self) -> None:
        """Close: the session has another socket, which also gets what waits here."""
        self._unwanted = True
        self._give_up(_taken_over())

    def _close_unread(self) -> None:
        """Close the socket of a client that takes nothing any more."""
        self._give_up(Closing(POLICY_VIOLATION, "the client does not read"))

    def _give_up(self, closing: Closing) -> None:
        """Stop reading, wherever it is."""
        if self._reading and self._given_up is None and not self._patience.expired():
            self._given_up = closing
            self._patience.reschedule(asyncio.get_running_loop().time())

    async def _write(self) -> None:
        """Write what there is."""
        loop = asyncio.get_running_loop()
        try:
            while (text := self._outbox.take()) is not None:
                limit = loop.call_later(self._limits.send, self._close_unread)
                try:
                    await self._websocket.send_text(text)
                finally:
                    limit.cancel()
        except Exception as error:  # noqa: BLE001 - a fault of ours closes this socket only
            self._give_up(closing_for(error))
        finally:
            self._writer = None

    async def _close(self, closing: Closing) -> None:
        """Send what is left, such as the errors that led here, then the close frame."""
        states = (self._websocket.client_state, self._websocket.application_state)
        if WebSocketState.DISCONNECTED in states:
            return
        unsent = [] if self._unwanted else self._outbox.take_all()
        # The client may be gone at any point here: then nobody is left to tell
        with suppress(TimeoutError, WebSocketDisconnect):
            async with asyncio.timeout(self._limits.send):
                for text in unsent:
                    await self._websocket.send_text(text)
                await self._websocket.close(closing.code, closing.reason)


def _revealed(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()


def _taken_over() -> Closing:
    return Closing(TAKEN_OVER, "the session goes on by another socket")
