"""The numbers of `voice.codec`'s table, where they can be asked without the interpreter.

A codec is named by its `index`. The table is read once, when this module is imported: what is not
written there is not known here either.
"""

from libc.string cimport memset

from voice.codec import CODECS, StreamCodec

cdef enum:
    _ROOM = 32  # codecs

cdef CodecFacts[_ROOM] _FACTS
memset(_FACTS, 0, sizeof(_FACTS))


cdef CodecFacts codec_facts(int index) noexcept nogil:
    """Return what is known of a codec; zeros for an index that none has."""
    if not 0 <= index < _ROOM:
        index = _ROOM - 1
    return _FACTS[index]


def facts(int index):
    """Return the same as a dictionary, by the names of codec_facts.pxd."""
    return codec_facts(index)


def _fill_in():
    if [codec.index for codec in CODECS.values()] != list(range(len(CODECS))):
        raise ValueError("the index of a codec is its place in the table")
    if len(CODECS) >= _ROOM:  # the last place says that there is no such codec
        raise ValueError(f"{len(CODECS)} codecs: there is room for {_ROOM - 1}")
    cdef CodecFacts *each
    for codec in CODECS.values():
        each = &_FACTS[<int>codec.index]
        each.clock_rate = codec.clock_rate
        each.sample_rate = codec.sample_rate
        each.highest_rate = codec.highest_rate
        each.bytes_per_unit = codec.bytes_per_unit or 0
        each.payload_type = -1 if codec.payload_type is None else codec.payload_type
        each.units_per_frame = codec.units_per_frame
        each.samples_per_frame = codec.samples_per_frame
        each.bytes_per_frame = each.units_per_frame * each.bytes_per_unit
        each.has_state = isinstance(codec, StreamCodec)
        each.silence = 0 if each.has_state else codec.silence


_fill_in()
