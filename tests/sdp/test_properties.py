from __future__ import annotations

import contextlib

from hypothesis import given
from hypothesis import strategies as st

from sdp import (
    Attribute,
    Codec,
    SdpError,
    SessionDescription,
    TrunkPolicy,
    answer_browser,
    answer_trunk,
    make_trunk_offer,
    offer_to_trunk,
    parse,
    read_browser_offer,
    read_candidate,
    read_trunk_answer,
    render,
)
from sdp import attributes as typed
from sdp.attributes import AttributeType, direction
from sdp.codecs import parameter
from tests.sdp.descriptions import ADDRESS, our_answer
from tests.sdp.strategies import damaged, descriptions

ROWS = [each for each in vars(typed).values() if isinstance(each, AttributeType)]
POLICY = TrunkPolicy(("PCMU", "PCMA", "G722", "opus", "L16"))
OUR_OFFER = make_trunk_offer(policy=POLICY, address=ADDRESS, session_id=1, version=1)


@given(descriptions)
def test_what_is_written_reads_the_same(description: SessionDescription) -> None:
    text = render(description)
    assert parse(text) == description
    assert render(parse(text)) == text


@given(st.text() | st.text("vosctma=0 \r\n:/IPN4.", max_size=80))
def test_any_text_is_a_description_or_an_sdp_error(text: str) -> None:
    with contextlib.suppress(SdpError):
        assert parse(render(parse(text))) == parse(text)


@given(st.sampled_from(ROWS), st.text(max_size=40) | st.text("0123 /:ABINP46typ", max_size=40))
def test_any_value_is_read_or_an_sdp_error(row: AttributeType[object], value: str) -> None:
    with contextlib.suppress(SdpError):
        read = row.value(Attribute(row.name, value))
        assert row.value(row.make(read)) == read
    with contextlib.suppress(SdpError):
        read_candidate(value)


@given(damaged())
def test_damage_is_forgiven_or_an_sdp_error(text: str) -> None:
    try:
        description = parse(text)
    except SdpError:
        return
    check_everything(description)


def check_everything(description: SessionDescription) -> None:
    assert parse(render(description)) == description
    for check in (check_trunk_offer, check_trunk_answer, check_browser_offer):
        check(description)


def check_trunk_offer(offer: SessionDescription) -> None:
    try:
        answer, media = answer_trunk(
            offer, policy=POLICY, address=ADDRESS, session_id=1, version=1, current=None
        )
    except SdpError:
        return
    assert parse(render(answer)) == answer
    assert [m.kind for m in answer.media] == [m.kind for m in offer.media]
    taken = next(m for m in answer.media if m.port)
    assert taken.formats[0] == str(media.codec.payload_type)
    assert direction(taken, answer) == media.direction
    assert media.codec in media.codecs


def check_trunk_answer(answer: SessionDescription) -> None:
    try:
        media = read_trunk_answer(OUR_OFFER, answer)
    except SdpError:
        return
    assert media.address.port in range(1, 65536)
    assert media.codec.name.upper() in ("PCMU", "PCMA", "G722", "OPUS", "L16")
    assert media.codec in media.codecs


def check_browser_offer(offer: SessionDescription) -> None:
    try:
        ours = our_answer(offer)
    except SdpError:
        return
    answer = answer_browser(read_browser_offer(offer), ours)
    assert parse(render(answer)) == answer
    assert [m.kind for m in answer.media] == [m.kind for m in offer.media]
    assert sum(m.port != 0 for m in answer.media) == 1
    trunk = offer_to_trunk(
        read_browser_offer(offer), policy=POLICY, address=ADDRESS, session_id=1, version=1
    )
    assert parse(render(trunk)) == trunk


@given(st.text(max_size=30))
def test_codec_parameters_hold_no_surprise(text: str) -> None:
    value = parameter(Codec(96, "opus", 48000, 2, text), "stereo")
    assert value is None or value == value.strip()
