"""How a gateway that was started from a terminal runs: its loop, its signals, its end in time."""

from __future__ import annotations

import asyncio
import faulthandler
import os
import signal
import sys
from collections.abc import Coroutine
from typing import Any

import uvloop

from gateway import garbage

# The orderly stop takes one or two seconds, and eight where a trunk and a call hang in it
STOP_LIMIT = 10.0  # seconds


def run(work: Coroutine[Any, Any, None]) -> int:
    """Run it to its end; the exit status is 0 unless it raises."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(work)
    return 0


def stop_on_signals() -> asyncio.Event:
    """Return what the first signal sets; a second one ends the process at once."""
    stop = asyncio.Event()
    loop, numbers = asyncio.get_running_loop(), (signal.SIGINT, signal.SIGTERM)

    def begin() -> None:
        limit_stop()
        stop.set()
        for number in numbers:
            loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_DFL)  # not even Python has to be able to run

    for number in numbers:
        loop.add_signal_handler(number, begin)
    return stop


def limit_stop() -> None:
    """End the process with status 1 at the limit, whatever hangs, and say on stderr where.

    The thread that does so is C: code that blocks the event loop, or keeps the interpreter to
    itself, does not stop it. It is never called off, as the interpreter's own end may hang too.
    """
    faulthandler.dump_traceback_later(STOP_LIMIT, exit=True, file=2)


def announce(url: str) -> None:
    """Say where the gateway is."""
    garbage.freeze_gc()
    try:
        print(f"The gateway is at {url} (Ctrl+C stops it)", flush=True)
    except OSError:
        # Nobody reads it (`gateway serve | true`), which is no reason to stop; what is left in the
        # buffer would fail once more at the end
        with open(os.devnull, "wb") as null:
            os.dup2(null.fileno(), sys.stdout.fileno())
