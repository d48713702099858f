"""One call over the gateway's WebSocket, from `hello` to `ended`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from gateway.caller import sound
from gateway.caller.description import read_answer
from gateway.caller.leg import CallerLeg
from gateway.caller.line import SUBPROTOCOL as SUBPROTOCOL
from gateway.caller.line import Line
from gateway.caller.options import CallOptions as CallOptions
from gateway.errors import RequestError, UnavailableError
from gateway.media.events import BrowserConnected, BrowserLost
from gateway.media.parameters import MediaConfig
from gateway.media.ports import PortRange
from voice.pauses import PAUSES
from voice.telephone_event import DIGITS

CALL = "1"  # our name for the only call on this socket, unless it comes in

# Media ports of a caller; not those that a gateway takes unless told otherwise
PORTS = (30000, 32766)

# A gateway says `ended` within its own time limits; one that does not is not waited for
END_TIMEOUT = 10.0  # seconds after our hang-up

Message = dict[str, Any]


@dataclass(slots=True)
class Outcome:
    """How a call went; times are `perf_counter()` readings."""

    messages: list[Message] = field(default_factory=list)
    times: dict[str, float] = field(default_factory=dict)
    answered: bool = False
    digits: str = ""
    sent: int = 0
    received: int = 0
    lost: int = 0
    heard: sound.Frame | None = None

    @property
    def failed(self) -> bool:
        """Whether a fault ended it, and neither side; BYE and limits of time have code 200."""
        return self.last.get("type") != "ended" or int(self.last["sipCode"]) >= 400

    @property
    def last(self) -> Message:
        """The message that ended the call: `ended`, or a fatal `error`."""
        return self.messages[-1] if self.messages else {}

    def note(self, what: str) -> None:
        """Remember when this happened first."""
        self.times.setdefault(what, perf_counter())


class CallerCall:
    """Places one call, or takes one, and does with it what the options say."""

    def __init__(
        self, options: CallOptions, *, on_message: Callable[[Message], None] | None = None
    ) -> None:
        self._options = options
        self._on_message = on_message or _tell_nobody
        self.outcome = Outcome()
        self._line = Line(options)
        self._begun = False
        self._hung_up = False
        self._call = CALL
        self._given_up = False
        self._waiting: asyncio.TimerHandle | None = None
        self._later: set[asyncio.Task[None]] = set()
        self._leg: CallerLeg | None = None
        self._next_leg: CallerLeg | None = None  # comes up, to take its place

    @property
    def heard(self) -> sound.Frame:
        """What has been heard so far, at 48 kHz."""
        return np.zeros(0, np.int16) if self._leg is None else self._leg.heard

    async def run(self) -> Outcome:
        """Place the call, or wait for one, and stay until it has ended.

        Raises
        ------
        UnavailableError
            When the gateway cannot be reached, closes the socket before the call has ended, or
            says something that cannot be understood.
        RequestError
            When the file to play cannot be read, the one to record cannot be written, or a digit is
            none: then nobody is called.
        """
        options = self._options
        strange = set(options.dtmf.upper()) - set(DIGITS) - set(PAUSES)
        if strange:
            raise RequestError(
                f"{min(strange)!r} is no digit: there are {' '.join(DIGITS)}, "
                "and for pauses , (2 s) and w (0.5 s)"
            )
        if options.record is not None:
            sound.try_to_write(options.record)
        self._leg = self._make_leg(options.play)
        line = self._line
        try:
            async with aclosing(line.messages()) as messages:
                async for message in messages:
                    await self._take(message)
                    if self._is_end(message):
                        line.hangup = None
                        return self.outcome
        except (KeyError, TypeError, ValueError) as error:  # SdpError is a ValueError
            raise UnavailableError(f"{options.url} speaks another protocol: {error!r}") from error
        finally:
            await self._close_whole()
        if self._given_up:
            return self.outcome
        raise UnavailableError(f"{options.url} closed the connection before the call had ended")

    def _make_leg(self, play: Path | None) -> CallerLeg:
        options = self._options
        return CallerLeg(
            PortRange(options.address, *PORTS),
            MediaConfig(address=options.address),
            sound.silence() if play is None else sound.play(play),
            keep=options.keep,
            on_change=self._media_changed,
        )

    async def restart(self, play: Path | None = None) -> None:
        """Give the call another media path, as a page does that was loaded anew.

        The old one is closed once the new one is up, which plays `play`.

        Raises
        ------
        RequestError
            Before the call has been placed.
        """
        if not self._begun:
            raise RequestError("there is no call to restart yet")
        if self._next_leg is not None:
            await self._next_leg.close()
        self._next_leg = self._make_leg(play)
        await self._offer(self._next_leg, "restart")

    async def close_media(self) -> None:
        """Close the media path and leave the call, as a page does that goes away."""
        if self._leg is not None:
            await self._leg.close()

    async def hangup(self) -> None:
        """End the call before the options would; it is over once `run` returns.

        Raises
        ------
        RequestError
            Before the call has been placed.
        """
        if not self._begun or (self._options.answer is not None and self._call == CALL):
            raise RequestError("there is no call to hang up yet")
        self._in(END_TIMEOUT, self._line.close)
        self._hung_up = True
        await self._line.send(**self._goodbye())

    async def ask(self, kind: str, **fields: Any) -> None:
        """Send a message about the call, such as `hold`.

        Raises
        ------
        RequestError
            Before the call has been placed.
        """
        if not self._begun:
            raise RequestError("there is no call yet")
        await self._line.send(type=kind, call=self._call, **fields)

    async def accept(self) -> None:
        """Take the call that rings.

        Raises
        ------
        RequestError
            None does.
        """
        await self._offer(self._ringing(), "accept")

    async def reject(self, code: int) -> None:
        """Reject the call that rings; raises as `accept`."""
        self._ringing()
        await self._line.send(type="reject", call=self._call, code=code)

    def _ringing(self) -> CallerLeg:
        if not self._begun or self._leg is None or self._call == CALL:
            raise RequestError("there is no call that rings")
        return self._leg

    async def _offer(self, leg: CallerLeg, kind: str, **more: Any) -> None:
        """Send our description, in the message that places or takes the call."""
        offer = leg.open()
        self.outcome.note(kind)
        description = {"type": "offer", "sdp": offer}
        send = self._line.send
        await send(type=kind, call=self._call, offer=description, **more)
        for candidate in leg.candidates:
            await send(
                type="candidate",
                call=self._call,
                candidate={"candidate": f"candidate:{candidate}", "sdpMid": "0"},
            )
        await send(type="candidate", call=self._call, candidate=None)

    async def _begin(self, leg: CallerLeg) -> None:
        options = self._options
        if options.answer is not None:
            await self._line.send(type="register", identity=options.answer)
        else:
            more = {"headers": options.headers} if options.headers else {}
            self._line.hangup = self._goodbye()
            await self._offer(leg, "call", to=options.to, **more)
        self._begun = True
        if options.give_up is not None:
            self._in(options.give_up, self.hangup if options.answer is None else self._give_up)

    def _goodbye(self) -> Message:
        return {"type": "hangup", "call": self._call}

    async def _give_up(self) -> None:
        """Wait for a call no longer."""
        self._given_up = True
        await self._line.close()

    async def _go_on(self, welcome: Message) -> None:
        """Go on with the call on another socket.

        Raises
        ------
        UnavailableError
            It is over, and nobody will say more of it.
        """
        alive = any(each["call"] == self._call for each in welcome["calls"])
        if not alive and not welcome["missed"]:
            url = self._options.url
            raise UnavailableError(f"{url} was lost, and the call has ended meanwhile")
        if alive and self._hung_up:  # which the lost socket may have swallowed
            await self._line.send(**self._goodbye())

    async def _hear_ringing(self, message: Message) -> None:
        """Take the first call that rings, soon or when somebody says so."""
        if self._call == CALL:
            self._call = message["call"]
            self._line.hangup = self._goodbye()
            if self._options.pick_up is not None:
                self._in(self._options.pick_up, self.accept)

    async def _take(self, message: Message) -> None:
        if (leg := self._next_leg or self._leg) is None:
            return
        outcome = self.outcome
        outcome.messages.append(message)
        outcome.note(message["type"])
        self._on_message(message)
        match message["type"]:
            case "welcome" if message.get("resume") is not None:
                await self._go_on(message)
            case "welcome" if not self._begun:
                only = message.get("iceTransportPolicy") == "relay"
                await leg.use_servers(message.get("iceServers", ()), relay_only=only)
                await self._begin(leg)
            case "incoming":
                await self._hear_ringing(message)
            case "answer":
                leg.connect(read_answer(message["answer"]["sdp"]))
            case "candidate":
                candidate = message["candidate"] or {}
                leg.add_candidate(candidate.get("candidate"))
            case "answered":
                outcome.answered = True
                self._in(self._options.duration, self.hangup)
                if self._options.dtmf:
                    await self._press(leg)
            case "dtmf":
                outcome.digits += message["digit"]

    async def _press(self, leg: CallerLeg) -> None:
        options = self._options
        pressed = leg.press(options.dtmf, options.dtmf_duration, options.dtmf_gap)
        if not pressed:
            await self._line.send(type="dtmf", call=self._call, digits=options.dtmf)

    def _in(self, seconds: float, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Do this after so many seconds, in place of what was to be done before."""
        if self._waiting is not None:
            self._waiting.cancel()
        self._waiting = asyncio.get_running_loop().call_later(seconds, self._start, work)

    def _is_end(self, message: Message) -> bool:
        if message["type"] == "ended":
            return bool(message["call"] == self._call)
        if message["type"] != "error":
            return False
        # Without a call it says that nobody will be called here
        return bool(message["fatal"]) or (
            self._options.answer is not None and "call" not in message
        )

    def _start(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        task = asyncio.create_task(work())
        self._later.add(task)
        task.add_done_callback(self._later.discard)

    def _media_changed(self, event: BrowserConnected | BrowserLost) -> None:
        self.outcome.note("media" if isinstance(event, BrowserConnected) else "lost")
        if self._next_leg is not None and self._next_leg.connected and self._leg is not None:
            before, self._leg, self._next_leg = self._leg, self._next_leg, None
            self._start(before.close)

    async def _close_whole(self) -> None:
        """Close to the end, even for somebody who interrupts it: sockets would stay open."""
        closing = asyncio.create_task(self._close())
        try:
            await asyncio.shield(closing)
        except asyncio.CancelledError:
            await closing
            raise

    async def _close(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
        for task in self._later:
            task.cancel()
        if self._next_leg is not None:
            await self._next_leg.close()
        leg = self._leg
        if leg is None:
            return
        await leg.close()
        outcome = self.outcome
        outcome.sent, outcome.received, outcome.lost = leg.sent, leg.received, leg.lost
        outcome.heard = leg.heard
        if leg.first_sound is not None:
            outcome.times["sound"] = leg.first_sound
        if self._options.record is not None:
            sound.write(self._options.record, leg.heard)


def _tell_nobody(message: Message) -> None:
    """What hears the messages where nobody wants to know."""
