"""RTP headers: both readers agree on any bytes, and refuse with their own error alone."""

from __future__ import annotations

from voice.rtp import (
    RtpError,
    RtpPacket,
    RtpReason,
    join_datagrams,
    pack_header,
    parse,
    parse_batch,
)


def one_input(data: bytes) -> None:
    size = len(data) // 2
    for datagram in (data, data[:size], data[size:]):
        _read(datagram)
    parse_batch(*join_datagrams([data, data[:size], data[size:]]))


def _read(datagram: bytes) -> None:
    batch = parse_batch(*join_datagrams([datagram]))
    packet: RtpPacket | None
    reason: RtpReason | None
    try:
        packet = parse(datagram)
    except RtpError as error:
        packet, reason = None, error.reason
    else:
        reason = None
    assert batch.reasons == [reason]
    if packet is None:
        return
    start, length = int(batch.start[0]), int(batch.length[0])
    assert packet.payload == datagram[start : start + length]
    assert batch.sequence[0] == packet.sequence
    assert batch.timestamp[0] == packet.timestamp
    assert batch.ssrc[0] == packet.ssrc
    header = pack_header(
        packet.payload_type, packet.sequence, packet.timestamp, packet.ssrc, marker=packet.marker
    )
    again = parse(header + packet.payload)
    assert again == packet._replace(csrcs=(), profile=None, extension=b"")
