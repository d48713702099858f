"""One call as its client sees it: placed once, then commanded in order, and told about as messages.

A client may send candidates, keys and even the hang-up while the call is still being placed, so
commands wait in a queue that one task works off; the WebSocket's reader never waits for a call.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from time import monotonic
from typing import Literal

from gateway.admission.gate import Admission
from gateway.admission.grant import Grant, Visitor
from gateway.calls import news
from gateway.calls.directory import Page
from gateway.calls.record import Holder
from gateway.calls.request import CallRequest
from gateway.calls.ring import Caller
from gateway.errors import CapacityError, GatewayError, RequestError, UnavailableError
from gateway.signaling import messages
from gateway.signaling.handing import Estate, Handing
from gateway.signaling.progress import Progress
from gateway.signaling.room import Room
from gateway.signaling.seam import PlacedCall
from gateway.signaling.wording import message_for

logger = logging.getLogger(__name__)

Command = Callable[[PlacedCall], Awaitable[None]]
Say = Callable[[messages.ServerMessage], None]

_OUR_FAULT = "the gateway failed; its log says why"

_STAGES: dict[type[news.News], str] = {
    news.AnswerReady: "answer",
    news.Ringing: "ringing",
    news.Answered: "answered",
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
    visitor
        Returns who it is now: it may have come back from elsewhere.
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
        visitor: Callable[[], Visitor] | None = None,
    ) -> None:
        self.call = request.page_call
        session = request.visitor.session
        self._request = request
        self._grant = grant
        self._admission: Admission | None = None
        self._granted = granted or (lambda: grant)
        self._visitor = visitor or (lambda: request.visitor)
        self._transferring: Admission | None = None
        self._redirecting: Admission | None = None
        self._talked_ms = 0  # of the call, before `_admission` counted
        self._inherited: tuple[tuple[Admission, int], ...] = ()  # of pages that had the call
        self._handing: Handing | None = None
        self._redirected_to = ""
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
    def placed(self) -> str | None:
        """The gateway's name of the call; None before it is the page's."""
        return None if self._live is None else self._live.id

    @property
    def standing(self) -> messages.LiveCall:
        """The call as a client that comes back has to know it."""
        return self._standing(direction="outgoing", to=self._far_end)

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

    def restart(self, offer: str, restart_id: str | None) -> None:
        """Take an offer for another media path; what becomes of it is told with its id."""
        self.command(lambda call: self._restart(call, offer, restart_id))

    async def _restart(self, call: PlacedCall, offer: str, restart_id: str | None) -> None:
        try:
            await call.restart(offer, None, restart_id)
        except GatewayError as error:
            self._failed(error, restart_id=restart_id)

    def transfer(self, to: str, grant: Grant) -> None:
        """Hand the far end over to a number, if it may be called."""
        self.command(lambda call: self._transfer(call, to, grant))

    async def _transfer(self, call: PlacedCall, to: str, grant: Grant) -> None:
        """Let a number in as for a call, before the trunk hears of it: it costs the same."""
        call.check_transfer()
        self._check_handing()
        visitor = self._visitor()
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
        visitor = self._visitor()
        # Of one that the call has given up by itself, before it was let in
        self._end_redirect("redirect-failed", 408)
        try:
            self._check_handing()  # the page that takes the call has not been asked
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
            visitor=visitor,
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

    def hand_over(self, identity: str, grant: Grant, page: Page) -> None:
        """Hand this page's part of the call over to another page, of those of an identity."""
        self.command(lambda call: self._hand_over(call, identity, grant, page))

    async def _hand_over(self, call: PlacedCall, identity: str, grant: Grant, page: Page) -> None:
        call.check_transfer()
        self._check_handing()
        self._room.gate.incoming.hand_over(self._visitor(), grant, identity)
        directory = self._room.directory
        self._handing = Handing(
            Caller(secrets.token_hex(6), "", identity, self._far_end, self._far_name),
            call,
            directory.pages(identity),
            partial(directory.watch, identity),
            own=page,
            rings=lambda: self._tell(news.TransferProgress(180, "Ringing")),
            failed=self._not_handed,
        )

    def _check_handing(self) -> None:
        if self._handing is not None:
            raise RequestError("a transfer of this call is under way already")

    def _not_handed(self, code: int, reason: str) -> None:
        """Go on as it was: no page has taken the call."""
        if self._handing is not None:
            self._handing = None
            self._tell(news.TransferFailed(code, reason))

    def _hand_on(self, duration_ms: int) -> None:
        """Give another page the call, and what holds for it: that page is connected.

        If it has hung up in this moment, nobody has the call, and it ends.
        """
        handing, self._handing = self._handing, None
        own = () if self._admission is None else ((self._admission, self._talked_ms),)
        held = "local" in self._progress.held
        estate = Estate((*self._inherited, *own), duration_ms, held)
        if handing is not None and handing.give(estate):
            self._admission, self._inherited = None, ()
            self._say(messages.Transferred(call=self.call, sip_code=200, reason="OK"))
        else:
            self.abandon("The page that was to have the call has hung up.")

    def take_over(self, call: PlacedCall, estate: Estate) -> None:
        """Have a call that another page has given away, with all that it is allowed by."""
        self._live = call
        self.moved()
        self._inherited, self._talked_ms = estate.admissions, estate.lasted_ms
        if estate.held:  # whoever accepts wants to talk
            self._commands.put_nowait(lambda call: call.resume())

    def moved(self) -> None:
        """Have the operator's blocks hold for the client as it is now, and where it is."""
        if self._live is not None:
            holder = Holder(self._visitor(), self._granted().identity)
            self._room.calls.note_holder(self._live.id, holder)

    @property
    def _far_end(self) -> str:
        """Whom the page talks to."""
        return self._redirected_to or self._request.to

    @property
    def _far_name(self) -> str | None:
        """What that one is called, if it is known."""
        return None

    def transfer_to(self, other: ClientCall) -> None:
        """Hand the far end over to the one of another call, which has been let in already."""
        if other is self:
            raise RequestError("a call is transferred to another one, not to itself")
        self.command(partial(self._join, other))

    async def _join(self, other: ClientCall, call: PlacedCall) -> None:
        self._check_handing()
        await other.give(call)

    async def give(self, call: PlacedCall) -> None:
        """Have another call's far end talk to this one's."""
        if self._live is None:
            raise RequestError("a call is transferred to another one that is answered")
        await call.transfer_to(self._live)

    async def _run(self) -> None:
        try:
            self._live = await self._place()
            if self._visitor() != self._request.visitor:  # it has come back meanwhile
                self.moved()
        except GatewayError as error:
            self._refuse(error)
        except Exception:  # a fault of ours costs this call, not the session
            logger.exception("a call could not be placed", extra=self._log)
            self._refuse(GatewayError(_OUR_FAULT))
        else:
            while (command := await self._commands.get()) is not None:
                await self._carry_out(command, self._live)
        finally:
            handing, self._handing = self._handing, None
            if handing is not None:
                handing.task.cancel()
            inherited = (each for each, _ in self._inherited)
            own = (self._admission, self._transferring, self._redirecting)
            for admission in (*own, *inherited):
                if admission is not None:
                    admission.release()
            self._over(self)
            self._part()

    def _part(self) -> None:
        """Know the call no more, which holds what tells it here."""
        self._live = None

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
            self._failed(error)
        except Exception:  # the call itself lives on; only this command is lost
            logger.exception("a command failed", extra=self._log)
            self._say(messages.error_of(GatewayError(_OUR_FAULT), call=self.call))

    def _failed(self, error: GatewayError, *, restart_id: str | None = None) -> None:
        """Say what a command has come to."""
        if isinstance(error, UnavailableError):  # of which the page hears little
            logger.warning("a command failed: %s", error, extra=self._log)
        self._say(messages.error_of(error, call=self.call, restart_id=restart_id))

    def _refuse(self, error: GatewayError) -> None:
        if self._admission is not None:  # it was let in, and another part has no room for it
            self._admission.refused(error)
        self._room.refuse(self._request.visitor, self.call, self._request.to, error)
        self._room.calls.refused(self._request, error)
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
            while not self._commands.empty():  # which are not for another page's call
                self._commands.get_nowait()
            self._hand_on(event.duration_ms)
            self._over(self)
            self._commands.put_nowait(None)
        if isinstance(event, news.Ended):
            # Before the message: who reads it may use the id again at once
            self._end_admissions(event.end.cause, event.end.sip_code, event.duration_ms)
            if self._handing is not None:
                self._handing.end(event.end)
                self._handing = None
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
        self._end_admissions("redirected", 200, redirected.duration_ms)
        self._admission, self._redirecting = self._redirecting, None
        self._talked_ms = redirected.duration_ms
        self._redirected_to = redirected.to
        if self._admission is not None:
            self._admission.answered()

    def _end_admissions(self, cause: str, sip_code: int, duration_ms: int) -> None:
        """Write how those have ended by whom the page has talked to somebody until now."""
        own = () if self._admission is None else ((self._admission, self._talked_ms),)
        for admission, since in (*own, *self._inherited):
            admission.ended(cause, sip_code, duration_ms - since)
        self._admission, self._inherited = None, ()

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
