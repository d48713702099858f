"""The event loop's end of a call; the call itself lives in the SIP thread."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from gateway.trunk.address import text
from gateway.trunk.description import check_description
from gateway.trunk.dtmf import INFO_TYPE, info_body
from gateway.trunk.errors import TrunkError, TrunkRequestError
from gateway.trunk.events import Ended, TrunkEvent
from gateway.trunk.knock import Knock, Knocker
from gateway.trunk.referral import DialogName

if TYPE_CHECKING:
    from gateway.trunk.dialog import Dialog
    from gateway.trunk.stack import Stack

log = logging.getLogger(__name__)

T = TypeVar("T")


class TrunkLeg:
    """A call to or from a trunk. Its events go to `notify`, in the event loop.

    Commands on a leg that is over do nothing: an end may cross any of them.
    """

    def __init__(
        self, stack: Stack, key: int, notify: Callable[[TrunkEvent], None] | None = None
    ) -> None:
        self.call_id = ""
        self.notify = notify
        self.over = False
        self._stack = stack
        self.key = key
        self._heard = False
        self._silence: asyncio.TimerHandle | None = None
        self._knock: Knock | None = None

    def __repr__(self) -> str:
        return f"<TrunkLeg {self.key} {self.call_id}>"

    def receive(self, event: TrunkEvent) -> None:
        """Take an event from the SIP thread."""
        log.debug("%r: %s", self, type(event).__name__)
        self._hear()
        if self.over:
            return
        self.over = isinstance(event, Ended)
        if self.notify is not None:
            self.notify(event)

    def expect_response(self, seconds: float, knocker: Knocker | None = None) -> None:
        """End the call as unreachable unless the trunk says something in so many seconds.

        `knocker`, if there is one, may learn earlier that nobody is there. A trunk that is near may
        have said something already.
        """
        if not (self.over or self._heard):
            loop = asyncio.get_running_loop()
            self._silence = loop.call_later(seconds, self._expire, seconds)
            self._knock = knocker(self._refused) if knocker is not None else None

    def _expire(self, seconds: float) -> None:
        self.post(lambda dialog: dialog.expire(seconds))

    def _refused(self) -> None:
        self.post(lambda dialog: dialog.refused())

    def _hear(self) -> None:
        self._heard = True
        if self._silence is not None:
            self._silence.cancel()
            self._silence = None
        if self._knock is not None:
            self._knock.close()
            self._knock = None

    async def hangup(self, code: int = 0, reason: str = "", *, cause: str = "") -> None:
        """End the call: BYE, CANCEL or a final refusal, as its state asks. Idempotent.

        `cause` is the word of the call's end; the trunk reads what it means in a Reason header.
        A 200 that crosses the CANCEL is acknowledged and hung up by the engine.
        """
        text(reason, "the reason")
        await self._command(lambda dialog: dialog.end(code, reason, cause))

    async def send_digit(self, digit: str, duration_ms: int) -> None:
        """Send a digit by INFO."""
        body = info_body(digit, duration_ms)
        await self._command(lambda dialog: dialog.send_info(INFO_TYPE, body))

    async def probe(self, timeout: float) -> bool:
        """Ask whether the far end still knows this call; false if it does not say so in time.

        Any final answer to the OPTIONS counts, a refusal as well as a 200, but for 481 and 408:
        these end the call, and are told as `Ended`.
        """
        answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def settle() -> None:
            if not answered.done():
                answered.set_result(None)

        if self.over:
            return False
        try:
            async with asyncio.timeout(timeout):
                await self._command(lambda dialog: dialog.probe(lambda: self._stack.tell(settle)))
                await answered
        except (TimeoutError, TrunkError) as error:
            log.info("%r does not answer OPTIONS: %s", self, error)
            return False
        return True

    async def ring(self, code: int = 180) -> None:
        """Tell a caller that it rings (180 to 183 without SDP)."""
        await self._command(lambda dialog: dialog.respond(_status(code, 180, 184)))

    async def progress(self, sdp: str) -> None:
        """Send early media's description (183)."""
        await self._describe(183, sdp)

    async def answer(self, sdp: str) -> None:
        """Answer an incoming call (200). After `progress` the description must be the same."""
        await self._describe(200, sdp)

    async def propose(self, sdp: str) -> bool:
        """Offer a change of an answered call; what comes of it is `Settled` or `Refused`.

        False where nothing was sent: another change is under way, of ours or of the trunk's. Then
        this may be tried again in a moment.
        """
        checked = check_description(sdp)
        return await self._command(lambda dialog: dialog.propose(checked)) or False

    async def transfer(self, to: str | DialogName) -> None:
        """Ask the far end by REFER to call a number, or the far end of another dialog in our place.

        What becomes of it is told: `TransferProgress`, and once `TransferOver`, unless the trunk
        falls silent. TrunkError if it cannot be asked.
        """
        await self._command(lambda dialog: dialog.refer(to))

    async def name(self) -> DialogName | None:
        """Return what names this call's dialog to the trunk; None if it is over."""
        return await self._command(lambda dialog: dialog.name())

    async def accept_referral(self, token: int) -> bool:
        """Say to the far end that we try to reach whom we were `Referred` to.

        False if it waits no more. `report` tells it what becomes of that.
        """
        return await self._command(lambda dialog: dialog.accept_referral(token)) or False

    async def refuse_referral(self, token: int, code: int) -> None:
        """Refuse a referral with a final status; the call goes on as it was."""
        status = _status(code, 300, 700)
        await self._command(lambda dialog: dialog.refuse_referral(token, status))

    async def report(self, code: int, reason: str, *, last: bool = False) -> None:
        """Report the status of the call that we were referred to; nothing follows the `last`."""
        status = _status(code, 100, 700)
        await self._command(lambda dialog: dialog.report(status, reason, last=last))

    async def accept_offer(self, token: int, sdp: str) -> None:
        """Answer what was `Offered`, or make the offer that it asks for."""
        checked = check_description(sdp)
        await self._command(lambda dialog: dialog.accept_offer(token, checked))

    async def refuse_offer(self, token: int, why: str) -> None:
        """Refuse what was `Offered` (488, `why` in its Warning); the call goes on as it was."""
        await self._command(lambda dialog: dialog.refuse_offer(token, why))

    async def reject(self, code: int, reason: str = "") -> None:
        """Refuse an incoming call with a final status."""
        await self.hangup(_status(code, 300, 700), reason)

    async def _describe(self, code: int, sdp: str) -> None:
        checked = check_description(sdp)
        await self._command(lambda dialog: dialog.respond(code, checked))

    def post(self, command: Callable[[Dialog], object]) -> None:
        """Have the SIP thread run a command, without waiting; a leg that is over takes none."""
        self._stack.post(self._job(command))

    async def _command(self, command: Callable[[Dialog], T]) -> T | None:
        """Run a command in the SIP thread; None where the leg is over."""
        if self.over or self._stack.stopping:
            return None
        return await self._stack.run(self._job(command))

    def _job(self, command: Callable[[Dialog], T]) -> Callable[[], T | None]:
        def job() -> T | None:
            dialog = self._stack.dialogs.get(self.key)
            return None if dialog is None else command(dialog)

        return job


def _status(code: int, first: int, end: int) -> int:
    if not first <= code < end:
        raise TrunkRequestError(f"status {code} is not from {first} to {end - 1}")
    return code
