"""sipp as a trunk (UAS) or a caller (UAC): one scenario, its own ports, a bounded time.

A scenario is the name of a file in scenarios/, without .xml, or one that sipp has built in ("uac",
"uas"). What went over the wire is read from sipp's message trace.
"""

from __future__ import annotations

import asyncio
import re
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from tests.peers.host import BOTH, HOST, listens
from tests.peers.ports import free_port, free_ports
from tests.peers.process import PeerError, end_process, tail, wait_until
from tests.peers.requirement import require

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import AsyncIterator, Sequence

SCENARIOS = Path(__file__).parent / "scenarios"
BUILT_IN = ("uac", "uas")

# A trace entry: "UDP message sent (512 bytes):" or "UDP message received [512] bytes :", then the
# message up to the line of dashes that opens the next entry
_ENTRY = re.compile(
    r"^\w+ message (sent|received) [(\[]\d+\]? bytes\)? ?:\n\n(.*?)(?=^-{40,}|\Z)", re.M | re.S
)


@dataclass(frozen=True, slots=True)
class SipMessage:
    """A SIP message as sipp traced it; header names in lower case, in order."""

    sent: bool  # by sipp
    start_line: str
    headers: tuple[tuple[str, str], ...]
    body: str

    @property
    def method(self) -> str:
        """The request's method; of a response, the one in CSeq."""
        if self.status is None:
            return self.start_line.split()[0]
        return (self.header("cseq") or "? ?").split()[1]

    @property
    def status(self) -> int | None:
        """The response's code; None for a request."""
        words = self.start_line.split()
        return int(words[1]) if words[0].startswith("SIP/") else None

    def header(self, name: str) -> str | None:
        """Return the first header of this name."""
        return next((value for key, value in self.headers if key == name.lower()), None)


class Sipp:
    """A running sipp. Use `run_trunk` or `run_caller`."""

    def __init__(self, process: Process, port: int, directory: Path, limit: float) -> None:
        self.port = port
        self._process = process
        self._directory = directory
        self._limit = limit

    @property
    def uri(self) -> str:
        """The SIP URI of sipp, as a gateway's trunk is configured with it."""
        return f"sip:{HOST}:{self.port};transport=udp"

    async def finish(self) -> list[SipMessage]:
        """Wait until the scenario has run; PeerError unless it succeeded. Return the messages."""
        async with asyncio.timeout(self._limit + 5):  # sipp keeps the limit itself
            status = await self._process.wait()
        if status != 0:
            raise PeerError(f"sipp: exit status {status}\n{self.errors()}")
        return self.messages()

    def messages(self) -> list[SipMessage]:
        """Return the messages so far, in order."""
        trace = self._directory / "messages.log"
        if not trace.exists():
            return []
        text = trace.read_text(errors="replace").replace("\r\n", "\n")
        return [_parse(sent == "sent", message) for sent, message in _ENTRY.findall(text)]

    def errors(self) -> str:
        """Return what sipp says went wrong."""
        return "\n".join(tail(self._directory / name) for name in ("errors.log", "output.log"))

    async def listening(self) -> None:
        """Wait until sipp has opened its port."""

        def opened() -> bool:
            if self._process.returncode is not None:
                raise PeerError(f"sipp ended at once\n{self.errors()}")
            return any(listens(self.port, table) for table in BOTH)

        await wait_until(opened, limit=20, what="sipp opens its port")


def _parse(sent: bool, text: str) -> SipMessage:
    head, _, body = text.rstrip("\n").partition("\n\n")
    start_line, *lines = head.split("\n")
    pairs = (line.partition(":") for line in lines)
    headers = tuple((name.strip().lower(), value.strip()) for name, _, value in pairs)
    return SipMessage(sent, start_line, headers, body)


@asynccontextmanager
async def run_trunk(
    scenario: str,
    directory: Path,
    *,
    port: int | None = None,
    calls: int = 1,
    limit: float = 20.0,
    options: Sequence[str] = (),
) -> AsyncIterator[Sipp]:
    """Run a scenario that waits for calls, as a trunk does; it ends after `calls` of them."""
    port = port or free_port()
    async with _run(scenario, directory, port, ["-m", str(calls), *options], limit) as sipp:
        await sipp.listening()
        yield sipp


@asynccontextmanager
async def run_caller(
    scenario: str,
    directory: Path,
    *,
    target: int,
    number: str,
    username: str = "",
    password: str = "",
    calls: int = 1,
    rate: int = 10,
    limit: float = 20.0,
    options: Sequence[str] = (),
) -> AsyncIterator[Sipp]:
    """Run a scenario that calls `number` at a port of loopback, with digest authentication."""
    arguments = [f"{HOST}:{target}", "-s", number, "-m", str(calls), "-r", str(rate)]
    if username:
        arguments += ["-au", username, "-ap", password]
    async with _run(scenario, directory, free_port(), [*arguments, *options], limit) as sipp:
        yield sipp


@asynccontextmanager
async def _run(
    scenario: str, directory: Path, port: int, arguments: Sequence[str], limit: float
) -> AsyncIterator[Sipp]:
    command = _command(scenario, port, arguments, limit)
    with _output(directory) as output:
        process = await asyncio.create_subprocess_exec(
            *command,
            cwd=directory,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=asyncio.subprocess.STDOUT,
        )
    try:
        yield Sipp(process, port, directory, limit)
    finally:
        await end_process(process)


def _command(scenario: str, port: int, arguments: Sequence[str], limit: float) -> list[str]:
    source = ["-sn", scenario] if scenario in BUILT_IN else ["-sf", str(_file(scenario))]
    control, media = str(free_port()), str(free_ports(4).start)  # RTP, RTCP, and those for video
    return [
        *(str(require("sipp")), *source, *arguments),
        *("-i", HOST, "-p", str(port), "-mi", HOST, "-mp", media, "-cp", control),
        *("-timeout", f"{limit:g}s", "-timeout_error", "-nostdin", "-skip_rlimit"),
        *("-trace_msg", "-message_file", "messages.log", "-trace_err", "-error_file", "errors.log"),
    ]


def _output(directory: Path) -> BinaryIO:
    directory.mkdir(parents=True, exist_ok=True)
    return (directory / "output.log").open("wb")


def _file(scenario: str) -> Path:
    path = SCENARIOS / f"{scenario}.xml"
    if not path.exists():
        known = sorted(file.stem for file in SCENARIOS.glob("*.xml"))
        raise ValueError(f"no scenario {scenario!r}: there are {known} and sipp's own {BUILT_IN}")
    return path
