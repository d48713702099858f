"""`gateway call`: the options, and what is printed while the call lasts."""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gateway.caller.options import CallOptions, origin_of
from gateway.errors import RequestError, UnavailableError

if TYPE_CHECKING:
    from gateway.caller.call import Outcome

Message = dict[str, Any]

DEFAULTS = CallOptions(to="")

# Exit statuses; 2 is argparse's for a command line that is none
REFUSED, DEAD, FAILED = 1, 3, 4

_STATUSES = f"""\
exit status:
  0  answered, heard something, and was ended by a hang-up or a limit of time
  {REFUSED}  was refused, not answered, or could not be placed
  2  the command line is wrong
  {DEAD}  answered, but not one packet of sound came: a dead call
  {FAILED}  answered, but a fault ended it: no media any more, a trunk or gateway that failed
"""

# One line per message, for a person
_LINES: dict[str, Callable[[Message], str]] = {
    "registered": lambda m: f"waiting for calls to {m['identity']}",
    "incoming": lambda m: f"{m['from']} calls {m['to']}",
    "ringing": lambda m: "early media" if m["earlyMedia"] else "ringing",
    "answered": lambda m: "answered: {browser} <-> {trunk}".format(**m["codec"]),
    "dtmf": lambda m: f"digit {m['digit']} ({m['duration']} ms)",
    "error": lambda m: f"error {m['code']} {m['name']}: {m['message']}",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `gateway call`."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _STATUSES
    whom = parser.add_mutually_exclusive_group(required=True)
    whom.add_argument("to", nargs="?", help="a number or a SIP user")
    whom.add_argument(
        "--answer",
        metavar="IDENTITY",
        help="call nobody: wait for a call to this identity, or the token's, and take it",
    )
    parser.add_argument("--url", default=DEFAULTS.url, help="the gateway's WebSocket")
    token = parser.add_mutually_exclusive_group()
    token.add_argument("--token", help="a call token; other users of this machine can read it")
    token.add_argument(
        "--token-file", type=Path, metavar="FILE", help="the file that holds the call token"
    )
    parser.add_argument("--play", type=Path, metavar="FILE", help="what to say: any sound file")
    parser.add_argument("--record", type=Path, metavar="FILE", help="write what is heard as WAV")
    parser.add_argument(
        "--dtmf",
        default="",
        metavar="DIGITS",
        help='press these once answered; "," is a pause of 2 s, "w" one of 0.5 s',
    )
    parser.add_argument(
        "--duration",
        type=float,
        default=DEFAULTS.duration,
        metavar="SECONDS",
        help=f"hang up so long after the answer (default: {DEFAULTS.duration:g})",
    )
    parser.add_argument(
        "--give-up",
        type=float,
        metavar="SECONDS",
        help="hang up when not answered, or called, within",
    )
    parser.add_argument("--address", default=DEFAULTS.address, help="local address for media")
    parser.add_argument(
        "--origin",
        help="say to be a page of this origin (default: the gateway's own; '' for none)",
    )
    parser.add_argument("--json", action="store_true", help="print every message as it came")


def run(options: argparse.Namespace) -> int:
    """Place the call; the exit status says how it went.

    Raises
    ------
    GatewayError
        When an option names a file that cannot be read.
    """
    from gateway.caller.call import CallerCall  # ICE, DTLS and Opus, which --help goes without

    call = CallerCall(
        CallOptions(
            to=options.to or "",
            answer=options.answer,
            url=options.url,
            token=_token(options),
            play=options.play,
            record=options.record,
            dtmf=options.dtmf,
            duration=options.duration,
            give_up=options.give_up,
            address=options.address,
            origin=(origin_of(options.url) if options.origin is None else options.origin) or None,
        ),
        on_message=_print_json if options.json else _print_line,
    )
    try:
        outcome = asyncio.run(call.run())
    except UnavailableError as error:
        print(f"failed: {error}")
        return FAILED if call.outcome.answered else REFUSED
    if not options.json:
        print(_summary(outcome))
    return status(outcome)


def _token(options: argparse.Namespace) -> str | None:
    file: Path | None = options.token_file
    if file is None:
        token: str | None = options.token
        return token
    try:
        text = file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "a token is ASCII"
        raise RequestError(f"--token-file {file}: {why}") from None
    if not text:
        raise RequestError(f"--token-file {file}: it is empty")
    return text


def status(outcome: Outcome) -> int:
    """Return the exit status of `gateway call`."""
    if not outcome.answered:
        return REFUSED
    if outcome.failed:
        return FAILED
    return 0 if outcome.received else DEAD


def _print_json(message: Message) -> None:
    print(json.dumps(message), flush=True)


def _print_line(message: Message) -> None:
    line = _LINES.get(message["type"])
    if line is not None:
        print(line(message), flush=True)


def _summary(outcome: Outcome) -> str:
    packets = f"{outcome.sent} packets sent, {outcome.received} received, {outcome.lost} lost"
    if outcome.answered and not outcome.received:
        packets = f"{packets}\ndead: no sound came from the other side"
    end = outcome.last
    if end.get("type") != "ended":
        if end.get("type") == "registered":
            return f"{packets}\nrefused: nobody has called"
        word = "failed" if outcome.answered else "refused"
        return f"{packets}\n{word}: {end.get('message', 'the gateway closed the connection')}"
    return f"{packets}\nended by {end['by']}: {end['cause']} ({end['sipCode']}): {end['message']}"
