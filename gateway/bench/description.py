"""What a browser with a microphone offers, and what the gateway's answer asks of it.

Unlike the caller's own (`gateway.caller.description`) this offer lists G.711 beside Opus, as real
browsers do, so that a gateway may choose to pass it through.
"""

from __future__ import annotations

from dataclasses import dataclass

import sdp
from gateway.caller.description import make_offer
from sdp import SdpError

OPUS, PCMU, PCMA = 111, 0, 8  # payload types, as Chromium numbers them

_CODECS = {"opus": "OPUS", "pcmu": "PCMU", "pcma": "PCMA"}
_G711 = "".join(f"a=rtpmap:{number} {name}/8000\r\n" for number, name in ((0, "PCMU"), (8, "PCMA")))
_G711 += "a=rtpmap:126 telephone-event/8000\r\n"

LEVEL = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"  # RFC 6464
_EXTENSIONS = f"a=extmap:1 {LEVEL}\r\n"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the gateway wants to receive, and where.

    `bitrate` in bit/s and `playback_rate` in Hz are None where its answer names none; `level` is
    the id of the header extension for audio levels, None where it does not want them.
    """

    ufrag: str
    password: str
    candidates: tuple[str, ...]
    fingerprints: tuple[tuple[str, str], ...]
    passive: bool
    codec: str
    payload_type: int
    bitrate: int | None
    playback_rate: int | None
    level: int | None = None


def write_offer(
    *, session: int, ssrc: int, ice: tuple[str, str], fingerprint: tuple[str, str]
) -> str:
    """Write the offer."""
    text = make_offer(session=session, ssrc=ssrc, ice=ice, fingerprint=fingerprint)
    first, rest = text.split("a=ssrc:", 1)
    head, formats, tail = first.partition("SAVPF 111 110")
    return f"{head}{formats} 0 8 126{tail}{_G711}{_EXTENSIONS}a=ssrc:{rest}"


def read_wanted(text: str) -> Wanted:
    """Read the gateway's answer.

    Raises
    ------
    SdpError
        When it answers another offer than ours.
    """
    # An answer says of its author what an offer does: transport, codecs, role
    answer = sdp.read_browser_offer(sdp.parse(text))
    codec = next((each for each in answer.codecs if each.name.lower() in _CODECS), None)
    if codec is None:
        names = ", ".join(each.name for each in answer.codecs)
        raise SdpError(f"Opus, PCMU and PCMA were offered, not {names}", rule="RFC 3264 6.1")
    parameters = dict(
        part.strip().lower().partition("=")[::2] for part in codec.parameters.split(";") if part
    )
    return Wanted(
        ufrag=answer.ice.ufrag,
        password=answer.ice.password,
        candidates=answer.candidates,
        fingerprints=tuple((each.algorithm, each.value) for each in answer.fingerprints),
        passive=answer.setup is sdp.Setup.PASSIVE,
        codec=_CODECS[codec.name.lower()],
        payload_type=codec.payload_type,
        bitrate=_number(parameters.get("maxaveragebitrate")),
        playback_rate=_number(parameters.get("maxplaybackrate")),
        level=next((each.id for each in answer.extensions if each.uri == LEVEL), None),
    )


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isdecimal() else None
