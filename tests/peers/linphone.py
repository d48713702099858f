"""linphonec as a phone: commands on its standard input, and what it says to them.

It plays a file and keeps what it hears in another, and takes one call at a time: to another one it
says 486.
"""

from __future__ import annotations

import asyncio
import os
import re
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from tests.end_to_end.recording import read_recording
from tests.peers.host import HOST, listens
from tests.peers.ports import free_port, free_ports
from tests.peers.process import PeerError, end_process, wait_until
from tests.peers.requirement import require
from tests.tones import make_tone, write_wav

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import AsyncIterator

    from tests.tones import Samples

LIMIT = 10.0  # seconds for what it is asked to do, or is to notice
TONE = 440.0
LONGEST = 90.0  # seconds: then its file ends
RTP_PORTS = 20

CONFIG = """\
[sip]
sip_port={port}
sip_tcp_port={port}
sip_tls_port=-1
bind_address={host}
contact="phone" <sip:phone@{host}:{port}>
use_ipv6=0
inc_timeout=60
incoming_calls_early_media={early}
use_info=0
use_rfc2833=1
session_expires_enabled=1
session_expires_value=90
session_expires_min_value=90
session_expires_refresher_value=1
[rtp]
audio_rtp_port={first}-{last}
[misc]
max_calls=1
[sound]
echocancellation=0
"""


class Linphone:
    """A running phone. Use `run_linphone`."""

    def __init__(self, process: Process, folder: Path, port: int) -> None:
        self.folder = folder
        self.port = port
        self._process = process
        self._rang = 0  # of what it has said, what came before the last call
        self._count = 0
        self._record = folder / "nothing"

    def said(self) -> str:
        """Return what it has said so far."""
        return (self.folder / "said").read_text(errors="replace")

    def trace(self) -> str:
        """Return its log, which has every message."""
        return (self.folder / "log").read_text(errors="replace")

    async def do(self, command: str) -> None:
        """Give it a command."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{command}\n".encode())
        await self._process.stdin.drain()

    async def hear(self, pattern: str, *, since: int = 0, limit: float = LIMIT) -> re.Match[str]:
        """Wait until it says something from a place on; return it."""
        compiled = re.compile(pattern)
        found: re.Match[str] | None = None

        def came() -> bool:
            nonlocal found
            found = compiled.search(self.said(), since)
            return found is not None

        try:
            await wait_until(came, limit=limit, what=f"linphonec says {pattern!r}")
        except PeerError as error:
            raise PeerError(f"{error}\n{self.said()[since:]}") from None
        assert found is not None
        return found

    async def ring(self, number: str) -> LinphoneCall:
        """Wait for the next call."""
        came = await self.hear(r"incoming call from .*, assigned id (\d+)", since=self._rang)
        self._rang = came.end()
        return LinphoneCall(self, int(came[1]), came.end(), self._record)

    async def call(self, uri: str) -> LinphoneCall:
        """Call somebody."""
        since = len(self.said())
        await self.do(f"call {uri}")
        came = await self.hear(r"Establishing call id to .*, assigned id (\d+)", since=since)
        return LinphoneCall(self, int(came[1]), came.end(), self._record)

    async def record_next(self) -> None:
        """Name the file of the next call: linphonec dies of the command once a call rings."""
        self._count += 1
        self._record = self.folder / f"heard-{self._count}.wav"
        await self.do(f"record {self._record}")

    async def set(self, section: str, key: str, value: int) -> None:
        """Change its configuration."""
        await self.do(f"param {section} {key} {value}")


class LinphoneCall:
    """A call that has come to the phone."""

    def __init__(self, phone: Linphone, number: int, since: int, record: Path) -> None:
        self._phone = phone
        self._number = number
        self._since = since
        self._record = record
        self._over = False

    async def reply(self, code: int, contact: str = "") -> None:
        """Refuse; it has said 180 or 183 by itself."""
        if code == 302:
            await self._phone.do(f"redirect {self._number} {contact.strip('<>')}")
        elif code >= 300:
            await self._phone.do(f"terminate {self._number}")

    async def answer(self) -> None:
        """Pick up."""
        await self._phone.do(f"answer {self._number}")
        await self._hear(rf"Call {self._number} with .* connected")

    async def end(self) -> None:
        """Hang up."""
        await self._phone.do(f"terminate {self._number}")

    async def over(self) -> None:
        """Wait until it has ended here as well."""
        if not self._over:
            await self._hear(rf"Call {self._number} with .* (?:ended|error)")
            self._over = True
            await self._phone.record_next()

    async def press(self, digits: str, *, info: bool = False) -> None:
        """Send digits as telephone events, or as INFO."""
        await self._phone.set("sip", "use_info", int(info))
        await self._phone.set("sip", "use_rfc2833", int(not info))
        for digit in digits:
            await self._phone.do(digit)
            await asyncio.sleep(0.3)  # as a finger does

    async def hear_digits(self, digits: str, *, info: bool = False) -> None:
        """Wait for digits, one after the other."""
        place = self._since
        for digit in digits:
            place = (await self._phone.hear(rf"tone {re.escape(digit)} from", since=place)).end()

    async def hold(self) -> None:
        """Send a re-INVITE that holds, and wait for the answer."""
        await self._phone.do("pause")
        await self._hear(rf"Call {self._number} with .* is now paused")

    async def resume(self) -> None:
        """Send a re-INVITE that resumes, and wait for the answer."""
        since = len(self._phone.said())
        await self._phone.do(f"resume {self._number}")
        await self._phone.hear("Media streams established", since=since)

    async def refer(self, to: str) -> None:
        """Hand the other end over to a URI, and wait for the last report of it."""
        since = len(self._phone.trace())
        await self._phone.do(f"transfer {self._number} {to}")

        def told() -> bool:
            return "Subscription-State: terminated" in self._phone.trace()[since:]

        await wait_until(told, limit=LIMIT, what="the last NOTIFY")

    async def _hear(self, pattern: str) -> None:
        await self._phone.hear(pattern, since=self._since)

    async def heard(self) -> tuple[Samples, int]:
        """Return what it heard, and the rate, once the call is over."""
        await self.over()
        return await read_recording(self._record)


@asynccontextmanager
async def run_linphone(folder: Path, *, early: bool = False) -> AsyncIterator[Linphone]:
    """Run a phone at a port of its own, UDP and TCP, which says 180, or 183 with early media."""
    program = str(require("linphonec"))
    port = free_port()
    _write(folder, port, early)
    with (folder / "said").open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *(program, "-c", str(folder / "linphonerc"), "-d", "6", "-l", str(folder / "log")),
            cwd=folder,
            env={**os.environ, "HOME": str(folder)},
            stdin=asyncio.subprocess.PIPE,
            stdout=output,
            stderr=asyncio.subprocess.STDOUT,
        )
    phone = Linphone(process, folder, port)
    try:
        await wait_until(lambda: _listens(process, phone), limit=LIMIT, what="linphonec is up")
        for command in ("ipv6 disable", "soundcard use files"):
            await phone.do(command)
        await phone.do(f"play {folder / 'tone.wav'}")
        await phone.record_next()
        yield phone
        if process.returncode is not None:
            raise PeerError(f"linphonec ended with status {process.returncode}\n{phone.said()}")
    finally:
        with suppress(ConnectionError):
            await phone.do("quit")
        await end_process(process)


def _listens(process: Process, phone: Linphone) -> bool:
    if process.returncode is not None:
        raise PeerError(f"linphonec ended at once\n{phone.said()}")
    return listens(phone.port)


def _write(folder: Path, port: int, early: bool) -> None:
    folder.mkdir(exist_ok=True)
    (folder / ".local/share/linphone").mkdir(parents=True)  # where its database lies
    rtp = free_ports(RTP_PORTS)
    write_wav(folder / "tone.wav", make_tone(TONE, seconds=LONGEST, rate=8000), 8000)
    text = CONFIG.format(
        port=port,
        host=HOST,
        early=int(early),
        first=rtp.start,
        last=rtp.stop - 1,
    )
    (folder / "linphonerc").write_text(text)
