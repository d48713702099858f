"""What a command does not need, it does not load: counted by modules, as time is the machine's."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gateway import cli

TREE = Path(cli.__file__).parents[1]
MEDIA = {"numpy", "av", "aiortc", "aioice", "pjsua2", "websockets"}
WEB = {"fastapi", "starlette", "uvicorn", "prometheus_client"}
SETTINGS = {"pydantic", "pydantic_settings"}

SCRIPT = """
import sys
from gateway.cli import main
try:
    main(sys.argv[1:])
except SystemExit:
    pass
print("\\n".join(sorted(name for name in sys.modules if "." not in name)), file=sys.stderr)
"""


def loaded(*arguments: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *arguments],
        env={**os.environ, "PYTHONPATH": f"{TREE}{os.pathsep}{TREE / 'codecs'}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return set(done.stderr.split())


@pytest.mark.parametrize(
    ("arguments", "unneeded"),
    [
        (["--help"], MEDIA | WEB | SETTINGS | {"asyncio"}),
        (["--version"], MEDIA | WEB | SETTINGS | {"asyncio"}),
        (["key"], MEDIA | WEB | SETTINGS | {"asyncio"}),
        (["check", "--help"], MEDIA | WEB),
        (["check"], MEDIA | WEB | {"cryptography"}),
        (["token", "--help"], MEDIA | WEB),
        (["call", "--help"], MEDIA | WEB),
    ],
)
def test_a_command_loads_no_more_than_it_needs(arguments: list[str], unneeded: set[str]) -> None:
    assert loaded(*arguments) & unneeded == set()


def test_what_is_counted_can_be_found() -> None:
    """Else a library that was renamed would pass."""
    assert loaded("serve", "--help") >= WEB
    assert loaded("bench", "--help") >= {"numpy", "aiortc", "websockets"}
