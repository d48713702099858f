"""`gateway demo`: a gateway, and somebody to call."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from gateway import app, demo, log
from gateway.check import engine
from gateway.commands import running
from gateway.commands.secret_file import keep_secret
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
    parser.add_argument(
        "--site",
        action="append",
        metavar="ORIGIN",
        default=[],
        help="let pages of a site in (http://127.0.0.1:8000), again for more; who calls then needs "
        f"a token that is signed with the secret in {demo.SECRET_FILE}, which is made if need be",
    )


def run(options: argparse.Namespace) -> int:
    """Serve the demo until told to stop."""
    address = Address("127.0.0.1", demo.free_port())
    listen = options.listen if options.port is None else f"127.0.0.1:{options.port}"
    if options.site:
        keep_secret(demo.SECRET_FILE)
    settings = load(None, demo.demo_settings(address, listen, options.site))
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
                announce=lambda url: _announce(url, settings),
                extensions=demo.extensions(),
            )
        finally:
            peer_ended.cancel()
    if peer.ended.is_set():
        raise UnavailableError("the embedded SIP peer ended; there is nobody to call any more")


def _announce(url: str, settings: Settings) -> None:
    running.announce(url)
    secret = settings.admission.token_secret_file
    if secret is not None:
        sites = " and ".join(settings.admission.origins)
        running.tell(f"Pages of {sites} may call, with tokens signed by {secret.resolve()}")
    if engine.installed() == "stock":
        running.tell(f"It runs on the stock SIP engine: {engine.LACKS}; {engine.REMEDY} has them")


async def _forward(event: asyncio.Event, stop: Stop) -> None:
    await event.wait()
    stop.hurry()
