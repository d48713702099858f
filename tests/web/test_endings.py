"""The client's table of endings covers whatever the gateway says, and docs/errors.md prints it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from docs.making.endings import endings
from gateway import calls, signaling
from gateway.calls.endings import browser_lost, browser_unreached, silent_end
from gateway.errors import ConfigError, GatewayError
from gateway.media import events as media
from gateway.signaling.messages import MessageError
from gateway.trunk import errors as trunk_errors
from gateway.trunk.status import CLASSES, CODES, Q850, Local
from tests.web.fake_gateway import WEB

ROW = re.compile(
    r'^  "(?P<cause>[a-z-]+)": ending\("(?P<kind>[a-z]+)", (?P<code>\d+)\),$', re.MULTILINE
)
TABLE = {row["cause"]: row for row in ROW.finditer((WEB / "sdk/voice/errors.js").read_text())}
SENTENCE = re.compile(r'^  "error\.([a-z-]+)": "(.+)",$', re.MULTILINE)


def errors_of(kind: type[GatewayError]) -> Iterator[type[GatewayError]]:
    yield kind
    for special in kind.__subclasses__():
        yield from errors_of(special)


def said_by_the_gateway() -> set[str]:
    """Every cause of an `ended` that comes from the trunk, and every name of an `error`."""
    meanings = [*CODES.values(), *CLASSES.values(), *Q850.values(), *(way.value for way in Local)]
    names = {error.name for error in errors_of(GatewayError)} - {ConfigError.name}
    return {meaning.cause for meaning in meanings} | names | said_of_media() | made_here()


def said_of_media() -> set[str]:
    """Every cause by which the media plane ends a call."""
    ends = [end(reason) for reason in media.LossReason for end in (browser_lost, browser_unreached)]
    return {end.cause for end in [*ends, silent_end(media.TrunkSilent(15.0))]}


FOLDERS = (Path(calls.__file__).parent, Path(signaling.__file__).parent)
MADE = re.compile(r'made_here\(\s*By\.\w+,\s*"([a-z-]+)"')
TOLD = re.compile(r'messages\.Error\(\s*code=\S+\s*name="([a-z-]+)"(?: if \w+ else "([a-z-]+)")?')


def sources() -> list[str]:
    return [path.read_text() for folder in FOLDERS for path in folder.rglob("*.py")]


def made_here() -> set[str]:
    """Every cause that the gateway gives to an end of its own, or to an error that is no class."""
    texts = sources()
    told = {name for text in texts for found in TOLD.findall(text) for name in found if name}
    return told | {cause for text in texts for cause in MADE.findall(text)}


# Codes of the client's own: it finds these faults as well, and the gateway says 500 for its part
OF_THE_CLIENT = 1000

# What a trunk is answered whose call nobody has taken: 408 would speak of the trunk
ANSWERED_SO = {("no-answer", 480)}

# A word for two things, which the page of errors tells apart
OVERLOADED = {("busy", 503)}


def codes_made_here() -> set[tuple[str, int]]:
    """Every cause of an end of the gateway's own, and its status, where both are written out."""
    found = set()
    for text in sources():
        for node in ast.walk(ast.parse(text)):
            match node:
                case ast.Call(
                    func=ast.Attribute(attr="made_here"),
                    args=[_, ast.Constant(value=str(cause)), ast.Constant(value=int(code)), *_],
                ):
                    found.add((cause, code))
    return found


def codes_of_errors() -> set[tuple[str, int]]:
    told = (error for error in errors_of(GatewayError) if not issubclass(error, ConfigError))
    return {(error.name, error.sip_code) for error in told}


def test_codes_are_seen() -> None:
    assert {("page-lost", 408), ("answered-elsewhere", 487)} | ANSWERED_SO <= codes_made_here()
    assert {("bad-token", 401)} | OVERLOADED <= codes_of_errors()


@pytest.mark.parametrize(
    ("cause", "code"),
    sorted((codes_made_here() | codes_of_errors()) - ANSWERED_SO - OVERLOADED),
)
def test_a_cause_has_one_code(cause: str, code: int) -> None:
    told = int(TABLE[cause]["code"])
    assert code == (told if told < OF_THE_CLIENT else GatewayError.sip_code)


def test_what_the_sources_say_is_seen() -> None:
    assert {"transferred", "max-duration", "shutdown", "page-lost"} <= made_here()
    assert {"hold-refused", "resume-refused", "restart-failed"} <= made_here()


def test_all_classes_of_errors_are_seen() -> None:
    seen = set(errors_of(GatewayError))
    assert {MessageError, trunk_errors.TrunkFullError} <= seen


@pytest.mark.parametrize("cause", sorted(said_by_the_gateway()))
def test_gateway_cause_has_an_ending(cause: str) -> None:
    assert cause in TABLE


def test_the_page_prints_the_table() -> None:
    row = r"^\| `([a-z-]+)` \| (\d+) \| ([a-z]+) \| (.+?) \| .*\|$"
    printed = re.findall(row, endings(), re.MULTILINE)
    sentences = dict(SENTENCE.findall((WEB / "sdk/texts/en.js").read_text()))
    wanted = [(r["cause"], r["code"], r["kind"], sentences[r["cause"]]) for r in TABLE.values()]
    assert printed == wanted
