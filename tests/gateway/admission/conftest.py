from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.gateway.admission.door import OPEN, Door

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def door(tmp_path: Path) -> Callable[..., Door]:
    return lambda rules=OPEN, store=None: Door(rules, tmp_path / "audit.log", store)
