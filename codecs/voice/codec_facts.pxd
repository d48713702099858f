"""The numbers of `voice.codec`'s table, for compiled callers; codec_facts.pyx fills them in."""


cdef struct CodecFacts:
    int clock_rate  # Hz of RTP timestamps; 0: there is no such codec
    int sample_rate  # Hz
    int highest_rate  # Hz
    int bytes_per_unit  # 0 where packets of one length differ
    int payload_type  # the static one; -1 if there is none
    # Of 20 ms
    int units_per_frame
    int samples_per_frame
    int bytes_per_frame  # 0 as of bytes_per_unit
    bint has_state  # it encodes and decodes stream by stream, and not in batches
    int silence  # each byte of a silent sample; only without state


cdef CodecFacts codec_facts(int index) noexcept nogil
