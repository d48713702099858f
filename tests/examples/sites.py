"""The sites of examples/tokens, run as their users run them: each in a process of its own."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from tests.peers.process import TREE, PeerError, end_process, poll, tail
from tests.peers.requirement import require

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

TOKENS = TREE / "examples" / "tokens"
START_LIMIT = 20.0


def site_command(name: str, folder: Path, port: int) -> list[str]:
    """Return what examples/tokens/README.md says to type, with a port of ours."""
    file = str(TOKENS / name)
    match name:
        case "server.py":
            return [sys.executable, file, str(folder), str(port)]
        case "server.mjs":
            return [str(require("node")), file, str(folder), str(port)]
        case _:
            return [str(require("php")), "-S", f"127.0.0.1:{port}", "-t", str(folder), file]


def with_folder_of(program: str) -> dict[str, str]:
    """Return our environment for a program that finds its own kind first: npm its Node."""
    return {**os.environ, "PATH": f"{Path(program).parent}{os.pathsep}{os.environ['PATH']}"}


@asynccontextmanager
async def run_site(
    command: Sequence[str],
    *,
    port: int,
    secret: Path,
    log: Path,
    cwd: Path | None = None,
) -> AsyncIterator[str]:
    """Run it until the block is left, from when it listens on; yield its address."""
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *command,
            cwd=cwd,
            env={
                **with_folder_of(command[0]),
                "GATEWAY_TOKEN_SECRET_FILE": str(secret),
                "PYTHONDONTWRITEBYTECODE": "1",
            },
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,  # make and npm have children, which are to end with them
        )

    async def listens() -> bool:
        if process.returncode is not None:
            raise PeerError(f"{command[0]} has ended\n{tail(log)}")
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            return False
        writer.close()
        return True

    try:
        await poll(listens, limit=START_LIMIT, what=f"{command[0]} listens", interval=0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        await end_process(process)
