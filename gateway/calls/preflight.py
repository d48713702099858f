"""A pre-flight: a browser's leg that hears itself for half a minute. Nobody is called by it.

It is owned as a call is: one task, one inbox, one end and one close. There is no trunk in it, no
number and no record, so it says how the way to the gateway is also while no trunk can be reached.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from time import monotonic
from typing import Final, Protocol

import sdp
from gateway.calls.browser_description import (
    BITRATE,
    Offer,
    answer_browser,
    browser_remote,
    opus_parameters,
    read_offer,
)
from gateway.calls.end import By, CallEnd
from gateway.calls.endings import FAULT, browser_lost, browser_unreached
from gateway.calls.events import EndWanted
from gateway.calls.news import Ended
from gateway.calls.trunks import Route
from gateway.errors import GatewayError
from gateway.media import events as media
from gateway.media.parameters import BrowserRemote, LocalBrowser

logger = logging.getLogger(__name__)

LONGEST: Final = 30.0  # seconds; a page that measures for five and tries relays needs half of it

CLOSE_TIMEOUT: Final = 3.0  # seconds, as a call's


@dataclass(frozen=True, slots=True)
class Ready:
    """Our description for the browser, and the UDP ports that browsers send to."""

    sdp: str
    ports: tuple[int, ...]


PreflightNews = Ready | media.EchoQuality | Ended
Tell = Callable[[PreflightNews], None]
"""Takes news at once, and without waiting; nothing comes after Ended."""

Event = media.EchoEvent | EndWanted


class EchoSession(Protocol):
    """The media of one."""

    @property
    def local(self) -> LocalBrowser: ...
    @property
    def traffic(self) -> media.Traffic: ...
    def report_to(self, report: Callable[[media.EchoEvent], None], /) -> None: ...
    async def connect_browser(self, remote: BrowserRemote, /) -> None: ...
    async def add_candidate(self, candidate: str | None, /) -> None: ...
    async def close(self) -> None: ...


class State(Enum):
    """Where a pre-flight stands."""

    CONNECTING = auto()
    UP = auto()
    OVER = auto()


def advance(state: State, event: Event) -> State:
    """Return the state that follows when `event` happens in `state`."""
    if state is State.OVER or isinstance(event, media.BrowserLost | EndWanted):
        return State.OVER
    return State.UP if isinstance(event, media.BrowserConnected) else state


def end_of(state: State, event: Event) -> CallEnd | None:
    """Return the end that an event makes in `state`; None for one that ends nothing."""
    match event:
        case EndWanted(end=end):
            return end
        case media.BrowserLost(reason=media.LossReason.CLOSED):  # its hang-up is on its way
            return CallEnd.made_here(By.LOCAL, "hangup", 200, "The test has ended.")
        case media.BrowserLost(reason=reason):
            return (browser_lost if state is State.UP else browser_unreached)(reason)
    return None


@dataclass(frozen=True, slots=True)
class Wording:
    """How the browser is answered: as for a call on a trunk."""

    codecs: tuple[str, ...] = ("PCMU",)
    passthrough: tuple[str, ...] = ()
    bitrate: int = BITRATE

    @classmethod
    def of(cls, route: Route | None) -> Wording:
        """Return that of calls on a trunk; None where there is no trunk yet."""
        return cls() if route is None else cls(route.codecs, route.passthrough, route.bitrate)

    def read(self, text: str) -> Offer:
        """Read an offer; raises OfferError."""
        return read_offer(text, self.passthrough)

    def answer(self, offer: Offer, local: LocalBrowser) -> str:
        """Write our answer to it."""
        parameters = opus_parameters(self.codecs, self.bitrate)
        return sdp.render(answer_browser(offer, local, parameters, secrets.randbits(62), 1))


class Preflight:
    """One pre-flight; `Preflights` makes it and runs it.

    Parameters
    ----------
    session
        Opened already; the pre-flight closes it.
    longest
        Seconds after which it ends by itself.
    """

    def __init__(
        self,
        session: EchoSession,
        offer: Offer,
        wording: Wording,
        tell: Tell,
        *,
        longest: float = LONGEST,
    ) -> None:
        self.state = State.CONNECTING
        self._session = session
        self._offer = offer
        self._wording = wording
        self._tell = tell
        self._longest = longest
        self._inbox: asyncio.Queue[Event] = asyncio.Queue()
        self._up_at: float | None = None
        self._closed = False

    async def run(self) -> CallEnd:
        """Live to the end, and take everything down again."""
        end = CallEnd.made_here(By.GATEWAY, "internal", 500, "The test was interrupted.")
        try:
            end = await self._live()
        except Exception:
            logger.exception("a pre-flight failed")
            end = FAULT
        finally:
            await self._close(end)
        return end

    async def _live(self) -> CallEnd:
        self._session.report_to(self._inbox.put_nowait)
        loop = asyncio.get_running_loop()
        limit = loop.call_later(self._longest, self.end, _too_long(self._longest))
        try:
            local = self._session.local
            self._tell(Ready(self._wording.answer(self._offer, local), local.ports))
            await self._session.connect_browser(browser_remote(self._offer))
            while True:
                event = await self._inbox.get()
                before, self.state = self.state, advance(self.state, event)
                if self.state is State.UP and before is not State.UP:
                    self._up_at = monotonic()
                if (end := end_of(before, event)) is not None:
                    return end
                if isinstance(event, media.EchoQuality):
                    self._tell(event)
        finally:
            limit.cancel()

    async def _close(self, end: CallEnd) -> None:
        if self._closed:
            return
        self._closed = True
        self.state = State.OVER
        up = self._up_at
        duration = 0 if up is None else int(1000 * (monotonic() - up))
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT):
                await self._session.close()
        except TimeoutError:
            logger.error("a pre-flight was not down after %.0f s", CLOSE_TIMEOUT)
        finally:
            self._tell(Ended(end, duration, traffic=self._session.traffic))

    async def add_candidate(self, candidate: str | None) -> None:
        """Hand on a trickled candidate; None at the end of them."""
        if self.state is not State.OVER:
            await self._session.add_candidate(candidate)

    def hangup(self) -> None:
        """End it, as its page wishes."""
        self.end(CallEnd.made_here(By.LOCAL, "hangup", 200, "The test has ended."))

    def end(self, end: CallEnd) -> None:
        """Ask for this end; the first one counts."""
        self._inbox.put_nowait(EndWanted(end))


class Plane(Protocol):
    """What opens its media."""

    async def open_echo(self) -> EchoSession:
        """Open a session, or raise `UnavailableError`."""


class Preflights:
    """All pre-flights of this process: begins them, owns their tasks, ends them at the stop.

    Parameters
    ----------
    check
        Raises a GatewayError while none is to begin.
    route
        Returns the trunk as for whose calls browsers are answered.
    """

    def __init__(
        self, plane: Plane, check: Callable[[], None], route: Callable[[], Route | None]
    ) -> None:
        self._plane = plane
        self._check = check
        self._route = route
        self._running: dict[asyncio.Task[CallEnd], Preflight] = {}

    @property
    def active(self) -> int:
        return len(self._running)

    async def begin(self, offer: str, tell: Tell) -> Preflight:
        """Begin one.

        Raises
        ------
        DrainingError, OverloadError
            When none is taken.
        OfferError
            When the browser's description cannot be used.
        UnavailableError
            When as many media sessions are open as there may be.
        """
        self._check()
        wording = Wording.of(self._route())
        read = wording.read(offer)
        session = await self._plane.open_echo()
        try:
            self._check()  # it may have begun while the session was opened
        except GatewayError:
            await session.close()
            raise
        preflight = Preflight(session, read, wording, tell)
        task = asyncio.create_task(preflight.run(), name="preflight")
        self._running[task] = preflight
        task.add_done_callback(self._forget)
        return preflight

    def _forget(self, task: asyncio.Task[CallEnd]) -> None:
        del self._running[task]
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("a pre-flight's task failed", exc_info=error)

    async def close(self) -> None:
        """End every one and wait until each is down."""
        sentence = "The gateway is being restarted."
        tasks = set(self._running)
        for preflight in self._running.values():
            preflight.end(CallEnd.made_here(By.GATEWAY, "shutdown", 503, sentence))
        if not tasks:
            return
        _, hanging = await asyncio.wait(tasks, timeout=CLOSE_TIMEOUT + 1)
        for task in hanging:
            task.cancel()
        if hanging:
            await asyncio.wait(hanging, timeout=CLOSE_TIMEOUT)


def _too_long(seconds: float) -> CallEnd:
    sentence = f"The test has reached the longest time allowed ({seconds:g} seconds)."
    return CallEnd.made_here(By.GATEWAY, "max-duration", 200, sentence)
