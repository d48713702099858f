"""A trunk that calls the gateway, played by hand over UDP: each step is the test's to take."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from time import perf_counter
from typing import TYPE_CHECKING, cast
from uuid import uuid4

from tests.end_to_end.odd_messages import parse_message
from tests.end_to_end.odd_trunk import HOST

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.peers.gateway import Gateway
    from tests.peers.sipp import SipMessage

CALLER = '"Alice Example" <sip:+15550001@trunk.example>'


class TrunkCall(asyncio.DatagramProtocol):
    """One call to the gateway. Use `trunk_call`.

    It answers BYE with 200 and acknowledges each final answer; nothing is sent twice, as nothing is
    lost on loopback.

    Attributes
    ----------
    received
        Every message in order; responses that are repeated are kept once.
    times
        When each of them came, by `perf_counter`.
    """

    def __init__(self, gateway: Gateway, number: str, caller: str, proxy: int, target: str) -> None:
        self.received: list[SipMessage] = []
        self.times: list[float] = []
        self.ack_body = ""
        self.acknowledges = True
        self._target = (target, proxy or gateway.config.sip_port)
        self._routes: list[str] = []
        self._uri = f"sip:{number}@{target}:{gateway.config.sip_port}"
        self._caller = f"{caller};tag={uuid4().hex[:8]}"
        self._to = f"<{self._uri}>"
        self._call_id = uuid4().hex
        self._branch = f"z9hG4bK{uuid4().hex}"
        self._news = asyncio.Event()
        self._cseq = 1
        self._host, self._port = HOST, 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)
        self._host, self._port = self._transport.get_extra_info("sockname")

    @property
    def statuses(self) -> list[int]:
        """The responses so far, by status."""
        return [each.status for each in self.received if each.status is not None]

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        message = parse_message(data)
        if message in self.received:
            return
        self.received.append(message)
        self.times.append(perf_counter())
        to = message.header("to") or ""
        if (message.status or 0) > 100 and message.method == "INVITE":
            self._to = to
            routes = [value for name, value in message.headers if name == "record-route"]
            self._routes = routes[::-1]  # RFC 3261, 12.1.2
        if message.method == "INVITE" and (message.status or 0) >= 200 and self.acknowledges:
            own = message.status == 200
            body = self.ack_body if own else ""
            self.send("ACK", body, cseq=self.cseq_of(message), branch="" if own else self._branch)
        if message.status is None and message.method == "BYE":
            self.respond(message, 200)
        self._news.set()

    @staticmethod
    def cseq_of(message: SipMessage) -> int:
        return int((message.header("cseq") or "0").split()[0])

    async def hear(
        self, what: str | int, *, method: str = "INVITE", limit: float = 8.0, count: int = 1
    ) -> SipMessage:
        """Return the first request of a method, or response of a status to a `method`.

        Or the second, and so on, by `count`.
        """
        try:
            async with asyncio.timeout(limit):
                while True:
                    found = [
                        message
                        for message in self.received
                        if (message.status, message.method)
                        == ((what, method) if isinstance(what, int) else (None, what))
                    ]
                    if len(found) >= count:
                        return found[count - 1]
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            came = [each.start_line for each in self.received]
            raise AssertionError(f"no {what} within {limit:g} s; came: {came}") from None

    def when(self, status: int) -> float:
        """Return when the first response of a status came."""
        pairs = zip(self.received, self.times, strict=True)
        return next(time for message, time in pairs if message.status == status)

    def invite(self, body: str = "", *headers: str) -> float:
        """Send the INVITE; return when."""
        at = perf_counter()
        self.send("INVITE", body, *headers, cseq=self._cseq, branch=self._branch)
        return at

    def cancel(self, *headers: str) -> None:
        """Take the INVITE back."""
        self.send("CANCEL", "", *headers, cseq=self._cseq, branch=self._branch, to=f"<{self._uri}>")

    def request(self, method: str, body: str = "", *headers: str) -> None:
        """Send a request in the dialog."""
        self._cseq += 1
        self.send(method, body, *headers, cseq=self._cseq)

    def send(
        self,
        method: str,
        body: str,
        *headers: str,
        cseq: int,
        branch: str = "",
        to: str = "",
    ) -> None:
        """Send a request as it is."""
        content = body.encode()
        branch = branch or f"z9hG4bK{uuid4().hex}"
        lines = [
            f"{method} {self._uri} SIP/2.0",
            f"Via: SIP/2.0/UDP {self._host}:{self._port};branch={branch}",
            f"From: {self._caller}",
            f"To: {to or self._to}",
            f"Call-ID: {self._call_id}",
            f"CSeq: {cseq} {method}",
            "Max-Forwards: 70",
            f"Contact: <sip:trunk@{self._host}:{self._port}>",
            *(f"Route: {route}" for route in self._routes if branch != self._branch),
            *headers,
            *(["Content-Type: application/sdp"] if content else []),
            f"Content-Length: {len(content)}",
        ]
        self._put("\r\n".join([*lines, "", ""]).encode() + content)

    def respond(self, request: SipMessage, code: int, body: str = "") -> None:
        """Answer a request of the gateway's."""
        lines = [f"SIP/2.0 {code} Whatever"]
        lines += [
            f"{name}: {value}"
            for name, value in request.headers
            if name in ("via", "from", "to", "call-id", "cseq")
        ]
        self._put("\r\n".join([*lines, f"Content-Length: {len(body)}", "", body]).encode())

    def _put(self, data: bytes) -> None:
        self._transport.sendto(data, self._target)


@asynccontextmanager
async def trunk_call(
    gateway: Gateway,
    number: str,
    *,
    caller: str = CALLER,
    proxy: int = 0,
    host: str = HOST,
    target: str = HOST,
) -> AsyncIterator[TrunkCall]:
    """Have a socket at hand that calls a number of the gateway's, by a proxy's port if need be.

    `host` is where it calls from, `target` where the gateway is, or the proxy.
    """
    loop = asyncio.get_running_loop()
    transport, call = await loop.create_datagram_endpoint(
        lambda: TrunkCall(gateway, number, caller, proxy, target), local_addr=(host, 0)
    )
    try:
        yield call
    finally:
        transport.close()
