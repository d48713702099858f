"""Events from messages: repetitions are silent, and there is one end."""

from __future__ import annotations

import pytest

from gateway.trunk.events import Answered, Digit, Ended, Origin, Progress, Ringing, Trying
from gateway.trunk.message import Message, read
from gateway.trunk.transcript import Transcript, Way

SDP = "v=0\r\n"


def response(code: int, reason: str = "Reason", sdp: str = "", more: str = "") -> Message:
    kind = "Content-Type: application/sdp\r\n" if sdp else ""
    return read(f"SIP/2.0 {code} {reason}\r\n{kind}{more}\r\n{sdp}")


def test_provisional_responses() -> None:
    transcript = Transcript()
    events = [
        transcript.response(response(*each))
        for each in (
            (100, "Trying"),
            (100, "Trying"),
            (180, "Ringing"),
            (180, "Ringing"),
            (100, "Trying"),
            (183, "Session Progress", SDP),
            (183, "Session Progress", SDP),
            (180, "Ringing"),
        )
    ]
    assert [event for event in events if event] == [
        Trying(),
        Ringing(180, "Ringing"),
        Progress(183, "Session Progress", SDP),
        Ringing(180, "Ringing"),
    ]


def test_answer_is_told_once() -> None:
    transcript = Transcript()
    transcript.response(response(183, sdp=SDP))
    assert transcript.response(response(200)) == Answered("")
    assert transcript.response(response(200)) is None
    assert transcript.response(response(183, sdp=SDP)) is None


RELIABLE = "Require: 100rel\r\nRSeq: 1\r\nTo: <sip:a@b>;tag=one\r\n"


@pytest.mark.parametrize(
    ("early", "tag", "answered"),
    [
        (RELIABLE, "one", ""),  # binding: what the 200 repeats is no answer any more
        (RELIABLE, "two", SDP),  # of another phone, which has agreed to nothing yet
        ("To: <sip:a@b>;tag=one\r\n", "one", SDP),  # a preview of the answer only
    ],
)
def test_description_after_an_agreement(early: str, tag: str, answered: str) -> None:
    transcript = Transcript()
    transcript.response(response(183, sdp=SDP, more=early))
    final = response(200, sdp=SDP, more=f"To: <sip:a@b>;tag={tag}\r\n")
    assert transcript.response(final) == Answered(answered)


def test_a_reliable_response_that_is_repeated_is_told_once() -> None:
    transcript = Transcript()
    assert isinstance(transcript.response(response(183, sdp=SDP, more=RELIABLE)), Progress)
    assert transcript.response(response(183, sdp=SDP, more=RELIABLE)) is None


def test_digits_by_info_are_taken_by_who_says_so() -> None:
    transcript = Transcript()
    transcript.response(response(180, more="Allow: INVITE, INFO\r\n"))
    assert transcript.response(response(200)) == Answered("", takes_info=True)


def test_nothing_after_the_end() -> None:
    transcript = Transcript()
    assert isinstance(transcript.end(Way.ASKED), Ended)
    assert transcript.end(Way.TIMEOUT) is None
    assert transcript.response(response(180)) is None
    assert transcript.response(response(200, sdp=SDP)) is None
    info = read("INFO sip:a SIP/2.0\r\nContent-Type: application/dtmf\r\n\r\n1")
    assert transcript.info(info) is None


def test_digit() -> None:
    info = read("INFO sip:a SIP/2.0\r\nContent-Type: application/dtmf\r\n\r\n1")
    assert Transcript().info(info) == Digit("1", 160)


NEW, HEARD, ANSWERED = (), (response(180),), (response(200, sdp=SDP),)


@pytest.mark.parametrize(
    ("so_far", "way", "message", "by", "code", "cause"),
    [
        (NEW, Way.ASKED, None, Origin.LOCAL, 487, "canceled"),
        (ANSWERED, Way.ASKED, None, Origin.LOCAL, 200, "hangup"),
        (HEARD, Way.MESSAGE, response(486), Origin.REMOTE, 486, "busy"),
        (ANSWERED, Way.MESSAGE, read("BYE sip:a SIP/2.0\r\n\r\n"), Origin.REMOTE, 200, "hangup"),
        (NEW, Way.MESSAGE, read("CANCEL sip:a SIP/2.0\r\n\r\n"), Origin.REMOTE, 487, "canceled"),
        (NEW, Way.TIMEOUT, None, Origin.NETWORK, 503, "unreachable"),
        (HEARD, Way.TIMEOUT, None, Origin.NETWORK, 408, "no-answer"),
        (ANSWERED, Way.TIMEOUT, None, Origin.NETWORK, 408, "connection-lost"),
        (NEW, Way.TRANSPORT, None, Origin.NETWORK, 503, "unreachable"),
        (HEARD, Way.TRANSPORT, None, Origin.NETWORK, 503, "connection-lost"),
        (ANSWERED, Way.TRANSPORT, None, Origin.NETWORK, 408, "connection-lost"),
        (HEARD, Way.ENGINE, None, Origin.GATEWAY, 488, "incompatible-media"),
        (HEARD, Way.MESSAGE, response(200), Origin.GATEWAY, 488, "incompatible-media"),
        (ANSWERED, Way.MESSAGE, response(200), Origin.NETWORK, 408, "connection-lost"),
        (ANSWERED, Way.CLOSED, None, Origin.GATEWAY, 503, "gateway-closed"),
    ],
)
def test_end(
    so_far: tuple[Message, ...],
    way: Way,
    message: Message | None,
    by: Origin,
    code: int,
    cause: str,
) -> None:
    transcript = Transcript()
    for each in so_far:
        transcript.response(each)
    end = transcript.end(way, message=message)
    assert end is not None
    assert (end.by, end.code, end.cause) == (by, code, cause)


def test_end_of_a_refused_call() -> None:
    end = Transcript(incoming=True).end(Way.ASKED, code=486, reason="Busy Here")
    assert end is not None
    assert (end.by, end.code, end.reason, end.cause) == (Origin.LOCAL, 486, "Busy Here", "rejected")


def test_the_trunks_own_words_reach_the_end() -> None:
    refusal = read('SIP/2.0 403 Forbidden\r\nWarning: 399 sbc "Caller not verified"\r\n\r\n')
    end = Transcript().end(Way.MESSAGE, message=refusal)
    assert end is not None
    assert (end.cause, end.code, end.reason) == ("forbidden", 403, "Forbidden")
    assert end.sentence.endswith('The trunk says: "Caller not verified".')


def test_a_call_that_another_phone_has_answered() -> None:
    cancel = read("CANCEL sip:a SIP/2.0\r\nReason: SIP;cause=200\r\n\r\n")
    end = Transcript(incoming=True).end(Way.MESSAGE, message=cancel)
    assert end is not None
    assert (end.by, end.code, end.cause) == (Origin.REMOTE, 487, "answered-elsewhere")


def test_an_early_dialog_that_ends_is_no_ringing() -> None:
    """199 (RFC 6228): one of several phones has given up."""
    transcript = Transcript()
    assert transcript.response(response(199, "Early Dialog Terminated")) is None
    assert transcript.response(response(180)) == Ringing(180, "Reason")
    assert transcript.response(response(199, "Early Dialog Terminated", SDP)) is None
    assert transcript.response(response(180)) is None, "it rang already"


def test_sentence_names_the_limit() -> None:
    end = Transcript().end(Way.TIMEOUT, seconds=4.5)
    assert end is not None
    assert "4.5 s" in end.sentence


def test_trunk_that_wants_to_be_left_alone() -> None:
    end = Transcript().end(Way.MESSAGE, message=response(503, more="Retry-After: 120\r\n"))
    assert end is not None
    assert (end.code, end.retry_after) == (503, 120)
