from __future__ import annotations

import errno
import json
import logging
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.admission.audit import HIDDEN, MAX_FIELD, MAX_FIELDS, Audit
from gateway.admission.grant import Grant, Visitor
from gateway.errors import ConfigError
from tests.gateway.admission.clock import Clock

VISITOR = Visitor("192.0.2.7", "https://shop.example", "s1")
GRANT = Grant(identity="alice", token="t1")
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl"


class Written(Audit):
    """One that waits for the disk, so that a test can look."""

    def write(self, *arguments: Any, **fields: Any) -> None:
        super().write(*arguments, **fields)
        assert self.flush()

    def reopen(self) -> None:
        super().reopen()
        assert self.flush()


def opened(path: Path | None, numbers: Literal["masked", "full"] = "masked") -> Audit:
    return Written(path, numbers, Clock(1_772_366_400.1239))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "audit.log"


@pytest.fixture
def audit(path: Path) -> Iterator[Audit]:
    audit = opened(path)
    yield audit
    audit.close()


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_line_says_who_asked_for_what(audit: Audit, path: Path) -> None:
    audit.write("call-refused", VISITOR, GRANT, to="+15551234567", from_="+15550001111", why="no")
    assert path.read_text() == (
        '{"at":"2026-03-01T12:00:00.123Z","event":"call-refused","session":"s1",'
        '"address":"192.0.2.7","origin":"https://shop.example","identity":"alice","token":"t1",'
        '"to":"+1555*****67","from":"+1555*****11","why":"no"}\n'
    )


def test_what_is_not_known_is_left_out(audit: Audit, path: Path) -> None:
    audit.write("session-opened", Visitor("192.0.2.7", None, "s1"), Grant(), why=None)
    assert set(lines(path)[0]) == {"at", "event", "session", "address"}


def test_numbers_are_masked_wherever_they_stand(audit: Audit, path: Path) -> None:
    audit.write(
        "call-refused",
        None,
        Grant(identity="+15551234567", token="15551234567-abc"),
        to="15551234567",
        why="+15551234567 may not be called",
        page="call +1 555 123 4567 now",
        seconds=15551234567,
    )
    (line,) = lines(path)
    assert line["identity"] == "+1555*****67"
    assert line["token"] == "15551234567-abc"  # an id, with which the operator has to find it
    assert line["to"] == "1555*****67"
    assert line["why"] == "+1555*****67 may not be called"
    assert line["page"] == "call +1555*****67 now"
    assert line["seconds"] == 15551234567


def test_numbers_are_full_where_the_operator_wants_them(path: Path) -> None:
    audit = opened(path, "full")
    audit.write("call-admitted", to="+15551234567", why="calls +15551234567")
    audit.close()
    assert lines(path)[0]["to"] == "+15551234567"
    assert lines(path)[0]["why"] == "calls +15551234567"


@pytest.mark.parametrize("numbers", ["masked", "full"])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("token", JWT),
        ("why", f"token {JWT} is expired"),
        ("why", f"token {JWT[:30]}"),
        ("header", "Authorization: Bearer abcdefghijkl"),
        ("why", "key gwk_abcdefghijkl is unknown"),
        ("client_secret", "abcdefghijkl"),
        ("password", "abcdefghijkl"),
        ("apiKey", "abcdefghijkl"),
        ("authorization", "abcdefghijkl"),
        ("sdp", "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:abcdefghijkl"),
        ("sdp", "a=ice-pwd:abcdefghijkl"),
    ],
)
def test_no_secret_is_written(
    path: Path, numbers: Literal["masked", "full"], name: str, value: str
) -> None:
    audit = opened(path, numbers)
    fields: dict[str, Any] = {name: value}
    audit.write("token-refused", **fields)
    audit.close()
    text = path.read_text()
    assert HIDDEN in text
    assert "abcdefghijkl" not in text
    assert JWT[10:30] not in text


def test_sentences_about_secrets_stay(audit: Audit, path: Path) -> None:
    why = "a bearer token is needed, basic rate"
    audit.write("key-refused", why=why)
    assert lines(path)[0]["why"] == why


@pytest.mark.parametrize(
    "text", ["a\nb", 'x"}\n{"event":"started"', "\u2028", "\x00", "\ud800\x1b[2J"]
)
def test_no_field_writes_a_line_of_its_own(audit: Audit, path: Path, text: str) -> None:
    audit.write("session-opened", Visitor(text, text, text), Grant(text, text), why=text)
    whole = path.read_bytes()
    assert whole.count(b"\n") == 1
    assert whole[:-1].decode("ascii").isprintable()
    (line,) = lines(path)
    assert line["event"] == "session-opened"
    assert line["origin"] == text


def test_no_field_takes_the_place_of_the_event(audit: Audit, path: Path) -> None:
    audit.write("call-refused", at="never", event_="call-admitted")
    assert lines(path) == [{"at": "2026-03-01T12:00:00.123Z", "event": "call-refused"}]


def test_fields_have_a_bound(audit: Audit, path: Path) -> None:
    fields: dict[str, Any] = {f"field{number}": "y" * 300 for number in range(100)}
    audit.write("session-opened", Visitor("192.0.2.7", "x" * 10**6, "s1"), **fields)
    (line,) = lines(path)
    assert len(line["origin"]) == MAX_FIELD
    assert line["origin"].endswith("...")
    assert len(line) == 2 + 3 + MAX_FIELDS


def test_numbers_that_json_does_not_know(audit: Audit, path: Path) -> None:
    audit.write("call-ended", mos=float("nan"), seconds=1.23456, late=float("inf"), early=True)
    assert lines(path)[0] | {"at": ""} == {
        **{"at": "", "event": "call-ended"},
        **{"mos": "nan", "seconds": 1.235, "late": "inf", "early": True},
    }


def test_it_only_grows_and_nobody_else_reads_it(path: Path) -> None:
    for _ in range(2):
        audit = opened(path)
        audit.write("gateway-started")
        audit.close()
        audit.close()
        audit.write("gateway-stopped")  # to nowhere
    assert len(lines(path)) == 2
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_two_gateways_write_whole_lines(audit: Audit, path: Path) -> None:
    other = opened(path)
    for _ in range(100):
        audit.write("started", why="a" * 200)
        other.write("stopped", why="b" * 200)
    other.close()
    assert len(lines(path)) == 200


def test_logrotate_moves_the_file_away(audit: Audit, path: Path) -> None:
    audit.write("started")
    old = path.rename(path.with_suffix(".1"))
    audit.write("stopped")
    audit.reopen()
    audit.write("reload")
    assert [line["event"] for line in lines(old)] == ["started", "stopped"]
    assert [line["event"] for line in lines(path)] == ["reload"]


def test_a_file_that_cannot_be_opened_again_leaves_the_old_one(
    audit: Audit, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    old = path.rename(path.with_suffix(".1"))
    path.mkdir()
    audit.reopen()
    audit.write("reload")
    assert [line["event"] for line in lines(old)] == ["reload"]
    assert "stays in the old file" in caplog.text


def test_a_file_that_cannot_be_opened_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"log\.audit_file .*nowhere/audit.log: No such file"):
        opened(tmp_path / "nowhere" / "audit.log")


def test_without_a_file_nothing_is_written() -> None:
    audit = opened(None)
    audit.write("started", VISITOR)
    audit.reopen()
    audit.close()


def test_a_full_disk_is_told_once_and_calls_go_on(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    audit = opened(Path("/dev/full"))
    for _ in range(3):
        audit.write("call-admitted", VISITOR)
    audit.close()
    assert [record.getMessage() for record in caplog.records] == [
        "the audit log has no line of this and of what follows: /dev/full: No space left on device"
    ]


def test_a_line_that_was_cut_does_not_spoil_the_next(
    audit: Audit,
    path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    caplog.set_level(logging.WARNING)
    write, room = os.write, [20, 0, None]

    def disk(file: int, data: bytes) -> int:
        left = room.pop(0)
        if left == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(file, data[:left])

    monkeypatch.setattr(os, "write", disk)
    for event in ("started", "stopped", "reload"):
        audit.write(event)
    torn, whole = path.read_text().splitlines()
    assert len(torn) == 20
    assert json.loads(whole)["event"] == "reload"
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"]
    assert "is written again" in caplog.text


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(st.dictionaries(st.sampled_from(["to", "why", "origin", "x y\n"]), st.text() | st.floats()))
def test_any_value_is_one_line(audit: Audit, path: Path, fields: dict[str, Any]) -> None:
    before = path.stat().st_size
    audit.write("limit", VISITOR, **fields)
    added = path.read_bytes()[before:]
    assert added.endswith(b"\n")
    assert added.count(b"\n") == 1
    assert json.loads(added)["event"] == "limit"
