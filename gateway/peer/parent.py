"""The process that has started the peer, at the other ends of standard input and output.

It is told when the peer is ready, and asked how many pages take calls: only it knows. Once its end
of standard input is closed, it is gone, and the peer ends as well.
"""

from __future__ import annotations

import asyncio
import os
from typing import Final, TextIO

QUESTION: Final = "registered?"  # its answer is a number, on a line of its own
PATIENCE: Final = 1.0  # seconds; whoever says nothing in time may be any program that runs a peer


class Parent:
    """Asks, and reads what is said.

    Parameters
    ----------
    end
        Set once it is gone.
    source
        The descriptor of what it says.
    """

    def __init__(self, output: TextIO, end: asyncio.Event, source: int = 0) -> None:
        self._output = output
        self._end = end
        self._source = source
        self._said = b""  # of a line that is not whole yet
        self._answer: asyncio.Future[int] | None = None

    def tell(self, line: str) -> None:
        """Say a line."""
        self._output.write(f"{line}\n")
        self._output.flush()

    async def registered(self) -> int | None:
        """Return how many pages take calls; None if that is not said in time."""
        if self._answer is None:
            self._answer = asyncio.get_running_loop().create_future()
            self.tell(QUESTION)
        try:
            async with asyncio.timeout(PATIENCE):
                return await asyncio.shield(self._answer)
        except TimeoutError:
            return None

    def read(self) -> None:
        """Take what it says."""
        data = os.read(self._source, 1024)
        if not data:
            asyncio.get_running_loop().remove_reader(self._source)
            self._end.set()
            return
        *lines, self._said = (self._said + data).split(b"\n")
        for line in lines:
            if line.isdigit() and self._answer is not None:
                self._answer.set_result(int(line))
                self._answer = None
