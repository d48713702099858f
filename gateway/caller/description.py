"""The caller's own offer, and what it needs to know of the gateway's answer."""

from __future__ import annotations

from dataclasses import dataclass

import sdp
from gateway.media.parameters import BrowserRemote, DtlsRole, EventFormat
from sdp import SdpError
from voice.opus import Bandwidth

OPUS, EVENT = 111, 110  # payload types, as Chromium numbers them

_OFFER = """\
v=0
o=- {session} 1 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0
a=extmap-allow-mixed
m=audio 9 UDP/TLS/RTP/SAVPF {opus} {event}
c=IN IP4 0.0.0.0
a=rtcp:9 IN IP4 0.0.0.0
a=ice-ufrag:{ufrag}
a=ice-pwd:{password}
a=ice-options:trickle
a=fingerprint:{fingerprint}
a=setup:actpass
a=mid:0
a=sendrecv
a=rtcp-mux
a=rtpmap:{opus} opus/48000/2
a=fmtp:{opus} minptime=10;useinbandfec=1
a=rtpmap:{event} telephone-event/48000
a=ssrc:{ssrc} cname:caller
"""


def make_offer(
    *, session: int, ssrc: int, ice: tuple[str, str], fingerprint: tuple[str, str]
) -> str:
    """Write the offer that a browser with a microphone and nothing else would make."""
    ufrag, password = ice
    text = _OFFER.format(
        session=session,
        ssrc=ssrc,
        ufrag=ufrag,
        password=password,
        fingerprint=" ".join(fingerprint),
        opus=OPUS,
        event=EVENT,
    )
    return text.replace("\n", "\r\n")


# The widest band that is worth its bits for who plays it at this rate in Hz (RFC 7587 section 6.1)
_BANDWIDTHS = {8000: Bandwidth.NARROWBAND, 16000: Bandwidth.WIDEBAND}


@dataclass(frozen=True, slots=True)
class Accepted:
    """What the gateway's answer allows."""

    remote: BrowserRemote
    bitrate: int
    bandwidth: Bandwidth = Bandwidth.FULLBAND


def read_answer(text: str) -> Accepted:
    """Read the gateway's answer.

    Raises
    ------
    SdpError
        When it does not answer our offer.
    """
    # An answer says of its author what an offer does: transport, codecs, role
    answer = sdp.read_browser_offer(sdp.parse(text))
    opus, *events = sdp.choose_browser_codecs(answer.codecs)
    if opus.payload_type != OPUS:
        raise SdpError(f"Opus was offered as {OPUS}, not {opus.payload_type}", rule="RFC 3264 6.1")
    event = EventFormat(events[0].payload_type, events[0].clock_rate) if events else None
    role = DtlsRole.CLIENT if answer.setup is sdp.Setup.PASSIVE else DtlsRole.SERVER
    remote = BrowserRemote(
        ice_ufrag=answer.ice.ufrag,
        ice_password=answer.ice.password,
        candidates=answer.candidates,
        fingerprints=tuple((each.algorithm, each.value) for each in answer.fingerprints),
        dtls_role=role,
        codec="OPUS",
        payload_type=opus.payload_type,
        event=event,
    )
    parameters = dict(
        part.strip().partition("=")[::2] for part in opus.parameters.split(";") if part
    )
    return Accepted(
        remote,
        int(parameters.get("maxaveragebitrate", "32000")),
        _BANDWIDTHS.get(int(parameters.get("maxplaybackrate", "48000")), Bandwidth.FULLBAND),
    )
