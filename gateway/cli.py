"""The command line. Each command is a row of `COMMANDS`; whatever it refuses is one line."""

from __future__ import annotations

import argparse
import asyncio
import faulthandler
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvloop

from gateway import app, check, demo, garbage, log
from gateway.bench import command as bench
from gateway.caller import command as caller
from gateway.config import Address, Settings
from gateway.config_sources import DEFAULT_FILE, BadConfigError, load
from gateway.errors import ConfigError, GatewayError, UnavailableError

DEMO_PORT = 8080

# The orderly stop takes one or two seconds, and eight where a trunk and a call hang in it
STOP_LIMIT = 10.0  # seconds

_NO_TRUNK = (
    "trunks: none is configured, so no call can leave; write for example "
    '[[trunks]] name = "my-trunk", uri = "sip:pbx.example:5060;transport=udp" into gateway.toml, '
    "or run `gateway demo`"
)


@dataclass(frozen=True, slots=True)
class Command:
    """A word on the command line; `run` returns the exit status."""

    name: str
    summary: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; what it cannot do is said on standard error."""
    _open_missing_descriptors()
    parser = argparse.ArgumentParser(prog="gateway", description="A WebRTC-to-SIP gateway.")
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in COMMANDS:
        subparser = subparsers.add_parser(
            command.name, help=command.summary, description=command.summary
        )
        command.add_arguments(subparser)
        subparser.set_defaults(run=command.run)
    options = parser.parse_args(arguments)
    run: Callable[[argparse.Namespace], int] = options.run
    try:
        return run(options)
    except GatewayError as error:
        print(f"gateway: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _open_missing_descriptors() -> None:
    """Put /dev/null where a descriptor 0 to 2 was closed (`gateway serve >&-`).

    Else a socket gets the number: the event loop aborts on it, and a log would be written into it.
    """
    for descriptor, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        try:
            os.fstat(descriptor)
        except OSError:
            null = os.open(os.devnull, os.O_RDWR)  # the lowest free number, most likely this one
            if null != descriptor:
                os.dup2(null, descriptor)
                os.close(null)
            os.set_inheritable(descriptor, True)
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115 - for good


# serve


def _add_serve(parser: argparse.ArgumentParser) -> None:
    _add_config(parser)
    parser.add_argument("--listen", metavar="HOST:PORT", help="overrides http.listen")


def _serve(options: argparse.Namespace) -> int:
    flags = {"http": {"listen": options.listen}} if options.listen else {}
    settings = load(_config_file(options), flags)
    if not settings.trunks:
        raise ConfigError(_NO_TRUNK)
    log.set_up(settings.log.level)
    return _run(_serve_until_stopped(settings))


async def _serve_until_stopped(settings: Settings) -> None:
    from gateway.wiring import open_room  # loads the SIP engine: `check` and --help go without

    await app.serve(
        settings, open_room, stop=_stop_on_signals(), on_stop=_limit_stop, announce=_announce
    )


# demo


def _add_demo(parser: argparse.ArgumentParser) -> None:
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--listen", metavar="HOST:PORT", help="a loopback address")
    where.add_argument("--port", type=int, default=DEMO_PORT, help=f"default: {DEMO_PORT}")


def _demo(options: argparse.Namespace) -> int:
    address = Address("127.0.0.1", demo.free_port())
    listen = options.listen or f"127.0.0.1:{options.port}"
    settings = load(None, demo.demo_settings(address, listen))
    log.set_up(settings.log.level)
    return _run(_demo_until_stopped(settings, address))


async def _demo_until_stopped(settings: Settings, address: Address) -> None:
    from gateway.wiring import open_room

    stop = _stop_on_signals()
    async with demo.running(demo.peer_command(address)) as peer:
        peer_ended = asyncio.create_task(_forward(peer.ended, stop), name="peer-ended")
        try:
            await app.serve(
                settings,
                open_room,
                stop=stop,
                on_stop=_limit_stop,
                announce=_announce,
                extensions=demo.extensions(),
            )
        finally:
            peer_ended.cancel()
    if peer.ended.is_set():
        raise UnavailableError("the embedded SIP peer ended; there is nobody to call any more")


async def _forward(event: asyncio.Event, to: asyncio.Event) -> None:
    await event.wait()
    to.set()


# check


def _check(options: argparse.Namespace) -> int:
    try:
        settings = load(_config_file(options), {})
    except BadConfigError as error:
        findings = [check.Finding(ok=False, text=problem) for problem in error.problems]
    else:
        findings = asyncio.run(check.examine(settings))
        if not settings.trunks:
            findings.append(check.Finding(ok=False, text=_NO_TRUNK))
    for finding in findings:
        print("ok     " if finding.ok else "wrong  ", finding.text, sep="")
    return 0 if all(finding.ok for finding in findings) else 1


# What the commands share


def _add_config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config", type=Path, metavar="FILE", help=f"default: {DEFAULT_FILE}, if it is there"
    )


def _config_file(options: argparse.Namespace) -> Path | None:
    file: Path | None = options.config
    return file or (DEFAULT_FILE if DEFAULT_FILE.exists() else None)


def _run(work: Coroutine[Any, Any, None]) -> int:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(work)
    return 0


def _stop_on_signals() -> asyncio.Event:
    """Return what the first signal sets; a second one ends the process at once."""
    stop = asyncio.Event()
    loop, numbers = asyncio.get_running_loop(), (signal.SIGINT, signal.SIGTERM)

    def begin() -> None:
        _limit_stop()
        stop.set()
        for number in numbers:
            loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_DFL)  # not even Python has to be able to run

    for number in numbers:
        loop.add_signal_handler(number, begin)
    return stop


def _limit_stop() -> None:
    """End the process with status 1 at the limit, whatever hangs, and say on stderr where.

    The thread that does so is C: code that blocks the event loop, or keeps the interpreter to
    itself, does not stop it. It is never called off, as the interpreter's own end may hang too.
    """
    faulthandler.dump_traceback_later(STOP_LIMIT, exit=True, file=2)


def _announce(url: str) -> None:
    garbage.freeze_gc()
    try:
        print(f"The gateway is at {url} (Ctrl+C stops it)", flush=True)
    except OSError:
        # Nobody reads it (`gateway serve | true`), which is no reason to stop; what is left in the
        # buffer would fail once more at the end
        with open(os.devnull, "wb") as null:
            os.dup2(null.fileno(), sys.stdout.fileno())


COMMANDS = (
    Command("serve", "run the gateway", _add_serve, _serve),
    Command("demo", "run the gateway with an embedded SIP peer to call", _add_demo, _demo),
    Command(
        "call",
        "call somebody through a gateway, without a browser",
        caller.add_arguments,
        caller.run,
    ),
    Command(
        "bench",
        "put a load on a gateway and measure what becomes of it",
        bench.add_arguments,
        bench.run,
    ),
    Command("check", "say what is wrong with the configuration", _add_config, _check),
)
