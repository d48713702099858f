"""The answer to a browser's offer.

The offer's sections keep their order (RFC 3264 section 6): the first audio is taken, every other
is refused with port 0 and leaves the bundle.
"""

from __future__ import annotations

from dataclasses import dataclass

from sdp.attributes import (
    CANDIDATE,
    EXTMAP,
    FINGERPRINT,
    GROUP,
    ICE_OPTIONS,
    ICE_PWD,
    ICE_UFRAG,
    MAXPTIME,
    MID,
    MSID,
    PTIME,
    SETUP,
    SSRC,
    Group,
    Source,
    has,
)
from sdp.browser import BrowserOffer, audio_index
from sdp.codecs import codec_attributes, same_codec
from sdp.error import SdpError
from sdp.model import (
    Attribute,
    Codec,
    Connection,
    Direction,
    Extension,
    Fingerprint,
    IceParameters,
    Media,
    SessionDescription,
    Setup,
)
from sdp.offer_answer import connection_to, origin_of, refused

# What each offered role may be answered with (RFC 4145 section 4.1)
_ANSWERED_SETUP = {
    Setup.ACTPASS: (Setup.ACTIVE, Setup.PASSIVE),
    Setup.ACTIVE: (Setup.PASSIVE,),
    Setup.PASSIVE: (Setup.ACTIVE,),
}

# A value without a meaning (RFC 8829 section 5.2.1): addresses stand in candidates only
_ORIGIN_HOST = "127.0.0.1"
_NO_ADDRESS = (Connection("IP4", "0.0.0.0"), 9)
_TRACK = "audio"


@dataclass(frozen=True, slots=True)
class BrowserAnswer:
    """The gateway's part of the answer.

    `codecs` carry the browser's payload types and our fmtp parameters; `direction` is what the
    gateway wants, and is cut down to what the offer allows; `candidates` are all there are, without
    "candidate:"; `ptime` and `max_ptime` (milliseconds) say what the browser should send.
    """

    codecs: tuple[Codec, ...]
    ice: IceParameters
    candidates: tuple[str, ...]
    fingerprints: tuple[Fingerprint, ...]
    setup: Setup
    ssrc: int
    cname: str
    session_id: int
    version: int
    extensions: tuple[Extension, ...] = ()
    ptime: int | None = 20
    max_ptime: int | None = None
    direction: Direction = Direction.SENDRECV


def answer_browser(offered: BrowserOffer, answer: BrowserAnswer) -> SessionDescription:
    """Write the answer to a browser's offer.

    Raises
    ------
    SdpError
        If the answer names a payload type, a header extension or a DTLS role that the offer does
        not allow.
    """
    offer = offered.description
    _check(offered, answer)
    taken = audio_index(offer)
    return SessionDescription(
        origin=origin_of(answer.session_id, answer.version, _ORIGIN_HOST),
        attributes=(*_bundle(offer, offered.mid), *_mixed(offer)),
        media=tuple(
            _audio(media, offered, answer) if index == taken else refused(media)
            for index, media in enumerate(offer.media)
        ),
    )


def _check(offered: BrowserOffer, answer: BrowserAnswer) -> None:
    for codec in answer.codecs:
        if not any(
            codec.payload_type == each.payload_type and same_codec(codec, each)
            for each in offered.codecs
        ):
            problem = f"payload type {codec.payload_type} ({codec.name}) was not offered"
            raise SdpError(problem, rule="RFC 3264 section 6.1")
    for extension in answer.extensions:
        if not any((extension.id, extension.uri) == (e.id, e.uri) for e in offered.extensions):
            problem = f"header extension {extension.id} {extension.uri} was not offered"
            raise SdpError(problem, rule="RFC 8285 section 7")
    if not answer.codecs:
        raise SdpError("an answer needs a codec", rule="RFC 3264 section 6.1")
    if answer.setup not in _ANSWERED_SETUP[offered.setup]:
        problem = f"a=setup:{offered.setup} cannot be answered with {answer.setup}"
        raise SdpError(problem, rule="RFC 4145 section 4.1")


def _bundle(offer: SessionDescription, mid: str | None) -> tuple[Attribute, ...]:
    if mid is None:
        return ()
    groups = (group for group in GROUP.all(offer) if group.semantics == "BUNDLE")
    return tuple(GROUP.make(Group("BUNDLE", (mid,))) for group in groups if mid in group.mids)


_MIXED = "extmap-allow-mixed"


def _mixed(section: SessionDescription | Media) -> tuple[Attribute, ...]:
    # Answered at the level where it was offered (RFC 8285 section 6): a receiver that passes over
    # the extensions by their length does not mind the two forms in one stream
    return (Attribute(_MIXED),) if has(_MIXED, section) else ()


def _audio(media: Media, offered: BrowserOffer, answer: BrowserAnswer) -> Media:
    connection, port = _default_destination(answer.candidates)
    return Media(
        kind=media.kind,
        port=port,
        protocol=media.protocol,
        formats=tuple(str(codec.payload_type) for codec in answer.codecs),
        connections=(connection,),
        attributes=(
            *_stream(media, offered, answer),
            *codec_attributes(answer.codecs),
            *_packet_times(answer),
            *_transport(answer),
        ),
    )


def _default_destination(candidates: tuple[str, ...]) -> tuple[Connection, int]:
    """Where a peer without ICE would send (RFC 8839 section 4.2.1): the first UDP candidate."""
    for text in candidates:
        CANDIDATE.value(Attribute("candidate", text))
        _, component, transport, _, host, port, *_ = text.split()
        if component == "1" and transport.lower() == "udp" and not host.endswith(".local"):
            return connection_to(host), int(port)
    return _NO_ADDRESS


def _stream(media: Media, offered: BrowserOffer, answer: BrowserAnswer) -> tuple[Attribute, ...]:
    direction = answer.direction.within(offered.direction.reversed)
    # rtcp-rsize is not answered: without RTCP feedback for audio neither side has anything to send
    # that a reduced packet would make sooner (RFC 5506), and compound packets are what
    # every receiver reads.
    return (
        *(() if offered.mid is None else (MID.make(offered.mid),)),
        Attribute(direction),
        *((MSID.make(f"{answer.cname} {_TRACK}"),) if direction.sends else ()),
        Attribute("rtcp-mux"),
        *_mixed(media),
        *(EXTMAP.make(extension) for extension in answer.extensions),
        SSRC.make(Source(answer.ssrc, f"cname:{answer.cname}")),
    )


def _packet_times(answer: BrowserAnswer) -> tuple[Attribute, ...]:
    times = ((PTIME, answer.ptime), (MAXPTIME, answer.max_ptime))
    return tuple(kind.make(value) for kind, value in times if value is not None)


def _transport(answer: BrowserAnswer) -> tuple[Attribute, ...]:
    return (
        ICE_UFRAG.make(answer.ice.ufrag),
        ICE_PWD.make(answer.ice.password),
        # Theirs may trickle in; ours are all here (RFC 8840 section 4)
        ICE_OPTIONS.make(("trickle",)),
        *(CANDIDATE.make(candidate) for candidate in answer.candidates),
        Attribute("end-of-candidates"),
        *(FINGERPRINT.make(fingerprint) for fingerprint in answer.fingerprints),
        SETUP.make(answer.setup),
    )
