"""What the documents have an operator type at night, typed during a call."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.docs.blocks import blocks, read
from tests.end_to_end.operated import World, open_world, refused
from tests.peers.requirement import require

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

pytestmark = pytest.mark.peer

AUDIT_FILE = "/var/log/gateway/audit.jsonl"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path) as world:
        yield world


async def typed(world: World, page: str, begins: str) -> list[str]:
    """Type a page's block, with this gateway's port and file; return the lines it prints."""
    (text,) = [block.text for block in blocks(page, read(page)) if block.text.startswith(begins)]
    text = text.replace("http://127.0.0.1:8080", world.gateway.url)
    text = text.replace(AUDIT_FILE, str(world.folder / "audit.log"))
    for program in ("curl", "jq"):
        require(program)
    # Each answer of curl's is a line of its own
    script = f'curl() {{ command curl --fail --noproxy "*" "$@" && echo; }}\n{text}'
    ran = await asyncio.to_thread(
        subprocess.run,
        ["bash", "-euo", "pipefail", "-c", script],
        env={"PATH": os.environ["PATH"], "KEY": world.key},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.splitlines()


async def test_three_commands_and_who_was_refused(world: World) -> None:
    line = world.trunk.line()
    async with world.talk(line) as call:
        closed, calls, block = map(json.loads, await typed(world, "docs/operating.md", "api() {"))
        assert closed["open"] is False
        assert [each["to"] for each in calls["calls"]] == [line.number]
        assert (block["saved"], block["block"]["value"]) == (True, "203.0.113.9")
        (again,) = await typed(world, "docs/http-api.md", "curl")
        assert json.loads(again).keys() == calls.keys()
        assert await refused(world, world.trunk.line().number) == "stopped"
        assert "ended" not in call.kinds
        await call.hang_up()
    await world.audit("call-refused")
    (counted,) = await typed(world, "docs/operating.md", "jq -r")
    assert counted.split() == ["1", "127.0.0.1"]
