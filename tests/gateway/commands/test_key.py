from __future__ import annotations

from pathlib import Path

import pytest

from gateway.admission.keys import read_keys
from gateway.cli import main


def test_the_key_fits_its_line_and_no_other(capsys: pytest.CaptureFixture[str]) -> None:
    keys: list[str] = []
    for _ in range(2):
        assert main(["key"]) == 0
        key, line = capsys.readouterr().out.splitlines()
        assert key not in line
        Path(f"keys{len(keys)}").write_text(f"{line}\n")
        keys.append(key)
    assert read_keys(Path("keys0")).find(keys[0])
    assert not read_keys(Path("keys1")).find(keys[0])
