"""Keeps pjlib's first words off standard output.

Until `libInit` gives it a log writer, pjlib logs to C's standard output, from `libCreate` on. Six
lines of no use to anybody, and where the output is a pipe they come out of C's buffer when the
process ends, after everything that Python has printed.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

STDOUT = 1  # the file descriptor that C writes to


@contextmanager
def c_stdout_discarded() -> Iterator[None]:
    """Throw away what C code prints within the block; Python's own output is written before."""
    libc = ctypes.CDLL(None)
    sys.stdout.flush()
    libc.fflush(None)
    kept = os.dup(STDOUT)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, STDOUT)
        yield
        libc.fflush(None)
    finally:
        os.dup2(kept, STDOUT)
        os.close(kept)
        os.close(nowhere)
