"""API keys: made, kept as hashes, compared."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gateway.admission.keys import ApiKeys, new_key, read_keys
from gateway.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path


def test_a_key_opens_and_its_hash_does_not(tmp_path: Path) -> None:
    (first, line), (second, other) = new_key(), new_key()
    file = tmp_path / "keys"
    file.write_text(f"# the portal's\n{line}\n\n{other}  # nightly report\n")
    keys = read_keys(file)
    assert keys.find(first) == f"key {line[7:15]}"
    assert keys.find(second)
    assert not keys.find(line)
    assert not keys.find(first[:-1])
    assert not keys.find("")
    assert first not in line


def test_without_keys_nothing_is_accepted() -> None:
    assert not ApiKeys()
    assert not ApiKeys().find("")


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("", "there is no key in it"),
        ("# none yet\n", "there is no key in it"),
        ("gwk_a-key-itself\n", "line 1 is no hash"),
        (f"sha256:{'0' * 64}\nsha256:{'0' * 63}\n", "line 2 is no hash"),
        (f"sha256:{'G' * 64}\n", "line 1 is no hash"),
    ],
)
def test_bad_file(tmp_path: Path, text: str, rule: str) -> None:
    file = tmp_path / "keys"
    file.write_text(text)
    with pytest.raises(ConfigError, match=rule) as caught:
        read_keys(file)
    assert "a-key-itself" not in str(caught.value)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        read_keys(tmp_path / "none")


def test_file_that_is_no_text(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="it is not UTF-8"):
        read_keys(file)
