"""baresip as a phone: commands and events by its module ctrl_tcp, keys by its module cons.

A command is for the call that it calls the current one, so that it takes one call at a time. It
plays a file and keeps what it hears in another.
"""

from __future__ import annotations

import asyncio
import json
import re
from contextlib import asynccontextmanager, suppress
from time import time
from typing import TYPE_CHECKING, Any

from tests.end_to_end.recording import read_recording
from tests.peers.host import HOST
from tests.peers.ports import free_port, free_ports
from tests.peers.process import PeerError, end_process, tail, wait_until
from tests.peers.requirement import require
from tests.tones import make_tone, write_wav

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.peers.authority import Pair
    from tests.tones import Samples

LIMIT = 10.0  # seconds for what it is asked to do, or is to notice
TONE = 440.0
LONGEST = 60.0  # seconds: a file that ends ends the call
RTP_PORTS = 40
MODULES = "/usr/lib/baresip/modules"

# The users that it has; it refuses calls to others
PHONE, EARLY, SECRET = "100", "183", "772"
RELEASE = "\x04"  # the key that stands for letting go
ACCOUNTS = f"""\
<sip:{PHONE}@{{address}}>;regint=0;answermode=manual
<sip:{EARLY}@{{address}}>;regint=0;answermode=early
<sip:{SECRET}@{{address}}>;regint=0;answermode=manual;mediaenc=srtp-mand
"""

CONFIG = """\
sip_listen {address}
net_interface {host}
sip_certificate {folder}/certificate.pem
call_local_timeout 60
audio_source aufile,{folder}/tone.wav
audio_player aubridge,nobody
audio_alert aufile,{folder}/tone.wav
ausrc_srate 8000
auplay_srate 8000
ausrc_channels 1
auplay_channels 1
ausrc_format s16
auplay_format s16
auenc_format s16
audec_format s16
rtp_ports {first}-{last}
module_path {modules}
module g711.so
module srtp.so
module aufile.so
module aubridge.so
module sndfile.so
module cons.so
snd_path {folder}/heard
module_tmp uuid.so
module_tmp account.so
module_app menu.so
module_app ctrl_tcp.so
ctrl_tcp_listen {host}:{control}
cons_listen {host}:{keys}
"""

Event = dict[str, Any]


class Baresip:
    """A running phone. Use `run_baresip`."""

    def __init__(self, folder: Path, port: int, keys: int) -> None:
        self.folder = folder
        self.port = port
        self.keys = keys
        self.events: list[Event] = []
        self._news = asyncio.Condition()
        self._writer: asyncio.StreamWriter | None = None
        self._rang = 0  # of the events, those before the last call that was taken

    async def connect(self, port: int) -> asyncio.Task[None]:
        """Connect to its control port; return what reads from there."""
        reader, self._writer = await asyncio.open_connection(HOST, port)
        return asyncio.create_task(self._read(reader), name="baresip")

    async def disconnect(self) -> None:
        """Close the control connection."""
        assert self._writer is not None
        self._writer.close()
        with suppress(ConnectionError):
            await self._writer.wait_closed()

    async def _read(self, reader: asyncio.StreamReader) -> None:
        """Take in netstrings until the connection ends."""
        while prefix := await reader.readuntil(b":"):
            event = json.loads(await reader.readexactly(int(prefix[:-1])))
            await reader.readexactly(1)
            async with self._news:
                self.events.append(event)
                self._news.notify_all()

    async def do(self, command: str, parameters: str = "") -> None:
        """Give it a command."""
        assert self._writer is not None
        order = json.dumps({"command": command, "params": parameters}).encode()
        self._writer.write(b"%d:%b," % (len(order), order))
        await self._writer.drain()

    async def wait(self, since: int, *, limit: float = LIMIT, **fields: object) -> int:
        """Return the place of the first such event from a place on, whether it came or comes."""

        def find() -> int | None:
            for place, event in enumerate(self.events[since:], since):
                if all(event.get(key) == value for key, value in fields.items()):
                    return place
            return None

        try:
            async with asyncio.timeout(limit), self._news:
                while (found := find()) is None:
                    await self._news.wait()
        except TimeoutError:
            came = [(e.get("type"), e.get("param"), e.get("data")) for e in self.events[since:]]
            raise PeerError(f"no {fields} within {limit:g} s; came: {came}") from None
        return found

    async def ring(self, number: str) -> BaresipCall:
        """Wait for the next call; it tells of none that it answers by early media."""
        if number == EARLY:
            said = "183 Session Progress"
            await wait_until(lambda: said in self.trace(), limit=LIMIT, what=said)
            place = len(self.events) - 1
        else:
            place = await self.wait(self._rang, type="CALL_INCOMING")
        self._rang = place + 1
        await self.do("uafind", f"sip:{number}@{HOST}:{self.port}")  # commands are for this user
        return BaresipCall(self, place)

    async def call(self, uri: str) -> BaresipCall:
        """Call somebody."""
        place = len(self.events)
        await self.do("uafind", f"sip:{PHONE}@{HOST}:{self.port}")
        call = BaresipCall(self, place)
        await self.do("dial", uri)
        return call

    def trace(self) -> str:
        """Return every message that it has sent or got."""
        return (self.folder / "baresip.log").read_text(errors="replace")


class BaresipCall:
    """A call that has come to the phone."""

    def __init__(self, phone: Baresip, place: int) -> None:
        self._phone = phone
        self._place = place
        self._began = time()

    def _recordings(self) -> list[Path]:
        return sorted((self._phone.folder / "heard").glob("*-dec.wav"))

    async def reply(self, code: int, contact: str = "") -> None:
        """Refuse; it has said 180 or 183 by itself, by the number that was called."""
        if code >= 300:
            await self._phone.do("hangup")

    async def answer(self) -> None:
        """Pick up, and wait for the ACK."""
        await self._phone.do("accept")
        await self._wait("CALL_ESTABLISHED")

    async def end(self) -> None:
        """Hang up."""
        await self._phone.do("hangup")

    async def over(self) -> None:
        """Wait until it has ended here as well."""
        await self._wait("CALL_CLOSED")

    async def press(self, digits: str, *, info: bool = False) -> None:
        """Press keys: they go as telephone events, baresip 1.0 sends no INFO."""
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(
            asyncio.DatagramProtocol, remote_addr=(HOST, self._phone.keys)
        )
        for digit in digits:
            for key in (digit, RELEASE):
                transport.sendto(key.encode())
                await asyncio.sleep(0.15)  # as a finger does
        transport.close()

    async def hear_digits(self, digits: str, *, info: bool = False) -> None:
        """Wait for digits, one after the other."""
        place = self._place
        for digit in digits:
            place = 1 + await self._phone.wait(place, type="CALL_DTMF_START", param=digit)

    async def hold(self) -> None:
        """Send a re-INVITE that holds, and wait for the answer."""
        await self._offer("hold")

    async def resume(self) -> None:
        """Send a re-INVITE that resumes, and wait for the answer."""
        await self._offer("resume")

    async def reinvite(self, *, late: bool = False) -> None:
        """Send a re-INVITE, and wait for the answer."""
        await self._offer("reinvite")

    async def refer(self, to: str) -> None:
        """Hand the other end over to a URI; baresip hangs up once it is told that it is taken."""
        await self._phone.do("transfer", to)

    async def _offer(self, command: str) -> None:
        since = len(self._phone.events)
        await self._phone.do(command)
        await self._phone.wait(since, type="CALL_REMOTE_SDP", param="answer")

    async def _wait(self, kind: str) -> None:
        await self._phone.wait(self._place, type=kind)

    async def heard(self) -> tuple[Samples, int]:
        """Return what it heard, and the rate, once the call is over."""
        await self.over()
        # They are named by the second at which they begin, which may be an earlier call's as well
        new = [path for path in self._recordings() if path.stat().st_mtime >= self._began]
        if len(new) != 1:
            raise PeerError(f"{len(new)} recordings of a call: {new}")
        return await read_recording(new[0])


@asynccontextmanager
async def run_baresip(folder: Path, pair: Pair) -> AsyncIterator[Baresip]:
    """Run a phone at a port of its own, UDP and TCP, and by TLS at the next one."""
    program = str(require("baresip"))
    port, keys, control = free_port(), free_port(), free_port()
    _write(folder, port, keys, control, pair)
    log = folder / "baresip.log"
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *(program, "-f", str(folder), "-s"),
            cwd=folder,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=asyncio.subprocess.STDOUT,
        )
    phone = Baresip(folder, port, keys)
    try:
        await wait_until(lambda: _ready(process, log), limit=LIMIT, what="baresip is ready")
        reading = await phone.connect(control)
        try:
            yield phone
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
            await phone.disconnect()
        if process.returncode is not None:
            raise PeerError(f"baresip ended with status {process.returncode}\n{tail(log)}")
    finally:
        await end_process(process)


def _ready(process: Process, log: Path) -> bool:
    if process.returncode is not None:
        raise PeerError(f"baresip ended at once\n{tail(log)}")
    return re.search(r"^baresip is ready", log.read_text(errors="replace"), re.M) is not None


def _write(folder: Path, port: int, keys: int, control: int, pair: Pair) -> None:
    address, rtp = f"{HOST}:{port}", free_ports(RTP_PORTS)
    (folder / "heard").mkdir()
    write_wav(folder / "tone.wav", make_tone(TONE, seconds=LONGEST, rate=8000), 8000)
    both = pair.certificate.read_text() + pair.key.read_text()
    (folder / "certificate.pem").write_text(both)
    (folder / "accounts").write_text(ACCOUNTS.format(address=address))
    (folder / "config").write_text(
        CONFIG.format(
            address=address,
            folder=folder,
            first=rtp.start,
            last=rtp.stop - 1,
            modules=MODULES,
            host=HOST,
            control=control,
            keys=keys,
        )
    )
