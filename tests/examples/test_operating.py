"""docs/operating.md: what it tells somebody to type at night is there."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, get_args

import pytest
from fastapi.routing import APIRoute

from gateway.admission.blocks import Kind
from gateway.signaling import api, http
from gateway.signaling.api_messages import NewBlock, Switch
from tests.peers.process import TREE

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = TREE / "docs" / "operating.md"
TEXT = PAGE.read_text()
REQUEST = re.compile(r"\b(GET|POST|PUT|DELETE) (/[\w/{}]+)")


def served() -> Iterator[tuple[str, str]]:
    for route in (*api.router.routes, *http.router.routes):
        if isinstance(route, APIRoute):
            path = re.sub(r"\{\w+\}", "{id}", route.path)
            yield from ((method, path) for method in route.methods or ())


def test_every_request_is_served() -> None:
    named = set(REQUEST.findall(TEXT))
    assert len(named) >= 10
    assert named <= set(served())


def test_every_request_of_the_operator_is_named() -> None:
    operators = {(method, path) for method, path in served() if path.startswith("/v1/")}
    assert operators <= set(REQUEST.findall(TEXT))


@pytest.mark.parametrize(
    ("path", "model"), [("/v1/admission", Switch), ("/v1/blocks", NewBlock)], ids=str
)
def test_every_body_is_taken(path: str, model: type[Switch | NewBlock]) -> None:
    bodies = re.findall(rf"(?:PUT|POST) {path} -d '([^']+)'", TEXT)
    assert bodies
    for body in bodies:
        model.model_validate(json.loads(body))


def test_every_kind_of_block_is_named() -> None:
    (kinds,) = re.findall(r"`kind` \(([^)]+)\)", TEXT)
    assert set(re.findall(r"`(\w+)`", kinds)) == set(get_args(Kind))


def test_every_link_leads_somewhere() -> None:
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", TEXT)
    assert len(links) >= 2
    ours = [link for link in links if not link.startswith("https://")]
    assert [link for link in ours if not (PAGE.parent / link).exists()] == []
