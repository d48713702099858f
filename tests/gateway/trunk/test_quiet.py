"""What C prints while the engine is made stays out of our output; nothing of ours is lost."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import ctypes
from gateway.trunk.quiet import c_stdout_discarded

libc = ctypes.CDLL(None)
print("python before")
libc.puts(b"c before")
with c_stdout_discarded():
    libc.puts(b"c within")
libc.puts(b"c after")
libc.fflush(None)
print("python after")
"""


def test_only_what_c_prints_within_is_gone() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, timeout=20
    )
    assert done.stdout.split("\n")[:-1] == ["python before", "c before", "c after", "python after"]
