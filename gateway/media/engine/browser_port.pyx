"""One UDP port for all browsers of a media thread: whose datagram is it?

A firewall opens one port and not ten thousand. Datagrams are told apart by the ICE user name
fragment that a connectivity check carries (RFC 8445 section 7.2.2), and by their source address
once such a check has been authenticated. Whatever belongs to nobody costs one look-up.
"""

from libc.stdint cimport uint8_t, uint32_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

import contextlib

import numpy as np

from gateway.media.engine.address cimport (
    Address,
    Key,
    KEY_SIZE,
    key_of_address,
    padded_key,
    parse_address,
    same_address,
    show_address,
    write_address,
)
from gateway.media.engine.kernel cimport MSG_DONTWAIT, sendmmsg
from gateway.media.engine.pktinfo cimport read_own, write_source
from gateway.media.engine.receive cimport LONGEST_PACKET
from gateway.media.engine.srtp cimport SrtpSession
from gateway.media.engine.transport cimport Transport
from voice.counters cimport (
    PACKETS_AFTER_END,
    REJECTED_LENGTH,
    REJECTED_STRANGER,
    REJECTED_STUN,
    REJECTED_STUN_FLOOD,
    REJECTED_UFRAG,
    REJECTED_UNKNOWN,
    SEND_ERRORS,
    Counters,
)

from gateway.media.engine.pktinfo import send_from
from gateway.own_address import is_anywhere
from voice.token_bucket import TokenBucket as make_bucket

# How long a browser may go on sending after the end of its call before it is a stranger
DEPARTED = 10.0  # seconds

_WIDTH = 2048  # bytes of a buffer

cdef enum:
    SHORTEST = 13  # bytes: a DTLS record's header, the shortest thing that comes here
    # RFC 8489 section 5
    STUN_HEADER = 20
    STUN_CLASS = 0x0110  # the bits of a message's type that tell its class
    STUN_USERNAME = 0x0006

# STUN and DTLS of one leg: a browser with a dozen addresses checks each every 50 ms at first.
# Checks that anybody sends from elsewhere, who has read a user name fragment, take nothing of it
_HANDSHAKE_RATE, _HANDSHAKE_BURST = 100.0, 300.0  # datagrams per second, and at once


cdef int _two_bytes(const uint8_t[::1] packet, int at) noexcept nogil:
    return packet[at] << 8 | packet[at + 1]


cdef uint32_t ssrc_at(const uint8_t[::1] packet, int at) noexcept nogil:
    return <uint32_t> _two_bytes(packet, at) << 16 | <uint32_t> _two_bytes(packet, at + 2)


cdef class BrowserPort:
    """Sorts what comes, and sends what all legs have queued with one call."""

    def __init__(self, socket: object) -> None:
        cdef int place
        self.socket = socket
        self.fd = socket.fileno()
        self.anywhere = is_anywhere(socket.getsockname()[0])
        self.counters = Counters()
        self._legs = {}
        self._fragments = KeyTable()
        self._sources = KeyTable()
        self._packets = np.zeros((SENT_AT_ONCE, _WIDTH), np.uint8)
        memset(self._messages, 0, sizeof(self._messages))
        for place in range(SENT_AT_ONCE):
            self._vectors[place].iov_base = &self._packets[place, 0]
            self._messages[place].msg_hdr.msg_iov = &self._vectors[place]
            self._messages[place].msg_hdr.msg_iovlen = 1
            self._messages[place].msg_hdr.msg_name = &self._names[place]
        self._departed = Binding(self, 0.0)
        self._ended = {}

    @property
    def known(self) -> tuple[int, int]:
        """How many user name fragments and source addresses there are, old calls' included."""
        return len(self._fragments), len(self._sources)

    def forget_departed(self, now: float) -> None:
        """Count what comes from the addresses of old calls as strangers' from now on."""
        cdef list old = []
        for address, ended in self._ended.items():  # the oldest first; all of them may be thousands
            if ended > now - DEPARTED:
                break
            old.append(address)
        for address in old:
            del self._ended[address]
            self._departed.dismiss(*address)

    cdef void *sort(
        self, const uint8_t[::1] packet, int size, const Address *source, double now, Kind *kind
    ) noexcept nogil:
        cdef void *owner
        cdef uint8_t first
        kind[0] = DROPPED
        if not SHORTEST <= size <= LONGEST_PACKET:
            return self._drop(REJECTED_LENGTH)
        first = packet[0]
        if first < 4:
            if size < STUN_HEADER:
                return self._drop(REJECTED_STUN)
            if _two_bytes(packet, 0) & STUN_CLASS:  # an answer to a check of ours
                owner = self._owner_of_source(source)
                if owner == NULL or owner == <void *> self._departed:
                    return self._drop_of(source, REJECTED_STRANGER)
            else:
                owner = self._owner_of_check(packet, size)
                if owner == NULL:
                    return self._drop_of(source, REJECTED_UFRAG)
            kind[0] = HANDSHAKE
        elif 20 <= first < 64 or 128 <= first < 192:
            owner = self._owner_of_source(source)
            if owner == NULL or owner == <void *> self._departed:
                return self._drop_of(source, REJECTED_STRANGER)
            # Once a pair is nominated the browser is at its address only
            if (<Binding> owner).remote.family and not same_address(
                source, &(<Binding> owner).remote
            ):
                return self._drop(REJECTED_STRANGER)
            kind[0] = HANDSHAKE
            if first >= 128:
                kind[0] = EARLY if (<Binding> owner).inbound is None else MEDIA
        else:
            return self._drop(REJECTED_UNKNOWN)
        if kind[0] == HANDSHAKE:
            if not (<Binding> owner).may_shake_hands(self._owner_of_source(source) == owner, now):
                kind[0] = DROPPED
                return self._drop(REJECTED_STUN_FLOOD)
            if same_address(source, &(<Binding> owner).remote):
                (<Binding> owner).heard = True
        else:
            (<Binding> owner).heard = True
        return owner

    cdef void *_drop(self, int reason) noexcept nogil:
        self.counters.count(reason, 1)
        return NULL

    cdef void *_drop_of(self, const Address *source, int reason) noexcept nogil:
        """The same, unless a leg that is gone had this source: its browser may not know yet."""
        if self._owner_of_source(source) == <void *> self._departed:
            reason = PACKETS_AFTER_END
        return self._drop(reason)

    cdef void *_owner_of_check(self, const uint8_t[::1] packet, int size) noexcept nogil:
        """Return whose user name fragment a request carries first; NULL if it is nobody's."""
        cdef Key key
        cdef int at = STUN_HEADER, kind, length, place
        while at + 4 <= size:
            kind, length = _two_bytes(packet, at), _two_bytes(packet, at + 2)
            at += 4
            if at + length > size:
                return NULL
            if kind == STUN_USERNAME:
                memset(&key, 0, sizeof(Key))
                for place in range(length):
                    if packet[at + place] == 58:  # a colon: what follows is the browser's own
                        return self._fragments.find(&key)
                    if place == KEY_SIZE or not packet[at + place]:
                        return NULL
                    key.octets[place] = packet[at + place]
                return NULL
            at += length + 3 & ~3
        return NULL

    cdef void *_owner_of_source(self, const Address *source) noexcept nogil:
        cdef Key key
        key_of_address(source, &key)
        return self._sources.find(&key)

    cdef uint8_t[::1] next_row(self) noexcept nogil:
        """Return the buffer that the next packet is built in."""
        return self._packets[self._queued]

    cdef bint queue(
        self, int size, const Address *destination, const Address *source
    ) noexcept nogil:
        """Have the packet in the next buffer sent with the others."""
        cdef int place = self._queued
        self._vectors[place].iov_len = size
        self._messages[place].msg_hdr.msg_namelen = write_address(
            destination, &self._names[place]
        )
        if self.anywhere:
            write_source(&self._messages[place].msg_hdr, source, &self._controls[place])
        self._queued += 1
        if self._queued == SENT_AT_ONCE:
            self.flush()
        return True

    cdef void flush(self) noexcept nogil:
        """Send what is queued; what the system cannot take now is lost, as on any network."""
        cdef int begin = 0, sent
        while begin < self._queued:
            sent = sendmmsg(self.fd, &self._messages[begin], self._queued - begin, MSG_DONTWAIT)
            if sent <= 0:
                self.counters.count(SEND_ERRORS, 1)
                sent = 1
            begin += sent
        self._queued = 0


cdef class Binding(Transport):
    """One leg's part of the port: its user name fragment, its browser's address, its SRTP keys."""

    def __init__(self, port: BrowserPort, now: float) -> None:
        self.port = port
        self._handshakes = make_bucket(_HANDSHAKE_RATE, _HANDSHAKE_BURST)
        self._strange = make_bucket(_HANDSHAKE_RATE, _HANDSHAKE_BURST)
        self._addresses = set()

    cdef bint may_shake_hands(self, bint known, double now) noexcept nogil:
        """Whether one more datagram of STUN or DTLS is taken, from a known address or another."""
        if known:
            if not self._handshakes.has_tokens(now):
                return False
            self._handshakes.spend(1)
            return True
        if not self._strange.has_tokens(now):
            return False
        self._strange.spend(1)
        return True

    cdef bint _stay(self) except? True:
        """Have the leg stay while the port may find it; false once it is closed.

        What comes late from the event loop, after the end, must not bring a key back.
        """
        if self._closed:
            return False
        if self.leg == NULL:
            raise ValueError("a binding belongs to a leg")
        self.port._legs[self] = <object> self.leg
        return True

    def open(self, fragment: str) -> None:
        """Take checks with this user name fragment of ours."""
        cdef Key key = _key_of_fragment(fragment)
        if not self._stay():
            return
        self._forget_fragment()
        self._fragment = fragment
        self.port._fragments.put(&key, <void *> self)

    cdef int _forget_fragment(self) except -1:
        cdef Key key
        if self._fragment is not None:
            key = _key_of_fragment(self._fragment)
            if self.port._fragments.find(&key) == <void *> self:
                self.port._fragments.remove(&key)
            self._fragment = None
        return 0

    def admit(self, host: str, port: int) -> None:
        """Take DTLS from this address, unless it is another leg's."""
        cdef Address address = parse_address(host, port)
        cdef Key key
        cdef void *owner
        key_of_address(&address, &key)
        owner = self.port._sources.find(&key)
        if (owner == NULL or owner == <void *> self.port._departed) and self._stay():
            self.port._sources.put(&key, <void *> self)
            self._addresses.add((host, port))

    def dismiss(self, host: str, port: int) -> None:
        """Take nothing from this address any more."""
        cdef Address address = parse_address(host, port)
        cdef Key key
        key_of_address(&address, &key)
        if self.port._sources.find(&key) == <void *> self:
            self.port._sources.remove(&key)
        self._addresses.discard((host, port))

    def set_remote(self, host: str, port: int, source: str | None = None) -> None:
        """Exchange media with this address: its check was authenticated, and its pair nominated.

        `source` is the address of ours that the browser has checked.
        """
        cdef Address address = parse_address(host, port)
        cdef Key key
        if not self._stay():
            return
        self.remote = address
        read_own(source, &self.own)
        key_of_address(&self.remote, &key)
        self.port._sources.put(&key, <void *> self)
        self._addresses.add((host, port))

    def start_media(self, inbound: object, outbound: object) -> None:
        """Decrypt and encrypt with these pylibsrtp sessions from now on."""
        if not self._closed:
            self.inbound, self.outbound = SrtpSession(inbound), SrtpSession(outbound)
            self._known_count = 0

    def send_datagram(self, data: bytes, host: str, port: int, source: str | None = None) -> None:
        """Send STUN or DTLS at once; what cannot be sent is lost, as on any network."""
        with contextlib.suppress(OSError):
            send_from(self.port.socket, data, host, port, source)

    def close(self, now: float = 0.0) -> None:
        """Take nothing any more; harmless when called twice."""
        cdef Key key
        self._closed = True
        if self.remote.family:
            key_of_address(&self.remote, &key)
            if self.port._sources.find(&key) == <void *> self:
                address = show_address(&self.remote)
                self._addresses.discard(address)
                self.port._sources.put(&key, <void *> self.port._departed)
                self.port._ended.pop(address, None)  # an earlier call's, and so too early
                self.port._ended[address] = now
        self.drop_held()
        for host, port in tuple(self._addresses):
            self.dismiss(host, port)
        self._forget_fragment()
        memset(&self.remote, 0, sizeof(Address))
        self.inbound = self.outbound = None
        self.port._legs.pop(self, None)

    def send_rtcp(self, packet: bytes) -> None:
        """Encrypt and queue a compound RTCP packet."""
        cdef uint8_t[::1] row = self.port.next_row()
        cdef int size = len(packet)
        if not self.is_open() or size > LONGEST_PACKET:
            return
        memcpy(&row[0], <const char *> packet, size)
        size = self.outbound.protect_rtcp(row, size)
        if size > 0:
            self.port.queue(size, &self.remote, &self.own)

    cdef bint knows_source(self, uint32_t ssrc) noexcept nogil:
        """Whether an SSRC is known, or there is room for one more."""
        cdef int place
        for place in range(self._known_count):
            if self._known[place] == ssrc:
                return True
        return self._known_count < MOST_SOURCES

    cdef void remember_source(self, uint32_t ssrc) noexcept nogil:
        """Know the SSRC of a packet that has been authenticated."""
        cdef int place
        for place in range(self._known_count):
            if self._known[place] == ssrc:
                return
        if self._known_count < MOST_SOURCES:
            self._known[self._known_count] = ssrc
            self._known_count += 1

    cdef bint hold(self, const uint8_t[::1] packet, int size, double arrival) noexcept nogil:
        """Keep a packet until the keys are there; false if there is no room."""
        if self.held == MOST_HELD or size > LONGEST_PACKET:
            return False
        if self._held == NULL:
            self._held = <uint8_t *> malloc(MOST_HELD * LONGEST_PACKET)
            if self._held == NULL:
                return False
        memcpy(self._held + self.held * LONGEST_PACKET, &packet[0], size)
        self._held_sizes[self.held], self._held_arrivals[self.held] = size, arrival
        self.held += 1
        return True

    cdef int take_held(self, int place, uint8_t[::1] packet, double *arrival) noexcept nogil:
        if not 0 <= place < self.held or self._held_sizes[place] > packet.shape[0]:
            return 0
        memcpy(&packet[0], self._held + place * LONGEST_PACKET, self._held_sizes[place])
        arrival[0] = self._held_arrivals[place]
        return self._held_sizes[place]

    cdef void drop_held(self) noexcept nogil:
        free(self._held)
        self._held = NULL
        self.held = 0

    def __dealloc__(self) -> None:
        free(self._held)

    cdef uint8_t[::1] next_packet(self) noexcept nogil:
        return self.port.next_row()

    cdef bint send_packet(self, int size) noexcept nogil:
        if self.outbound is None:
            return False
        size = self.outbound.protect(self.port.next_row(), size)
        return size > 0 and self.port.queue(size, &self.remote, &self.own)

    cdef bint is_open(self) noexcept nogil:
        return self.outbound is not None and self.remote.family != 0


cdef Key _key_of_fragment(str fragment) except *:
    if not fragment:
        raise ValueError("a user name fragment has at least one character")
    return padded_key(fragment.encode("ascii"))
