"""rtpengine as the peer to beat: one process of one thread, driven by its ng protocol (in JSON,
which it takes as well as bencode).

Its browser leg has SDES (RFC 4568) instead of ICE and DTLS: the same SRTP once a call is up, and
only calls that are up are measured. Its trunk leg is RTP/AVP, as the gateway's.
"""

from __future__ import annotations

import base64
import json
import re
import secrets
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from tempfile import TemporaryFile
from time import monotonic
from typing import IO

from pylibsrtp import Error as SrtpError
from pylibsrtp import Policy, Session

from gateway.bench.player import PlainLeg
from tests.peers.ports import free_port, release_ports, reserve_ports

FETCH = Path(__file__).with_name("fetch-rtpengine.sh")
# Addresses of their own, so that nobody's stray packets are counted
ADDRESS, OUR_ADDRESS = "127.0.0.9", "127.0.0.5"
START_LIMIT = 10.0  # seconds
REPLY_LIMIT = 2.0
STOP_LIMIT = 5.0
_PORTS_PER_CALL = 4  # RTP and RTCP on both sides
_SUITE = "AES_CM_128_HMAC_SHA1_80"
_KEY_BYTES = 30  # master key and salt, RFC 4568 section 6.2
_RECEIVE_BUFFER = 1 << 20

Reply = dict[str, object]


class RtpengineError(Exception):
    """It cannot be had, did not start, or refused a command."""


@dataclass(frozen=True)
class _Media:
    payload_type: int
    lines: str


_OPUS = _Media(111, "a=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10;useinbandfec=1\r\n")
_PCMU = _Media(0, "a=rtpmap:0 PCMU/8000\r\n")


class Mode(Enum):
    """What the browser's leg speaks, and the trunk's."""

    OPUS = (_OPUS, _PCMU)
    PCMU = (_PCMU, _PCMU)
    OPUS_RELAY = (_OPUS, _OPUS)


class SdesLeg(PlainLeg):
    """A browser's end whose keys stand in the description instead of coming from DTLS."""

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(sock)
        self._key = secrets.token_bytes(_KEY_BYTES)
        self._sender = Session(_policy(self._key, Policy.SSRC_ANY_OUTBOUND))
        self._receiver: Session | None = None

    @property
    def crypto(self) -> str:
        """The attribute for our description."""
        return f"a=crypto:1 {_SUITE} inline:{base64.b64encode(self._key).decode()}\r\n"

    def expect(self, answer: str) -> None:
        """Take the far end's key from its description."""
        found = re.search(rf"a=crypto:\d+ {_SUITE} inline:([A-Za-z0-9+/=]+)", answer)
        if found is None:
            raise RtpengineError(f"no key for {_SUITE} in its answer: {answer!r}")
        self._receiver = Session(_policy(base64.b64decode(found[1]), Policy.SSRC_ANY_INBOUND))

    def wire(self, packet: bytes) -> bytes:
        """Encrypt."""
        protected: bytes = self._sender.protect(packet)
        return protected

    def unwire(self, datagram: bytes) -> bytes:
        """Decrypt; ValueError if it is none of the far end's."""
        if self._receiver is None:
            raise ValueError("nothing can be decrypted before the far end's key is known")
        try:
            packet: bytes = self._receiver.unprotect(datagram)
        except SrtpError as error:
            raise ValueError(f"{len(datagram)} bytes that are no SRTP packet: {error}") from error
        return packet


def _policy(key: bytes, direction: int) -> Policy:
    return Policy(key=key, ssrc_type=direction, srtp_profile=Policy.SRTP_PROFILE_AES128_CM_SHA1_80)


@dataclass(frozen=True)
class RtpengineCall:
    """A call through it; both legs are for the player."""

    name: str
    browser: SdesLeg
    trunk: PlainLeg
    payload_type: int  # on the browser's leg
    trunk_payload_type: int

    def close(self) -> None:
        """Close our sockets."""
        self.browser.socket.close()
        self.trunk.socket.close()


def find_program() -> Path:
    """Return the path of the program, fetching it the first time."""
    ended = subprocess.run([str(FETCH)], capture_output=True, text=True, check=False)
    if ended.returncode:
        raise RtpengineError(ended.stderr.strip())
    return Path(ended.stdout.strip())


class Rtpengine:
    """A running process; `run_rtpengine` starts and stops it.

    Parameters
    ----------
    program
        What `find_program` returned.
    log
        Where its output goes.
    calls
        How many calls there may be at a time.
    core
        Which core it may use; any, if None.
    options
        More of its options.
    """

    def __init__(
        self,
        program: Path,
        log: IO[bytes],
        *,
        calls: int,
        core: int | None = None,
        options: Sequence[str] = (),
    ) -> None:
        self._ports = reserve_ports(calls * _PORTS_PER_CALL + 2)
        self._control = ("127.0.0.1", free_port())
        self._log = log
        self._calls: list[RtpengineCall] = []
        self._socket = socket.socket(type=socket.SOCK_DGRAM)
        self._socket.settimeout(REPLY_LIMIT)
        self._socket.connect(self._control)
        self._process = subprocess.Popen(
            [
                *(() if core is None else ("taskset", "--cpu-list", str(core))),
                *(str(program), "--config-file=none", "--foreground", "--table=-1"),
                *(f"--interface={ADDRESS}", f"--listen-ng={self._control[0]}:{self._control[1]}"),
                *(f"--port-min={self._ports.start}", f"--port-max={self._ports.stop - 1}"),
                *("--num-threads=1", "--log-level=3", "--log-stderr", *options),
            ],
            stdout=log,
            stderr=log,
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    def start(self) -> None:
        """Wait until it answers."""
        until = monotonic() + START_LIMIT
        self._socket.settimeout(0.1)
        while self._process.poll() is None and monotonic() < until:
            try:
                if self.command("ping")["result"] == "pong":
                    self._socket.settimeout(REPLY_LIMIT)
                    return
            except OSError:  # nobody listens yet
                self._wait(0.1)
        raise RtpengineError(f"it did not start: {self._said()}")

    def command(self, name: str, **parameters: object) -> Reply:
        """Send a command and return the reply; RtpengineError if it is an error."""
        cookie = secrets.token_hex(6).encode()
        self._socket.send(cookie + b" " + json.dumps({"command": name, **parameters}).encode())
        while True:
            answered, _, body = self._socket.recv(65535).partition(b" ")
            if answered == cookie:  # else a late answer to what was asked before
                break
        reply: Reply = json.loads(body)
        if reply["result"] not in ("ok", "pong"):
            raise RtpengineError(f"{name}: {reply}")
        return reply

    def make_calls(
        self, count: int, mode: Mode = Mode.OPUS, *, complexity: int | None = None
    ) -> list[RtpengineCall]:
        """Set up calls; their media may be sent at once. `stop` closes what is still open.

        `complexity` is its Opus encoder's, which has one of its own.
        """
        made = [self._make_call(mode, complexity) for _ in range(count)]
        self._calls += made
        return made

    def cpu_seconds(self) -> float:
        """Return what all of its threads have spent so far."""
        spent = 0
        for task in Path(f"/proc/{self.pid}/task").iterdir():
            try:
                spent += int((task / "schedstat").read_text().split()[0])
            except OSError:  # the thread has ended since
                continue
        return spent / 1e9

    def stop(self) -> None:
        """End it and its calls."""
        for call in self._calls:
            call.close()
        self._process.terminate()
        try:
            self._process.wait(STOP_LIMIT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._socket.close()
        release_ports(self._ports)

    def _make_call(self, mode: Mode, complexity: int | None) -> RtpengineCall:
        name = secrets.token_hex(8)
        at_browser, at_trunk = mode.value
        browser, trunk = SdesLeg(_bind()), PlainLeg(_bind())
        wanted: dict[str, object] = {"call-id": name, "from-tag": "browser"}
        offer = _describe(browser, "RTP/SAVP", at_browser, browser.crypto)
        offered = self.command(
            "offer",
            **wanted,
            **_transcoding(mode, complexity),
            **{"sdp": offer, "ICE": "remove", "transport-protocol": "RTP/AVP"},
        )
        answer = _describe(trunk, "RTP/AVP", at_trunk)
        answered = self.command("answer", **wanted, **{"to-tag": "trunk", "sdp": answer})
        browser.expect(str(answered["sdp"]))
        browser.socket.connect((ADDRESS, _port(str(answered["sdp"]))))
        trunk.socket.connect((ADDRESS, _port(str(offered["sdp"]))))
        return RtpengineCall(name, browser, trunk, at_browser.payload_type, at_trunk.payload_type)

    def _wait(self, seconds: float) -> None:
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return

    def _said(self) -> str:
        self._log.seek(0)
        return self._log.read()[-500:].decode(errors="replace")


@contextmanager
def run_rtpengine(
    program: Path, *, calls: int, core: int | None = None, options: Sequence[str] = ()
) -> Iterator[Rtpengine]:
    """Run a fresh rtpengine."""
    with TemporaryFile() as log:
        engine = Rtpengine(program, log, calls=calls, core=core, options=options)
        try:
            engine.start()
            yield engine
        finally:
            engine.stop()


def _bind() -> socket.socket:
    sock = socket.socket(type=socket.SOCK_DGRAM)
    sock.setblocking(False)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
    sock.bind((OUR_ADDRESS, 0))
    return sock


def _transcoding(mode: Mode, complexity: int | None) -> dict[str, object]:
    """Return what an offer says of codecs: nothing where both ends speak the same."""
    if mode is not Mode.OPUS:
        return {}
    codec = {"strip": ["opus"], "transcode": ["PCMU"], "mask": ["opus"]}
    if complexity is not None:
        # Name, clock rate, channels, bitrate, packet time, fmtp, options of the encoder
        codec["set"] = [f"opus/48000/2////complexity={complexity}"]
    return {"codec": codec}


def _describe(leg: PlainLeg, protocol: str, media: _Media, more: str = "") -> str:
    port = leg.socket.getsockname()[1]
    return (
        f"v=0\r\no=- 1 1 IN IP4 {OUR_ADDRESS}\r\ns=-\r\nc=IN IP4 {OUR_ADDRESS}\r\nt=0 0\r\n"
        f"m=audio {port} {protocol} {media.payload_type}\r\n"
        f"{media.lines}{more}a=sendrecv\r\na=ptime:20\r\n"
    )


def _port(description: str) -> int:
    found = re.search(r"m=audio (\d+)", description)
    if found is None:
        raise RtpengineError(f"no audio in its description: {description!r}")
    return int(found[1])


def version(program: Path) -> str:
    """Return what it says its version is."""
    ended = subprocess.run([str(program), "--version"], capture_output=True, text=True, check=False)
    return (ended.stdout + ended.stderr).strip().removeprefix("Version: ")
