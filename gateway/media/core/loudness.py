"""How loud a stream is and how loud its silence, from the level of each frame. Pure.

Levels are those of RFC 6464: -dBov, so 0 is the loudest and 127 is silence.
"""

from __future__ import annotations

SILENT = 127
FAINT = 65  # -dBov: below this nobody hears anything

# A frame this near to the noise, and no louder than this, is a pause in which nobody misses a
# frame: speech is 15 dB and more above the noise that it can be understood in
NEAR_NOISE = 6  # dB
LOUDEST_PAUSE = 40  # -dBov

RISE = 0.02  # dB per frame: a room that grows louder is believed after a while


class Loudness:
    """Follows one stream.

    Attributes
    ----------
    level
        Of the newest frame.
    floor
        Of the noise in the pauses, a float; `SILENT` until something was heard.
    quiet
        Whether the newest frame was a pause.
    """

    __slots__ = ("_rising", "floor", "level", "quiet")

    def __init__(self) -> None:
        self.level = SILENT
        self.floor = float(SILENT)
        self.quiet = True

    def note(self, level: int) -> None:
        """Take a frame's level."""
        self.level = level
        if level >= SILENT:  # a muted microphone says nothing of the room
            self.quiet = True
            return
        floor = self.floor
        if level > floor or floor >= SILENT:
            self.floor = float(level)
        else:
            self.floor = floor - RISE
        self.quiet = level >= FAINT or level >= max(self.floor - NEAR_NOISE, LOUDEST_PAUSE)
