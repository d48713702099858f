"""Damaged SIP messages by the thousand: the end point stays up and logs no error."""

from __future__ import annotations

import json

import pytest

from tests.peers.namespace import run_isolated
from tests.peers.requirement import require_own_engine

SECONDS = 5.0


@pytest.mark.peer
@pytest.mark.parametrize("seed", [1, 2])
def test_damaged_messages(seed: int) -> None:
    require_own_engine()
    output = run_isolated("tests.interop.mutations", str(seed), str(SECONDS), limit=60.0)
    found = json.loads(output)
    assert found["sent"] >= 1000
    assert found["answered"] == found["asked"], "OPTIONS between the damaged messages"
    assert found["errors"] == []
    assert found["fault"] is None
