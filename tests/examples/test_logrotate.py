"""examples/deploy/logrotate.conf: logrotate turns the audit file over and has it opened anew."""

from __future__ import annotations

import grp
import os
import pwd
import stat
import subprocess
import tomllib
from typing import TYPE_CHECKING

from tests.examples.deploy import FOLDER, fitted
from tests.peers.requirement import require

if TYPE_CHECKING:
    from pathlib import Path

AUDIT = "/var/log/gateway/audit.jsonl"


def rotate(folder: Path) -> subprocess.CompletedProcess[str]:
    """Turn the file over; `told` then has what would have been told to systemd."""
    user, group = pwd.getpwuid(os.getuid()).pw_name, grp.getgrgid(os.getgid()).gr_name
    rules = folder / "logrotate.conf"
    rules.write_text(
        fitted(
            "logrotate.conf",
            {
                AUDIT: str(folder / "audit.jsonl"),
                "su gateway gateway": f"su {user} {group}",
                "create 0600 gateway gateway": f"create 0600 {user} {group}",
            },
        )
    )
    rules.chmod(0o644)
    tools = folder / "bin"
    tools.mkdir(exist_ok=True)
    systemctl = tools / "systemctl"
    systemctl.write_text(f'#!/bin/sh\necho "$*" >> {folder}/told\n')
    systemctl.chmod(0o755)
    return subprocess.run(
        [require("logrotate"), "--force", "--state", folder / "state", rules],
        env={**os.environ, "PATH": f"{tools}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
    )


def test_the_audit_file_is_turned_over_and_opened_anew(tmp_path: Path) -> None:
    audit = tmp_path / "audit.jsonl"
    audit.write_text('{"what": "call placed"}\n')
    rotated = rotate(tmp_path)
    assert (rotated.returncode, rotated.stderr) == (0, "")
    assert audit.read_text() == ""
    assert stat.S_IMODE(audit.stat().st_mode) == 0o600
    (old,) = tmp_path.glob("audit.jsonl-*")
    assert old.read_text() == '{"what": "call placed"}\n', "not compressed: it is written to still"
    told = (tmp_path / "told").read_text().split()
    assert told == ["kill", "--kill-who=main", "--signal=HUP", "gateway.service"]


def test_where_nothing_was_written_nothing_is_done(tmp_path: Path) -> None:
    for _ in ("no file yet", "an empty one"):
        rotated = rotate(tmp_path)
        assert (rotated.returncode, rotated.stderr) == (0, "")
        assert not (tmp_path / "told").exists()
        (tmp_path / "audit.jsonl").touch()


def test_it_is_the_file_of_the_configuration() -> None:
    log = tomllib.loads((FOLDER / "gateway.toml").read_text())["log"]
    assert log["audit_file"] == AUDIT
    assert f"{AUDIT} {{" in (FOLDER / "logrotate.conf").read_text()
