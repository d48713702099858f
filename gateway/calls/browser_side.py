"""The browser's side of a call: whether it can be heard, and the media paths that replace it.

The page is told of a call by whoever takes its news, and that may become another page: with a new
media path of its own it takes the call over once that is up.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from gateway.calls import news
from gateway.calls.browser_description import Offer, browser_remote, read_offer, spelling
from gateway.calls.browser_leg import (
    BrowserEvent,
    BrowserLeg,
    BrowserState,
    advance_browser,
)
from gateway.calls.end import By, CallEnd
from gateway.calls.endings import browser_lost, browser_unreached, restart_failed
from gateway.calls.events import (
    BrowserLate,
    CallEvent,
    InviteDue,
    RestartGivenUp,
    RestartWanted,
)
from gateway.calls.negotiation import Negotiation
from gateway.calls.seam import Session
from gateway.errors import GatewayError, RequestError, UnavailableError
from gateway.media import events as media

logger = logging.getLogger(__name__)

# A page that hangs up closes its media at once, and the close may overtake the word that tells why
HANGUP_WAIT: Final = 0.5  # seconds

# A browser names its first address within milliseconds, a relay's within a few round trips. A phone
# does not ring before, as it would for a browser that has none at all; but a browser that says
# nothing may yet be found by its checks, and its call must not wait for ever
MAX_HELD_BACK: Final = 0.5  # seconds

# How long a page may take to come back, if nobody says otherwise
RESUME_WINDOW: Final = 60.0  # seconds


class BrowserSide:
    """One browser after the other, in one call.

    Parameters
    ----------
    name
        Of the call, for logs.
    negotiation
        What its answers are made of.
    tell, observe
        Take all news: the page, and those who count them.
    post
        Takes an event for the call, which comes back to `follow`.
    window
        Seconds that a lost browser may take to come back; 0: it may not.

    Attributes
    ----------
    codec
        What it speaks, by its name in capitals.
    """

    def __init__(
        self,
        name: str,
        negotiation: Negotiation,
        session: Session,
        tell: news.Tell,
        observe: news.Tell,
        post: Callable[[CallEvent], None],
        *,
        window: float = RESUME_WINDOW,
    ) -> None:
        self._name = name
        self._negotiation = negotiation
        self._session = session
        self._page = tell
        self._observe = observe
        self._post = post
        # Longer than a session waits for its page: if that is gone as well, the call's end says so
        self._wait = window + HANGUP_WAIT
        self._leg = BrowserLeg()
        self._next: RestartWanted | None = None  # whose media path comes up
        self._path = ""  # the last one that was made for a restart, by our user name fragment
        self._answered: news.Answered | None = None
        self._held = False  # by the far end
        self._timer: asyncio.TimerHandle | None = None
        self._held_back: asyncio.TimerHandle | None = None  # the call to the far end
        self.codec = negotiation.browser_remote.codec

    @property
    def state(self) -> BrowserState:
        """Where the browser's leg stands."""
        return self._leg.state

    @property
    def page(self) -> news.Tell:
        """What takes the news of the page that has the call."""
        return self._page

    def tell(self, event: news.News) -> None:
        """Tell the page that has the call."""
        self._remember(event)
        self._observe(event)
        self._page(event)

    def _remember(self, event: news.News) -> None:
        """Keep what another page that takes the call has to know."""
        match event:
            case news.Answered():
                self._answered = event
            case news.Redirected(browser_codec=browser, trunk_codec=trunk):
                self._answered = news.Answered(browser, trunk)
            case news.Held(by=By.REMOTE) | news.Resumed(by=By.REMOTE):
                self._held = isinstance(event, news.Held)

    async def begin(self) -> None:
        """Answer the first offer, and bring its media path up."""
        self.tell(news.AnswerReady(self._negotiation.browser_answer))
        await self._session.connect_browser(self._negotiation.browser_remote)
        loop = asyncio.get_running_loop()
        self._held_back = loop.call_later(MAX_HELD_BACK, self._post, InviteDue())

    @property
    def is_gone(self) -> bool:
        """Whether it has closed before it was up: no phone rings for it."""
        return self._leg.state is BrowserState.GONE

    def stop_holding_back(self) -> bool:
        """Have the far end called; false if that has been said before."""
        timer, self._held_back = self._held_back, None
        if timer is not None:
            timer.cancel()
        return timer is not None

    def read(self, offer: str, passthrough: tuple[str, ...], agreed: str) -> Offer:
        """Read an offer for another media path.

        Parameters
        ----------
        passthrough
            What may go through to the trunk as it is.
        agreed
            The trunk's codec: no other goes through, and it stays as it is. Empty before there is
            one.

        Raises
        ------
        OfferError
            It cannot be read, or has nothing that the trunk's codec can be made of.
        """
        kept = (agreed or self.codec,)
        return read_offer(offer, tuple(each for each in passthrough if each.upper() in kept))

    async def give_up(self, given_up: RestartGivenUp) -> None:
        """Let another page have no media path any more; without effect once it is up."""
        wanted = self._next
        if wanted is not None and wanted.tell == given_up.tell:
            self._next = None
            await self._session.give_up_renewal()
            self._post(media.RenewalFailed(media.LossReason.CLOSED, self._path))

    async def follow(self, event: BrowserEvent, duration_ms: int) -> CallEnd | None:
        """Do what follows from an event; return the call's end, if that is what follows.

        `duration_ms` is how long the call has lasted since its answer.
        """
        match event:  # what became of one in whose place the next restart has put another
            case media.RenewalFailed(renewed=path) if path != self._path:
                return None
            case media.BrowserConnected(renewed=path) if path not in ("", self._path):
                event = media.BrowserConnected()
            case RestartWanted(tell=tell, is_heir=False) if tell != self._page:
                settle(event, RequestError("another page has the call"))
                return None
        before, self._leg = self._leg, advance_browser(self._leg, event)
        if self._leg.state is not before.state:
            logger.debug("call %s: browser %s", self._name, self._leg.state.name)
        match event:
            case RestartWanted():
                await self._restart(event)
            case media.BrowserConnected(renewed=path) if path:
                self._renewed(duration_ms)
            case media.RenewalFailed():
                self._refuse(restart_failed(event.reason))
        if self._leg.state is BrowserState.OVER:
            return self._end(before)
        self._watch_clock(before)
        return None

    def _end(self, before: BrowserLeg) -> CallEnd:
        reason = self._leg.loss or media.LossReason.INTERNAL
        was_up = before.state in (BrowserState.UP, BrowserState.LOST)
        return browser_lost(reason) if was_up else browser_unreached(reason)

    def _watch_clock(self, before: BrowserLeg) -> None:
        """Wait for a browser that is lost, for the hang-up of one that is gone, for no other."""
        if self._leg.state is before.state:
            return
        self.cancel()
        waits = {BrowserState.LOST: self._wait, BrowserState.GONE: HANGUP_WAIT}
        if self._leg.state in waits:
            loop = asyncio.get_running_loop()
            wait = waits[self._leg.state]
            self._timer = loop.call_later(wait, self._post, BrowserLate())

    def cancel(self) -> None:
        """Wait for nothing any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # Another media path

    async def _restart(self, wanted: RestartWanted) -> None:
        """Answer an offer, and bring its media path up beside the one that there is."""
        self._refuse("Another restart has taken its place.")
        error: GatewayError | None = None
        try:
            remote = browser_remote(wanted.offer)
            local = await self._session.renew_browser(remote)
            self._path = local.ice_ufrag
            answer = self._negotiation.answer_browser(wanted.offer, local)
            self._next = wanted
            ready = news.AnswerReady(answer, wanted.restart_id)
            self._observe(ready)
            wanted.tell(ready)
            await self._session.connect_browser(remote)
        except GatewayError as failure:
            error = failure
        except Exception:  # the call lives on by the media path that it has
            logger.exception("call %s: a restart failed", self._name)
            error = UnavailableError("the gateway failed; its log says why")
        if error is not None:
            self._next = None
            failed = media.RenewalFailed(media.LossReason.INTERNAL, self._path)
            self._leg = advance_browser(self._leg, failed)
        settle(wanted, error)

    def _renewed(self, duration_ms: int) -> None:
        """Have the page that has asked for it take the call."""
        wanted, self._next = self._next, None
        if wanted is None:
            return
        self.codec = wanted.offer.codecs[0].name.upper()
        if wanted.tell != self._page:
            before, self._page = self._page, wanted.tell
            before(news.HandedOver(duration_ms))
            if self._answered is not None:
                self._answered = replace(self._answered, browser_codec=spelling(self.codec))
                self._page(self._answered)
            if self._held:
                self._page(news.Held(By.REMOTE))

    def _refuse(self, why: str) -> None:
        """Tell the page that has asked for a media path that it has not come up."""
        wanted, self._next = self._next, None
        if wanted is not None:
            wanted.tell(news.RestartFailed(why, wanted.restart_id))

    def close(self, inbox: asyncio.Queue[CallEvent]) -> None:
        """Wait for nothing; whoever was to have the call, or comes too late, hears of its end."""
        self.cancel()
        self.stop_holding_back()
        wanted, self._next = self._next, None
        if wanted is not None and wanted.tell != self._page:
            wanted.tell(news.RestartFailed("The call has ended.", wanted.restart_id))
        while not inbox.empty():
            event = inbox.get_nowait()
            if isinstance(event, RestartWanted):
                settle(event, over())


def settle(wanted: RestartWanted, error: GatewayError | None) -> None:
    """Let the one who has asked for a restart go on."""
    if wanted.reply.done():  # nobody waits for it any more
        return
    if error is None:
        wanted.reply.set_result(None)
    else:
        wanted.reply.set_exception(error)


def over() -> RequestError:
    """Refuse a restart of what is over."""
    return RequestError("the call is over")
