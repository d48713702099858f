"""How loud a stream is and how loud its silence, from the level of each frame.

Levels are those of RFC 6464: -dBov, so 0 is the loudest and 127 is silence.
"""

cimport cython

from voice.levels import LOUDEST_FLOOR, SILENCE

FAINT = 65  # -dBov: below this nobody hears anything

# A frame this near to the noise, and no louder than this, is a pause in which nobody misses a
# frame: speech is 15 dB and more above the noise that it can be understood in
NEAR_NOISE = 6  # dB
LOUDEST_PAUSE = 40  # -dBov

RISE = 0.02  # dB per frame: a room that grows louder is believed after a while

cdef int _SILENCE = SILENCE
cdef int _FAINT = FAINT
cdef double _LOUDEST_FLOOR = LOUDEST_FLOOR
cdef double _NEAR_NOISE = NEAR_NOISE
cdef double _LOUDEST_PAUSE = LOUDEST_PAUSE
cdef double _RISE = RISE


@cython.final
cdef class LevelMeter:
    """Follows one stream.

    Attributes
    ----------
    level
        Of the newest frame.
    floor
        Of the noise in the pauses, a float, `LOUDEST_FLOOR` at most; `SILENCE` until something was
        heard.
    quiet
        Whether the newest frame was a pause.
    """

    def __cinit__(self) -> None:
        self.level = _SILENCE
        self.floor = _SILENCE
        self.quiet = True

    cpdef void note(self, int level) noexcept nogil:
        """Take a frame's level."""
        self.level = level
        if level >= _SILENCE:  # a muted microphone says nothing of the room
            self.quiet = True
            return
        if level > self.floor or self.floor >= _SILENCE:
            self.floor = max(<double>level, _LOUDEST_FLOOR)
        else:
            self.floor = max(self.floor - _RISE, _LOUDEST_FLOOR)
        self.quiet = level >= _FAINT or level >= max(self.floor - _NEAR_NOISE, _LOUDEST_PAUSE)
