"""`python -m tests.interop`: run the foreign suite, and publish its table in README.md."""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.interop.foreign import files_of
from tests.interop.outcome import name_of, read_outcomes
from tests.interop.publication import Result, Row, judge, publish
from tests.interop.source import unpack_suite
from tests.peers.namespace import require_namespace, run_isolated
from tests.peers.requirement import require, require_own_engine

LIMIT = 240.0  # seconds for all of it; two thirds of a minute are a session timer's


def run_suite(folder: Path) -> dict[str, Row]:
    """Run the suite in a namespace of its own, with room for files in `folder`."""
    require_namespace()
    suite = unpack_suite(folder / "suite")
    logs = folder / "logs"
    logs.mkdir()
    output = run_isolated("tests.interop.foreign", str(suite), str(logs), limit=LIMIT)
    return judge(map(name_of, files_of(suite)), read_outcomes(output))


def main() -> int:
    """Run and publish; 1 if something failed, or is missing on this machine."""
    try:
        require("sipp")
        require_own_engine()
        with TemporaryDirectory() as folder:
            rows = run_suite(Path(folder))
    except (pytest.skip.Exception, pytest.fail.Exception) as lacking:
        sys.stderr.write(f"{lacking}\n")
        return 1
    publish(rows)
    failed = {file: row for file, row in rows.items() if row.result is Result.FAIL}
    sys.stdout.writelines(f"{file}: {row.why}\n" for file, row in failed.items())
    sys.stdout.write(f"{len(rows)} files, {len(failed)} failed; the table is in README.md\n")
    return min(len(failed), 1)


if __name__ == "__main__":
    sys.exit(main())
