"""`gateway call`: the options, and what is printed while the call lasts."""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Callable
from pathlib import Path

from gateway.caller.call import CallerCall, CallOptions, Message, Outcome

DEFAULTS = CallOptions(to="")

# One line per message, for a person
_LINES: dict[str, Callable[[Message], str]] = {
    "ringing": lambda m: "early media" if m["earlyMedia"] else "ringing",
    "answered": lambda m: "answered: {browser} <-> {trunk}".format(**m["codec"]),
    "dtmf": lambda m: f"digit {m['digit']} ({m['duration']} ms)",
    "error": lambda m: f"error {m['code']} {m['name']}: {m['message']}",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `gateway call`."""
    parser.add_argument("to", help="a number or a SIP user")
    parser.add_argument("--url", default=DEFAULTS.url, help="the gateway's WebSocket")
    parser.add_argument("--token", help="a call token")
    parser.add_argument("--play", type=Path, metavar="FILE", help="what to say: any sound file")
    parser.add_argument("--record", type=Path, metavar="FILE", help="write what is heard as WAV")
    parser.add_argument("--dtmf", default="", metavar="DIGITS", help="press these once answered")
    parser.add_argument(
        "--duration",
        type=float,
        default=DEFAULTS.duration,
        metavar="SECONDS",
        help=f"hang up so long after the answer (default: {DEFAULTS.duration:g})",
    )
    parser.add_argument(
        "--give-up", type=float, metavar="SECONDS", help="hang up when not answered within"
    )
    parser.add_argument("--address", default=DEFAULTS.address, help="local address for media")
    parser.add_argument("--origin", help="say to be a page of this origin (admission.origins)")
    parser.add_argument("--json", action="store_true", help="print every message as it came")


def run(options: argparse.Namespace) -> int:
    """Place the call; 0 if it was answered and ended as wanted, else 1.

    Raises
    ------
    GatewayError
        When the gateway cannot be reached, or an option names a file that cannot be read.
    """
    call = CallerCall(
        CallOptions(
            to=options.to,
            url=options.url,
            token=options.token,
            play=options.play,
            record=options.record,
            dtmf=options.dtmf,
            duration=options.duration,
            give_up=options.give_up,
            address=options.address,
            origin=options.origin,
        ),
        on_message=_print_json if options.json else _print_line,
    )
    outcome = asyncio.run(call.run())
    if not options.json:
        print(_summary(outcome))
    return 0 if outcome.answered and outcome.last["type"] == "ended" else 1


def _print_json(message: Message) -> None:
    print(json.dumps(message), flush=True)


def _print_line(message: Message) -> None:
    line = _LINES.get(message["type"])
    if line is not None:
        print(line(message), flush=True)


def _summary(outcome: Outcome) -> str:
    packets = f"{outcome.sent} packets sent, {outcome.received} received, {outcome.lost} lost"
    end = outcome.last
    if end.get("type") != "ended":
        return f"{packets}\nrefused: {end.get('message', 'the gateway closed the connection')}"
    return f"{packets}\nended by {end['by']}: {end['cause']} ({end['sipCode']}): {end['message']}"
