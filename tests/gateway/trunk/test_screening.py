"""What is answered, held, passed on or shown without its body: methods by place."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.trunk.message import Message, read
from gateway.trunk.screening import (
    METHODS,
    OPTION_TAGS,
    PHRASES,
    RULES,
    Action,
    DialogFacts,
    Verdict,
    screen,
)

SDP = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\n"
IDLE = DialogFacts()


def request(
    method: str, *headers: str, body: str = "", to: str = "<sip:a@b>", uri: str = "sip:a@b"
) -> Message:
    lines = [
        *(f"{method} {uri} SIP/2.0", f"To: {to}", f"CSeq: 7 {method}"),
        *(*headers, f"Content-Length: {len(body)}"),
    ]
    return read("\r\n".join(lines) + f"\r\n\r\n{body}")


def offer(method: str, *headers: str) -> Message:
    return request(method, "Content-Type: application/sdp", *headers, body=SDP)


def judge(message: Message, dialog: DialogFacts | None = IDLE) -> tuple[Action, int]:
    verdict = screen(message, dialog)
    return verdict.action, verdict.code


def header(verdict: Verdict, name: str) -> str | None:
    return dict(verdict.headers).get(name)


@pytest.mark.parametrize(
    ("method", "inside", "outside", "stray"),
    [
        ("INVITE", Action.HOLD, Action.PASS, 481),
        ("ACK", Action.PASS, Action.PASS, Action.PASS),
        ("CANCEL", Action.PASS, Action.PASS, Action.PASS),
        ("BYE", Action.PASS, 481, Action.PASS),
        ("PRACK", Action.PASS, 481, 481),
        ("UPDATE", Action.PASS, 481, 481),
        ("INFO", 200, 481, 481),
        ("OPTIONS", 200, 200, 481),
        ("NOTIFY", 489, 481, 481),
        ("REFER", 603, 405, 481),
        ("MESSAGE", 405, 405, 405),
        ("SUBSCRIBE", 405, 405, 405),
        ("REGISTER", 405, 405, 405),
        ("PUBLISH", 405, 405, 405),
        ("FROBNICATE", 501, 501, 501),
    ],
)
def test_each_method_without_a_body(
    method: str, inside: Action | int, outside: Action | int, stray: Action | int
) -> None:
    tagged = "<sip:a@b>;tag=x"
    for message, dialog, right in (
        (request(method, to=tagged), IDLE, inside),
        (request(method), None, outside),
        (request(method, to=tagged), None, stray),
    ):
        action, code = judge(message, dialog)
        assert (action if isinstance(right, Action) else code) == right
        assert (code > 0) == (action is Action.ANSWER)


@pytest.mark.parametrize("method", [*RULES, "FROBNICATE"])
def test_what_is_not_allowed_comes_with_what_is(method: str) -> None:
    for dialog in (None, IDLE):
        verdict = screen(request(method), dialog)
        if verdict.code in (405, 501):
            assert header(verdict, "Allow") == ", ".join(METHODS)
            assert method not in METHODS


@pytest.mark.parametrize("dialog", [None, IDLE])
def test_options_tell_the_truth(dialog: DialogFacts | None) -> None:
    verdict = screen(request("OPTIONS"), dialog)
    assert (verdict.code, verdict.reason) == (200, "OK")
    assert header(verdict, "Allow") == "INVITE, ACK, CANCEL, BYE, PRACK, UPDATE, INFO, OPTIONS"
    assert header(verdict, "Supported") == "100rel, timer"
    assert "application/sdp" in (header(verdict, "Accept") or "")


@pytest.mark.parametrize(
    ("method", "with_offer", "without"),
    [
        ("INVITE", Action.HOLD, Action.HOLD),
        ("UPDATE", Action.HOLD, Action.PASS),
        ("PRACK", Action.HOLD, Action.PASS),
        ("ACK", Action.REPLACE, Action.PASS),
    ],
)
def test_offers_in_a_dialog_wait_for_the_call(
    method: str, with_offer: Action, without: Action
) -> None:
    assert judge(offer(method)) == (with_offer, 0)
    assert judge(request(method)) == (without, 0)


def test_a_call_to_us_is_shown_as_we_read_it() -> None:
    assert judge(offer("INVITE"), None) == (Action.REPLACE, 0)


@pytest.mark.parametrize(
    ("method", "facts", "code"),
    [
        ("INVITE", DialogFacts(inviting=True), 491),
        ("INVITE", DialogFacts(offering=True), 491),
        ("INVITE", DialogFacts(answering=True, retry_after=7), 500),
        ("UPDATE", DialogFacts(offering=True), 491),
        ("UPDATE", DialogFacts(answering=True, retry_after=7), 500),
        # The early dialog's UPDATE: our INVITE waits, but its offer has been answered by PRACK
        ("UPDATE", DialogFacts(inviting=True), 0),
        ("PRACK", DialogFacts(inviting=True), 0),
    ],
)
def test_offers_that_cross(method: str, facts: DialogFacts, code: int) -> None:
    verdict = screen(offer(method), facts)
    assert verdict.code == code
    assert verdict.action is (Action.ANSWER if code else Action.HOLD)
    assert header(verdict, "Retry-After") == ("7" if code == 500 else None)


def test_a_refresh_does_not_cross_anything() -> None:
    busy = DialogFacts(inviting=True, offering=True, answering=True)
    assert judge(request("UPDATE"), busy) == (Action.PASS, 0)


@pytest.mark.parametrize("method", ["INVITE", "UPDATE", "PRACK"])
@pytest.mark.parametrize("kind", ["Content-Type: text/html", "Content-Type: image/png", "X-A: b"])
def test_a_body_that_is_no_description(method: str, kind: str) -> None:
    verdict = screen(request(method, kind, body="<p>"), IDLE)
    assert verdict.code == 415
    assert "application/sdp" in (header(verdict, "Accept") or "")


@pytest.mark.parametrize(
    ("method", "dialog", "action"),
    [
        ("INVITE", None, Action.REPLACE),
        ("INVITE", IDLE, Action.HOLD),
        ("UPDATE", IDLE, Action.REPLACE),
        ("PRACK", IDLE, Action.REPLACE),
        ("ACK", IDLE, Action.REPLACE),
    ],
)
def test_a_body_that_may_be_ignored_is(
    method: str, dialog: DialogFacts | None, action: Action
) -> None:
    optional = "Content-Disposition: icon;handling = optional"
    message = request(method, "Content-Type: image/png", optional, body="png")
    assert judge(message, dialog) == (action, 0)


def test_a_description_in_a_multipart_is_one() -> None:
    part = f"--x\r\nContent-Type: application/sdp\r\n\r\n{SDP}\r\n--x--\r\n"
    kind = 'Content-Type: multipart/mixed; boundary="x"'
    assert judge(request("INVITE", kind, body=part)) == (Action.HOLD, 0)
    isup = "--x\r\nContent-Type: application/isup\r\n\r\n\x01\r\n--x--\r\n"
    assert judge(request("INVITE", kind, body=isup)) == (Action.ANSWER, 415)


@pytest.mark.parametrize(
    ("headers", "body", "code"),
    [
        ((), "", 200),  # a keep-alive
        (("Content-Type: text/plain",), "", 200),
        (("Content-Type: application/dtmf-relay",), "Signal=5\r\nDuration=160\r\n", 200),
        (("Content-Type: Application/DTMF-Relay;x=y",), "Signal=11", 200),
        (("Content-Type: application/dtmf",), "7", 200),
        (("Content-Type: application/dtmf-relay",), "Signal=16\r\nDuration=160\r\n", 200),  # flash
        (("Content-Type: application/dtmf",), "!", 200),
        (("Content-Type: application/dtmf-relay",), "\r\n Signal = HF \r\n", 200),
        # A pattern that runs over line ends would take hours for this one
        (("Content-Type: application/dtmf-relay",), "\n" * 7000 + "x", 400),
        (("Content-Type: application/dtmf-relay",), "Duration=160\r\n", 400),
        (("Content-Type: application/dtmf-relay",), "Signal=160\r\n", 400),
        (("Content-Type: application/media_control+xml",), "<x/>", 415),
        (("Content-Type: text/plain", "Content-Disposition: x;handling=optional"), "x", 200),
        (("X-A: b",), "x", 415),
        (("Info-Package: nil",), "", 469),
        (("Info-Package: dtmf", "Content-Type: application/dtmf"), "7", 469),
    ],
)
def test_info(headers: tuple[str, ...], body: str, code: int) -> None:
    verdict = screen(request("INFO", *headers, body=body), IDLE)
    assert (verdict.action, verdict.code) == (Action.ANSWER, code)
    assert header(verdict, "Recv-Info") == ("" if code == 469 else None)
    accept = "application/dtmf-relay, application/dtmf"
    assert header(verdict, "Accept") == (accept if code == 415 else None)


@pytest.mark.parametrize("method", ["INVITE", "UPDATE", "INFO", "OPTIONS"])
def test_extensions_that_we_do_not_have_are_named(method: str) -> None:
    message = request(method, "Require: timer, precondition", "Require: 100REL,nothing-we-know")
    verdict = screen(message, IDLE)
    assert verdict.code == 420
    assert header(verdict, "Unsupported") == "precondition, nothing-we-know"
    assert judge(request(method, f"Require: {', '.join(OPTION_TAGS)}"))[1] != 420


def test_a_proxys_extensions_are_not_ours_to_judge() -> None:
    assert judge(request("OPTIONS", "Proxy-Require: noProxiesSupportThis"), None)[1] == 200


@pytest.mark.parametrize("tag", ["a b", "a\nVia: x", "a\rb", "ä", "x" * 65, "\ud800"])
def test_no_text_of_the_trunks_breaks_our_answer(tag: str) -> None:
    def requiring(value: str) -> Message:
        headers = (("cseq", "7 OPTIONS"), ("require", value))
        return Message("OPTIONS sip:a@b SIP/2.0", headers, "")

    assert screen(requiring(tag), None).code == 400
    assert header(screen(requiring(f"{tag}, fine"), None), "Unsupported") == "fine"


def test_a_thousand_extensions_make_no_long_answer() -> None:
    named = ", ".join(f"x{n}" for n in range(1000))
    unsupported = header(screen(request("OPTIONS", f"Require: {named}"), None), "Unsupported")
    assert unsupported is not None
    assert len(unsupported) < 200


@pytest.mark.parametrize(
    ("coding", "body", "code"),
    [
        ("Content-Encoding: gzip", SDP, 415),
        ("e: gzip", SDP, 415),
        ("Content-Encoding: identity", SDP, 0),
        ("Content-Encoding: gzip", "", 0),
    ],
)
def test_encodings(coding: str, body: str, code: int) -> None:
    message = request("INVITE", "Content-Type: application/sdp", coding, body=body)
    verdict = screen(message, IDLE)
    assert verdict.code == code
    assert header(verdict, "Accept-Encoding") == ("identity" if code else None)


@pytest.mark.parametrize(
    ("uri", "code"),
    [
        ("sip:a@b", 200),
        ("SIPS:a@b", 200),
        ("tel:+1555", 200),
        ("nobodyKnowsThisScheme:totallyopaquecontent", 416),  # RFC 4475 section 3.3.2
        ("soap.beep://192.0.2.103:3002", 416),  # section 3.3.3
    ],
)
def test_schemes(uri: str, code: int) -> None:
    assert judge(request("OPTIONS", uri=uri), None) == (Action.ANSWER, code)


@pytest.mark.parametrize(
    ("accept", "code"),
    [
        ("text/nobodyKnowsThis", 406),  # RFC 4475 section 3.3.15
        ("text/html, Application/SDP;level=1", 0),
        ("*/*", 0),
        ("", 0),
    ],
)
def test_a_caller_who_takes_no_description(accept: str, code: int) -> None:
    message = offer("INVITE", f"Accept: {accept}")
    assert screen(message, None).code == code
    assert screen(message, IDLE).code == 0, "in mid-call nothing is lost for such a line"


@pytest.mark.parametrize(
    ("to", "code"),
    [
        ("<sip:a@b>;x=y; Tag = 1", 481),
        ("sip:a@b;tag=1", 481),
        ('"x;tag=1" <sip:a@b;tag=1>', 200),
        ("<sip:a@b>;tag=", 200),
    ],
)
def test_what_is_a_tag(to: str, code: int) -> None:
    assert judge(request("OPTIONS", to=to), None) == (Action.ANSWER, code)


@pytest.mark.parametrize(
    ("kind", "body", "action"),
    [
        ("application/sdp", SDP, Action.REPLACE),
        ("text/html", "<p>", Action.REPLACE),
        ("application/sdp", "", Action.PASS),
    ],
)
@pytest.mark.parametrize("code", [183, 200, 500])
def test_the_engine_reads_no_body_of_a_response(
    code: int, kind: str, body: str, action: Action
) -> None:
    message = read(f"SIP/2.0 {code} Reason\r\nContent-Type: {kind}\r\n\r\n{body}")
    assert judge(message) == judge(message, None) == (action, 0)


@pytest.mark.parametrize("dialog", [None, IDLE])
def test_a_response_without_a_status_is_answered_by_nobody(dialog: DialogFacts | None) -> None:
    assert judge(read("SIP/2.0 4294967301 better not\r\n\r\n"), dialog) == (Action.DROP, 0)


def test_a_malformed_request_is_refused_outside_of_a_dialog_only() -> None:
    message = request("OPTIONS", "CSeq: 8 INVITE")
    assert judge(message, None) == (Action.ANSWER, 400)
    assert judge(message) == (Action.ANSWER, 200)
    assert judge(read("OPTIONS sip:a@b SIP/7.0\r\n\r\n"), None) == (Action.ANSWER, 505)
    assert judge(request("ACK", "CSeq: 8 INVITE"), None) == (Action.PASS, 0), "nobody answers ACK"


PIECES = st.sampled_from(
    [
        *("INVITE ", "INFO ", "ACK ", "UPDATE ", "sip:a@b", " SIP/2.0", "SIP/2.0 200 OK"),
        *("\r\n", "\r\n\r\n", "\n", "\r", ": ", ",", ";", "=", '"', "<", ">", "tag=", "\ud800"),
        *("Require", "To", "Content-Type", "application/sdp", "application/dtmf", "Info-Package"),
        *("Content-Disposition", "handling=optional", "Content-Encoding", "gzip", "5", "v=0"),
    ]
)
FACTS = st.builds(
    DialogFacts, st.booleans(), st.booleans(), st.booleans(), st.integers(min_value=0, max_value=10)
)


@given(
    st.one_of(st.text(st.characters(exclude_categories=())), st.lists(PIECES).map("".join)),
    st.none() | FACTS,
)
def test_any_message_gets_a_verdict(text: str, dialog: DialogFacts | None) -> None:
    message = read(text)
    verdict = screen(message, dialog)
    if message.method == "ACK" or message.start.upper().startswith("SIP/"):
        assert verdict.action is not Action.ANSWER
    assert (verdict.action is Action.ANSWER) == bool(verdict.code)
    assert verdict.reason == PHRASES.get(verdict.code, "")
    for name, value in verdict.headers:
        assert re.fullmatch(r"[A-Za-z-]+", name)
        assert re.fullmatch(r"[\x20-\x7e]*", value)
