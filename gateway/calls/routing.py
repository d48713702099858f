"""Which trunks a call is tried on, in turn, and how each of them wants the number written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal

from gateway.admission.dialing import as_e164
from gateway.admission.pattern import fits
from gateway.errors import ForbiddenError

Numbers = Literal["e164", "plain"] | tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Rank:
    """A trunk and its place among the others.

    The lowest `priority` comes first. Among equal ones chance decides for each call: one whose
    `weight` is 3 comes first three times as often as one of 1.
    """

    name: str
    priority: int = 1
    weight: int = 1


@dataclass(frozen=True, slots=True)
class DialRoute:
    """Numbers, and the names of the trunks that they go to, in turn; `to` as of `pattern.fits`."""

    to: str
    trunks: tuple[str, ...]


class Routing:
    """The operator's routes, and the trunks that they lead to.

    Parameters
    ----------
    routes
        The first that fits counts, and its trunks are tried in the order in which it has them: who
        writes ["london", "lab"] means london first, whatever their priorities. Without any route
        every number goes to all trunks.
    choose
        Decides among equal priorities.
    country
        Two letters of ISO 3166: whose national numbers are dialled. A route for +44* is then one
        for 020… as well, as admission.allow is.
    """

    def __init__(
        self,
        routes: Sequence[DialRoute],
        trunks: Sequence[Rank],
        choose: Random,
        *,
        country: str | None = None,
    ) -> None:
        self._routes = tuple(routes)
        self._trunks = tuple(trunks)
        self._choose = choose
        self._country = country

    def order(self, to: str) -> tuple[str, ...]:
        """Return the names of the trunks to try for an admitted target, in turn.

        Raises
        ------
        ForbiddenError
            There are routes, and none fits.
        """
        if not self._routes:
            return tuple(trunk.name for trunk in sorted(self._trunks, key=self._turn))
        names = self._names(to)
        for route in self._routes:
            if fits(route.to, names):
                return route.trunks
        raise ForbiddenError(f"{to} may not be called: no route leads to it", rule="route")

    def _turn(self, trunk: Rank) -> tuple[int, float]:
        # Waiting times at such rates are a draw by weight, without putting back: the shortest is
        # this trunk's with its share of all weights, and so on among the others
        return trunk.priority, self._choose.expovariate(trunk.weight)

    def _names(self, to: str) -> tuple[str, ...]:
        number = as_e164(to, self._country) if self._country is not None else None
        return (to,) if number is None or number == to else (to, number)


def outgoing_number(numbers: Numbers, to: str) -> str:
    """Return an admitted target as a trunk wants it written.

    Of rules, the first whose beginning the number has counts; one that would leave nothing of the
    number does not. What no rule changes goes out as it was dialled, SIP users and numbers without
    + among it.
    """
    if numbers == "e164":
        return to
    if numbers == "plain":
        return to.removeprefix("+")
    for begins, sent in numbers:
        rest = to.removeprefix(begins)
        if rest != to and sent + rest:
            return sent + rest
    return to
