"""A media worker: `python -m gateway.media.workers --fd N`, as `process.py` starts it.

It ends when the channel does: on request, or because the gateway is gone.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import socket
from collections.abc import Sequence

import uvloop

from gateway import garbage, log
from gateway.media.workers.channel import connect
from gateway.media.workers.serving import Serving

# A loop that hangs while nobody is left to kill it would do so for ever: the kernel ends a process
# that does not put its alarm off (SIGALRM, whose default is to terminate)
ALARM = 30.0  # seconds


class WorkerFormatter(log.LineFormatter):
    """The gateway's lines, with the number of the worker at the end."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self._number = number

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        return f"{super().format(record)} worker={self._number}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve the channel on the given descriptor."""
    parser = argparse.ArgumentParser(prog="gateway.media.workers", description=__doc__)
    parser.add_argument("--fd", type=int, required=True, help="our end of the channel")
    parser.add_argument("--number", type=int, default=0, help="of this worker, for the log")
    parser.add_argument("--log-level", default="info")
    options = parser.parse_args(arguments)
    # A service manager's stop reaches every process of the service; the gateway ends its calls
    # first, and us with the channel
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    log.set_up(options.log_level)
    for handler in logging.getLogger().handlers:
        handler.setFormatter(WorkerFormatter(options.number))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(socket.socket(fileno=options.fd)))


async def _serve(end: socket.socket) -> None:
    alarm = asyncio.create_task(put_off_alarm(ALARM), name="alarm")
    try:
        serving = Serving(await connect(end))
        garbage.settle()
        await serving.run()
    finally:
        alarm.cancel()


async def put_off_alarm(seconds: float) -> None:
    """Have the process ended when its event loop stands still for so long; until cancelled."""
    while True:
        signal.setitimer(signal.ITIMER_REAL, seconds)
        await asyncio.sleep(seconds / 6)


if __name__ == "__main__":
    main()
