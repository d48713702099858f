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
from gateway.stopping import Stop

# Sent by whoever changes the configuration or turns logs, and by a terminal that is closed. Left
# alone they end a process at once, and the trunk's side of each call would stay up
DEADLY = (signal.SIGHUP, signal.SIGUSR1)


def run(work: Coroutine[Any, Any, None]) -> int:
    """Run it to its end; the exit status is 0 unless it raises."""
    _ignore_deadly()  # there is nothing yet that they could be for
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_to_the_end(work))
    return 0


async def _to_the_end(work: Coroutine[Any, Any, None]) -> None:
    try:
        await work
    finally:  # the loop gives its signals back as it closes, and they would be deadly again
        for number in DEADLY:
            asyncio.get_running_loop().remove_signal_handler(number)
        _ignore_deadly()


def _ignore_deadly() -> None:
    for number in DEADLY:
        signal.signal(number, signal.SIG_IGN)


def stop_on_signals(*, hangup: bool = False) -> Stop:
    """Return what is told by signals to stop; what has to be done at once has ten seconds.

    SIGTERM drains, and ends the calls the second time. SIGINT, which is Ctrl+C, ends them at once:
    a person waits. After that the next one ends the process, calls or no calls.

    Parameters
    ----------
    hangup
        Whether SIGHUP is SIGINT by another name: the terminal is gone.
    """
    stop = Stop(limit_stop)
    loop = asyncio.get_running_loop()
    heard = 0

    def hear(number: signal.Signals) -> None:
        nonlocal heard
        heard = max(heard + 1, 1 if number is signal.SIGTERM else 2)
        if heard == 1:
            stop.drain()
            return
        stop.hurry()
        for each in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(each)
            signal.signal(each, signal.SIG_DFL)  # not even Python has to be able to run

    for number in (signal.SIGINT, signal.SIGTERM, *((signal.SIGHUP,) if hangup else ())):
        loop.add_signal_handler(number, hear, number)
    return stop


def limit_stop(seconds: float) -> None:
    """End the process with status 1 after so long, whatever hangs, and say on stderr where.

    The thread that does so is C: code that blocks the event loop, or keeps the interpreter to
    itself, does not stop it. It is never called off, as the interpreter's own end may hang too.
    """
    faulthandler.dump_traceback_later(seconds, exit=True, file=2)


def announce(url: str) -> None:
    """Say where the gateway is."""
    garbage.freeze_gc()
    tell(f"The gateway is at {url} (Ctrl+C stops it)")


def tell(line: str) -> None:
    """Print a line for whoever has started the gateway."""
    try:
        print(line, flush=True)
    except OSError:
        # Nobody reads it (`gateway serve | true`), which is no reason to stop; what is left in the
        # buffer would fail once more at the end
        with open(os.devnull, "wb") as null:
            os.dup2(null.fileno(), sys.stdout.fileno())
