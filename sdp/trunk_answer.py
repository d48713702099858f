"""What was agreed with a trunk: its answer to our offer, and our answer to its offer.

Forgiven, because carriers do it: formats in an answer that were not offered, static payload types
without rtpmap, telephone-event under another number, hold by 0.0.0.0, several `c=` lines (the first
holds), no `a=ptime`.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, replace

from sdp.attributes import MAXPTIME, PTIME, RTCP, direction
from sdp.codecs import event_for, is_event, read_codecs, same_codec
from sdp.error import SdpError, quoted
from sdp.model import Codec, Connection, Direction, Media, RtpAddress, SessionDescription
from sdp.offer_answer import refused
from sdp.trunk import (
    DEFAULT_EVENTS,
    DEFAULT_PTIME,
    PROTOCOL,
    TRUNK_CODECS,
    TrunkPolicy,
    trunk_audio,
    trunk_session,
)

# An address that nobody can send to puts the stream on hold (RFC 2543; RFC 3264 section 8.4 wants
# a=sendonly or a=inactive instead, and carriers still send this)
_HOLD = (ipaddress.IPv4Address("0.0.0.0"), ipaddress.IPv6Address("::"))


@dataclass(frozen=True, slots=True)
class TrunkMedia:
    """What was agreed with the trunk.

    Parameters
    ----------
    address
        Where to send. On hold by address it is 0.0.0.0 or ::, and `direction` does not send.
    codec, telephone_event
        With the payload types to send.
    ptime
        What the trunk would like to receive, in milliseconds.
    direction
        As the gateway sees it: `sendonly` means that only the gateway sends.
    codecs
        Every payload type by which audio may arrive, the first of them `codec`. The trunk may
        change among the codecs without notice (RFC 3264 section 5.1), and by the numbers that we
        have offered it may send whatever its answer makes of them: ours are what we receive.
    event_payload_types
        All numbers by which events may arrive, likewise: ours, and theirs where they chose another.
    """

    address: RtpAddress
    codec: Codec
    telephone_event: Codec | None
    ptime: int
    direction: Direction
    codecs: tuple[Codec, ...] = ()
    event_payload_types: tuple[int, ...] = ()


def read_trunk_answer(offer_sent: SessionDescription, answer: SessionDescription) -> TrunkMedia:
    """Read what the trunk agreed to.

    The first format of the answer that was offered decides.

    Raises
    ------
    SdpError
        If the trunk refused the audio, or if the answer does not fit the offer.
    """
    asked, media = _audio_pair(offer_sent, answer)
    offered = read_codecs(asked)
    answered = read_codecs(media)
    agreed = [c for c in answered if any(same_codec(c, each) for each in offered)]
    codec = next((each for each in agreed if not is_event(each)), None)
    if codec is None:
        problem = f"formats {quoted(' '.join(media.formats))} share no codec with the offer"
        raise SdpError(problem, rule="RFC 3264 section 6.1", line=media.line)
    event = event_for(codec, agreed)
    # A trunk that chooses numbers of its own may have given one of ours another meaning
    taken = {each.payload_type for each in answered}
    understood = (*agreed, *(each for each in offered if each.payload_type not in taken))
    return TrunkMedia(
        address=_address(media, answer),
        codec=codec,
        telephone_event=event,
        ptime=_packet_time(media, answer),
        direction=_direction(media, answer).within(direction(asked, offer_sent)),
        codecs=tuple(each for each in understood if not is_event(each)),
        event_payload_types=tuple(
            sorted(each.payload_type for each in understood if is_event(each))
        ),
    )


def _audio_pair(offer: SessionDescription, answer: SessionDescription) -> tuple[Media, Media]:
    rule = "RFC 3264 section 6"
    if len(answer.media) != len(offer.media):
        problem = f"the answer has {len(answer.media)} m= lines, the offer {len(offer.media)}"
        raise SdpError(problem, rule=rule)
    for asked, media in zip(offer.media, answer.media, strict=True):
        if (asked.kind, asked.protocol) != (media.kind, media.protocol):
            given = quoted(f"{media.kind} {media.protocol}")
            problem = f"{given} does not answer {asked.kind} {asked.protocol}"
            raise SdpError(problem, rule=rule, line=media.line)
        if asked.kind == "audio" and asked.port:
            if not media.port:
                problem = "the trunk refused the audio with port 0"
                raise SdpError(problem, rule=rule, line=media.line)
            return asked, media
    raise SdpError("the offer has no audio to answer", rule=rule)


def answer_trunk(
    offer: SessionDescription,
    *,
    policy: TrunkPolicy,
    address: RtpAddress,
    session_id: int,
    version: int,
    current: Codec | None,
) -> tuple[SessionDescription, TrunkMedia]:
    """Answer an offer of the trunk: an incoming call, or a change in mid-call.

    Parameters
    ----------
    offer
        The trunk's offer; all but its first audio section are refused.
    policy, address, session_id, version
        As for `make_trunk_offer`: the version is written as given.
    current
        The codec in use, which is kept if the trunk still offers it.

    Raises
    ------
    SdpError
        If nothing of the offer can be taken; in SIP that is 488.
    """
    taken = _offered_audio(offer)
    media = offer.media[taken]
    codec, event = _choose(media, policy, current)
    agreed = TrunkMedia(
        address=_address(media, offer),
        codec=codec,
        telephone_event=event,
        ptime=_packet_time(media, offer),
        direction=_direction(media, offer),
        codecs=(codec,),
        event_payload_types=() if event is None else (event.payload_type,),
    )
    audio = trunk_audio(_ours(codec, event), policy.ptime, agreed.direction, address)
    sections = (audio if i == taken else refused(each) for i, each in enumerate(offer.media))
    return trunk_session(address, session_id, version, tuple(sections)), agreed


def _ours(codec: Codec, event: Codec | None) -> tuple[Codec, ...]:
    """Keep the trunk's payload types, with our fmtp: each side says what it receives."""
    ours = next((each for each in TRUNK_CODECS.values() if same_codec(each, codec)), None)
    parameters = "" if ours is None else ours.parameters
    events = () if event is None else (replace(event, parameters=DEFAULT_EVENTS),)
    return (replace(codec, parameters=parameters), *events)


def _offered_audio(offer: SessionDescription) -> int:
    for index, media in enumerate(offer.media):
        if media.kind == "audio" and media.port and media.protocol == PROTOCOL:
            return index
    listed = ", ".join(f"{each.kind} {each.protocol} {each.port}" for each in offer.media)
    problem = f"no {PROTOCOL} audio among {quoted(listed) if listed else 'no m= lines'}"
    raise SdpError(problem, rule="RFC 3264 section 6")


def _choose(media: Media, policy: TrunkPolicy, current: Codec | None) -> tuple[Codec, Codec | None]:
    offered = read_codecs(media)
    wanted = [TRUNK_CODECS[name] for name in policy.codecs]
    # A change of codec in mid-call is heard, so the one in use goes before the policy's order
    for ours in (*([current] if current else []), *wanted):
        for theirs in offered:
            if same_codec(ours, theirs):
                event = event_for(theirs, offered) if policy.telephone_event else None
                return theirs, event
    problem = (
        f"formats {quoted(' '.join(media.formats))} share no codec with {', '.join(policy.codecs)}"
    )
    raise SdpError(problem, rule="RFC 3264 section 6.1", line=media.line)


def _connection(media: Media, session: SessionDescription) -> Connection:
    connection = media.connections[0] if media.connections else session.connection
    if connection is None:
        problem = "neither the session nor the audio has a c= line"
        raise SdpError(problem, rule="RFC 8866 section 5.7", line=media.line)
    return connection


def _ip_address(connection: Connection) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    rule = "RFC 8866 section 5.7"
    try:
        address = ipaddress.ip_address(connection.host)
    except ValueError:
        problem = f"{quoted(connection.host)} is no IP address; names are not resolved"
        raise SdpError(problem, rule=rule, line=connection.line) from None
    if f"IP{address.version}" != connection.address_type:
        problem = f"{connection.host} is no {quoted(connection.address_type)} address"
        raise SdpError(problem, rule=rule, line=connection.line)
    if address.is_multicast:
        problem = f"{connection.host} is a multicast address, and a call has one peer"
        raise SdpError(problem, rule="RFC 3264 section 5", line=connection.line)
    return address


def _address(media: Media, session: SessionDescription) -> RtpAddress:
    host = _ip_address(_connection(media, session))
    rtcp = RTCP.first(media)
    return RtpAddress(str(host), media.port, rtcp.port or None if rtcp else None)


def _direction(media: Media, session: SessionDescription) -> Direction:
    """Turn the trunk's direction round, and stop sending where its address says hold."""
    ours = direction(media, session).reversed
    if _ip_address(_connection(media, session)) in _HOLD:
        return ours.within(Direction.RECVONLY)
    return ours


def _packet_time(media: Media, session: SessionDescription) -> int:
    asked = PTIME.first(media, session) or DEFAULT_PTIME
    longest = MAXPTIME.first(media, session) or asked
    return min(asked, longest)
