"""One call: a browser's leg, a trunk's leg and a media session, owned by one task.

The legs do not know each other. Whatever happens to either comes up as an event through one inbox;
the call decides what follows and sends it down as awaited calls. However it ends, it ends in
`_close`, once.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from time import monotonic

from gateway import trunk
from gateway.calls import news
from gateway.calls.attempt import Attempt, Tries, failure
from gateway.calls.browser_description import spelling
from gateway.calls.end import By, CallEnd
from gateway.calls.endings import (
    FAULT,
    end_of,
    rang_out,
    refused_encryption,
    silent_end,
    too_long,
    unanswered,
)
from gateway.calls.events import (
    CallEvent,
    EndWanted,
    HoldEvent,
    HoldWanted,
    Located,
    NotPlaced,
    TransferEvent,
)
from gateway.calls.hold import Hold
from gateway.calls.info_digits import InfoDigits
from gateway.calls.invite import Invite
from gateway.calls.negotiation import Negotiation
from gateway.calls.seam import Session
from gateway.calls.state import CallState, advance
from gateway.calls.transfer import Transfer
from gateway.calls.trunk_descriptions import Locate, TrunkDescriptions
from gateway.errors import GatewayError, RequestError
from gateway.media import events as media
from gateway.media.parameters import Flow, TrunkRemote

logger = logging.getLogger(__name__)

Tell = news.Tell

# Three minutes of ringing are more than any mailbox waits for; a trunk that rings for ever would
# hold a line for as long as the page is open. RFC 3261 section 16.6 sets its timer C just above.
MAX_RINGING = 180.0  # seconds

# Four sendings of OPTIONS over UDP (0, 0.5, 1.5 and 3.5 s; RFC 3261 section 17.1.2.2), and the way
# back of the last one's answer
PROBE_TIMEOUT = 5.0  # seconds

# How long taking a call down may last; what hangs is left behind, not waited for
CLOSE_TIMEOUT = 3.0  # seconds


class Call:
    """A call between a browser and a trunk, whichever of them has called.

    Parameters
    ----------
    call_id
        Names the call in logs.
    session
        Opened already; the call closes it.
    attempts
        The trunks to try; the first attempt's descriptions are those that the browser gets.
    locate
        Returns the address that a host's name has, of the same family as the address beside it;
        raises `trunk.TrunkError` when there is none in time.
    tell
        Takes news for the client, at once and without waiting.
    max_duration
        Seconds from the answer until the gateway ends the call.
    max_ringing
        Seconds until the answer.
    invite
        The trunk's, where it has called: it is answered once the browser can be heard. Without one
        the call dials.
    inbox
        Has what has happened to the trunk's leg already.
    """

    def __init__(
        self,
        call_id: str,
        session: Session,
        attempts: Tries[Negotiation],
        locate: Locate,
        tell: Tell,
        *,
        max_duration: float,
        max_ringing: float = MAX_RINGING,
        invite: Invite | None = None,
        inbox: asyncio.Queue[CallEvent] | None = None,
    ) -> None:
        self.id = call_id
        self.state = CallState.CALLING
        self._session = session
        self.attempts = attempts
        self._attempt = attempts.first
        self._tell = tell
        self._max_duration = max_duration
        self._max_ringing = max_ringing
        self._inbox: asyncio.Queue[CallEvent] = asyncio.Queue() if inbox is None else inbox
        self._invite = invite
        self._dialing: asyncio.Task[None] | None = None
        self._probing: asyncio.Task[None] | None = None
        self._leg: trunk.TrunkLeg | None = None if invite is None else invite.leg
        self._descriptions = TrunkDescriptions(
            call_id,
            self._attempt.negotiation,
            session,
            self._placed,
            locate,
            self._inbox.put_nowait,
            on_early_media=self._heard_early,
            on_answer=self._agreed,
            on_settled=self._settled,
        )
        self._hold = Hold(
            call_id,
            lambda: self._negotiation,
            lambda: self._leg,
            session.set_flow,
            tell,
            self._inbox.put_nowait,
            owns_call_id=invite is None,
        )
        self._transfer = Transfer(call_id, lambda: self._leg, tell, self._inbox.put_nowait)
        self._answered_at: float | None = None
        self._early_told = False
        self._takes_info = False  # digits by INFO: the trunk has said so
        self._info_digits = InfoDigits(self._send_info)
        self._limit: asyncio.TimerHandle | None = None
        session.report_to(self._inbox.put_nowait)

    # What the client may ask for

    async def add_candidate(self, candidate: str | None) -> None:
        """Hand on a trickled candidate; None at the end of them."""
        if self.state is not CallState.ENDED:
            await self._session.add_candidate(candidate)

    async def send_digits(self, digits: str, duration_ms: int, gap_ms: int) -> None:
        """Press keys towards the trunk, as telephone events or, where it takes none, as tones.

        A comma among them is a pause of two seconds, a W of half a one (`voice.pauses`).

        Raises
        ------
        RequestError
            While there is nobody to hear them, or when a character is no digit.
        """
        if self.state not in (CallState.EARLY, CallState.ANSWERED):
            raise RequestError("digits can be sent once the far end answers or plays early media")
        if self._by_info():
            self._info_digits.press(digits, duration_ms, gap_ms)
        else:
            await self._session.send_digits(digits, duration_ms, gap_ms)

    def _by_info(self) -> bool:
        route = self._negotiation.digit_route(takes_info=self._takes_info)
        return route is trunk.DigitRoute.INFO

    def _pass_digit(self, pressed: media.BrowserDigit) -> None:
        """Send what a page presses as an event, in whichever way the trunk takes it."""
        if not self._by_info():
            self._session.pass_digit(pressed.digit, pressed.duration_ms)
        elif self.state in (CallState.EARLY, CallState.ANSWERED):
            with suppress(RequestError):  # too many at once, from a page that plays with them
                self._info_digits.press(pressed.digit, pressed.duration_ms, 0)

    async def _send_info(self, digit: str, duration_ms: int) -> None:
        if self._leg is not None:
            try:
                await self._leg.send_digit(digit, duration_ms)
            except trunk.TrunkError as error:
                logger.warning("call %s: a digit was not sent: %s", self.id, error)

    async def hold(self) -> None:
        """Put the far end on hold; that it stands is told.

        Raises
        ------
        RequestError
            The call is not answered.
        """
        self._want_hold(True)

    async def resume(self) -> None:
        """Hold the far end no longer; raises as `hold`."""
        self._want_hold(False)

    def _want_hold(self, held: bool) -> None:
        if not self._is_talking:
            raise RequestError("a call can be put on hold once the far end has answered")
        self._inbox.put_nowait(HoldWanted(held))

    @property
    def _is_talking(self) -> bool:
        """Whether the page has been told of the answer, whose host may take time to be found."""
        return self.state is CallState.ANSWERED and self._answered_at is not None

    def check_transfer(self) -> None:
        """Raise RequestError if the call cannot be transferred now."""
        if not self._is_talking:
            raise RequestError("a call can be transferred once the far end has answered")
        self._transfer.check()

    async def transfer(self, to: str) -> None:
        """Hand the far end over to a number that has been admitted; what becomes of it is told.

        Raises
        ------
        RequestError
            The call is not answered, or a transfer is under way.
        ForbiddenError
            No route leads to the number by the call's trunk.
        """
        self.check_transfer()
        self._transfer.want(self._attempt.trunk.number(to))

    async def transfer_to(self, other: Call) -> None:
        """Hand the far end over to the one of another call; raises as `transfer`."""
        self.check_transfer()
        if other is self or other.state is not CallState.ANSWERED or other._leg is None:
            raise RequestError("a call is transferred to another one that is answered")
        if other._attempt.trunk is not self._attempt.trunk:
            raise RequestError("both calls have to be on the same trunk: no other knows of them")
        name = await other._leg.name()
        if name is None:
            raise RequestError("the other call has just ended")
        self._transfer.want(name)

    async def hangup(self) -> None:
        """End the call for the browser; harmless when it is over."""
        cause = "hangup" if self.state is CallState.ANSWERED else "canceled"
        code = 200 if self.state is CallState.ANSWERED else 487
        self.end(CallEnd.made_here(By.LOCAL, cause, code, "You ended the call."))

    async def abandon(self, reason: str) -> None:
        """End the call because its client is gone."""
        self.end(CallEnd.made_here(By.GATEWAY, "network", 500, reason))

    def end(self, end: CallEnd) -> None:
        """Ask the call's task to end it in this way; the first one who asks decides."""
        self.notify(EndWanted(end))

    def notify(self, event: CallEvent) -> None:
        """Take something that has happened to the call."""
        self._inbox.put_nowait(event)

    # The call's own task

    async def run(self) -> CallEnd:
        """Live the call from the INVITE to its end, and take everything down again."""
        end = CallEnd.made_here(By.GATEWAY, "internal", 500, "The call was interrupted.")
        try:
            end = await self._live()
        except Exception:  # a fault of ours ends this call and no other
            logger.exception("call %s failed", self.id)
            end = FAULT
        finally:
            end = unanswered(end) if self._is_unanswered else end
            await self._close(end)
        return end

    @property
    def _is_unanswered(self) -> bool:
        """Whether an INVITE of the trunk's waits for an answer."""
        return self._invite is not None and self._answered_at is None

    @property
    def _negotiation(self) -> Negotiation:
        return self._attempt.negotiation

    async def _live(self) -> CallEnd:
        if self._invite is None:
            self._tell(news.Trying())
        self._tell(news.AnswerReady(self._negotiation.browser_answer))
        await self._session.connect_browser(self._negotiation.browser_remote)
        self._limit_in(self._max_ringing, rang_out(self._max_ringing))
        if self._invite is None:
            self._dial()
        while True:
            event = await self._inbox.get()
            if self._goes_elsewhere(event):
                continue
            before, self.state = self.state, advance(self.state, event)
            if self.state is not before:
                logger.debug("call %s: %s -> %s", self.id, before.name, self.state.name)
            if isinstance(event, HoldEvent | TransferEvent):
                end = await self._handle_wish(event)
            elif isinstance(event, media.BrowserConnected):
                end = await self._pick_up()
            else:
                end = await self._handle(event, before)
            self._descriptions.note_dropped_lines()
            if end is not None:
                return end

    def _dial(self) -> None:
        """Send the INVITE beside the inbox: a name that hangs must not hold up a hang-up."""
        self._leg = None
        self._dialing = asyncio.create_task(self._place(self._attempt), name=f"dial-{self.id}")

    async def _placed(self) -> trunk.TrunkLeg | None:
        """Return the trunk's leg, once its INVITE has left."""
        if self._leg is None and self._dialing is not None:
            await asyncio.wait([self._dialing])
        return self._leg

    def _goes_elsewhere(self, event: CallEvent) -> bool:
        """Try another trunk, if this one has failed and no phone has rung: none rings twice."""
        end = failure(event) if self.state is CallState.CALLING else None
        attempt = None if end is None else self.attempts.next(end)
        if end is None or attempt is None:
            return False
        place = self._attempt.place
        logger.info(
            "call %s: %s has failed, %s is tried: %s", self.id, place, attempt.place, end.message
        )
        self._attempt = attempt
        self._descriptions.negotiation = attempt.negotiation
        self._dial()
        return True

    async def _place(self, attempt: Attempt[Negotiation]) -> None:
        try:
            leg = await attempt.dial(attempt.negotiation.trunk_offer, self._inbox.put_nowait)
            if (
                attempt is self._attempt
            ):  # else it was refused before its INVITE was known to be out
                self._leg = leg
            logger.debug("call %s: INVITE sent, Call-ID %s", self.id, leg.call_id)
        except GatewayError as error:
            end = CallEnd.made_here(By.GATEWAY, error.name, error.sip_code, str(error))
            self._inbox.put_nowait(NotPlaced(end))
        except Exception:  # the call's own task must hear of it
            logger.exception("call %s could not be placed", self.id)
            self.end(FAULT)

    async def _pick_up(self) -> CallEnd | None:
        """Answer the trunk's INVITE, if there is one: the browser can be heard."""
        if self._invite is None:
            return None
        return await self._invite.answer(self._negotiation, self._session)

    async def _handle(self, event: CallEvent, before: CallState) -> CallEnd | None:
        """Do what follows from an event; the end of the call, if that is what follows."""
        match event:
            case trunk.Ringing() if before is CallState.CALLING:
                self._tell(news.Ringing(early_media=False))
            case trunk.Progress() | trunk.Answered() | trunk.Offered() | trunk.Settled():
                return await self._descriptions.follow(event)
            case trunk.Withdrawn():
                self._negotiation.withdrawn()
            case Located():
                return await self._descriptions.located(event)
            case media.BrowserDigit():
                self._pass_digit(event)
            case trunk.Digit() | media.TrunkDigit():
                self._tell(news.DigitHeard(event.digit, event.duration_ms))
            case media.Quality() if self.state in (CallState.EARLY, CallState.ANSWERED):
                # Before that nobody hears anything: there is nothing to judge
                self._tell(news.Quality(event.browser, event.trunk))
            case media.TrunkSilent() if before is CallState.ANSWERED:
                self._probe_trunk(event)
            case trunk.Ended() if self._negotiation.requires_encryption:
                return refused_encryption(event)
            case _:
                return end_of(event)
        return None

    async def _handle_wish(self, event: HoldEvent | TransferEvent) -> CallEnd | None:
        """Do what follows from a hold or a transfer that the page has asked for."""
        if isinstance(event, HoldEvent):
            await self._hold.follow(event)
            return None
        return await self._transfer.follow(event)

    def _probe_trunk(self, silence: media.TrunkSilent) -> None:
        """End the call unless its dialog still stands: a far end may suppress silence for long."""
        if self._probing is None or self._probing.done():
            self._probing = asyncio.create_task(self._probe(silence), name=f"probe-{self.id}")

    async def _probe(self, silence: media.TrunkSilent) -> None:
        try:
            stands = self._leg is not None and await self._leg.probe(PROBE_TIMEOUT)
        except Exception:  # the call's own task must hear of it
            logger.exception("call %s could not be probed", self.id)
            self.end(FAULT)
            return
        if not stands:
            self.end(silent_end(silence))
        else:
            logger.debug("call %s: no media for %g s, but an answer", self.id, silence.seconds)

    @property
    def sip_call_id(self) -> str:
        """The Call-ID of the INVITE, empty before there is one."""
        return "" if self._leg is None else self._leg.call_id

    @property
    def dropped_lines(self) -> int:
        """Lines of the trunk's descriptions that could not be read, and did not matter."""
        return self._negotiation.dropped_count

    def _heard_early(self) -> None:
        """Tell once that the far end's own tones are to be heard."""
        if not self._early_told:
            self._early_told = True
            self._tell(news.Ringing(early_media=True))

    async def _agreed(self, answered: trunk.Answered, remote: TrunkRemote) -> None:
        """Let the far end hear the caller: it has answered, and we know where it is."""
        await self._session.set_flow(Flow.AUDIO)
        self._answered_at = monotonic()
        self._takes_info = answered.takes_info
        self._limit_in(self._max_duration, too_long(self._max_duration))
        ours = self._negotiation.browser_remote.codec
        self._tell(news.Answered(spelling(ours), spelling(remote.codec)))
        await self._hold.settled()

    async def _settled(self) -> None:
        """Notice what a change in mid-call has made of a hold; early media has none."""
        if self.state is CallState.ANSWERED:
            await self._hold.settled()

    def _limit_in(self, seconds: float, end: CallEnd) -> None:
        """End the call in this way after so many seconds, whatever limit there was before."""
        if self._limit is not None:
            self._limit.cancel()
        self._limit = asyncio.get_running_loop().call_later(seconds, self.end, end)

    async def _close(self, end: CallEnd) -> None:
        self.state = CallState.ENDED
        self._hold.cancel()
        self._transfer.cancel()
        if self._limit is not None:
            self._limit.cancel()
        duration = 0 if self._answered_at is None else int((monotonic() - self._answered_at) * 1000)
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT):
                await self._take_down(end)
        except TimeoutError:
            logger.error("call %s was not down after %.0f s", self.id, CLOSE_TIMEOUT)
        finally:
            self._tell(news.Ended(end, duration, self._attempt.trunk.name))

    def release(self) -> None:
        """Give back the line of the trunk; the second time does nothing."""
        self.attempts.release()

    async def _take_down(self, end: CallEnd) -> None:
        tasks = (self._probing, self._dialing, self._info_digits.task, self._descriptions.task)
        for task in tasks:
            if task is not None:
                task.cancel()  # an INVITE that is just going out is taken back by the endpoint
                await asyncio.wait([task])
        refusal = end.sip_code if self._is_unanswered else 0
        # The far end first: its phone must stop ringing, and its bill running, whatever comes of
        # the rest. But the rest does not wait for a trunk that hangs.
        steps = [] if self._leg is None else [self._leg.hangup(refusal, cause=end.cause)]
        for fault in await asyncio.gather(*steps, self._session.close(), return_exceptions=True):
            if fault is not None:
                logger.error("call %s: a step of its end failed", self.id, exc_info=fault)
