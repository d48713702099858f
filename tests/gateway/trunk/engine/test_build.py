"""The engine's build, as far as it goes without a compiler: sources, checks, the wheel's form."""

from __future__ import annotations

import re
import tarfile
import zipfile
from pathlib import Path

import pytest

from gateway.trunk.engine import build, edits, source, wheel


@pytest.fixture(autouse=True)
def private_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("PJPROJECT_TARBALL", "PJPROJECT_SHA256"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def tarball(tmp_path: Path) -> Path:
    """Something that looks like pjproject, but that nobody has vouched for."""
    top = tmp_path / "pjproject-9"
    top.mkdir()
    (top / "aconfigure").write_text("#!/bin/sh\n")
    (top / "version.mak").write_text(
        "export PJ_VERSION_MAJOR  := 2\nexport PJ_VERSION_MINOR  := 17\nexport PJ_VERSION_REV :=\n"
    )
    path = tmp_path / "pjproject.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        archive.add(top, top.name)
    return path


def test_unknown_source(tarball: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PJPROJECT_TARBALL", str(tarball))
    with pytest.raises(source.UnknownSourceError, match=r"PJPROJECT_SHA256=([0-9a-f]{64})"):
        source.obtain(tmp_path, tmp_path)
    monkeypatch.setenv("PJPROJECT_SHA256", source.sha256(tarball))
    assert source.obtain(tmp_path, tmp_path) == tarball


def test_no_such_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PJPROJECT_TARBALL", "/nowhere.tar")
    with pytest.raises(source.CannotBuildError, match=r"'/nowhere\.tar', which is not a file"):
        source.obtain(tmp_path, tmp_path)


def test_unpacked(tarball: Path, tmp_path: Path) -> None:
    tree = source.unpack(tarball, tmp_path / "tree")
    assert tree.name == "pjproject-9"
    assert build.tree_version(tree) == "2.17"


def test_not_a_tarball(tmp_path: Path) -> None:
    (path := tmp_path / "pjproject.tar.gz").write_bytes(b"nothing of the kind")
    with pytest.raises(source.UnknownSourceError, match="cannot be unpacked"):
        source.unpack(path, tmp_path / "tree")


def test_missing_tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One sentence, one command, and the exit status that lets make go on without."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(source.CannotBuildError, match=r"apt-get install gcc g\+\+ make"):
        build.check_tools()
    monkeypatch.setattr("sys.argv", ["build", "--no-install"])
    assert build.main() == build.MISSING_STATUS == 3


def test_cache_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other settings, another folder: a stale wheel is never taken."""
    usual = build.wheel_folder()
    assert usual == build.wheel_folder()
    monkeypatch.setattr(build, "CONFIG_SITE", build.CONFIG_SITE + "#define MORE 1\n")
    assert build.wheel_folder() != usual


@pytest.mark.parametrize("name", [path.name for path in build.OWN])
def test_cache_key_of_our_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Another text in a file of ours, another folder."""
    for path in build.OWN:
        (tmp_path / path.name).write_text(path.read_text())
    monkeypatch.setattr(build, "OWN", tuple(tmp_path / path.name for path in build.OWN))
    usual = build.wheel_folder()
    (tmp_path / name).write_text("// another\n")
    assert build.wheel_folder() != usual


def test_edits(tmp_path: Path) -> None:
    """On a source that lacks one text of them all, the build stops and names it."""
    for edit in edits.EDITS:
        path = tmp_path / edit.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text((path.read_text() if path.exists() else "") + edit.old)
    kept = {edit.name: (tmp_path / edit.name).read_text() for edit in edits.EDITS}
    edits.apply(tmp_path)
    for edit in edits.EDITS:
        assert edit.new in (tmp_path / edit.name).read_text()
    for edit in edits.EDITS:
        for name, text in kept.items():
            (tmp_path / name).write_text(text.replace(edit.old, "") if name == edit.name else text)
        with pytest.raises(edits.OtherSourceError, match=re.escape(edit.name)):
            edits.apply(tmp_path)


def test_quickened(tmp_path: Path) -> None:
    """A field is read with the interpreter kept; what may wait lets go of it."""
    field, call = "result = (int) ((arg1)->code);", "result = (arg1)->libHandleEvents(arg2);"
    around = "SWIG_PYTHON_THREAD_BEGIN_ALLOW;\n    {}\n    SWIG_PYTHON_THREAD_END_ALLOW;\n"
    (path := tmp_path / "wrap.cpp").write_text(around.format(field) + around.format(call))
    edits.quicken(path)
    assert path.read_text() == f"    {field}\n" + around.format(call)


def test_wheel(tmp_path: Path) -> None:
    content = tmp_path / "content"
    content.mkdir()
    (content / "pjsua2.py").write_text("VERSION = 1\n")
    path = wheel.pack(content, "2.17+gateway1", tmp_path)
    assert path.name == f"pjsua2_python-2.17+gateway1-{wheel.tag()}.whl"
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        record = archive.read("pjsua2_python-2.17+gateway1.dist-info/RECORD").decode()
    assert "pjsua2.py" in names
    assert [line.split(",")[0] for line in record.splitlines()] == names
