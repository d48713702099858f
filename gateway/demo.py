"""What makes `gateway demo` whole: the embedded SIP peer as trunk, in a process of its own."""

from __future__ import annotations

import asyncio
import logging
import socket
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gateway.config import Address
from gateway.errors import UnavailableError

logger = logging.getLogger(__name__)

READY_TIMEOUT = 15.0  # seconds: it loads a SIP engine, on a slow machine along with the tests
STOP_TIMEOUT = 2.0  # seconds

IDENTITY = "sales"  # who takes the calls of the peer
QUESTION = b"registered?\n"  # the peer's: whether any page would ring


SECRET_FILE = Path("token-secret")  # of the sites that a demo lets in


def demo_settings(
    address: Address, listen: str | None, sites: Sequence[str] = ()
) -> dict[str, Any]:
    """Return the settings of a demo whose peer listens at `address`; shaped like the file.

    Without `listen` it is GATEWAY_HTTP__LISTEN or the default. With `sites` pages of theirs are let
    in, and nobody calls without a token: what works here works in earnest.
    """
    tokens = {
        "mode": "token",
        "token_secret_file": SECRET_FILE,
        "origins": list(sites),
        # Whoever tries is each of the site's people, all in one place
        "limits": {"calls_at_once_per_identity": 20, "calls_at_once_per_address": 20},
    }
    return {
        "http": {"demo": True} if listen is None else {"demo": True, "listen": listen},
        # Any port: a PBX on this machine keeps 5060
        "sip": {"listen": "127.0.0.1:0"},
        # One person calls, beside whatever gateway runs on this machine
        "media": {"address": "127.0.0.1", "browser_port": free_port(), "threads": 1},
        # No OPTIONS: the peer ends with us, and the stock engine cannot ask
        "trunks": [{"name": "demo", "uri": f"sip:{address};transport=udp", "options": 0}],
        # The peer calls back who has called 800; "sales" is what the demo page suggests
        "incoming": [{"to": "*", "identity": IDENTITY}],
        # The peer leads nowhere: whatever is dialled stays on this machine
        "admission": {"allow": ["*"], "deny": [], **(tokens if sites else {})},
        # Nothing that a next demo would have to know
        "records": {"database": ""},
    }


def extensions() -> list[dict[str, str]]:
    """Return what the peer answers, for the demo page's list."""
    from gateway.peer.extensions import EXTENSIONS

    return [
        {"number": each.number, "name": each.name, "description": each.description}
        for each in EXTENSIONS
    ]


@dataclass(slots=True)
class Peer:
    """The running peer.

    Attributes
    ----------
    ended
        Set when it ends by itself.
    registered
        Says how many pages take calls; the peer asks for it.
    """

    ended: asyncio.Event = field(default_factory=asyncio.Event)
    registered: Callable[[], int] = lambda: 0


def peer_command(address: Address) -> list[str]:
    """Return the command that runs the peer."""
    return [sys.executable, "-m", "gateway.peer", "--listen", str(address)]


@asynccontextmanager
async def running(
    command: Sequence[str],
    *,
    ready_timeout: float = READY_TIMEOUT,
    stop_timeout: float = STOP_TIMEOUT,
) -> AsyncIterator[Peer]:
    """Run the peer, from the line that says it is ready until the block is left.

    Its standard input stays open as long as we live, which tells it when we are gone.

    Raises
    ------
    UnavailableError
        It ends before it is ready, or is not ready in time.
    """
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,  # Ctrl+C is for us: we end the calls before the peer
    )
    peer = Peer()
    watch: asyncio.Task[None] | None = None
    try:
        await _until_ready(process, ready_timeout)
        watch = asyncio.create_task(_watch(process, peer), name="embedded-peer")
        yield peer
    finally:
        if watch is not None:
            watch.cancel()
            await asyncio.gather(watch, return_exceptions=True)
        await _stop(process, stop_timeout)


async def _until_ready(process: asyncio.subprocess.Process, limit: float) -> None:
    try:
        async with asyncio.timeout(limit):
            line = await _output(process).readline()
    except TimeoutError:
        reason = f"the embedded SIP peer was not ready within {limit:g} s"
        raise UnavailableError(reason) from None
    if not line:
        status = await process.wait()
        raise UnavailableError(
            f"the embedded SIP peer ended with status {status} before it was ready"
        )


def _output(process: asyncio.subprocess.Process) -> asyncio.StreamReader:
    if process.stdout is None:
        raise TypeError("the process was started with a pipe for its output")
    return process.stdout


async def _watch(process: asyncio.subprocess.Process, peer: Peer) -> None:
    """Answer what it asks, and notice its end."""
    async for line in _output(process):
        if line == QUESTION and process.stdin is not None:
            process.stdin.write(b"%d\n" % peer.registered())
    logger.error("the embedded SIP peer ended with status %d", await process.wait())
    peer.ended.set()


async def _stop(process: asyncio.subprocess.Process, limit: float) -> None:
    if process.stdin is not None:
        process.stdin.close()
    with suppress(ProcessLookupError):
        process.terminate()
        try:
            async with asyncio.timeout(limit):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


def free_port() -> int:
    """Find a port on loopback that is free for UDP and for TCP now."""
    for _ in range(20):
        with (
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
            socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp,
        ):
            udp.bind(("127.0.0.1", 0))
            port: int = udp.getsockname()[1]
            with suppress(OSError):
                tcp.bind(("127.0.0.1", port))
                return port
    raise UnavailableError("no port on 127.0.0.1 is free for both UDP and TCP")
