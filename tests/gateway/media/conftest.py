"""What all tests of the media share."""

from __future__ import annotations

import pytest

from gateway.media.engine import engine, numpy_stage


@pytest.fixture(autouse=True)
def _faults_are_logged() -> None:
    """Forget what was logged: a fault is so once a second, also that of the test before."""
    for module in (engine, numpy_stage):
        module._faults._told.clear()
