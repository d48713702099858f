"""One call as its client sees it: placed once, then commanded in order, and told about as messages.

A client may send candidates, keys and even the hang-up while the call is still being placed, so
commands wait in a queue that one task works off; the WebSocket's reader never waits for a call.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from time import monotonic
from typing import Literal

from gateway.admission.gate import Admission
from gateway.admission.grant import Grant
from gateway.calls import news
from gateway.calls.end import By, CallEnd
from gateway.calls.request import CallRequest
from gateway.errors import CapacityError, GatewayError, RequestError, UnavailableError
from gateway.media.events import LegQuality
from gateway.signaling import messages
from gateway.signaling.progress import Progress, side
from gateway.signaling.room import Room
from gateway.signaling.seam import PlacedCall

logger = logging.getLogger(__name__)

Command = Callable[[PlacedCall], Awaitable[None]]
Handover = (
    news.TransferProgress
    | news.Transferred
    | news.TransferFailed
    | news.Redirecting
    | news.Redirected
    | news.RedirectFailed
)
Say = Callable[[messages.ServerMessage], None]

TransferMessage = messages.TransferProgress | messages.Transferred | messages.TransferFailed

_OUR_FAULT = "the gateway failed; its log says why"

_HANDED_OVER = CallEnd.made_here(By.LOCAL, "handed-over", 200, "The call goes on at another page.")

_STAGES: dict[type[news.News], str] = {
    news.AnswerReady: "answer",
    news.Ringing: "ringing",
    news.Answered: "answered",
}


_TRANSFER: dict[type[news.News], type[TransferMessage]] = {
    news.TransferProgress: messages.TransferProgress,
    news.Transferred: messages.Transferred,
    news.TransferFailed: messages.TransferFailed,
}


class ClientCall:
    """A call of one session.

    `call` is the id that the client chose.

    Parameters
    ----------
    grant
        What the client may do.
    say
        Takes messages for the client.
    over
        Called when the id is free again, perhaps more than once.
    granted
        Returns what the client may do now, for what its call comes to later.
    """

    def __init__(
        self,
        request: CallRequest,
        grant: Grant,
        room: Room,
        *,
        say: Say,
        over: Callable[[ClientCall], None],
        granted: Callable[[], Grant] | None = None,
    ) -> None:
        self.call = request.page_call
        session = request.visitor.session
        self._request = request
        self._grant = grant
        self._admission: Admission | None = None
        self._granted = granted or (lambda: grant)
        self._transferring: Admission | None = None
        self._redirecting: Admission | None = None
        self._talked_ms = 0  # to those who have handed the page over
        self._room = room
        self._say = say
        self._over = over
        self._log = {"session": session, "page_call": self.call}
        self._commands: asyncio.Queue[Command | None] = asyncio.Queue()
        self._live: PlacedCall | None = None  # whom commands go to
        self._placed_at = monotonic()
        self._progress = Progress()
        self._stages_seen: set[str] = set()
        self.task = asyncio.create_task(self._run(), name=f"client-call-{session}-{self.call}")

    @property
    def standing(self) -> messages.LiveCall:
        """The call as a client that comes back has to know it."""
        return self._standing(direction="outgoing", to=self._request.to)

    def _standing(
        self, *, direction: Literal["outgoing", "incoming"], **parties: str | None
    ) -> messages.LiveCall:
        progress = self._progress
        return messages.LiveCall(
            call=self.call,
            state=progress.state,
            direction=direction,
            early_media=progress.early_media,
            answered_ms=progress.answered_ms,
            held=tuple(sorted(progress.held)),
            codec=progress.codec,
            **parties,
        )

    def command(self, command: Command) -> None:
        """Hand on a command once all earlier ones are.

        Raises
        ------
        CapacityError
            Too many wait already.
        """
        limit = self._room.limits.commands
        if self._commands.qsize() >= limit:
            raise CapacityError(f"{limit} messages for this call wait already; this one is dropped")
        self._commands.put_nowait(command)

    def abandon(self, reason: str) -> None:
        """End the call because its client is gone; not subject to the limit of commands."""
        self._commands.put_nowait(lambda call: call.abandon(reason))

    def transfer(self, to: str, grant: Grant) -> None:
        """Hand the far end over to a number, if it may be called."""
        self.command(lambda call: self._transfer(call, to, grant))

    async def _transfer(self, call: PlacedCall, to: str, grant: Grant) -> None:
        """Let a number in as for a call, before the trunk hears of it: it costs the same."""
        call.check_transfer()
        visitor = self._request.visitor
        admission: Admission | None = None
        try:
            admission = await self._room.gate.admit(visitor, grant, to, caller=None)
            await call.transfer(to)
        except GatewayError as error:
            if admission is not None:
                admission.refused(error)
            self._room.refuse(visitor, self.call, to, error)
            raise
        self._transferring = admission

    async def _redirect(self, asked: news.Referred, call: PlacedCall) -> None:
        """Let in whom the far end hands the page over to, as if the page had called there."""
        visitor = self._request.visitor
        try:
            self._redirecting = admission = await self._room.gate.admit(
                visitor, self._granted(), asked.to, caller=self._shown
            )
        except GatewayError as error:
            self._room.refuse(visitor, self.call, asked.to, error)
            await call.refuse_redirect(asked.token, error)
            return
        except BaseException:  # whoever has asked gets an answer
            await call.refuse_redirect(asked.token, GatewayError(_OUR_FAULT))
            raise
        request = replace(
            self._request,
            to=asked.to,
            caller=admission.caller,
            headers=(),  # were for somebody else
            max_ringing=admission.max_ringing,
            referral=asked.referral,
        )
        await call.redirect(asked.token, request)

    @property
    def _shown(self) -> str | None:
        """Whom the page wants shown as the caller."""
        return self._request.caller

    def transfer_to(self, other: ClientCall) -> None:
        """Hand the far end over to the one of another call, which has been let in already."""
        if other is self:
            raise RequestError("a call is transferred to another one, not to itself")
        self.command(lambda call: other.give(call))

    async def give(self, call: PlacedCall) -> None:
        """Have another call's far end talk to this one's."""
        if self._live is None:
            raise RequestError("a call is transferred to another one that is answered")
        await call.transfer_to(self._live)

    async def _run(self) -> None:
        try:
            self._live = await self._place()
        except GatewayError as error:
            self._refuse(error)
        except Exception:  # a fault of ours costs this call, not the session
            logger.exception("a call could not be placed", extra=self._log)
            self._refuse(GatewayError(_OUR_FAULT))
        else:
            while (command := await self._commands.get()) is not None:
                await self._carry_out(command, self._live)
        finally:
            for admission in (self._admission, self._transferring, self._redirecting):
                if admission is not None:
                    admission.release()
            self._over(self)

    async def _place(self) -> PlacedCall:
        calls, request = self._room.calls, self._request
        calls.check_room()  # before a token for one call is used up
        self._admission = admission = await self._room.gate.admit(
            request.visitor,
            self._grant,
            request.to,
            caller=request.caller,
        )
        admitted = replace(
            request,
            caller=admission.caller,
            max_duration=admission.max_duration,
            max_ringing=admission.max_ringing,
        )
        call = await calls.place(admitted, self._tell)
        self._log["call"] = call.id
        # The line that leads from what a page tells to what the gateway and the trunk tell
        logger.debug("call placed", extra=self._log)
        return call

    async def _carry_out(self, command: Command, call: PlacedCall) -> None:
        try:
            await command(call)
        except GatewayError as error:
            self._say(messages.error_of(error, call=self.call))
        except Exception:  # the call itself lives on; only this command is lost
            logger.exception("a command failed", extra=self._log)
            self._say(messages.error_of(GatewayError(_OUR_FAULT), call=self.call))

    def _refuse(self, error: GatewayError) -> None:
        if self._admission is not None:  # it was let in, and another part has no room for it
            self._admission.refused(error)
        self._room.refuse(self._request.visitor, self.call, self._request.to, error)
        self._say(messages.error_of(error, call=self.call, fatal=True))

    def _observe(self, event: news.News) -> None:
        """Measure how long it takes to get there."""
        stage = _STAGES.get(type(event))
        if stage is not None and stage not in self._stages_seen:
            self._stages_seen.add(stage)
            self._room.metrics.setup.labels(stage).observe(monotonic() - self._placed_at)

    def _tell(self, event: news.News) -> None:
        if isinstance(event, news.SideQuality):  # of a call that has no page
            return
        if isinstance(event, news.Referred):  # not of the page, so the limit is not for it
            self._commands.put_nowait(partial(self._redirect, event))
            return
        self._observe(event)
        self._progress.learn(event)
        self._account(event)
        if isinstance(event, news.Quality):
            self._room.metrics.observe_quality("browser", event.browser)
            self._room.metrics.observe_quality("trunk", event.trunk)
        if isinstance(event, news.HandedOver):
            self._over(self)
            self._commands.put_nowait(None)
        if isinstance(event, news.Ended):
            # Before the message: who reads it may use the id again at once
            if self._admission is not None:
                lasted = event.duration_ms - self._talked_ms
                self._admission.ended(event.end.cause, event.end.sip_code, lasted)
            self._end_redirect(event.end.cause, event.end.sip_code)
            self._end_transfer(event.end.cause, event.end.sip_code)
            if event.duration_ms:
                seconds = event.duration_ms / 1000
                self._room.metrics.observe_duration(event.trunk, seconds)
            self._over(self)
            self._commands.put_nowait(None)
        self._say(message_for(self.call, event))

    def _account(self, event: news.PageNews) -> None:
        """Let those whom admission has let in count for what has become of them."""
        match event:
            case news.Answered() if self._admission is not None:
                self._admission.answered()
            case news.Transferred(code=code):
                self._end_transfer("transferred", code)
            case news.TransferFailed(code=code):
                self._end_transfer("transfer-failed", code)
            case news.Redirected():
                self._turn(event)
            case news.RedirectFailed(code=code):
                self._end_redirect("redirect-failed", code)

    def _turn(self, redirected: news.Redirected) -> None:
        """Count the call for whom the page talks to now."""
        before, self._admission, self._redirecting = self._admission, self._redirecting, None
        if before is not None:
            before.ended("redirected", 200, redirected.duration_ms - self._talked_ms)
        self._talked_ms = redirected.duration_ms
        if self._admission is not None:
            self._admission.answered()

    def _end_redirect(self, cause: str, sip_code: int) -> None:
        """Write what became of the number that the far end has named, if there is one."""
        admission, self._redirecting = self._redirecting, None
        if admission is not None:
            admission.ended(cause, sip_code, 0)

    def _end_transfer(self, cause: str, sip_code: int) -> None:
        """Write what became of the number that was let in for a transfer, if there is one."""
        admission, self._transferring = self._transferring, None
        if admission is not None:
            admission.ended(cause, sip_code, 0)


def message_for(call: str, event: news.PageNews) -> messages.ServerMessage:
    """Put news of a call into the protocol's words."""
    match event:
        case news.Trying():
            return messages.Trying(call=call)
        case news.Ringing(early_media=early_media):
            return messages.Ringing(call=call, early_media=early_media)
        case news.AnswerReady(sdp=sdp):
            return messages.Answer(call=call, answer=messages.AnswerDescription(sdp=sdp))
        case news.Answered(browser_codec=browser, trunk_codec=trunk):
            return messages.Answered(call=call, codec=messages.Codecs(browser=browser, trunk=trunk))
        case news.DigitHeard(digit=digit, duration_ms=duration):
            return messages.Digit(call=call, digit=digit, duration=duration)
        case (
            news.Held()
            | news.Resumed()
            | news.HoldRefused()
            | news.RestartFailed()
            | news.HandedOver()
        ):
            return _about_change(call, event)
        case (
            news.TransferProgress()
            | news.Transferred()
            | news.TransferFailed()
            | news.Redirecting()
            | news.Redirected()
            | news.RedirectFailed()
        ):
            return _about_handover(call, event)
        case news.Quality(browser=browser_leg, trunk=trunk_leg):
            return messages.Quality(call=call, browser=_leg(browser_leg), trunk=_leg(trunk_leg))
        case news.Ended(end=end, duration_ms=duration):
            return messages.Ended(
                call=call,
                by=end.by.value,
                cause=end.cause,
                sip_code=end.sip_code,
                reason=end.reason,
                message=end.message,
                duration_ms=duration,
            )


def _about_handover(call: str, event: Handover) -> messages.ServerMessage:
    match event:
        case news.TransferProgress() | news.Transferred() | news.TransferFailed():
            told = _TRANSFER[type(event)]
            return told(call=call, sip_code=event.code, reason=event.reason)
        case news.Redirecting(to=to, code=code, reason=reason):
            return messages.Redirecting(call=call, to=to, sip_code=code, reason=reason)
        case news.Redirected(to=to, browser_codec=browser, trunk_codec=trunk):
            codec = messages.Codecs(browser=browser, trunk=trunk)
            return messages.Redirected(call=call, to=to, codec=codec)
        case news.RedirectFailed(to=to, code=code, reason=reason):
            return messages.RedirectFailed(call=call, to=to, sip_code=code, reason=reason)


Change = news.Held | news.Resumed | news.HoldRefused | news.RestartFailed | news.HandedOver


def _about_change(call: str, event: Change) -> messages.ServerMessage:
    """Say what has changed in a call, or has not."""
    match event:
        case news.HandedOver(duration_ms=duration):  # over for this page, and for no other
            return message_for(call, news.Ended(_HANDED_OVER, duration))
        case news.RestartFailed(why=why):
            return messages.Error(
                code=UnavailableError.sip_code,
                name="restart-failed",
                message=f"The call goes on as it was. {why}",
                call=call,
            )
        case news.Held(by=by):
            return messages.Held(call=call, by=side(by))
        case news.Resumed(by=by):
            return messages.Resumed(call=call, by=side(by))
        case news.HoldRefused(held=held, code=code, reason=reason, by=by):
            refusal = reason or str(code)
            return messages.Error(
                code=code,
                name="hold-refused" if held else "resume-refused",
                message=f"{'The far end does not agree: ' if by is By.REMOTE else ''}{refusal}.",
                call=call,
            )


def _leg(quality: LegQuality) -> messages.LegQuality:
    """Round to what a person could tell apart: a frame in two seconds need not carry more."""
    mos, rtt = quality.mos, quality.rtt_ms
    return messages.LegQuality(
        mos=None if mos is None else round(mos, 2),
        loss=round(quality.loss, 4),
        jitter_ms=round(quality.jitter_ms, 1),
        rtt_ms=None if rtt is None else round(rtt, 1),
        level=quality.level,
        packets=quality.packets,
    )
