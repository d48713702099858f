"""The shape of the tree: which room may import which, and names that would break others.

    app → signaling → calls → {trunk, media, admission} → {sdp, voice}

A room may import itself and what stands right of it in its row of ROOMS. Imports for types count as
well: what a module's signatures name, it depends on.
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

TREE = Path(__file__).parents[1]
SOURCES = {"gateway": TREE / "gateway", "sdp": TREE / "sdp", "voice": TREE / "codecs" / "voice"}

# Settings, refusals and counts mean the same in every room
LEAVES = {
    *("config", "config_admission", "config_media", "config_sip"),
    *("errors", "metrics", "own_address", "repeats"),
}
CALL = {"trunk", "media", "admission", "sdp", "voice"}

# What there is of media/ besides the plane: the caller is a WebRTC end point, and no gateway
ENDPOINT = {
    *("media.webrtc", "media.parameters", "media.events"),
    *("media.clock", "media.counters", "media.ports", "media.receiver"),
}

# Each room of gateway/, and the rooms and packages that it may import besides LEAVES
ROOMS: dict[str, set[str]] = {
    "": set(),  # gateway/__init__.py
    "__main__": {"cli"},
    "cli": {"commands"},
    "commands": {
        *("admission", "app", "check", "cli", "demo", "garbage", "log", "signaling", "stopping"),
        *("config_file_values", "config_problems", "config_sources", "config_values", "wiring"),
    },
    "check": {
        *("admission", "config_url_values", "config_values", "dial_plan", "listening"),
        *("recording", "records", "sound_file", "system_words", "trunk"),
    },
    # What `app` and `check` both do, and `check` without a web application
    "listening": {"system_words"},
    "demo": {"peer"},
    # Makes the parts, joins them
    "wiring": {
        *("admitting", "calls", "garbage", "notifying", "recording", "records"),
        *("signaling", "webhooks"),
        *CALL,
    },
    "recording": {"admission", "config_file_values", "records"},  # makes the recorder
    "notifying": {"calls", "config_file_values", "records", "signaling", "webhooks"},
    "webhooks": {"admission", "calls"},
    "dial_plan": {"admission"},
    "admitting": {
        "admission",
        "config_file_values",
        "dial_plan",
    },  # makes the gate, which `reload` does once more
    "reload": {"admission", "admitting", "listening", "sd_notify"},
    "app": {
        *("listening", "reload", "signaling", "calls", "sd_notify", "stopping", "web"),
        *CALL,
    },
    "stopping": {"sd_notify", "signaling"},
    "signaling": {"calls", "records", *CALL},
    "records": {"admission.address", "admission.pace", "calls"},
    "calls": CALL,
    "trunk": {"sdp"},
    "media": {"sound_file", "voice"},  # it knows no SDP: it is given and gives typed parameters
    "admission": set(),
    "peer": {"trunk", "sdp", "voice"},  # the embedded SIP peer
    # The headless browser-side caller
    "caller": {*ENDPOINT, "sound_file", "system_words", "sdp", "voice"},
    # The load generator: both ends of every call, on bare sockets
    "bench": {*ENDPOINT, "caller", "peer", "trunk", "sdp", "voice"},
    "config": {
        *("config_file_values", "config_section", "config_trunk_uri", "config_url_values"),
        "config_values",
    },
    "config_admission": {
        *("config_file_values", "config_section", "config_url_values", "config_values"),
    },
    "config_media": {"config_section", "config_values"},
    "config_sip": {
        *("config_section", "config_trunk_uri", "config_trunk_values", "config_values"),
    },
    "config_section": {"config_file_values"},
    "config_file_values": {"config_values"},
    "config_trunk_uri": {"config_values"},
    "config_url_values": {"admission", "config_values"},
    "config_values": {"admission"},  # what a setting may be is said where it is used
    "config_trunk_values": {"config_values"},
    "config_sources": {"config_problems", "config_values"},
    "config_problems": {"config_values"},
    "errors": set(),
    "garbage": set(),
    "log": {"admission.mask"},
    "metrics": set(),
    "repeats": set(),
    "own_address": set(),
    "sd_notify": set(),
    "sound_file": set(),
    "system_words": set(),
    "web": set(),
}

# What Cython itself brings: its own names, and the declarations of C's
CYTHON = {"cython", "libc", "posix", "cpython"}

# Pure packages, and what they may import besides the standard library and themselves
PURE: dict[str, set[str]] = {"sdp": set(), "voice": {"numpy", "av", "cffi"}}

# Libraries whose objects or internals only one place may know
OWNERS = {
    "pjsua2": "gateway.trunk",
    "_pjsua2": "gateway.trunk",
    "aiortc": "gateway.media.webrtc",
    "aioice": "gateway.media.webrtc",
    "sqlalchemy": "gateway.records",
    "alembic": "gateway.records",
}


# In a compiled module, whose grammar `ast` does not know; names in parentheses may span lines
CYTHON_IMPORT = re.compile(
    r"^[ \t]*((?:from [\w.]+ c?import (?:\([^)]*\)|[^(\n]+))|c?import \w[^\n]*)", re.MULTILINE
)


class Import(NamedTuple):
    """One import: the module that has it, its line, and the module that it names."""

    importer: str
    line: int
    imported: str

    def __str__(self) -> str:
        return f"{self.importer}, line {self.line}: imports {self.imported}"


def _module_name(package: str, path: Path) -> str:
    parts = (package, *path.relative_to(SOURCES[package]).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imports_of(name: str, text: str) -> Iterator[Import]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (Import(name, node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            # `from gateway import calls` names the room only in what is imported
            for alias in node.names:
                yield Import(name, node.lineno, f"{node.module}.{alias.name}")


def _cython_imports_of(name: str, text: str) -> Iterator[Import]:
    for found in CYTHON_IMPORT.finditer(text):
        line = text.count("\n", 0, found.start(1))
        for each in _imports_of(name, found[1].replace("cimport", "import", 1)):
            yield each._replace(line=line + each.line)


def _imports(package: str) -> list[Import]:
    readers = {
        ".py": _imports_of,
        ".pyi": _imports_of,
        ".pyx": _cython_imports_of,
        ".pxd": _cython_imports_of,
    }
    return [
        found
        for path in sorted(SOURCES[package].rglob("*.py*"))
        if path.suffix in readers and not path.name.startswith(".")
        for found in readers[path.suffix](_module_name(package, path), path.read_text())
    ]


def _library(module: str) -> str | None:
    """Return the top-level package of an import that is neither ours nor the language's."""
    package = module.partition(".")[0]
    ours = package in SOURCES or package in sys.stdlib_module_names or package in CYTHON
    return None if ours else package


def _inside(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def _breaks_rooms(found: Import) -> bool:
    room = found.importer.partition(".")[2].partition(".")[0]
    allowed = ROOMS.get(room, set()) | LEAVES | {room}
    if found.imported.startswith("gateway."):
        inner = found.imported.removeprefix("gateway.")
        return not any(_inside(inner, each) for each in allowed if each)
    package = found.imported.partition(".")[0]
    return package in PURE and package not in allowed


def _breaks_purity(found: Import) -> bool:
    own = found.importer.partition(".")[0]
    imported = found.imported.partition(".")[0]
    return imported not in PURE[own] | {own} | CYTHON | sys.stdlib_module_names


def _breaks_ownership(found: Import) -> bool:
    owner = OWNERS.get(found.imported.partition(".")[0])
    return owner is not None and not _inside(found.importer, owner)


def _report(broken: list[Import]) -> str:
    return "\n".join(str(found) for found in broken)


def test_every_room_has_a_row() -> None:
    rooms = {path.stem for path in SOURCES["gateway"].iterdir() if path.suffix in ("", ".py")}
    built = {"__pycache__", "docs"}  # by Python, and by `make docs`
    assert rooms - built - {"__init__"} <= set(ROOMS)


def test_rooms_import_one_way() -> None:
    broken = [found for found in _imports("gateway") if _breaks_rooms(found)]
    assert not broken, _report(broken)


@pytest.mark.parametrize("package", PURE)
def test_the_pure_packages_stay_pure(package: str) -> None:
    broken = [found for found in _imports(package) if _breaks_purity(found)]
    assert not broken, _report(broken)


def test_one_place_knows_each_library() -> None:
    broken = [found for each in SOURCES for found in _imports(each) if _breaks_ownership(found)]
    assert not broken, _report(broken)


def test_every_library_that_is_imported_is_declared() -> None:
    """Else it is here only as long as another library needs it."""
    project = tomllib.loads((TREE / "pyproject.toml").read_text())["project"]
    declared = {_normal(re.split(r"[^\w.-]", line)[0]) for line in project["dependencies"]}
    # Python 3.13 has no stock SIP engine: its name is known without one
    homes = {"pjsua2": ["pjsua2-python"], "_pjsua2": ["pjsua2-python"], **packages_distributions()}
    undeclared = [
        str(found)
        for package in SOURCES
        for found in _imports(package)
        if (library := _library(found.imported)) is not None
        and declared.isdisjoint(map(_normal, homes.get(library, [library])))
    ]
    assert undeclared == []


def _normal(distribution: str) -> str:
    return re.sub(r"[-_.]+", "-", distribution).lower()


def test_every_compiled_module_has_a_stub() -> None:
    compiled = [path for root in SOURCES.values() for path in root.rglob("*.pyx")]
    assert [str(path) for path in compiled if not path.with_suffix(".pyi").exists()] == []
    assert [str(path) for path in compiled if path.with_suffix(".py").exists()] == []


def test_every_folder_with_modules_is_a_package() -> None:
    """One that is not would be missing in a wheel, and its compiled modules be named wrongly."""
    folders = {path.parent for root in SOURCES.values() for path in root.rglob("*.py*")}
    named = {folder for folder in folders if folder.name != "__pycache__"}
    assert [str(folder) for folder in named if not (folder / "__init__.py").exists()] == []


@pytest.mark.parametrize(
    ("importer", "line", "broken"),
    [
        ("gateway.trunk.leg", "from gateway.media.clock import Clock", True),
        ("gateway.trunk.leg", "from gateway import media", True),
        ("gateway.trunk.leg", "from gateway.trunk.errors import TrunkError", False),
        ("gateway.trunk.leg", "from gateway.errors import GatewayError", False),
        ("gateway.trunk.leg", "import voice.g711", True),
        ("gateway.media.session", "import sdp", True),
        ("gateway.media.session", "from voice import g711", False),
        ("gateway.calls.call", "from gateway.signaling import messages", True),
        ("gateway.calls.negotiation", "import sdp, voice.rtp", False),
        ("gateway.caller", "from gateway.media.webrtc import seam", False),
        ("gateway.caller", "from gateway.media import session", True),
        ("gateway.app", "from gateway.cli import main", True),
    ],
)
def test_the_rule_for_rooms_knows_right_from_wrong(importer: str, line: str, broken: bool) -> None:
    assert any(map(_breaks_rooms, _imports_of(importer, line))) == broken


@pytest.mark.parametrize(
    ("text", "imported"),
    [
        ("cimport cython\n", ["cython"]),
        ("cdef int x\n    from voice import levels  # late\n", ["voice.levels"]),
        ("from voice.rtp cimport (\n    A,  # why\n    B,\n)\n", ["voice.rtp.A", "voice.rtp.B"]),
        ('"""From what comes\nfrom the network: import nothing."""\n', []),
    ],
)
def test_imports_of_compiled_modules_are_found(text: str, imported: list[str]) -> None:
    assert [found.imported for found in _cython_imports_of("voice.x", text)] == imported


@pytest.mark.parametrize(
    ("importer", "line", "broken"),
    [
        ("sdp.parse", "import re", False),
        ("sdp.parse", "from sdp.model import Media", False),
        ("sdp.parse", "import numpy", True),
        ("sdp.parse", "from voice import g711", True),
        ("voice.opus", "import numpy as np", False),
        ("voice.opus", "import asyncio, aiortc", True),
        ("voice.opus", "from gateway.config import Config", True),
    ],
)
def test_the_rule_for_purity_knows_right_from_wrong(importer: str, line: str, broken: bool) -> None:
    assert any(map(_breaks_purity, _imports_of(importer, line))) == broken


@pytest.mark.parametrize(
    ("importer", "line", "broken"),
    [
        ("gateway.trunk.stack", "import pjsua2 as pj", False),
        ("gateway.calls.call", "from pjsua2 import Call", True),
        ("gateway.media.webrtc.seam", "from aiortc import RTCIceGatherer", False),
        ("gateway.media.session", "import aioice", True),
    ],
)
def test_the_rule_for_owners_knows_right_from_wrong(importer: str, line: str, broken: bool) -> None:
    assert any(map(_breaks_ownership, _imports_of(importer, line))) == broken


def test_no_package_shadows_the_standard_library() -> None:
    """`codecs` is loaded before any path is searched: a package of that name breaks the start."""
    packages = {path.parent.name for path in TREE.glob("*/__init__.py")}
    assert packages.isdisjoint(sys.stdlib_module_names)
    assert "codecs" not in packages


def test_every_test_folder_is_a_package() -> None:
    """Else tests/sdp, say, would be found as `sdp`, and hide the package of that name."""
    folders = {path.parent for path in (TREE / "tests").rglob("test_*.py")}
    assert [str(folder) for folder in folders if not (folder / "__init__.py").exists()] == []


@pytest.mark.parametrize(
    "path",
    [path for root in SOURCES.values() for path in sorted(root.rglob("__init__.py"))],
    ids=lambda path: str(path.parent.relative_to(TREE)),
)
def test_what_a_package_re_exports_is_what_it_names_as_public(path: Path) -> None:
    tree = ast.parse(path.read_text())
    brought_in = {
        alias.asname or alias.name
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and node.module != "__future__"
        for alias in node.names
    }
    defined = {
        node.name
        for node in tree.body
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
    }
    public = {name for name in brought_in | defined if not name.startswith("_")}
    if public:
        assert set(_public_names(tree)) == public


def _public_names(tree: ast.Module) -> list[str]:
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            names: list[str] = ast.literal_eval(node.value)
            return names
    return []
