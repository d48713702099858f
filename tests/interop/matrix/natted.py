"""Has the rows told that need a network of their own (natted_world.py), in a process there."""

from __future__ import annotations

import json
import shlex
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.peers.host import VARIABLE
from tests.peers.namespace import run_isolated
from tests.peers.requirement import require

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

PEERS: Final = "10.1.0.10"  # where all of them are


def run_natted(rows: Mapping[str, Collection[str]], limit: float) -> dict[tuple[str, str], str]:
    """Tell the stories of these rows, by column; return what is wrong with each, if anything.

    The test is skipped where no such network can be made.
    """
    require("nft")
    with tempfile.TemporaryDirectory() as folder:
        ours = Path(folder, "resolv.conf")
        ours.write_text("nameserver 127.0.0.1\n")
        setup = (
            f"ip link set lo up && mount --bind {shlex.quote(str(ours))} /etc/resolv.conf"
            f" && export {VARIABLE}={PEERS}"
        )
        told = run_isolated(
            "tests.interop.matrix.natted_world",
            *(folder, json.dumps({column: list(each) for column, each in rows.items()})),
            limit=limit,
            setup=setup,
            mounts=True,
        )
    return {(row, column): why for row, column, why in json.loads(told)}
