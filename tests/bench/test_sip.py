"""A few calls of the SIP benchmark: it runs, and its figures are some."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

import pytest

from tests.bench import sip
from tests.bench.load import BenchError
from tests.peers.requirement import require

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.peer
def test_a_few_calls() -> None:
    require("sipp")
    dialed = sip.run(calls=20)
    assert 0.0 < dialed.thread_ms < dialed.process_ms < 100.0
    assert 0.0 < dialed.reading_us < 10_000.0
    assert dialed.engine == version("pjsua2-python")


def test_a_baseline_is_not_measured_by_another_engine(tmp_path: Path) -> None:
    """One that says of no engine, or of one that nobody has built."""
    engine = tmp_path / "gateway" / "trunk" / "engine"
    engine.mkdir(parents=True)
    for folder in (engine, *engine.parents[:2]):
        (folder / "__init__.py").touch()
    with pytest.raises(BenchError, match="does not say which SIP engine"):
        sip.run(tree=tmp_path)
    (engine / "build.py").write_text(f"def wheel_folder():\n    return {str(tmp_path)!r}\n")
    with pytest.raises(BenchError, match=r"is not in .* to build it: cd "):
        sip.run(tree=tmp_path)
