"""RTP headers: any bytes are read or refused with our own error, and what was read is written."""

from __future__ import annotations

from voice.rtp import HEADER_SIZE, RtpError, RtpPacket, RtpReason, is_rtcp, pack_header, parse


def one_input(data: bytes) -> None:
    size = len(data) // 2
    for datagram in (data, data[:size], data[size:]):
        _read(datagram)


def _read(datagram: bytes) -> None:
    is_rtcp(datagram)
    try:
        packet = parse(datagram)
    except RtpError as error:
        reason = error.reason
    else:
        _check(packet, datagram)
        return
    assert (reason is RtpReason.SHORT) == (len(datagram) < HEADER_SIZE)


def _check(packet: RtpPacket, datagram: bytes) -> None:
    assert packet.payload in datagram
    extension = packet.extension
    if packet.profile is not None:
        words = (len(extension) // 4).to_bytes(2, "big")
        extension = packet.profile.to_bytes(2, "big") + words + extension
    sources = b"".join(source.to_bytes(4, "big") for source in packet.csrcs)
    assert datagram[HEADER_SIZE:].startswith(sources + extension + packet.payload)
    header = pack_header(
        packet.payload_type,
        packet.sequence,
        packet.timestamp,
        packet.ssrc,
        marker=packet.marker,
        extension=extension,
    )
    assert header[1:HEADER_SIZE] == datagram[1:HEADER_SIZE]
    assert parse(header + packet.payload) == packet._replace(csrcs=())
