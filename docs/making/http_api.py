"""The HTTP API, from the OpenAPI document that the gateway itself serves."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

from fastapi import FastAPI

from docs.making.markdown import code, one_line, table
from gateway.signaling import api, http

Json = Mapping[str, Any]

# What every request with a key may be answered; the page says it once
COMMON = {"400", "401", "403", "413", "422"}


def document() -> Json:
    """Return the document, of the routes alone: no gateway runs for it."""
    app = FastAPI()
    app.include_router(http.router)
    api.add_api(app)
    return cast("Json", app.openapi())


def requests() -> str:
    """Write each request with what it takes and gives, those that need no key first."""
    told = document()
    every = [
        (path, method, request)
        for path, methods in told["paths"].items()
        for method, request in methods.items()
    ]
    text = ["## For everybody"]
    text += [_request(*each) for each in every if "security" not in each[2]]
    text.append("## With an API key")
    text += [_request(*each) for each in every if "security" in each[2]]
    text.append("## Objects")
    text += [_object(name, model) for name, model in sorted(told["components"]["schemas"].items())]
    return "\n\n".join(part for part in text if part)


def refusals() -> str:
    """Write what every request with an API key may be answered."""
    request = document()["paths"]["/v1/calls"]["get"]
    rows = [
        (status, answer["description"], _kind(_json_of(answer)))
        for status, answer in sorted(request["responses"].items())
        if status in COMMON
    ]
    return table(("status", "when", "with"), rows)


def _request(path: str, method: str, request: Json) -> str:
    text = [f"### {method.upper()} {path}", f"{request['summary']}."]
    text.append(one_line(request.get("description", "")))
    given = [_parameter(each) for each in request.get("parameters", ())]
    if given:
        text.append(table(("parameter", "type", "rule"), given))
    body = _json_of(request.get("requestBody", {}))
    if body:
        text.append(f"Its body is {_kind(body)}.")
    text += [_answer(*each) for each in sorted(request["responses"].items())]
    return "\n\n".join(part for part in text if part)


def _answer(status: str, answer: Json) -> str:
    schema = _json_of(answer)
    if not status.startswith("2"):
        return "" if status in COMMON else f"{status}: {answer['description']}."
    return f"It answers {status} with {_kind(schema)}." if schema else ""


def _json_of(message: Json) -> Json:
    content = message.get("content", {})
    return cast("Json", content.get("application/json", {}).get("schema", {}))


def _parameter(each: Json) -> tuple[str, str, str]:
    schema = each["schema"]
    rules = ["needed"] if each.get("required") else [_absent(schema)]
    rules += [one_line(each.get("description", schema.get("description", ""))), *_bounds(schema)]
    return code(each["name"]), f"{_kind(schema)}, in the {each['in']}", _joined(rules)


def _object(name: str, model: Json) -> str:
    if "properties" not in model:
        return ""
    needed = model.get("required", ())
    rows = [
        (
            code(field),
            _kind(told),
            _joined([one_line(told.get("description", "")), *_absences(field, told, needed)]),
        )
        for field, told in model["properties"].items()
    ]
    text = (f"### {name}", _prose(model), table(("field", "type", "rule"), rows))
    return "\n\n".join(part for part in text if part)


def _prose(model: Json) -> str:
    paragraphs = model.get("description", "").split("\n\n")
    return "\n\n".join(map(one_line, paragraphs))


def _absences(name: str, field: Json, needed: Sequence[str]) -> Iterator[str]:
    if name not in needed:
        yield _absent(field)
    yield from _bounds(field)


def _absent(field: Json) -> str:
    default = field.get("default")
    return "" if default in (None, [], "") else f"without it {code(json.dumps(default))}"


def _joined(rules: Iterable[str]) -> str:
    return "; ".join(rule for rule in rules if rule)


def _choices(field: Json) -> list[Json]:
    return [each for each in field.get("anyOf", [field]) if each.get("type") != "null"]


def _kind(field: Json) -> str:
    kinds = [_kind_of(each) for each in _choices(field)]
    if any(each.get("type") == "null" for each in field.get("anyOf", ())):
        kinds.append("null")
    return " or ".join(dict.fromkeys(kinds))


def _kind_of(each: Json) -> str:
    if "$ref" in each:
        name = each["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "enum" in each or "const" in each:
        choices = each.get("enum", [each.get("const")])
        return ", ".join(code(json.dumps(choice)) for choice in choices)
    if each.get("type") == "array":
        return f"list of {_kind_of(each['items'])}"
    kind = str(each.get("type", "object"))
    return "text" if kind == "string" else kind


def _bounds(field: Json) -> Iterator[str]:
    for each in _choices(field):
        least, most = each.get("minimum"), each.get("maximum")
        if least is not None and most is not None:
            yield f"{least:g} to {most:g}"
        if "maxLength" in each:
            yield f"at most {each['maxLength']} characters"
