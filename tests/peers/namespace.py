"""A network namespace of the test's own: every address is here, and nothing leaves.

Foreign messages name addresses that are not ours (192.168.0.15, 192.0.2.1, names), and answers and
media go where they say. In the namespace loopback is the only link, and the route to all addresses
leads to it: whatever is sent to any of them arrives at the socket that has the port.

A process cannot enter a namespace with threads running, so that a module is run there as a process
of its own, and says what it has found on standard output. It ends by `run_until_told`.
"""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any, TypeVar

from tests.peers.gateway import STOP_LIMIT
from tests.peers.process import TREE, PeerError, tree_environment
from tests.peers.requirement import missing, require

if TYPE_CHECKING:
    from collections.abc import Coroutine

T = TypeVar("T")

ROUTES = "ip link set lo up && ip route add local default dev lo"
UNSHARE = ("unshare", "--user", "--map-root-user", "--net")


def require_namespace(*, setup: str = ROUTES, mounts: bool = False) -> None:
    """Skip the test, or fail it in CI, where a user may not make such a namespace."""
    require("ip")
    require("unshare")
    tried = subprocess.run([*entering(setup, mounts=mounts), "true"], capture_output=True)
    if tried.returncode != 0:
        missing(f"no network namespace can be made: {tried.stderr.decode().strip()}")


def run_isolated(
    module: str, *arguments: str, limit: float, setup: str = ROUTES, mounts: bool = False
) -> str:
    """Run a module of this tree in a namespace of its own; return what it printed.

    PeerError with its last words if it fails or takes more than `limit` seconds.

    Parameters
    ----------
    setup
        Commands of a shell that are run there first.
    mounts
        Whether they may mount something that is seen there alone.
    """
    require_namespace(setup=setup, mounts=mounts)
    process = subprocess.Popen(
        [*entering(setup, mounts=mounts), sys.executable, "-m", module, *arguments],
        cwd=TREE,
        env=tree_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        output, errors = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        errors = _end(process)
        raise PeerError(f"{module}: not within {limit:g} s\n{_last(errors)}") from None
    if process.returncode != 0:
        raise PeerError(f"{module}: exit status {process.returncode}\n{_last(errors)}")
    return output


def run_until_told(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end, or until SIGTERM: then what was started is ended, and CancelledError raised.

    For the module that `run_isolated` runs.
    """

    async def all_of_it() -> T:
        task = asyncio.current_task()
        assert task is not None
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        return await work

    return asyncio.run(all_of_it())


def entering(setup: str, *, mounts: bool) -> list[str]:
    """Return the command that runs what is appended to it there."""
    options = ["--mount"] if mounts else []
    return [*UNSHARE, *options, "sh", "-c", f'{setup} && exec "$@"', "sh"]


def _end(process: subprocess.Popen[str]) -> str:
    """End it, and what it has started; return its last words."""
    process.terminate()
    try:
        return process.communicate(timeout=2 * STOP_LIMIT)[1]
    except subprocess.TimeoutExpired:
        process.kill()
        return process.communicate()[1]


def _last(text: str) -> str:
    return "\n".join(text.splitlines()[-40:])
