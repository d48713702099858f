"""The way of packets through one tick, without the interpreter.

`drain` reads all sockets and gives each packet to its leg's receiver, which buffers it, puts its
frames into the banks, or relays it. `collect` has the jitter buffers of the slot play into the
banks. Then the banks are heard by whoever only listens (`numpy_stage`). `send` encodes and sends.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free
from libc.string cimport memset
from posix.time cimport CLOCK_MONOTONIC, CLOCK_REALTIME, clock_gettime, timespec

import socket

from gateway.media.engine.address cimport Address, forget_address
from gateway.media.engine.bank cimport Bank
from gateway.media.engine.browser_port cimport (
    EARLY,
    HANDSHAKE,
    MEDIA,
    Binding,
    BrowserPort,
    Kind,
    ssrc_at,
)
from gateway.media.engine.kernel cimport (
    EPOLL_CLOEXEC,
    EPOLL_CTL_ADD,
    EPOLLIN,
    close,
    epoll_create1,
    epoll_ctl,
    epoll_event,
    epoll_wait,
)
from gateway.media.engine.latch cimport STRANGER, TAKEN, Verdict
from gateway.media.engine.leg cimport Leg, TrunkLeg
from gateway.media.engine.news cimport (
    COMFORT_NOISE,
    DATAGRAM,
    MOVED,
    RTCP,
    TELEPHONE_EVENT,
    NewsQueue,
    Subject,
)
from gateway.media.engine.receive cimport BATCH, LONGEST_PACKET, Inbox
from gateway.media.engine.receiver cimport (
    BUFFERED,
    EVENT_CAME,
    GIVEN,
    NOTHING,
    News,
    Receiver,
)
from gateway.media.engine.sender cimport Sender
from voice.counters cimport (
    PACKETS_RECEIVED,
    REJECTED_EARLY,
    REJECTED_LENGTH,
    REJECTED_QUEUE,
    REJECTED_RTCP_STRANGER,
    REJECTED_SHORT,
    REJECTED_SRTP,
    REJECTED_SSRC,
    REJECTED_STRANGER,
    Counters,
)
from voice.rtp cimport RtpHeader, read_header

from gateway.media.engine.clock import SLOTS

cdef enum:
    RTCP_FIRST = 192  # RFC 5761 section 4
    RTCP_LAST = 223
    RTP_SSRC = 8  # where it stands in a header
    RTCP_SSRC = 4
    MOST_BATCHES = 32  # of the browsers' port in one tick: a flood must not stop the clock
    MOST_OF_TRUNK = 8  # datagrams of one trunk socket in one tick
    MOST_BATCHES_OF_TRUNK = 8  # as many, while the clock is late and leaves them out
    MOST_BATCHES_OF_STRANGERS = 32  # as many, while others than the trunk send there
    MOST_EVENTS = 256  # sockets in one tick
    ROWS = 128  # of a bank at first
    MOST_MOVES = 8  # slots that a frame of a mix may ask to be later: then it is made up

cdef int _slots = SLOTS


cdef double clock_now(int which) noexcept nogil:
    """Return what a clock of the system says, in seconds."""
    cdef timespec now
    clock_gettime(which, &now)
    return <double> now.tv_sec + 1e-9 * <double> now.tv_nsec


cdef class PacketPath:
    """The sockets, legs and rows of one engine."""

    def __cinit__(self, *args: object, **kwargs: object) -> None:
        self.epoll = -1

    def __init__(self, browser_socket: socket.socket, *, kernel_time: bool) -> None:
        self.browsers = BrowserPort(browser_socket)
        self.trunk_counters = Counters()
        self.narrow, self.wide = Bank(8000, ROWS), Bank(16000, ROWS)
        self.now = clock_now(CLOCK_MONOTONIC)
        self.unix_offset = clock_now(CLOCK_REALTIME) - self.now
        self.queue = NewsQueue()
        self.inbox = Inbox()
        self.inbox.kernel_time = kernel_time
        self.epoll = epoll_create1(EPOLL_CLOEXEC)
        if self.epoll < 0:
            raise OSError("the system has no descriptor left")
        self.watch(self.browsers.fd, BROWSERS)

    def __dealloc__(self) -> None:
        free(self.served)
        if self.epoll >= 0:
            close(self.epoll)

    # ---- what has come -------------------------------------------------------------------------

    cdef void drain(self, double now) noexcept nogil:
        """Take all that has come; `now` is the time of the tick."""
        cdef epoll_event events[MOST_EVENTS]
        cdef double unix_now = 0
        cdef int place, got = epoll_wait(self.epoll, events, MOST_EVENTS, 0)
        # Of a few calls nothing has come in most ticks: this is all that such a tick costs
        if got <= 0:
            return
        if self.inbox.kernel_time:
            # Packets tell when they came by the system's clock, which may be set at any time
            unix_now = clock_now(CLOCK_REALTIME) + (now - clock_now(CLOCK_MONOTONIC))
        for place in range(got):
            if events[place].data.u64 == BROWSERS or got == MOST_EVENTS:  # it may be left out
                self._drain_browsers(now, unix_now)
                break
        for place in range(got):
            if self.narrow.is_crowded() or self.wide.is_crowded():
                return  # what is left waits in its sockets for the next tick
            if events[place].data.u64 != BROWSERS:
                self._drain_trunk(events[place].data.u64, now, unix_now)

    cdef int watch(self, int fd, uint64_t key) except -1:
        """Have `drain` read a socket; `key` says what it is to do with it."""
        cdef epoll_event event
        memset(&event, 0, sizeof(event))
        event.events = EPOLLIN
        event.data.u64 = key
        if epoll_ctl(self.epoll, EPOLL_CTL_ADD, fd, &event):
            raise OSError(f"descriptor {fd} cannot be watched")
        return 0

    cdef void _drain_browsers(self, double now, double unix_now) noexcept nogil:
        cdef Address source, destination
        cdef Kind kind
        cdef void *owner
        cdef double arrival
        cdef int _batch, place, got, size
        cdef bint taken
        forget_address(&destination)
        for _batch in range(MOST_BATCHES):
            got = self.inbox.receive(self.browsers.fd, BATCH)
            for place in range(got):
                size = self.inbox.size_of(place)
                if not self.inbox.source_of(place, &source):
                    continue
                arrival = self.inbox.arrival_of(place, now, unix_now)
                owner = self.browsers.sort(
                    self.inbox.packets[place], size, &source, arrival, &kind
                )
                if self.browsers.anywhere:
                    self.inbox.destination_of(place, &destination)
                if kind == MEDIA:
                    taken = self._take_media(owner, place, size, arrival, now)
                    if taken and self.browsers.anywhere:
                        (<Binding> owner).own = destination  # it may choose another in mid-call
                elif kind == EARLY:
                    if not (<Binding> owner).hold(self.inbox.packets[place], size, arrival):
                        self.browsers.counters.count(REJECTED_EARLY, 1)
                elif kind == HANDSHAKE:
                    if not self.queue.put(
                        (<Binding> owner).leg,
                        DATAGRAM,
                        self.inbox.packets[place],
                        0,
                        size,
                        &source,
                        &destination,
                        arrival,
                        NULL,
                    ):
                        self.browsers.counters.count(REJECTED_QUEUE, 1)
            if got < BATCH:
                return

    cdef void take_held(self, void *owner, double now) noexcept nogil:
        """Take the packets that have come before the keys."""
        cdef int place, size
        cdef double arrival
        for place in range((<Binding> owner).held):
            size = (<Binding> owner).take_held(place, self.inbox.packets[0], &arrival)
            if size:
                self._take_media(owner, 0, size, arrival, now)
        (<Binding> owner).drop_held()

    cdef bint _take_media(
        self, void *owner, int place, int size, double arrival, double now
    ) noexcept nogil:
        """Decrypt a browser's packet and give it to its leg; false where it is nobody's."""
        cdef uint8_t[::1] packet = self.inbox.packets[place]
        cdef uint8_t kind = packet[1]
        if not (<Leg> (<Binding> owner).leg).served:  # its rows would outlive it
            return False
        if (<Binding> owner).inbound is None:
            return False
        cdef bint rtcp = RTCP_FIRST <= kind <= RTCP_LAST  # where RTP has its type (RFC 5761)
        cdef uint32_t ssrc = ssrc_at(packet, RTCP_SSRC if rtcp else RTP_SSRC)
        if not (<Binding> owner).knows_source(ssrc):
            self.browsers.counters.count(REJECTED_SSRC, 1)
            return False
        if rtcp:
            size = (<Binding> owner).inbound.unprotect_rtcp(packet, size)
        else:
            size = (<Binding> owner).inbound.unprotect(packet, size)
        if size < 0:
            self.browsers.counters.count(REJECTED_SRTP, 1)
            return False
        (<Binding> owner).remember_source(ssrc)
        if rtcp:
            if not self.queue.put(
                (<Binding> owner).leg, RTCP, packet, 0, size, NULL, NULL, arrival, NULL
            ):
                self.browsers.counters.count(REJECTED_QUEUE, 1)
            return True
        self.browsers.counters.count(PACKETS_RECEIVED, 1)
        self._pass_on(<Leg> (<Binding> owner).leg, packet, size, arrival, now)
        return True

    cdef void _pass_on(
        self, Leg leg, const uint8_t[::1] packet, int size, double arrival, double now
    ) noexcept nogil:
        """Give a packet that is believed to a leg's receiver, and pass on what else it tells."""
        cdef RtpHeader header
        cdef Subject subject
        cdef News news
        cdef int reason = read_header(packet, size, &header)
        if reason:
            leg.counters.count(REJECTED_SHORT + reason - 1, 1)
            return
        news = leg.receiver.take(packet, &header, arrival, now)
        if leg.receiver.began:  # it is served in this tick, and a frame later again
            leg.receiver.began = False
            if not leg.mixed:
                leg.slot = self.next_tick % _slots
        if news == NOTHING:
            return
        subject = TELEPHONE_EVENT if news == EVENT_CAME else COMFORT_NOISE
        if not self.queue.put(
            <void *> leg,
            subject,
            packet,
            header.start,
            header.size,
            NULL,
            NULL,
            arrival,
            &header,
        ):
            leg.counters.count(REJECTED_QUEUE, 1)

    cdef void _drain_trunk(self, uint64_t key, double now, double unix_now) noexcept nogil:
        cdef void *owner = <void *> (key & ~<uint64_t> RTCP_SOCKET)
        cdef bint rtcp = key & RTCP_SOCKET
        cdef int fd = (<TrunkLeg> owner).port.rtcp_fd if rtcp else (<TrunkLeg> owner).port.rtp_fd
        cdef int batch, got, others
        for batch in range(MOST_BATCHES_OF_STRANGERS):
            got = self.inbox.receive(fd, MOST_OF_TRUNK)
            others = self._take_batch(owner, rtcp, got, now, unix_now)
            if got < MOST_OF_TRUNK or rtcp:
                return
            # Whoever floods the port must not use up the turn of the trunk's own packets
            if not others and (
                batch >= MOST_BATCHES_OF_TRUNK or not (<TrunkLeg> owner).receiver.lags()
            ):
                return

    cdef int _take_batch(
        self, void *owner, bint rtcp, int count, double now, double unix_now
    ) noexcept nogil:
        """Take what has come to a trunk's socket; return how much of it was no RTP of the trunk's.

        A stranger may send anything: what cannot be read counts as well, and so does RTCP.
        """
        cdef int place, size, others = count
        cdef double arrival
        for place in range(count):
            size = self.inbox.size_of(place)
            if not 0 < size <= LONGEST_PACKET:
                self.trunk_counters.count(REJECTED_LENGTH, 1)
                continue
            arrival = self.inbox.arrival_of(place, now, unix_now)
            # RTCP may come multiplexed, though we have not said that we could (RFC 5761)
            if rtcp or (size > 1 and RTCP_FIRST <= self.inbox.packets[place, 1] <= RTCP_LAST):
                self._take_rtcp(owner, place, size, arrival)
            elif self._take_rtp(owner, place, size, arrival, now):
                others -= 1
        return others

    cdef bint _take_rtp(
        self, void *owner, int place, int size, double arrival, double now
    ) noexcept nogil:
        """Give a trunk's packet to its leg, if its source is believed; false for a stranger's."""
        cdef Address source
        cdef RtpHeader header
        cdef Verdict verdict
        cdef int reason
        self.trunk_counters.count(PACKETS_RECEIVED, 1)
        if not self.inbox.source_of(place, &source):
            return False
        if (<TrunkLeg> owner).port.cipher is not None:
            size = self._decrypt(owner, place, size, False, &source, arrival)
            if size < 0:
                return False
        reason = read_header(self.inbox.packets[place], size, &header)
        if reason:
            self.trunk_counters.count(REJECTED_SHORT + reason - 1, 1)
            return False
        verdict = (<TrunkLeg> owner).port.latch.judge(
            &source,
            header.ssrc,
            (<TrunkLeg> owner).receiver.formats[header.payload_type & 0x7F] >= 0,
            arrival,
        )
        if verdict != TAKEN:
            self.trunk_counters.count(
                REJECTED_STRANGER if verdict == STRANGER else REJECTED_SSRC, 1
            )
            return False
        if (<TrunkLeg> owner).port.latch.news_of_move():
            self.queue.put(
                owner, MOVED, self.inbox.packets[place], 0, 0, &source, NULL, arrival, NULL
            )
        self._pass_on(<Leg> owner, self.inbox.packets[place], size, arrival, now)
        return True

    cdef int _decrypt(
        self,
        void *owner,
        int place,
        int size,
        bint rtcp,
        const Address *source,
        double arrival,
    ) noexcept nogil:
        """Decrypt a trunk's packet in place; return its size, negative for anybody else's.

        It comes before the latch, which is not to follow what nobody with the key has written; and
        after a look at the host, as a stranger's flood must not cost a cipher.
        """
        if not (<TrunkLeg> owner).port.latch.may_be(source):
            self.trunk_counters.count(REJECTED_RTCP_STRANGER if rtcp else REJECTED_STRANGER, 1)
            return -1
        size = (<TrunkLeg> owner).port.cipher.unprotect(
            self.inbox.packets[place], size, rtcp, arrival
        )
        if size < 0:
            self.trunk_counters.count(REJECTED_SRTP, 1)
        return size

    cdef void _take_rtcp(self, void *owner, int place, int size, double arrival) noexcept nogil:
        cdef Address source
        if not self.inbox.source_of(place, &source):
            return
        if (<TrunkLeg> owner).port.cipher is not None:
            size = self._decrypt(owner, place, size, True, &source, arrival)
            if size < 0:
                return
        if not (<TrunkLeg> owner).port.takes_rtcp_from(&source):
            self.trunk_counters.count(REJECTED_RTCP_STRANGER, 1)
        elif not self.queue.put(
            owner, RTCP, self.inbox.packets[place], 0, size, &source, NULL, arrival, NULL
        ):
            self.trunk_counters.count(REJECTED_QUEUE, 1)

    # ---- what is played ------------------------------------------------------------------------

    cdef void collect(self) noexcept nogil:
        """Have the legs of the slot that is due put their frames into the banks."""
        cdef int place
        self.next_tick = self.tick_number + 1
        self.digits_due = self.given = self.changed = 0
        for place in range(self.count):
            self._serve(self.served[place])

    cdef void _serve(self, void *owner) noexcept nogil:
        cdef int _attempt, row, tries
        cdef bint mixed = (<Leg> owner).mixed
        (<Leg> owner).receiver.row = -1
        self.changed += (<Leg> owner).receiver.decodes_anew
        if (<Leg> owner).receiver.noisy:
            (<Leg> owner).receiver.make_noise(self.now)
        self.digits_due += (<Leg> owner).sender.sending_digits
        if (<Leg> owner).slot != self.slot:
            return
        if not (<Leg> owner).fed and (<Leg> owner).sender.steady:
            (<Leg> owner).sender.pass_frames(1)
        if (<Leg> owner).receiver.mode == GIVEN:
            self.given += 1
            (<Leg> owner).receiver.pull(self.now)
        if (<Leg> owner).receiver.mode != BUFFERED:
            return
        tries = MOST_MOVES if mixed else 1
        for _attempt in range(tries):
            row = (<Leg> owner).receiver.pull(self.now)
            if row >= 0:
                break
        if mixed:
            return
        if row < 0:
            (<Leg> owner).slot = (self.slot + 1) % _slots
        elif (<Leg> owner).receiver.wants_earlier():
            (<Leg> owner).slot = (self.slot + _slots - 1) % _slots

    cdef void skip_frames(self, int frames, double resumed) noexcept nogil:
        """Let frames pass that there was no time for, until `resumed`."""
        cdef int place
        for place in range(self.count):
            (<Leg> self.served[place]).receiver.skip(frames, resumed)
            if (<Leg> self.served[place]).sender.steady:
                (<Leg> self.served[place]).sender.pass_frames(frames)

    # ---- what is sent --------------------------------------------------------------------------

    cdef bint lacks(self, Bank bank) noexcept nogil:
        """Whether a row waits for an encoder or a concealer, or is to be heard in Python."""
        cdef int row
        cdef void *source
        cdef void *sink
        for row in range(bank.count):
            source, sink = bank.rows[row].source, bank.rows[row].sink
            if sink == NULL or bank.rows[row].dropped:
                continue
            if (<Sender> sink).take_frame is not None:
                return True
            if not (<Sender> sink).receives:
                continue
            if (<Sender> sink).lacks_encoder(bank.rate):
                return True
            if source != NULL and (<Receiver> source).lacks_concealer(bank, row):
                return True
        return False

    cdef void send(self, Bank bank) noexcept nogil:
        """Send the rows of a bank, and begin with an empty one."""
        cdef int row
        cdef void *source
        cdef void *sink
        for row in range(bank.count):
            source, sink = bank.rows[row].source, bank.rows[row].sink
            if source != NULL:
                (<Receiver> source).note_level(bank.levels[row])
            if sink == NULL or bank.rows[row].dropped:
                continue
            if source != NULL and bank.rows[row].stamped:
                (<Receiver> source).conceal_before(bank, row)
            (<Sender> sink).send_row(bank, row, self.tick_number, self.now)
        bank.clear()

    cdef void send_due(self) noexcept nogil:
        """Send the packets of another length than a frame whose time has come."""
        cdef int place
        for place in range(self.count):
            if (<Leg> self.served[place]).sender.packetizer is not None:
                (<Leg> self.served[place]).sender.send_due(self.tick_number)
