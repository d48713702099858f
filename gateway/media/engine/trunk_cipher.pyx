"""Keys of a trunk's SRTP that come by signaling (RFC 4568), and change with a description.

What DTLS has agreed with a browser never changes. A trunk may bring another key in mid-call, while
packets of the one before are on their way; it may name its key in each packet (an MKI, RFC 3711
section 3.1, which libsrtp is not told of here: a call has one key each way, so the name says
nothing); and it may put one SSRC after the other, of which libsrtp would keep each for ever.
"""

from libc.stdint cimport uint8_t, uint32_t
from libc.string cimport memcmp, memcpy, memmove

import numpy as np

from gateway.media.engine.receive cimport LONGEST_PACKET
from gateway.media.engine.srtp cimport SrtpSession

# How long packets of the former key are taken: those that overtake the ACK of the change, or wait
# in a jittery network
FORMER = 2.0  # seconds

cdef enum:
    SHORTEST = 8  # bytes: the header of RTCP, which is not encrypted
    RTP_SSRC = 8  # where it stands in a header
    RTCP_SSRC = 4


cdef class Inbound:
    """What comes under one key.

    Parameters
    ----------
    session
        Decrypts.
    mki
        What each packet has besides; empty for nothing.
    tag, rtcp_tag
        Bytes of authentication behind it (RFC 3711 section 3.1); none with GCM, whose tag stands
        before it (RFC 7714 section 8.2).
    """

    def __init__(
        self, session: SrtpSession, *, mki: bytes = b"", tag: int = 0, rtcp_tag: int = 0
    ) -> None:
        if len(mki) > LONGEST_MKI:
            raise ValueError(f"an MKI of {len(mki)} bytes: {LONGEST_MKI} are the most")
        self.session = session
        self.tag, self.rtcp_tag = tag, rtcp_tag
        self.mki_size = len(mki)
        memcpy(self.mki, <const char *> mki, self.mki_size)

    cdef int unprotect(self, uint8_t[::1] packet, int size, bint rtcp) noexcept nogil:
        """Decrypt in place; return the size, negative for what was not written with this key."""
        cdef uint32_t ssrc
        cdef int at = RTCP_SSRC if rtcp else RTP_SSRC
        if self.mki_size:
            size = self._without_mki(packet, size, self.rtcp_tag if rtcp else self.tag)
        if rtcp:
            size = self.session.unprotect_rtcp(packet, size)
        else:
            size = self.session.unprotect(packet, size)
        if size >= at + 4:
            ssrc = (
                <uint32_t> packet[at] << 24
                | <uint32_t> packet[at + 1] << 16
                | <uint32_t> packet[at + 2] << 8
                | packet[at + 3]
            )
            if not self._count or ssrc != self._known[self._newest]:
                self._remember(ssrc)
        return size

    cdef int _without_mki(self, uint8_t[::1] packet, int size, int tag) noexcept nogil:
        """Cut the MKI out. Where there is none, though one was said to be, all stays as it is."""
        cdef int at = size - tag - self.mki_size
        if at < SHORTEST or size > packet.shape[0]:
            return size
        if memcmp(&packet[at], self.mki, self.mki_size):
            return size
        if tag:
            memmove(&packet[at], &packet[at + self.mki_size], tag)
        return size - self.mki_size

    cdef void _remember(self, uint32_t ssrc) noexcept nogil:
        """Know an SSRC that is authentic, and have libsrtp forget another where there are many."""
        cdef int place
        for place in range(self._count):
            if self._known[place] == ssrc:
                self._newest = place
                return
        if self._count < MOST_SOURCES:
            place = self._count
            self._count += 1
        else:
            place = self._next
            if place == self._newest:  # who speaks, or has spoken last, stays
                place = (place + 1) % MOST_SOURCES
            self.session.forget(self._known[place])
            self._next = (place + 1) % MOST_SOURCES
        self._known[place] = ssrc
        self._newest = place


cdef class TrunkCipher:
    """Both directions of one trunk; what of it changes is put in place of what was before."""

    def __init__(self, outbound: SrtpSession, inbound: Inbound) -> None:
        self.outbound, self.inbound = outbound, inbound
        self._former_until = float("-inf")
        self._copy = np.zeros(LONGEST_PACKET, np.uint8)

    def change(
        self, outbound: SrtpSession | None, inbound: Inbound | None, now: float
    ) -> None:
        """Use other keys from now on; None: as before."""
        if outbound is not None:
            self.outbound = outbound
        if inbound is not None:
            self._former, self.inbound = self.inbound, inbound
            self._former_until = now + FORMER
            self.taken = self.refused = 0

    cdef int unprotect(
        self, uint8_t[::1] packet, int size, bint rtcp, double now
    ) noexcept nogil:
        """Decrypt in place; return the size, negative for what the trunk has not written."""
        cdef int found
        cdef bint two = now < self._former_until and 0 < size <= self._copy.shape[0]
        if two:  # GCM decrypts before it knows whether a packet is authentic
            memcpy(&self._copy[0], &packet[0], size)
        found = self.inbound.unprotect(packet, size, rtcp)
        if found < 0 and two:
            memcpy(&packet[0], &self._copy[0], size)
            found = self._former.unprotect(packet, size, rtcp)
        if found < 0:
            self.refused += 1
        else:
            self.taken += 1
        return found
