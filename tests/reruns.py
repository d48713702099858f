"""What becomes of a test that fails once: `make test` tries it once more, and says so (`RERUN`).

The tests run beside browsers and peers, on machines that are slow now and then. One in ten thousand
that comes too late is no reason to keep a change out. It is no reason to be silent either: how it
failed is shown at the end of the run, and more than a few of them fail the run. Each is a fault to
be mended, of the test or of ours. Whoever runs pytest by hand sees each failure at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from _pytest.terminal import TerminalReporter

LIMIT = 4


def show(terminalreporter: TerminalReporter) -> None:
    """Print how those have failed that passed when they were tried again."""
    failed_once = terminalreporter.getreports("rerun")
    if not failed_once:
        return
    terminalreporter.write_sep("=", "RERUNS")
    for report in failed_once:
        terminalreporter.write_sep("_", f"RERUN {report.nodeid}")
        terminalreporter.write_line(report.longreprtext)
    if len(failed_once) > LIMIT:
        terminalreporter.write_line(f"{len(failed_once)} tests were tried again: {LIMIT} may be.")


def judge(session: pytest.Session) -> None:
    """Fail a run in which too many were tried again."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and len(reporter.getreports("rerun")) > LIMIT:
        session.exitstatus = session.exitstatus or pytest.ExitCode.TESTS_FAILED
