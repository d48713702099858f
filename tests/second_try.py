"""What becomes of a few tests that fail: `make test` tries them once more, alone, and says so.

The tests run beside each other, and beside browsers and peers, on machines that are slow now and
then. One in ten thousand that comes too late is no reason to keep a change out. It is no reason to
be silent either: how it failed is shown at the end of the run (`rerun`). Each is a fault to be
mended, of the test or of ours. More than a few fail the run at once, and so do those that fail
again. Whoever runs pytest by hand sees each failure and nothing else.

They run in a new process, once all others have ended. pytest-rerunfailures tries again at once, on
the machine that was too slow, and with what the tests of a module share as it was.
"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from _pytest.terminal import TerminalReporter

OPTION = "--second-try"
MOST = 4


def add_option(parser: pytest.Parser) -> None:
    """Add the option that asks for it."""
    parser.addoption(OPTION, action="store_true", help="try a few tests that fail again, alone")


@pytest.hookimpl(trylast=True)  # after pytest-xdist, which has ended its processes then
def try_again(session: pytest.Session) -> None:
    """Try what has failed once more; if all of it passes the run has passed."""
    reporter: TerminalReporter | None = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or not session.config.getoption(OPTION):  # pytest-xdist's have none
        return
    if session.exitstatus != pytest.ExitCode.TESTS_FAILED or session.shouldfail:  # stopped early
        return
    reports = [*reporter.getreports("failed"), *reporter.getreports("error")]
    names = list(dict.fromkeys(report.nodeid for report in reports))
    if not names or len(names) > MOST:
        return
    reporter.write_sep("=", f"{len(names)} failed, and are tried again alone")
    reporter.flush()
    if _run(names, session.config) == pytest.ExitCode.OK:
        for kind in ("failed", "error"):
            reporter.stats.pop(kind, None)
        reporter.stats["rerun"] = reports
        session.exitstatus = pytest.ExitCode.OK


def _run(names: list[str], config: pytest.Config) -> int:
    """Run these tests in a process of their own."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTEST_ADDOPTS"}
    command = (sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *names)
    return subprocess.run(command, cwd=config.rootpath, env=environment, check=False).returncode


def show(terminalreporter: TerminalReporter) -> None:
    """Print how those have failed that passed when they were tried again."""
    for report in terminalreporter.getreports("rerun"):
        terminalreporter.write_sep("_", f"failed at first: {report.nodeid}")
        terminalreporter.write_line(report.longreprtext)
