"""What is written in a REFER, and what its reports mean, whatever they hold."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.trunk.errors import TrunkRequestError
from gateway.trunk.events import TransferOver, TransferProgress
from gateway.trunk.message import read
from gateway.trunk.referral import (
    NO_OUTCOME,
    DialogName,
    Referral,
    refer_to_dialog,
    refer_to_number,
    referred_by,
)
from gateway.trunk.screening import Action, DialogFacts, screen


def notify(body: str = "", state: str = "active", event: str = "refer") -> str:
    lines = (
        "NOTIFY sip:gateway@127.0.0.1 SIP/2.0",
        "To: <sip:gateway@127.0.0.1>;tag=a",
        "CSeq: 2 NOTIFY",
        f"Event: {event}",
        f"Subscription-State: {state}",
        "Content-Type: message/sipfrag",
    )
    return "\r\n".join((*lines, "", body))


@pytest.mark.parametrize(
    ("like", "expected"),
    [
        ("<sip:+1@192.0.2.1:5070>", "<sip:+15557777@192.0.2.1:5070>"),
        ("sip:192.0.2.1", "<sip:+15557777@192.0.2.1>"),
        (
            "<sip:+1@pbx.example:5060;transport=tcp>",
            "<sip:+15557777@pbx.example:5060;transport=tcp>",
        ),
        ("<sips:+1@pbx.example>", "<sips:+15557777@pbx.example>"),
        ('"Ana" <sip:a@[2001:db8::1]:5060;ob;lr>', "<sip:+15557777@[2001:db8::1]:5060>"),
    ],
)
def test_a_number_at_the_trunk(like: str, expected: str) -> None:
    assert refer_to_number("+15557777", like) == expected


@pytest.mark.parametrize("number", ["", "1\r\nX: y", "a>b", 'a"', "a\\b"])
def test_a_number_that_cannot_stand_there(number: str) -> None:
    with pytest.raises(TrunkRequestError):
        refer_to_number(number, "<sip:+1@192.0.2.1>")


@pytest.mark.parametrize("like", ["", "tel:+1555", "<sip:>", "sip:a b@c", "<sip:a@b\r\nX: y>"])
def test_a_trunk_that_cannot(like: str) -> None:
    with pytest.raises(TrunkRequestError):
        refer_to_number("1", like)


def test_a_number_is_escaped() -> None:
    assert refer_to_number("*72#?a", "sip:192.0.2.1") == "<sip:*72%23?a@192.0.2.1>"


def test_another_dialog() -> None:
    name = DialogName("a-b@c", "our tag;", "their&tag", "<sip:phone@192.0.2.1:5060?Subject=x>")
    assert refer_to_dialog(name) == (
        "<sip:phone@192.0.2.1:5060?Replaces=a-b%40c%3Bto-tag%3Dtheir%26tag%3Bfrom-tag%3Dour%20tag%3B>"
    )


def test_who_refers() -> None:
    assert referred_by("<sip:+1@h>") == "<sip:+1@h>"
    with pytest.raises(TrunkRequestError):
        referred_by('sip:"@h')


@pytest.mark.parametrize(
    ("body", "state", "expected"),
    [
        ("SIP/2.0 100 Trying", "active;expires=60", TransferProgress(100, "Trying")),
        ("SIP/2.0 180 Ringing\r\nVia: x\r\n", "active", TransferProgress(180, "Ringing")),
        ("SIP/2.0 200 OK\r\n", "terminated;reason=noresource", TransferOver(200, "OK")),
        ("\r\nsip/2.0 200", "active", TransferOver(200, "")),
        ("SIP/2.0 503 Service Unavailable", "active", TransferOver(503, "Service Unavailable")),
        ("", "active", None),
        ("", "", None),
        ("hello", "pending", None),
        ("SIP/2.0 2000 OK", "active", None),
        ("", "terminated", NO_OUTCOME),
        ("SIP/2.0 100 Trying", "TERMINATED ; reason=giveup", NO_OUTCOME),
    ],
)
def test_a_report(body: str, state: str, expected: TransferProgress | TransferOver | None) -> None:
    assert Referral().notify(read(notify(body, state))) == expected


@given(st.text(max_size=200), st.text(max_size=40))
def test_no_report_raises(body: str, state: str) -> None:
    referral = Referral()
    for _ in range(2):
        referral.notify(read(notify(body, state)))


def test_a_202_is_no_news_and_a_refusal_is() -> None:
    referral = Referral()
    assert referral.response(read("SIP/2.0 202 Accepted\r\n\r\n")) is None
    assert referral.response(read("SIP/2.0 100 Trying\r\n\r\n")) is None
    assert not referral.over
    refused = referral.response(read("SIP/2.0 603 Decline\r\n\r\n"))
    assert refused == TransferOver(603, "Decline")
    assert referral.notify(read(notify("SIP/2.0 200 OK"))) is None


@pytest.mark.parametrize(
    ("event", "heard"),
    [
        ("refer;id=7", True),
        ("refer ; ID = 7", True),
        ("refer", True),
        ("refer;id=seven", True),
        ("refer;id=5", False),
        ("refer;id=77", False),
    ],
)
def test_a_report_of_an_earlier_refer(event: str, heard: bool) -> None:
    referral = Referral()
    referral.response(read("SIP/2.0 202 Accepted\r\nCSeq: 7 REFER\r\n\r\n"))
    expected = TransferOver(486, "Busy Here") if heard else None
    assert referral.notify(read(notify("SIP/2.0 486 Busy Here", event=event))) == expected
    assert referral.over == heard


@pytest.mark.parametrize(
    ("referring", "event", "code"),
    [
        (True, "refer", 200),
        (True, "Refer;id=3", 200),
        (True, "presence", 489),
        (True, "", 489),
        (False, "refer", 489),
    ],
)
def test_reports_are_answered_while_a_refer_of_ours_is_known(
    referring: bool, event: str, code: int
) -> None:
    verdict = screen(read(notify(event=event)), DialogFacts(referring=referring))
    assert (verdict.action, verdict.code) == (Action.ANSWER, code)
