"""Which trunks are tried for a number, in which order, and how the number is written to them."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import config_values
from gateway.admission.pattern import fits
from gateway.calls.routing import DialRoute, Numbers, Rank, Routing, outgoing_number
from gateway.errors import ForbiddenError

NAMES = st.text("abc", min_size=1, max_size=4)
RANKS = st.builds(Rank, NAMES, st.integers(1, 4), st.integers(1, 1000))
TRUNKS = st.lists(RANKS, max_size=12, unique_by=lambda trunk: trunk.name)
TARGETS = st.from_regex(r"\+?[0-9*#]{1,20}|[a-z]{1,8}", fullmatch=True)
BEGINNINGS = st.from_regex(r"\+[0-9*#]{0,3}|[0-9*#]{1,3}", fullmatch=True)
SENT = st.from_regex(r"\+?[0-9*#]{0,3}", fullmatch=True)
RULES = st.lists(st.tuples(BEGINNINGS, SENT), min_size=1, max_size=5).map(tuple)

ROUTES = (
    DialRoute("+44*", ("london", "lab")),
    DialRoute("112", ("lab",)),
    DialRoute("*72*", ("pbx",)),
    DialRoute("sales-*", ("pbx", "lab")),
)


def routing(
    *routes: DialRoute, trunks: tuple[Rank, ...] = (), seed: int = 1, country: str | None = None
) -> Routing:
    return Routing(routes, trunks, Random(seed), country=country)


@given(TRUNKS, st.integers())
def test_without_routes_each_trunk_is_tried_once_and_by_priority(
    trunks: list[Rank], seed: int
) -> None:
    order = routing(trunks=tuple(trunks), seed=seed).order("+15551234567")
    assert sorted(order) == sorted(trunk.name for trunk in trunks)
    priority = {trunk.name: trunk.priority for trunk in trunks}
    turns = [priority[name] for name in order]
    assert turns == sorted(turns)


@given(TRUNKS, st.integers(), TARGETS)
def test_the_same_chance_gives_the_same_order(trunks: list[Rank], seed: int, to: str) -> None:
    first, second = (routing(trunks=tuple(trunks), seed=seed).order(to) for _ in range(2))
    assert first == second


def test_equal_priorities_come_first_by_their_weights() -> None:
    trunks = (Rank("a", 2, 6), Rank("b", 2, 3), Rank("c", 2, 1), Rank("last", 3, 1000))
    calls, plan = 20_000, routing(trunks=trunks, seed=7)
    orders = Counter(plan.order("+15551234567") for _ in range(calls))
    # Drawn one after the other, without putting back: a first by 6 of 10, then b by 3 of 4
    share = {order: count / calls for order, count in orders.items()}
    for order, expected in {
        ("a", "b", "c", "last"): 6 / 10 * 3 / 4,
        ("a", "c", "b", "last"): 6 / 10 * 1 / 4,
        ("b", "a", "c", "last"): 3 / 10 * 6 / 7,
        ("b", "c", "a", "last"): 3 / 10 * 1 / 7,
        ("c", "a", "b", "last"): 1 / 10 * 6 / 9,
        ("c", "b", "a", "last"): 1 / 10 * 3 / 9,
    }.items():
        # Five standard deviations of a share of so many calls
        assert share[order] == pytest.approx(expected, abs=5 * (0.25 / calls) ** 0.5)
    assert len(share) == 6


@pytest.mark.parametrize(
    ("to", "trunks"),
    [
        ("+442079460000", ("london", "lab")),
        ("112", ("lab",)),
        ("*72", ("pbx",)),
        ("*7", None),
        ("*721", ("pbx",)),
        ("*72*1", ("pbx",)),
        ("sales-uk", ("pbx", "lab")),
        ("sales", None),
        ("1123", None),
        ("+4", None),
        ("442079460000", None),
        ("", None),
    ],
)
def test_the_first_route_that_fits_says_the_order(to: str, trunks: tuple[str, ...] | None) -> None:
    ranks = (Rank("lab", 1), Rank("london", 2), Rank("pbx", 3))
    plan = routing(*ROUTES, trunks=ranks)
    if trunks is not None:
        assert plan.order(to) == trunks
        return
    with pytest.raises(ForbiddenError, match="may not be called: no route leads to it") as refused:
        plan.order(to)
    assert refused.value.rule == "route"


def test_a_route_for_everything_takes_what_is_left() -> None:
    plan = routing(*ROUTES, DialRoute("*", ("lab", "pbx")), DialRoute("+1*", ("never",)))
    assert plan.order("+442079460000") == ("london", "lab")
    assert plan.order("+15551234567") == plan.order("anybody") == ("lab", "pbx")


def test_a_country_has_national_numbers_go_the_way_of_the_world() -> None:
    assert routing(*ROUTES, country="GB").order("02079460000") == ("london", "lab")
    for country in (None, "DE"):
        with pytest.raises(ForbiddenError):
            routing(*ROUTES, country=country).order("02079460000")


PATTERNS = TARGETS | TARGETS.map("{}*".format) | st.just("*")


@given(st.lists(st.builds(DialRoute, PATTERNS, st.tuples(NAMES, NAMES))), TARGETS)
def test_a_number_goes_by_a_route_or_is_refused(routes: list[DialRoute], to: str) -> None:
    fitting = [route for route in routes if fits(route.to, [to])]
    if fitting:
        assert routing(*routes).order(to) == fitting[0].trunks
    elif routes:
        with pytest.raises(ForbiddenError):
            routing(*routes).order(to)


@pytest.mark.parametrize(
    ("numbers", "to", "written"),
    [
        ("e164", "+15551234567", "+15551234567"),
        ("plain", "+15551234567", "15551234567"),
        ("plain", "020", "020"),
        ("plain", "sales+uk", "sales+uk"),
        ((("+1", ""), ("+", "00")), "+15551234567", "5551234567"),
        ((("+1", ""), ("+", "00")), "+442079460000", "00442079460000"),
        ((("+1", ""), ("+", "00")), "020", "020"),
        ((("+", "00"), ("+1", "")), "+15551234567", "0015551234567"),
        ((("0", "+49"),), "0301234567", "+49301234567"),
        ((("+1", "+1"), ("+", "00")), "+15551234567", "+15551234567"),
        ((("+1555", ""), ("+", "")), "+1555", "1555"),
        ((("+1555", ""),), "+1555", "+1555"),
    ],
)
def test_a_number_is_written_as_the_trunk_wants_it(numbers: Numbers, to: str, written: str) -> None:
    assert outgoing_number(numbers, to) == written


@given(st.sampled_from(["e164", "plain"]) | RULES, TARGETS)
def test_something_is_always_left_of_a_number(numbers: Numbers, to: str) -> None:
    written = outgoing_number(numbers, to)
    assert written
    if isinstance(numbers, tuple) and not any(to.startswith(begins) for begins, _ in numbers):
        assert written == to


def test_the_configuration_takes_the_same_kinds() -> None:
    assert get_args(Numbers) == get_args(config_values.Numbers)
