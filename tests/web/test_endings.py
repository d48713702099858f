"""The client's table of endings covers whatever the gateway says, and docs/errors.md prints it."""

from __future__ import annotations

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


MADE = re.compile(r'made_here\(\s*By\.\w+,\s*"([a-z-]+)"')
TOLD = re.compile(r'messages\.Error\(\s*code=\S+\s*name="([a-z-]+)"(?: if \w+ else "([a-z-]+)")?')


def made_here() -> set[str]:
    """Every cause that the gateway gives to an end of its own, or to an error that is no class."""
    folders = (Path(calls.__file__).parent, Path(signaling.__file__).parent)
    texts = [path.read_text() for folder in folders for path in folder.rglob("*.py")]
    told = {name for text in texts for found in TOLD.findall(text) for name in found if name}
    return told | {cause for text in texts for cause in MADE.findall(text)}


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
