"""Reason and Warning, both ways: what a trunk says of an end, and what we say."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.trunk.message import Message, read
from gateway.trunk.reason import (
    LONGEST_TEXT,
    OURS,
    RETRY_AFTER,
    WARN_CODES,
    Reason,
    end_headers,
    isup_cause,
    read_reasons,
    read_warning,
    reason_header,
    remark,
    warning_header,
)
from gateway.trunk.status import Local


def bye(*headers: str) -> Message:
    return read("\r\n".join(["BYE sip:a SIP/2.0", *headers]) + "\r\n\r\n")


@pytest.mark.parametrize(
    ("value", "reasons"),
    [
        ("Q.850;cause=17", [Reason("Q.850", 17)]),
        ('q.850 ; Cause = 16 ; text = "Normal"', [Reason("Q.850", 16, "Normal")]),
        (
            'SIP;cause=200;text="Call completed; elsewhere, by Ana",Q.850;cause=26',
            [Reason("SIP", 200, "Call completed; elsewhere, by Ana"), Reason("Q.850", 26)],
        ),
        (r'SIP;text="say \"no\"";cause=603', [Reason("SIP", 603, 'say "no"')]),
        ("SIP;cause=x;text=Short", [Reason("SIP", 0, "Short")]),
        ('SIP;cause=603;text="never closed', [Reason("SIP", 603, "never closed")]),
        ("SIP;cause=1;cause=2", [Reason("SIP", 1)]),
        ("RELEASE_CAUSE", [Reason("RELEASE_CAUSE", 0)]),
        (";cause=16", []),
        ("", []),
    ],
)
def test_reasons(value: str, reasons: list[Reason]) -> None:
    assert list(read_reasons(bye(f"Reason: {value}"))) == reasons


def test_reasons_in_several_lines() -> None:
    message = bye("Reason: SIP;cause=480", "X: y", "Reason: Q.850;cause=19")
    assert [each.cause for each in read_reasons(message)] == [480, 19]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ('304 isi.edu "Media type not available"', "Media type not available"),
        (r'399 [2001:db8::1]:5060 "no \"g729\" here."', 'no "g729" here'),
        ('305 a "one", 306 b "two"', "one"),
        ('305 a ""', "Incompatible media format"),
        ('398 a ""', ""),
        ("399 nobody quotes", ""),
        ("", ""),
    ],
)
def test_warning(value: str, said: str) -> None:
    assert read_warning(bye(f"Warning: {value}")) == said


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ((), ""),
        (('Reason: Q.850;cause=16;text="Normal Clearing"',), ""),
        (('Reason: SIP;cause=480;text="RTP timeout"',), "RTP timeout"),
        (('Reason: Q.850;cause=17;text="User busy"', 'Warning: 399 a "On a trip"'), "On a trip"),
    ],
)
def test_remark(headers: tuple[str, ...], said: str) -> None:
    assert remark(bye(*headers)) == said


def test_the_phrase_once_more_is_no_remark() -> None:
    said = 'Reason: SIP;cause=486;text="busy here"'
    assert remark(read(f"SIP/2.0 486 Busy Here\r\n{said}\r\n\r\n")) == ""


def test_a_remark_is_a_short_line_without_controls() -> None:
    said = remark(bye(f'Warning: 399 a "one\x07\x1b[31m two \u202e{"x" * 500}"'))
    assert said.startswith("one [31m two x")
    assert len(said) == LONGEST_TEXT


@pytest.mark.parametrize("cause", OURS)
def test_our_reason_reads_back(cause: str) -> None:
    header = reason_header(cause)
    assert header is not None
    name, value = header
    (reason,) = read_reasons(bye(f"{name}: {value}"))
    assert reason == OURS[cause]
    assert reason.text
    assert re.fullmatch(r"[ -~]+", value)


@pytest.mark.parametrize(
    ("cause", "value"),
    [
        ("hangup", 'Q.850;cause=16;text="Normal call clearing"'),
        ("max-duration", 'Q.850;cause=31;text="Longest duration reached"'),
        ("media-timeout", 'Q.850;cause=102;text="No RTP received"'),
    ],
)
def test_what_our_bye_says(cause: str, value: str) -> None:
    assert reason_header(cause) == ("Reason", value)


@pytest.mark.parametrize("end", [Local.HUNG_UP, Local.CANCELED, Local.BAD_ANSWER, Local.CLOSED])
def test_each_request_of_ours_that_ends_a_call_has_a_reason(end: Local) -> None:
    assert reason_header(end.value.cause) is not None


@pytest.mark.parametrize(("cause", "code"), [("draining", 503), ("shutdown", 503)])
def test_who_is_refused_as_we_go_may_try_elsewhere(cause: str, code: int) -> None:
    assert RETRY_AFTER in end_headers(cause, code)


@pytest.mark.parametrize(
    ("cause", "code"), [("shutdown", 0), ("draining", 480), ("capacity", 503), ("busy", 486)]
)
def test_nobody_else_is_told_when_to_come_again(cause: str, code: int) -> None:
    header = reason_header(cause)
    assert end_headers(cause, code) == (() if header is None else (header,))


def test_an_end_by_the_trunk_needs_no_reason() -> None:
    assert reason_header("busy") is None


@pytest.mark.parametrize("code", WARN_CODES)
def test_our_warning_reads_back(code: int) -> None:
    name, value = warning_header(code)
    assert (name, read_warning(bye(f"{name}: {value}"))) == ("Warning", WARN_CODES[code])


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_of_a_warning_stays_in_its_quotes(text: str) -> None:
    name, value = warning_header(305, text)
    assert re.fullmatch(r'305 gateway "(?:[^"\\\x00-\x1f\x7f]|\\["\\])+"', value)
    assert name == "Warning"


PIECES = st.sampled_from(
    ["Reason: ", "Warning: ", "399 ", "a ", '"', "\\", ",", ";", "=", "cause", "text", "\r\n", "9"]
)


@given(st.one_of(st.text(st.characters(exclude_categories=())), st.lists(PIECES).map("".join)))
def test_any_text_reads(text: str) -> None:
    message = bye(f"Reason: {text}", f"Warning: {text}")
    for reason in read_reasons(message):
        assert 0 <= reason.cause <= 999
        assert len(reason.text) <= LONGEST_TEXT
    assert "\n" not in remark(message)


@pytest.mark.parametrize(
    ("value", "cause"),
    [
        ("Q.850;cause=17", 17),
        ("SIP;cause=200, q.850;cause=31", 31),
        ('SIP;text="a;cause=1,Q.850;cause=2";cause=200, Q.850;cause=31', 31),
        ("Q.850", None),
        ("Q.850;cause=x", None),
        ("Q.850;cause=999", None),
        ("Q.850;cause=0", None),
        ("SIP;cause=200", None),
    ],
)
def test_isup_cause(value: str, cause: int | None) -> None:
    assert isup_cause(bye(f"Reason: {value}")) == cause
