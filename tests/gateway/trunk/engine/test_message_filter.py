"""The message filter in the engine, with a peer that sends what pjsip would judge."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import pjsua2 as pj
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.trunk.message import Message
from tests.gateway.trunk.engine.bare import (
    MIRROR,
    OFFER,
    SLOPPY,
    Decide,
    Engine,
    Filter,
    Peer,
    open_engine,
    open_peer,
)

MOST_HELD = 1000  # as in message_filter.cpp
METHODS = {"INVITE", "ACK", "BYE", "CANCEL", "PRACK", "INFO", "UPDATE", "OPTIONS"}


@pytest.fixture(scope="module")
def module_engine() -> Iterator[Engine]:
    with open_engine() as engine:
        yield engine


def forget(engine: Engine) -> Filter:
    """Have the filter pass everything, and forget what it has seen."""
    own = engine.filter
    own.decide = lambda asked, message: None
    own.refuse = lambda asked: None
    for kept in (own.asked, own.tokens, own.unreadable):
        kept.clear()
    engine.log.errors.clear()
    return own


@pytest.fixture
def engine(module_engine: Engine) -> Iterator[Engine]:
    """The module's engine, with a filter that has seen and holds nothing."""
    own = forget(module_engine)
    yield module_engine
    for token in own.tokens:
        own.answer(token, 500)
    module_engine.calls.clear()
    assert own.heldCount() == 0


@pytest.fixture
def peer(engine: Engine) -> Iterator[Peer]:
    with open_peer(engine) as peer:
        yield peer


def show(body: str) -> Decide:
    """Give pjsip another body in place of each one that comes."""

    def decide(asked: Any, message: Message) -> None:
        if message.body:
            asked.action, asked.body = pj.FILTER_REPLACE, body

    return decide


def hold(method: str) -> Decide:
    def decide(asked: Any, message: Message) -> None:
        if message.method == method:
            asked.action = pj.FILTER_HOLD

    return decide


def answer(method: str, code: int, *headers: tuple[str, str], stateless: bool = False) -> Decide:
    def decide(asked: Any, message: Message) -> None:
        if message.method == method:
            asked.action, asked.code, asked.reason = pj.FILTER_ANSWER, code, "So Be It"
            for name, value in headers:
                asked.headers.append(header(name, value))
            asked.stateless = stateless

    return decide


def header(name: str, value: str) -> Any:
    made = pj.SipHeader()
    made.hName, made.hValue = name, value
    return made


# -- bodies


def test_passes_as_it_came(engine: Engine, peer: Peer) -> None:
    """What pjsip thinks of a sloppy answer by itself: the reason why the filter exists."""
    call = engine.dial(peer.uri)
    peer.respond(peer.hear("INVITE"), 200, SLOPPY)
    peer.hear("BYE")
    assert call.agreed == 0
    assert [message.body for message in engine.filter.asked] == [SLOPPY]


def test_replaced_answer(engine: Engine, peer: Peer) -> None:
    """pjsip agrees with what it is shown."""
    engine.filter.decide = show(MIRROR)
    call = engine.dial(peer.uri)
    peer.respond(peer.hear("INVITE"), 200, SLOPPY)
    peer.hear("ACK")
    engine.turn_until(lambda: call.up)
    assert call.agreed == 1
    assert engine.filter.asked[-1].body == SLOPPY
    assert engine.filter.tokens[-1] == 0  # a response cannot be held


def test_body_removed(engine: Engine, peer: Peer) -> None:
    """An early description that pjsip is not to see does not settle anything."""

    def decide(asked: Any, message: Message) -> None:
        if message.code:
            asked.action = pj.FILTER_REPLACE
            asked.body = MIRROR if message.code == 200 else ""

    engine.filter.decide = decide
    call = engine.dial(peer.uri)
    invite = peer.hear("INVITE")
    peer.respond(invite, 183, SLOPPY)
    engine.turn_until(lambda: engine.filter.asked)
    assert call.agreed == 0
    peer.respond(invite, 200, OFFER)
    engine.turn_until(lambda: call.up)
    assert call.agreed == 1


def test_body_without_type(engine: Engine, peer: Peer) -> None:
    """Bytes after the headers are shown although pjsip takes them for no body."""
    engine.filter.decide = show(MIRROR)
    call = engine.dial(peer.uri)
    peer.respond(peer.hear("INVITE"), 183, OFFER, without=("Content-Type", "Content-Length"))
    engine.turn_until(lambda: call.agreed)
    assert engine.filter.asked[0].body == OFFER


def test_multipart(engine: Engine, peer: Peer) -> None:
    """A description among other parts, in front of which pjsip would look for its own kind."""
    engine.filter.decide = show(MIRROR)
    call = engine.dial(peer.uri)
    parts = f"--b\r\nContent-Type: application/isup\r\n\r\n\x01\x02\r\n--b\r\n\r\n{SLOPPY}--b--"
    peer.respond(peer.hear("INVITE"), 200, parts, 'Content-Type: multipart/mixed; boundary="b"')
    engine.turn_until(lambda: call.up)
    assert call.agreed == 1


def test_dropped(engine: Engine, peer: Peer) -> None:
    def decide(asked: Any, message: Message) -> None:
        asked.action = pj.FILTER_DROP if message.method == "NOTIFY" else pj.FILTER_PASS

    engine.filter.decide = decide
    peer.send(peer.request("NOTIFY"))
    peer.settle()
    assert engine.filter.count("NOTIFY") == 1
    assert [message.code for message in peer.heard] == [200]  # to settle's own


# -- answers


def test_answered_in_the_dialog(engine: Engine, peer: Peer) -> None:
    """A retransmission gets the same answer from the transaction; Python is asked once."""
    engine.filter.decide = show(MIRROR)
    call, invite = peer.answer_call()
    engine.filter.decide = answer("INFO", 415, ("Accept", "application/sdp"))
    info = peer.request("INFO", within=invite)
    peer.send(info)
    peer.send(info)
    first, second = peer.hear(415), peer.hear(415, times=2)
    assert first == second
    assert (first.reason, first.header("accept")) == ("So Be It", "application/sdp")
    assert first.header("to") == invite.header("from")
    assert engine.filter.count("INFO") == 1
    peer.send(peer.request("BYE", cseq=11, within=invite))
    peer.hear(200, cseq="11 BYE")
    engine.turn_until(lambda: call.over)


@pytest.mark.parametrize("method", ["FLY", "MESSAGE", "SUBSCRIBE", "INVITE", "REFER"])
def test_answered_outside(engine: Engine, peer: Peer, method: str) -> None:
    """Without a transaction, which would live for 32 s: a repetition gets the same all the same."""
    engine.filter.decide = answer(method, 405, ("Allow", "INVITE"), stateless=True)
    request = peer.request(method)
    for _ in range(2):
        peer.send(request)
    response = peer.hear(405)
    assert response == peer.hear(405, times=2)
    assert response.header("allow") == "INVITE"
    assert response.to_tag
    assert engine.filter.count(method) == 2


def test_nothing_to_answer(engine: Engine, peer: Peer) -> None:
    """A response, or an ACK, can be neither answered nor held: it passes, and the log says so."""

    def decide(asked: Any, message: Message) -> None:
        asked.action = pj.FILTER_HOLD if message.code else pj.FILTER_ANSWER

    engine.filter.decide = decide
    call, _ = peer.answer_call()
    assert call.agreed == 1
    assert any("neither answered nor held" in error for error in engine.log.errors)
    assert engine.filter.heldCount() == 0


def test_exception(engine: Engine, peer: Peer) -> None:
    """What Python raises is logged, and the message passes, whatever was set before."""

    def decide(asked: Any, message: Message) -> None:
        asked.action = pj.FILTER_DROP
        raise LookupError("no such thing")

    engine.filter.decide = decide
    call, _ = peer.answer_call()
    assert call.agreed == 1
    assert any("LookupError: no such thing" in error for error in engine.log.errors)


# -- held requests


@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
def test_held_offer(engine: Engine, peer: Peer, method: str) -> None:
    """A new offer waits for its answer; pjsip sees it when that is there, and sees the mirror."""
    engine.filter.decide = show(MIRROR)
    call, invite = peer.answer_call()
    engine.filter.decide = hold(method)
    offer = peer.request(method, within=invite, body=SLOPPY)
    peer.send(offer)
    engine.turn_until(engine.filter.heldCount)
    peer.send(offer)
    peer.settle()
    trying = sum(message.code == 100 for message in peer.heard)
    assert trying == (1 if method == "INVITE" else 0), "for the retransmission only"
    assert engine.filter.count(method) == 1
    token = engine.filter.tokens[-2]  # the last is of settle's
    assert engine.filter.resume(token, MIRROR)
    assert call.agreed == 2
    assert peer.hear(200, cseq=f"10 {method}").body == OFFER
    assert not engine.filter.resume(token, MIRROR)
    if method == "INVITE":
        peer.send(peer.request("ACK", within=invite))
    peer.send(offer)  # late: its transaction has the answer
    peer.hear(200, cseq=f"10 {method}", times=2)
    assert engine.filter.count(method) == 1
    assert not call.over


def test_held_offer_refused(engine: Engine, peer: Peer) -> None:
    engine.filter.decide = show(MIRROR)
    call, invite = peer.answer_call()
    engine.filter.decide = hold("INVITE")
    peer.send(peer.request("INVITE", within=invite, body=SLOPPY))
    engine.turn_until(engine.filter.heldCount)
    warning = [header("Warning", '304 gateway "no codec"')]
    assert engine.filter.answer(engine.filter.tokens[-1], 488, "", warning)
    refusal = peer.hear(488)
    assert refusal.reason == "Not Acceptable Here"
    assert refusal.header("warning") == '304 gateway "no codec"'
    assert call.up
    assert call.agreed == 1


def test_held_then_bye(engine: Engine, peer: Peer) -> None:
    """The request gets its answer although its dialog ends (RFC 3261 section 15.1.2)."""
    engine.filter.decide = show(MIRROR)
    call, invite = peer.answer_call()
    engine.filter.decide = hold("INVITE")
    peer.send(peer.request("INVITE", within=invite, body=SLOPPY))
    engine.turn_until(engine.filter.heldCount)
    token = engine.filter.tokens[-1]
    peer.send(peer.request("BYE", within=invite, cseq=11))
    peer.hear(487, cseq="10 INVITE")
    peer.hear(200, cseq="11 BYE")
    engine.turn_until(lambda: call.over)
    assert not engine.filter.resume(token, MIRROR)
    assert not engine.filter.answer(token, 200)


def test_bye_of_another_dialog(engine: Engine, peer: Peer) -> None:
    engine.filter.decide = show(MIRROR)
    _, invite = peer.answer_call()
    engine.filter.decide = hold("INVITE")
    peer.send(peer.request("INVITE", within=invite, body=SLOPPY))
    engine.turn_until(engine.filter.heldCount)
    bye = peer.request("BYE", within=invite, cseq=11)
    peer.send(bye.replace(b"tag=peer", b"tag=another"))
    peer.hear(481)
    assert engine.filter.heldCount() == 1


def test_held_then_canceled(engine: Engine, peer: Peer) -> None:
    engine.filter.decide = hold("INVITE")
    invite = peer.request("INVITE", branch="canceled", call_id="canceled", body=OFFER)
    peer.send(invite)
    peer.send(invite)  # a retransmission is told that it need not be repeated
    peer.hear(100)
    peer.send(peer.request("CANCEL", branch="canceled", call_id="canceled"))
    peer.hear(200, cseq="10 CANCEL")
    peer.hear(487, cseq="10 INVITE")
    assert not engine.filter.resume(engine.filter.tokens[-1], OFFER)


def test_many_held(engine: Engine, peer: Peer) -> None:
    """A flood of offers takes no more memory than of a bounded number of them."""
    engine.filter.decide = hold("UPDATE")
    for number in range(MOST_HELD + 10):
        peer.send(peer.request("UPDATE", branch=f"flood{number}", body=OFFER))
        if number % 50 == 0:
            engine.turn_until(partial(engine.filter.has_come, "UPDATE", number))
    peer.hear(500, times=10)
    assert engine.filter.heldCount() == MOST_HELD
    for token in engine.filter.tokens[:500]:
        assert engine.filter.answer(token, 488)
    for token in engine.filter.tokens[500:MOST_HELD]:
        assert engine.filter.resume(token, MIRROR)
    peer.hear(488, times=500)
    assert engine.filter.heldCount() == 0


# -- what pjsip cannot read


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Call-ID: ", "X-Call-ID: "),
        ("CSeq: ", "CSeq: x"),
        ("SIP/2.0\r\n", "\r\n"),
    ],
)
def test_unreadable(engine: Engine, peer: Peer, old: str, new: str) -> None:
    """It is told of with its source, and is no error in the log: any stranger can send it."""
    broken = peer.request("OPTIONS").decode().replace(old, new, 1)
    peer.send(broken.encode())
    engine.turn_until(lambda: engine.filter.unreadable)
    whole, source, status = engine.filter.unreadable[0]
    assert (whole, source) == (broken, f"127.0.0.1:{peer.port}")
    assert status > 0
    assert engine.log.errors == []


def test_unreadable_answered(engine: Engine, peer: Peer) -> None:
    """The text goes as it stands to where the message came from, whatever its Via says."""

    def refuse(asked: Any) -> None:
        asked.action, asked.body = pj.FILTER_ANSWER, "SIP/2.0 400 Não\r\nFoo: y\r\n\r\n"

    engine.filter.refuse = refuse
    broken = peer.request("OPTIONS").decode().replace("CSeq: ", "CSeq: x", 1)
    peer.send(broken.replace("Via: SIP/2.0/UDP 127.0.0.1", "Via: SIP/2.0/UDP 127.0.0.2").encode())
    refusal = peer.hear(400)
    assert (refusal.reason, refusal.headers) == ("Não", (("foo", "y"),))


ODD_LINES = (
    "no header at all",
    "Contact: <sip:peer@127.0.0.1:5060",
    'Contact: "Peer <sip:peer@127.0.0.1>',
    "Expires: never",
    "Max-Forwards: -1",
    "Proxy-Authenticate: Nobody knows",
    "Record-Route: <sip:127.0.0.1;lr",
    "Retry-After: soon",
    "Session-Expires: soon",
    "Min-SE: =",
    ": nothing",
)


@pytest.mark.parametrize("line", ODD_LINES)
@pytest.mark.parametrize("last", [False, True], ids=["", "last"])
def test_odd_line(engine: Engine, peer: Peer, line: str, last: bool) -> None:
    """A header that cannot be parsed costs no answer, be it the last one or not."""
    engine.filter.decide = show(MIRROR)
    call = engine.dial(peer.uri)
    kind = "Content-Type: application/sdp"
    headers, without = ((kind, line), ("Content-Length",)) if last else ((line, kind), ())
    peer.respond(peer.hear("INVITE"), 200, SLOPPY, *headers, without=without)
    peer.hear("ACK")
    engine.turn_until(lambda: call.up)
    assert call.agreed == 1
    assert engine.filter.asked[-1].body == SLOPPY
    assert engine.log.errors == []


@pytest.mark.parametrize("line", ODD_LINES)
def test_odd_line_of_a_request(engine: Engine, peer: Peer, line: str) -> None:
    engine.filter.decide = answer("OPTIONS", 200, ("Allow", "INVITE"))
    peer.send(peer.request("OPTIONS", line))
    assert peer.hear(200).header("allow") == "INVITE"
    assert engine.filter.unreadable == []


NAMES = st.sampled_from([line.partition(":")[0] for line in ODD_LINES])
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=40)
LINES = st.sampled_from(ODD_LINES) | st.tuples(NAMES, TEXTS).map(": ".join) | TEXTS


@given(st.lists(LINES, max_size=6))
def test_any_lines(module_engine: Engine, lines: list[str]) -> None:
    """Whatever stands in a request, it is told of, readable or not, and the next one answered."""
    own = forget(module_engine)
    with open_peer(module_engine) as peer:
        peer.send(peer.request("OPTIONS", *lines))
        peer.settle()
    assert own.count("OPTIONS") + len(own.unreadable) == 2
    assert module_engine.log.errors == []


# -- what is said of us


def test_announced(engine: Engine, peer: Peer) -> None:
    engine.dial(peer.uri)
    invite = peer.hear("INVITE")
    methods = {one.strip() for one in (invite.header("allow") or "").split(",")}
    assert methods == METHODS
    assert {one.strip() for one in (invite.header("supported") or "").split(",")} == {
        "100rel",
        "timer",
    }
    assert invite.header("session-expires") == "300"
    assert invite.header("min-se") == "90"


def test_one_filter(engine: Engine) -> None:
    with pytest.raises(pj.Error):
        pj.MessageFilter()
    assert engine.filter.heldCount() == 0
