"""Hands the far end over to somebody else: a number, or the far end of another call.

The trunk is asked (REFER) and says later what became of it (NOTIFY). That it has understood us, the
202, is no success and is told to nobody. With success our call is over; without, it goes on.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from gateway import trunk
from gateway.calls import news
from gateway.calls.end import CallEnd
from gateway.calls.endings import TRANSFERRED
from gateway.calls.events import CallEvent, TransferEvent, TransferLate, TransferWanted
from gateway.errors import RequestError

logger = logging.getLogger(__name__)

# The first report follows the 202 at once (RFC 3515 section 2.4.4); over UDP it may be lost five
# times before it comes
FIRST_REPORT: Final = 20.0  # seconds
# The new phone may ring as long as one of ours (MAX_RINGING), and be answered at the last moment
OUTCOME: Final = 200.0  # seconds

SILENCE: Final = trunk.TransferOver(408, "The trunk has not said what became of the transfer")
UNABLE: Final = "This gateway cannot transfer calls"


class Transfer:
    """What becomes of the page's wish to hand a call over; one at a time.

    Parameters
    ----------
    leg
        Returns the trunk's leg.
    tell
        Takes news for the client.
    post
        Takes an event for the call, which comes back to `follow`.
    """

    def __init__(
        self,
        call_id: str,
        leg: Callable[[], trunk.TrunkLeg | None],
        tell: Callable[[news.News], None],
        post: Callable[[CallEvent], None],
    ) -> None:
        self._id = call_id
        self._leg = leg
        self._tell = tell
        self._post = post
        self._under_way = False
        self._timer: asyncio.TimerHandle | None = None

    def want(self, to: str | trunk.DialogName) -> None:
        """Ask for a transfer; RequestError while another one is under way."""
        self.check()
        self._under_way = True
        self._post(TransferWanted(to))

    def check(self) -> None:
        """Raise RequestError while a transfer is under way."""
        if self.is_under_way:
            raise RequestError("a transfer of this call is under way already")

    @property
    def is_under_way(self) -> bool:
        """Whether one has been asked for, and has no outcome."""
        return self._under_way

    async def follow(self, event: TransferEvent) -> CallEnd | None:
        """Do what follows from an event; the end of the call, if that is what follows."""
        match event:
            case TransferWanted(to):
                await self._ask(to)
            case trunk.TransferProgress(code, reason) if self._under_way:
                self._wait(OUTCOME)
                self._tell(news.TransferProgress(code, reason))
            case TransferLate() if self._under_way:
                self._fail(SILENCE)
            case trunk.TransferOver(code, reason) if code < 300:  # late, too: the far end is gone
                self.cancel()
                self._tell(news.Transferred(code, reason))
                return TRANSFERRED
            case trunk.TransferOver() if self._under_way:
                self._fail(event)
        return None

    async def _ask(self, to: str | trunk.DialogName) -> None:
        leg = self._leg()
        if leg is None:
            return
        self._wait(FIRST_REPORT)
        try:
            await leg.transfer(to)
        except trunk.TrunkError as error:  # which is for the operator, and not for the page
            logger.warning("call %s: no transfer: %s", self._id, error)
            unable = isinstance(error, trunk.TrunkUnableError)
            self._fail(trunk.TransferOver(error.sip_code, UNABLE if unable else error.said))

    def _fail(self, over: trunk.TransferOver) -> None:
        self.cancel()
        why = f"{over.reason}: {over.remark}" if over.remark else over.reason
        logger.info("call %s: a transfer has failed: %s %s", self._id, over.code, why)
        self._tell(news.TransferFailed(over.code, over.reason))

    def _wait(self, seconds: float) -> None:
        """Expect the next report within so many seconds."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(seconds, self._post, TransferLate())

    def cancel(self) -> None:
        """Wait for nothing more."""
        self._under_way = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
