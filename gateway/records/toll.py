"""What a call costs, number by number: it may go on to another one in the middle. Pure."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

Price = Callable[[str], Callable[[int], float] | None]
"""Returns what a call to a number costs after so many milliseconds; None where nobody knows."""


class Paid(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a call has cost before it went on to the number that it has, after so much talk."""

    cost: float | None = None
    talked: int = 0  # milliseconds


class Toll:
    """The cost of one call, by the rates that its parts began with."""

    def __init__(self, price: Price) -> None:
        self.paid = Paid()
        self.number: str | None = None
        self._price = price
        self._cost: Callable[[int], float] | None = None

    def turn_to(self, number: str, talked: int) -> None:
        """Count for this number from now on, after so many milliseconds of talk."""
        if number != self.number:
            self.paid = Paid(self.cost(talked), talked)
            self.number, self._cost = number, self._price(number)

    def cost(self, talked: int) -> float | None:
        """Return the cost of the whole call so far; None where no part has a price."""
        if self._cost is None:
            return self.paid.cost
        return (self.paid.cost or 0.0) + self._cost(max(talked - self.paid.talked, 0))


def resumed(price: Price, number: str, paid: Paid) -> Toll:
    """Return the toll of a call that had this number, by today's rates for it."""
    toll = Toll(price)
    toll.turn_to(number, 0)
    toll.paid = paid
    return toll
