"""One party's media: a receiver, a sender, and the port that its packets come and go by.

A leg does not know who is at the other end; its bridge joins it to others. A leg without a port
takes and gives frames: a recorder, an announcement, a bot. Whatever stands here with a `def` is
called on the engine's thread (`Engine.post`).
"""

import logging
from typing import NamedTuple

from gateway.media.engine.bank cimport Bank
from gateway.media.engine.browser_port cimport Binding, BrowserPort
from gateway.media.engine.receiver cimport BUFFERED, DIRECT, GIVEN, IDLE, RELAYED, Mode, Receiver
from gateway.media.engine.sender cimport Sender
from gateway.media.engine.transport cimport Transport
from gateway.media.engine.trunk_port cimport TrunkPort
from voice.counters cimport Counters

from gateway.errors import RequestError
from voice.codec import CODECS
from voice.reception import ReceptionSnapshot
from voice.telephone_event import EventSender
from voice.tones import DtmfTones

logger = logging.getLogger(__name__)

# Shorter digits are missed by some receivers: their detectors were built for tones (ITU-T Q.24)
SHORTEST_DIGIT = 100  # ms
GAP = 60  # ms

# Nobody presses more ahead of what has been sent; a program that does would send for hours
MAX_WAITING = 64  # digits


class LegStatistics(NamedTuple):
    """How a leg is doing: what its receiver and its sender have counted so far.

    Attributes
    ----------
    heard_at
        When anything of the far end was believed last, in seconds of the engine's clock.
    timestamp
        Of the newest packet that was sent, at `sent_at` seconds or before.
    level
        Of what comes, in -dBov.
    waiting
        Seconds that a packet waits in the jitter buffer; 0 where there is none.
    discarded
        Packets since the last statistics that came and nobody will hear: they were too late for the
        jitter buffer, or the clock had left their time out.
    heard
        Whether anything has come from a browser since the last statistics.
    """

    reception: ReceptionSnapshot
    heard_at: float
    packets_received: int
    octets_received: int
    packets_sent: int
    octets_sent: int
    timestamp: int
    sent_at: float
    level: int
    waiting: float
    discarded: int
    heard: bool


cdef class Leg:
    """What all legs have in common."""

    def __init__(
        self,
        kind: str,
        owner: object,
        counters: Counters,
        narrow: Bank,
        wide: Bank,
        transport: Transport,
        *,
        steady: bool,
        guards_ssrc: bool,
    ) -> None:
        self.kind = kind
        self.owner = owner
        self.counters = counters
        self.taps = []
        self.receiver = Receiver(counters, narrow, wide, guards_ssrc=guards_ssrc)
        self.receiver.leg = <void *> self
        self.sender = Sender(counters, transport, steady=steady)

    def hold(self, held: bool) -> None:
        """Send nothing, as the far end wants to hear nothing, or go on; time passes in a hold."""
        self.sender.receives = not held
        if held and isinstance(self.sender.digits, EventSender):
            self.sender.digits.interrupt()

    def silence(self, silenced: bool) -> None:
        """Send silence in place of what comes, or no longer."""
        self.sender.silenced = silenced

    @property
    def silenced(self) -> bool:
        return self.sender.silenced

    @property
    def codec(self) -> str | None:
        """What is sent, by its name in capitals; None while nobody has said."""
        return next((n for n, each in CODECS.items() if each.index == self.sender.codec), None)

    def set_digits(self, payload_type: int | None, clock_rate: int) -> None:
        """Say how digits are sent: as telephone events, or, without a payload type, as tones."""
        if payload_type is None:
            if not isinstance(self.sender.digits, DtmfTones):
                self.sender.digits = DtmfTones(TONE_RATE)
            return
        self.sender.event_payload_type = payload_type
        digits = self.sender.digits
        if not isinstance(digits, EventSender) or digits.clock_rate != clock_rate:
            self.sender.digits = EventSender(clock_rate)

    def send_digits(
        self, digits: str, duration: int = SHORTEST_DIGIT, gap: int = GAP
    ) -> None:
        """Send digits after those that still wait; times in milliseconds.

        Raises
        ------
        RequestError
            When a character is no digit, too many wait, or nothing can be sent yet.
        """
        sender = self.sender.digits
        if sender is None:
            raise RequestError("digits can be sent once the trunk has described itself")
        if sender.waiting + len(digits) > MAX_WAITING:
            raise RequestError(f"{MAX_WAITING} digits wait to be sent already; send more later")
        try:
            sender.send(digits, duration=max(duration, SHORTEST_DIGIT), gap=max(gap, GAP))
        except ValueError as error:
            raise RequestError(str(error)) from error
        self.sender.sending_digits = True

    def statistics(self, now: float) -> LegStatistics:
        """Return what has been counted so far."""
        cdef Receiver receiver = self.receiver
        cdef Sender sender = self.sender
        buffered = receiver.playback is not None and receiver.mode == BUFFERED
        return LegStatistics(
            receiver.reception.snapshot(),
            receiver.heard_at,
            receiver.packets_received,
            receiver.octets_received,
            sender.packets_sent,
            sender.octets_sent,
            sender.timestamp,
            now,
            receiver.level,
            receiver.playback.buffer.delay.target_delay() if buffered else 0.0,
            receiver.discarded_since(),
            self.take_heard(),
        )

    def take_heard(self) -> bool:
        """Return whether anything has come since this was last asked, where that is counted."""
        return False

    # What a bridge asks for

    def feed(self, sink: Leg | None, mode: str, *, rate: int = 8000, relay: bool = False) -> None:
        """Give what comes from here to one other leg, or with None to nobody or a mix.

        Parameters
        ----------
        mode
            "idle", "buffered", "direct", "relayed" or "given".
        rate
            Hz of the frames that are buffered or given.
        relay
            Packets of the sink's own codec may pass as they are.
        """
        cdef Receiver receiver = self.receiver
        cdef Sender before = receiver.sink
        cdef Mode wanted = _MODES[mode]
        receiver.sink = None if sink is None else sink.sender
        receiver.may_relay = relay
        if receiver.sink is not None and (receiver.sink is not before or wanted != receiver.mode):
            receiver.sink.line.change_source()
        if wanted == BUFFERED and receiver.mode != BUFFERED and receiver.playback is not None:
            receiver.playback.resume()
        receiver.mode = wanted
        if before is not None:
            before.framed = False
        if receiver.sink is not None:
            receiver.sink.framed = wanted == BUFFERED or wanted == GIVEN
        if wanted == BUFFERED:
            receiver.decode_at(rate)
            if receiver.playback is not None:
                receiver.playback.unheard = sink is not None and sink.sender.silenced
        elif wanted == GIVEN:
            receiver.rate = rate

    def fill_pause(self, noise: bytes, now: float) -> None:
        """Have noise stand for a far end that has fallen silent without a word, until it speaks.

        Parameters
        ----------
        noise
            As RFC 3389 describes it. A jitter buffer makes its own.
        """
        cdef Receiver receiver = self.receiver
        if receiver.noisy or not receiver.begin_noise(noise, now) or receiver.sink is None:
            return
        # Noise has taken the time of what was lost: what comes next must not skip it once more
        receiver.sink.line.change_source()

    def close(self, now: float) -> None:
        """Send and take nothing any more."""
        self.receiver.mode = IDLE
        self.receiver.sink = None
        self.receiver.noisy = False
        self.sender.codec = -1
        self.sender.sending_digits = False


_MODES = {
    "idle": IDLE,
    "buffered": BUFFERED,
    "direct": DIRECT,
    "relayed": RELAYED,
    "given": GIVEN,
}


cdef class BrowserLeg(Leg):
    """A leg whose packets come by the port of all browsers, encrypted."""

    def __init__(
        self, owner: object, port: BrowserPort, narrow: Bank, wide: Bank, now: float
    ) -> None:
        self.binding = Binding(port, now)
        self.binding.leg = <void *> self
        super().__init__(
            "browser",
            owner,
            port.counters,
            narrow,
            wide,
            self.binding,
            steady=False,
            guards_ssrc=True,
        )

    def take_heard(self) -> bool:
        """Return whether anything has come from the browser since this was last asked."""
        heard, self.binding.heard = self.binding.heard, False
        return heard

    def close(self, now: float) -> None:
        super().close(now)
        self.binding.close(now)


cdef class TrunkLeg(Leg):
    """A leg with a pair of ports of its own."""

    def __init__(
        self,
        owner: object,
        rtp: object,
        rtcp: object,
        counters: Counters,
        narrow: Bank,
        wide: Bank,
    ) -> None:
        self.port = TrunkPort(rtp, rtcp, counters)
        super().__init__(
            "trunk",
            owner,
            counters,
            narrow,
            wide,
            self.port,
            steady=True,
            guards_ssrc=False,
        )

    def close(self, now: float) -> None:
        super().close(now)
        self.port.close()


cdef class FrameLeg(Leg):
    """A leg without a port.

    Parameters
    ----------
    give
        Fills a frame, int16[rate / 50], and returns True; False: there is nothing to say now.
    take
        Gets a copy of each frame that is said to it.
    """

    def __init__(
        self,
        owner: object,
        counters: Counters,
        narrow: Bank,
        wide: Bank,
        *,
        give: object = None,
        take: object = None,
    ) -> None:
        super().__init__(
            "frames",
            owner,
            counters,
            narrow,
            wide,
            Transport(),
            steady=False,
            guards_ssrc=False,
        )
        self.receiver.give_frame = give
        self.sender.take_frame = take
