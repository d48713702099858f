"""A few tests that fail are tried again, and shown; what fails again, or is many, fails the run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.second_try import MOST

TREE = Path(__file__).parent.parent
CONFTEST = """
from tests import second_try

pytest_addoption = second_try.add_option
pytest_sessionfinish = second_try.try_again
pytest_terminal_summary = second_try.show
"""
TESTS = """
import pathlib

import pytest

@pytest.fixture(scope="module")
def came_before():
    mark = pathlib.Path(__file__).with_name("mark")
    found = mark.exists()
    mark.touch()
    return found

@pytest.mark.parametrize("number", range({late}))
def test_late_once(came_before, number):
    assert came_before, f"number {{number}} is late"

def test_good():
    pass
"""
WRONG = """
def test_wrong():
    assert False
"""


def run(folder: Path, *options: str, late: int, sound: bool = True) -> tuple[int, str]:
    """Run tests of which as many are late, and one is wrong unless all is sound."""
    (folder / "conftest.py").write_text(CONFTEST)
    (folder / "test_some.py").write_text(TESTS.format(late=late) + ("" if sound else WRONG))
    (folder / "pytest.ini").write_text(f"[pytest]\npythonpath = {TREE}\n")
    command = (sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *options)
    # Options of the run that this is a part of are not for it
    environment = {key: value for key, value in os.environ.items() if key != "PYTEST_ADDOPTS"}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60
    )
    return done.returncode, done.stdout


@pytest.mark.parametrize("processes", [0, 2])
def test_a_few_are_tried_again_and_shown(tmp_path: Path, processes: int) -> None:
    """With what they share made anew."""
    shared = ("--numprocesses", str(processes), "--dist", "loadfile")
    status, text = run(tmp_path, "--second-try", *shared, late=MOST)
    assert status == 0
    for number in range(MOST):
        assert f"failed at first: test_some.py::test_late_once[{number}]" in text
        assert f"AssertionError: number {number} is late" in text
    assert f"{MOST} passed in" in text
    assert f"1 passed, {MOST} rerun" in text.splitlines()[-1]


def test_what_fails_again_fails_the_run(tmp_path: Path) -> None:
    status, text = run(tmp_path, "--second-try", late=1, sound=False)
    assert status == 1
    assert "2 failed, 1 passed" in text.splitlines()[-1]


def test_many_are_not_tried_again(tmp_path: Path) -> None:
    status, text = run(tmp_path, "--second-try", late=MOST + 1)
    assert status == 1
    assert "tried again" not in text
    assert f"{MOST + 1} failed, 1 passed" in text.splitlines()[-1]


def test_a_run_that_stops_at_the_first_has_not_passed(tmp_path: Path) -> None:
    status, _ = run(tmp_path, "--second-try", "--exitfirst", late=1)
    assert status == 1


def test_nothing_is_tried_again_by_hand(tmp_path: Path) -> None:
    status, text = run(tmp_path, late=1)
    assert status == 1
    assert "1 failed, 1 passed" in text.splitlines()[-1]
