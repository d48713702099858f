"""pjsua2 as an ordinary user agent on loopback, and a peer that writes its own SIP messages.

Both live in one thread: the peer has pjsip work whenever it waits for a message.
"""

from __future__ import annotations

import os
import re
import socket
import time
from collections.abc import Callable

import pjsua2 as pj

HOST = "127.0.0.1"
CRLF = "\r\n"

OFFER = """v=0
o=- 1 1 IN IP4 127.0.0.1
s=-
c=IN IP4 127.0.0.1
t=0 0
m=audio 40000 RTP/AVP 0 101
a=rtpmap:0 PCMU/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-15
"""


class _Account(pj.Account):
    """Answers each call with 200."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[pj.Call] = []

    def onIncomingCall(self, prm: pj.OnIncomingCallParam) -> None:
        call = pj.Call(self, prm.callId)
        self.calls.append(call)
        answer = pj.CallOpParam()
        answer.statusCode = 200
        call.answer(answer)


class Engine:
    """A pjsua2 endpoint with one UDP transport and one account, without a sound device."""

    def __init__(self, configure: Callable[[pj.AccountConfig], None] = lambda _: None) -> None:
        quiet = os.dup(1)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what it says before it takes a log level
        self.endpoint = pj.Endpoint()
        self.endpoint.libCreate()
        config = pj.EpConfig()
        config.logConfig.level = config.logConfig.consoleLevel = 0
        config.uaConfig.threadCnt = config.medConfig.threadCnt = 0
        config.medConfig.hasIoqueue = False
        self.endpoint.libInit(config)
        os.dup2(quiet, 1)
        transport = pj.TransportConfig()
        transport.boundAddress = HOST
        number = self.endpoint.transportCreate(pj.PJSIP_TRANSPORT_UDP, transport)
        self.endpoint.libStart()
        self.endpoint.audDevManager().setNullDev()
        self.address = self.endpoint.transportGetInfo(number).localName
        account = pj.AccountConfig()
        account.idUri = f"sip:engine@{self.address}"
        account.mediaConfig.transportConfig.boundAddress = HOST
        configure(account)
        self.account = _Account()
        self.account.create(account)
        print(f"pjsua2-python, pjproject {self.endpoint.libVersion().full}", flush=True)

    def dial(self, peer: Peer) -> pj.Call:
        """Call the peer with one audio stream."""
        call = pj.Call(self.account)
        wanted = pj.CallOpParam(True)
        wanted.opt.audioCount, wanted.opt.videoCount = 1, 0
        call.makeCall(f"sip:peer@{peer.address}", wanted)
        return call


class Peer:
    """A socket of SIP over UDP."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((HOST, 0))
        self._socket.setblocking(False)
        self.address = f"{HOST}:{self._socket.getsockname()[1]}"

    def request(
        self,
        method: str,
        number: int,
        *,
        call: str,
        to_tag: str = "",
        branch: str = "",
        headers: tuple[str, ...] = (),
        body: str = "",
        kind: str = "application/sdp",
        user: str = "engine",
        identity: str = "sip:peer@127.0.0.1",
    ) -> None:
        """Send a request, by Call-ID `call` and CSeq `number`; in the dialog if `to_tag` is one."""
        branch = branch or f"z9hG4bK-{call}-{method}-{number}"
        target = f"sip:{user}@{self._engine.address}"
        lines = [
            f"{method} {target} SIP/2.0",
            f"Via: SIP/2.0/UDP {self.address};branch={branch}",
            "Max-Forwards: 70",
            f"From: <{identity}>;tag=peer",
            f"To: <{target}>" + (f";tag={to_tag}" if to_tag else ""),
            f"Call-ID: {call}",
            f"CSeq: {number} {method}",
            f"Contact: <sip:peer@{self.address}>",
            *headers,
        ]
        self._send(lines, body, kind)

    def respond(
        self, request: str, status: str, *, body: str = "", headers: tuple[str, ...] = ()
    ) -> None:
        """Answer a request of the engine's."""
        to = header(request, "To")
        lines = [
            f"SIP/2.0 {status}",
            f"Via: {header(request, 'Via')}",
            f"From: {header(request, 'From')}",
            f"To: {to}" + ("" if ";tag=" in to else ";tag=peer"),
            f"Call-ID: {header(request, 'Call-ID')}",
            f"CSeq: {header(request, 'CSeq')}",
            f"Contact: <sip:peer@{self.address}>",
            *headers,
        ]
        self._send(lines, body, "application/sdp")

    def _send(self, lines: list[str], body: str, kind: str) -> None:
        body = body.replace("\n", CRLF)
        if body:
            lines = [*lines, f"Content-Type: {kind}"]
        head = CRLF.join([*lines, f"Content-Length: {len(body)}"])
        host, port = self._engine.address.split(":")
        self._socket.sendto(f"{head}{CRLF}{CRLF}{body}".encode(), (host, int(port)))

    def receive(self, pattern: str = "", seconds: float = 2.0) -> str:
        """Return the next message in which the regular expression is found, "" if none comes."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self._engine.endpoint.libHandleEvents(10)
            try:
                message = self._socket.recv(65535).decode()
            except BlockingIOError:
                continue
            if re.search(pattern, message, re.MULTILINE):
                return message
        return ""

    def call(self, name: str, offer: str = OFFER) -> str:
        """Call the engine; return the tag of the dialog."""
        self.request("INVITE", 1, call=name, body=offer)
        answered = self.receive(r"\ASIP/2.0 200 ")
        tag = header(answered, "To").partition(";tag=")[2]
        self.request("ACK", 1, call=name, to_tag=tag)
        return tag


def status(message: str) -> str:
    """Return the status of a response without its version, "no answer" of none."""
    return message.split(CRLF)[0].removeprefix("SIP/2.0 ") if message else "no answer"


def header(message: str, name: str) -> str:
    """Return the value of a message's first header of this name."""
    found = re.search(rf"^{name}:\s*(.*?)\s*$", message, re.MULTILINE | re.IGNORECASE)
    return found[1] if found else ""
