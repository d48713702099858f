"""A network namespace of the test's own: every address is here, and nothing leaves.

Foreign messages name addresses that are not ours (192.168.0.15, 192.0.2.1, names), and answers and
media go where they say. In the namespace loopback is the only link, and the route to all addresses
leads to it: whatever is sent to any of them arrives at the socket that has the port.

A process cannot enter a namespace with threads running, so that a module is run there as a process
of its own, and says what it has found on standard output.
"""

from __future__ import annotations

import os
import subprocess
import sys

from tests.peers.gateway import TREE
from tests.peers.process import PeerError
from tests.peers.requirement import missing, require

ROUTES = 'ip link set lo up && ip route add local default dev lo && exec "$@"'
UNSHARE = ("unshare", "--user", "--map-root-user", "--net")


def require_namespace() -> None:
    """Skip the test, or fail it in CI, where a user may not make a network namespace."""
    require("ip")
    require("unshare")
    tried = subprocess.run([*UNSHARE, "sh", "-c", ROUTES, "sh", "true"], capture_output=True)
    if tried.returncode != 0:
        missing(f"no network namespace can be made: {tried.stderr.decode().strip()}")


def run_isolated(module: str, *arguments: str, limit: float) -> str:
    """Run a module of this tree in a namespace of its own; return what it printed.

    PeerError with its last words if it fails or takes more than `limit` seconds.
    """
    require_namespace()
    process = subprocess.Popen(
        [*UNSHARE, "sh", "-c", ROUTES, "sh", sys.executable, "-m", module, *arguments],
        cwd=TREE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join((str(TREE), str(TREE / "codecs")))},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        output, errors = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        process.terminate()  # it ends what it has started
        _, errors = process.communicate()
        raise PeerError(f"{module}: not within {limit:g} s\n{_last(errors)}") from None
    if process.returncode != 0:
        raise PeerError(f"{module}: exit status {process.returncode}\n{_last(errors)}")
    return output


def _last(text: str) -> str:
    return "\n".join(text.splitlines()[-40:])
