"""The messages of the WebSocket, from the models that read and write them.

`examples.py` has an example of each; `tests/docs/test_protocol.py` has the models judge them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, get_args

from pydantic import BaseModel
from websockets.frames import CloseCode

from docs.making.examples import CLIENT, SERVER
from docs.making.markdown import code, one_line, table
from gateway.app import MAX_WEBSOCKET_MESSAGE
from gateway.signaling.closing import (
    FAULTS_OF_CLIENTS,
    HELLO_TIMEOUT,
    INTERNAL_ERROR,
    NORMAL,
    POLICY_VIOLATION,
    TAKEN_OVER,
    TRY_AGAIN_LATER,
)
from gateway.signaling.messages import client, server
from gateway.signaling.room import Limits

SERVICE_RESTART = CloseCode.SERVICE_RESTART  # uvicorn's, as it stops

Schema = Mapping[str, Any]

# What patterns are called where a person would not read them at sight
PATTERNS = {
    r"^[\x21-\x7e]{1,64}$": "1 to 64 characters of ASCII, no space",
    r"^[^\x00-\x1f\x7f]*$": "no control characters",
}


def models(union: object) -> dict[str, type[BaseModel]]:
    """Return the models of one direction by the word in `type`."""
    members = get_args(get_args(union)[0])
    return {_word(model): model for model in members}


def _word(model: type[BaseModel]) -> str:
    (word,) = get_args(model.model_fields["type"].annotation)
    return str(word)


def from_client() -> str:
    """Write what a client may say."""
    return _direction(models(client.ClientMessage), CLIENT, "client")


def from_server() -> str:
    """Write what the gateway says."""
    return _direction(models(server.ServerMessage), SERVER, "server")


def limits() -> str:
    """Write what one WebSocket may take up."""
    most = Limits()
    rows = (
        ("seconds until `hello`", f"{most.hello:g}"),
        ("bytes of a frame that is read; a longer one gets `error`", f"{most.frame_bytes}"),
        ("bytes of a frame that closes the socket at once", f"more than {MAX_WEBSOCKET_MESSAGE}"),
        ("frames that are no message within a minute: the last one closes", f"{most.bad_frames}"),
        ("calls of a session at a time", f"{most.calls}"),
        ("messages that wait for one call", f"{most.commands}"),
        ("messages that wait for a client which does not read", f"{most.outbox}"),
        ("messages of calls that are kept for a client which comes back", f"{most.kept}"),
    )
    return table(("limit", ""), rows)


def close_codes() -> str:
    """Write why a socket is closed by the gateway."""
    told = {
        NORMAL: "the client has closed it",
        **{code: why for code, why in FAULTS_OF_CLIENTS.items() if code != POLICY_VIOLATION},
        POLICY_VIOLATION: "a first message that is no `hello`, or a `hello` that is refused (an "
        "`error` says why); too many frames that are no message, or at once; the client does not "
        "read",
        INTERNAL_ERROR: "a fault of the gateway's, or its pings were not answered",
        SERVICE_RESTART: "the gateway ends; another one may be there in seconds",
        TRY_AGAIN_LATER: "too many messages from the client's address: it may come back at once",
        HELLO_TIMEOUT: "no `hello` in time: the client may come back",
        TAKEN_OVER: "another socket has the session: the client must not come back",
    }
    rows = [(f"{int(code)}", told[code]) for code in sorted(told)]
    return table(("code", "why"), rows)


def _direction(
    found: Mapping[str, type[BaseModel]], examples: Mapping[str, Schema], side: str
) -> str:
    without = found.keys() - examples.keys()
    if without:
        raise LookupError(f"docs/making/examples.py has no example of {', '.join(sorted(without))}")
    return "\n\n".join(_message(word, found[word], examples[word], side) for word in found)


def _message(word: str, model: type[BaseModel], example: Schema, side: str) -> str:
    schema = model.model_json_schema()
    rows = list(_fields(schema, schema.get("$defs", {}), may_be_absent=side == "client"))
    text = [f"### `{word}` {{#{side}-{word}}}", _docstring(model)]
    if rows:
        text.append(table(("field", "type", "rule"), rows))
    text.append(f"```json\n{_written(example)}\n```")
    return "\n\n".join(part for part in text if part)


def _written(example: Schema) -> str:
    short = json.dumps(example, ensure_ascii=False)
    return short if len(short) < 90 else json.dumps(example, ensure_ascii=False, indent=2)


def _docstring(model: type[BaseModel]) -> str:
    paragraphs = re.split(r"\n\s*\n", model.__dict__.get("__doc__") or "")
    return "\n\n".join(one_line(paragraph) for paragraph in paragraphs)


def _fields(
    schema: Schema, definitions: Mapping[str, Schema], above: str = "", *, may_be_absent: bool
) -> Iterator[tuple[str, str, str]]:
    needed = schema.get("required", ())
    for name, field in schema["properties"].items():
        if name == "type" and not above:
            continue
        told = above + name.rstrip("_")  # `from` is a word of Python's
        inner = _inner(field, definitions)
        kind = _kind(field)
        absent = [_absent(field)] if may_be_absent and name not in needed else []
        yield code(told), kind, "; ".join((*absent, *_rules(field)))
        if inner is not None:
            nested = f"{told}[]." if kind.startswith("list") else f"{told}."
            yield from _fields(inner, definitions, nested, may_be_absent=may_be_absent)


def _absent(field: Schema) -> str:
    default = field.get("default")
    if default in (None, [], {}):
        return "optional"
    return f"without it {code(json.dumps(default))}"


def _choices(field: Schema) -> list[Schema]:
    return [each for each in field.get("anyOf", [field]) if each.get("type") != "null"]


def _inner(field: Schema, definitions: Mapping[str, Schema]) -> Schema | None:
    """Return the schema of what the field holds, where that is a model."""
    for each in _choices(field):
        reference = each.get("$ref") or each.get("items", {}).get("$ref")
        if reference:
            return definitions[reference.rpartition("/")[2]]
    return None


def _kind(field: Schema) -> str:
    choices = _choices(field)
    kinds = [_kind_of(each) for each in choices]
    if len(choices) < len(field.get("anyOf", [field])):
        kinds.append("null")
    return " or ".join(kinds)


def _kind_of(each: Schema) -> str:
    if "const" in each:
        return code(json.dumps(each["const"]))
    if "enum" in each:
        return ", ".join(code(json.dumps(choice)) for choice in each["enum"])
    if "$ref" in each:
        return "object"
    if each["type"] == "array":
        return f"list of {_kind_of(each['items'])}" if each.get("items") else "list"
    return "text" if each["type"] == "string" else str(each["type"])


def _rules(field: Schema) -> Iterator[str]:
    if "description" in field:
        yield field["description"]
    for each in _choices(field):
        least, most = each.get("minimum"), each.get("maximum")
        if least is not None and most is not None:
            yield f"{least} to {most}"
        elif least is not None:
            yield f"at least {least}"
        if "maxLength" in each:
            yield f"at most {each['maxLength']} characters"
        if "pattern" in each:
            yield PATTERNS.get(each["pattern"]) or f"fits {code(each['pattern'])}"
