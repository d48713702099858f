"""A few calls of the SIP benchmark: it runs, and its figures are some."""

from __future__ import annotations

import pytest

from tests.bench import sip
from tests.peers.requirement import require


@pytest.mark.peer
def test_a_few_calls() -> None:
    require("sipp")
    dialed = sip.run(calls=20)
    assert 0.0 < dialed.thread_ms < dialed.process_ms < 100.0
    assert 0.0 < dialed.reading_us < 10_000.0
