"""One client's session: what its messages do, and its calls. It outlives its WebSocket.

The socket is lost with the network or the page, and the calls are not: they go on, what they tell
is kept, and a client that comes back in time gets it on another socket (`sessions`).
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from dataclasses import replace
from time import monotonic, time
from typing import Final, Literal, Protocol

from gateway.admission.fields import parse_identity
from gateway.admission.grant import Grant, Visitor
from gateway.admission.target import parse_target
from gateway.admission.token import LEEWAY
from gateway.calls.news import Tell
from gateway.calls.ring import Ring
from gateway.calls.weakly import weakly
from gateway.errors import (
    CapacityError,
    DrainingError,
    ForbiddenError,
    GatewayError,
    RequestError,
    TokenError,
    UnknownCallError,
)
from gateway.signaling import messages
from gateway.signaling.client_call import ClientCall
from gateway.signaling.client_preflight import ClientPreflights
from gateway.signaling.incoming_call import IncomingCall
from gateway.signaling.messages import MessageError
from gateway.signaling.opinions import Opinions
from gateway.signaling.replay import Replay
from gateway.signaling.room import Room
from gateway.signaling.wanted_call import read_wanted, wanted_in_vain

logger = logging.getLogger(__name__)

Resume = Literal["resumed", "over", "unknown"]


class Line(Protocol):
    """The WebSocket that a session has for now."""

    def send(self, text: str) -> None:
        """Take a message for the client, at once and without waiting."""

    def watch(self, on: bool) -> None:
        """Have a client that vanishes noticed soon, or no more so."""

    def give_way(self) -> None:
        """Close: the session has another one."""


# The token's last moment is still good, and the wall clock may have been set back meanwhile
AFTER_EXPIRY: Final = 0.05  # seconds


class Session:
    """The calls of one client.

    `grant` is what it may do, and another once it has a new token. `token` brings the client back
    to the session.

    Parameters
    ----------
    visitor
        Who is at the other end.
    line
        Its WebSocket; `attach` changes it.
    """

    def __init__(self, visitor: Visitor, grant: Grant, room: Room, line: Line) -> None:
        self.id = visitor.session
        self.token = secrets.token_urlsafe(32)
        self.grant = grant
        self._visitor = visitor
        self._room = room
        self._line: Line | None = line
        self._replay = Replay(room.limits.kept, room.limits.kept_size)
        self._handed_out = 0  # messages of calls that a socket has been given
        self._heard = 0  # messages of calls that the client has sent
        self._last_said = float("-inf")
        self._calls = calls = dict[str, ClientCall]()
        self._preflights = ClientPreflights(
            room, weakly(self.say), lambda: len(calls), calls.__contains__
        )
        self._opinions = Opinions(room, weakly(self._placed))
        self._tasks: set[asyncio.Task[None]] = set()
        self._expiry: asyncio.TimerHandle | None = None  # of the registration, with its token

    # The socket

    @property
    def visitor(self) -> Visitor:
        """Who is, or was last, at the other end."""
        return self._visitor

    @property
    def address(self) -> str:
        """Where the socket comes from, or the last one came from."""
        return self._visitor.address

    @property
    def has_calls(self) -> bool:
        """Whether there is something to come back to."""
        return bool(self._calls)

    def has(self, line: Line) -> bool:
        """Whether this is its socket still."""
        return self._line is line

    def attach(self, visitor: Visitor, grant: Grant, line: Line) -> None:
        """Go on by another socket; the one that there is has to close.

        Nothing rings here any more, until the client registers again: it may be another page.
        """
        before, self._line = self._line, line
        self._preflights.abandon("The page has gone on by another socket.")
        if before is not None:
            before.give_way()
            self._room.draining.leave(self)
        self._visitor = replace(visitor, session=self.id)
        self.grant = grant
        self._room.directory.unregister(self)
        for call in self._calls.values():
            call.moved()
        self._watch_if_needed()

    def detach(self, line: Line) -> bool:
        """Go on without a socket; False if it has another one than this by now."""
        if not self.has(line):
            return False
        self._line = None
        self._preflights.abandon("The page's connection to the gateway is lost.")
        self._room.directory.unregister(self)
        self._room.draining.leave(self)
        return True

    def is_worth_keeping(self, left: bool) -> bool:
        """Whether its client may want to come back.

        Parameters
        ----------
        left
            Whether the client has said goodbye. If not, it may have missed even what was said long
            before its socket was found to be dead, such as the end of its last call.
        """
        age = monotonic() - self._last_said
        return self.has_calls or (not left and age < self._room.sessions.window)

    def greet(self, resume: Resume | None = None, received: int | None = None) -> None:
        """Welcome the client, and tell what it has missed in an earlier socket's time.

        Parameters
        ----------
        resume
            What became of the session that it wanted back.
        received
            How many messages of calls it has taken; None for all that a socket was given.
        """
        room, grant, said = self._room, self.grant, self._replay.said
        taken = min(said, self._handed_out if received is None else received)
        missed = self._replay.after(taken)
        servers = room.ice.servers(self.id, now=time())
        welcome = messages.Welcome(
            session=self.id,
            resume_token=self.token if room.sessions.window else None,
            resume_window=room.sessions.window,
            ice_servers=tuple(server.to_json() for server in servers),
            ice_transport_policy=room.ice_policy,
            expires=grant.expires,
            identity=grant.identity,
            resume=resume,
            heard=self._heard,
            received=said - len(missed),
            missed=len(missed),
            lost=said - len(missed) - taken,
            calls=tuple(call.standing for call in self._calls.values()),
        )
        self._send(messages.render(welcome))
        for text in missed:
            self._send(text)
        self._handed_out = said
        room.draining.enter(self)

    def say(self, message: messages.ServerMessage) -> None:
        """Tell the client something; what is about a call reaches it also on a later socket."""
        text = messages.render(message)
        if messages.is_kept(message):
            self._replay.add(text)
            self._last_said = monotonic()
            if self._line is not None:
                self._handed_out = self._replay.said
        self._send(text)

    def _send(self, text: str) -> None:
        if self._line is not None:
            self._line.send(text)

    # What messages do

    def _granted(self) -> Grant:
        return self.grant

    def _whoever(self) -> Visitor:
        return self._visitor

    def receive(self, message: messages.ClientMessage) -> None:
        """Do what a message asks for; what is refused is said to the client."""
        call = getattr(message, "call", None)
        self._count(call)
        try:
            self._dispatch(message)
        except GatewayError as error:
            restart_id = message.id if isinstance(message, messages.Restart) else None
            self.say(messages.error_of(error, call=call, restart_id=restart_id))

    def _count(self, call: str | None) -> None:
        """Count a message of a call: what a dead socket has swallowed was not heard here."""
        self._heard += call is not None

    def _dispatch(self, message: messages.ClientMessage) -> None:
        match message:
            case messages.PlaceCall():
                self._place(message)
            case messages.StartPreflight():
                self._preflights.begin(message, self._visitor, self.grant)
            case messages.Register(identity=identity):
                self._register(identity)
            case messages.Unregister(identity=identity):
                self._unregister(identity)
            case messages.Ping():
                self.say(messages.Pong())
            case _ if getattr(message, "call", "") in self._preflights:
                self._preflights.command(message)
            case messages.Stats():
                self._opinions.hear(message)
            case messages.Feedback():
                self._opinions.rate(message)
                self.say(messages.FeedbackTaken(call=message.call))
            case _:
                self._command(message)

    def _command(self, message: messages.ClientMessage) -> None:
        """Do what a message asks of a call that there is."""
        match message:
            case messages.Accept(offer=offer):
                self._ringing(message.call).accept(offer.sdp, self.grant)
            case messages.Reject(code=code):
                self._ringing(message.call).reject(code)
            case messages.Candidate(candidate=candidate):
                text = candidate.candidate if candidate is not None else ""
                self._find(message.call).command(lambda call: call.add_candidate(text or None))
            case messages.Restart(offer=offer, id=restart_id):
                self._find(message.call).restart(offer.sdp, restart_id)
            case messages.Hangup():
                self._find(message.call).command(lambda call: call.hangup())
            case messages.Hold():
                self._find(message.call).command(lambda call: call.hold())
            case messages.Resume():
                self._find(message.call).command(lambda call: call.resume())
            case messages.Transfer():
                self._transfer(message)
            case messages.SendDigits(digits=digits, duration=duration, gap=gap):
                keys = digits.upper()
                self._find(message.call).command(lambda call: call.send_digits(keys, duration, gap))

    def _transfer(self, message: messages.Transfer) -> None:
        call = self._find(message.call)
        match message:
            case messages.Transfer(to=str(to)):
                call.transfer(parse_target(to), self.grant)
            case messages.Transfer(replaces=str(other)):
                call.transfer_to(self._find(other))
            case messages.Transfer(identity=str(identity)):
                call.hand_over(parse_identity(identity), self.grant, self)

    def _find(self, call: str) -> ClientCall:
        try:
            return self._calls[call]
        except KeyError:
            raise UnknownCallError(f"this session has no call {call!r}") from None

    def _placed(self, call: str) -> str | None:
        """Return the gateway's name of a call; None before it is placed."""
        return self._find(call).placed

    def _ringing(self, call: str) -> IncomingCall:
        found = self._find(call)
        if not isinstance(found, IncomingCall):
            raise RequestError(f"call {call!r} is one of your own: it does not ring here")
        return found

    # Calls from trunks

    def _register(self, wanted: str | None) -> None:
        room = self._room
        if room.calls.draining:
            raise DrainingError("the gateway is going out of service: no call will ring here")
        identity = room.gate.incoming.identity(self._visitor, self.grant, wanted)
        before = room.directory.identity_of(self)
        room.directory.register(identity, self)
        self._expect_expiry()
        if before not in (None, identity):
            self.say(messages.Unregistered(identity=before))
        self._watch_if_needed()
        self.say(messages.Registered(identity=identity))

    def _unregister(self, named: str | None = None) -> None:
        """Be rung no more; calls that ring go on. A name counts where pages choose theirs."""
        identity = self._room.directory.identity_of(self)
        if identity is None:
            raise _unregistered()
        if self.grant.identity is None and named not in (None, identity):
            raise RequestError(f"this session is registered as {identity!r}, not as {named!r}")
        self._room.directory.unregister(self)
        self._watch_if_needed()
        self.say(messages.Unregistered(identity=identity))

    def check_registration(self) -> None:
        """Be rung no more if the grant does not allow it any longer."""
        if self._room.directory.identity_of(self) is not None:
            try:
                self._room.gate.incoming.identity(self._visitor, self.grant, None)
            except (TokenError, ForbiddenError):
                self._unregister()
            except RequestError:  # in mode "open", where the page has chosen
                pass
            else:
                self._expect_expiry()

    def _expect_expiry(self) -> None:
        """Look at the registration again once the token has expired, though nothing may ring."""
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None
        if self.grant.expires is not None:
            left = max(0.0, self.grant.expires + LEEWAY - time()) + AFTER_EXPIRY
            loop = asyncio.get_running_loop()
            self._expiry = loop.call_later(left, self.check_registration)

    def ring(self, ring: Ring) -> Tell:
        """Let a call ring here; raises as `Page.ring`."""
        if self._room.directory.identity_of(self) is None:  # gone, since the call looked for pages
            raise _unregistered()
        limit = self._room.limits.calls
        if len(self._calls) >= limit:
            raise CapacityError(f"a session may have {limit} calls at a time")
        try:
            self._room.gate.incoming.check(self._visitor, self.grant)
        except (TokenError, ForbiddenError):
            self._unregister()
            raise
        call = IncomingCall(
            ring,
            self._whoever,
            self.grant,
            self._room,
            say=self.say,
            over=self._forget,
            granted=self._granted,
        )
        self._add(call)
        caller = ring.caller
        self.say(
            messages.Incoming(
                call=call.call,
                from_=caller.number,
                to=caller.to,
                display_name=caller.display_name,
                headers=dict(caller.headers) or None,
            )
        )
        return call.tell

    def complain(self, error: MessageError) -> None:
        """Say why a frame was not read. A call that it was to begin is over, and no other one."""
        self._count(error.call)
        begins = error.places and not self._knows(error.call or "")
        if begins:
            self._refuse_unread(error)
        # Without a call, `fatal` would say that the session is over
        fatal = begins and error.call is not None
        about = messages.error_of(error, call=error.call, fatal=fatal, restart_id=error.restart_id)
        self.say(about)

    def _refuse_unread(self, error: MessageError) -> None:
        """Count and record what was asked for, as far as it could be read."""
        call = error.call or ""
        if error.to is None:
            self._room.refuse_preflight(self._visitor, call, error)
        else:
            self._room.refuse(self._visitor, call, "", error)  # its words repeat no number
            wanted = wanted_in_vain(call, error.to, self._visitor, self.grant)
            self._room.calls.refused(wanted, error)

    def tell_draining(self, seconds: float) -> None:
        """Say that no other call is taken."""
        self.say(messages.Draining(seconds=round(seconds)))

    def _add(self, call: ClientCall) -> None:
        self._calls[call.call] = call
        self._watch_if_needed()
        self._tasks.add(call.task)
        call.task.add_done_callback(self._tasks.discard)

    def _watch_if_needed(self) -> None:
        """Have a page that vanishes noticed soon while somebody counts on it."""
        if self._line is not None:
            registered = self._room.directory.identity_of(self) is not None
            self._line.watch(registered or bool(self._calls))

    def _knows(self, call: str) -> bool:
        return call in self._calls or call in self._preflights

    def _place(self, message: messages.PlaceCall) -> None:
        if self._knows(message.call):
            # Not fatal: the call that bears the name lives on
            raise RequestError(f"call {message.call!r} exists already: an id is for one call")
        limit, visitor, grant = self._room.limits.calls, self._visitor, self.grant
        try:
            if len(self._calls) + len(self._preflights) >= limit:
                raise CapacityError(f"a session may have {limit} calls at a time")
            request = read_wanted(message, visitor, grant)
        except GatewayError as error:
            self._room.refuse(visitor, message.call, message.to, error)
            wanted = wanted_in_vain(message.call, message.to, visitor, grant, message.from_)
            self._room.calls.refused(wanted, error)
            self.say(messages.error_of(error, call=message.call, fatal=True))
            return
        call = ClientCall(
            request,
            self.grant,
            self._room,
            say=self.say,
            over=self._forget,
            granted=self._granted,
            visitor=self._whoever,
        )
        self._add(call)

    def _forget(self, call: ClientCall) -> None:
        self._opinions.remember(call.call, call.placed)
        # The client may have given the id to a new call by now
        if self._calls.get(call.call) is call:
            del self._calls[call.call]
            self._watch_if_needed()

    async def close(self, reason: str) -> None:
        """End every call, and wait for it no longer than the limit."""
        self._room.directory.unregister(self)
        if self._expiry is not None:
            self._expiry.cancel()
        self._room.draining.leave(self)
        for call in list(self._calls.values()):
            call.abandon(reason)
        ending = self._tasks | self._preflights.abandon(reason)
        if not ending:
            return
        _, late = await asyncio.wait(ending, timeout=self._room.limits.close)
        for task in late:
            logger.error("a call did not end in time", extra={"session": self.id})
            task.cancel()
        if late:
            await asyncio.wait(late, timeout=self._room.limits.close)


def _unregistered() -> RequestError:
    return RequestError("this session is not registered")
