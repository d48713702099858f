"""The page of the protocol: each message with an example that the models take."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import TypeAdapter

from docs.making.examples import CLIENT, SERVER
from docs.making.messages import from_client, from_server, limits, models
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


@pytest.mark.parametrize(
    "row",
    [
        "| `code` | `480`, `486`, `603` | without it `603` |",
        "| `duration` | integer | without it `100`; 40 to 6000 |",
        "| `identity` | text or null | optional |",
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
    numbers: list[Any] = [Limits().hello, Limits().frame_bytes, Limits().bad_frames]
    for number in numbers:
        assert f"| {number:g} |" in limits() or f"| {number} |" in limits()
