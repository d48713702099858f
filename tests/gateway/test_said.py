"""What a browser is told names no setting, no file and no host of ours or a trunk's: the log does.

The sentences are made all over the packages, so they are looked for in the sources: what stands in
an error, or in the end of a call, unless the page is told something else instead.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

import gateway
from docs.making.keys import tables
from gateway import trunk
from gateway.admission.policy import Policy
from gateway.calls import endings, incoming
from gateway.calls.end import By, CallEnd
from gateway.calls.news import (
    Ended,
    HoldRefused,
    PageNews,
    RedirectFailed,
    Redirecting,
    TransferFailed,
)
from gateway.errors import ForbiddenError, GatewayError, UnavailableError
from gateway.media.events import LossReason
from gateway.signaling import messages
from gateway.signaling.wording import message_for
from gateway.trunk.errors import TrunkRequestError
from gateway.trunk.message import Message
from gateway.trunk.status import CODES, SAID, Local
from gateway.trunk.transcript import Transcript, Way

ROOT = Path(gateway.__file__).parent
PACKAGES = ("admission", "calls", "signaling", "trunk", "media")
# Nobody but the operator hears of these: the API by HTTP, and the commands
OPERATORS = {"admission/blocks.py", "admission/gate.py:issue", "trunk/address.py:parse_trunk"}

# Where a page may hear the text, by its place in the call
SPOKEN = {"unusable": 0, "made_here": 3, "TransferOver": 1, "Refused": 1, "RestartFailed": 0}

KEYS = {
    word
    for table, model in tables().items()
    for key in model.model_fields
    for word in (f"{table.strip('[]')}.{key}", *([key] if "_" in key else ()))
}
FORBIDDEN = re.compile(
    r"\[\[|\bsrtp\b|\.toml|\.py\b|make engine|(?<!\w)/[a-z]+/|credential|password|secret|"
    + "|".join(rf"\b{re.escape(key)}\b" for key in sorted(KEYS))
)
# What stands in the place of {…}, by its name in the source
HOSTS = re.compile(r"host|uri|path|(?<!this )address|server|trunk\.name")


def wrong_in(sentence: str) -> str | None:
    found = FORBIDDEN.search(sentence)
    return found and found[0]


class Said(NamedTuple):
    where: str
    text: str
    filled: tuple[str, ...]  # with what


def errors_of(kind: type[GatewayError]) -> Iterator[type[GatewayError]]:
    for special in kind.__subclasses__():
        yield special
        yield from errors_of(special)


# Those whose message reaches the page; of an UnavailableError it is another
TELLING = {
    kind.__name__
    for kind in errors_of(GatewayError)
    if not issubclass(kind, UnavailableError) or issubclass(kind, TrunkRequestError)
} - {"ConfigError", "BadConfigError"}


def told_in_sources() -> Iterator[Said]:
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            file = path.relative_to(ROOT).as_posix()
            if "engine" in path.parts or file in OPERATORS:
                continue
            for function in ast.walk(ast.parse(path.read_text())):
                if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                    continue
                if f"{file}:{function.name}" not in OPERATORS:
                    yield from told_in(function, file)


def told_in(function: ast.AST, file: str) -> Iterator[Said]:
    known: dict[str, list[ast.expr]] = {}
    for node in ast.walk(function):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            known.setdefault(node.targets[0].id, []).append(node.value)
    for node in ast.walk(function):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        if name in TELLING:
            given = [] if any(each.arg == "said" for each in node.keywords) else node.args
        else:
            given = node.args[SPOKEN[name] :][:1] if name in SPOKEN else []
            if name == "made_here":
                given = node.args[4:] or given
        for argument in given:
            for value in (
                known.get(argument.id, []) if isinstance(argument, ast.Name) else [argument]
            ):
                text = "".join(
                    each.value
                    for each in ast.walk(value)
                    if isinstance(each, ast.Constant) and isinstance(each.value, str)
                )
                filled = (
                    ast.unparse(each.value)
                    for each in ast.walk(value)
                    if isinstance(each, ast.FormattedValue)
                )
                yield Said(f"{file}:{node.lineno}", text, tuple(filled))


def test_no_sentence_of_the_sources_names_what_is_the_operators() -> None:
    found = list(told_in_sources())
    assert len(found) > 120  # the search sees them
    wrong = [
        f"{said.where}: {said.text!r} {bad}"
        for said in found
        if (bad := wrong_in(said.text) or next(filter(HOSTS.search, said.filled), None))
    ]
    assert wrong == []


@pytest.mark.parametrize("kind", sorted(errors_of(UnavailableError), key=str), ids=str)
def test_what_does_not_work_is_for_the_log(kind: type[UnavailableError]) -> None:
    error = kind("trunks.host: sip.example.net, /etc/gateway.toml")
    told = messages.error_of(error).message
    assert told
    if kind is not TrunkRequestError:
        assert wrong_in(told) is None


def test_the_search_finds_what_may_not_be_said() -> None:
    sentences = ["(setting media.ports)", "`max_calls` is 3", "see /etc/gateway", "[[incoming]]"]
    assert all(map(wrong_in, sentences))
    assert wrong_in("Nobody answered. `call.from` of the token has and/or 3 digits") is None


def heard_of(end: CallEnd) -> str:
    frame = message_for("c", Ended(end, 0, "t"))
    assert isinstance(frame, messages.Ended)
    return frame.message


def ended_by(start: str, *headers: str) -> CallEnd:
    code, _, reason = start.partition(" ")
    fields = tuple((name.lower(), value) for name, value in (h.split(": ", 1) for h in headers))
    transcript = Transcript()
    event = transcript.end(Way.MESSAGE, message=Message(f"SIP/2.0 {code} {reason}", fields, ""))
    assert isinstance(event, trunk.Ended)
    end = endings.end_of(event)
    assert end is not None
    return end


TELLING_TRUNK = 'Warning: 399 sip.example.net "user trunk-7 of sip.example.net"'


@pytest.mark.parametrize("code", [401, 402, 407])
def test_the_account_with_the_trunk_is_for_the_log(code: int) -> None:
    end = ended_by(f"{code} Account trunk-7 has no credit", TELLING_TRUNK)
    assert "trunk-7" in end.message
    assert "trunk-7" in end.reason
    frame = message_for("c", Ended(end, 0, "t"))
    assert heard_of(end) == "The trunk refused the call."
    assert "trunk-7" not in frame.model_dump_json()


@pytest.mark.parametrize("code", sorted(CODES.keys() - {200}))
def test_the_words_of_a_trunk_are_for_the_log(code: int) -> None:
    end = ended_by(f"{code} No", TELLING_TRUNK)
    assert "trunk-7" in end.message
    assert "trunk-7" not in message_for("c", Ended(end, 0, "t")).model_dump_json()


@pytest.mark.parametrize("code", [401, 402, 407])
@pytest.mark.parametrize(
    "event",
    [
        lambda code: TransferFailed(code, "Account trunk-7"),
        lambda code: RedirectFailed("600", code, "Account trunk-7"),
        lambda code: Redirecting("600", code, "Account trunk-7"),
        lambda code: HoldRefused(held=True, code=code, reason="Account trunk-7"),
    ],
    ids=["transfer", "redirect", "redirecting", "hold"],
)
def test_of_what_is_refused_in_a_call_too(event: Callable[[int], PageNews], code: int) -> None:
    assert "trunk-7" not in message_for("c", event(code)).model_dump_json()


def test_every_end_that_the_trunk_makes() -> None:
    for code in CODES:
        assert wrong_in(heard_of(ended_by(f"{code} No"))) is None, code
    assert all(wrong_in(way.value.sentence) is None for way in Local)
    assert set(SAID) <= {meaning.cause for meaning in CODES.values()}


MADE_HERE: dict[str, Callable[[], CallEnd | None]] = {
    "encryption": lambda: endings.refused_encryption(
        trunk.Ended(trunk.Origin.REMOTE, 488, "No", "incompatible-media", None, "It cannot.")
    ),
    "description": lambda: endings.unusable("It cannot be used", "sip.example.net is not known"),
    "fallback": lambda: incoming.not_forwarded(
        ForbiddenError("admission.allow is empty", said="it may not be called")
    ),
    "refused": lambda: incoming.refused(UnavailableError("media.ports are in use")),
    "number": incoming.unknown_number,
    "unanswered": lambda: endings.unanswered(
        CallEnd.made_here(By.GATEWAY, "stopped", 503, "media.ports", "Stopped.")
    ),
    "certificate": lambda: endings.end_of(
        trunk.Ended(
            trunk.Origin.NETWORK,
            503,
            "",
            "unreachable",
            None,
            "Not for sip.example.net.",
            said="No.",
        )
    ),
}


@pytest.mark.parametrize("end", MADE_HERE.values(), ids=MADE_HERE)
def test_what_is_for_the_log_alone(end: Callable[[], CallEnd | None]) -> None:
    made = end()
    assert made is not None
    assert wrong_in(made.message) or "sip.example.net" in made.message
    told = heard_of(made)
    assert wrong_in(told) is None
    assert "sip.example.net" not in told


@pytest.mark.parametrize("reason", LossReason)
def test_every_end_by_the_browser(reason: LossReason) -> None:
    for end in (endings.browser_unreached(reason), endings.browser_lost(reason)):
        assert wrong_in(heard_of(end)) is None


@pytest.mark.parametrize("number", ["+15551234567", "112", "+19005551234", "600", "+870123456789"])
def test_every_refusal_of_a_number(number: str) -> None:
    with pytest.raises(ForbiddenError) as refused:
        Policy().admit(number)
    assert wrong_in(str(refused.value))
    assert wrong_in(messages.error_of(refused.value).message) is None
