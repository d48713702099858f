"""The hand-written stubs of the compiled modules: mypy believes them, so they must be true."""

from __future__ import annotations

import ast
import inspect
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

TREE = Path(__file__).parents[1]
ROOTS = {"voice": TREE / "codecs" / "voice", "gateway": TREE / "gateway"}

STUBS = {
    ".".join((package, *path.relative_to(root).with_suffix("").parts)): path.with_suffix(".pyi")
    for package, root in ROOTS.items()
    for path in sorted(root.rglob("*.pyx"))
    if path.with_suffix(".pyi").exists()  # test_layout.py asks for it
}


def _functions(body: list[ast.stmt], place: object) -> Iterator[tuple[ast.FunctionDef, object]]:
    """Yield each function and method of a stub, with the module or class that should have it."""
    for node in body:
        if isinstance(node, ast.FunctionDef):
            yield node, place
        elif isinstance(node, ast.ClassDef):
            yield from _functions(node.body, getattr(place, node.name))


def _parameters(stub: ast.FunctionDef) -> list[str]:
    each = stub.args
    starred = [found.arg for found in (each.vararg, each.kwarg) if found is not None]
    return [found.arg for found in (*each.posonlyargs, *each.args, *each.kwonlyargs)] + starred


def _differs(stub: ast.FunctionDef, place: object) -> bool:
    real = getattr(place, stub.name, None)
    if real is None:
        return True
    if stub.name.startswith("__") or not callable(real):
        return False  # a property, or a special method: C's slot for it names no parameters
    return sorted(inspect.signature(real).parameters) != sorted(_parameters(stub))


@pytest.mark.parametrize("name", STUBS)
def test_a_stub_names_what_its_module_has(name: str) -> None:
    stub = ast.parse(STUBS[name].read_text())
    module = import_module(name)
    assert [
        f"{STUBS[name].name}, line {node.lineno}: {node.name}"
        for node, place in _functions(stub.body, module)
        if _differs(node, place)
    ] == []
