"""`python -m tests.interop.callee --listen 127.0.0.1:5080`: takes every call at its SIP port.

The gateway itself rings pages, and answers once one of them accepts. Here its own SIP stack
(`gateway.trunk`) answers by itself, by the calls of the demo's peer, with numbers as a foreign
suite needs them. Says one line when it is ready, and ends on SIGTERM.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
from typing import TYPE_CHECKING, Final, TextIO

from gateway.peer.call import Call
from gateway.peer.extensions import Answer, Early, Extension, Play
from gateway.peer.sounds import Echo, Playback, steady
from gateway.trunk import EndpointConfig, IncomingCall, TrunkEndpoint, TrunkEvent

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

SHORT: Final = 0.5  # seconds from the answer of `short` to its BYE


def _tone() -> Playback:
    return Playback(steady(440.0))


AUTO: Final = Extension("auto", "auto", "answers at once", (Answer(), Play(Echo)))
EXTENSIONS: Final = {
    "early": Extension("early", "early", "183, and no answer", (Early(), Play(_tone))),
    "short": Extension("short", "short", "answers, hangs up", (Answer(), Play(_tone, SHORT))),
}


async def serve(host: str, port: int, output: TextIO) -> None:
    """Take calls until the process is told to end; say when it begins."""
    tasks: set[asyncio.Task[None]] = set()

    def begin(story: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(story)
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    def accept(incoming: IncomingCall) -> Callable[[TrunkEvent], None]:
        call = Call(incoming, EXTENSIONS.get(incoming.to, AUTO), host)
        begin(call.run())
        return call.notify

    end = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, end.set)
    endpoint = TrunkEndpoint(EndpointConfig(host, port, tcp=True), accept)
    await endpoint.start()
    output.write("ready\n")
    output.flush()
    try:
        await end.wait()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await endpoint.close(1.0)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until told to end."""
    parser = argparse.ArgumentParser(prog="tests.interop.callee", description=__doc__)
    parser.add_argument("--listen", required=True, metavar="HOST:PORT")
    host, _, port = parser.parse_args(arguments).listen.rpartition(":")
    # The SIP engine prints on standard output as it starts, where only our line belongs
    output = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    asyncio.run(serve(host, int(port), output))
    return 0


if __name__ == "__main__":
    sys.exit(main())
