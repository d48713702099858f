"""The client's table of endings covers whatever the gateway says, and docs/errors.md prints it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from docs.making.endings import endings
from gateway.calls.endings import end_of
from gateway.calls.events import CallEvent
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
    return {meaning.cause for meaning in meanings} | names | said_of_media()


def said_of_media() -> set[str]:
    """Every cause by which the media plane ends a call."""
    events: list[CallEvent] = [media.BrowserLost(reason) for reason in media.LossReason]
    ends = map(end_of, [*events, media.TrunkSilent(15.0)])
    return {end.cause for end in ends if end is not None}


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
