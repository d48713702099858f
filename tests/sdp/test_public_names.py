from __future__ import annotations

import ast
import sys
import types
from pathlib import Path

import sdp


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
