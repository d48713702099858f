"""Whose RTP is taken: the address and the stream that a trunk leg has latched on to.

The description names the far end's address, but behind a NAT the packets come from another port.
So the first source at the described host is believed, the described port itself takes over once,
and anybody else is a stranger (RTP bleed and injection both start with believing the last packet).

Where the described address cannot be reached from here, as when a PBX behind a NAT describes its
private one, the host of the SIP peer is believed as well (`believe_peer`), and where an operator
asks for it any host (`believe_any`); the first valid stream wins in both cases.

When the media moves to another port of its host, packets of the old one are still on their way.
They are taken, but not answered: to send there again would be to stay where the far end has left.
"""

cimport cython
from libc.stdint cimport uint32_t
from libc.string cimport memset

from gateway.media.engine.address cimport (
    Address,
    parse_address,
    same_address,
    same_host,
    show_address,
)

# Another port of the right host is a NAT that has forgotten us, or a media server that has moved
# without a word: it is believed once the present source has been silent for this long
SOURCE_SILENCE = 2.0  # seconds

# A new SSRC from the right address is a media server that was put in another's place: it is
# believed at once. Two at once would be a mixture: if the former one goes on within this time, by
# more than packets that were overtaken, it is the true one, and the new one was a stray
SSRC_SILENCE = 0.1  # seconds
OVERTAKEN = 2  # packets
# After a stray no other SSRC is believed for this long, unless the true one falls silent
CONTESTED = 2.0  # seconds

_REASONS = (None, "stranger", "ssrc")

cdef double _source_silence = SOURCE_SILENCE, _ssrc_silence = SSRC_SILENCE
cdef double _contested = CONTESTED
cdef int _overtaken = OVERTAKEN


@cython.final
cdef class SourceLatch:
    """Decides packet by packet; `expect` starts afresh with a new description."""

    def __init__(self) -> None:
        self._heard = self._spoke = self._changed = float("-inf")

    def expect(self, host: str, port: int) -> None:
        """Believe this description from now on; the same one again changes nothing."""
        cdef Address described = parse_address(host, port)
        if same_address(&described, &self._described):
            return
        if self._source.family:
            self._former = self._source
        elif same_host(&described, &self._described):
            # Nothing has been heard, but packets of the port before may be on their way
            self._former = self._described
        self._described = described
        memset(&self._source, 0, sizeof(Address))
        self._has_ssrc = False
        self.moved = False

    def believe_peer(self, host: str | None) -> None:
        """Believe streams from this host as well; None: from the described one only."""
        if host is None:
            memset(&self._peer, 0, sizeof(Address))
        else:
            self._peer = parse_address(host, 0)

    def believe_any(self, any_host: bool) -> None:
        """Believe the first stream from wherever it comes."""
        self._any = any_host

    @property
    def source(self) -> tuple[str, int] | None:
        """Where packets come from, None before the first."""
        return show_address(&self._source) if self._source.family else None

    @property
    def destination(self) -> tuple[str, int] | None:
        """Where to send: to where packets come from, until then to the described address."""
        cdef Address address
        return show_address(&address) if self.target(&address) else None

    cdef bint target(self, Address *address) noexcept nogil:
        """Fill in where to send; false while nothing is described."""
        address[0] = self._source if self._settled() else self._described
        return address.family != 0

    cpdef bint news_of_move(self) noexcept nogil:
        """Whether the source has come to be at a host that the description does not name.

        True once for each such host.
        """
        if not self.moved or same_host(&self._source, &self._told):
            return False
        self._told = self._source
        return True

    cdef bint _settled(self) noexcept nogil:
        """Whether a source has been found that belongs to the present description."""
        return self._source.family != 0 and not same_address(&self._source, &self._former)

    cdef bint believes_host(self, const Address *source) noexcept nogil:
        """Whether packets of this host may be the far end's."""
        if not self._described.family:
            return False
        if self._settled() and self.moved:
            return same_host(source, &self._source)
        return (
            self._any
            or same_host(source, &self._described)
            or (self._peer.family and same_host(source, &self._peer))
        )

    cdef bint may_be(self, const Address *source) noexcept nogil:
        """Whether a packet may be the far end's, before it is known to be authentic."""
        return same_address(source, &self._source) or self.believes_host(source)

    def refuse(
        self, source: tuple[str, int], ssrc: int, now: float, *, audio: bool = True
    ) -> str | None:
        """Return why a packet is not taken ("stranger", "ssrc"), or None if it is."""
        cdef Address address = parse_address(source[0], source[1])
        return _REASONS[<int> self.judge(&address, ssrc, audio, now)]

    cdef Verdict judge(
        self, const Address *source, uint32_t ssrc, bint audio, double now
    ) noexcept nogil:
        """Decide about a packet. One that is no audio may have an SSRC of its own."""
        if not self._stays(source, now) and not self._latches(source, now):
            return STRANGER
        self._heard = now
        if not audio:
            return TAKEN
        if self._has_ssrc and ssrc != self._ssrc:
            if not self._changes(ssrc, now):
                return OTHER_SSRC
            self._former_ssrc = self._ssrc
            self._changed = now
            self._returned = 0
        elif not self._has_ssrc:
            self._former_ssrc = ssrc
        self._ssrc = ssrc
        self._has_ssrc = True
        self._spoke = now
        return TAKEN

    cdef bint _changes(self, uint32_t ssrc, double now) noexcept nogil:
        """Whether another SSRC than the present one is the stream from now on."""
        cdef bint just_changed = now - self._changed < _ssrc_silence
        if now - self._spoke >= _ssrc_silence:
            return True
        if ssrc == self._former_ssrc and just_changed and now >= self._contested_until:
            self._returned += 1
            if self._returned > _overtaken:
                self._contested_until = now + _contested
                return True
            return False
        return not just_changed and now >= self._contested_until and ssrc != self._former_ssrc

    cdef bint _stays(self, const Address *source, double now) noexcept nogil:
        """Whether a packet comes from the present source."""
        if not same_address(source, &self._source):
            return False
        if self.moved and not self._settled() and now - self._latched >= _source_silence:
            # It goes on after a new description whose address cannot be reached, and nobody else
            # has come: it is the far end, and not what was on its way
            memset(&self._former, 0, sizeof(Address))
        return True

    cdef bint _latches(self, const Address *source, double now) noexcept nogil:
        cdef bint described = same_address(source, &self._described)
        if not self.believes_host(source):
            return False
        if self._settled() and now - self._heard < _source_silence and not described:
            return False
        self._source, self._latched = source[0], now
        self._has_ssrc = False
        self.moved = not same_host(source, &self._described)
        return True
