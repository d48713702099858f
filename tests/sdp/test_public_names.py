from __future__ import annotations

import ast
import sys
import types
from dataclasses import FrozenInstanceError, fields, is_dataclass
from pathlib import Path

import pytest

import sdp
from tests.sdp.descriptions import text_of


def test_all_is_what_the_package_imports() -> None:
    public = {
        name
        for name, value in vars(sdp).items()
        if not name.startswith("_") and not isinstance(value, types.ModuleType)
    }
    assert public == set(sdp.__all__)
    assert sdp.__all__ == sorted(sdp.__all__)


def test_nothing_but_the_standard_library_is_imported() -> None:
    allowed = {*sys.stdlib_module_names, "sdp"}
    for path in Path(sdp.__path__[0]).glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            assert {name.split(".")[0] for name in names} <= allowed, path.name


@pytest.mark.parametrize("name", [n for n in sdp.__all__ if is_dataclass(getattr(sdp, n))])
def test_values_cannot_change(name: str) -> None:
    kind = getattr(sdp, name)
    value = kind.__new__(kind)
    with pytest.raises(FrozenInstanceError):
        setattr(value, fields(kind)[0].name, "other")
    assert not hasattr(value, "__dict__")


def test_the_readmes_example_runs() -> None:
    readme = (Path(sdp.__path__[0]) / "README.md").read_text()
    names: dict[str, object] = {
        "text_from_the_page": text_of("chrome-156-audio-video"),
        "our_fingerprint": ":".join(["AB"] * 32),
        "body_of_the_200": text_of("asterisk-22-answer"),
        "body_of_the_reinvite": text_of("asterisk-22-offer-hold"),
    }
    exec(readme.split("```python\n")[1].split("```")[0], names)
    assert isinstance(names["reply"], sdp.SessionDescription)
