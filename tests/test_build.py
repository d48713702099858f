"""What is built: a wheel that runs without a compiler, and a clone that says it is not built."""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path
from zipfile import ZipFile

import pytest

TREE = Path(__file__).parents[1]
ROOTS = {"voice": TREE / "codecs" / "voice", "gateway": TREE / "gateway"}
WEB = TREE / "gateway" / "web"
LIBRARIES = sysconfig.get_path("purelib")

# Names the modules whose files lie outside the environment that runs it
STRANGERS = """
import importlib, sys
for name in sys.argv[1:]:
    if not importlib.import_module(name).__file__.startswith(sys.prefix):
        sys.exit(f"{name} is from elsewhere")
"""


def _compiled_modules() -> list[str]:
    return [
        ".".join((package, *path.relative_to(root).with_suffix("").parts))
        for package, root in ROOTS.items()
        for path in sorted(root.rglob("*.pyx"))
    ]


def _run(*command: str | Path, **environment: str) -> str:
    ran = subprocess.run(
        command, cwd=TREE, env=environment or None, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel of this tree; what is compiled in the tree is not compiled again."""
    folder = tmp_path_factory.mktemp("wheel")
    options = ("--quiet", "--no-deps", "--no-build-isolation", "--no-index")
    _run(sys.executable, "-m", "pip", "wheel", *options, "--wheel-dir", folder, ".")
    (built,) = folder.glob("*.whl")
    return built


def test_a_wheel_holds_what_runs_and_what_others_build_and_check_against(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    kinds = {*(".py", ".pyi", ".pxd", ".ulaw", ".js", ".ts", ".css", ".html", ".svg"), ".typed"}
    kinds |= {".cpp", ".hpp", ".i"}  # of the SIP engine, which is built where the gateway runs
    expected = {
        str(path.relative_to(root.parent))
        for root in (*ROOTS.values(), TREE / "sdp")
        for path in root.rglob("*")
        if path.suffix in kinds
    }
    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    objects = {name.replace(".", "/") + suffix for name in ("voice._cython", *_compiled_modules())}
    client = {*("LICENSE", "README.md"), *(path.name for path in WEB.glob("*.json"))}
    texts = {f"gateway/web/{name}" for name in client}
    # The documentation, where `make docs` has built it: all of it
    built = (ROOTS["gateway"] / "docs").rglob("*")
    pages = {str(path.relative_to(TREE)) for path in built if path.is_file()}
    assert held == expected | objects | texts | pages


def test_a_wheel_runs_where_there_is_no_compiler(wheel: Path, tmp_path: Path) -> None:
    environment = tmp_path / "environment"
    venv.create(environment, symlinks=True)
    python = environment / "bin" / "python"
    options = ("--quiet", "--no-deps", "--no-index")
    _run(sys.executable, "-m", "pip", "--python", python, "install", *options, wheel)
    # The libraries that it depends on are those that this test runs on
    (packages,) = environment.glob("lib/python*/site-packages")
    (packages / "libraries.pth").write_text(LIBRARIES)
    nowhere = {"PATH": str(environment / "bin")}
    _run(python, "-P", "-c", STRANGERS, "gateway", "sdp", *_compiled_modules(), **nowhere)
    assert "serve" in _run(environment / "bin" / "gateway", "--help", **nowhere)


@pytest.fixture
def unbuilt(tmp_path: Path) -> Path:
    """The tree as a clone has it."""
    for folder in ("gateway", "sdp", "codecs"):
        ignored = shutil.ignore_patterns("*.so", "__pycache__")
        shutil.copytree(TREE / folder, tmp_path / folder, ignore=ignored)
    return tmp_path


@pytest.mark.parametrize("code", ["import voice.g711", "import gateway.wiring"])
def test_an_import_without_a_build_says_what_to_type(unbuilt: Path, code: str) -> None:
    said = _fails(unbuilt, "-c", code)
    assert said.endswith(
        "ImportError: The compiled media path is not built: "
        "type `make install` (or `pip install .`)\n"
    )


def test_the_command_line_without_a_build_is_one_sentence(unbuilt: Path) -> None:
    said = _fails(unbuilt, "-m", "gateway", "serve")
    assert said.count("\n") == 1
    assert said.startswith(
        "gateway: The compiled media path is not built: type `make install` (or `pip install .`)"
    )


def _fails(tree: Path, *arguments: str) -> str:
    """Run Python in `tree`; without the site module, which knows of the tree that this is."""
    path = f"{tree}:{tree / 'codecs'}:{LIBRARIES}"
    command = [sys.executable, "-S", *arguments]
    ran = subprocess.run(
        command, cwd=tree, env={"PYTHONPATH": path}, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 1
    return ran.stderr
