from __future__ import annotations

from collections import Counter
from dataclasses import replace
from decimal import Decimal
from typing import Any, TypedDict, Unpack

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule

from gateway.admission.grant import EVERYBODY, Grant, Visitor
from gateway.admission.limits import LIMITS, Lease, LimitReachedError, LimitRules, Limits
from tests.gateway.admission.clock import Clock

NONE = LimitRules(
    calls_at_once_per_identity=0, calls_at_once_per_address=0, numbers_per_hour_per_identity=0
)
ALICE = Grant(identity="alice", token="t1")


def visitor(address: str = "192.0.2.1") -> Visitor:
    return Visitor(address, "https://shop.example", "s1")


def take(
    limits: Limits,
    address: str = "192.0.2.1",
    grant: Grant = EVERYBODY,
    to: str = "+15551234567",
) -> Lease:
    return limits.take(visitor(address), grant, to)


class Called(TypedDict, total=False):
    """What `take` may be told of a call."""

    address: str
    grant: Grant
    to: str


def refused(limits: Limits, **call: Unpack[Called]) -> str:
    with pytest.raises(LimitReachedError) as found:
        take(limits, **call)
    assert found.value.sip_code == 480
    assert found.value.name == "limit-reached"
    assert found.value.limit in LIMITS
    return found.value.limit


@pytest.mark.parametrize(
    ("rules", "call", "other", "limit"),
    [
        (replace(NONE, calls_at_once=1), {}, {"address": "192.0.2.2"}, "calls-at-once"),
        (
            replace(NONE, calls_at_once_per_identity=1),
            {"grant": ALICE},
            {"grant": replace(ALICE, token="t2"), "address": "192.0.2.2"},
            "calls-at-once-per-identity",
        ),
        (replace(NONE, calls_at_once_per_address=1), {}, {}, "calls-at-once-per-address"),
        (
            replace(NONE, calls_at_once_per_address=1),
            {"address": "2001:db8::1"},
            {"address": "2001:db8::2"},
            "calls-at-once-per-address",
        ),
        (
            NONE,
            {"grant": replace(ALICE, max_calls=1)},
            {"grant": replace(ALICE, max_calls=1), "address": "192.0.2.2"},
            "calls-at-once-per-token",
        ),
        (
            NONE,
            {"grant": Grant(max_calls=1)},
            {"grant": Grant(max_calls=1), "address": "192.0.2.2"},
            "calls-at-once-per-token",
        ),
    ],
)
def test_calls_at_once(rules: LimitRules, call: Called, other: Called, limit: str) -> None:
    limits = Limits(rules, Clock())
    lease = take(limits, **call)
    assert refused(limits, **other) == limit
    lease.release()
    lease.release()
    again = take(limits, **other)
    assert refused(limits, **call) == limit
    again.release()


def test_the_second_release_frees_nobody_elses_place() -> None:
    limits = Limits(replace(NONE, calls_at_once=2), Clock())
    first = take(limits)
    take(limits)
    first.release()
    first.release()
    take(limits)
    assert refused(limits) == "calls-at-once"


def test_the_sentence_says_the_count_and_the_rule() -> None:
    limits = Limits(replace(NONE, calls_at_once_per_identity=2), Clock())
    take(limits, grant=ALICE)
    take(limits, grant=ALICE)
    with pytest.raises(LimitReachedError, match="this identity has 2 calls at once: at most 2"):
        take(limits, grant=ALICE)


def test_tokens_count_apart() -> None:
    limits = Limits(NONE, Clock())
    take(limits, grant=Grant(token="t1", max_calls=1))
    take(limits, grant=Grant(token="t2", max_calls=1))
    assert refused(limits, grant=Grant(token="t1", max_calls=1)) == "calls-at-once-per-token"


def test_a_token_for_no_calls_gets_none() -> None:
    assert refused(Limits(NONE, Clock()), grant=Grant(token="t", max_calls=0))


def test_a_token_without_an_identity_is_limited_by_its_own_id() -> None:
    limits = Limits(LimitRules(), Clock())
    grant = Grant(token="t1")
    take(limits, grant=grant)
    take(limits, grant=grant)
    assert refused(limits, grant=grant) == "calls-at-once-per-identity"
    take(limits, grant=Grant(identity="t1"))  # and is not mistaken for somebody of that name


@pytest.mark.parametrize(
    ("rules", "span", "limit"),
    [
        (replace(NONE, calls_per_minute=3), 60, "calls-per-minute"),
        (replace(NONE, calls_per_hour=3), 3600, "calls-per-hour"),
        (replace(NONE, calls_per_minute_per_address=3), 60, "calls-per-minute-per-address"),
        (replace(NONE, calls_per_hour_per_identity=3), 3600, "calls-per-hour-per-identity"),
    ],
)
def test_calls_in_a_time(rules: LimitRules, span: float, limit: str) -> None:
    clock = Clock()
    limits = Limits(rules, clock)
    for _ in range(3):
        take(limits, grant=ALICE).release()
    clock.now += span - 0.01
    assert refused(limits, grant=ALICE) == limit
    clock.now += span
    take(limits, grant=ALICE)


@pytest.mark.parametrize(
    ("rules", "limit"),
    [
        (replace(NONE, numbers_per_hour_per_address=20), "numbers-per-hour-per-address"),
        (replace(NONE, numbers_per_hour_per_identity=20), "numbers-per-hour-per-identity"),
    ],
)
def test_a_thousand_destinations_in_a_row(rules: LimitRules, limit: str) -> None:
    clock = Clock()
    limits = Limits(rules, clock)
    got: Counter[str] = Counter()
    for number in range(1000):
        clock.now += 1
        try:
            take(limits, grant=ALICE, to=f"+1555{number:07}").release()
            got["called"] += 1
        except LimitReachedError as error:
            got[error.limit] += 1
    assert got == {"called": 20, limit: 980}


def test_who_is_refused_does_not_fill_the_window_of_all() -> None:
    """Else one client could keep everybody from calling."""
    clock = Clock()
    limits = Limits(replace(NONE, calls_per_minute=10, calls_per_minute_per_address=2), clock)
    take(limits).release()
    take(limits).release()
    for _ in range(100):
        assert refused(limits) == "calls-per-minute-per-address"
    for host in range(2, 10):
        take(limits, address=f"192.0.2.{host}").release()
    assert refused(limits, address="192.0.2.99") == "calls-per-minute"


def test_a_call_that_another_limit_refuses_counts_for_its_client() -> None:
    rules = replace(NONE, calls_at_once_per_address=1, calls_per_minute_per_address=3)
    limits = Limits(rules, Clock())
    lease = take(limits)
    assert refused(limits) == "calls-at-once-per-address"
    assert refused(limits) == "calls-at-once-per-address"
    lease.release()
    assert refused(limits) == "calls-per-minute-per-address"


def test_an_exempt_address_has_the_other_limits() -> None:
    rules = replace(
        NONE,
        calls_at_once_per_address=1,
        calls_per_minute_per_address=1,
        numbers_per_hour_per_address=1,
        calls_at_once=3,
    )
    limits = Limits(rules, Clock(), exempt=lambda address: address == "127.0.0.1")
    for to in ("+15551", "+15552", "+15553"):
        take(limits, address="127.0.0.1", to=to)
    assert refused(limits, address="127.0.0.1") == "calls-at-once"


def test_no_limit_is_no_limit() -> None:
    limits = Limits(NONE, Clock())
    for number in range(500):
        take(limits, to=f"+1555{number:07}", grant=ALICE)


def test_rules_change_while_calls_run() -> None:
    limits = Limits(NONE, Clock())
    leases = [take(limits) for _ in range(3)]
    limits.rules = replace(NONE, calls_at_once=3)
    assert refused(limits) == "calls-at-once"
    leases[0].release()
    take(limits)


def test_a_clock_that_goes_back_frees_nobody_and_locks_nobody_out() -> None:
    clock = Clock(5000)
    limits = Limits(replace(NONE, calls_per_minute_per_address=2), clock)
    take(limits)
    take(limits)
    clock.now = 10
    assert refused(limits) == "calls-per-minute-per-address"
    clock.now = 5061
    take(limits)


@pytest.mark.parametrize(
    "broken", [{"calls_at_once": -1}, {"spend_per_day": Decimal(-1)}, {"minutes_per_day": -5}]
)
def test_a_limit_below_nothing_is_refused(broken: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="or more is needed"):
        LimitRules(**broken)


class CallsAtOnce(RuleBasedStateMachine):
    """Calls come and go in any order; a plain count of those that run says what must pass."""

    leases = Bundle("leases")

    @initialize(most=st.integers(1, 3), identity=st.integers(1, 3), address=st.integers(1, 3))
    def begin(self, most: int, identity: int, address: int) -> None:
        self.allowed = replace(
            NONE,
            calls_at_once=most + 2,
            calls_at_once_per_identity=identity,
            calls_at_once_per_address=address,
        )
        self.clock = Clock()
        self.limits = Limits(self.allowed, self.clock)
        self.running: dict[Lease, tuple[str, str]] = {}

    def _free(self, identity: str, address: str) -> bool:
        who = self.running.values()
        return (
            len(who) < self.allowed.calls_at_once
            and sum(i == identity for i, _ in who) < self.allowed.calls_at_once_per_identity
            and sum(a == address for _, a in who) < self.allowed.calls_at_once_per_address
        )

    @rule(target=leases, identity=st.sampled_from("ab"), host=st.sampled_from("123"))
    def call(self, identity: str, host: str) -> Lease | None:
        address = f"192.0.2.{host}"
        free = self._free(identity, address)
        try:
            lease = take(self.limits, address, Grant(identity=identity))
        except LimitReachedError:
            assert not free
            return None
        assert free
        self.running[lease] = (identity, address)
        return lease

    @rule(lease=consumes(leases), times=st.integers(1, 3))
    def end(self, lease: Lease | None, times: int) -> None:
        if lease is None:
            return
        for _ in range(times):
            lease.release()
        del self.running[lease]

    @rule(seconds=st.floats(-100, 100))
    def time_passes(self, seconds: float) -> None:
        self.clock.now += seconds

    @invariant()
    def nothing_is_kept_of_calls_that_ended(self) -> None:
        if not getattr(self, "running", None) and hasattr(self, "limits"):
            assert self.limits._running == {}


TestCallsAtOnce = CallsAtOnce.TestCase
TestCallsAtOnce.settings = settings(max_examples=50, stateful_step_count=30, deadline=None)
