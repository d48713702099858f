"""Whom a REFER of the far end names, and what is written in our reports, whatever it holds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.trunk import Trunk
from gateway.trunk.message import Message, read
from gateway.trunk.referred import ReferredTo, referred_to, report_body, report_headers
from gateway.trunk.screening import Action, DialogFacts, screen

TRUNK = Trunk("pbx", "sip:192.0.2.1", numbers_in=(("00", "+"), ("0", "+49")))
READY = DialogFacts(answered=True, transfers=True)


def refer(to: str | None = "<sip:+15557777@192.0.2.1>", *more: str) -> Message:
    lines = (
        "REFER sip:gateway@127.0.0.1 SIP/2.0",
        "To: <sip:gateway@127.0.0.1>;tag=a",
        "From: <sip:phone@192.0.2.1>;tag=b",
        "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1",
        "Call-ID: c",
        "CSeq: 7 REFER",
        *(() if to is None else (f"Refer-To: {to}",)),
        *more,
    )
    return read("\r\n".join((*lines, "", "")))


@pytest.mark.parametrize(
    ("to", "expected"),
    [
        ("<sip:+15557777@192.0.2.1>", "+15557777"),
        ('"Ana" <sip:+15557777@192.0.2.1;transport=tcp>;x=y', "+15557777"),
        ("sip:+15557777@192.0.2.1", "+15557777"),
        ('"a <b>" <sip:+15557777@192.0.2.1>', "+15557777"),
        ("<tel:+1-555-7777>", "+15557777"),
        ("<sips:030123@pbx.example:5061>", "+4930123"),
        ("<sip:0015557777;phone-context=x@192.0.2.1>", "+15557777"),
        ("<sip:ana%20b@192.0.2.1;method=invite>", "ana b"),
        ("<sip:reception@192.0.2.1?Subject=x>", "reception"),
    ],
)
def test_whom_it_names(to: str, expected: str) -> None:
    found = referred_to(refer(to), TRUNK)
    assert found == ReferredTo(expected, "pbx", number=7)


@pytest.mark.parametrize(
    "to",
    [
        *(None, "", "<>", "sip:", "<sip:192.0.2.1>", "<sip:@192.0.2.1>", "<http://x.example/a>"),
        *("<mailto:a@b>", "<sip:a@b;method=BYE>", "<sip:a@b>" + "x" * 2000),
    ],
)
def test_whom_nobody_can_call(to: str | None) -> None:
    assert referred_to(refer(to), TRUNK) is None
    assert screen(refer(to), READY).code == 400


def test_two_at_once() -> None:
    message = refer("<sip:1@192.0.2.1>", "r: <sip:2@192.0.2.1>")
    assert screen(message, READY).code == 400


@pytest.mark.parametrize(
    ("fields", "replaces", "headers"),
    [
        (
            "Replaces=a%40b%3Bto-tag%3Dx%3Bfrom-tag%3Dy&Require=replaces",
            "a@b;to-tag=x;from-tag=y",
            (("Replaces", "a@b;to-tag=x;from-tag=y"), ("Require", "replaces")),
        ),
        (
            "replaces=a%40b%3Bfrom-tag%3Dy%3Bto-tag%3Dx%3Bearly-only",
            "a@b;from-tag=y;to-tag=x;early-only",
            (("Replaces", "a@b;from-tag=y;to-tag=x;early-only"),),
        ),
        ("Require=replaces", "", ()),
    ],
)
def test_in_place_of_a_dialog(
    fields: str, replaces: str, headers: tuple[tuple[str, str], ...]
) -> None:
    found = referred_to(refer(f"<sip:+15557777@192.0.2.1?{fields}>"))
    assert found is not None
    assert (found.replaces, found.headers) == (replaces, headers)


@pytest.mark.parametrize(
    "value",
    [
        "a%0D%0AX%3A%20y%3Bto-tag%3Dx%3Bfrom-tag%3Dy",
        "a%3Bto-tag%3Dx",
        "a" * 900,
        "",
    ],
)
def test_in_place_of_a_dialog_that_is_not_named(value: str) -> None:
    """It would ring a phone beside the call that it was to take over."""
    message = refer(f"<sip:+15557777@192.0.2.1?Replaces={value}>")
    assert screen(message, READY).code == 400


@pytest.mark.parametrize(
    ("by", "kept"),
    [
        ("<sip:ana@192.0.2.1>", True),
        ('"Ana, B." <sip:ana@192.0.2.1>;cid="x@y"', True),
        ("<sip:ana@192.0.2.1>, <sip:b@c>", False),
        ("nobody", False),
        ("<sip:ana@192.0.2.1>\x01", False),
        ("<sip:ana@192.0.2.1>" + " " * 2000 + ";a", False),
    ],
)
def test_who_says_so(by: str, kept: bool) -> None:
    found = referred_to(refer("<sip:1@192.0.2.1>", f"Referred-By: {by}"))
    assert found is not None
    assert found.headers == ((("Referred-By", by),) if kept else ())


@pytest.mark.parametrize(
    ("said", "reports"), [("false", False), ("FALSE ;x", False), ("true", True), ("", True)]
)
def test_who_wants_no_reports(said: str, reports: bool) -> None:
    found = referred_to(refer("<sip:1@192.0.2.1>", f"Refer-Sub: {said}"))
    assert found is not None
    assert found.reports is reports


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        (DialogFacts(answered=True), 603),
        (DialogFacts(transfers=True), 491),
        (DialogFacts(answered=True, transfers=True, referred=True), 491),
        (READY, 0),
    ],
)
def test_when_it_is_taken(facts: DialogFacts, code: int) -> None:
    verdict = screen(refer(), facts)
    assert verdict.code == code
    assert verdict.action is (Action.ANSWER if code else Action.HOLD)


def test_what_is_asked_of_us_by_options() -> None:
    options = read("OPTIONS sip:g@127.0.0.1 SIP/2.0\r\nTo: <sip:g@h>;tag=a\r\n\r\n")
    assert "REFER" in dict(screen(options, READY).headers)["Allow"]
    assert "REFER" not in dict(screen(options, DialogFacts(answered=True)).headers)["Allow"]


def test_outside_of_a_dialog() -> None:
    """Nobody refers us who has no call with us."""
    stray = refer()
    assert screen(stray, None).code == 481


def test_reports() -> None:
    target = ReferredTo("+1", number=7)
    assert report_headers(target, first=True, left=60) == (
        ("Event", "refer"),
        ("Subscription-State", "active;expires=60"),
    )
    assert report_headers(target, first=False, left=None) == (
        ("Event", "refer;id=7"),
        ("Subscription-State", "terminated;reason=noresource"),
    )
    assert report_body(486, "Busy\r\nHere") == "SIP/2.0 486 Busy  Here\r\n"


@given(st.text(max_size=300), st.text(max_size=100), st.text(max_size=30))
def test_any_text(to: str, by: str, sub: str) -> None:
    """Whatever stands there: a target without a way out of its header, or none."""
    found = referred_to(refer(to, f"Referred-By: {by}", f"Refer-Sub: {sub}"), TRUNK)
    assert found is None or found.to
    for value in (value for _, value in found.headers) if found else ():
        assert not set(value) & set("\r\n\0")


@given(st.text(max_size=200), st.text(max_size=200))
def test_any_uri(user: str, fields: str) -> None:
    found = referred_to(refer(f"<sip:{user}@192.0.2.1?{fields}>"), TRUNK)
    for value in (value for _, value in found.headers) if found else ():
        assert not set(value) & set("\r\n\0")
