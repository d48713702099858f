"""The browser's half of a negotiation: its offer read, our answer, and what media has to know."""

from __future__ import annotations

from dataclasses import dataclass, replace

import sdp
from gateway.errors import OfferError
from gateway.media.parameters import (
    BrowserRemote,
    DtlsRole,
    EventFormat,
    LocalBrowser,
    LocalMedia,
)
from sdp import SdpError
from sdp.codecs import event_for, named
from voice.codec import CODECS

# A wider band takes more bits to sound as good: RFC 7587 section 3.1.1 has 8 to 12 kbit/s for
# narrowband speech, 16 to 20 for wideband, 28 to 40 for fullband; FEC comes on top of each
_BITS = {8000: 1.0, 16000: 1.25, 48000: 1.5}
_FULLBAND = 48000
BITRATE = 32_000  # bit/s, of narrowband

PTIME = 20  # milliseconds, the frame of the media clock

_OUR_ROLE = {
    sdp.Setup.ACTPASS: sdp.Setup.PASSIVE,  # one flight shorter than opening it ourselves
    sdp.Setup.ACTIVE: sdp.Setup.PASSIVE,
    sdp.Setup.PASSIVE: sdp.Setup.ACTIVE,
}
_DTLS_ROLE = {sdp.Setup.PASSIVE: DtlsRole.SERVER, sdp.Setup.ACTIVE: DtlsRole.CLIENT}


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


def answer_browser(
    offer: Offer, local: LocalMedia | LocalBrowser, parameters: str, session_id: int, version: int
) -> sdp.SessionDescription:
    """Write our answer to a browser; `parameters` are Opus', as of `opus_parameters`."""
    parameters = "" if offer.passes_through else parameters
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
            session_id=session_id,
            version=version,
            extensions=sdp.choose_extensions(offer.browser.extensions),
            ptime=PTIME,
            max_ptime=PTIME,
        ),
    )


def browser_remote(offer: Offer) -> BrowserRemote:
    """Say what media has to know of the browser."""
    browser, event = offer.browser, offer.event
    origin = browser.description.origin
    return BrowserRemote(
        ice_ufrag=browser.ice.ufrag,
        ice_password=browser.ice.password,
        candidates=browser.candidates,
        candidates_end=browser.end_of_candidates,
        fingerprints=tuple((each.algorithm, each.value) for each in browser.fingerprints),
        dtls_role=_DTLS_ROLE[_OUR_ROLE[browser.setup]],
        codec=offer.codecs[0].name.upper(),
        payload_type=offer.codecs[0].payload_type,
        event=None if event is None else EventFormat(event.payload_type, event.clock_rate),
        connection=f"{origin.username} {origin.session_id}",
        level_extension=offer.levels,
    )
