"""What was agreed with a trunk: its answer to our offer, and our answer to its offer.

Forgiven, because carriers do it: formats in an answer that were not offered, payload types without
rtpmap, telephone-event under another number or at another clock, hold by 0.0.0.0, several `c=`
lines (the first holds), a host's name in it, no `a=ptime`, more or fewer `m=` lines than were
offered, RTP/AVPF for RTP/AVP, RTP/SAVP for RTP/AVP with keys and the other way round.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from sdp.attributes import MAXPTIME, PTIME, RTCP, direction
from sdp.codecs import (
    TELEPHONE_EVENT,
    USUAL_EVENT,
    event_for,
    is_event,
    named,
    read_codecs,
    same_codec,
)
from sdp.crypto import (
    PLAIN,
    SECURE,
    Crypto,
    Encryption,
    Srtp,
    choose_key,
    has_keys,
    match_key,
    no_key,
)
from sdp.error import SdpError, quoted
from sdp.model import Codec, Connection, Direction, Media, RtpAddress, SessionDescription
from sdp.offer_answer import refused
from sdp.target import Address, is_host_name, read_address
from sdp.trunk import (
    DEFAULT_EVENTS,
    DEFAULT_PTIME,
    TRUNK_CODECS,
    TrunkPolicy,
    trunk_audio,
    trunk_session,
)


@dataclass(frozen=True, slots=True)
class TrunkMedia:
    """What was agreed with the trunk.

    Parameters
    ----------
    address
        Where to send. On hold by address it is 0.0.0.0 or ::, and `direction` does not send. It may
        be a host's name (`RtpAddress.is_name`), which is to be resolved and may not exist.
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
    encryption
        The keys of SRTP; None for RTP.
    """

    address: RtpAddress
    codec: Codec
    telephone_event: Codec | None
    ptime: int
    direction: Direction
    codecs: tuple[Codec, ...] = ()
    event_payload_types: tuple[int, ...] = ()
    encryption: Encryption | None = None


def read_trunk_answer(
    offer_sent: SessionDescription, answer: SessionDescription, srtp: Srtp = Srtp.OFF
) -> TrunkMedia:
    """Read what the trunk agreed to.

    The first format of the answer that was offered decides. A payload type without rtpmap is what
    it is in the offer. `srtp` is the policy that the offer was made by.

    Raises
    ------
    SdpError
        If the trunk refused the audio, or if the answer does not fit the offer; `problem` is a
        sentence for people.
    """
    asked, media = _audio_pair(offer_sent, answer)
    offered = read_codecs(asked)
    answered = read_codecs(media, offered)
    agreed = [c for c in answered if any(same_codec(c, each) for each in offered)]
    codec = next((each for each in agreed if not is_event(each)), None)
    if codec is None:
        raise _nothing_shared(media, "were offered", offered)
    event = event_for(codec, agreed)
    if event is None and named(offered, TELEPHONE_EVENT):
        event = named(answered, TELEPHONE_EVENT)
        agreed += [event] if event else []
    # A trunk that chooses numbers of its own may have given one of ours another meaning
    taken = {each.payload_type for each in answered}
    understood = [*agreed, *[each for each in offered if each.payload_type not in taken]]
    events = {each.payload_type for each in understood if is_event(each)}
    address, stream = _stream(media, answer, _connection(asked, offer_sent).host)
    return TrunkMedia(
        address=address,
        codec=codec,
        telephone_event=_on_the_audios_clock(event, codec),
        ptime=_packet_time(media, answer),
        direction=stream.within(direction(asked, offer_sent)),
        codecs=tuple([each for each in understood if each.payload_type not in events]),
        event_payload_types=tuple(sorted(events)),
        encryption=_agreed_keys(asked, media, srtp),
    )


def _agreed_keys(asked: Media, answered: Media, srtp: Srtp) -> Encryption | None:
    """Return the keys that an answer agrees; None for an answer without any, if that may be."""
    if not has_keys(asked):
        return None
    agreed = match_key(asked, answered)
    if agreed is None and _must_be_encrypted(answered, srtp):
        raise no_key(answered)
    return agreed


def _must_be_encrypted(media: Media, srtp: Srtp) -> bool:
    """Whether a section cannot be taken as plain RTP.

    One with a key of no use cannot even where SRTP is optional: who has written it may encrypt.
    """
    return srtp is Srtp.REQUIRED or media.protocol in SECURE or has_keys(media)


def _on_the_audios_clock(event: Codec | None, codec: Codec) -> Codec | None:
    """Correct the clock of events that have neither the audio's nor 8000.

    They share the timestamps of the audio (RFC 4733 section 2.1), whatever the rtpmap says.
    """
    if event is None or event.clock_rate in (codec.clock_rate, 8000):
        return event
    return replace(event, clock_rate=codec.clock_rate)


def _nothing_shared(media: Media, whose: str, ours: Iterable[Codec]) -> SdpError:
    names = ", ".join(dict.fromkeys(each.name for each in ours if not is_event(each)))
    formats = quoted(" ".join(media.formats))
    problem = f"no codec is shared: the trunk has the formats {formats}, and {names} {whose}"
    return SdpError(problem, rule="RFC 3264 section 6.1", line=media.line)


def _audio_pair(offer: SessionDescription, answer: SessionDescription) -> tuple[Media, Media]:
    """Find the audio that was offered and the section that answers it.

    That is the one in the same place (RFC 3264 section 6). Where it is none that can be used, any
    other audio is taken: answers with a section too many or too few are met.
    """
    rule = "RFC 3264 section 6"
    place = next(
        (i for i, each in enumerate(offer.media) if each.kind == "audio" and each.port), -1
    )
    if place < 0:
        raise SdpError("the offer has no audio to answer", rule=rule)
    in_place = answer.media[place : place + 1]
    audio = [each for each in (*in_place, *answer.media) if each.kind == "audio"]
    # AVPF is AVP with feedback that nobody has to send (RFC 4585 section 3.4)
    protocols = SECURE + PLAIN if has_keys(offer.media[place]) else PLAIN
    for media in audio:
        if media.port and media.protocol in protocols:
            return offer.media[place], media
    first = next(iter((*audio, *in_place)), None)
    if first is None or first.kind != "audio":
        listed = ", ".join(each.kind for each in answer.media) or "no m= lines"
        problem = f"the trunk answered without audio: {quoted(listed)}"
    elif not first.port:
        problem = "the trunk refused the audio with port 0"
    else:
        given = quoted(first.protocol)
        problem = f"the trunk answered with {given}, and {offer.media[place].protocol} was offered"
    raise SdpError(problem, rule=rule, line=first.line if first else None)


def answer_trunk(
    offer: SessionDescription,
    *,
    policy: TrunkPolicy,
    address: RtpAddress,
    session_id: int,
    version: int,
    current: Codec | None,
    known: Iterable[Codec] = (),
    keys: Sequence[Crypto] = (),
    in_use: Encryption | None = None,
    within: Direction = Direction.SENDRECV,
) -> tuple[SessionDescription, TrunkMedia]:
    """Answer an offer of the trunk: an incoming call, or a change in mid-call.

    Parameters
    ----------
    offer
        The trunk's offer; all but its first audio section with a codec of ours are refused. One
        that is encrypted goes before others where `policy.srtp` allows it, and AVP before AVPF.
    policy, address, session_id, version
        As for `make_trunk_offer`: the version is written as given.
    current
        The codec in use, which is kept if the trunk still offers it.
    known
        What payload types have meant so far in the dialog: a format of the offer that has no
        rtpmap keeps that meaning.
    keys
        Of SRTP, one for each suite, none of them used before (`make_keys`).
    in_use
        The keys in use, which are kept if the trunk still offers its own.
    within
        What we take part in: SENDONLY while we hold the trunk, which a change of its does not end.

    Raises
    ------
    SdpError
        If nothing of the offer can be taken; in SIP that is 488, which leaves an agreed stream as
        it is (RFC 3261 section 14.2). That goes for an offer without `m=` lines too: in mid-call
        RFC 3264 section 8 forbids it, and answering with none would end the stream.
    """
    meanings = (USUAL_EVENT, *known, *([current] if current else []))
    taken = _take(offer, meanings, policy, current, keys, in_use)
    media, codec, event = offer.media[taken.place], taken.codec, taken.event
    target, stream = _stream(media, offer, address.host)
    stream = stream.within(within)
    agreed = TrunkMedia(
        address=target,
        codec=codec,
        telephone_event=_on_the_audios_clock(event, codec),
        ptime=_packet_time(media, offer),
        direction=stream,
        codecs=(codec,),
        event_payload_types=() if event is None else (event.payload_type,),
        encryption=taken.encryption,
    )
    formats = _ours(codec, event)
    audio = trunk_audio(formats, policy.ptime, stream, address, media.protocol, taken.key)
    sections = (audio if i == taken.place else refused(each) for i, each in enumerate(offer.media))
    return trunk_session(address, session_id, version, tuple(sections)), agreed


def shared_codecs(
    offer: SessionDescription, policy: TrunkPolicy, keys: Sequence[Crypto] = ()
) -> tuple[str, ...]:
    """Return which codecs of the policy, the best first, the section offers that would be taken.

    `keys` are some of ours, as for `answer_trunk`.

    Raises
    ------
    SdpError
        If nothing of the offer can be taken.
    """
    taken = _take(offer, (USUAL_EVENT,), policy, None, keys, None)
    offered = read_codecs(offer.media[taken.place], (USUAL_EVENT,))
    return tuple(
        name
        for name in policy.codecs
        if any(same_codec(TRUNK_CODECS[name], each) for each in offered)
    )


def _ours(codec: Codec, event: Codec | None) -> tuple[Codec, ...]:
    """Keep the trunk's payload types, with our fmtp: each side says what it receives."""
    ours = next((each for each in TRUNK_CODECS.values() if same_codec(each, codec)), None)
    parameters = "" if ours is None else ours.parameters
    events = () if event is None else (replace(event, parameters=DEFAULT_EVENTS),)
    return (replace(codec, parameters=parameters), *events)


@dataclass(frozen=True, slots=True)
class _Taken:
    """The section of an offer that is taken: its place, and what of it."""

    place: int
    codec: Codec
    event: Codec | None
    key: tuple[Crypto, ...]  # of ours, for the answer
    encryption: Encryption | None


def _take(
    offer: SessionDescription,
    meanings: Iterable[Codec],
    policy: TrunkPolicy,
    current: Codec | None,
    keys: Sequence[Crypto],
    in_use: Encryption | None,
) -> _Taken:
    """Take the first section that shares a codec and, where it is encrypted, a cipher."""
    lacking = None
    for place in _offered_audio(offer, policy.srtp.protocols):
        media = offer.media[place]
        try:
            codec, event = _choose(media, read_codecs(media, meanings), policy, current)
            return _Taken(place, codec, event, *_answer_key(media, policy.srtp, keys, in_use))
        except SdpError as error:
            lacking = lacking or error
    raise lacking or _no_audio(offer, policy.srtp)


def _answer_key(
    media: Media, srtp: Srtp, keys: Sequence[Crypto], in_use: Encryption | None
) -> tuple[tuple[Crypto, ...], Encryption | None]:
    """Return the line of our answer to a section, and the keys it agrees; for RTP there are none.

    Keys beside RTP/AVP are a wish (RFC 8643 section 3.2): where none can be used they are passed
    over, unless encryption is required here.
    """
    chosen = None if srtp is Srtp.OFF else choose_key(media, keys, in_use)
    if chosen is not None:
        return (chosen[0],), chosen[1]
    if srtp is Srtp.REQUIRED or media.protocol in SECURE:
        raise no_key(media)
    return (), None


def _offered_audio(offer: SessionDescription, protocols: Iterable[str]) -> list[int]:
    """Return the places of the audio sections that could be taken, the best first."""
    return [
        index
        for protocol in protocols
        for index, media in enumerate(offer.media)
        if media.kind == "audio" and media.port and media.protocol == protocol
    ]


def _no_audio(offer: SessionDescription, srtp: Srtp) -> SdpError:
    rule = "RFC 3264 section 6"
    if not offer.media:
        return SdpError("the trunk's offer has no m= lines", rule=rule)
    listed = ", ".join(f"{each.kind} {each.protocol} {each.port}" for each in offer.media)
    if srtp is Srtp.OFF and any(each.port and each.protocol in SECURE for each in offer.media):
        problem = f"the trunk offers encrypted audio only ({quoted(listed)}), and srtp is off"
    else:
        problem = f"the trunk offers no {PLAIN[0]} audio, only {quoted(listed)}"
    return SdpError(problem, rule=rule)


def _choose(
    media: Media, offered: Sequence[Codec], policy: TrunkPolicy, current: Codec | None
) -> tuple[Codec, Codec | None]:
    wanted = [TRUNK_CODECS[name] for name in policy.codecs]
    # A change of codec in mid-call is heard, so the one in use goes before the policy's order
    for ours in (*([current] if current else []), *wanted):
        for theirs in offered:
            if same_codec(ours, theirs):
                event = event_for(theirs, offered) or named(offered, TELEPHONE_EVENT)
                return theirs, event if policy.telephone_event else None
    raise _nothing_shared(media, "are the gateway's", wanted)


def _connection(media: Media, session: SessionDescription) -> Connection:
    connection = media.connections[0] if media.connections else session.connection
    if connection is None:
        problem = "neither the session nor the audio has a c= line that can be read"
        raise SdpError(problem, rule="RFC 8866 section 5.7", line=media.line)
    return connection


def _stream(
    media: Media, session: SessionDescription, our_host: str
) -> tuple[RtpAddress, Direction]:
    """Read where the trunk wants its audio and, as the gateway sees it, which way it flows.

    An address that nobody can send to puts the stream on hold (RFC 2543; RFC 3264 section 8.4 wants
    a=sendonly or a=inactive instead, and carriers still send this).
    """
    connection = _connection(media, session)
    flow = direction(media, session).reversed
    host = connection.host
    address = read_address(host)
    if address is None:
        _check_name(connection)
    elif address.is_unspecified:
        host, flow = str(address), flow.within(Direction.RECVONLY)
    else:
        _check_address(address, connection, our_host)
        host = str(address) if ":" in host else host  # IPv6 has many spellings of one address
    rtcp = RTCP.first(media)
    return RtpAddress(host, media.port, rtcp.port or None if rtcp else None), flow


def _check_name(connection: Connection) -> None:
    if not is_host_name(connection.host):
        problem = f"{quoted(connection.host)} is neither an IP address nor the name of a host"
        raise SdpError(problem, rule="RFC 8866 section 5.7", line=connection.line)


def _check_address(address: Address, connection: Connection, our_host: str) -> None:
    host, line = connection.host, connection.line
    if (":" in host) != (connection.address_type == "IP6"):
        problem = f"{host} is no {quoted(connection.address_type)} address"
        raise SdpError(problem, rule="RFC 8866 section 5.7", line=line)
    if address.is_multicast:
        problem = f"{host} is a multicast address, and a call has one peer"
        raise SdpError(problem, rule="RFC 3264 section 5", line=line)
    ours = 6 if ":" in our_host else 4
    if address.version != ours:
        problem = f"the trunk receives at {host}, and the gateway speaks IPv{ours} with it"
        raise SdpError(problem, rule="RFC 6157 section 4", line=line)


def _packet_time(media: Media, session: SessionDescription) -> int:
    asked = PTIME.first(media, session) or DEFAULT_PTIME
    longest = MAXPTIME.first(media, session) or asked
    return min(asked, longest)
