"""The two lives of a load joined: asyncio sets calls up and ends them, the player runs between.

Synchronous from outside. While packets are sent, the event loop is run in slices, so that ICE
consent, WebSockets and SIP go on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from types import TracebackType
from typing import Any, Self, TypeVar

from gateway.bench.answerer import Answerer, run_answerer
from gateway.bench.calls import BenchCall, Target, close_calls, open_calls
from gateway.bench.player import Leg, Mark, Recording, Stream, play
from gateway.media.ports import PortRange
from gateway.trunk import SipAddress

# Media ports of the generator; not those that a gateway takes unless told otherwise
PORTS = (40000, 60998)

T = TypeVar("T")


class Bench:
    """An event loop, a SIP end point if there is to be one, and ports for media.

    `sip` is where INVITEs are answered; None if somebody else answers the calls.
    """

    def __init__(self, sip: SipAddress | None, address: str = "127.0.0.1") -> None:
        self._sip = sip
        self._ports = PortRange(address, *PORTS)
        # Not uvloop: it takes four times longer to run for a moment, and `pump` has it run so
        self._runner = asyncio.Runner(loop_factory=asyncio.SelectorEventLoop)
        self._stack = AsyncExitStack()
        self.answerer: Answerer | None = None
        self.calls: list[BenchCall] = []

    def __enter__(self) -> Self:
        self._runner.__enter__()
        try:
            if self._sip is not None:
                self.answerer = self.enter(run_answerer(self._sip, self._ports))
        except BaseException:
            self._runner.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        try:
            self.hang_up()
        finally:
            try:
                self.run(self._stack.aclose())
            finally:
                self._runner.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine to its end."""
        return self._runner.run(work)

    def begin(self, work: Coroutine[Any, Any, T]) -> Callable[[], T]:
        """Start a coroutine that goes on while packets are sent; call what is returned to wait."""

        async def start() -> asyncio.Task[T]:
            return asyncio.create_task(work)

        task = self.run(start())
        return lambda: self.run(_result(task))

    def enter(self, context: AbstractAsyncContextManager[T]) -> T:
        """Enter a context that is left when the bench is: a gateway under test, say."""
        return self.run(self._stack.enter_async_context(context))

    def call(
        self, target: Target, count: int, rate: float = 50.0, *, ring: bool = False
    ) -> list[BenchCall]:
        """Place `count` calls more, `rate` of them in a second; return them, up or failed.

        With `ring` they need only ring.
        """
        placed = self.run(
            open_calls(
                target,
                count,
                rate=rate,
                ports=self._ports,
                answerer=self.answerer,
                first=len(self.calls),
                ring=ring,
            )
        )
        self.calls += placed
        return placed

    def begin_calls(self, target: Target, count: int, rate: float) -> Callable[[], list[BenchCall]]:
        """Place calls while packets are sent; call what is returned to wait, and to have them."""
        place = open_calls(
            target,
            count,
            rate=rate,
            ports=self._ports,
            answerer=self.answerer,
            first=len(self.calls),
        )
        finish = self.begin(place)

        def wait() -> list[BenchCall]:
            placed = finish()
            self.calls += placed
            return placed

        return wait

    def call_and_hang_up(self, target: Target, count: int, rate: float) -> list[BenchCall]:
        """Place calls and hang each up once it was up; return them, their `times` and failures."""
        return self.run(
            open_calls(
                target,
                count,
                rate=rate,
                ports=self._ports,
                answerer=self.answerer,
                keep=False,
            )
        )

    def pump(self) -> None:
        """Let the event loop do what is due now."""
        loop = self._runner.get_loop()
        loop.call_soon(loop.stop)
        loop.run_forever()

    def play(
        self,
        legs: Sequence[Leg],
        streams: Sequence[Stream],
        *,
        tail: float = 0.5,
        keep: Collection[int] | None = None,
        marks: Sequence[Mark] = (),
    ) -> Recording:
        """Send and receive, see `player.play`."""
        return play(legs, streams, tail=tail, keep=keep, pump=self.pump, marks=marks)

    def hang_up(self, calls: Sequence[BenchCall] | None = None) -> None:
        """End these calls; all, if None."""
        ending = list(self.calls if calls is None else calls)
        self.calls = [each for each in self.calls if each not in ending]
        self.run(close_calls(ending))


async def _result(task: asyncio.Task[T]) -> T:
    return await task
