"""What is agreed with one trunk in one call: our descriptions, its own, and what follows from them.

It needs no browser: a call that is forwarded has two trunks, and one of these for each.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import sdp
from gateway import trunk
from gateway.calls.browser_description import PTIME
from gateway.calls.own_sockets import NO_SOCKETS, OwnSockets, check_target
from gateway.calls.symmetric_rtp import SymmetricRtp, believed_too
from gateway.media.parameters import EventFormat, LocalTrunk, TrunkKeys, TrunkRemote
from gateway.media.srtp_keys import usable_suites
from sdp import Direction, SdpError
from sdp.codecs import read_codecs
from sdp.target import is_host_name

if TYPE_CHECKING:
    from gateway.calls.trunks import Route

DROPPED_SHOWN = 5  # lines that nobody could read and that are kept for the log
PTIMES = (10, 60)  # the shortest and the longest that we send


class UnlocatedError(Exception):
    """A description names its host, and nobody has looked yet for the address of that name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} is not resolved yet")
        self.name = name


@dataclass(frozen=True, slots=True)
class _Answered:
    """An offer of the trunk's, our answer, and what they agree."""

    offer: sdp.SessionDescription
    ours: sdp.SessionDescription
    text: str  # of `ours`, as it was sent
    media: sdp.TrunkMedia


@dataclass(frozen=True, slots=True)
class _Offered:
    """An offer of ours in mid-call, and whether it holds the far end."""

    ours: sdp.SessionDescription
    holding: bool


class TrunkNegotiation:
    """The descriptions of one trunk in one call, and what the media plane has to know of them.

    Parameters
    ----------
    local
        Our end.
    codecs
        What may be offered, by name, the best first.
    browser
        The offer of the browser whose direction and telephone events pass, if there is one.
    symmetric_rtp
        Whose audio is believed besides the described host's.
    dtmf
        How digits go to the trunk.
    srtp
        Whether its audio is encrypted.
    own
        Where the gateway itself listens: no trunk's audio is sent there.

    Attributes
    ----------
    trunk_offer
        Our first offer.
    holding
        Whether the trunk has agreed that we hold it.
    dropped, dropped_count
        Lines of the trunk's descriptions that nobody could read, and that did not matter: the first
        few of them, and how many there were.
    """

    def __init__(
        self,
        local: LocalTrunk,
        codecs: tuple[str, ...],
        *,
        browser: sdp.BrowserOffer | None = None,
        symmetric_rtp: SymmetricRtp = SymmetricRtp.AUTO,
        dtmf: trunk.Dtmf = trunk.Dtmf.AUTO,
        srtp: sdp.Srtp = sdp.Srtp.OFF,
        own: OwnSockets = NO_SOCKETS,
    ) -> None:
        self._dtmf = dtmf
        self._symmetric_rtp = symmetric_rtp
        self._own = own
        self._peer = ""
        self._addresses: dict[str, str] = {}  # of hosts that descriptions have named
        self.dropped: list[SdpError] = []
        self.dropped_count = 0
        # Ours alone: the browser's own id would tell the trunk which browser it is
        self._session_id = secrets.randbits(62)
        self._version = 1
        self._policy = sdp.TrunkPolicy(
            codecs=codecs,
            ptime=PTIME,
            telephone_event=trunk.offers_events(dtmf),
            srtp=srtp,
        )
        self._encryption: sdp.Encryption | None = None
        self._address = sdp.RtpAddress(local.trunk_host, local.trunk_port, local.trunk_port + 1)
        self._browser = browser
        self._offered = self._first_offer(browser)
        self._ours = self._offered  # the last that we sent, offer or answer
        # What payload types have meant so far, for a trunk that leaves their rtpmap out later
        self._known = {each.payload_type: each for each in read_codecs(self._offered.media[0])}
        # What the other side of the call has come for
        self._direction = Direction.SENDRECV if browser is None else browser.direction
        self.holding = False
        self._current: sdp.Codec | None = None
        self._remote: TrunkRemote | None = None
        # A change that waits until it stands: the trunk's offer with our answer and what they
        # agree, or an offer of ours
        self._pending: _Answered | _Offered | None = None
        self._last: _Answered | None = None
        self.trunk_offer = sdp.render(self._offered)

    @property
    def host(self) -> str:
        """Our address, as the trunk is told it."""
        return self._address.host

    def at(self, host: str) -> None:
        """Tell this address of ours to the trunk; before it has been told any."""
        if host == self._address.host:
            return
        self._address = replace(self._address, host=host)
        self._offered = self._ours = self._first_offer(self._browser)
        self.trunk_offer = sdp.render(self._offered)

    @classmethod
    def to_forward(cls, route: Route, local: LocalTrunk, own: OwnSockets) -> TrunkNegotiation:
        """Begin one for a call that has no browser."""
        return cls(
            local,
            route.codecs,
            symmetric_rtp=route.symmetric_rtp,
            dtmf=route.dtmf,
            srtp=route.srtp,
            own=own,
        )

    def _first_offer(self, browser: sdp.BrowserOffer | None) -> sdp.SessionDescription:
        keys = self._keys_to_offer()
        if browser is None:
            return sdp.make_trunk_offer(
                policy=self._policy,
                address=self._address,
                session_id=self._session_id,
                version=self._version,
                keys=keys,
            )
        return sdp.offer_to_trunk(
            browser,
            policy=self._policy,
            address=self._address,
            session_id=self._session_id,
            version=self._version,
            keys=keys,
        )

    # The trunk's descriptions

    def trunk_answered(self, text: str, peer: str = "") -> TrunkRemote:
        """Read the trunk's answer to our offer, early or final.

        Parameters
        ----------
        text
            Empty for a final answer without a description: the last agreement stands.
        peer
            Address of the host that it came from; empty where that is not known.

        Raises
        ------
        SdpError
            When there is none, or it does not answer what we offered.
        UnlocatedError
            When its host has a name: `located` says the address, then it can be read again.
        """
        self._peer = peer or self._peer
        if text.strip():
            return self._read_answer(self._offered, text)
        if self._remote is None:
            raise SdpError("the answer has no media description", rule="RFC 3264 section 5")
        return self._remote

    def answer_call(self, text: str, peer: str) -> str:
        """Return our description for the answer to a trunk's INVITE.

        What is agreed by it comes from `settled`, or with the trunk's answer in its ACK.

        Parameters
        ----------
        text
            The offer; empty where the INVITE has none: then the answer brings ours.
        peer
            Address of the host that it came from.

        Raises
        ------
        SdpError
            When it cannot be answered.
        UnlocatedError
            As with `trunk_answered`.
        """
        self._peer = peer
        if not text.strip():
            return self.trunk_offer
        self._known = {}  # our own numbers: the trunk has not heard of them
        return self.answer_offer(text)

    def located(self, name: str, address: str) -> None:
        """Take the address of a host that a description has named."""
        self._addresses[name] = address

    def answer_offer(self, text: str) -> str:
        """Answer an offer that the trunk makes in mid-call: hold, resume, a moved address.

        Parameters
        ----------
        text
            Empty where the trunk asks for an offer: it gets all that the first one had, whatever
            was agreed since (RFC 3261 section 14.1, RFC 6337 section 5.2.5).

        Raises
        ------
        SdpError
            When the offer cannot be answered; the call goes on as it was.
        UnlocatedError
            As with `trunk_answered`.
        """
        if not text.strip():
            return self._offer(self.holding)
        reading = sdp.read(text)
        offer = reading.description
        if self._last is not None and offer == self._last.offer:  # a refresh, by its version
            self._pending = self._last
            return self._last.text
        answer, media = sdp.answer_trunk(
            offer,
            policy=self._policy,
            address=self._address,
            session_id=self._session_id,
            version=self._version + 1,
            current=self._current,
            known=self._known.values(),
            keys=self._new_keys(),
            in_use=self._encryption,
            within=Direction.SENDONLY if self.holding else Direction.SENDRECV,
        )
        self._locate(media.address.host)
        self._check_target(media)
        self._count(reading)
        self._version += 1
        self._pending = _Answered(offer, answer, sdp.render(answer), media)
        return self._pending.text

    def offer_hold(self, held: bool) -> str:
        """Offer to hold the far end, or to do so no longer; `settled` says what comes of it."""
        return self._offer(held)

    def _offer(self, holding: bool) -> str:
        """Write an offer in mid-call.

        What was recvonly is held by inactive (RFC 3264 section 8.4); a resume never repeats the far
        end's own hold, or nobody could ever end it (RFC 6337 section 5.3).
        """
        direction = self._direction
        if holding:
            direction = direction.within(Direction.SENDONLY)
            if self.held:
                direction = Direction.INACTIVE
        self._version += 1
        offer = sdp.make_trunk_offer(
            policy=self._policy,
            address=self._address,
            session_id=self._session_id,
            version=self._version,
            direction=direction,
            keys=self._keys_to_offer(),
            current=self._current,
            after=self._ours,
        )
        self._pending = _Offered(offer, holding)
        return sdp.render(offer)

    @property
    def changing(self) -> bool:
        """Whether a change waits until it stands."""
        return self._pending is not None

    @property
    def held(self) -> bool:
        """Whether the far end wants to hear nothing: it has put us on hold."""
        remote = self._remote
        return remote is not None and self._direction.sends and not remote.receives

    def settled(self, text: str, peer: str = "") -> TrunkRemote | None:
        """Return where media goes now that a change stands; None if there was none.

        `text` is the trunk's answer where the offer was ours. Raises as `trunk_answered`.
        """
        self._peer = peer or self._peer
        match self._pending:
            case _Answered() as answered if not text.strip():
                remote = self._follow(answered.media)
                self._ours, self._last = answered.ours, answered
            case _Offered(ours, holding) if text.strip():
                remote = self._read_answer(ours, text)
                self._ours, self._offered, self._last = ours, ours, None
                self.holding = holding
            case _:
                # The trunk has answered a session refresh of the engine's own, which repeats what
                # we have sent last: an answer has keys and payload types of its own
                return self._read_answer(self._ours, text) if text.strip() else None
        self._pending = None
        return remote

    def withdrawn(self) -> None:
        """Forget the change that waits: it will not stand."""
        self._pending = None

    def _read_answer(self, offered: sdp.SessionDescription, text: str) -> TrunkRemote:
        reading = sdp.read(text)
        agreed = sdp.read_trunk_answer(offered, reading.description, self._policy.srtp)
        remote = self._follow(agreed)
        self._count(reading)
        return remote

    @property
    def codec(self) -> str:
        """The codec that is agreed; empty before one is."""
        return "" if self._current is None else self._current.name.upper()

    @property
    def requires_encryption(self) -> bool:
        """Whether there is no call without SRTP."""
        return self._policy.srtp is sdp.Srtp.REQUIRED

    @property
    def cipher(self) -> str:
        """The suite of SRTP that is agreed with the trunk; empty for RTP as it is."""
        return "" if self._encryption is None else self._encryption.suite

    def _keys_to_offer(self) -> tuple[sdp.Crypto, ...]:
        """Return a key for each suite; of what is in use the same one."""
        return self._new_keys(self._encryption)

    def _new_keys(self, in_use: sdp.Encryption | None = None) -> tuple[sdp.Crypto, ...]:
        if self._policy.srtp is sdp.Srtp.OFF:
            return ()
        return sdp.make_keys(usable_suites(), secrets.token_bytes, in_use)

    def digit_route(self, *, takes_info: bool) -> trunk.DigitRoute:
        """Say how digits go now; `takes_info` is what the trunk says of SIP INFO."""
        agreed = self._remote is not None and self._remote.event is not None
        return trunk.digit_route(self._dtmf, event_agreed=agreed, info_allowed=takes_info)

    def _count(self, reading: sdp.Reading) -> None:
        """Count what nobody could read in a description that is followed."""
        self.dropped_count += len(reading.dropped)
        self.dropped.extend(reading.dropped[: DROPPED_SHOWN - len(self.dropped)])

    def _locate(self, host: str) -> str:
        """Return the address of a described host, which may be a name."""
        if not is_host_name(host):
            return host
        if host not in self._addresses:
            raise UnlocatedError(host)
        return self._addresses[host]

    def _check_target(self, media: sdp.TrunkMedia) -> None:
        """Refuse an address that no call may be sent to; SdpError says why."""
        host = self._addresses.get(media.address.host, media.address.host)
        check_target(host, media.address.port, self._peer, self._own)

    def _follow(self, media: sdp.TrunkMedia) -> TrunkRemote:
        host = self._locate(media.address.host)
        self._check_target(media)
        self._current, self._encryption = media.codec, media.encryption
        event = media.telephone_event
        said = media.codecs if event is None else (*media.codecs, event)
        self._known.update((each.payload_type, each) for each in said)
        before = self._remote
        agreed = tuple((each.payload_type, each.name.upper()) for each in media.codecs)
        codecs = _heard(agreed, before.codecs if before else (), media.event_payload_types)
        audio = {number for number, _ in codecs}
        events = {*media.event_payload_types, *(before.event_payload_types if before else ())}
        self._remote = TrunkRemote(
            host=host,
            port=media.address.port,
            codec=media.codec.name.upper(),
            payload_type=media.codec.payload_type,
            event=None if event is None else EventFormat(event.payload_type, event.clock_rate),
            codecs=codecs,
            event_payload_types=tuple(sorted(events - audio)),
            receives=media.direction.sends,
            sends=media.direction.receives,
            ptime=_packet_time(media.ptime),
            rtcp_port=media.address.rtcp_port,
            also_from=believed_too(self._symmetric_rtp, host, self._peer),
            from_anywhere=self._symmetric_rtp is SymmetricRtp.ANY,
            keys=_keys(media.encryption),
            own=self._address.host,
        )
        return self._remote


def _heard(
    agreed: tuple[tuple[int, str], ...],
    before: tuple[tuple[int, str], ...],
    taken: tuple[int, ...] = (),
) -> tuple[tuple[int, str], ...]:
    """Say what audio may come: the codecs agreed now, and those before under their old numbers.

    Packets of the old ones are on their way when a description changes (RFC 3264 section 8.3.2);
    a number that means something else now (`taken`, or by `agreed`) is not theirs any more.
    """
    numbers = {number for number, _ in agreed}.union(taken)
    return (*agreed, *(each for each in before if each[0] not in numbers))


def _keys(agreed: sdp.Encryption | None) -> TrunkKeys | None:
    """Say to the media plane what is agreed."""
    if agreed is None:
        return None
    return TrunkKeys(agreed.suite, agreed.send_key, agreed.receive_key, agreed.receive_mki)


def _packet_time(wanted: int) -> int:
    """Return the packet time to send, in whole frames of 10 ms: never longer than is wanted."""
    shortest, longest = PTIMES
    return min(max(wanted // 10 * 10, shortest), longest)
