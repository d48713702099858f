"""Packets that pass from one leg to the other as they are: only the RTP header is written anew.

So it is when both legs speak the same codec: Opus, or G.711 where the policy says passthrough.
What one side lost stays a gap for the other, which has the better means to hide it.
"""

from __future__ import annotations

from gateway.media.core.allowance import AudioAllowance
from gateway.media.core.down import WIDEST_GAP
from gateway.media.core.trunk_sender import TrunkSender
from gateway.media.counters import rejected
from voice.rtp import RtpPacket, pack_header
from voice.sequence import SequenceTracker


class UpRelay:
    """Browser → trunk, under the sender's numbers, which its telephone events share."""

    def __init__(self, sender: TrunkSender) -> None:
        self._sender = sender
        self._allowed = AudioAllowance()  # of all sources: a flood of them is one, too
        self.restart()

    def restart(self) -> None:
        """Begin with a new source."""
        self._track = SequenceTracker()
        self._restarts = -1
        self._highest = 0
        self._end: int | None = None  # the source's timestamp that the sender's stands for

    def pass_over(self, sequence: int) -> None:
        """A packet is not sent; it has a number as well, and its lack is no gap."""
        number = self._track(sequence)
        if number is not None and number > self._highest:
            self._highest = number

    def interrupt(self, packet: RtpPacket) -> None:
        """A packet is not sent because the sender has its own to send, and counts their time."""
        self.pass_over(packet.sequence)
        if self._end is not None:
            self._pass_time(packet.timestamp, self._end)
            self._end = None

    def _pass_time(self, timestamp: int, end: int) -> None:
        passed = (timestamp - end) & 0xFFFFFFFF
        self._sender.timestamp = (self._sender.timestamp + passed) & 0xFFFFFFFF

    def send(self, packet: RtpPacket, ticks: int, now: float) -> None:
        """Send a packet that lasts so many ticks of the RTP clock, if it is none of a flood."""
        sender = self._sender
        if not self._allowed.allows(now):
            sender.counters[rejected("browser", "flood")] += 1
            return
        self._allowed.spend(ticks / sender.codec.clock_rate)
        number = self._track(packet.sequence)
        if number is None:
            return
        if self._restarts != self._track.restarts:
            self._restarts = self._track.restarts
            self._highest, self._end = number - 1, None
        gap = number - self._highest - 1
        if gap < 0:  # older than what was sent: the far end can still use it
            self._send_late(packet, gap)
            return
        self._highest = number
        if gap <= WIDEST_GAP:
            sender.sequence = (sender.sequence + gap) & 0xFFFF
        if self._end is not None:
            self._pass_time(packet.timestamp, self._end)
        self._end = (packet.timestamp + ticks) & 0xFFFFFFFF
        sender.send_payload(packet.payload, ticks)

    def _send_late(self, packet: RtpPacket, gap: int) -> None:
        sender = self._sender
        if self._end is None or gap < -WIDEST_GAP:
            return
        behind = (self._end - packet.timestamp) & 0xFFFFFFFF
        header = pack_header(
            sender.payload_type,
            sender.sequence + gap,
            sender.timestamp - behind,
            sender.ssrc,
        )
        sender.send_late(header + packet.payload)
