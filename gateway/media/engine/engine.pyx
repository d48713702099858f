"""Serves all legs of a media thread, tick by tick.

One tick: drain the sockets; decode what is due into rows; encode, encrypt, send. The interpreter's
lock is held for what is rare: what is told to the event loop, conferences, taps, digits.
Everything that an engine owns is touched by its own thread only: commands come in by `post`, news
goes out by `take_news`.
"""

from libc.stdint cimport int64_t, uint64_t
from libc.stdlib cimport realloc
from posix.time cimport CLOCK_MONOTONIC, timespec

import logging
import socket
from collections import deque
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from gateway.media.engine.address cimport show_address
from gateway.media.engine.bank cimport Bank
from gateway.media.engine.clock cimport Ticks
from gateway.media.engine.kernel cimport (
    EFD_CLOEXEC,
    EFD_NONBLOCK,
    EPOLL_CTL_DEL,
    POLLIN,
    close,
    epoll_ctl,
    eventfd,
    pollfd,
    ppoll,
    read,
    write,
)
from gateway.media.engine.leg cimport BrowserLeg, Leg, TrunkLeg
from gateway.media.engine.news cimport COMFORT_NOISE, DATAGRAM, MOVED, RTCP, Item
from gateway.media.engine.numpy_stage cimport NumpyStage
from gateway.media.engine.packet_path cimport RTCP_SOCKET, clock_now
from voice.counters cimport FAULTS, FRAMES_SKIPPED, REJECTED_COMFORT_NOISE, RTCP_PACKETS, Counters

from gateway.media.engine.clock import SLOTS, TICK
from gateway.media.engine.once import OncePerSecond

logger = logging.getLogger(__name__)

_faults = OncePerSecond(logger)

cdef enum:
    ROWS = 64  # of a bank at first
    ROWS_PER_LEG = 4  # what one leg may add in a tick
    WATCH_STEP = 10  # ticks

assert WATCH_TICKS == round(1 / TICK)

cdef int _slots = SLOTS
cdef double _tick_seconds = TICK

# While a browser comes up its datagrams are read as they come: every round trip counts then. No
# more often than so, since those of running calls come by the same socket
cdef double CONNECTING = 0.001  # seconds
# How long the share of time is measured that the ticks take
cdef double WINDOW = 1.0  # seconds


def _tell_nobody() -> None:
    """What is called when there is news and nobody to take it."""


cdef class Engine(NumpyStage):
    """All legs of one thread.

    Parameters
    ----------
    browser_socket
        The bound UDP socket of all browsers.
    tell
        Called on the engine's thread when there is news to take.
    kernel_time
        Believe the kernel's times of arrival; tests that tick by hand say no.
    """

    def __cinit__(self, *args: object, **kwargs: object) -> None:
        self._wakeup = -1

    def __init__(
        self,
        browser_socket: socket.socket,
        tell: Callable[[], None],
        *,
        kernel_time: bool = True,
    ) -> None:
        super().__init__(browser_socket, kernel_time=kernel_time)
        self.frame_counters = Counters()
        self._tell = tell
        self._commands = deque()
        self._watched = [[] for _ in range(WATCH_TICKS)]
        self._legs = {}
        self._wakeup = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)
        if self._wakeup < 0:
            raise OSError("the system has no descriptor left")

    def __dealloc__(self) -> None:
        self._close_descriptors()

    # ---- from any thread -----------------------------------------------------------------------

    def post(self, command: Callable[..., object], *arguments: object) -> None:
        """Have this called on the engine's thread, before its next tick; never after `close`."""
        cdef uint64_t one = 1
        if self._closed:
            return
        self._commands.append((command, arguments))
        if not self._commanded:  # else it has been woken up, and has not looked yet
            self._commanded = True
            write(self._wakeup, &one, 8)

    def stop(self) -> None:
        """Have `run` return."""
        self.post(self._stop)

    def _stop(self) -> None:
        self._stopping = True

    def take_news(self) -> list[tuple[object, ...]]:
        """Return (function of an owner, arguments...) for all that has happened since."""
        news, self.news = self.news, []
        return news

    def close(self) -> None:
        """Let all go: legs, commands, descriptors. `run` must have returned, or never been called.

        Harmless when called twice.
        """
        self._closed = True
        self._commands.clear()
        for leg in tuple(self._legs):
            self.remove(leg)
            (<Leg> leg).owner = None
        self._tell = _tell_nobody
        self.news = []
        self._close_descriptors()

    cdef void _close_descriptors(self) noexcept:
        if self._wakeup >= 0:
            close(self._wakeup)
        if self.epoll >= 0:
            close(self.epoll)
        self._wakeup = self.epoll = -1

    # ---- on the engine's thread ----------------------------------------------------------------

    def add(self, leg: Leg) -> None:
        """Serve this leg from now on."""
        cdef int room, rows
        cdef void **served
        if leg in self._legs:
            return
        if self.count == self.room:
            room = max(16, 2 * self.room)
            served = <void **> realloc(self.served, room * sizeof(void *))
            if served == NULL:
                raise MemoryError
            self.served, self.room = served, room
        rows = ROWS_PER_LEG * (self.count + 1)
        for bank in (self.narrow, self.wide):
            if rows > bank.capacity:
                bank.grow(2 * rows)
        leg.slot = self._least_used_slot()
        # Together with others, since each time wakes the event loop
        leg.watch_tick = min(
            range(0, WATCH_TICKS, WATCH_STEP), key=lambda tick: len(self._watched[tick])
        )
        self._watched[leg.watch_tick].append(leg)
        self._watch_counts[leg.watch_tick] += 1
        self.served[self.count] = <void *> leg
        self._legs[leg] = self.count
        leg.served = True
        self.count += 1
        if isinstance(leg, TrunkLeg):
            self.watch((<TrunkLeg> leg).port.rtp_fd, <uint64_t> <void *> leg)
            self.watch((<TrunkLeg> leg).port.rtcp_fd, <uint64_t> <void *> leg | RTCP_SOCKET)

    def _least_used_slot(self) -> int:
        used = [0] * SLOTS
        for leg in self._legs:
            used[(<Leg> leg).slot] += 1
        return used.index(min(used))

    def remove(self, leg: Leg) -> None:
        """Serve it no longer; harmless when it is not served. Its sockets may be closed then."""
        place = self._legs.pop(leg, None)
        if place is None:
            return
        # All that is borrowed goes first: whatever fails then, nothing points to what is freed
        leg.served = False
        self.count -= 1
        if place != self.count:
            self.served[<int> place] = self.served[self.count]
            self._legs[<Leg> self.served[<int> place]] = place
        for bank in (self.narrow, self.wide):
            (<Bank> bank).forget(<void *> leg.receiver, <void *> leg.sender)
        if isinstance(leg, TrunkLeg):
            epoll_ctl(self.epoll, EPOLL_CTL_DEL, (<TrunkLeg> leg).port.rtp_fd, NULL)
            epoll_ctl(self.epoll, EPOLL_CTL_DEL, (<TrunkLeg> leg).port.rtcp_fd, NULL)
        leg.close(self.now)
        self.browsers.forget_departed(self.now)
        self._watched[leg.watch_tick].remove(leg)
        self._watch_counts[leg.watch_tick] -= 1
        leg.taps.clear()
        if leg.bridge is not None:
            leg.bridge.leave(leg)
        self.listen(leg, None)
        self.find_tones(leg, False)
        for finder in self.finders.values():
            finder.forget(leg)

    def set_mix(self, bridge: object, legs: list[Leg]) -> None:
        """Have these legs hear each other's sum, a frame for each turn of the clock; none: no more.

        They are all served in one slot.
        """
        for before, members in self.mixes:
            if before is bridge:
                for leg in members:
                    (<Leg> leg).mixed = False
        self.mixes = [each for each in self.mixes if each[0] is not bridge]
        if legs:
            for leg in legs:
                (<Leg> leg).slot = (<Leg> legs[0]).slot
                (<Leg> leg).mixed = True
            self.mixes.append((bridge, tuple(legs)))
        self.mixing = len(self.mixes)

    def count_connecting(self, more: int) -> None:
        """Read the browsers' port more often while their ICE and DTLS come up."""
        self.connecting += more

    def listen(self, leg: Leg, tap: Callable[[NDArray[np.int16]], None] | None) -> None:
        """Give a copy of each of a leg's frames to `tap`; None: no longer."""
        self.tapped += (tap is not None) - (leg.receiver.tap is not None)
        leg.receiver.tap = tap

    def start_media(self, leg: BrowserLeg, inbound: object, outbound: object) -> None:
        """Exchange media with a browser by these pylibsrtp sessions from now on."""
        leg.binding.start_media(inbound, outbound)
        self.take_held(<void *> leg.binding, clock_now(CLOCK_MONOTONIC))

    def find_tones(self, leg: Leg, wanted: bool) -> None:
        """Look for digits in a leg's sound, or no longer."""
        self.seeking += wanted - leg.receiver.finds_tones
        leg.receiver.finds_tones = wanted

    def obey(self) -> None:
        """Carry out what was posted, in order."""
        self._commanded = False
        while self._commands:
            command, arguments = self._commands.popleft()
            try:
                command(*arguments)
            except Exception:  # one command's fault is its own
                _faults.log("a command to the media engine failed")
                self.trunk_counters.count(FAULTS, 1)
            if self.queue.count:  # the next command may be a leg's last
                self._take_queue()
        if not self.count:  # no tick will send what the last leg has said
            self.browsers.flush()
        self._pass_on_news()

    def run(self) -> None:
        """Serve until `stop` is called: the body of a thread."""
        cdef Ticks ticks = Ticks(clock_now(CLOCK_MONOTONIC))
        while not self._stopping:
            if not self.count and not self._commanded:
                self.load = 0
                with nogil:
                    self._wait(-1, False)
                ticks = Ticks(clock_now(CLOCK_MONOTONIC))
                self._window, self._worked = clock_now(CLOCK_MONOTONIC), 0
            if self._commanded:
                self.obey()
            with nogil:
                while self.count and not self._commanded and not self._stopping:
                    self._turn(ticks)

    def tick(self, number: int, now: float) -> None:
        """Run one tick, as tests do that have a clock of their own."""
        if self._commanded:
            self.obey()
        cdef int64_t which = number
        cdef double when = now
        with nogil:
            self.next_tick = which
            self.drain(when)
            self._tick(which, when)

    def skip(self, frames: int) -> None:
        """Let frames pass unserved, as after a stall; for tests as well."""
        cdef int count = frames
        self.skip_frames(count, self.now + count * _slots * _tick_seconds)
        self.trunk_counters.count(FRAMES_SKIPPED, self.count * count)

    cdef void _turn(self, Ticks ticks) noexcept nogil:
        """Sleep until the next tick, or until something has to be read before; run what is due."""
        cdef double now = clock_now(CLOCK_MONOTONIC), wait = ticks.seconds_to_wait(now)
        cdef int64_t skipped = ticks.skipped, last
        if self.connecting and wait > CONNECTING:
            if now < self._drained + CONNECTING:
                self._wait(self._drained + CONNECTING - now, False)
            elif self._wait(wait, True) and not self._commanded:
                # A command may say whose datagrams these are
                self._drained = clock_now(CLOCK_MONOTONIC)
                self.drain(self._drained)
                if self.queue.count:
                    with gil:
                        self._pass_on_news()
            return
        self._wait(wait, False)
        now = clock_now(CLOCK_MONOTONIC)
        if self._commanded and now < ticks.time_of(ticks.next):
            return  # commands come before the next tick, and must not hold up one that is due
        last = ticks.due_until(now)
        if ticks.skipped > skipped:
            self.skip_frames(
                <int> (ticks.skipped - skipped) // _slots, ticks.time_of(ticks.next - 1)
            )
            self.trunk_counters.count(
                FRAMES_SKIPPED, self.count * (ticks.skipped - skipped) // _slots
            )
        # Read once, however many ticks are due: while they take longer than they should, what comes
        # meanwhile would be more for the browsers than these ticks have for the trunks
        if ticks.next <= last:
            self.next_tick = ticks.next  # ticks may have been left out before it
            self.drain(ticks.time_of(ticks.next))
        while ticks.next <= last:
            self._tick(ticks.next, ticks.time_of(ticks.next))
            ticks.next += 1
        self._weigh(clock_now(CLOCK_MONOTONIC) - now, now)

    cdef void _weigh(self, double spent, double now) noexcept nogil:
        """Measure the share of the time that ticks take."""
        self._worked += spent
        if now - self._window >= WINDOW:
            self.load = self._worked / (now - self._window)
            self._window, self._worked = now, 0

    cdef bint _wait(self, double seconds, bint for_datagrams) noexcept nogil:
        """Sleep so long, for ever if it is negative, or until somebody posts a command.

        Where datagrams are waited for, one of them ends it as well: true then.
        """
        cdef pollfd polled[2]
        cdef timespec limit
        cdef uint64_t count
        polled[0].fd, polled[0].events, polled[0].revents = self._wakeup, POLLIN, 0
        polled[1].fd, polled[1].events, polled[1].revents = self.epoll, POLLIN, 0
        limit.tv_sec = <long> seconds
        limit.tv_nsec = <long> ((seconds - <double> limit.tv_sec) * 1e9)
        ppoll(polled, 1 + for_datagrams, NULL if seconds < 0 else &limit, NULL)
        if polled[0].revents:
            read(self._wakeup, &count, 8)
        return polled[1].revents != 0

    cdef void _tick(self, int64_t number, double now) noexcept nogil:
        """Play and send what is due."""
        self.now, self.tick_number, self.slot = now, number, number % _slots
        self.collect()
        if (
            self.queue.count
            or self.changed
            or self._watch_counts[number % WATCH_TICKS]
            or self.needs_interpreter()
        ):
            with gil:
                self._with_interpreter()
        else:
            self.pass_rows(self.narrow)
            self.pass_rows(self.wide)
        self.send(self.narrow)
        self.send(self.wide)
        self.send_due()
        self.browsers.flush()

    cdef int _with_interpreter(self) except -1:
        """The part of a tick that needs Python; whatever goes wrong in it, the clock goes on."""
        self._take_queue()  # no call of anybody else's code comes before it: all legs are there
        try:
            self.play(self.narrow)
            self.play(self.wide)
            if self.digits_due:
                self.send_digits()
            self.prepare(self.narrow)
            self.prepare(self.wide)
            if self.changed:
                self._follow_codecs()
            for leg in self._watched[self.tick_number % WATCH_TICKS]:
                self.news.append(((<Leg> leg).owner.on_statistics, leg.statistics(self.now)))
            if self.news:
                self._tell()
        except Exception:
            _faults.log("a tick could not be served")
            self.trunk_counters.count(FAULTS, 1)
            self.narrow.clear()  # what is not encoded must not be sent
            self.wide.clear()
        return 0

    def _follow_codecs(self) -> None:
        """Have a decoder, and perhaps another way, for each source that has changed its codec."""
        for leg in tuple(self._legs):
            if (<Leg> leg).receiver.decodes_anew:
                leg.receiver.decode_wanted()
                if leg.bridge is not None:
                    leg.bridge.route()

    cdef void _pass_on_news(self) noexcept:
        """Give what the packet path has put aside to the legs' owners."""
        self._take_queue()
        try:
            if self.news:
                self._tell()
        except Exception:
            _faults.log("news could not be told")

    cdef void _take_queue(self) noexcept:
        """Make news of what the packet path has put aside, before any leg goes."""
        cdef int place
        for place in range(self.queue.count):
            try:
                self._tell_item(place)
            except Exception:
                _faults.log("news of a leg could not be read")
                self.trunk_counters.count(FAULTS, 1)
        self.queue.count = 0

    cdef int _tell_item(self, int place) except -1:
        cdef Item *item = &self.queue.items[place]
        cdef Leg leg = <Leg> item.leg
        octets = self.queue.octets_of(place)
        if item.subject == DATAGRAM:
            own = show_address(&item.destination)[0] if item.destination.family else None
            self.news.append((leg.owner.on_datagram, octets, show_address(&item.source), own))
        elif item.subject == RTCP:
            leg.counters.count(RTCP_PACKETS, 1)
            self.news.append((leg.owner.on_rtcp, octets, item.arrival))
        elif item.subject == MOVED:
            self.news.append((leg.owner.on_moved, show_address(&item.source)))
        elif item.subject == COMFORT_NOISE:
            if not leg.receiver.begin_noise(octets, self.now):
                leg.counters.count(REJECTED_COMFORT_NOISE, 1)
        else:
            header = &item.header
            self.news.append(
                (
                    leg.owner.on_event,
                    header.ssrc,
                    header.sequence,
                    header.timestamp,
                    bool(header.marker),
                    octets,
                    item.arrival,
                )
            )
        return 0
