"""Whose RTP is taken: the address and the stream that a leg has latched on to. Pure.

The description names the far end's address, but behind a NAT the packets come from another port.
So the first source at the described host is believed, the described port itself takes over once,
and anybody else is a stranger (RTP bleed and injection both start with believing the last packet).

When the media moves to another port of its host, packets of the old one are still on their way.
They are taken, but not answered: to send there again would be to stay where the far end has left.
"""

from __future__ import annotations

Address = tuple[str, int]

# Another port of the right host is a NAT that has forgotten us, or a media server that has moved
# without a word: it is believed once the present source has been silent for this long
SOURCE_SILENCE = 2.0  # seconds

# A new SSRC from the right address is a media server that was put in another's place. It is
# believed once the old stream has been silent for this long; two at once would be a mixture.
SSRC_SILENCE = 0.1  # seconds


class SourceLatch:
    """Decides packet by packet; `expect` starts afresh with a new description."""

    def __init__(self) -> None:
        self._described: Address | None = None
        self.source: Address | None = None
        self._former: Address | None = None  # the source under the description before this one
        self._ssrc: int | None = None
        self._last = float("-inf")

    def expect(self, host: str, port: int) -> None:
        """Believe this description from now on; the same one again changes nothing."""
        if (host, port) != self._described:
            self._described = (host, port)
            self._former = self.source or self._former
            self.source = None
            self._ssrc = None

    @property
    def target(self) -> Address | None:
        """Where to send: to where packets come from, until then to the described address."""
        return self.source if self._settled else self._described

    @property
    def _settled(self) -> bool:
        """Whether a source has been found that belongs to the present description."""
        return self.source is not None and self.source != self._former

    def refuse(self, source: Address, ssrc: int, now: float) -> str | None:
        """Return why a packet is not taken ("stranger", "ssrc"), or None if it is."""
        if source != self.source and not self._latches(source, now):
            return "stranger"
        if ssrc != self._ssrc:
            if self._ssrc is not None and now - self._last < SSRC_SILENCE:
                return "ssrc"
            self._ssrc = ssrc
        self._last = now
        return None

    def _latches(self, source: Address, now: float) -> bool:
        described = self._described
        if described is None or source[0] != described[0]:
            return False
        speaks = now - self._last < SOURCE_SILENCE
        if self._settled and speaks and source != described:
            return False
        self.source = source
        self._ssrc = None
        return True
