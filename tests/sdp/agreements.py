"""An offer of ours, and what a trunk may agree to: a whole value, to change a field of."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sdp import Codec, Direction, RtpAddress, TrunkMedia, TrunkPolicy, make_trunk_offer
from tests.sdp.descriptions import ADDRESS

WIDE = TrunkPolicy(("G722", "PCMU", "PCMA"))
ALL = TrunkPolicy(("L16", "opus", "G722", "PCMU"))
OFFER = make_trunk_offer(policy=WIDE, address=ADDRESS, session_id=5, version=1)

PCMU, PCMA, G722 = Codec(0, "PCMU", 8000), Codec(8, "PCMA", 8000), Codec(9, "G722", 8000)


def event(number: int = 101, events: str = "") -> Codec:
    return Codec(number, "telephone-event", 8000, 1, events)


def media(
    host: str, port: int, codec: Codec, *, rtcp: int | None = None, **changes: Any
) -> TrunkMedia:
    others = (each for each in (G722, PCMU, PCMA) if each != codec)  # of `OFFER`
    agreed = TrunkMedia(
        address=RtpAddress(host, port, rtcp),
        codec=codec,
        telephone_event=event(101, "0-15"),
        ptime=20,
        direction=Direction.SENDRECV,
        codecs=(codec, *others),
        event_payload_types=(101,),
    )
    return replace(agreed, **changes)
