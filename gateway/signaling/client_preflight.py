"""The pre-flights of one session, as its client sees them: begun, given candidates, hung up.

They share the ids and the number of a session's calls, and are none: nothing is dialed, and one
whose socket is lost is over, since nobody is there to read what it has found.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from gateway.admission.grant import Grant, Visitor
from gateway.calls.end import By, CallEnd
from gateway.calls.news import Ended
from gateway.calls.preflight import PreflightNews, Ready
from gateway.errors import CapacityError, GatewayError, RequestError
from gateway.signaling import messages
from gateway.signaling.room import Room
from gateway.signaling.seam import Preflight
from gateway.signaling.wording import echo_quality, message_for

logger = logging.getLogger(__name__)

Say = Callable[[messages.ServerMessage], None]

ForPreflight = messages.Candidate | messages.Hangup


class ClientPreflight:
    """One pre-flight; commands that come while it is still being begun wait."""

    def __init__(
        self,
        message: messages.StartPreflight,
        visitor: Visitor,
        grant: Grant,
        room: Room,
        *,
        say: Say,
        over: Callable[[ClientPreflight], None],
    ) -> None:
        self.call = message.call
        self._offer = message.offer.sdp
        self._visitor = visitor
        self._grant = grant
        self._room = room
        self._say = say
        self._over = over
        self._live: Preflight | None = None
        self._waiting: asyncio.Queue[messages.ClientMessage | None] = asyncio.Queue()
        self._end: CallEnd | None = None  # wanted before it had begun
        name = f"client-preflight-{visitor.session}-{self.call}"
        self.task = asyncio.create_task(self._run(), name=name)

    def command(self, message: ForPreflight) -> None:
        """Do what a message asks for, once those before it are done.

        Raises
        ------
        CapacityError
            Too many wait already.
        """
        if isinstance(message, messages.Hangup) and self._live is not None:
            self._live.hangup()  # at once: its socket may be closed in the same moment
            return
        limit = self._room.limits.commands
        if self._waiting.qsize() >= limit:
            raise CapacityError(f"{limit} messages for this test wait already; this one is dropped")
        self._waiting.put_nowait(message)

    def abandon(self, reason: str) -> None:
        """End it because its client is gone."""
        self._end = CallEnd.made_here(By.GATEWAY, "page-lost", 408, reason)
        if self._live is not None:
            self._live.end(self._end)

    async def _run(self) -> None:
        room, lease = self._room, None
        try:
            lease = room.gate.preflights.admit(self._visitor, self._grant)
            self._live = live = await room.calls.preflights.begin(self._offer, self._tell)
            room.metrics.preflights_active.inc()
            try:
                if self._end is not None:
                    live.end(self._end)
                while (message := await self._waiting.get()) is not None:
                    await self._obey(live, message)
            finally:
                room.metrics.preflights_active.dec()
        except GatewayError as error:
            self._refuse(error)
        except Exception:  # a fault of ours costs this test, not the session
            logger.exception("a pre-flight could not begin")
            self._refuse(GatewayError("the gateway failed; its log says why"))
        finally:
            if lease is not None:
                lease.release()
            self._live = None  # it holds what tells it here
            self._over(self)

    async def _obey(self, live: Preflight, message: messages.ClientMessage) -> None:
        try:
            match message:
                case messages.Hangup():
                    live.hangup()
                case messages.Candidate(candidate=candidate):
                    await live.add_candidate((candidate.candidate if candidate else "") or None)
        except Exception:  # only this message is lost
            logger.exception("a message for a pre-flight failed")

    def _refuse(self, error: GatewayError) -> None:
        self._room.refuse_preflight(self._visitor, self.call, error)
        self._say(messages.error_of(error, call=self.call, fatal=True))

    def _tell(self, event: PreflightNews) -> None:
        match event:
            case Ready(sdp=sdp, ports=ports):
                answer = messages.AnswerDescription(sdp=sdp)
                self._say(messages.Answer(call=self.call, answer=answer, ports=ports))
            case Ended(end=end):
                # Before the message: who reads it may use the id again at once
                self._over(self)
                self._waiting.put_nowait(None)
                self._room.metrics.preflights.labels(end.cause).inc()
                self._say(message_for(self.call, event))
            case _:
                self._say(echo_quality(self.call, event))


class ClientPreflights:
    """Those of a session.

    Parameters
    ----------
    calls
        Says how many calls the session has, and whether one has that id.
    """

    def __init__(
        self,
        room: Room,
        say: Say,
        calls: Callable[[], int],
        has_call: Callable[[str], bool],
    ) -> None:
        self._room = room
        self._say = say
        self._calls = calls
        self._has_call = has_call
        self._live: dict[str, ClientPreflight] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._live)

    def __contains__(self, call: object) -> bool:
        return call in self._live

    def begin(self, message: messages.StartPreflight, visitor: Visitor, grant: Grant) -> None:
        """Begin one; what is refused is said.

        Raises
        ------
        RequestError
            The id is one of a call, or of another pre-flight, which lives on.
        """
        if message.call in self._live or self._has_call(message.call):
            raise RequestError(f"call {message.call!r} exists already: an id is for one call")
        limit = self._room.limits.calls
        if self._calls() + len(self._live) >= limit:
            error = CapacityError(f"a session may have {limit} calls at a time")
            self._room.refuse_preflight(visitor, message.call, error)
            self._say(messages.error_of(error, call=message.call, fatal=True))
            return
        preflight = ClientPreflight(
            message, visitor, grant, self._room, say=self._say, over=self._forget
        )
        self._live[message.call] = preflight
        self._tasks.add(preflight.task)
        preflight.task.add_done_callback(self._tasks.discard)

    def command(self, message: messages.ClientMessage) -> None:
        """Do what a message asks of one.

        Raises
        ------
        RequestError
            It is nothing that a pre-flight has.
        """
        call = getattr(message, "call", "")
        if not isinstance(message, ForPreflight):
            raise RequestError(f"call {call!r} is a pre-flight: it takes `candidate` and `hangup`")
        self._live[call].command(message)

    def abandon(self, reason: str) -> set[asyncio.Task[None]]:
        """End all; return the tasks to wait for."""
        for preflight in list(self._live.values()):
            preflight.abandon(reason)
        return set(self._tasks)

    def _forget(self, preflight: ClientPreflight) -> None:
        # The client may have given the id to a new one by now
        if self._live.get(preflight.call) is preflight:
            del self._live[preflight.call]
