"""`python -m gateway.peer --listen 127.0.0.1:5080`: the peer as a process.

Says one line when it is ready. Ends on SIGTERM or SIGINT, and when its standard input, if that is
a pipe, is closed: so it never outlives the process that started it (`parent.py`).
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import stat
import sys
from typing import TextIO

from gateway.peer.parent import Parent
from gateway.peer.server import run_peer
from gateway.trunk import SipAddress, TrunkError


def main() -> int:
    """Run until told to end; return the exit status."""
    parser = argparse.ArgumentParser(prog="gateway.peer", description="A SIP peer to try calls on.")
    parser.add_argument("--listen", type=_address, required=True, metavar="HOST:PORT")
    parser.add_argument("--verbose", action="store_true", help="log each call")
    arguments = parser.parse_args()
    # The stock SIP engine chatters on standard output as it starts, where only our line belongs
    output = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    logging.basicConfig(level=logging.INFO if arguments.verbose else logging.WARNING)
    try:
        asyncio.run(_serve(arguments.listen, output))
    except TrunkError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _address(text: str) -> SipAddress:
    host, colon, port = text.rpartition(":")
    if not (colon and host and port.isdecimal() and int(port) <= 65535):
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT with a port up to 65535")
    return SipAddress(host, int(port))


async def _serve(address: SipAddress, output: TextIO) -> None:
    end = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, end.set)
    parent = Parent(output, end)
    is_piped = stat.S_ISFIFO(os.fstat(0).st_mode) or stat.S_ISSOCK(os.fstat(0).st_mode)
    async with run_peer(address, parent.registered if is_piped else None) as endpoint:
        if is_piped:
            loop.add_reader(0, parent.read)
        parent.tell(f"ready on {endpoint.address}")
        await end.wait()


if __name__ == "__main__":
    sys.exit(main())
