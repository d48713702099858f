"""What a browser's offer says.

JSEP (RFC 8829) over DTLS-SRTP (RFC 8827). The gateway takes part in one audio stream, the first
that is not refused, and multiplexes RTCP with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

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
    PTIME,
    SETUP,
    AttributeType,
    T,
    direction,
    has,
)
from sdp.codecs import event_for, is_event, named, read_codecs
from sdp.error import SdpError, quoted
from sdp.model import (
    Codec,
    Direction,
    Extension,
    Fingerprint,
    IceParameters,
    Media,
    SessionDescription,
    Setup,
)

PROTOCOLS = ("UDP/TLS/RTP/SAVPF", "RTP/SAVPF", "UDP/TLS/RTP/SAVP")

# Digest lengths in bytes. MD5 is forbidden (RFC 8122 section 5), and SHA-1 no browser sends.
HASHES = {"sha-256": 32, "sha-384": 48, "sha-512": 64}

# The level lets the gateway see silence without decoding, mid lets the browser match packets early.
# All others serve bandwidth estimation and video.
AUDIO_LEVEL = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"  # RFC 6464
ANSWERED_EXTENSIONS = (AUDIO_LEVEL, "urn:ietf:params:rtp-hdrext:sdes:mid")


@dataclass(frozen=True, slots=True)
class BrowserOffer:
    """What the gateway needs to know of a browser's offer, and the whole of it in `description`.

    `candidates` are without "candidate:"; `direction` is the browser's own; `extensions` are all
    that were offered; `ptime` and `max_ptime` are in milliseconds.
    """

    mid: str | None
    codecs: tuple[Codec, ...]
    ice: IceParameters
    candidates: tuple[str, ...]
    end_of_candidates: bool
    fingerprints: tuple[Fingerprint, ...]
    setup: Setup
    direction: Direction
    extensions: tuple[Extension, ...]
    # It holds the password, which stays out of logs
    description: SessionDescription = field(repr=False, compare=False)
    ptime: int | None = None
    max_ptime: int | None = None


def read_browser_offer(offer: SessionDescription) -> BrowserOffer:
    """Read the audio section that the gateway would take part in.

    Raises
    ------
    SdpError
        If there is no audio, or if it is none that the gateway can answer: another protocol than
        DTLS-SRTP, no fingerprint of a known hash, no or malformed ICE credentials, no codec, no
        rtcp-mux, or a DTLS role that cannot be answered. An offer that this function takes can be
        answered.
    """
    media = offer.media[audio_index(offer)]
    _check_mids(offer)
    if media.protocol not in PROTOCOLS:
        problem = f"the audio is offered as {quoted(media.protocol)}, a browser's is {PROTOCOLS[0]}"
        raise SdpError(problem, rule="RFC 8829 section 5.1.2", line=media.line)
    if not has("rtcp-mux", media):
        problem = "the audio is offered without a=rtcp-mux, and RTCP has no port of its own here"
        raise SdpError(problem, rule="RFC 8834 section 4.5", line=media.line)
    sources = _transport_sources(offer, media)
    return BrowserOffer(
        mid=MID.first(media),
        codecs=_offered_codecs(media),
        ice=_read_ice(sources, media),
        candidates=_first_all(CANDIDATE, sources),
        end_of_candidates=_all_candidates_there(sources),
        fingerprints=_read_fingerprints(sources, media),
        setup=_read_setup(sources, media),
        direction=direction(media, offer),
        extensions=(*EXTMAP.all(media), *EXTMAP.all(offer)),
        description=offer,
        ptime=PTIME.first(media) or None,
        max_ptime=MAXPTIME.first(media) or None,
    )


def audio_index(offer: SessionDescription) -> int:
    """Find the first audio section that is not refused; port 0 may also mean bundle-only."""
    for index, media in enumerate(offer.media):
        if media.kind == "audio" and (media.port or has("bundle-only", media)):
            return index
    raise SdpError(
        "the offer has no audio: add a microphone track or an audio transceiver before createOffer",
        rule="RFC 8829 section 5.2.1",
    )


def _check_mids(offer: SessionDescription) -> None:
    """Read what the answer has to repeat of every section, so that only here it can fail."""
    GROUP.all(offer)
    seen: set[str] = set()
    for media in offer.media:
        mid = MID.first(media)
        if mid in seen:
            problem = f"two sections have the mid {quoted(mid)}"
            raise SdpError(problem, rule="RFC 5888 section 4", line=media.line)
        if mid is not None:
            seen.add(mid)


Sections = tuple[Media | SessionDescription, ...]


def _transport_sources(offer: SessionDescription, media: Media) -> Sections:
    """Say where transport attributes may stand: in the section, else at the session's level.

    A bundle-only section may leave them to the section that leads its bundle (RFC 9143 section 6).
    """
    mid = MID.first(media)
    if media.port or mid is None:
        return (media, offer)
    for group in GROUP.all(offer):
        if group.semantics == "BUNDLE" and mid in group.mids:
            leaders = [each for each in offer.media if MID.first(each) == group.mids[0]]
            return (media, *leaders[:1], offer)
    return (media, offer)


def _first_all(kind: AttributeType[T], sources: Sections) -> tuple[T, ...]:
    for source in sources:
        values = kind.all(source)
        if values:
            return values
    return ()


def _offered_codecs(media: Media) -> tuple[Codec, ...]:
    codecs = read_codecs(media)
    if all(is_event(codec) for codec in codecs):
        problem = f"the audio offers no codec: {quoted(' '.join(media.formats))}"
        raise SdpError(problem, rule="RFC 3264 section 5.1", line=media.line)
    return codecs


def _read_ice(sources: Sections, media: Media) -> IceParameters:
    ufrag, password = ICE_UFRAG.first(*sources), ICE_PWD.first(*sources)
    if ufrag is None or password is None:
        missing = "a=ice-ufrag" if ufrag is None else "a=ice-pwd"
        problem = f"the audio has no {missing}: the gateway speaks to browsers by ICE only"
        raise SdpError(problem, rule="RFC 8839 section 5.4", line=media.line)
    return IceParameters(ufrag, password)


def _all_candidates_there(sources: Sections) -> bool:
    # Who does not trickle has put all candidates into the offer (RFC 8840 section 4.1)
    options = [option for listed in _first_all(ICE_OPTIONS, sources) for option in listed]
    return "trickle" not in options or has("end-of-candidates", *sources)


def _read_fingerprints(sources: Sections, media: Media) -> tuple[Fingerprint, ...]:
    rule = "RFC 8122 section 5"
    offered = _first_all(FINGERPRINT, sources)
    known = tuple(each for each in offered if each.algorithm in HASHES)
    if not known:
        names = ", ".join(each.algorithm for each in offered) or "none"
        problem = f"the audio needs a DTLS fingerprint by {', '.join(HASHES)}; it has {names}"
        raise SdpError(problem, rule=rule, line=media.line)
    for each in known:
        length = len(each.value.split(":"))
        if length != HASHES[each.algorithm]:
            problem = f"a {each.algorithm} fingerprint of {length} bytes"
            raise SdpError(problem, rule=rule, line=media.line)
    return known


def _read_setup(sources: Sections, media: Media) -> Setup:
    # A missing role means active (RFC 4145 section 4)
    setup = SETUP.first(*sources) or Setup.ACTIVE
    if setup is Setup.HOLDCONN:
        problem = f"a=setup:{setup} opens no connection; browsers offer actpass"
        raise SdpError(problem, rule="RFC 8842 section 5.2", line=media.line)
    return setup


def choose_browser_codecs(
    offered: Sequence[Codec], supported: Sequence[str] = ("opus",)
) -> tuple[Codec, ...]:
    """Choose one codec and the telephone-event that goes with it, if one is offered.

    Parameters
    ----------
    offered
        The codecs of the offer.
    supported
        Names of codecs, the best first.

    Raises
    ------
    SdpError
        If the two have nothing in common.
    """
    for name in supported:
        codec = named(offered, name)
        if codec is not None:
            event = event_for(codec, offered)
            return (codec,) if event is None else (codec, event)
    problem = (
        f"the browser offers {', '.join(codec.name for codec in offered)}; "
        f"the gateway needs {' or '.join(supported)}"
    )
    raise SdpError(problem, rule="RFC 3264 section 6.1")


def choose_extensions(offered: Sequence[Extension]) -> tuple[Extension, ...]:
    """Choose the header extensions to answer, with the browser's ids, the first id of each."""
    chosen: dict[str, Extension] = {}
    for each in offered:
        if each.uri in ANSWERED_EXTENSIONS:
            chosen.setdefault(each.uri, Extension(each.id, each.uri))
    return tuple(chosen.values())
