"""What is done to the rows of a tick besides the packets' own way; numpy_stage.pyx says more."""

from gateway.media.engine.bank cimport Bank
from gateway.media.engine.leg cimport Leg
from gateway.media.engine.packet_path cimport PacketPath
from gateway.media.engine.sender cimport Sender


cdef class NumpyStage(PacketPath):
    cdef list news, mixes
    cdef int mixing  # how many mixes there are
    cdef readonly dict finders  # of digits in the sound, by sample rate
    cdef object tone  # int16[320]: a frame of digits at 16 kHz
    cdef public int tapped, seeking  # legs that are tapped, and whose digits are looked for

    cdef bint needs_interpreter(self) noexcept nogil
    cdef void pass_rows(self, Bank bank) noexcept nogil
    cdef int play(self, Bank bank) except -1
    cdef int prepare(self, Bank bank) except -1
    cdef int send_digits(self) except -1
    cdef void _silence(self, Bank bank) noexcept nogil
    cdef int _give(self, Bank bank) except -1
    cdef int _find_tones(self, Bank bank) except -1
    cdef int _tell_taps(self, Bank bank) except -1
    cdef int _mix(self, Bank bank) except -1
    cdef list _rows_for(self, Sender sender)
    cdef int _send_event(self, Leg leg, list rows) except -1
    cdef int _send_tones(self, Leg leg, list rows) except -1
    cdef int _fail_sender(self, Sender sender) except -1
    cdef int _hand_over(self, Bank bank) except -1
    cdef int _make_what_lacks(self, Bank bank) except -1
    cdef int fail(self, Leg leg) except -1
