"""`gateway demo`: a gateway, and somebody to call."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from gateway import app, demo, log
from gateway.commands import running
from gateway.config import Address, Settings
from gateway.config_sources import DEFAULT_FILE, load
from gateway.errors import UnavailableError
from gateway.stopping import Stop

if TYPE_CHECKING:
    from gateway.signaling.room import Room


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `gateway demo`."""
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--listen", metavar="HOST:PORT", help="a loopback address (default: 127.0.0.1:8080)"
    )
    where.add_argument("--port", type=int, help="the same on 127.0.0.1")


def run(options: argparse.Namespace) -> int:
    """Serve the demo until told to stop."""
    address = Address("127.0.0.1", demo.free_port())
    listen = options.listen if options.port is None else f"127.0.0.1:{options.port}"
    settings = load(None, demo.demo_settings(address, listen))
    if DEFAULT_FILE.exists():
        print(f"The demo does not read {DEFAULT_FILE}; `gateway serve` does.", file=sys.stderr)
    log.set_up(settings.log.level)
    return running.run(_serve(settings, address))


async def _serve(settings: Settings, address: Address) -> None:
    from gateway.wiring import open_room

    stop = running.stop_on_signals(hangup=True)
    async with demo.running(demo.peer_command(address)) as peer:

        @asynccontextmanager
        async def open_for_peer(settings: Settings) -> AsyncIterator[Room]:
            async with open_room(settings) as room:
                peer.registered = lambda: len(room.directory.pages(demo.IDENTITY))
                yield room

        peer_ended = asyncio.create_task(_forward(peer.ended, stop), name="peer-ended")
        try:
            await app.serve(
                settings,
                open_for_peer,
                stop=stop,
                announce=running.announce,
                extensions=demo.extensions(),
            )
        finally:
            peer_ended.cancel()
    if peer.ended.is_set():
        raise UnavailableError("the embedded SIP peer ended; there is nobody to call any more")


async def _forward(event: asyncio.Event, stop: Stop) -> None:
    await event.wait()
    stop.hurry()
