"""The page of the protocol: each message with an example that the models take."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from pydantic import TypeAdapter

from docs.making.declarations import SDK
from docs.making.examples import CLIENT, SERVER
from docs.making.messages import close_codes, from_client, from_server, limits, models
from gateway.admission.fields import MAX_HEADER_BYTES, MAX_HEADERS
from gateway.admission.target import MAX_CHARACTERS, TARGET
from gateway.app import MAX_WEBSOCKET_MESSAGE
from gateway.signaling.messages import client, server
from gateway.signaling.room import Limits

SAID_BY_CLIENTS = models(client.ClientMessage)
SAID_BY_THE_GATEWAY = models(server.ServerMessage)


@pytest.mark.parametrize("word", SAID_BY_CLIENTS)
def test_the_gateway_takes_the_example_of(word: str) -> None:
    assert isinstance(client.parse(json.dumps(CLIENT[word])), SAID_BY_CLIENTS[word])


@pytest.mark.parametrize("word", SAID_BY_THE_GATEWAY)
def test_the_gateway_says_the_example_of(word: str) -> None:
    """A message that is made of it is written as it stands there, field by field."""
    example = dict(SERVER[word])
    given = {("from_" if name == "from" else name): value for name, value in example.items()}
    message: server.ServerMessage = TypeAdapter(server.ServerMessage).validate_python(given)
    assert json.loads(server.render(message)) == example


def test_every_field_is_in_a_table() -> None:
    page = from_client()
    call = page.partition("### `call`")[2].partition("### ")[0]
    for name in ("call", "to", "offer", "offer.sdp", "from", "displayName", "headers"):
        assert f"| `{name}` |" in call
    assert "1 to 64 characters" in call
    assert "Call a number, or a SIP user" in call
    rules = {
        "to": f"{TARGET}, at most {MAX_CHARACTERS} characters",
        "from": "optional; by the rules of `to`",
        "headers": f"at most {MAX_HEADERS}, of {MAX_HEADER_BYTES} bytes in all; a name is `X-` and",
    }
    for name, rule in rules.items():
        (row,) = re.findall(rf"^\| `{name}` \|.*$", call, re.MULTILINE)
        assert rule in row


def test_each_code_that_closes_a_socket_is_there() -> None:
    codes = re.findall(r"^\| (\d{4}) \|", close_codes(), re.MULTILINE)
    assert codes == ["1000", "1002", "1007", "1008", "1009", "1011", "1012", "1013", "4000", "4408"]
    client = (SDK / "voice" / "socket.js").read_text(encoding="utf-8")
    known = set(re.findall(r"^ +(1\d{3}|4\d{3}): ", client, re.MULTILINE))
    assert known - set(codes) <= {"1001", "1003"}, "other servers', or a proxy's"


@pytest.mark.parametrize(
    "row",
    [
        "| `code` | `480`, `486`, `603` | without it `603` |",
        "| `duration` | integer | without it `100`; 40 to 6000 |",
        "| `identity` | text or null | optional; 1 to 128 characters, each of which can be seen |",
        "| `displayName` | text or null | optional; at most 64 characters |",
    ],
)
def test_rules_of_a_client(row: str) -> None:
    assert row in from_client()


@pytest.mark.parametrize(
    "row",
    [
        "| `calls[].from` | text or null |  |",
        "| `browser.mos` | number or null |  |",
        '| `by` | `"local"`, `"remote"`, `"gateway"` |  |',
    ],
)
def test_fields_of_the_gateway(row: str) -> None:
    assert row in from_server()


def test_limits_are_those_of_a_socket() -> None:
    assert f"| more than {MAX_WEBSOCKET_MESSAGE} |" in limits()
    numbers: list[Any] = [Limits().hello, Limits().frame_bytes, Limits().bad_frames]
    for number in numbers:
        assert f"| {number:g} |" in limits() or f"| {number} |" in limits()
