"""Where the two descriptions of a call meet: the only place that joins sdp with media.

A browser's offer becomes two things at once: our answer to the browser, and our own offer to the
trunk. Neither waits for the other, so that ICE and DTLS come up while the phone rings.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from ipaddress import ip_address

import sdp
from gateway.errors import OfferError
from gateway.media.parameters import (
    BrowserRemote,
    DtlsRole,
    EventFormat,
    LocalMedia,
    TrunkRemote,
)
from sdp import SdpError
from sdp.codecs import read_codecs

# What the browser is asked to send. The trunk's side is 8 kHz, so anything above 4 kHz is thrown
# away: narrowband Opus at 24 kbit/s costs a third of the decoding and sounds better under loss than
# fullband at 32 (PESQ 3.88 against 3.78 at 5 %). Speech from one microphone is mono. FEC repairs
# single losses (RFC 7587 section 6.1). No DTX: the far end's buffers like a steady stream.
OPUS_PARAMETERS = ";".join(
    (
        "minptime=10",
        "useinbandfec=1",
        "maxaveragebitrate=24000",
        "maxplaybackrate=8000",
        "sprop-maxcapturerate=8000",
        "stereo=0",
        "sprop-stereo=0",
        "usedtx=0",
    )
)
PTIME = 20  # milliseconds, the frame of the media clock

_OUR_ROLE = {
    sdp.Setup.ACTPASS: sdp.Setup.PASSIVE,  # one flight shorter than opening it ourselves
    sdp.Setup.ACTIVE: sdp.Setup.PASSIVE,
    sdp.Setup.PASSIVE: sdp.Setup.ACTIVE,
}
_DTLS_ROLE = {sdp.Setup.PASSIVE: DtlsRole.SERVER, sdp.Setup.ACTIVE: DtlsRole.CLIENT}


@dataclass(frozen=True, slots=True)
class Offer:
    """A browser's offer that can be answered: read, and with the codecs chosen."""

    description: sdp.SessionDescription
    browser: sdp.BrowserOffer
    opus: sdp.Codec
    event: sdp.Codec | None


def read_offer(text: str) -> Offer:
    """Read a browser's offer.

    Raises
    ------
    OfferError
        When it cannot be read, or has nothing that we can take part in; the message says why.
    """
    try:
        description = sdp.parse(text)
        browser = sdp.read_browser_offer(description)
        opus, *events = sdp.choose_browser_codecs(browser.codecs)
    except SdpError as error:
        raise OfferError(str(error)) from error
    return Offer(description, browser, opus, events[0] if events else None)


class Negotiation:
    """Both descriptions of one call, and what the media plane has to know of them.

    Parameters
    ----------
    codecs
        What may be offered to the trunk, by name, the best first.
    """

    def __init__(self, offer: Offer, local: LocalMedia, codecs: tuple[str, ...]) -> None:
        self._local = local
        # Ours alone: the browser's own id would tell the trunk which browser it is
        self._session_id = secrets.randbits(62)
        self._version = 1
        self._policy = sdp.TrunkPolicy(
            codecs=codecs, ptime=PTIME, telephone_event=offer.event is not None
        )
        self._address = sdp.RtpAddress(local.trunk_host, local.trunk_port, local.trunk_port + 1)
        self._offered = sdp.offer_to_trunk(
            offer.description,
            policy=self._policy,
            address=self._address,
            session_id=self._session_id,
            version=self._version,
        )
        self._current: sdp.Codec | None = None
        self._remote: TrunkRemote | None = None
        self._agreed: tuple[str, sdp.TrunkMedia] | None = None
        self.trunk_offer = sdp.render(self._offered)
        self.trunk_takes_events = False
        self.browser_answer = sdp.render(self._answer(offer))
        self.browser_remote = _browser_remote(offer)

    def _answer(self, offer: Offer) -> sdp.SessionDescription:
        local = self._local
        opus = replace(offer.opus, parameters=OPUS_PARAMETERS)
        return sdp.answer_browser(
            offer.description,
            sdp.BrowserAnswer(
                codecs=(opus,) if offer.event is None else (opus, offer.event),
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

    def trunk_answered(self, text: str) -> TrunkRemote:
        """Read the trunk's answer to our offer, early or final.

        Raises
        ------
        SdpError
            When there is none, or it does not answer what we offered.
        """
        if not text.strip():
            raise SdpError("the answer has no media description", rule="RFC 3264 section 5")
        return self._follow(sdp.read_trunk_answer(self._offered, sdp.parse(text)))

    def answer_reoffer(self, text: str) -> str:
        """Answer an offer that the trunk makes in mid-call: hold, resume, a moved address.

        Called in the SIP engine's thread, and only there: nothing else moves the version.

        Raises
        ------
        SdpError
            When the offer cannot be answered; the call goes on as it was.
        """
        self._version += 1
        description, media = sdp.answer_trunk(
            sdp.parse(text),
            policy=self._policy,
            address=self._address,
            session_id=self._session_id,
            version=self._version,
            current=self._current,
        )
        answer = sdp.render(description)
        self._agreed = (answer, media)
        return answer

    def reoffered(self, answer: str) -> TrunkRemote | None:
        """Return what `answer_reoffer` has agreed to; None if a later agreement has replaced it."""
        agreed = self._agreed
        if agreed is None or agreed[0] != answer:
            return None
        return self._follow(agreed[1])

    def remapped(self, host: str, port: int, payload_type: int) -> TrunkRemote | None:
        """Move the media to where the trunk wants it, with a codec by its payload type alone.

        None when that payload type is none that we have offered, or the host is no address.
        """
        try:
            ip_address(host)
        except ValueError:
            return None
        codec = next(
            (
                each
                for each in read_codecs(self._offered.media[0])
                if each.payload_type == payload_type
            ),
            None,
        )
        if codec is None or self._remote is None:
            return None
        self._remote = replace(
            self._remote, host=host, port=port, codec=codec.name, payload_type=payload_type
        )
        return self._remote

    def _follow(self, media: sdp.TrunkMedia) -> TrunkRemote:
        self._current = media.codec
        event = media.telephone_event
        self.trunk_takes_events = event is not None
        self._remote = TrunkRemote(
            host=media.address.host,
            port=media.address.port,
            codec=media.codec.name.upper(),
            payload_type=media.codec.payload_type,
            event=None if event is None else EventFormat(event.payload_type, event.clock_rate),
            codecs=tuple((each.payload_type, each.name.upper()) for each in media.codecs),
            event_payload_types=media.event_payload_types,
            receives=media.direction.sends,
        )
        return self._remote


def _browser_remote(offer: Offer) -> BrowserRemote:
    browser, event = offer.browser, offer.event
    return BrowserRemote(
        ice_ufrag=browser.ice.ufrag,
        ice_password=browser.ice.password,
        candidates=browser.candidates,
        fingerprints=tuple((each.algorithm, each.value) for each in browser.fingerprints),
        dtls_role=_DTLS_ROLE[_OUR_ROLE[browser.setup]],
        codec="OPUS",
        payload_type=offer.opus.payload_type,
        event=None if event is None else EventFormat(event.payload_type, event.clock_rate),
    )
