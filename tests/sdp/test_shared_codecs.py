"""Which of our codecs a trunk offers, before anybody is rung."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given

from sdp import SdpError, TrunkPolicy, read, shared_codecs
from tests.sdp.strategies import damaged

OFFER = (
    "v=0\r\no=trunk 1 1 IN IP4 198.51.100.7\r\ns=-\r\nc=IN IP4 198.51.100.7\r\nt=0 0\r\n"
    "m=video 5000 RTP/AVP 34\r\nm=audio 4000 RTP/AVP 18 9 8 0 96\r\n"
    "a=rtpmap:96 opus/48000/2\r\n"
)


def shared(offer: str, *codecs: str) -> tuple[str, ...]:
    return shared_codecs(read(offer).description, TrunkPolicy(codecs=codecs))


def test_in_our_order() -> None:
    assert shared(OFFER, "PCMU", "PCMA") == ("PCMU", "PCMA")
    assert shared(OFFER, "opus", "L16", "G722", "PCMA") == ("opus", "G722", "PCMA")


@pytest.mark.parametrize(
    ("offer", "codec"), [(OFFER, "L16"), (OFFER.replace("m=audio", "m=text"), "PCMU")]
)
def test_none(offer: str, codec: str) -> None:
    with pytest.raises(SdpError):
        shared(offer, codec)


@given(damaged((OFFER,)))
def test_any_offer_has_some_or_none(text: str) -> None:
    with contextlib.suppress(SdpError):
        assert shared(text, "PCMU", "PCMA")
