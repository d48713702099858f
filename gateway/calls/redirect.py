"""What becomes of a REFER: the far end wants our page to talk to somebody else.

The client is asked first, which lets the number in as one that its page calls. Then that one is
called beside the call that stands, and takes the place of the far end once it has answered. If it
does not, the call goes on as it was. Whoever has referred us may hang up meanwhile: then the page
waits for the answer alone.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Final

from gateway import trunk
from gateway.admission.target import parse_target
from gateway.calls import news
from gateway.calls.attempt import Attempts
from gateway.calls.browser_description import spelling
from gateway.calls.end import CallEnd
from gateway.calls.endings import rang_out, refused_encryption
from gateway.calls.events import (
    CallEvent,
    EndWanted,
    OfRedirect,
    RedirectEvent,
    RedirectRefused,
    RedirectWanted,
)
from gateway.calls.outgoing import Outgoing
from gateway.calls.request import CallRequest
from gateway.calls.seam import SecondTrunk, Session
from gateway.calls.side import Side
from gateway.calls.state import CallState, advance
from gateway.calls.trunk_descriptions import Locate
from gateway.calls.trunk_negotiation import TrunkNegotiation
from gateway.calls.weakly import weakly
from gateway.errors import GatewayError, RequestError, TargetError
from gateway.media.parameters import Flow, TrunkRemote

logger = logging.getLogger(__name__)

PENDING: Final = 491  # something else is under way (RFC 3261 section 21.4.27)
DECLINE: Final = 603
GONE: Final = 487
MAX_RINGING: Final = 180.0  # seconds, where admission says nothing

# A client decides within milliseconds; one that has just lost the call never does. The REFER waits
# for 32 s at most (RFC 3261 timer F)
DECISION: Final = 20.0  # seconds
LATE: Final = 408

Nothing = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class NewWay:
    """What it takes to call somebody beside a call that stands."""

    media: SecondTrunk
    attempts: Attempts[TrunkNegotiation]


FindWay = Callable[[CallRequest], Awaitable[NewWay]]


class _Relay:
    """Takes the events of a new far end, first as those of a redirect, then as the call's own."""

    def __init__(self, post: Callable[[CallEvent], None]) -> None:
        self._post = post
        self.attempt = object()  # not itself, which would be kept by what it posts
        self.has_turned = False

    def __call__(self, event: CallEvent) -> None:
        self._post(event if self.has_turned else OfRedirect(event, self.attempt))


class Redirect:
    """The call of whom we have been referred to, until it takes the place of the other one.

    Parameters
    ----------
    post
        Takes its events for the call, which come back to `follow`, and to the call itself after
        `turn`.
    """

    def __init__(
        self,
        call_id: str,
        request: CallRequest,
        way: NewWay,
        locate: Locate,
        post: Callable[[CallEvent], None],
        on_settled: Nothing,
    ) -> None:
        name = f"{call_id} (referred to)"
        self.to = request.to
        self.media = way.media
        self.codec = ""  # once it has answered
        self._relay = relay = _Relay(post)
        self._state = CallState.CALLING
        self.way = Outgoing(name, way.attempts, relay)
        self.side = Side(
            name,
            self.way.negotiation,
            way.media,
            self.way.placed,
            locate,
            relay,
            on_early_media=_nobody_listens,
            on_answer=weakly(self._agreed),
            on_settled=on_settled,
        )
        limit = request.max_ringing or MAX_RINGING
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(limit, relay, EndWanted(rang_out(limit)))
        self.way.begin()

    def is_told_by(self, event: OfRedirect) -> bool:
        """Whether it has happened to this one, and not to one that has failed before it."""
        return event.attempt is self._relay.attempt

    async def follow(self, event: CallEvent) -> CallEnd | None:
        """Do what follows from an event; return why it has failed, if it has."""
        if self._state is CallState.CALLING and self.way.goes_elsewhere(event):
            self.side.turn_to(self.way.negotiation)
            return None
        self._state = advance(self._state, event)
        if isinstance(event, trunk.Ended) and self.side.negotiation.requires_encryption:
            return refused_encryption(event)
        return await self.side.follow(event)

    async def _agreed(self, answered: trunk.Answered, remote: TrunkRemote) -> None:
        self._timer.cancel()
        self.side.takes_info = answered.takes_info
        self.codec = remote.codec

    def turn(self) -> None:
        """Tell the call itself what happens from now on."""
        self._relay.has_turned = True

    async def stop(self, cause: str) -> None:
        """Take it down."""
        self._timer.cancel()
        try:
            await self.way.stop()
            await self.side.stop()
            if self.way.leg is not None:
                await self.way.leg.hangup(cause=cause)
        except trunk.TrunkError as error:  # which is for the operator: the call itself goes on
            logger.warning("call %s was not hung up: %s", self.side.name, error)
        finally:
            self.way.release()


class Redirects:
    """The REFERs of one call; one at a time.

    Parameters
    ----------
    leg
        Returns the leg of whoever refers us.
    find_way
        Makes ready to call somebody beside the call that stands; raises `GatewayError`.
    tell
        Takes news for the client, which answers `Referred` by `want` or `refuse`.
    post
        Takes an event for the call, which comes back to `follow`.
    on_settled
        As of `TrunkDescriptions`, of the leg that has taken the other one's place.
    """

    def __init__(
        self,
        call_id: str,
        session: Session,
        leg: Callable[[], trunk.TrunkLeg | None],
        find_way: FindWay | None,
        locate: Locate,
        tell: Callable[[news.News], None],
        post: Callable[[CallEvent], None],
        on_settled: Nothing,
    ) -> None:
        self._id = call_id
        self._session = session
        self._leg = leg
        self._find_way = find_way
        self._locate = locate
        self._tell = tell
        self._post = post
        self._on_settled = on_settled
        self._asked: news.Referred | None = None  # the client, who has not answered yet
        self._accepting = False  # a way is found, and the far end is told so
        self._now: Redirect | None = None
        self._timer: asyncio.TimerHandle | None = None  # until the client has answered
        self.alone = False  # whoever has referred us has hung up

    def check(self) -> None:
        """Raise RequestError while the far end hands this call over."""
        if self.is_under_way:
            raise RequestError("the far end hands this call over to somebody else")

    @property
    def is_under_way(self) -> bool:
        """Whether a REFER has no outcome yet."""
        return self._asked is not None or self._now is not None

    @property
    def lines(self) -> int:
        """Lines of trunks' that it takes besides the call's own."""
        return int((self._accepting or self._now is not None) and not self.alone)

    async def follow(
        self, event: RedirectEvent, *, busy: bool = False
    ) -> CallEnd | Redirect | None:
        """Do what follows from an event.

        Parameters
        ----------
        busy
            Something else is under way, and no REFER is taken.

        Returns
        -------
            The end of the call, or what takes the far end's place.
        """
        match event:
            case trunk.Referred():
                await self._ask(event, busy=busy)
            case RedirectRefused(token, code, why):
                await self._refuse(token, code, why)
            case RedirectWanted(token, request):
                await self._begin(token, request)
            case OfRedirect(event=inner) if self._now is not None and self._now.is_told_by(event):
                return await self._follow(self._now, inner)
        return None

    async def _ask(self, referred: trunk.Referred, *, busy: bool) -> None:
        """Ask the client whether it may be."""
        token, referral = referred.token, referred.referral
        leg = self._leg()
        if leg is None:
            return
        if busy or self.is_under_way:
            await leg.refuse_referral(token, PENDING)
            return
        try:
            to = parse_target(referral.to)
        except TargetError as error:
            logger.info("call %s: the far end refers us to nobody: %s", self._id, error)
            await leg.refuse_referral(token, DECLINE)
            return
        self._asked = news.Referred(token, to, referral)
        late = RedirectRefused(token, LATE, "Nobody has decided about it")
        self._timer = asyncio.get_running_loop().call_later(DECISION, self._post, late)
        self._tell(self._asked)

    async def _refuse(self, token: int, code: int, why: str, *, logged: str = "") -> None:
        """Refuse a REFER because the client does."""
        asked, leg = self._asked, self._leg()
        if asked is None or asked.token != token:
            return
        self._asked = None
        logger.info("call %s: the far end may not hand it over: %s", self._id, logged or why)
        if leg is not None:
            await leg.refuse_referral(token, DECLINE)
        self._tell(news.RedirectFailed(asked.to, code, why))

    async def _begin(self, token: int, request: CallRequest) -> None:
        """Call whom the client has let in."""
        asked, leg = self._asked, self._leg()
        if asked is None or asked.token != token or leg is None or self._find_way is None:
            return
        try:
            way = await self._find_way(request)
        except GatewayError as error:
            await self._refuse(token, error.sip_code, error.said, logged=str(error))
            return
        self._asked = None
        if not await self._accept(leg, token):
            way.attempts.release()
            await self._session.give_up(way.media)
            self._tell(news.RedirectFailed(request.to, GONE, "It was taken back"))
            return
        self._now = Redirect(self._id, request, way, self._locate, self._post, self._on_settled)
        logger.info("call %s is handed over by its far end", self._id)
        self._tell(news.Redirecting(request.to, 100, "Trying"))

    async def _accept(self, leg: trunk.TrunkLeg, token: int) -> bool:
        """Say to the far end that we try; false where it waits for that no more."""
        self._accepting = True
        try:
            return await leg.accept_referral(token)
        except trunk.TrunkError as error:
            logger.warning("call %s: a REFER was not answered: %s", self._id, error)
            return False
        finally:
            self._accepting = False

    async def _follow(self, redirect: Redirect, event: CallEvent) -> CallEnd | Redirect | None:
        end = await redirect.follow(event)
        if end is not None:
            return await self._fail(redirect, end)
        if redirect.codec:
            return await self._succeed(redirect)
        if isinstance(event, trunk.Ringing | trunk.Progress):
            await self._report(event.code, event.reason)
            self._tell(news.Redirecting(redirect.to, event.code, event.reason))
        return None

    async def _report(self, code: int, reason: str, *, last: bool = False) -> None:
        leg = self._leg()
        if leg is None:
            return
        try:
            await leg.report(code, reason, last=last)
        except trunk.TrunkError as error:  # whoever has referred us hears nothing; we go on
            logger.warning("call %s: a report was not sent: %s", self._id, error)

    async def _fail(self, redirect: Redirect, end: CallEnd) -> CallEnd | None:
        """Leave all as it was; the call ends if nobody is left in it."""
        self._now = None
        logger.info("call %s: who was to take it over has not: %s", self._id, end.message)
        redirect.way.trunk.count_end(end, answered=False)
        await redirect.stop(end.cause)
        await self._session.give_up(redirect.media)
        await self._report(end.sip_code, end.reason, last=True)
        self._tell(news.RedirectFailed(redirect.to, end.sip_code, end.said))
        return end if self.alone else None

    async def _succeed(self, redirect: Redirect) -> Redirect:
        self._now = None
        await self._session.turn_to(redirect.media)
        await self._report(200, "OK", last=True)
        return redirect

    async def outlives(self) -> bool:
        """Go on without whoever has referred us, who has hung up; false if nobody else is there."""
        if self._now is None or self.alone:
            return False
        self.alone = True
        await self._session.set_flow(Flow.SILENCE)  # until the other one has answered
        await self._session.turn_to(self._now.media)
        return True

    def close(self, end: CallEnd) -> list[Coroutine[Any, Any, None]]:
        """Call nobody any more: the call ends. Return what is left to do.

        No step waits for another: a SIP thread that stands still may keep the first for ever.
        """
        self._asked = None
        if self._timer is not None:
            self._timer.cancel()
        redirect, self._now = self._now, None
        if redirect is None:
            return []
        redirect.way.trunk.count_end(end, answered=False)
        report = self._report(GONE, "Request Terminated", last=True)
        return [report, redirect.stop(end.cause)]


def told(redirect: Redirect, browser_codec: str, duration_ms: int) -> news.Redirected:
    """Return what is told of one that has taken the far end's place."""
    codec = spelling(redirect.codec)
    return news.Redirected(redirect.to, browser_codec, codec, redirect.way.trunk.name, duration_ms)


def _nobody_listens() -> None:
    """Expect no early media to be heard: the page talks to somebody else."""
