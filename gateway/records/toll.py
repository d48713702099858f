"""What a call costs, number by number: it may go on to another one in the middle. Pure."""

from __future__ import annotations

from collections.abc import Callable

Price = Callable[[str], Callable[[int], float] | None]
"""Returns what a call to a number costs after so many milliseconds; None where nobody knows."""


class Toll:
    """The cost of one call, by the rates that its parts began with."""

    def __init__(self, price: Price) -> None:
        self._price = price
        self._paid: float | None = None  # for numbers before this one
        self._before = 0  # milliseconds of talk that are paid
        self._number: str | None = None
        self._cost: Callable[[int], float] | None = None

    def turn_to(self, number: str, talked: int) -> None:
        """Count for this number from now on, after so many milliseconds of talk."""
        if number != self._number:
            self._paid, self._before = self.cost(talked), talked
            self._number, self._cost = number, self._price(number)

    def cost(self, talked: int) -> float | None:
        """Return the cost of the whole call so far; None where no part has a price."""
        if self._cost is None:
            return self._paid
        return (self._paid or 0.0) + self._cost(max(talked - self._before, 0))
