"""What a session description is made of (RFC 8866), as plain values.

The model keeps everything that it does not understand, in order, so that a description can be read,
changed in one place and written again. Line numbers ride along for messages; they take no part in
comparison.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

from sdp.target import read_ip


class Direction(enum.StrEnum):
    """Who sends, seen from the author of the description (RFC 8866 section 6.7)."""

    SENDRECV = "sendrecv"
    SENDONLY = "sendonly"
    RECVONLY = "recvonly"
    INACTIVE = "inactive"

    @classmethod
    def of(cls, *, sends: bool, receives: bool) -> Direction:
        return _DIRECTIONS[sends, receives]

    @property
    def sends(self) -> bool:
        return self in (Direction.SENDRECV, Direction.SENDONLY)

    @property
    def receives(self) -> bool:
        return self in (Direction.SENDRECV, Direction.RECVONLY)

    @property
    def reversed(self) -> Direction:
        """The same flow of media, seen from the other side."""
        return Direction.of(sends=self.receives, receives=self.sends)

    def within(self, other: Direction) -> Direction:
        """What is left of this direction where only `other` is allowed."""
        return Direction.of(
            sends=self.sends and other.sends, receives=self.receives and other.receives
        )


_DIRECTIONS = {
    (True, True): Direction.SENDRECV,
    (True, False): Direction.SENDONLY,
    (False, True): Direction.RECVONLY,
    (False, False): Direction.INACTIVE,
}


@dataclass(frozen=True, slots=True)
class Attribute:
    """One `a=` line; `value` is None for `a=name` and "" for `a=name:`."""

    name: str
    value: str | None = None
    line: int | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Line:
    """A line that nothing here reads (i=, u=, e=, p=, b=, t=, r=, z=, k=), kept as it came."""

    kind: str
    value: str


@dataclass(frozen=True, slots=True)
class Connection:
    """`<nettype> <addrtype> <address>`, as in `c=` and at the end of `o=`."""

    address_type: str
    host: str
    network_type: str = "IN"
    line: int | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Origin:
    username: str
    session_id: int
    version: int
    address: Connection


@dataclass(frozen=True, slots=True)
class Media:
    """One `m=` section. `kind` is audio, video …; `formats` stay text, as not all are numbers."""

    kind: str
    port: int
    protocol: str
    formats: tuple[str, ...]
    port_count: int | None = None
    connections: tuple[Connection, ...] = ()
    attributes: tuple[Attribute, ...] = ()
    others: tuple[Line, ...] = ()
    line: int | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class SessionDescription:
    """A whole description.

    `timing` holds t=, r= and z= lines; `others` the rest of what nothing here reads.
    """

    origin: Origin
    name: str = "-"
    connection: Connection | None = None
    timing: tuple[Line, ...] = (Line("t", "0 0"),)
    attributes: tuple[Attribute, ...] = ()
    media: tuple[Media, ...] = ()
    others: tuple[Line, ...] = ()


@dataclass(frozen=True, slots=True)
class Codec:
    """One payload type of an m= section: its rtpmap and its fmtp parameters as one text."""

    payload_type: int
    name: str
    clock_rate: int
    channels: int = 1
    parameters: str = ""


@dataclass(frozen=True, slots=True)
class RtpAddress:
    """Where RTP goes; RTCP goes to the next port unless `rtcp_port` says otherwise.

    `host` is an IP address, or a name where the other side has written one.
    """

    host: str
    port: int
    rtcp_port: int | None = None

    @property
    def is_name(self) -> bool:
        """Whether the host has to be resolved before anything can be sent to it."""
        return read_ip(self.host) is None


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """The hash of a certificate (RFC 8122): `sha-256`, and colon-separated upper-case hex."""

    algorithm: str
    value: str


@dataclass(frozen=True, slots=True)
class IceParameters:
    ufrag: str
    # The password authenticates every connectivity check: it stays out of logs.
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Extension:
    """An RTP header extension (RFC 8285): `a=extmap:<id>[/<direction>] <uri> [<attributes>]`."""

    id: int
    uri: str
    direction: Direction | None = None
    attributes: str = ""


class Setup(enum.StrEnum):
    """Who starts DTLS (RFC 4145 section 4, RFC 8842 section 5)."""

    ACTPASS = "actpass"
    ACTIVE = "active"
    PASSIVE = "passive"
    HOLDCONN = "holdconn"
