"""What `gateway check` says of files: who may read them, whether they can be written."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.admission.keys import new_key
from gateway.check import files
from gateway.check.finding import Finding
from gateway.config import Settings
from tests.tones import make_tone, write_wav

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def examine(**tables: Any) -> list[Finding]:
    values = {"records": {"database": ""}, **tables}
    return files.examine(Settings.model_validate(values), NOW)


def secret(file: Path, mode: int) -> Path:
    file.write_text("k" * 32)
    file.chmod(mode)
    return file


@pytest.mark.parametrize(
    ("mode", "loose"), [(0o600, False), (0o640, False), (0o644, True), (0o604, True)]
)
def test_secrets_that_everybody_may_read_are_said(tmp_path: Path, mode: int, loose: bool) -> None:
    file = secret(tmp_path / "secret", mode)
    findings = examine(
        admission={"mode": "token", "token_secret_file": file},
        turn={"urls": ["turn:turn.example"], "secret_file": file},
        trunks=[{"name": "t", "uri": "sip:127.0.0.1", "username": "u", "password_file": file}],
    )
    assert all(found.ok and found.doubtful for found in findings)
    keys = ["admission.token_secret_file", "turn.secret_file", "trunks[0].password_file"]
    assert [found.text.split(" ")[0] for found in findings] == (keys if loose else [])


@pytest.mark.parametrize(
    ("text", "mode", "loose"),
    [
        ('[[trunks]]\n password = "x"\n', 0o644, True),
        ('[[trunks]]\npassword = "x"\n', 0o640, False),
        ('[[trunks]]\npassword_file = "x"\n# password = 1\n', 0o644, False),
    ],
)
def test_a_password_in_a_file_for_all_is_said(
    tmp_path: Path, text: str, mode: int, loose: bool
) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text(text)
    file.chmod(mode)
    found = files.loose(file)
    assert [each.doubtful for each in found] == [True] * loose
    assert files.loose(None) == []


def test_a_file_of_api_keys_is_read(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(new_key()[1])
    assert examine(http={"api_keys_file": file}) == []
    file.write_text("no hash")
    (found,) = examine(http={"api_keys_file": file})
    assert not found.ok
    assert found.text.startswith(f"http.api_keys_file = '{file}': line 1 is no hash")


def test_a_rate_table_is_read(tmp_path: Path) -> None:
    file = tmp_path / "rates.csv"
    file.write_text("+44,0.012,United Kingdom,60/60\n")
    limits = {"spend_per_day": 10, "rates_file": file}
    assert examine(admission={"limits": limits}) == []
    file.write_text("+44,dear\n")
    (found,) = examine(admission={"limits": limits})
    assert not found.ok
    assert str(file) in found.text


def test_a_queue_of_webhooks_is_looked_at(tmp_path: Path) -> None:
    key = secret(tmp_path / "secret", 0o600)
    key.write_text("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    file = tmp_path / "w.db"
    webhooks = {"url": "https://crm.example", "secret_file": key, "queue_file": file}
    (found,) = examine(webhooks=webhooks)
    assert found == Finding(True, f"webhooks.queue_file = '{file}': can be written")
    file.mkdir()
    (found,) = examine(webhooks=webhooks)
    assert found == Finding(False, f"webhooks.queue_file = '{file}': this is a folder")
    key.chmod(0o644)
    assert examine(webhooks=webhooks)[0].text.startswith("webhooks.secret_file = ")


def test_a_database_that_is_none_yet_can_be_made(tmp_path: Path) -> None:
    file = tmp_path / "gateway.db"
    (found,) = examine(records={"database": f"sqlite:///{file}"})
    assert found == Finding(True, f"records.database = 'sqlite:///{file}': can be written")
    assert not file.exists(), "nothing is made"


def test_a_database_is_left_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "gateway.db"
    with closing(sqlite3.connect(file)) as database:
        database.execute("CREATE TABLE t (x)")
    before = file.read_bytes()
    (found,) = examine(records={"database": f"sqlite:///{file}"})
    assert found.ok
    assert (file.read_bytes(), [*tmp_path.iterdir()]) == (before, [file])


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("nope/gateway.db", "there is no folder "),
        ("folder", "this is a folder"),
        ("text", "file is not a database"),
    ],
)
def test_what_cannot_be_the_database_is_said(tmp_path: Path, name: str, why: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "text").write_text("no database, and long enough to be taken for one\n" * 100)
    (found,) = examine(records={"database": f"sqlite:///{tmp_path}/{name}"})
    assert not found.ok
    assert found.text.startswith(f"records.database = 'sqlite:///{tmp_path}/{name}': {why}")


@pytest.mark.parametrize(
    ("name", "ok", "text"),
    [
        ("audit.jsonl", True, "can be written"),
        ("nope/audit.jsonl", False, "there is no folder "),
        (".", False, "this is a folder"),
    ],
)
def test_the_audit_file_is_tried(tmp_path: Path, name: str, ok: bool, text: str) -> None:
    (found,) = examine(log={"audit_file": tmp_path / name})
    assert found.ok is ok
    assert f": {text}" in found.text


def test_a_folder_that_takes_no_file_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write anywhere
    findings = examine(
        log={"audit_file": tmp_path / "audit.jsonl"},
        records={"database": f"sqlite:///{tmp_path}/gateway.db"},
    )
    for found in findings:
        assert not found.ok
        assert found.text.endswith(f": no file can be made in {tmp_path}")


def test_a_file_that_may_not_be_written_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "audit.jsonl").write_text("")
    monkeypatch.setattr(os, "access", lambda *_: False)
    (found,) = examine(log={"audit_file": tmp_path / "audit.jsonl"})
    assert found.text.endswith("audit.jsonl': it may not be read and written")


def test_music_that_cannot_be_played(tmp_path: Path) -> None:
    good = write_wav(tmp_path / "good.wav", make_tone(440, seconds=0.1), 8000)
    assert examine(media={"hold_music": good}) == []
    bad = tmp_path / "bad.wav"
    bad.write_bytes(b"no sound")
    [finding] = examine(media={"hold_music": bad})
    assert not finding.ok
    assert f"media.hold_music: {bad} cannot be played" in finding.text
