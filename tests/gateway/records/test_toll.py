"""What a call costs that goes on to another number in its middle."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.records.toll import Toll, resumed

if TYPE_CHECKING:
    from collections.abc import Callable


def price(number: str) -> Callable[[int], float] | None:
    """A cent a second to +1, two to +2, and nobody knows for the rest."""
    cents = {"+1": 1, "+2": 2}.get(number)
    return None if cents is None else lambda milliseconds: cents * milliseconds / 1000


def test_a_call_that_no_number_is_paid_for_costs_nothing_that_is_known() -> None:
    assert Toll(price).cost(5000) is None


def test_each_number_is_paid_for_its_part() -> None:
    toll = Toll(price)
    toll.turn_to("+1", 0)
    assert toll.cost(5000) == 5
    toll.turn_to("+2", 10_000)
    toll.turn_to("+2", 11_000)  # told twice
    assert toll.cost(10_000) == 10
    assert toll.cost(12_000) == 14


def test_a_part_before_the_first_paid_number_is_free() -> None:
    toll = Toll(price)
    toll.turn_to("+2", 60_000)
    assert toll.cost(61_000) == 2


def test_what_has_a_price_counts_although_the_rest_has_none() -> None:
    toll = Toll(price)
    toll.turn_to("+1", 0)
    toll.turn_to("elsewhere", 3000)
    assert toll.cost(9000) == 3


def test_a_toll_goes_on_from_what_is_known_of_it() -> None:
    toll = Toll(price)
    toll.turn_to("+1", 0)
    toll.turn_to("+2", 10_000)
    assert resumed(price, "+2", toll.paid).cost(12_000) == toll.cost(12_000) == 14
