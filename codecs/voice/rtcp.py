"""RTCP (RFC 3550 section 6): what the two ends of a stream tell each other about it. Pure.

Each refusal has a reason out of a closed set, fit to be a metric's label. Datagrams are read as
appendix A.2 asks, but for what real stacks do: a datagram need not begin with a report (RFC 5506,
browsers send feedback alone), and the last chunk of a description may lack its end.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from struct import Struct
from struct import error as StructError
from typing import NamedTuple

from voice.rtp import VERSION

SENDER_REPORT = 200
RECEIVER_REPORT = 201
SOURCE_DESCRIPTION = 202
GOODBYE = 203

CNAME = 1  # item of a source description, section 6.5.1

HEADER_SIZE = 4  # bytes
MOST_COUNTED = 31  # blocks, chunks or sources of one packet: five bits count them
LONGEST_TEXT = 255  # bytes of a description's item or of a goodbye's reason

# RFC 5761 section 4: what is RTCP on a port that carries RTP as well
_FIRST_TYPE, _LAST_TYPE = 192, 223

_HEADER = Struct("!BBH")
_WORD = Struct("!I")
_SENDER = Struct("!IQIII")
_BLOCK = Struct("!IIIIII")
_PLAIN = VERSION << 6
_PADDING, _COUNT = 0x20, 0x1F

NTP_EPOCH = 2208988800  # seconds from 1900 to 1970


class RtcpReason(StrEnum):
    """Why a datagram is no RTCP."""

    SHORT = "short"  # less than a header
    VERSION = "version"
    TYPE = "type"  # of no RTCP packet
    LENGTH = "length"  # a packet goes on beyond the end of the datagram
    PADDING = "padding"  # of no length, too long, not whole words, or not in the last packet
    REPORT = "report"  # fewer blocks than are counted
    DESCRIPTION = "description"  # fewer chunks than are counted, or one that is cut off
    GOODBYE = "goodbye"  # fewer sources than are counted, or a reason that is cut off


class RtcpError(ValueError):
    """A datagram that is no RTCP; `reason` says which rule it breaks."""

    def __init__(self, reason: RtcpReason, problem: str) -> None:
        super().__init__(f"{problem} (RFC 3550 section 6)")
        self.reason = reason


class ReportBlock(NamedTuple):
    """What a receiver says of one source's stream (section 6.4.1).

    `fraction_lost` since the report before, in 1/256; `lost` in all, negative where packets came
    twice; `highest` sequence number with its cycles above; `jitter` in units of the timestamp.
    `last_report` is the middle of the NTP time of the last sender report that came, and `delay` how
    long ago that was, in 1/65536 s; 0 where none came.
    """

    ssrc: int
    fraction_lost: int
    lost: int
    highest: int
    jitter: int
    last_report: int
    delay: int


class SenderReport(NamedTuple):
    """What a sender says of its stream: `timestamp` is that of RTP at the `ntp` time."""

    ssrc: int
    ntp: int  # 64 bits, see `ntp_time`
    timestamp: int
    packets: int
    octets: int  # of payload
    blocks: tuple[ReportBlock, ...] = ()


class ReceiverReport(NamedTuple):
    """From one who sends nothing; without blocks from one who hears nothing either."""

    ssrc: int
    blocks: tuple[ReportBlock, ...] = ()


class Chunk(NamedTuple):
    """The items (type, text) that describe one source; the text is UTF-8 if its sender is right."""

    ssrc: int
    items: tuple[tuple[int, bytes], ...]


class SourceDescription(NamedTuple):
    chunks: tuple[Chunk, ...]


class Goodbye(NamedTuple):
    ssrcs: tuple[int, ...]
    reason: bytes = b""


class Unknown(NamedTuple):
    """Any other packet: APP (204), feedback (205, 206), extended reports (207) and what may come.

    `subtype` is what stands in place of a count; `body` all after the header.
    """

    packet_type: int
    subtype: int
    body: bytes


Packet = SenderReport | ReceiverReport | SourceDescription | Goodbye | Unknown


def parse(datagram: bytes) -> tuple[Packet, ...]:
    """Read all packets of a datagram, one or more.

    Raises
    ------
    RtcpError
        The datagram is no RTCP, or one of its packets is malformed: then none is believed.
    """
    size = len(datagram)
    if not size:
        raise RtcpError(RtcpReason.SHORT, f"no bytes: a header has {HEADER_SIZE}")
    packets: list[Packet] = []
    start = 0
    while start < size:
        packet_type, count, end, following = _parse_header(datagram, start)
        body = datagram[start + HEADER_SIZE : end]
        read = _READERS.get(packet_type)
        packets.append(read(count, body) if read else Unknown(packet_type, count, body))
        start = following
    return tuple(packets)


def _parse_header(datagram: bytes, start: int) -> tuple[int, int, int, int]:
    """Return (packet type, count, end without padding, start of the next packet)."""
    size = len(datagram)
    if size - start < HEADER_SIZE:
        raise RtcpError(
            RtcpReason.SHORT, f"{size - start} bytes at {start}: a header has {HEADER_SIZE}"
        )
    flags, packet_type, words = _HEADER.unpack_from(datagram, start)
    if flags >> 6 != VERSION:
        raise RtcpError(
            RtcpReason.VERSION, f"version {flags >> 6} at {start}: RTCP has version {VERSION}"
        )
    if not _FIRST_TYPE <= packet_type <= _LAST_TYPE:
        raise RtcpError(
            RtcpReason.TYPE, f"type {packet_type} at {start}: {_FIRST_TYPE} to {_LAST_TYPE} is RTCP"
        )
    end = following = start + HEADER_SIZE + 4 * words
    if following > size:
        raise RtcpError(RtcpReason.LENGTH, f"{words} words after {start} of {size} bytes")
    if flags & _PADDING:
        padding = datagram[end - 1]
        end -= padding
        if following != size or not padding or padding % 4 or end < start + HEADER_SIZE:
            raise RtcpError(
                RtcpReason.PADDING, f"{padding} bytes of padding in {words} words of {size} bytes"
            )
    return packet_type, flags & _COUNT, end, following


def _read_blocks(count: int, body: bytes, start: int) -> tuple[ReportBlock, ...]:
    """What stands after the blocks belongs to a profile (section 6.4.3) and is passed over."""
    if len(body) < start + count * _BLOCK.size:
        raise RtcpError(RtcpReason.REPORT, f"{count} blocks after {start} of {len(body)} bytes")
    blocks = []
    for offset in range(start, start + count * _BLOCK.size, _BLOCK.size):
        ssrc, lost, highest, jitter, last_report, delay = _BLOCK.unpack_from(body, offset)
        total = lost & 0xFFFFFF
        if total >= 0x800000:  # 24 bits with a sign
            total -= 0x1000000
        blocks.append(ReportBlock(ssrc, lost >> 24, total, highest, jitter, last_report, delay))
    return tuple(blocks)


def _read_sender_report(count: int, body: bytes) -> SenderReport:
    blocks = _read_blocks(count, body, _SENDER.size)
    ssrc, ntp, timestamp, packets, octets = _SENDER.unpack_from(body)
    return SenderReport(ssrc, ntp, timestamp, packets, octets, blocks)


def _read_receiver_report(count: int, body: bytes) -> ReceiverReport:
    blocks = _read_blocks(count, body, _WORD.size)
    (ssrc,) = _WORD.unpack_from(body)
    return ReceiverReport(ssrc, blocks)


def _read_description(count: int, body: bytes) -> SourceDescription:
    chunks = []
    start = 0
    for _ in range(count):
        chunk, start = _read_chunk(body, start)
        chunks.append(chunk)
    return SourceDescription(tuple(chunks))


def _read_chunk(body: bytes, start: int) -> tuple[Chunk, int]:
    """Return the chunk and where the next one starts: at a whole word after an item of type 0."""
    size = len(body)
    if size - start < _WORD.size:
        raise RtcpError(RtcpReason.DESCRIPTION, f"no chunk after {start} of {size} bytes")
    (ssrc,) = _WORD.unpack_from(body, start)
    items = []
    start += _WORD.size
    while start < size and body[start]:
        first = start + 2
        end = first + body[start + 1] if first <= size else size + 1
        if end > size:
            raise RtcpError(RtcpReason.DESCRIPTION, f"an item after {start} of {size} bytes")
        items.append((body[start], body[first:end]))
        start = end
    return Chunk(ssrc, tuple(items)), start // 4 * 4 + 4


def _read_goodbye(count: int, body: bytes) -> Goodbye:
    size = len(body)
    end = 4 * count
    if size < end:
        raise RtcpError(RtcpReason.GOODBYE, f"{count} sources in {size} bytes")
    ssrcs = Struct(f"!{count}I").unpack_from(body)
    if size == end:
        return Goodbye(ssrcs)
    length = body[end]
    if size < end + 1 + length:
        raise RtcpError(RtcpReason.GOODBYE, f"a reason of {length} bytes after {end} of {size}")
    return Goodbye(ssrcs, body[end + 1 : end + 1 + length])


_READERS: dict[int, Callable[[int, bytes], Packet]] = {
    SENDER_REPORT: _read_sender_report,
    RECEIVER_REPORT: _read_receiver_report,
    SOURCE_DESCRIPTION: _read_description,
    GOODBYE: _read_goodbye,
}


def pack(*packets: Packet) -> bytes:
    """Return the datagram of these packets, in this order.

    A compound as section 6.1 wants it begins with a report and holds a description with a CNAME;
    that is for the caller to see to.

    Raises
    ------
    ValueError
        A field that its bits do not hold, more than 31 blocks, chunks or sources, or a text of more
        than 255 bytes.
    """
    return b"".join([_pack_one(packet) for packet in packets])


def describe(ssrc: int, cname: str) -> SourceDescription:
    """Return the description that every compound must hold: the source's canonical name."""
    return SourceDescription((Chunk(ssrc, ((CNAME, cname.encode()),)),))


def _pack_one(packet: Packet) -> bytes:
    try:
        packet_type, count, body = _lay_out(packet)
        if count > MOST_COUNTED or len(body) % 4:
            raise ValueError(f"{packet}: up to {MOST_COUNTED} of a kind, in whole words")
        return _HEADER.pack(_PLAIN | count, packet_type, len(body) // 4) + body
    except StructError as error:
        raise ValueError(f"{packet}: {error}") from error


def _lay_out(packet: Packet) -> tuple[int, int, bytes]:
    """Return (packet type, count, body)."""
    match packet:
        case SenderReport(ssrc, ntp, timestamp, sent, octets, blocks):
            sender = _SENDER.pack(ssrc, ntp, timestamp, sent, octets)
            return SENDER_REPORT, len(blocks), sender + _pack_blocks(blocks)
        case ReceiverReport(ssrc, blocks):
            return RECEIVER_REPORT, len(blocks), _WORD.pack(ssrc) + _pack_blocks(blocks)
        case SourceDescription(chunks):
            return SOURCE_DESCRIPTION, len(chunks), b"".join([_pack_chunk(one) for one in chunks])
        case Goodbye(ssrcs, reason):
            body = Struct(f"!{len(ssrcs)}I").pack(*ssrcs)
            if reason:
                body += _pack_text(reason)
            return GOODBYE, len(ssrcs), body + bytes(-len(body) % 4)
        case Unknown(packet_type, subtype, body):
            return packet_type, subtype, body


def _pack_blocks(blocks: tuple[ReportBlock, ...]) -> bytes:
    words = []
    for ssrc, fraction, lost, highest, jitter, last_report, delay in blocks:
        if not -0x800000 <= lost < 0x800000 or not 0 <= fraction <= 0xFF:
            raise ValueError(
                f"{lost} lost, {fraction} of 256: 24 bits with a sign, and 8 hold them"
            )
        both = fraction << 24 | lost & 0xFFFFFF
        words.append(_BLOCK.pack(ssrc, both, highest, jitter, last_report, delay))
    return b"".join(words)


def _pack_chunk(chunk: Chunk) -> bytes:
    for kind, _ in chunk.items:
        if not kind:
            raise ValueError(f"{chunk}: an item of type 0 is the end of a chunk")
    items = b"".join([bytes([kind]) + _pack_text(text) for kind, text in chunk.items])
    # One to four bytes of zero: the end, and up to a whole word
    return _WORD.pack(chunk.ssrc) + items + bytes(4 - len(items) % 4)


def _pack_text(text: bytes) -> bytes:
    if len(text) > LONGEST_TEXT:
        raise ValueError(f"{len(text)} bytes of text: up to {LONGEST_TEXT} can be said")
    return bytes([len(text)]) + text


def ntp_time(unix_seconds: float) -> int:
    """Return a time as NTP has it: seconds since 1900 in 32 bits, and 32 bits of fraction.

    It begins anew in 2036, as everybody's does (RFC 5905 section 6).
    """
    return (NTP_EPOCH << 32) + int(unix_seconds * 2**32) & 0xFFFFFFFFFFFFFFFF


def ntp_middle(ntp: int) -> int:
    """Return the middle 32 bits of an NTP time: 1/65536 s, as report blocks use it."""
    return ntp >> 16 & 0xFFFFFFFF
