"""A trunk that a test plays by hand: real sockets, and a line for each number that is dialed.

It does not retransmit and believes what it hears: on loopback nothing is lost. What any trunk does
it does by itself (100, the answers to BYE and CANCEL); all else is the test's to say.
"""

from __future__ import annotations

import asyncio
import itertools
import re
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, cast
from uuid import uuid4

from tests.end_to_end.odd_messages import branch_of, parse_message, sequence
from tests.peers.host import HOST as HOST
from tests.peers.ports import free_port
from tests.peers.sipp import SipMessage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

SDP = "application/sdp"

_PHRASES = {
    100: "Trying",
    180: "Ringing",
    181: "Call Is Being Forwarded",
    182: "Queued",
    183: "Session Progress",
    200: "OK",
    302: "Moved Temporarily",
    422: "Session Interval Too Small",
    486: "Busy Here",
    487: "Request Terminated",
    488: "Not Acceptable Here",
    500: "Server Internal Error",
    491: "Request Pending",
}


def describe(
    port: int,
    *,
    host: str = HOST,
    formats: str = "0 101",
    direction: str = "sendrecv",
    version: int = 1,
    rtpmaps: tuple[str, ...] = ("0 PCMU/8000", "101 telephone-event/8000"),
) -> str:
    """Return the description of a well-behaved trunk with its media at a port."""
    lines = (
        "v=0",
        f"o=trunk 1 {version} IN IP4 {host}",
        "s=-",
        f"c=IN IP4 {host}",
        "t=0 0",
        f"m=audio {port} RTP/AVP {formats}",
        *(f"a=rtpmap:{each}" for each in rtpmaps),
        f"a={direction}",
    )
    return "".join(f"{line}\r\n" for line in lines)


class Line:
    """One call as the trunk has it, from the INVITE on.

    Attributes
    ----------
    received
        Every message of the call in order, repeated ones left out.
    unread
        Those of them that `hear` has not returned.
    tag
        The trunk's own in To; a forked INVITE has several.
    yields
        Whether a CANCEL is answered with 487, as by a trunk that has not answered yet.
    """

    def __init__(self, trunk: OddTrunk, number: str) -> None:
        self.number = number
        self.received: list[SipMessage] = []
        self.unread: list[SipMessage] = []
        self.tag = "trunk"
        self.yields = True
        self.invite: SipMessage | None = None
        self._trunk = trunk
        self._news = asyncio.Event()
        self._seen: set[tuple[str, str]] = set()
        self._finals: dict[tuple[str, str], asyncio.Future[SipMessage]] = {}
        self._branches: dict[int, str] = {}
        self.cseq = 0  # of the trunk's last request
        self._reply: Callable[[bytes], None] = lambda data: None
        self._last = b""

    # -- what comes

    def take(self, message: SipMessage, reply: Callable[[bytes], None]) -> None:
        """Take a message of this call; `reply` leads back to where it came from."""
        self._reply = reply
        if message.status is not None:
            self._take_response(message)
            return
        key = (message.method, branch_of(message))
        repeated = key in self._seen and message.method != "ACK"
        self._seen.add(key)
        if message.method == "INVITE" and self.invite is None:
            self.invite = message
            self._trunk.lines[message.header("call-id") or ""] = self
        if not self._trunk.silent:
            self._do_the_usual(message)
        if not repeated:
            self._keep(message)

    def _take_response(self, message: SipMessage) -> None:
        self._keep(message)
        # A CANCEL has the branch of what it cancels
        pending = self._finals.get((message.method, branch_of(message)))
        if pending is not None and (message.status or 0) >= 200 and not pending.done():
            pending.set_result(message)

    def _do_the_usual(self, message: SipMessage) -> None:
        match message.method:
            case "INVITE" if message is self.invite:
                self.respond(100)
            case "BYE":
                self.respond(200, to=message)
            case "CANCEL":
                self.respond(200, to=message)
                if self.yields:
                    self.respond(487)

    def _keep(self, message: SipMessage) -> None:
        self.received.append(message)
        self.unread.append(message)
        self._news.set()

    def requests(self) -> list[str]:
        """Return the methods of the requests so far, in order."""
        return [each.method for each in self.received if each.status is None]

    async def hear(self, what: str | int, *, limit: float = 8.0) -> SipMessage:
        """Return the next unread request of a method, or response of a code."""
        try:
            async with asyncio.timeout(limit):
                while True:
                    for message in self.unread:
                        wanted = message.method if message.status is None else message.status
                        if wanted == what:
                            self.unread.remove(message)
                            return message
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            came = [each.start_line for each in self.received]
            raise AssertionError(f"no {what} within {limit:g} s; came: {came}") from None

    # -- what goes

    def put(self, data: bytes) -> None:
        """Send this as it is."""
        self._last = data
        self._reply(data)

    def send_again(self) -> None:
        """Send what was sent last, as if it had been lost."""
        self._reply(self._last)

    def respond(
        self,
        code: int,
        body: str | bytes = "",
        *headers: str,
        to: SipMessage | None = None,
        tag: str | None = None,
        kind: str = SDP,
    ) -> None:
        """Respond to the INVITE, or to another request."""
        self.put(self.response(code, body, *headers, to=to, tag=tag, kind=kind))

    def response(
        self,
        code: int,
        body: str | bytes = "",
        *headers: str,
        to: SipMessage | None = None,
        tag: str | None = None,
        kind: str = SDP,
    ) -> bytes:
        """Write a response to the INVITE, or to another request."""
        request = to or self.invite
        assert request is not None, "nobody has called yet"
        callee = request.header("to") or ""
        if "tag=" not in callee and code > 100:
            callee += f";tag={tag or self.tag}"
        start = [
            f"SIP/2.0 {code} {_PHRASES.get(code, 'Whatever')}",
            *(f"Via: {value}" for name, value in request.headers if name == "via"),
            *(f"Record-Route: {route}" for route in self._routes(request)),  # RFC 3261, 12.1.1
            f"From: {request.header('from')}",
            f"To: {callee}",
            f"CSeq: {request.header('cseq')}",
        ]
        return self._message(start, headers, body, kind)

    async def answer(self, body: str | bytes, *headers: str, kind: str = SDP) -> SipMessage:
        """Answer the call, and wait for the ACK."""
        self.respond(200, body, *headers, kind=kind)
        return await self.hear("ACK")

    async def respond_reliably(
        self, code: int, body: str, *, number: int = 1, tag: str | None = None
    ) -> SipMessage:
        """Send a provisional response by RFC 3262; return the PRACK, which is answered."""
        self.respond(code, body, "Require: 100rel", f"RSeq: {number}", tag=tag)
        prack = await self.hear("PRACK")
        self.respond(200, to=prack)
        return prack

    async def request(
        self,
        method: str,
        body: str | bytes = "",
        *headers: str,
        kind: str = SDP,
        cseq: int | None = None,
        limit: float = 8.0,
    ) -> SipMessage:
        """Send a request in the dialog; return the final response."""
        number = self.cseq + 1 if cseq is None else cseq
        self.cseq = max(self.cseq, number)
        branch = f"z9hG4bK{uuid4().hex}"
        pending = self._finals[method, branch] = asyncio.get_running_loop().create_future()
        self.start_request(method, body, *headers, kind=kind, cseq=number, branch=branch)
        try:
            async with asyncio.timeout(limit):
                response: SipMessage = await pending
        except TimeoutError:
            raise AssertionError(f"nothing answers {method} within {limit:g} s") from None
        self.unread.remove(response)
        return response

    def start_request(
        self,
        method: str,
        body: str | bytes = "",
        *headers: str,
        kind: str = SDP,
        cseq: int,
        branch: str = "",
    ) -> None:
        """Send a request in the dialog, and wait for nothing."""
        invite = self.invite
        assert invite is not None, "nobody has called yet"
        contact = re.search(r"<([^>]*)>", invite.header("contact") or "")
        assert contact is not None, "the INVITE has no Contact"
        branch = branch or self._branches.get(cseq, "") or f"z9hG4bK{uuid4().hex}"
        if method not in ("ACK", "CANCEL"):
            self._branches[cseq] = branch
        start = [
            f"{method} {contact[1]} SIP/2.0",
            f"Via: SIP/2.0/{self._trunk.transport} {self._trunk.host}:{self._trunk.port}"
            f";branch={branch}",
            f"From: {invite.header('to')};tag={self.tag}",
            f"To: {invite.header('from')}",
            f"CSeq: {cseq} {method}",
            "Max-Forwards: 70",
            *(f"Route: {route}" for route in self._routes(invite)),
        ]
        self.put(self._message(start, headers, body, kind))

    @staticmethod
    def _routes(request: SipMessage) -> list[str]:
        """Return the proxies that have put themselves on a request's way."""
        return [value for name, value in request.headers if name == "record-route"]

    def acknowledge(self, response: SipMessage, body: str = "") -> None:
        """Send the ACK of a final response; that of a 200 is a transaction of its own."""
        own = f"z9hG4bK{uuid4().hex}" if response.status == 200 else ""
        self.start_request("ACK", body, cseq=sequence(response), branch=own)

    async def reinvite(
        self, body: str = "", *headers: str, ack: str = "", cseq: int | None = None
    ) -> SipMessage:
        """Send a re-INVITE; return the final response, which is acknowledged."""
        response = await self.request("INVITE", body, *headers, cseq=cseq)
        self.acknowledge(response, ack)
        return response

    def _message(
        self, start: list[str], headers: tuple[str, ...], body: str | bytes, kind: str
    ) -> bytes:
        assert self.invite is not None
        content = body.encode() if isinstance(body, str) else body
        trunk = self._trunk
        contact = f"<sip:trunk@{trunk.host}:{trunk.port};transport={trunk.transport.lower()}>"
        named = {header.partition(":")[0].lower() for header in headers}
        lines = [
            *start,
            f"Call-ID: {self.invite.header('call-id')}",
            *([] if "contact" in named else [f"Contact: {contact}"]),
            *headers,
            *([f"Content-Type: {kind}"] if content and kind else []),
            f"Content-Length: {len(content)}",
        ]
        return "\r\n".join([*lines, "", ""]).encode() + content


def offered_address(body: str) -> tuple[str, int]:
    """Return where a description wants its sound."""
    host = body.partition("c=IN IP4 ")[2].split()[0]
    return host, int(body.partition("m=audio ")[2].split()[0])


def offered_port(line: Line) -> int:
    """Return where the gateway itself receives a call's media."""
    assert line.invite is not None
    return int(line.invite.body.partition("m=audio ")[2].split()[0])


class OddTrunk:
    """The sockets, and whose line a message belongs to. Use `odd_trunk`.

    Attributes
    ----------
    silent
        Whether it does not even do the usual any more: it only keeps what it hears.
    """

    def __init__(self, host: str, port: int, transport: str) -> None:
        self.host = host
        self.port = port
        self.transport = transport
        self.lines: dict[str, Line] = {}  # by Call-ID
        self.strays: list[SipMessage] = []  # what is nobody's
        self.silent = False
        self._dialed: dict[str, Line] = {}
        self._connections: set[asyncio.StreamWriter] = set()
        self._numbers = itertools.count(15550100)

    @property
    def uri(self) -> str:
        """As a gateway's trunk is configured with it."""
        return f"sip:{self.host}:{self.port};transport={self.transport.lower()}"

    def line(self, number: str = "") -> Line:
        """Return a line that waits for a call to its own number, or to this one."""
        number = number or f"+{next(self._numbers)}"
        return self._dialed.setdefault(number, Line(self, number))

    def take(self, data: bytes, reply: Callable[[bytes], None]) -> None:
        """Hand a message to its line."""
        message = parse_message(data)
        line = self.lines.get(message.header("call-id") or "")
        if line is None and message.method == "INVITE" and message.status is None:
            found = re.match(r"INVITE sip:([^@;]+)@", message.start_line)
            line = self._dialed.get(found[1]) if found else None
        if line is None:
            self.strays.append(message)
        else:
            line.take(message, reply)

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Read a connection to its end."""
        self._connections.add(writer)
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lstrip()
                length = parse_message(head).header("content-length") or "0"
                self.take(head + await reader.readexactly(int(length)), writer.write)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._connections.discard(writer)
            writer.close()

    def reset(self) -> None:
        """Reset every connection; UDP has none."""
        for writer in self._connections:
            writer.transport.abort()


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, trunk: OddTrunk) -> None:
        self._trunk = trunk

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        if data.strip():  # else a keep-alive
            self._trunk.take(data, lambda reply: self._transport.sendto(reply, address))


@asynccontextmanager
async def odd_trunk(
    host: str = HOST, *, transport: str = "UDP", port: int | None = None
) -> AsyncIterator[OddTrunk]:
    """Open a trunk's port, and serve it until the end of the block; nobody is there afterwards."""
    trunk = OddTrunk(host, port or free_port(), transport)
    if transport == "UDP":
        loop = asyncio.get_running_loop()
        datagrams, _ = await loop.create_datagram_endpoint(
            lambda: _Datagrams(trunk), local_addr=(host, trunk.port)
        )
        try:
            yield trunk
        finally:
            datagrams.close()
        return
    server = await asyncio.start_server(trunk.converse, host, trunk.port)
    try:
        yield trunk
    finally:
        server.close()
        trunk.reset()
        await server.wait_closed()
