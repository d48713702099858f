"""Descriptions of browsers and trunks, and a negotiation in the middle of them."""

from __future__ import annotations

from pathlib import Path

from gateway.calls.browser_description import read_offer
from gateway.calls.negotiation import Negotiation
from gateway.media.parameters import TrunkRemote
from tests.gateway.calls.fakes import LOCAL

DATA = Path(__file__).parents[2] / "sdp" / "data"
BROWSERS = sorted(
    path.name
    for path in DATA.glob("*.sdp")
    if path.name.startswith(("chrome", "firefox", "safari"))
)
ANSWER = "\r\n".join(
    (
        "v=0",
        "o=- 1 1 IN IP4 198.51.100.7",
        "s=-",
        "c=IN IP4 198.51.100.7",
        "t=0 0",
        "m=audio 4000 RTP/AVP 8 101",
        "a=rtpmap:8 PCMA/8000",
        "a=rtpmap:101 telephone-event/8000",
        "",
    )
)
HOLD = ANSWER.replace("1 1 IN", "1 2 IN") + "a=sendonly\r\n"


def fixture(name: str) -> str:
    return (DATA / name).read_bytes().decode()


def negotiation(
    name: str = "chrome-156-audio.sdp",
    codecs: tuple[str, ...] = ("PCMU", "PCMA"),
    passthrough: tuple[str, ...] = (),
) -> Negotiation:
    return Negotiation(read_offer(fixture(name), passthrough), LOCAL, codecs)


def reoffer(made: Negotiation, text: str) -> TrunkRemote:
    made.answer_offer(text)
    remote = made.settled("")
    assert remote is not None
    return remote
