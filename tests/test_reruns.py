"""A test that passes when it is tried again is shown, and many of them fail the run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.reruns import LIMIT

TREE = Path(__file__).parent.parent
CONFTEST = """
from tests import reruns

pytest_terminal_summary = reruns.show
pytest_sessionfinish = reruns.judge
"""
TESTS = """
import pathlib

import pytest

@pytest.mark.parametrize("number", range({late}))
def test_late_once(number):
    mark = pathlib.Path(__file__).with_name(f"mark-{{number}}")
    came_before = mark.exists()
    mark.touch()
    assert came_before, f"number {{number}} is late"

def test_good():
    pass

@pytest.mark.skipif({sound}, reason="nothing is to be wrong")
def test_wrong():
    assert False
"""


def run(folder: Path, *options: str, late: int, sound: bool = True) -> tuple[int, str]:
    """Run tests of which as many are late, and one is wrong unless all is sound."""
    (folder / "conftest.py").write_text(CONFTEST)
    (folder / "test_some.py").write_text(TESTS.format(late=late, sound=sound))
    (folder / "pytest.ini").write_text(f"[pytest]\npythonpath = {TREE}\n")
    command = (sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *options, str(folder))
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout


@pytest.mark.parametrize("processes", [0, 2])
def test_late_once_is_shown(tmp_path: Path, processes: int) -> None:
    options = ("--reruns", "1", "--numprocesses", str(processes))
    status, text = run(tmp_path, *options, late=LIMIT)
    assert status == 0
    for number in range(LIMIT):
        assert f"RERUN test_some.py::test_late_once[{number}]" in text
        assert f"AssertionError: number {number} is late" in text
    assert f"{LIMIT + 1} passed, 1 skipped, {LIMIT} rerun" in text


def test_wrong_twice_is_wrong(tmp_path: Path) -> None:
    status, text = run(tmp_path, "--reruns", "1", late=0, sound=False)
    assert status == 1
    assert "1 failed, 1 passed, 1 skipped, 1 rerun" in text


def test_many_that_are_late_fail_the_run(tmp_path: Path) -> None:
    status, text = run(tmp_path, "--reruns", "1", late=LIMIT + 1)
    assert status == 1
    assert f"{LIMIT + 1} tests were tried again: {LIMIT} may be." in text


def test_nothing_is_tried_again_by_hand(tmp_path: Path) -> None:
    status, text = run(tmp_path, late=1)
    assert status == 1
    assert "1 failed, 1 passed, 1 skipped" in text
