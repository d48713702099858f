"""The INVITEs of a call that we place: over one trunk after another, beside the call's inbox."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Generic

from gateway.calls.attempt import Attempt, Attempts, N, failure
from gateway.calls.end import By, CallEnd
from gateway.calls.endings import FAULT
from gateway.calls.events import CallEvent, EndWanted, NotPlaced
from gateway.calls.seam import TrunkMedia
from gateway.calls.trunks import TrunkCalls
from gateway.errors import GatewayError
from gateway.trunk import TrunkLeg

logger = logging.getLogger(__name__)


class Outgoing(Generic[N]):
    """The way to a far end that we call.

    Parameters
    ----------
    name
        Of the call, for logs.
    attempts
        The trunks to try.
    post
        Takes the events of whichever trunk is tried.

    Attributes
    ----------
    leg
        The trunk's, once its INVITE has left.
    """

    owns_call_id = True
    is_unanswered = False  # no INVITE waits for an answer of ours
    has_answered = False

    def __init__(self, name: str, attempts: Attempts[N], post: Callable[[CallEvent], None]) -> None:
        self._name = name
        self._attempts = attempts
        self._attempt = attempts.first
        self._post = post
        self._dialing: asyncio.Task[None] | None = None
        self.leg: TrunkLeg | None = None

    @property
    def trunk(self) -> TrunkCalls:
        """The one that is tried, or has been last."""
        return self._attempt.trunk

    @property
    def negotiation(self) -> N:
        """What is agreed with it."""
        return self._attempt.negotiation

    def begin(self) -> None:
        """Send the INVITE beside the inbox: a name that hangs must not hold up a hang-up."""
        self.leg = None
        self._dialing = asyncio.create_task(self._place(self._attempt), name=f"dial-{self._name}")

    async def placed(self) -> TrunkLeg | None:
        """Return the leg, once its INVITE has left; None if it cannot."""
        if self.leg is None and self._dialing is not None:
            await asyncio.wait([self._dialing])
        return self.leg

    def goes_elsewhere(self, event: CallEvent) -> bool:
        """Try another trunk, if this one has failed by an event before any phone has rung."""
        end = failure(event)
        attempt = None if end is None else self._attempts.next(end)
        if end is None or attempt is None:
            return False
        place = self._attempt.place
        logger.info(
            "call %s: %s has failed, %s is tried: %s", self._name, place, attempt.place, end.message
        )
        self._attempt = attempt
        self.begin()
        return True

    async def _place(self, attempt: Attempt[N]) -> None:
        try:
            leg = await attempt.dial(self._post)
            # else it was refused before its INVITE was known to be out
            if attempt is self._attempt:
                self.leg = leg
            logger.debug("call %s: INVITE sent, Call-ID %s", self._name, leg.call_id)
        except GatewayError as error:
            end = CallEnd.made_here(By.GATEWAY, error.name, error.sip_code, str(error), error.said)
            self._post(NotPlaced(end))
        except Exception:  # the call's own task must hear of it
            logger.exception("call %s could not be placed", self._name)
            self._post(EndWanted(FAULT))

    async def browser_is_up(self, media: TrunkMedia) -> CallEnd | None:
        """Do nothing: the phone rings whether the browser is up or not."""
        return None

    async def stop(self) -> None:
        """Send no INVITE any more; one that is just going out is taken back by the endpoint."""
        dialing, self._dialing = self._dialing, None  # once canceled, it holds whose it was
        if dialing is not None:
            dialing.cancel()
            await asyncio.wait([dialing])

    def release(self) -> None:
        """Give the line of the trunk back; the second time does nothing."""
        self._attempts.release()
