"""What is known of a trunk, by all that happens to it; the clock is turned by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.trunk.events import Ended, Origin, Reply
from gateway.trunk.health import LONGEST_PAUSE, REFUSED_PAUSE, SILENT_PAUSE, Health, TrunkState
from gateway.trunk.registration import RegistrationState

SILENCE = Reply(None, "The trunk did not answer OPTIONS within 4 s.")
OK = Reply(200, "OK")


@dataclass
class Clock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Case:
    """A trunk's health and its clock."""

    asks: bool = True
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        self.health = Health(self.clock, asks=self.asks)


@pytest.fixture
def case() -> Case:
    return Case()


def end(by: Origin, code: int, cause: str = "trunk-error", retry_after: int | None = None) -> Ended:
    return Ended(by, code, "Reason", cause, None, f"It is {cause}.", retry_after)


UNREACHABLE = end(Origin.NETWORK, 503, "unreachable")


def test_unknown(case: Case) -> None:
    assert case.health.state == TrunkState(None, "Nothing is known of the trunk yet.", 1000.0)


@pytest.mark.parametrize("code", [200, 401, 403, 404, 405, 407, 481, 483, 501, 505, 600])
def test_who_answers_is_there(case: Case, code: int) -> None:
    case.health.replied(Reply(code, "Reason"))
    assert case.health.state == TrunkState(True, "The trunk answers OPTIONS.", 1000.0)


@pytest.mark.parametrize("code", [500, 502, 503, 504, 580, 599])
def test_fault(case: Case, code: int) -> None:
    case.health.replied(OK)
    case.clock.now += 30
    case.health.replied(Reply(code, "Out of Order"))
    why = f"The trunk says {code} Out of Order to OPTIONS."
    assert case.health.state == TrunkState(False, why, 1030.0)
    case.clock.now += 30
    case.health.replied(OK)
    assert case.health.state == TrunkState(True, "The trunk answers OPTIONS.", 1060.0)


@pytest.mark.parametrize("silence", [SILENCE, Reply(408, "Request Timeout")])
def test_two_silences_in_a_row(case: Case, silence: Reply) -> None:
    case.health.replied(OK)
    for _ in range(3):  # a packet is lost now and then
        case.health.replied(silence)
        assert case.health.up
        assert case.health.unsure
        case.health.replied(OK)
    case.health.replied(silence)
    case.clock.now += 5
    case.health.replied(silence)
    assert case.health.up is False
    assert not case.health.unsure
    assert case.health.since == 1005.0
    assert "OPTIONS" in case.health.why
    case.clock.now += 5
    case.health.replied(silence)
    assert case.health.since == 1005.0
    case.health.replied(OK)
    assert case.health.up


def test_a_call_that_nobody_answers(case: Case) -> None:
    """It makes the trunk suspect; it and one OPTIONS are two silences."""
    case.health.replied(OK)
    assert case.health.call_ended(UNREACHABLE)
    assert case.health.up
    case.health.replied(SILENCE)
    assert case.health.up is False


@pytest.mark.parametrize(
    ("ended", "suspect"),
    [
        (UNREACHABLE, True),
        (end(Origin.NETWORK, 503, "connection-lost"), True),
        (end(Origin.NETWORK, 408, "no-answer"), True),
        (end(Origin.REMOTE, 408, "no-answer"), True),
        (end(Origin.REMOTE, 500), True),
        (end(Origin.REMOTE, 503), True),
        (end(Origin.REMOTE, 486, "busy"), False),
        (end(Origin.REMOTE, 404, "not-found"), False),
        (end(Origin.REMOTE, 603, "rejected"), False),
        (end(Origin.REMOTE, 200, "hangup"), False),
        (end(Origin.LOCAL, 487, "canceled"), False),
        (end(Origin.GATEWAY, 488, "incompatible-media"), False),
    ],
)
def test_suspicion(ended: Ended, suspect: bool) -> None:
    assert Case().health.call_ended(ended) is suspect
    assert not Case(asks=False).health.call_ended(ended)


def test_who_refuses_a_call_is_there(case: Case) -> None:
    case.health.replied(SILENCE)
    case.health.replied(SILENCE)
    case.health.call_ended(end(Origin.REMOTE, 486, "busy"))
    assert case.health.state == TrunkState(True, "The trunk answers calls.", 1000.0)


def test_our_own_hanging_up_says_nothing(case: Case) -> None:
    case.health.call_ended(end(Origin.LOCAL, 487, "canceled"))
    assert case.health.up is None


def pause_by_options(health: Health, seconds: int) -> None:
    health.replied(Reply(503, "Later", seconds))


def pause_by_call(health: Health, seconds: int) -> None:
    health.call_ended(end(Origin.REMOTE, 503, "trunk-unavailable", seconds))


@pytest.mark.parametrize("pause", [pause_by_options, pause_by_call])
@pytest.mark.parametrize(("asked", "kept"), [(60, 60), (10**9, LONGEST_PAUSE)])
def test_pause(case: Case, pause: Callable[[Health, int], None], asked: int, kept: int) -> None:
    """OPTIONS that are answered meanwhile do not shorten it; they say how it is afterwards."""
    case.health.replied(OK)
    pause(case.health, asked)
    case.health.replied(OK)
    assert case.health.up is False
    assert case.health.pause == kept
    case.clock.now += kept - 1
    assert case.health.up is False
    case.clock.now += 2
    assert case.health.state == TrunkState(True, "The trunk answers OPTIONS.", 1000.0 + kept)
    assert case.health.pause == 0


def test_pause_whose_end_nobody_has_heard_of(case: Case) -> None:
    pause_by_options(case.health, 60)
    case.clock.now += 61
    assert case.health.up is False  # it still said 503 when it was asked last
    assert case.health.pause == 0


@pytest.mark.parametrize("seconds", [0, None])
def test_no_pause(case: Case, seconds: int | None) -> None:
    case.health.replied(Reply(503, "Later", seconds))
    case.health.replied(OK)
    assert case.health.up


def test_an_answered_call_ends_a_pause(case: Case) -> None:
    pause_by_call(case.health, 60)
    case.health.call_answered()
    assert case.health.up


@pytest.mark.parametrize("code", [401, 407])
def test_refused_credentials(case: Case, code: int) -> None:
    """OPTIONS are answered to anybody, so they say nothing against it."""
    case.health.call_ended(end(Origin.REMOTE, code, "unauthorized"))
    case.health.replied(OK)
    assert case.health.state == TrunkState(False, "It is unauthorized.", 1000.0)
    case.clock.now += REFUSED_PAUSE
    assert case.health.up


def test_without_options() -> None:
    """Only calls can tell that it works again, so they are let through after a pause."""
    case = Case(asks=False)
    seen = []
    for event in (UNREACHABLE, UNREACHABLE, SILENT_PAUSE, UNREACHABLE, None):
        match event:
            case Ended():
                case.health.call_ended(event)
            case None:
                case.health.call_answered()
            case seconds:
                case.clock.now += seconds
        seen.append(case.health.up)
    assert seen == [None, False, None, False, True]


REFUSED = RegistrationState(False, 403, "Forbidden", failures=1)
REGISTERED = RegistrationState(True, 200, "OK", until=2000.0)


def test_registration(case: Case) -> None:
    """A trunk that refuses to register us is down, however well it answers OPTIONS."""
    case.health.replied(OK)
    case.health.registered(REFUSED)
    case.health.replied(OK)
    why = "The trunk refuses our registration: 403 Forbidden."
    assert case.health.state == TrunkState(False, why, 1000.0)
    case.health.registered(REGISTERED)
    assert case.health.state == TrunkState(True, "The trunk has registered us.", 1000.0)


def test_registered_and_silent(case: Case) -> None:
    case.health.registered(REGISTERED)
    case.health.replied(SILENCE)
    case.health.replied(SILENCE)
    assert case.health.up is False


EVENTS = st.one_of(
    st.builds(
        Reply, st.none() | st.integers(200, 699), st.text(max_size=5), st.none() | st.integers(0)
    ),
    st.builds(
        end,
        st.sampled_from(Origin),
        st.integers(200, 699),
        st.sampled_from(["unreachable", "busy"]),
        st.none() | st.integers(0),
    ),
    st.sampled_from([REFUSED, REGISTERED]),
    st.just("answered"),
    st.floats(0, 10_000),
)


@given(st.lists(EVENTS, max_size=30), st.booleans())
def test_whatever_happens(
    events: list[Reply | Ended | RegistrationState | str | float], asks: bool
) -> None:
    """It never raises; `since` never goes back, and stays where `up` does."""
    case = Case(asks)
    for event in events:
        before = case.health.state
        match event:
            case Reply():
                case.health.replied(event)
            case Ended():
                case.health.call_ended(event)
            case RegistrationState():
                case.health.registered(event)
            case float():
                case.clock.now += event
            case _:
                case.health.call_answered()
        after = case.health.state
        assert after.since <= case.clock.now
        assert after.since >= before.since
        assert 0 <= case.health.pause <= LONGEST_PAUSE
    case.clock.now += LONGEST_PAUSE
    case.health.registered(REGISTERED)
    case.health.replied(OK)
    assert case.health.up
