"""What a page may say: read, or refused by a sentence that names the field."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docs.making.examples import CLIENT
from docs.making.messages import models
from gateway.signaling import messages
from gateway.signaling.messages import MessageError, client, error_of, parse, render

OFFER = {"type": "offer", "sdp": "v=0\r\n"}


def test_a_call_is_read_from_camel_case() -> None:
    text = json.dumps(
        {
            "type": "call",
            "call": "c1",
            "to": "600",
            "offer": OFFER,
            "from": "+15550001",
            "displayName": "Zoë",
            "headers": {"X-A": "1"},
            "aFieldOfTomorrow": True,
        }
    )
    message = parse(text)
    assert isinstance(message, messages.PlaceCall)
    assert (message.call, message.to, message.offer.sdp) == ("c1", "600", "v=0\r\n")
    assert (message.from_, message.display_name) == ("+15550001", "Zoë")
    assert message.headers == {"X-A": "1"}


@pytest.mark.parametrize(
    ("candidate", "text"),
    [
        (None, None),
        ({"candidate": ""}, ""),
        ({"candidate": "candidate:1 1 udp 1 192.0.2.1 9 typ host", "sdpMid": "0"}, "candidate:1"),
    ],
)
def test_candidates(candidate: object, text: str | None) -> None:
    message = parse(json.dumps({"type": "candidate", "call": "c", "candidate": candidate}))
    assert isinstance(message, messages.Candidate)
    if text is None:
        assert message.candidate is None
    else:
        assert message.candidate is not None
        assert message.candidate.candidate.startswith(text)


def test_digits_have_the_defaults_of_the_web() -> None:
    message = parse('{"type": "dtmf", "call": "c", "digits": "12*#Aa"}')
    assert isinstance(message, messages.SendDigits)
    assert (message.duration, message.gap) == (100, 70)


def test_a_long_gap_is_the_longest() -> None:
    """As RTCDTMFSender has it, whose callers expect no error."""
    frame = '{"type": "dtmf", "call": "c", "digits": "1", "gap": 7000}'
    message = messages.parse(frame)
    assert isinstance(message, messages.SendDigits)
    assert message.gap == 6000


@pytest.mark.parametrize(
    ("kind", "field"),
    [
        (kind, field.alias or name)
        for kind, model in models(client.ClientMessage).items()
        for name, field in model.model_fields.items()
        if not field.is_required() and (kind, name) != ("transfer", "to")  # of three one is needed
    ],
)
def test_null_is_as_good_as_nothing(kind: str, field: str) -> None:
    example = {"type": kind, **CLIENT[kind]}
    example.pop(field, None)
    without = messages.parse(json.dumps(example))
    assert messages.parse(json.dumps(example | {field: None})) == without


def test_digits_may_hold_pauses() -> None:
    message = parse('{"type": "dtmf", "call": "c", "digits": ",1w2W3"}')
    assert isinstance(message, messages.SendDigits)
    assert message.digits == ",1w2W3"


def test_a_token_does_not_show() -> None:
    message = parse('{"type": "hello", "token": "hunter2"}')
    assert "hunter2" not in repr(message)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("[" * 10_000, "not JSON"),
        ("null", "not a JSON object"),
        ("[]", "not a JSON object"),
        ("{}", "`type` is 'None': that message is unknown"),
        ('{"type": 5}', "that message is unknown"),
        ('{"type": ["call"]}', "that message is unknown"),
        ('{"type": "cal"}', "`type` is 'cal'"),
        ('{"type": "hangup"}', "`hangup` message, field `call`: Field required"),
        ('{"type": "hangup", "call": ""}', "field `call`"),
        ('{"type": "hangup", "call": "a b"}', "field `call`"),
        ('{"type": "hangup", "call": "a\\n"}', "field `call`"),
        ('{"type": "hangup", "call": "' + "x" * 65 + '"}', "field `call`"),
        ('{"type": "call", "call": "c", "to": 600}', "field `to`"),
        ('{"type": "call", "call": "c", "to": "6"}', "field `offer`"),
        (
            '{"type": "call", "call": "c", "to": "6", "offer": {"type": "answer", "sdp": ""}}',
            "`offer.type`",
        ),
        ('{"type": "candidate", "call": "c"}', "field `candidate`"),
        ('{"type": "candidate", "call": "c", "candidate": {"candidate": "a\\r\\nb"}}', "candidate"),
        (
            '{"type": "transfer", "call": "c"}',
            "`transfer` message: one of `to`, `replaces` and `identity` is needed",
        ),
        ('{"type": "transfer", "call": "c", "to": "1", "replaces": "d"}', "one of `to`, `rep"),
        ('{"type": "transfer", "call": "c", "replaces": "a b"}', "field `replaces`"),
        ('{"type": "transfer", "call": "c", "to": 1}', "field `to`"),
        ('{"type": "restart", "call": "c"}', "field `offer`"),
        ('{"type": "restart", "call": "c", "offer": "v=0"}', "field `offer`"),
        (
            '{"type": "restart", "call": "c", "offer": {"type": "offer", "sdp": "v=0"}, "id": 1}',
            "field `id`",
        ),
        ('{"type": "restart", "offer": {"type": "offer", "sdp": "v=0"}}', "field `call`"),
        ('{"type": "restart", "call": "c", "offer": {"type": "answer"}}', "field `offer.type`"),
        ('{"type": "preflight", "call": "c"}', "`preflight` message, field `offer`"),
        ('{"type": "preflight", "call": "a b", "offer": {}}', "field `call`"),
        ('{"type": "preflight", "call": "c", "offer": {"type": "offer"}}', "field `offer.sdp`"),
        ('{"type": "dtmf", "call": "c", "digits": "1x"}', "field `digits`"),
        ('{"type": "dtmf", "call": "c", "digits": ""}', "field `digits`"),
        ('{"type": "dtmf", "call": "c", "digits": "1", "duration": 39}', "field `duration`"),
        ('{"type": "dtmf", "call": "c", "digits": "1", "duration": "100"}', "field `duration`"),
        ('{"type": "dtmf", "call": "c", "digits": "1", "gap": 29}', "field `gap`"),
        ('{"type": "dtmf", "call": "c", "digits": "1", "gap": 1e400}', "field `gap`"),
        ('{"type": "feedback", "call": "c"}', "field `score`: Field required"),
        ('{"type": "feedback", "call": "c", "score": 0}', "field `score`"),
        ('{"type": "feedback", "call": "c", "score": 6}', "field `score`"),
        ('{"type": "feedback", "call": "c", "score": 4.5}', "field `score`"),
        ('{"type": "feedback", "call": "c", "score": "5"}', "field `score`"),
        ('{"type": "feedback", "call": "c", "score": 5, "issue": 7}', "field `issue`"),
        (
            '{"type": "feedback", "call": "c", "score": 5, "issue": "' + "x" * 1001 + '"}',
            "`feedback` message, field `issue`: at most 1000 characters are allowed",
        ),
        ('{"type": "stats", "call": "c"}', "field `report"),
        ('{"type": "stats", "call": "c", "report": 5}', "field `report"),
        ('{"type": "stats", "call": "c", "report": [5]}', "field `report"),
        (
            '{"type": "stats", "call": "c", "report": [' + "{}," * 256 + "{}]}",
            ": at most 256 entries are allowed",
        ),
        (
            '{"type": "hello", "resume": "' + "x" * 129 + '"}',
            "`hello` message, field `resume`: at most 128 characters are allowed",
        ),
    ],
)
def test_what_breaks_a_rule_is_named(text: str, rule: str) -> None:
    with pytest.raises(MessageError, match=re.escape(rule)):
        parse(text)


def test_an_endless_header_name_is_cut() -> None:
    headers = {"X" * 60_000: 7}
    frame = {"type": "call", "call": "c", "to": "1", "offer": OFFER, "headers": headers}
    with pytest.raises(MessageError) as refused:
        parse(json.dumps(frame))
    assert f"field `headers.{'X' * 80}`: Input" in str(refused.value)


@pytest.mark.parametrize("kind", ["call", "preflight"])
def test_what_begins_nothing_is_over(kind: str) -> None:
    with pytest.raises(MessageError) as refused:
        parse(json.dumps({"type": kind, "call": "c1", "to": "6", "offer": {"type": "offer"}}))
    assert (refused.value.call, refused.value.places) == ("c1", True)


@pytest.mark.parametrize(("given", "kept"), [("r1", "r1"), ("r" * 65, None), (7, None)])
def test_a_restart_that_cannot_be_read_has_its_id(given: object, kept: str | None) -> None:
    for kind, expected in (("restart", kept), ("accept", None)):
        with pytest.raises(MessageError) as refused:
            parse(json.dumps({"type": kind, "call": "c1", "id": given, "offer": 7}))
        assert refused.value.restart_id == expected


def test_an_error_knows_the_call_that_it_prevents() -> None:
    with pytest.raises(MessageError) as refused:
        parse('{"type": "call", "call": "c1", "to": 600}')
    assert (refused.value.call, refused.value.places) == ("c1", True)
    with pytest.raises(MessageError) as refused:
        parse('{"type": "hangup", "call": "c1\\n"}')
    assert (refused.value.call, refused.value.places) == ("c1\n", False)


@pytest.mark.parametrize(
    ("kind", "to", "wanted"),
    [("call", "600", "600"), ("call", 600, ""), ("preflight", "600", None), ("hold", "600", None)],
)
def test_a_call_that_cannot_be_read_says_whom_it_was_to(
    kind: str, to: object, wanted: str | None
) -> None:
    with pytest.raises(MessageError) as refused:
        parse(json.dumps({"type": kind, "call": 7, "to": to, "offer": 7}))
    assert refused.value.to == wanted


@pytest.mark.parametrize("report", [[{"type": "codec"}], {"C1": {"type": "codec"}}])
def test_a_report_is_a_list_or_a_map_of_entries(report: object) -> None:
    message = parse(json.dumps({"type": "stats", "call": "c1", "report": report}))
    assert isinstance(message, messages.Stats)
    assert message.entries == [{"type": "codec"}]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)
types = st.sampled_from(
    ["hello", "call", "candidate", "restart", "preflight", "hangup", "dtmf", "ping", "hold", "?"]
)
field_names = ["call", "to", "offer", "from", "displayName", "headers", "candidate", "digits"]
frames = st.fixed_dictionaries(
    {"type": types | json_values},
    optional={name: json_values for name in field_names},
)


def _judge(text: str) -> None:
    """Parse, and say a refusal: neither may raise anything else, whatever came in."""
    try:
        parse(text)
    except MessageError as error:
        render(error_of(error, call=error.call))


@given(st.text(max_size=200))
def test_garbage_is_refused(text: str) -> None:
    _judge(text)


@given(frames, st.booleans())
def test_wrong_fields_are_refused(frame: dict[str, Any], ascii_only: bool) -> None:
    _judge(json.dumps(frame, ensure_ascii=ascii_only))


@pytest.mark.parametrize("text", [r'{"type": "x", "call": "\ud800"}', '{"type": "\ud800"}'])
def test_lone_surrogates_are_refused(text: str) -> None:
    _judge(text)
