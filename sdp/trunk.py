"""What a trunk is offered: RTP/AVP, one audio stream, codecs by policy.

A description for the trunk is made from typed values, never by copying lines of the browser's: what
is not written here cannot leak there (candidates, cname, browser names, certificates).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from sdp.attributes import PTIME, RTCP, RtcpPort
from sdp.browser import BrowserOffer
from sdp.codecs import (
    STATIC_PAYLOAD_TYPES,
    TELEPHONE_EVENT,
    codec_attributes,
    named,
)
from sdp.model import (
    Attribute,
    Codec,
    Direction,
    Media,
    RtpAddress,
    SessionDescription,
)
from sdp.offer_answer import connection_to, origin_of

PROTOCOL = "RTP/AVP"

# What may stand in a trunk's policy
TRUNK_CODECS = {
    "PCMU": STATIC_PAYLOAD_TYPES[0],
    "PCMA": STATIC_PAYLOAD_TYPES[8],
    "G722": STATIC_PAYLOAD_TYPES[9],
    # Numbers of our own choice (RFC 3551 section 3), and those that Asterisk knows them by
    "opus": Codec(107, "opus", 48000, 2, "useinbandfec=1"),
    "L16": Codec(118, "L16", 16000),
}

# Events count time by the clock of the audio beside them (RFC 4733 section 2.1), so each clock rate
# has a number. 101 is what trunks expect without reading the rtpmap; 0-15 is what section 2.4
# assumes where nothing is said, and all that a browser can send
EVENT_PAYLOAD_TYPES = {8000: 101, 16000: 102, 48000: 103}
DEFAULT_EVENTS = "0-15"
_EVENTS = re.compile(r"\d{1,3}(-\d{1,3})?(,\d{1,3}(-\d{1,3})?)*", re.ASCII)

# RFC 3551 section 4.2: the packet time that holds where none is given
DEFAULT_PTIME = 20


@dataclass(frozen=True, slots=True)
class TrunkPolicy:
    """What a trunk is offered.

    `codecs` are names of `TRUNK_CODECS`, the best first; `ptime` is in milliseconds;
    `telephone_event` allows RFC 4733 events.
    """

    codecs: tuple[str, ...] = ("PCMU", "PCMA")
    ptime: int = DEFAULT_PTIME
    telephone_event: bool = True

    def __post_init__(self) -> None:
        unknown = [name for name in self.codecs if name not in TRUNK_CODECS]
        if unknown or not self.codecs:
            listed = ", ".join(TRUNK_CODECS)
            raise ValueError(f"a trunk's codecs must be some of {listed}, not {self.codecs}")


def offer_to_trunk(
    browser: BrowserOffer,
    *,
    policy: TrunkPolicy,
    address: RtpAddress,
    session_id: int,
    version: int,
) -> SessionDescription:
    """Rewrite a browser's offer into the one for the trunk.

    Of the browser's offer only the direction and the list of telephone events pass. Events are
    offered to the trunk even if the browser has none: digits come from its page by other ways too,
    and as tones a trunk that waits for events does not hear them.
    """
    event = named(browser.codecs, TELEPHONE_EVENT)
    return make_trunk_offer(
        policy=policy,
        address=address,
        session_id=session_id,
        version=version,
        direction=browser.direction,
        events=DEFAULT_EVENTS if event is None else _events(event),
    )


def make_trunk_offer(
    *,
    policy: TrunkPolicy,
    address: RtpAddress,
    session_id: int,
    version: int,
    direction: Direction = Direction.SENDRECV,
    events: str | None = DEFAULT_EVENTS,
) -> SessionDescription:
    """Write an offer that has no browser's behind it: a late offer, a hold, a moved address.

    Parameters
    ----------
    policy
        Which codecs, in which order, and how long packets are.
    address
        Where the gateway receives.
    session_id, version
        Of the o= line, written as given. The version grows by one with every description that
        differs from the last one sent (RFC 3264 section 8).
    direction
        As the gateway sees it.
    events
        The telephone events to offer, as `0-15`; None for none. They come at 8000 Hz, which every
        trunk knows, and at the clock rates of the codecs.
    """
    codecs = [TRUNK_CODECS[name] for name in policy.codecs]
    if events is not None and policy.telephone_event:
        rates = {8000, *(codec.clock_rate for codec in codecs)}
        codecs += [
            Codec(EVENT_PAYLOAD_TYPES[rate], TELEPHONE_EVENT, rate, 1, events)
            for rate in sorted(rates)
        ]
    media = trunk_audio(codecs, policy.ptime, direction, address)
    return trunk_session(address, session_id, version, (media,))


def _events(event: Codec) -> str:
    """Read the browser's list of events: the only text of its that the trunk may see."""
    return event.parameters if _EVENTS.fullmatch(event.parameters) else DEFAULT_EVENTS


def trunk_session(
    address: RtpAddress, session_id: int, version: int, media: tuple[Media, ...]
) -> SessionDescription:
    """Wrap sections for the trunk, with the one address and no name of anybody."""
    return SessionDescription(
        origin=origin_of(session_id, version, address.host),
        connection=connection_to(address.host),
        media=media,
    )


def trunk_audio(
    codecs: Sequence[Codec], ptime: int, direction: Direction, address: RtpAddress
) -> Media:
    """Write the gateway's audio section."""
    attributes = [*codec_attributes(codecs), PTIME.make(ptime)]
    # Said only where it is not the next port, which is what RFC 3605 section 1 made the line for:
    # a trunk that does not know it then loses nothing
    if address.rtcp_port not in (None, address.port + 1):
        attributes.append(RTCP.make(RtcpPort(address.rtcp_port)))
    return Media(
        kind="audio",
        port=address.port,
        protocol=PROTOCOL,
        formats=tuple(str(codec.payload_type) for codec in codecs),
        attributes=(*attributes, Attribute(direction)),
    )
