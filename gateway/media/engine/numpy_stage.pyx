"""What is done to the rows of a tick besides the packets' own way: much of it is Python's.

Levels are measured for all rows of every tick. Digits in the sound and the sums of conferences are
a few calls of numpy for all rows at once. Taps, legs without a port, and digits that are being sent
are looked at one by one. A tick that has none of these does not ask for the interpreter's lock.
"""

from libc.stdint cimport uint32_t
from libc.string cimport memset

import logging

import numpy as np

from gateway.media.engine.bank cimport Bank
from gateway.media.engine.leg cimport TONE_RATE, Leg
from gateway.media.engine.packet_path cimport PacketPath
from gateway.media.engine.receiver cimport GIVEN, Receiver
from gateway.media.engine.sender cimport Sender
from voice.counters cimport DIGITS, FAULTS

from gateway.media.engine.once import OncePerSecond
from gateway.media.engine.tone_finder import ToneFinder
from voice.codec import CODECS
from voice.telephone_event import EventSender

logger = logging.getLogger(__name__)

_LOUDEST, _SOFTEST = 32767, -32768

_faults = OncePerSecond(logger)


cdef class NumpyStage(PacketPath):
    """The rows of both banks between `collect` and `send`."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.news, self.mixes = [], []
        self.finders = {8000: ToneFinder(8000), 16000: ToneFinder(16000)}
        self.tone = np.zeros(self.wide.frame, np.int16)

    cdef bint needs_interpreter(self) noexcept nogil:
        """Whether the rows of this tick cannot be served without Python."""
        if self.given or self.digits_due or self.tapped or self.seeking or self.mixing:
            return True
        return self.lacks(self.narrow) or self.lacks(self.wide)

    cdef void pass_rows(self, Bank bank) noexcept nogil:
        """Have the rows ready to be sent, where there is nothing for Python to do."""
        bank.measure(0)
        self._silence(bank)

    cdef int play(self, Bank bank) except -1:
        """Have all frames of one bank there, and heard by whoever only listens."""
        cdef int played = bank.count
        if not played and not self.mixes:
            return 0
        if self.given:
            self._give(bank)
        bank.measure(0)
        if self.seeking:
            self._find_tones(bank)
        if self.tapped:
            self._tell_taps(bank)
        if self.mixes:
            self._mix(bank)
            bank.measure(played)
        self._silence(bank)
        return 0

    cdef void _silence(self, Bank bank) noexcept nogil:
        """Have who may hear nobody yet hear silence; the frames are told to taps as they are."""
        cdef int row
        for row in range(bank.count):
            if bank.rows[row].sink != NULL and (<Sender> bank.rows[row].sink).silenced:
                memset(&bank.pcm[row, 0], 0, 2 * bank.frame)

    cdef int prepare(self, Bank bank) except -1:
        """Give frames to the legs without a port, and have ready what encodes all others."""
        if self.lacks(bank):
            self._hand_over(bank)
            self._make_what_lacks(bank)
        return 0

    cdef int fail(self, Leg leg) except -1:
        """Give a leg up after a fault of ours; its owner hears of it once."""
        _faults.log("a leg could not be served")
        leg.counters.count(FAULTS, 1)
        if not leg.failed:
            leg.failed = True
            self.news.append((leg.owner.on_failed,))
        return 0

    cdef int _fail_sender(self, Sender sender) except -1:
        cdef int place
        for place in range(self.count):
            if (<Leg> self.served[place]).sender is sender:
                self.fail(<Leg> self.served[place])
        return 0

    cdef int _give(self, Bank bank) except -1:
        """Have legs without a port fill their rows."""
        cdef int row
        cdef Leg leg
        cdef Receiver receiver
        for row in range(bank.count):
            if bank.rows[row].source == NULL:
                continue
            receiver = <Receiver> bank.rows[row].source
            if receiver.mode != GIVEN or receiver.row != row:
                continue
            leg = <Leg> receiver.leg  # whoever is called may remove it
            try:
                given = receiver.give_frame is not None and receiver.give_frame(bank.pcm_array[row])
            except Exception:
                given = False
                self.fail(leg)
            if not given:
                bank.pcm_array[row] = 0
                if receiver.sink is None or not receiver.sink.steady:
                    bank.rows[row].dropped = True
        return 0

    cdef int _find_tones(self, Bank bank) except -1:
        """Look for digits in the sound of those whose far end sends no telephone events."""
        cdef int row
        cdef list rows = [], legs = []
        for row in range(bank.count):
            if bank.rows[row].source != NULL and (<Receiver> bank.rows[row].source).finds_tones:
                rows.append(row)
                legs.append(<Leg> (<Receiver> bank.rows[row].source).leg)
        if not rows:
            return 0
        for leg, digit in self.finders[bank.rate].find(legs, bank.pcm_array[rows]):
            (<Leg> leg).counters.count(DIGITS, 1)
            self.news.append(((<Leg> leg).owner.on_tone, digit))
        return 0

    cdef int _tell_taps(self, Bank bank) except -1:
        cdef int row
        cdef Receiver receiver
        for row in range(bank.count):
            if bank.rows[row].source == NULL:
                continue
            receiver = <Receiver> bank.rows[row].source
            if receiver.tap is not None:
                try:
                    receiver.tap(bank.pcm_array[row].copy())
                except Exception:  # a listener's fault is none of the call's
                    _faults.log("a tap could not be told")
        return 0

    cdef int _mix(self, Bank bank) except -1:
        """Give each leg of a mix the sum of the others."""
        cdef Leg leg
        cdef int place
        for _bridge, legs in self.mixes:
            leg = <Leg> legs[0]
            if leg.slot != self.slot or leg.receiver.rate != bank.rate:
                continue
            rows = [(<Leg> each).receiver.row for each in legs]
            heard = np.zeros((len(rows), bank.frame), np.int32)
            saying = [place for place, row in enumerate(rows) if row >= 0]
            heard[saying] = bank.pcm_array[[rows[place] for place in saying]]
            mixed = np.clip(heard.sum(axis=0) - heard, _SOFTEST, _LOUDEST).astype(np.int16)
            for each, frame in zip(legs, mixed, strict=True):
                leg = <Leg> each
                place = bank.add_row(NULL, <void *> leg.sender)
                if place >= 0:
                    bank.pcm_array[place] = 0 if leg.sender.silenced else frame
        return 0

    cdef int send_digits(self) except -1:
        """Send what is due of digits, in place of the audio or in it.

        A sender that gets frames by the clock has its turn when one comes, which is in its source's
        slot; any other in its leg's own.
        """
        cdef int place
        cdef Leg leg
        cdef list rows
        for place in range(self.count):
            leg = <Leg> self.served[place]
            if not leg.sender.sending_digits or not leg.sender.receives:  # a hold is waited for
                continue
            rows = self._rows_for(leg.sender)
            if not rows and (leg.sender.framed or leg.mixed or leg.slot != self.slot):
                continue
            try:
                if isinstance(leg.sender.digits, EventSender):
                    self._send_event(leg, rows)
                else:
                    self._send_tones(leg, rows)
            except Exception:
                leg.sender.sending_digits = False
                self.fail(leg)
        return 0

    cdef list _rows_for(self, Sender sender):
        """Return (bank, row) of what a sender is to send in this tick."""
        cdef Bank bank
        cdef int row
        cdef list rows = []
        for bank in (self.narrow, self.wide):
            for row in range(bank.count):
                if bank.rows[row].sink == <void *> sender:
                    rows.append((bank, row))
        return rows

    cdef int _send_event(self, Leg leg, list rows) except -1:
        cdef Sender sender = leg.sender
        cdef Bank bank
        cdef int row
        packet, suppress = sender.digits.tick(<uint32_t> sender.line._end)
        if packet is not None:
            sender.send_event(packet.payload, packet.timestamp, packet.marker)
        sender.sending_digits = sender.digits.busy
        if not suppress:
            return 0
        if leg.fed:  # else its time passes by itself
            sender.pass_frames(1)
        for bank, row in rows:
            bank.rows[row].dropped = True
        return 0

    cdef int _send_tones(self, Leg leg, list rows) except -1:
        cdef Sender sender = leg.sender
        cdef Bank bank = self.narrow
        cdef int row
        if not rows and sender.steady:  # its audio comes as packets, or from nobody
            if CODECS[leg.codec].sample_rate > bank.rate:
                bank = self.wide
            row = bank.add_row(NULL, <void *> sender)
            if row < 0:
                return 0
            bank.pcm_array[row] = 0
            rows.append((bank, row))
        for bank, row in rows:
            if sender.digits.fill(self.tone):
                bank.pcm_array[row] = self.tone[:: TONE_RATE // bank.rate]
                bank.rows[row].dropped = False
        sender.sending_digits = sender.digits.busy
        return 0

    cdef int _hand_over(self, Bank bank) except -1:
        """Give frames to the legs that have no port."""
        cdef int row
        cdef Sender sender
        for row in range(bank.count):
            if bank.rows[row].sink == NULL or bank.rows[row].dropped:
                continue
            sender = <Sender> bank.rows[row].sink
            if sender.take_frame is None:
                continue
            bank.rows[row].dropped = True
            try:
                sender.take_frame(bank.pcm_array[row].copy())
            except Exception:
                sender.take_frame = None
                _faults.log("a leg without a port could not take a frame")
        return 0

    cdef int _make_what_lacks(self, Bank bank) except -1:
        """Make the encoders and concealers that rows wait for."""
        cdef int row
        cdef Sender sender
        cdef Receiver receiver
        for row in range(bank.count):
            if bank.rows[row].sink == NULL or bank.rows[row].dropped:
                continue
            sender = <Sender> bank.rows[row].sink
            if sender.lacks_encoder(bank.rate):
                try:
                    sender.make_encoder_at(bank.rate)
                except Exception:
                    bank.rows[row].dropped = True
                    self._fail_sender(sender)
                    continue
            if bank.rows[row].source != NULL:
                receiver = <Receiver> bank.rows[row].source
                if receiver.lacks_concealer(bank, row):
                    receiver.make_concealer(bank.rate)
        return 0
