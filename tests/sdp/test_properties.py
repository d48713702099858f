from __future__ import annotations

import contextlib

from hypothesis import given
from hypothesis import strategies as st

from sdp import (
    Attribute,
    Codec,
    Reading,
    RtpAddress,
    SdpError,
    SessionDescription,
    TrunkPolicy,
    answer_browser,
    answer_trunk,
    forbidden_target,
    make_trunk_offer,
    mirror,
    offer_to_trunk,
    parse,
    plain,
    read,
    read_browser_offer,
    read_candidate,
    read_trunk_answer,
    render,
)
from sdp import attributes as typed
from sdp.attributes import AttributeType, direction
from sdp.codecs import parameter
from sdp.target import is_host_name
from tests.sdp.descriptions import ADDRESS, TRUNK_ANSWER, our_answer
from tests.sdp.strategies import damaged, descriptions
from tests.sdp.test_odd_answers import ODD

ODD_TRUNKS = tuple(TRUNK_ANSWER.replace(old, new) for old, new, _ in ODD.values())
PAYLOAD_TYPES = {str(number) for number in range(128)}
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


@given(descriptions)
def test_whatever_is_strict_is_read_liberally(description: SessionDescription) -> None:
    try:
        reading = read(render(description))
    except SdpError:
        # only where no section is left that could be read, as one of formats that are none
        assert description.media
        return
    assert len(reading.description.media) == len(description.media)
    check_reading(reading)


@given(
    st.text() | st.text("vosctma=0 \r\n\t\0:/IPN4.", max_size=80) | damaged() | damaged(ODD_TRUNKS)
)
def test_any_text_is_read_or_an_sdp_error(text: str) -> None:
    try:
        reading = read(text)
    except SdpError:
        return
    check_reading(reading)
    check_everything(reading.description)


def check_reading(reading: Reading) -> None:
    """What is read is clean: strict readers take it, and nothing of it is dropped any more."""
    text = render(reading.description)
    assert parse(text) == reading.description
    assert read(text) == Reading(reading.description)
    sections = [each.attributes for each in reading.description.media]
    for each in (*reading.description.attributes, *(each for one in sections for each in one)):
        if each.name in typed.ROWS:
            typed.ROWS[each.name].value(each)
    shown = plain(reading.description)
    assert parse(render(shown)) == shown
    assert plain(shown) == shown
    for error in reading.dropped:
        assert str(error).isprintable()
        assert len(str(error)) < 300


@given(damaged())
def test_what_is_strict_is_never_refused(text: str) -> None:
    try:
        description = parse(text)
    except SdpError:
        return
    audio = [each for each in description.media if each.kind == "audio" and "RTP/" in each.protocol]
    if not description.media or any(set(each.formats) <= PAYLOAD_TYPES for each in audio):
        assert len(read(text).description.media) == len(description.media)


@given(damaged(), st.sampled_from(["192.0.2.1", "2001:db8::9"]))
def test_a_mirror_has_our_sections(text: str, host: str) -> None:
    """Whatever a trunk has offered: the engine sees an offer that our answer answers."""
    try:
        ours, _ = answer_trunk(
            read(text).description,
            policy=TrunkPolicy(),
            address=RtpAddress(host, 40000),
            session_id=1,
            version=2,
            current=None,
        )
    except SdpError:
        return
    reflected = parse(mirror(render(ours)))
    assert [each.formats for each in reflected.media] == [each.formats for each in ours.media]
    assert [each.port != 0 for each in reflected.media] == [each.port != 0 for each in ours.media]
    assert mirror(mirror(render(reflected))) == render(reflected)


@given(st.text(max_size=60) | st.text("0123456789abcdef.:%[]", max_size=40))
def test_any_host_is_a_target_or_not(host: str) -> None:
    sentence = forbidden_target(host)
    assert sentence is None or sentence.isprintable()
    if sentence is None:
        assert not RtpAddress(host, 1).is_name
    assert not is_host_name(host) or RtpAddress(host, 1).is_name


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
    assert not media.address.is_name or is_host_name(media.address.host)
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
