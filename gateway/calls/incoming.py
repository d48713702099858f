"""Whom a call from a trunk rings: the operator's `[[incoming]]`, and how such a call is refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.admission.dialing import as_e164
from gateway.admission.pattern import fits
from gateway.admission.target import parse_target
from gateway.calls.end import By, CallEnd
from gateway.errors import GatewayError, TargetError


@dataclass(frozen=True, slots=True)
class IncomingRoute:
    """Called numbers, and the identity whose pages ring for `ring` seconds.

    `to` is as of `pattern.fits`; `trunk` the trunk that the call has to come from, None for any.
    `fallback` is called when no page takes the call, None where it ends then.
    """

    to: str
    identity: str
    trunk: str | None = None
    ring: float = 30.0
    fallback: str | None = None

    def fits(self, names: Sequence[str], trunk: str) -> bool:
        """Whether a call for a number, by one of its names, goes this way."""
        return self.trunk in (None, trunk) and fits(self.to, names)


class IncomingRoutes:
    """All of them; the first that fits counts.

    Parameters
    ----------
    country
        Two letters of ISO 3166: whose national numbers a trunk may write, as for `Routing`.
    """

    def __init__(self, routes: Sequence[IncomingRoute], *, country: str | None = None) -> None:
        self._routes = tuple(routes)
        self._country = country

    def find(self, to: str, trunk: str) -> IncomingRoute | None:
        """Return the route of a call to a number, as the trunk's INVITE has it."""
        names = self._names(to)
        return next((route for route in self._routes if route.fits(names, trunk)), None)

    def _names(self, to: str) -> tuple[str, ...]:
        try:
            tidied = parse_target(to)
        except TargetError:
            return (to,)
        number = as_e164(tidied, self._country) if self._country is not None else None
        return (tidied,) if number is None or number == tidied else (tidied, number)


# How a call ends that no page takes


def goes_on(end: CallEnd) -> bool:
    """Whether a call that ends so, while it rings, goes to its fallback: no page has taken it."""
    return end.by is not By.REMOTE and end.cause in _UNTAKEN


_UNTAKEN = ("busy", "no-answer", "rejected", "unavailable")


def not_forwarded(error: GatewayError) -> CallEnd:
    """End a call whose fallback may not be called, or cannot be."""
    message, said = (f"The fallback was not called: {why}." for why in (error, error.said))
    return CallEnd.made_here(By.GATEWAY, error.name, 480, message, said)


def refused(error: GatewayError) -> CallEnd:
    """End a call that is not taken for a reason of ours."""
    message, said = f"{error}.", f"{error.said}."
    return CallEnd.made_here(By.GATEWAY, error.name, error.sip_code, message, said)


def unknown_number() -> CallEnd:
    """End a call for a number that the operator has given to nobody."""
    message = "No [[incoming]] of the configuration is for this number."
    return CallEnd.made_here(By.GATEWAY, "not-found", 404, message, "Nobody has this number.")


def nobody_there() -> CallEnd:
    """End a call whose identity has no page."""
    return CallEnd.made_here(By.GATEWAY, "unavailable", 480, "No page is there to take the call.")


def all_lines_in_use() -> CallEnd:
    """End a call from a trunk that has `max_calls` already."""
    sentence = "All lines of the trunk are in use."
    return CallEnd.made_here(By.GATEWAY, "busy", 486, sentence)


def all_busy() -> CallEnd:
    """End a call while every page has as many calls as it may have."""
    return CallEnd.made_here(By.GATEWAY, "busy", 486, "Every page has as many calls as it may.")


def all_rejected(code: int) -> CallEnd:
    """End a call that no page wants."""
    return CallEnd.made_here(By.LOCAL, "rejected", code, "Every page rejected the call.")


def not_taken(seconds: float) -> CallEnd:
    """End a call that nobody has accepted."""
    sentence = f"Nobody accepted the call within {seconds:g} seconds."
    return CallEnd.made_here(By.GATEWAY, "no-answer", 480, sentence)
