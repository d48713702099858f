"""The engine by itself in the thread of the test, and a SIP peer on loopback that says anything.

pjsua2 allows one endpoint per process, and one thread polls it. Here that is the test's own: it
turns the engine until something is as it waits for, so that nothing happens at another time.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any, Final

import pjsua2 as pj

from gateway.trunk.account import Account
from gateway.trunk.address import Route
from gateway.trunk.message import Message, read
from tests.peers.requirement import require_own_engine

require_own_engine()  # the stock wheel has no filter to derive from

OFFER: Final = "\r\n".join(
    (
        "v=0",
        "o=- 7 1 IN IP4 127.0.0.1",
        "s=-",
        "c=IN IP4 127.0.0.1",
        "t=0 0",
        "m=audio 40000 RTP/AVP 0",
        "a=rtpmap:0 PCMU/8000",
        "",
    )
)
MIRROR: Final = OFFER.replace("127.0.0.1", "192.0.2.1").replace("40000", "9")
"""What pjsip sees of any description of the peer's: one that it can only agree with."""

SLOPPY: Final = OFFER.replace("s=-", "s=").replace("a=rtpmap:0 PCMU/8000", "a=ssrc:1")
"""What pjsip refuses: an empty name of the session, an attribute without what belongs in it."""

LIMIT: Final = 5.0  # seconds that anything may take on loopback

NUMBERS: Final = count(1)
"""What tells branches and calls apart. An answered branch is known for 32 s, and the port of a peer
may be the next peer's before: by a number of its own it would repeat a request of that peer."""

Decide = Callable[[Any, Message], None]


class Filter(pj.MessageFilter):
    """Asks the test about each message, and keeps what it was asked about."""

    def __init__(self) -> None:
        super().__init__()
        self.decide: Decide = lambda asked, message: None
        self.refuse: Callable[[Any], None] = lambda asked: None
        self.asked: list[Message] = []
        self.tokens: list[int] = []
        self.unreadable: list[tuple[str, str, int]] = []

    def onMessage(self, asked: Any) -> None:
        message = read(asked.whole, asked.source)
        self.asked.append(message)
        self.tokens.append(asked.token)
        self.decide(asked, message)

    def onUnreadable(self, asked: Any, status: int) -> None:
        self.unreadable.append((asked.whole, asked.source, status))
        self.refuse(asked)

    def has_come(self, method: str, times: int) -> bool:
        return self.count(method) >= times

    def count(self, method: str) -> int:
        return sum(message.method == method for message in self.asked)


class Log(pj.LogWriter):
    """Keeps the errors."""

    def __init__(self) -> None:
        super().__init__()
        self.errors: list[str] = []

    def write(self, entry: Any) -> None:
        if entry.level <= 1:
            self.errors.append(entry.msg)


class Call(pj.Call):
    """A call whose descriptions are the test's, and which keeps what it saw."""

    def __init__(self, account: Account) -> None:
        super().__init__(account)
        self.states: list[int] = []
        self.agreed = 0

    def onCallSdpCreated(self, prm: Any) -> None:
        prm.sdp.wholeSdp = OFFER

    def onCallState(self, prm: Any) -> None:
        self.states.append(self.getInfo().state)

    def onCallMediaState(self, prm: Any) -> None:
        self.agreed += 1

    @property
    def up(self) -> bool:
        return self.states == [pj.PJSIP_INV_STATE_CONFIRMED]

    @property
    def over(self) -> bool:
        return pj.PJSIP_INV_STATE_DISCONNECTED in self.states


class Engine:
    """pjsua2 with one UDP port, a filter and an account; `turn_until` moves it."""

    def __init__(self) -> None:
        self.endpoint = pj.Endpoint()
        self.endpoint.libCreate()
        config = pj.EpConfig()
        config.uaConfig.threadCnt = 0
        config.medConfig.hasIoqueue, config.medConfig.threadCnt = False, 0
        self.log = Log()
        config.logConfig.writer = self.log
        self.log.__disown__()  # libDestroy deletes it
        config.logConfig.level = config.logConfig.consoleLevel = 1
        self.endpoint.libInit(config)
        self.endpoint.audDevManager().setNoDev()
        local = pj.TransportConfig()
        local.boundAddress = "127.0.0.1"
        number = self.endpoint.transportCreate(pj.PJSIP_TRANSPORT_UDP, local)
        self.port = int(self.endpoint.transportGetInfo(number).localName.rpartition(":")[2])
        self.filter = Filter()
        self.endpoint.libStart()
        self.account = Account(lambda account, call, message, source: None)
        self.account.open(Route("<sip:gateway@127.0.0.1>", ""))
        self.calls: list[Call] = []

    def turn_until(self, done: Callable[[], object]) -> None:
        """Handle what comes until `done`; a failure of the test if that does not happen."""
        until = time.monotonic() + LIMIT
        while not done():
            assert time.monotonic() < until, "it did not happen"
            self.endpoint.libHandleEvents(10)

    def dial(self, uri: str) -> Call:
        call = Call(self.account)
        options = pj.CallOpParam(True)
        options.opt.audioCount, options.opt.videoCount, options.opt.textCount = 1, 0, 0
        call.makeCall(uri, options)
        self.calls.append(call)
        return call

    def close(self) -> None:
        self.calls.clear()  # which hangs them up
        self.account.shutdown()
        self.endpoint.libDestroy()
        del self.endpoint  # a second one beside it, which a traceback may keep, aborts the process


@contextmanager
def open_engine() -> Iterator[Engine]:
    engine = Engine()
    try:
        yield engine
    finally:
        engine.close()


@dataclass
class Peer:
    """A UDP socket that speaks SIP with an engine. What has come is in `heard`, in order."""

    engine: Engine
    socket: socket.socket
    heard: list[Message]

    @property
    def port(self) -> int:
        return int(self.socket.getsockname()[1])

    @property
    def uri(self) -> str:
        return f"sip:peer@127.0.0.1:{self.port}"

    def send(self, data: bytes) -> None:
        self.socket.sendto(data, ("127.0.0.1", self.engine.port))

    def listen(self) -> None:
        """Take what has come so far."""
        while True:
            try:
                self.heard.append(read(self.socket.recv(65535).decode()))
            except BlockingIOError:
                return

    def hear(self, what: str | int, cseq: str = "", times: int = 1) -> Message:
        """Wait for the n-th request of a method, or response of a code (to a certain CSeq)."""
        found: list[Message] = []

        def come() -> bool:
            self.listen()
            found[:] = [
                message
                for message in self.heard
                if (message.method or message.code) == what
                and (not cseq or message.header("cseq") == cseq)
            ]
            return len(found) >= times

        self.engine.turn_until(come)
        return found[times - 1]

    def settle(self) -> None:
        """Let happen what is under way: an OPTIONS has its answer after all that came before."""
        branch = f"settle{next(NUMBERS)}"
        self.send(self.request("OPTIONS", cseq=1, call_id=branch, branch=branch))
        self.hear(200, cseq="1 OPTIONS", times=self.settled())

    def settled(self) -> int:
        return 1 + sum(
            message.code == 200 and message.header("cseq") == "1 OPTIONS" for message in self.heard
        )

    def respond(
        self,
        request: Message,
        code: int,
        body: str = "",
        *headers: str,
        without: tuple[str, ...] = (),
    ) -> None:
        """Respond as the callee of a dialog; `without` leaves headers out."""
        to = request.header("to") or ""
        self.send(
            message(
                f"SIP/2.0 {code} Whatever",
                f"Via: {request.header('via')}",
                f"From: {request.header('from')}",
                f"To: {to}" if "tag=" in to else f"To: {to};tag=peer",
                f"Call-ID: {request.header('call-id')}",
                f"CSeq: {request.header('cseq')}",
                f"Contact: <{self.uri}>",
                *headers,
                body=body,
                without=without,
            )
        )

    def request(
        self,
        method: str,
        *headers: str,
        cseq: int = 10,
        body: str = "",
        branch: str = "",
        call_id: str = "",
        within: Message | None = None,
    ) -> bytes:
        """Return a request: alone, or `within` the dialog of an INVITE that came."""
        caller = f"<{self.uri}>;tag=peer"
        callee = f"<sip:gateway@127.0.0.1:{self.engine.port}>"
        if within is not None:
            caller = f"{within.header('to')};tag=peer"
            callee, call_id = within.header("from") or "", within.header("call-id") or ""
        return message(
            f"{method} sip:gateway@127.0.0.1:{self.engine.port} SIP/2.0",
            f"Via: SIP/2.0/UDP 127.0.0.1:{self.port};rport;"
            f"branch=z9hG4bK{branch or f'number{next(NUMBERS)}'}",
            f"From: {caller}",
            f"To: {callee}",
            f"Call-ID: {call_id or f'alone{next(NUMBERS)}'}",
            f"CSeq: {cseq} {method}",
            f"Contact: <{self.uri}>",
            "Max-Forwards: 70",
            *headers,
            body=body,
        )

    def answer_call(self) -> tuple[Call, Message]:
        """Be dialed and answer; return the call and its INVITE."""
        call = self.engine.dial(self.uri)
        invite = self.hear("INVITE")
        self.respond(invite, 200, MIRROR)
        self.hear("ACK")
        self.engine.turn_until(lambda: call.up)
        return call, invite


def message(*lines: str, body: str = "", without: tuple[str, ...] = ()) -> bytes:
    """Return a SIP message; a body is a session description unless the lines say otherwise."""
    head = [*lines, f"Content-Length: {len(body)}"]
    if body and not any(line.startswith("Content-Type") for line in lines):
        head.append("Content-Type: application/sdp")
    head = [line for line in head if line.partition(":")[0] not in without]
    return "\r\n".join((*head, "", body)).encode()


@contextmanager
def open_peer(engine: Engine) -> Iterator[Peer]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
        own.bind(("127.0.0.1", 0))
        own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        own.setblocking(False)
        yield Peer(engine, own, [])
