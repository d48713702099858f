"""The command line. Each command is a row of `COMMANDS`; whatever it refuses is one line."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, NoReturn, Protocol

from gateway.errors import GatewayError


class Module(Protocol):
    """What a command's module has."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add its options."""

    def run(self, options: argparse.Namespace) -> int:
        """Do it, and return the exit status."""


@dataclass(frozen=True, slots=True)
class Command:
    """A word on the command line, and the module that is imported once it is typed."""

    name: str
    summary: str
    module: str


COMMANDS = (
    Command("serve", "run the gateway", "gateway.commands.serve"),
    Command("init", "write a first gateway.toml, and its secret", "gateway.commands.init"),
    Command("demo", "run the gateway with an embedded SIP peer to call", "gateway.commands.demo"),
    Command("call", "call somebody through a gateway, without a browser", "gateway.caller.command"),
    Command(
        "bench", "put a load on a gateway and measure what becomes of it", "gateway.bench.command"
    ),
    Command("check", "say what is wrong with the configuration", "gateway.commands.check"),
    Command("token", "print a call token, for one who may call", "gateway.commands.token"),
    Command("key", "print an API key, for the operator's programs", "gateway.commands.key"),
    Command("completion", "print a script that completes commands", "gateway.commands.completion"),
)
ALL = frozenset(command.name for command in COMMANDS)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; what it cannot do is said on standard error."""
    _open_missing_descriptors()
    given = sys.argv[1:] if arguments is None else arguments
    # No option before the command takes a value
    typed = [word for word in given if not word.startswith("-")][:1]
    options = make_parser(typed).parse_args(given)
    run: Callable[[argparse.Namespace], int] = options.run
    try:
        return run(options)
    except GatewayError as error:
        print(f"gateway: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def make_parser(wanted: Collection[str]) -> argparse.ArgumentParser:
    """Make the parser, with the options of the wanted commands: others are not even imported."""
    parser = argparse.ArgumentParser(prog="gateway", description="A WebRTC-to-SIP gateway.")
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and exit")
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND", title="commands")
    for command in COMMANDS:
        subparser = subparsers.add_parser(
            command.name, help=command.summary, description=command.summary
        )
        if command.name in wanted:
            module: Module = import_module(command.module)
            module.add_arguments(subparser)
            subparser.set_defaults(run=module.run)
    return parser


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> NoReturn:
        from importlib.metadata import version  # no other command needs it

        print(f"gateway {version('webrtc-sip-gateway')}")
        parser.exit()


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
