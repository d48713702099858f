"""What a trunk is offered: one audio stream, encrypted or not, codecs by policy.

A description for the trunk is made from typed values, never by copying lines of the browser's: what
is not written here cannot leak there (candidates, cname, browser names, certificates).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from sdp.attributes import PTIME, RTCP, RtcpPort
from sdp.browser import BrowserOffer
from sdp.codecs import (
    STATIC_PAYLOAD_TYPES,
    TELEPHONE_EVENT,
    codec_attributes,
    named,
    read_codecs,
    same_codec,
)
from sdp.crypto import Crypto, Srtp, write_keys
from sdp.model import (
    Attribute,
    Codec,
    Direction,
    Media,
    RtpAddress,
    SessionDescription,
)
from sdp.offer_answer import connection_to, origin_of, refused

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
    `telephone_event` allows RFC 4733 events; `srtp` says whether the audio is encrypted.
    """

    codecs: tuple[str, ...] = ("PCMU", "PCMA")
    ptime: int = DEFAULT_PTIME
    telephone_event: bool = True
    srtp: Srtp = Srtp.OFF

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
    keys: Sequence[Crypto] = (),
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
        keys=keys,
        direction=browser.direction,
        events=DEFAULT_EVENTS if event is None else _events(event),
    )


def make_trunk_offer(
    *,
    policy: TrunkPolicy,
    address: RtpAddress,
    session_id: int,
    version: int,
    keys: Sequence[Crypto] = (),
    direction: Direction = Direction.SENDRECV,
    events: str | None = DEFAULT_EVENTS,
    current: Codec | None = None,
    after: SessionDescription | None = None,
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
    keys
        Of SRTP, to be offered (`make_keys`); none where the policy has it off.
    direction
        As the gateway sees it.
    events
        The telephone events to offer, as `0-15`; None for none. They come at 8000 Hz, which every
        trunk knows, and at the clock rates of the codecs.
    current
        The codec in use, which is offered first: a change in mid-call is heard.
    after
        Our description that this one follows in a dialog. Its `m=` lines keep their places, and its
        payload types their meaning (RFC 3264 sections 8 and 8.3.2).
    """
    if bool(keys) is (policy.srtp is Srtp.OFF):
        raise ValueError(f"srtp is {policy.srtp}, and {len(keys)} keys are offered")
    codecs = [TRUNK_CODECS[name] for name in policy.codecs]
    if current is not None:
        codecs.sort(key=lambda codec: not same_codec(codec, current))
    if events is not None and policy.telephone_event:
        rates = {8000, *(codec.clock_rate for codec in codecs)}
        codecs += [
            Codec(EVENT_PAYLOAD_TYPES[rate], TELEPHONE_EVENT, rate, 1, events)
            for rate in sorted(rates)
        ]
    if after is None:
        media = trunk_audio(codecs, policy.ptime, direction, address, policy.srtp.protocol, keys)
        return trunk_session(address, session_id, version, (media,))
    place = _audio_place(after)
    before = after.media[place]
    codecs = _renumbered(codecs, read_codecs(before))
    media = trunk_audio(codecs, policy.ptime, direction, address, before.protocol, keys)
    sections = (media if i == place else refused(each) for i, each in enumerate(after.media))
    return trunk_session(address, session_id, version, tuple(sections))


def _audio_place(ours: SessionDescription) -> int:
    for index, media in enumerate(ours.media):
        if media.kind == "audio" and media.port:
            return index
    raise ValueError("a description of ours has no audio in use")


def _renumbered(codecs: Sequence[Codec], in_use: Sequence[Codec]) -> list[Codec]:
    """Give codecs the numbers that they have in use, and others none that means something else."""
    numbers = {each.payload_type for each in (*codecs, *in_use)}
    free = iter(each for each in range(96, 128) if each not in numbers)
    taken = {each.payload_type for each in in_use}
    renumbered = []
    for codec in codecs:
        kept = next((each for each in in_use if same_codec(each, codec)), None)
        number = codec.payload_type if kept is None else kept.payload_type
        if kept is None and number in taken:
            number = next(free)
        renumbered.append(replace(codec, payload_type=number))
    return renumbered


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
    codecs: Sequence[Codec],
    ptime: int,
    direction: Direction,
    address: RtpAddress,
    protocol: str,
    keys: Sequence[Crypto] = (),
) -> Media:
    """Write the gateway's audio section."""
    attributes = [*codec_attributes(codecs), PTIME.make(ptime)]
    # Said only where it is not the next port, which is what RFC 3605 section 1 made the line for:
    # a trunk that does not know it then loses nothing
    if address.rtcp_port not in (None, address.port + 1):
        attributes.append(RTCP.make(RtcpPort(address.rtcp_port)))
    attributes += write_keys(keys)
    return Media(
        kind="audio",
        port=address.port,
        protocol=protocol,
        formats=tuple(str(codec.payload_type) for codec in codecs),
        attributes=(*attributes, Attribute(direction)),
    )
