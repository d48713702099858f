"""The loader takes what it is told, or PyAV's copy, and says why it takes nothing."""

from __future__ import annotations

import ctypes.util
from pathlib import Path

import pytest

from voice import libopus
from voice.libopus import LibopusError, load

SYSTEM = ctypes.util.find_library("opus")


def test_pyavs_copy_is_preferred() -> None:
    library = load()
    assert "av.libs" in library.path
    assert library.version.startswith("libopus 1.")
    assert library.path in str(library)
    assert library.version in str(library)


def test_it_is_loaded_once() -> None:
    assert load() is load()


@pytest.mark.skipif(SYSTEM is None, reason="the system has no libopus")
def test_the_systems_is_found_without_pyav(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libopus, "_bundled", list)
    library = load.__wrapped__()
    assert library.path == "libopus.so.0"


def test_errors_have_libopuss_words() -> None:
    assert load().describe_error(-4) == "corrupted stream"


def test_a_missing_file_is_named() -> None:
    with pytest.raises(LibopusError, match=r"/nowhere/libopus\.so"):
        load("/nowhere/libopus.so")


def test_a_file_that_is_no_library_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "libopus.so"
    file.write_text("no library")
    with pytest.raises(LibopusError, match=str(file)):
        load(str(file))


def test_another_library_is_refused() -> None:
    with pytest.raises(LibopusError, match="opus_get_version_string"):
        load("libm.so.6")


def test_an_old_version_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libopus, "OLDEST", (99, 0))
    with pytest.raises(LibopusError, match=r"older than 99\.0"):
        load.__wrapped__()


def test_nothing_at_all_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libopus, "_bundled", list)
    monkeypatch.setattr(libopus, "_of_the_system", list)
    with pytest.raises(LibopusError, match="neither PyAV's wheel nor the system"):
        load.__wrapped__()
