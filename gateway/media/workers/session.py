"""One call's media in another process: what `calls/` holds, the same as a `MediaSession`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from gateway.errors import RequestError, UnavailableError
from gateway.media.events import BrowserLost, LossReason, MediaEvent
from gateway.media.parameters import BrowserRemote, Flow, LocalMedia, TrunkRemote
from gateway.media.workers import messages
from gateway.media.workers.messages import Command, Reply
from gateway.media.workers.wire import WireError

Report = Callable[[MediaEvent], None]


class WorkerLostError(UnavailableError):
    """The worker has ended; its sessions have been told, or are about to be."""


class Carrier(Protocol):
    """What a session needs of the worker that carries it."""

    async def ask(self, command: Command, session: int) -> Reply: ...
    def forget(self, session: int) -> None: ...


class WorkerSession:
    """A session that a worker carries; made by `WorkerPool.open`.

    When the worker is gone, `BrowserLost` says so once, and every command is taken and does
    nothing: the call has its end in the inbox already.
    """

    local: LocalMedia  # once it is open

    def __init__(self, carrier: Carrier, number: int) -> None:
        self._carrier = carrier
        self._number = number
        self._report: Report = _nobody
        self._lost = False
        self._closed = False

    def report_to(self, report: Report) -> None:
        """Tell this function what happens from now on, and at once if the worker is gone."""
        self._report = report
        if self._lost and not self._closed:
            self._report(BrowserLost(LossReason.WORKER))

    async def connect_browser(self, remote: BrowserRemote) -> None:
        """Bring the browser's transport up; `BrowserConnected` or `BrowserLost` follows."""
        await self._ask(messages.ConnectBrowser(remote))

    async def add_candidate(self, candidate: str | None) -> None:
        """Take a candidate that the browser has trickled; None after the last."""
        await self._ask(messages.AddCandidate(candidate))

    async def connect_trunk(self, remote: TrunkRemote) -> None:
        """Send to the trunk, and take from it, as its description says; may come again."""
        await self._ask(messages.ConnectTrunk(remote))

    async def set_flow(self, flow: Flow) -> None:
        """Say what the trunk hears."""
        await self._ask(messages.SetFlow(flow))

    async def send_digits(self, digits: str, duration_ms: int, gap_ms: int) -> None:
        """Press keys towards the trunk, after those that are still being sent.

        Raises
        ------
        RequestError
            When a character is no digit, too many wait, or there is no trunk to hear them yet.
        """
        await self._ask(messages.SendDigits(digits, duration_ms, gap_ms))

    async def close(self) -> None:
        """Give everything back; harmless when called twice."""
        if self._closed:
            return
        self._closed = True
        self._report = _nobody
        self._carrier.forget(self._number)
        await self._ask(messages.Close())

    async def _ask(self, command: Command) -> None:
        if self._lost:
            return
        try:
            await self._carrier.ask(command, self._number)
        except WorkerLostError:
            return
        except WireError as error:
            raise RequestError(str(error)) from None

    # Called by the worker's end of the channel

    def happened(self, event: MediaEvent) -> None:
        """Hand an event on."""
        self._report(event)

    def lose(self) -> None:
        """Say that the worker is gone."""
        if not self._lost:
            self._lost = True
            self._report(BrowserLost(LossReason.WORKER))

    def let_go(self) -> None:
        """Say nothing any more: the whole plane is being closed, and its worker closes this."""
        self._closed = True
        self._report = _nobody


def _nobody(event: MediaEvent) -> None:
    """Before anybody wants to know, and after the end."""
