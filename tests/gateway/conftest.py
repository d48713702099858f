from __future__ import annotations

import os

import pytest


@pytest.fixture
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting comes from the environment."""
    for name in [name for name in os.environ if name.upper().startswith("GATEWAY_")]:
        monkeypatch.delenv(name)
