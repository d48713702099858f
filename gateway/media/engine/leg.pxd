"""One party's media, for the engine; leg.pyx says more."""

from gateway.media.engine.browser_port cimport Binding
from gateway.media.engine.receiver cimport Receiver
from gateway.media.engine.sender cimport Sender
from gateway.media.engine.trunk_port cimport TrunkPort
from voice.counters cimport Counters

cdef enum:
    TONE_RATE = 16000  # Hz at which digits are made; at 8000 Hz every other sample says the same


cdef class Leg:
    cdef object __weakref__
    cdef readonly str kind
    cdef readonly Counters counters
    cdef readonly Receiver receiver
    cdef readonly Sender sender
    cdef public object owner  # is told what happens
    cdef public object bridge
    cdef readonly list taps  # called with each of its frames, wherever it is moved
    cdef bint served  # by an engine, which holds it then
    cdef public bint fed  # some source gives the sender frames or packets
    cdef public int slot  # of the clock
    cdef public bint mixed  # it is one of several, which are served in one slot
    cdef int watch_tick
    cdef bint failed


cdef class BrowserLeg(Leg):
    cdef readonly Binding binding


cdef class TrunkLeg(Leg):
    cdef readonly TrunkPort port


cdef class FrameLeg(Leg):
    pass
