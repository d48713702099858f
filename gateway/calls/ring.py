"""A call from a trunk as one of the pages hears it ring: it accepts, rejects, or goes away.

Whatever it does comes to the arrival's task as an event, so that the first one wins; a page that
is too late has been told the call's end, and nothing more happens.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from gateway.admission.grant import Visitor
from gateway.calls import news
from gateway.calls.end import By, CallEnd
from gateway.calls.request import CallRequest
from gateway.errors import GatewayError, RequestError

if TYPE_CHECKING:
    from collections.abc import Collection

    from gateway.calls.call import Call
    from gateway.calls.directory import Page

DECLINE = 603

# What counts if several pages have rejected a call: the first that one of them has said
_ANSWERS: Final = (603, 486, 480)


@dataclass(frozen=True, slots=True)
class Caller:
    """A call from a trunk as its pages are told of it.

    `call` names it on all of them and in the log; `number` is a number or a SIP user, maybe
    "anonymous"; `to` is the called one.
    """

    call: str
    trunk: str
    to: str
    number: str
    display_name: str | None = None
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Acceptance:
    """What a page takes a call with; `max_duration` in seconds, None for the gateway's."""

    offer: str
    visitor: Visitor
    identity: str | None = None
    max_duration: float | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """A page wants the call. `reply` gets the call, None when another page was first, or why not:
    then it rings on, for this page too.
    """

    ring: Ring
    acceptance: Acceptance
    reply: asyncio.Future[Call | None] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Rejected:
    """A page does not want the call; `code` is what the trunk is to hear if none does."""

    ring: Ring
    code: int


@dataclass(frozen=True, slots=True)
class Left:
    """A page is gone."""

    ring: Ring


RingEvent = Accepted | Rejected | Left


@dataclass(frozen=True, slots=True)
class Joined:
    """A page has come, and may be rung as well."""

    page: Page


class Ring:
    """A call that rings on one page.

    Parameters
    ----------
    put
        Takes what the page does.

    Attributes
    ----------
    tell
        Takes news for the page.
    """

    def __init__(self, caller: Caller, put: Callable[[RingEvent], None]) -> None:
        self.caller = caller
        self.tell: news.Tell = _nobody
        self.over = False
        self._put = put

    @property
    def id(self) -> str:
        """Names the call in the gateway's log."""
        return self.caller.call

    async def accept(self, acceptance: Acceptance) -> Call | None:
        """Take the call; None if it is over, or another page was first.

        Raises
        ------
        OfferError, UnavailableError
            The page's description cannot be used, or a part does not work: it rings on.
        """
        if self.over:
            return None
        reply: asyncio.Future[Call | None] = asyncio.get_running_loop().create_future()
        self._put(Accepted(self, acceptance, reply))
        return await reply

    async def reject(self, code: int) -> None:
        """Stop the ringing here; the others ring on."""
        if not self.over:
            self._put(Rejected(self, code))

    def close(self, end: CallEnd, trunk: str = "") -> None:
        """Tell the page the call's end; the second time does nothing."""
        if not self.over:
            self.over = True
            self.tell(news.Ended(end, 0, trunk))

    def part(self) -> None:
        """Know the page no more, which holds this: it has no call here any longer."""
        self.tell = _nobody

    # What may be asked of any call of a page

    async def hangup(self) -> None:
        """Reject the call: there is no other way to end one that rings."""
        await self.reject(DECLINE)

    async def abandon(self, reason: str) -> None:
        """Ring here no more: the page is gone."""
        if not self.over:
            self._put(Left(self))

    async def add_candidate(self, candidate: str | None) -> None:
        """Forget a candidate: it belongs to an offer that was not taken."""

    async def restart(
        self, offer: str, tell: news.Tell | None = None, restart_id: str | None = None, /
    ) -> None:
        """Refuse it, as `send_digits` does: there is no media yet."""
        raise _too_early()

    async def give_up_restart(self, tell: news.Tell, /) -> None:
        """Do nothing: there is none."""

    async def send_digits(self, digits: str, duration_ms: int, gap_ms: int) -> None:
        """Refuse digits.

        Raises
        ------
        RequestError
            Always.
        """
        raise _too_early()

    async def hold(self) -> None:
        """Refuse it, likewise."""
        raise _too_early()

    async def resume(self) -> None:
        """Refuse it, likewise."""
        raise _too_early()

    def check_transfer(self) -> None:
        """Refuse it, likewise."""
        raise _too_early()

    async def transfer(self, to: str) -> None:
        """Refuse it, likewise."""
        raise _too_early()

    async def transfer_to(self, other: Call) -> None:
        """Refuse it, likewise."""
        raise _too_early()

    async def redirect(self, token: int, request: CallRequest) -> None:
        """Do nothing: nobody can refer us before the answer."""

    async def refuse_redirect(self, token: int, error: GatewayError) -> None:
        """Do nothing, likewise."""


def _nobody(event: news.News) -> None:
    """Tell nobody."""


def _too_early() -> RequestError:
    return RequestError("the call is not answered yet: it rings here")


def settle(reply: asyncio.Future[Any], answer: object | GatewayError) -> None:
    """Answer a page that has accepted: by what it has from now on, None or why it has nothing."""
    if reply.done():  # the page is gone
        return
    if isinstance(answer, GatewayError):
        reply.set_exception(answer)
    else:
        reply.set_result(answer)


def said_by(rejections: Collection[int]) -> int | None:
    """Return the status that pages reject a call with; None where none of them has."""
    return next((code for code in _ANSWERS if code in rejections), None)


def rejected(code: int) -> CallEnd:
    """End a call on a page that rejects it."""
    return CallEnd.made_here(By.LOCAL, "rejected", code, "You rejected the call.")


def elsewhere() -> CallEnd:
    """End a call on the pages that were not the first."""
    sentence = "The call was answered on another page."
    return CallEnd.made_here(By.GATEWAY, "answered-elsewhere", 487, sentence)
