"""Where the two descriptions of a call meet: the only place that joins sdp with voice and media.

A browser's offer becomes two things at once: our answer to the browser, and our own offer to the
trunk. Neither waits for the other, so that ICE and DTLS come up while the phone rings.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from ipaddress import ip_address

import sdp
from gateway.calls.symmetric_rtp import SymmetricRtp, believed_too
from gateway.errors import OfferError
from gateway.media.parameters import (
    BrowserRemote,
    DtlsRole,
    EventFormat,
    LocalMedia,
    TrunkRemote,
)
from sdp import SdpError
from sdp.codecs import event_for, named, read_codecs
from sdp.target import is_host_name
from voice.codec import CODECS

# A wider band takes more bits to sound as good: RFC 7587 section 3.1.1 has 8 to 12 kbit/s for
# narrowband speech, 16 to 20 for wideband, 28 to 40 for fullband; FEC comes on top of each
_BITS = {8000: 1.0, 16000: 1.25, 48000: 1.5}
_FULLBAND = 48000
BITRATE = 32_000  # bit/s, of narrowband

PTIME = 20  # milliseconds, the frame of the media clock
PTIMES = (10, 60)  # the shortest and the longest that we send

_OUR_ROLE = {
    sdp.Setup.ACTPASS: sdp.Setup.PASSIVE,  # one flight shorter than opening it ourselves
    sdp.Setup.ACTIVE: sdp.Setup.PASSIVE,
    sdp.Setup.PASSIVE: sdp.Setup.ACTIVE,
}
_DTLS_ROLE = {sdp.Setup.PASSIVE: DtlsRole.SERVER, sdp.Setup.ACTIVE: DtlsRole.CLIENT}


@dataclass(frozen=True, slots=True)
class OwnSockets:
    """Addresses and ports that the gateway listens on, for media and for SIP."""

    hosts: frozenset[str]
    ports: frozenset[int]


NO_SOCKETS = OwnSockets(frozenset(), frozenset())


class UnlocatedError(Exception):
    """A description names its host, and nobody has looked yet for the address of that name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} is not resolved yet")
        self.name = name


@dataclass(frozen=True, slots=True)
class Offer:
    """A browser's offer that can be answered: read, and with the codecs chosen, the best first.

    Either Opus, or the G.711 codecs that go through to the trunk as they are.
    """

    browser: sdp.BrowserOffer
    codecs: tuple[sdp.Codec, ...]
    event: sdp.Codec | None

    @property
    def passes_through(self) -> bool:
        return self.codecs[0].name.lower() != "opus"

    @property
    def levels(self) -> int | None:
        """The id of the audio levels (RFC 6464) that both sides will send."""
        extensions = sdp.choose_extensions(self.browser.extensions)
        return next((each.id for each in extensions if each.uri == sdp.AUDIO_LEVEL), None)


def read_offer(text: str, passthrough: tuple[str, ...] = ()) -> Offer:
    """Read a browser's offer.

    Parameters
    ----------
    passthrough
        Codecs to take instead of Opus where the browser has them, the best first.

    Raises
    ------
    OfferError
        When it cannot be read, or has nothing that we can take part in; the message says why.
    """
    try:
        browser = sdp.read_browser_offer(sdp.parse(text))
        codecs = [c for name in passthrough if (c := named(browser.codecs, name, 8000)) is not None]
        if not codecs:
            codecs = [sdp.choose_browser_codecs(browser.codecs)[0]]
    except SdpError as error:
        raise OfferError(str(error)) from error
    return Offer(browser, tuple(codecs), event_for(codecs[0], browser.codecs))


def opus_parameters(codecs: tuple[str, ...], bitrate: int = BITRATE) -> str:
    """Say what the browser's Opus encoder should do, as fmtp parameters (RFC 7587 section 6.1).

    Parameters
    ----------
    codecs
        What the trunk may get, by name; the best of them decides how wide the band is.
    bitrate
        Bit/s of narrowband speech; a wider band gets more in proportion.
    """
    # What no trunk can get is not worth its bits: narrowband Opus costs a third of the decoding of
    # fullband, and sounds better under loss (PESQ 3.94 against 3.81 at 5 %, both at 32 kbit/s;
    # tests/bench/tradeoff.py)
    rate = max(CODECS[name.upper()].highest_rate for name in codecs)
    limits = (
        () if rate == _FULLBAND else (f"maxplaybackrate={rate}", f"sprop-maxcapturerate={rate}")
    )
    return ";".join(
        (
            "minptime=10",
            "useinbandfec=1",  # repairs single losses
            f"maxaveragebitrate={round(bitrate * _BITS[rate])}",
            *limits,
            "stereo=0",  # speech from one microphone
            "sprop-stereo=0",
            "usedtx=0",  # the far end's buffers like a steady stream
        )
    )


def spelling(codec: str) -> str:
    """Return a codec's encoding name as descriptions write it; `codec` is in capitals."""
    return CODECS[codec].name


@dataclass(frozen=True, slots=True)
class _Answered:
    """An offer of the trunk's, our answer as it was sent, and what they agree."""

    offer: sdp.SessionDescription
    text: str
    media: sdp.TrunkMedia


class Negotiation:
    """Both descriptions of one call, and what the media plane has to know of them.

    Parameters
    ----------
    codecs
        What may be offered to the trunk, by name, the best first.
    bitrate
        Bit/s that the browser is asked for, as of `opus_parameters`.
    symmetric_rtp
        Whose audio is believed besides the described host's.
    own
        Where the gateway itself listens: no trunk's audio is sent there.

    Attributes
    ----------
    dropped
        Lines of the trunk's descriptions that nobody could read, and that did not matter.
    """

    def __init__(
        self,
        offer: Offer,
        local: LocalMedia,
        codecs: tuple[str, ...],
        *,
        bitrate: int = BITRATE,
        symmetric_rtp: SymmetricRtp = SymmetricRtp.AUTO,
        own: OwnSockets = NO_SOCKETS,
    ) -> None:
        self._local = local
        self._symmetric_rtp = symmetric_rtp
        self._own = own
        self._peer = ""
        self._addresses: dict[str, str] = {}  # of hosts that descriptions have named
        self.dropped: list[SdpError] = []
        if offer.passes_through:
            # Nothing else, or the trunk's choice would bring a codec back into the path
            codecs = tuple(codec.name.upper() for codec in offer.codecs)
        self._opus_parameters = opus_parameters(codecs, bitrate)
        # Ours alone: the browser's own id would tell the trunk which browser it is
        self._session_id = secrets.randbits(62)
        self._version = 1
        self._policy = sdp.TrunkPolicy(codecs=codecs, ptime=PTIME)
        self._address = sdp.RtpAddress(local.trunk_host, local.trunk_port, local.trunk_port + 1)
        self._offered = sdp.offer_to_trunk(
            offer.browser,
            policy=self._policy,
            address=self._address,
            session_id=self._session_id,
            version=self._version,
        )
        self._ours = self._offered  # the last that we sent, offer or answer
        # What payload types have meant so far, for a trunk that leaves their rtpmap out later
        self._known = {each.payload_type: each for each in read_codecs(self._offered.media[0])}
        self._current: sdp.Codec | None = None
        self._remote: TrunkRemote | None = None
        # A change that waits until it stands: the trunk's offer with our answer and what they
        # agree, or an offer of ours
        self._pending: _Answered | sdp.SessionDescription | None = None
        self._last: _Answered | None = None
        self.trunk_offer = sdp.render(self._offered)
        self.browser_answer = sdp.render(self._answer(offer))
        self.browser_remote = _browser_remote(offer)

    def _answer(self, offer: Offer) -> sdp.SessionDescription:
        local = self._local
        parameters = "" if offer.passes_through else self._opus_parameters
        codecs = tuple(replace(codec, parameters=parameters) for codec in offer.codecs)
        return sdp.answer_browser(
            offer.browser,
            sdp.BrowserAnswer(
                codecs=codecs if offer.event is None else (*codecs, offer.event),
                ice=sdp.IceParameters(local.ice_ufrag, local.ice_password),
                candidates=local.candidates,
                fingerprints=tuple(sdp.Fingerprint(a, v) for a, v in local.fingerprints),
                setup=_OUR_ROLE[offer.browser.setup],
                ssrc=local.ssrc,
                cname="gateway",
                session_id=self._session_id,
                version=self._version,
                extensions=sdp.choose_extensions(offer.browser.extensions),
                ptime=PTIME,
                max_ptime=PTIME,
            ),
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
            return self._follow(sdp.read_trunk_answer(self._offered, self._read(text)))
        if self._remote is None:
            raise SdpError("the answer has no media description", rule="RFC 3264 section 5")
        return self._remote

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
            self._version += 1
            self._pending = self._ours = sdp.make_trunk_offer(
                policy=self._policy,
                address=self._address,
                session_id=self._session_id,
                version=self._version,
                current=self._current,
                after=self._ours,
            )
            return sdp.render(self._pending)
        offer = self._read(text)
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
        )
        self._locate(media.address.host)
        self._check_target(media)
        self._version += 1
        self._ours = answer
        self._pending = _Answered(offer, sdp.render(answer), media)
        return self._pending.text

    def settled(self, text: str, peer: str = "") -> TrunkRemote | None:
        """Return where media goes now that a change stands; None if there was none.

        `text` is the trunk's answer where the offer was ours. Raises as `trunk_answered`.
        """
        self._peer = peer or self._peer
        match self._pending:
            case None:
                # The trunk has answered a session refresh of the engine's own
                return self.trunk_answered(text) if text.strip() else None
            case _Answered() as answered:
                remote = self._follow(answered.media)
                self._last = answered
            case offered:
                remote = self._follow(sdp.read_trunk_answer(offered, self._read(text)))
                self._offered, self._last = offered, None
        self._pending = None
        return remote

    def _read(self, text: str) -> sdp.SessionDescription:
        reading = sdp.read(text)
        self.dropped.extend(reading.dropped)
        return reading.description

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
        if is_host_name(host) or ip_address(host).is_unspecified:  # not known yet; a hold
            return
        loopback = bool(self._peer) and ip_address(self._peer).is_loopback
        own = self._own.hosts
        if self._peer in own and media.address.port not in self._own.ports:
            own = frozenset()  # a trunk on this machine
        if problem := sdp.forbidden_target(host, own=own, loopback=loopback):
            raise SdpError(problem, rule="policy of the gateway")

    def _follow(self, media: sdp.TrunkMedia) -> TrunkRemote:
        host = self._locate(media.address.host)
        self._check_target(media)
        self._current = media.codec
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


def _packet_time(wanted: int) -> int:
    """Return the packet time to send, in whole frames of 10 ms: never longer than is wanted."""
    shortest, longest = PTIMES
    return min(max(wanted // 10 * 10, shortest), longest)


def _browser_remote(offer: Offer) -> BrowserRemote:
    browser, event = offer.browser, offer.event
    return BrowserRemote(
        ice_ufrag=browser.ice.ufrag,
        ice_password=browser.ice.password,
        candidates=browser.candidates,
        fingerprints=tuple((each.algorithm, each.value) for each in browser.fingerprints),
        dtls_role=_DTLS_ROLE[_OUR_ROLE[browser.setup]],
        codec=offer.codecs[0].name.upper(),
        payload_type=offer.codecs[0].payload_type,
        event=None if event is None else EventFormat(event.payload_type, event.clock_rate),
        level_extension=offer.levels,
    )
