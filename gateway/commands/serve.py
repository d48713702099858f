"""`gateway serve`: the gateway."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from gateway import app, log
from gateway.commands import running
from gateway.commands.options import NO_TRUNK, add_config, config_file
from gateway.config import Settings
from gateway.config_sources import load
from gateway.errors import ConfigError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `gateway serve`."""
    add_config(parser)
    parser.add_argument("--listen", metavar="HOST:PORT", help="overrides http.listen")


def run(options: argparse.Namespace) -> int:
    """Serve until told to stop."""
    flags = {"http": {"listen": options.listen}} if options.listen else {}
    file = config_file(options)
    settings = load(file, flags)
    if not settings.trunks:
        raise ConfigError(NO_TRUNK)
    log.set_up(settings.log.level, masked=settings.log.numbers == "masked")
    return running.run(_serve(settings, lambda: load(file, flags)))


async def _serve(settings: Settings, read_again: Callable[[], Settings]) -> None:
    from gateway.wiring import open_room  # loads the SIP engine, after what may be refused above

    await app.serve(
        settings,
        open_room,
        stop=running.stop_on_signals(),
        announce=running.announce,
        read_again=read_again,
    )
