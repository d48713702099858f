"""What the headers of an INVITE say of people."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.trunk import Diversion, Identity
from gateway.trunk.caller import ANONYMOUS, Caller, called_user, caller_of, diversion_of
from gateway.trunk.message import Message, read

RULES = (("00", "+"), ("0", "+49"))
FROM = 'From: "Ana" <sip:0301234@trunk.example>;tag=1'
HIDDEN = "From: Anonymous <sip:anonymous@anonymous.invalid>;tag=1"
PAI = 'P-Asserted-Identity: "Ana Lima" <sip:0049309999@trunk.example>'
PPI = "P-Preferred-Identity: <tel:+49-30-8888>"
RPID = 'Remote-Party-ID: "A" <sip:0307777@h>;party=calling;privacy=off'


def invite(*headers: str) -> Message:
    return read("\r\n".join(("INVITE sip:600@h SIP/2.0", *headers, "", "")))


@pytest.mark.parametrize(
    ("identity", "headers", "caller"),
    [
        ("from", (FROM, PAI), Caller("+49301234", "Ana")),
        ("pai", (FROM, PAI), Caller("+49309999", "Ana Lima")),
        ("ppi", (FROM, PPI), Caller("+49308888", "Ana")),
        ("rpid", (FROM, RPID), Caller("+49307777", "A")),
        ("pai", (FROM,), Caller("+49301234", "Ana")),
        ("pai", (FROM, "P-Asserted-Identity: rubbish"), Caller("+49301234", "Ana")),
        ("pai", (FROM, "P-Asserted-Identity: <sip:ana@h>, <tel:+4930>"), Caller("+4930", "Ana")),
        ("pai", (FROM, "P-Asserted-Identity: <sip:ana@h>", PAI), Caller("+49309999", "Ana Lima")),
        ("pai", (FROM, "P-Asserted-Identity: <sip:ana@h>"), Caller("ana", "Ana")),
        ("rpid", (FROM, "Remote-Party-ID: <sip:02@h>;party=called"), Caller("+49301234", "Ana")),
        ("rpid", (FROM, RPID.replace("off", "name")), Caller("+49307777", "")),
        ("pai", (FROM, PAI, "Privacy: none"), Caller("+49309999", "Ana Lima")),
        ("pai", (FROM, PAI, "Privacy: header; session"), Caller("+49309999", "Ana Lima")),
    ],
)
def test_who_calls(identity: str, headers: tuple[str, ...], caller: Caller) -> None:
    assert caller_of(invite(*headers), Identity(identity), RULES) == caller


@pytest.mark.parametrize("identity", Identity)
@pytest.mark.parametrize(
    "headers",
    [
        (FROM, PAI, "Privacy: id"),
        (FROM, PAI, "Privacy: critical;ID"),
        (FROM, PAI, "privacy: header", "privacy: user"),
        (HIDDEN, PAI, PPI, RPID),
        (HIDDEN,),
        ('From: "Ana" <sip:+15550100@anonymous.invalid>',),
        ("From: <sip:Restricted@h>",),
        ("From: <sip:h>",),
        ("From: rubbish",),
        (),
        (FROM, PAI, RPID.replace("off", "full")),
        (FROM, RPID.replace("off", "uri")),
    ],
)
def test_who_wants_to_be_unknown(identity: Identity, headers: tuple[str, ...]) -> None:
    assert caller_of(invite(*headers), identity, RULES) is ANONYMOUS


@pytest.mark.parametrize(
    ("headers", "diversion"),
    [
        (
            ("Diversion: <sip:0301@h>;reason=user-busy, <sip:0302@h>;reason=no-answer",),
            Diversion("+49301", "user-busy"),
        ),
        (("Diversion: <tel:+49301>", "Diversion: <sip:0302@h>"), Diversion("+49301")),
        (("Diversion: <sip:0301@h>;reason=user-busy;privacy=full",), None),
        (("Diversion: <sip:anonymous@h>",), None),
        (("Diversion: rubbish",), None),
        ((), None),
        (
            ("History-Info: <sip:0301@h>;index=1, <sip:600@h;cause=486>;index=1.1;mp=1",),
            Diversion("+49301", "user-busy"),
        ),
        (
            ("History-Info: <sip:0301@h?Reason=SIP%3Bcause%3D302>;index=1,<sip:600@h>;index=1.1",),
            Diversion("+49301", "unconditional"),
        ),
        (("History-Info: <sip:0301@h>;index=1", "History-Info: <sip:600@h>;index=1.1"), None),
        (("History-Info: <sip:600@h;cause=302>;index=1",), None),
        (
            (
                "History-Info: <sip:0301@h?Reason=SIP%3Bcause%3D302&Privacy=history>;index=1",
                "History-Info: <sip:600@h>;index=1.1",
            ),
            None,
        ),
        (
            (
                "History-Info: <sip:0301@h?Privacy=none>;index=1",
                "History-Info: <sip:600@h;cause=486?Privacy=history>;index=1.1",
            ),
            Diversion("+49301", "user-busy"),
        ),
        (("History-Info: ,;cause=302,",), None),
    ],
)
def test_who_has_sent_the_call_on(headers: tuple[str, ...], diversion: Diversion | None) -> None:
    assert diversion_of(invite(*headers), RULES) == diversion


@pytest.mark.parametrize(
    ("line", "user"),
    [
        ("INVITE sip:600@127.0.0.1:5060;transport=udp SIP/2.0", "600"),
        ("INVITE sip:%2B1555;npdi=yes@h;user=phone SIP/2.0", "+1555"),
        ("INVITE tel:+1-555-0100 SIP/2.0", "+1-555-0100"),
        ("INVITE sip:h SIP/2.0", ""),
        ("INVITE", ""),
    ],
)
def test_whom_they_call(line: str, user: str) -> None:
    assert called_user(read(line)) == user


LINES = st.sampled_from([FROM, HIDDEN, PAI, PPI, RPID, "Privacy: id", "Diversion: <tel:+1>"])
NAMES = st.sampled_from(["From", "P-Asserted-Identity", "Diversion", "History-Info", "Privacy"])
RUBBISH = st.text(alphabet='"<>;,:@\\ sip:tel=%causeé1', max_size=60)


@given(st.lists(LINES | st.builds("{}: {}".format, NAMES, RUBBISH)), st.sampled_from(Identity))
def test_any_headers_give_an_answer(lines: list[str], identity: Identity) -> None:
    caller = caller_of(invite(*lines), identity, RULES)
    assert caller.number
    assert not caller.anonymous or caller is ANONYMOUS
    diversion_of(invite(*lines), RULES)
