"""pjsua as a phone: a process (`tests.peers.pjsua_phone`), and what a test does with its calls.

pjsua is the library in which our own SIP engine is written. Here it is used as its authors mean it:
it answers by itself, makes its own descriptions, and its media is its own.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.end_to_end.recording import read_recording
from tests.peers.host import HOST
from tests.peers.ports import free_port
from tests.peers.process import PeerError, end_process, poll, tail, tree_environment

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import AsyncIterator

    from tests.peers.authority import Pair
    from tests.tones import Samples

LIMIT = 10.0  # seconds for what it is asked to do, or is to notice

# As its log has a message: a line that names it, then all of it
PACKET = re.compile(
    r"\b(RX|TX) \d+ bytes (?:Request|Response) msg (\S+) .*:\n(?:.+\n)*?Call-ID: (\S+)"
)

Event = dict[str, Any]


class Pjsua:
    """A running phone. Use `run_pjsua`."""

    def __init__(self, process: Process, port: int, log: Path) -> None:
        self.port = port
        self.events: list[Event] = []
        self._process = process
        self.log = log
        self._news = asyncio.Condition()

    async def read(self) -> None:
        """Take in what it says until it ends."""
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            async with self._news:
                self.events.append(json.loads(line))
                self._news.notify_all()

    async def wait(self, *, since: int = 0, limit: float = LIMIT, **fields: object) -> int:
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
            raise PeerError(
                f"no {fields} within {limit:g} s; came: {self.events[since:]}\n{tail(self.log)}"
            ) from None
        return found

    def packets(self, call_id: str) -> list[tuple[bool, str]]:
        """Return of each message of a call whether it was sent, and what it is.

        That is "UPDATE/cseq=7" for a request, and "200/UPDATE/cseq=7" for a response.
        """
        found = PACKET.findall(self.log.read_text(errors="replace"))
        return [(way == "TX", what) for way, what, call in found if call == call_id]

    def digits(self, call_id: str | None) -> str:
        """Return the digits that came as INFO of a call, or for None as telephone events."""
        log = self.log.read_text(errors="replace")
        if call_id is None:
            return "".join(re.findall(r"Received DTMF digit (.),", log))
        signal = rf"RX .* msg INFO/.*\n(?:.+\n)*?Call-ID: {call_id}\n(?:.+\n)*\nSignal=(.)"
        return "".join(re.findall(signal, log))

    async def do(self, what: str, **fields: object) -> None:
        """Have it do something."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": what, **fields}).encode() + b"\n")
        await self._process.stdin.drain()

    async def call(self, uri: str) -> PjsuaCall:
        """Call somebody."""
        since = len(self.events)
        await self.do("call", uri=uri)
        return PjsuaCall(self, await self.wait(since=since, event="outgoing", to=uri))

    async def ring(self, number: str) -> PjsuaCall:
        """Wait for the call to a number that nobody else calls."""
        async with self._news:
            async with asyncio.timeout(LIMIT):
                while True:
                    for place, event in enumerate(self.events):
                        if event["event"] == "incoming" and re.search(
                            rf"sip:{number}@", event["to"]
                        ):
                            return PjsuaCall(self, place)
                    await self._news.wait()
        raise AssertionError


class PjsuaCall:
    """A call that has come to the phone."""

    def __init__(self, phone: Pjsua, place: int) -> None:
        self._phone = phone
        self._place = place
        self._key = phone.events[place]["call"]

    async def _do(self, what: str, **fields: object) -> None:
        await self._phone.do(what, call=self._key, **fields)

    async def _wait(self, limit: float = LIMIT, since: int | None = None, **fields: object) -> int:
        place = self._place if since is None else since
        return await self._phone.wait(since=place, limit=limit, call=self._key, **fields)

    async def reply(self, code: int, contact: str = "") -> None:
        """Respond to the INVITE."""
        await self._do("reply", code=code, contact=contact)

    async def answer(self) -> None:
        """Pick up, and wait for the ACK."""
        await self.reply(200)
        await self._wait(event="state", state="CONFIRMED")

    async def end(self) -> None:
        """Hang up."""
        await self._do("end")

    async def over(self) -> None:
        """Wait until it has ended here as well."""
        await self._wait(event="state", state="DISCONNECTED")

    async def press(self, digits: str, *, info: bool = False) -> None:
        """Send digits as telephone events, or as INFO."""
        await self._do("press", digits=digits, info=info)

    async def hear_digits(self, digits: str, *, info: bool = False) -> None:
        """Wait for digits as INFO, or as telephone events, which one call at a time may get."""
        call_id = self._phone.events[self._place]["id"]

        async def came() -> bool:
            return self._phone.digits(call_id if info else None) == digits

        await poll(came, limit=LIMIT, what=f"the digits {digits}")

    async def hold(self) -> None:
        await self._offer("hold")

    async def resume(self) -> None:
        await self._offer("offer", resume=True)

    async def reinvite(self, *, late: bool = False) -> None:
        """Send a re-INVITE, with an offer or without, and wait for the 200."""
        await self._offer("offer", late=late)

    async def update(self) -> None:
        """Send UPDATE, and wait for the 200."""
        await self._offer("refresh", method="UPDATE")

    async def refer(self, to: str) -> None:
        """Hand the other end over to a URI, and wait for the last report of it."""
        await self._do("refer", to=to)

        async def told() -> bool:
            log = self._phone.log.read_text(errors="replace")
            return "\nSubscription-State: terminated" in log

        await poll(told, limit=LIMIT, what="the last NOTIFY")

    async def _offer(self, what: str, method: str = "INVITE", **fields: object) -> None:
        before = len(self._packets())
        await self._do(what, **fields)

        async def agreed() -> bool:
            return _answered(self._packets()[before:], method, ours=True)

        await poll(agreed, limit=LIMIT, what=f"{method} is answered with 200")

    async def acknowledged(self) -> None:
        """Wait for a PRACK, which is answered."""

        async def agreed() -> bool:
            return _answered(self._packets(), "PRACK", ours=False)

        await poll(agreed, limit=LIMIT, what="a PRACK comes, and is answered with 200")

    def _packets(self) -> list[tuple[bool, str]]:
        return self._phone.packets(self._phone.events[self._place]["id"])

    async def heard(self) -> tuple[Samples, int]:
        """Return what it heard, and the rate, once the call is over."""
        await self.over()
        return await read_recording(Path(self._phone.events[self._place]["record"]))


def _answered(packets: list[tuple[bool, str]], method: str, *, ours: bool) -> bool:
    """Whether a request of a method, ours or theirs, has been answered with 200."""
    asked = {what for out, what in packets if out is ours and what.startswith(f"{method}/")}
    return any(out is not ours and what == f"200/{each}" for out, what in packets for each in asked)


@asynccontextmanager
async def run_pjsua(folder: Path, pair: Pair) -> AsyncIterator[Pjsua]:
    """Run a phone at a port of its own, UDP and TCP, and by TLS at the next one."""
    port, log = free_port(), folder / "pjsua.log"
    with log.open("wb") as errors:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.peers.pjsua_phone", f"{HOST}:{port}", str(folder)),
            *(str(pair.certificate), str(pair.key)),
            cwd=folder,
            env=tree_environment(),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
        )
    phone = Pjsua(process, port, log)
    reading = asyncio.create_task(phone.read(), name="pjsua")
    try:
        await phone.wait(event="ready")
        yield phone
        if process.returncode is not None:
            raise PeerError(f"pjsua ended with status {process.returncode}\n{tail(log)}")
    finally:
        if process.stdin is not None:
            process.stdin.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(LIMIT):
                await process.wait()
        await end_process(process)
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
