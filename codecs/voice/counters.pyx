"""What became of packets and frames, by reason: a closed set, fit to be a metric's labels.

The packet path adds to an array; everybody else reads it by name, like a mapping.
"""

from collections.abc import Iterator

NAMES = (
    "packets_received",
    "packets_sent",
    "packets_lost",
    "packets_discarded",
    "rtcp_packets",
    "rtcp_sent",
    "digits",
    "send_errors",
    "frames_repaired",
    "frames_concealed",
    "frames_accelerated",
    "frames_dropped",
    "frames_inserted",
    "frames_delayed",
    "frames_skipped",
    "faults",
    "rejected_length",
    "rejected_stranger",
    "rejected_unknown",
    "rejected_ufrag",
    "rejected_stun",
    "rejected_stun-flood",
    "rejected_early",
    "rejected_srtp",
    "rejected_ssrc",
    "rejected_short",
    "rejected_version",
    "rejected_csrc",
    "rejected_extension",
    "rejected_padding",
    "rejected_payload-type",
    "rejected_payload",
    "rejected_comfort-noise",
    "rejected_sequence",
    "rejected_late",
    "rejected_duplicate",
    "rejected_flood",
    "rejected_rtcp-stranger",
    "rejected_queue",
    "rejected_pairs",
    "rejected_candidate",
    "packets_after_end",
)

assert len(NAMES) == COUNTS, "counters.pxd and NAMES list the same"

_PLACES = {name: place for place, name in enumerate(NAMES)}


cdef class Counters:
    """Counts by name; those that are 0 are there, too."""

    def __getitem__(self, name: str) -> int:
        cdef int place = _PLACES[name]
        return self.n[place]

    def __iter__(self) -> Iterator[str]:
        return iter(NAMES)

    def __len__(self) -> int:
        return COUNTS

    def add(self, name: str, amount: int = 1) -> None:
        """Count so many more; raises KeyError for a name that there is none of."""
        cdef int place = _PLACES[name]
        self.n[place] += amount

    cdef void count(self, int what, int64_t amount) noexcept nogil:
        """Count so many more, without a name and without the interpreter."""
        self.n[what] += amount

    def counted(self) -> dict[str, int]:
        """Return those that are not 0, by name."""
        cdef int place
        return {name: self.n[place] for place, name in enumerate(NAMES) if self.n[place]}
