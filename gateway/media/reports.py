"""What the two ends of a leg tell each other by RTCP, and how the leg is doing. Pure.

One `LegReports` stands beside each leg. Its packets are counted by the engine, which hands over a
snapshot of what came and how much was sent once a second; RTCP comes in as it arrives. Whoever owns
the leg asks every now and then whether a report is due, and sends it. Times are seconds of the
media clock.

On a trunk anybody at the far end's address may say anything, so little is believed: one source is
followed at a time, and no flood of them fills the memory; a goodbye is only counted; and a report
keeps a call alive only if it is of the source that is heard, or speaks of ours.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass

from gateway.media.counters import rejected
from gateway.media.events import LegQuality
from voice.emodel import mos, rating
from voice.reception import ReceptionSnapshot
from voice.reception_report import Interval, ReceptionReports, round_trip
from voice.rtcp import (
    Goodbye,
    Packet,
    ReceiverReport,
    ReportBlock,
    RtcpError,
    SenderReport,
    describe,
    ntp_middle,
    ntp_time,
    pack,
    parse,
)

# RFC 3550 section 6.2: the least there may be between reports, on average. Two members never reach
# the share of bandwidth that would make it longer, nor is there anybody to reconsider for (6.3.6)
INTERVAL = 5.0  # seconds

# A far end answers one of our latest reports; what it says of any other is no round trip
REPORTS_REMEMBERED = 8

# Older than this, a round-trip time says nothing of now: several reports have failed to come
STALE = 30.0  # seconds


@dataclass(frozen=True, slots=True)
class LegIdentity:
    """Who we are on a leg.

    `cname` is random and of this call only (RFC 7022 section 4.2). `unix_offset` added to the
    media clock is the time since 1970: reports tell one steady clock, whatever the system's does.
    """

    leg: str  # "browser" or "trunk": what the counters are named after
    ssrc: int
    cname: str
    unix_offset: float


class LegReports:
    """The reports and the statistics of one leg.

    Parameters
    ----------
    started
        When the leg began to wait for packets.
    uniform
        Random numbers from 0 to 1: no two of a gateway's calls report in step.

    Attributes
    ----------
    far_loss, far_jitter
        What the far end says of our stream: the share lost since its report before, and seconds of
        jitter. None until it has said anything.
    """

    __slots__ = (
        "_clock_rate",
        "_codec",
        "_counters",
        "_due",
        "_heard_at",
        "_identity",
        "_introduced",
        "_marks",
        "_octets",
        "_packets",
        "_reception",
        "_reported_counts",
        "_reports_sent",
        "_round_trip",
        "_round_trip_at",
        "_sent_at",
        "_timestamp",
        "_uniform",
        "far_jitter",
        "far_loss",
    )

    def __init__(
        self,
        identity: LegIdentity,
        counters: Counter[str],
        *,
        started: float,
        uniform: Callable[[], float],
        codec: str,
        clock_rate: int,
    ) -> None:
        self._identity = identity
        self._counters = counters
        self._uniform = uniform
        self.set_codec(codec, clock_rate)
        self._heard_at = started
        self._reception = ReceptionReports()
        self._reported_counts = (0, 0)  # number of the source, and packets, at the last report
        self._packets = self._octets = self._timestamp = 0
        self._sent_at = started
        self._marks = (0, 0)  # packets sent by the last report, and by the one before
        self._reports_sent: deque[int] = deque(maxlen=REPORTS_REMEMBERED)
        # Half the interval before the first (section 6.2), so that both ends soon know the other
        self._due = started + INTERVAL / 2 * self._spread()
        self._introduced = False  # a report has been sent
        self._round_trip: float | None = None
        self._round_trip_at = started
        self.far_loss: float | None = None
        self.far_jitter: float | None = None

    def set_codec(self, codec: str, clock_rate: int) -> None:
        """Say what the leg speaks from now on, and the clock rate of what we send in Hz.

        Raises
        ------
        ValueError
            A codec that the E-model has no values for.
        """
        rating(0.0, 0.0, codec)  # refuses a codec here, and not only once a quality is asked for
        self._codec = codec
        self._clock_rate = clock_rate

    def update(self, snapshot: ReceptionSnapshot) -> None:
        """Take the next snapshot of the leg's reception; none may be left out."""
        self._reception.update(snapshot)
        self.reset_silence_timer(snapshot.arrival)

    def sent(self, packets: int, octets: int, timestamp: int, now: float) -> None:
        """Count RTP that has been sent: `octets` of payload, `timestamp` of the last packet."""
        self._packets += packets
        self._octets += octets
        self._timestamp = timestamp
        self._sent_at = now

    def take(self, datagram: bytes, now: float) -> None:
        """Take what came as RTCP, decrypted; whatever is malformed is counted and dropped."""
        try:
            packets = parse(datagram)
        except RtcpError as error:
            self._counters[rejected(self._identity.leg, f"rtcp-{error.reason}")] += 1
            return
        self._counters[f"{self._identity.leg}_rtcp_packets"] += 1
        for packet in packets:
            self._take_packet(packet, now)

    def _take_packet(self, packet: Packet, now: float) -> None:
        source = self._reception.snapshot.ssrc
        match packet:
            case SenderReport():
                self._reception.hear_report(packet.ssrc, ntp_middle(packet.ntp), now)
                self._hear_blocks(packet.ssrc, packet.blocks, now)
            case ReceiverReport():
                self._hear_blocks(packet.ssrc, packet.blocks, now)
            case Goodbye() if source is None or source in packet.ssrcs:
                self._counters[f"{self._identity.leg}_rtcp_goodbyes"] += 1
            case _:
                pass

    def _hear_blocks(self, sender: int, blocks: tuple[ReportBlock, ...], now: float) -> None:
        if sender == self._reception.snapshot.ssrc:
            self.reset_silence_timer(now)
        for block in blocks:
            if block.ssrc != self._identity.ssrc:
                continue
            self.reset_silence_timer(now)
            self.far_loss = block.fraction_lost / 256
            self.far_jitter = block.jitter / self._clock_rate
            if block.last_report in self._reports_sent:
                found = round_trip(block, ntp_middle(self._ntp(now)))
                if found is not None:
                    self._round_trip, self._round_trip_at = found, now

    def due(self, now: float) -> bytes | None:
        """Return the report to send, None while it is not time for one."""
        if now < self._due:
            return None
        # From now on, not from when it was due: a stall is not followed by a burst
        self._due = now + INTERVAL * self._spread()
        self._introduced = True
        identity = self._identity
        return pack(self._report(now), describe(identity.ssrc, identity.cname))

    def _spread(self) -> float:
        """0.5 to 1.5 (section 6.3.1)."""
        return 0.5 + self._uniform()

    def _report(self, now: float) -> SenderReport | ReceiverReport:
        blocks: tuple[ReportBlock, ...] = ()
        heard = self._reception.snapshot
        counts = (heard.sources, heard.present.received)
        if counts != self._reported_counts:
            self._reported_counts = counts
            blocks = (self._reception.report_block(now),)
        ssrc = self._identity.ssrc
        # Who has sent nothing since the report before the last is no sender (section 6.3.8)
        last, before = self._marks
        self._marks = (self._packets, last)
        if self._packets == before:
            return ReceiverReport(ssrc, blocks)
        ntp = self._ntp(now)
        self._reports_sent.append(ntp_middle(ntp))
        passed = round((now - self._sent_at) * self._clock_rate)
        return SenderReport(
            ssrc,
            ntp,
            self._timestamp + passed & 0xFFFFFFFF,
            self._packets & 0xFFFFFFFF,
            self._octets & 0xFFFFFFFF,
            blocks,
        )

    def _ntp(self, now: float) -> int:
        return ntp_time(now + self._identity.unix_offset)

    def goodbye(self) -> bytes | None:
        """Return what to send at the end; None if nobody has heard of us (section 6.3.7)."""
        ssrc = self._identity.ssrc
        if not self._packets and not self._introduced:
            return None
        report = ReceiverReport(ssrc)  # a compound begins with a report, be it an empty one
        return pack(report, describe(ssrc, self._identity.cname), Goodbye((ssrc,)))

    def silent_for(self, now: float) -> float:
        """Return for how many seconds neither RTP nor a report of a known source has come."""
        return max(0.0, now - self._heard_at)

    def reset_silence_timer(self, now: float) -> None:
        """Count the silence from now on: what was before was not to be expected otherwise."""
        self._heard_at = max(self._heard_at, now)

    def round_trip(self, now: float) -> float | None:
        """Return the latest round-trip time in seconds; None if there is none of late."""
        return self._round_trip if now - self._round_trip_at <= STALE else None

    def far_quality(self, now: float, packets: int) -> LegQuality:
        """Return how our stream is at the far end, by what that one says of it.

        Parameters
        ----------
        packets
            Sent since this was asked last.
        """
        loss, trip = self.far_loss, self.round_trip(now)
        score = None
        if loss is not None:
            score = mos(rating(500 * (trip or 0.0), loss, self._codec))
        return LegQuality(
            mos=score,
            loss=loss or 0.0,
            jitter_ms=1000 * (self.far_jitter or 0.0),
            rtt_ms=None if trip is None else 1000 * trip,
            level=None,
            packets=packets,
        )

    def quality(
        self, now: float, level: int | None, *, buffer_ms: float = 0.0, discarded: int = 0
    ) -> LegQuality:
        """Return how the leg has been since this was called last.

        Parameters
        ----------
        now
            Seconds of the media clock.
        level
            What was heard, in -dBov; None if nothing was.
        buffer_ms
            Delay that we add to the network's: jitter buffer, frame, codec.
        discarded
            Packets since the last call that came, but nobody could hear: too late to be played, or
            left out by a clock that had no time for them.
        """
        heard = self._reception.interval()
        trip = self.round_trip(now)
        score = None
        if heard.received:
            delay = buffer_ms + 500 * (trip or 0.0)  # one way of two
            score = mos(rating(delay, _unplayed(heard, discarded), self._codec, heard.burst_ratio))
        return LegQuality(
            mos=score,
            loss=heard.loss,
            jitter_ms=1000 * heard.jitter,
            rtt_ms=None if trip is None else 1000 * trip,
            level=level,
            packets=heard.received,
        )


def _unplayed(heard: Interval, discarded: int) -> float:
    """Return the share of packets that could not be played, for whatever reason."""
    return min(1.0, (heard.lost + discarded) / (heard.lost + heard.received))
