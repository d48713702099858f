"""Whom a call from a trunk is for."""

from __future__ import annotations

import pytest

from gateway.calls.incoming import IncomingRoute, IncomingRoutes
from gateway.calls.reception import shown

ROUTES = (
    IncomingRoute("+15550100", "front", trunk="lab"),
    IncomingRoute("+155501*", "sales"),
    IncomingRoute("desk", "desk"),
    IncomingRoute("+4930*", "berlin"),
)


@pytest.mark.parametrize(
    ("to", "trunk", "identity"),
    [
        ("+15550100", "lab", "front"),
        ("+1 (555) 0100", "lab", "front"),
        ("+15550100", "other", "sales"),
        ("+15550123", "lab", "sales"),
        ("+1555010", "lab", "sales"),
        ("desk", "lab", "desk"),
        ("15550100", "lab", None),
        ("+4930123456", "lab", "berlin"),
        ("030123456", "lab", None),
        ("", "lab", None),
        ("a@b", "lab", None),
        ("\x00", "lab", None),
        ("+", "lab", None),
    ],
)
def test_the_first_that_fits(to: str, trunk: str, identity: str | None) -> None:
    found = IncomingRoutes(ROUTES).find(to, trunk)
    assert (found and found.identity) == identity


def test_national_numbers_where_the_country_is_known() -> None:
    found = IncomingRoutes(ROUTES, country="DE").find("030123456", "lab")
    assert found is not None
    assert found.identity == "berlin"


def test_a_star_takes_all() -> None:
    routes = IncomingRoutes([IncomingRoute("*", "all")])
    for to in ("", "+1", "a b@c"):
        assert routes.find(to, "lab") is not None
    assert IncomingRoutes([]).find("+1", "lab") is None


@pytest.mark.parametrize(
    ("said", "is_shown"),
    [
        ("Alice", "Alice"),
        (" Zoë\r\nX-Evil: 1\x00 ", "ZoëX-Evil: 1"),
        ("\u202eecilA", "ecilA"),
        ("x" * 500, "x" * 128),
        ("", ""),
    ],
)
def test_what_a_trunk_says_is_made_fit_to_be_shown(said: str, is_shown: str) -> None:
    assert shown(said) == is_shown
