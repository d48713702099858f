"""Configurations as files, for the tests of what may stand in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gateway.config import Settings
from gateway.config_sources import BadConfigError, load

TRUNK = '[[trunks]]\nname = "lab"\nuri = "sip:127.0.0.1:15060;transport=udp"\n'
OTHER = '[[trunks]]\nname = "other"\nuri = "sip:127.0.0.2"\n'
ROUTE = '[[routes]]\nto = "+44*"\ntrunks = ["lab", "other"]\n'
SECRET = "hunter2"


def read(tmp_path: Path, text: str, **flags: Any) -> Settings:
    file = tmp_path / "gateway.toml"
    file.write_text(text, encoding="utf-8")
    return load(file, flags)


def problems(tmp_path: Path, text: str) -> tuple[str, ...]:
    with pytest.raises(BadConfigError) as refused:
        read(tmp_path, text)
    return refused.value.problems
