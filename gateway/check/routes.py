"""Whether every call finds its way: what the routes and the rules for numbers leave out."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from gateway.admission.dialing import SHORTEST, as_e164
from gateway.admission.number import parse_prefix
from gateway.admission.pattern import fits
from gateway.check.finding import Finding, doubt
from gateway.config import Settings
from gateway.config_sip import IncomingSettings, RouteSettings
from gateway.dial_plan import policy_of
from gateway.errors import ForbiddenError


def examine(settings: Settings) -> list[Finding]:
    """Find what no call comes to, or comes to otherwise than was meant."""
    return [
        *_hidden_routes(settings.routes),
        *_forgotten_stars(settings.routes),
        *_allowed_for_nothing(settings),
        *_unused_trunks(settings),
        *_hidden_rules(settings),
        *_hidden_incoming(settings.incoming),
        *_incoming_for_nobody(settings),
        *_fallbacks(settings),
    ]


def reach(settings: Settings, dead: Collection[str]) -> Iterator[Finding]:
    """Say which routes lead to the trunks that are dead."""
    for place, route in enumerate(settings.routes):
        lost = [name for name in route.trunks if name in dead]
        left = [name for name in route.trunks if name not in dead]
        if lost and not left:
            yield Finding(
                False, f"{_key(place, route)}: these calls fail: {_named(lost)} cannot take any now"
            )
        elif lost:
            yield doubt(
                f"{_key(place, route)}: {_named(lost)} cannot take calls now; they go to "
                f"{_named(left)}"
            )


def _key(place: int, route: RouteSettings) -> str:
    return f"routes[{place}].to = {route.to!r}"


def _named(trunks: list[str]) -> str:
    return " and ".join(map(repr, trunks))


def _hidden_routes(routes: tuple[RouteSettings, ...]) -> Iterator[Finding]:
    for place, route in enumerate(routes):
        for before, other in enumerate(routes[:place]):
            if fits(other.to, [route.to]):  # and so whatever this one would take
                text = f"no call comes here, as routes[{before}] takes {other.to!r} before"
                yield Finding(False, f"{_key(place, route)}: {text}")
                break


def _forgotten_stars(routes: tuple[RouteSettings, ...]) -> Iterator[Finding]:
    for place, route in enumerate(routes):
        if route.to.startswith("+") and not route.to.endswith("*") and len(route.to) <= SHORTEST:
            yield doubt(
                f"{_key(place, route)}: it is for this number alone, and none is so short; "
                f"'{route.to}*' is for all that begin so"
            )


def _allowed_for_nothing(settings: Settings) -> Iterator[Finding]:
    # With a country a number has two names, and a route may have the other one
    if not settings.routes or settings.admission.country is not None:
        return
    for prefix in settings.admission.allow:
        plain = parse_prefix(prefix.removesuffix("*")) or ""
        if not any(_meet(plain, route.to) for route in settings.routes):
            yield Finding(
                False, f"admission.allow: {prefix!r} allows nothing, as no route leads there"
            )


def _meet(prefix: str, pattern: str) -> bool:
    """Whether a number can begin with the prefix and fit the pattern."""
    if pattern.endswith("*"):
        return pattern[:-1].startswith(prefix) or prefix.startswith(pattern[:-1])
    return pattern.startswith(prefix)


def _unused_trunks(settings: Settings) -> Iterator[Finding]:
    used = {name for route in settings.routes for name in route.trunks}
    for place, trunk in enumerate(settings.trunks):
        if settings.routes and trunk.name not in used:
            yield doubt(
                f"trunks[{place}].name = {trunk.name!r}: no call goes there, as no route names it"
            )


def _hidden_rules(settings: Settings) -> Iterator[Finding]:
    for place, trunk in enumerate(settings.trunks):
        if isinstance(trunk.numbers, str):
            continue
        begins = [rule[0] for rule in trunk.numbers]
        for at, beginning in enumerate(begins):
            before = next((each for each in begins[:at] if beginning.startswith(each)), None)
            if before is not None:
                yield Finding(
                    False,
                    f"trunks[{place}].numbers: the rule for {beginning!r} changes nothing, as the "
                    f"one for {before!r} comes before",
                )


def _hidden_incoming(incoming: tuple[IncomingSettings, ...]) -> Iterator[Finding]:
    for place, each in enumerate(incoming):
        for before, other in enumerate(incoming[:place]):
            if other.trunk in (None, each.trunk) and fits(other.to, [each.to]):
                yield Finding(
                    False,
                    f"incoming[{place}].to = {each.to!r}: no call comes here, as "
                    f"incoming[{before}] takes {other.to!r} before",
                )
                break


def _incoming_for_nobody(settings: Settings) -> Iterator[Finding]:
    """Doubt numbers that no call can be for, as none comes from a trunk."""
    if settings.incoming and not settings.trunks:
        yield Finding(False, "incoming: no call comes, as there are no [[trunks]]")


def _fallbacks(settings: Settings) -> Iterator[Finding]:
    """Find those that no call can go to."""
    policy, country = policy_of(settings.admission), settings.admission.country
    for place, each in enumerate(settings.incoming):
        key, number = f"incoming[{place}].fallback = {each.fallback!r}", each.fallback
        if number is None:
            continue
        if number == each.to:
            yield Finding(False, f"{key}: it is the called number, whose calls would go round")
        try:
            policy.admit(number)
        except ForbiddenError as error:
            yield Finding(False, f"{key}: these calls end with 480, as {error}")
        whole = as_e164(number, country) if country is not None else None
        ways = [route for route in settings.routes if fits(route.to, [number, whole or number])]
        if settings.routes and not ways:
            yield Finding(False, f"{key}: these calls end with 480, as no route leads there")
