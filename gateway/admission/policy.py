"""The operator's dial plan: what is not allowed is denied, and a denial wins over an allowance.

Some numbers need more than an allowed prefix: what is dear, what calls for help, and codes that
change somebody's telephone. Each has a key of its own, and every refusal names the key.
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway.admission.category import Category, categories
from gateway.admission.dialing import reached, readings, without_excess
from gateway.admission.number import parse_prefix
from gateway.errors import ForbiddenError

EVERYTHING = "*"

# What has to be allowed by name, and the key that does so. Personal numbers (+44 70, +1 500) go
# with premium ones: their owners choose the price, and so do those who make money of it.
_KEYS = {
    Category.SATELLITE: "satellite",
    Category.PREMIUM: "premium",
    Category.PERSONAL: "premium",
    Category.SHARED_COST: "shared_cost",
}


@dataclass(frozen=True, slots=True)
class Policy:
    """What may be dialled.

    `allow` and `deny` are prefixes of numbers and SIP users; `"*"` alone matches everything, and
    `"+44*"` is `"+44"`. A number denied is denied however it is dialled: `+1900` matches
    `001900…` and `1900…` as well. It is allowed in the spelling that `allow` has, and with a
    `country` also in the way that it is dialled there. What hides another number (`+1 011 …`,
    `*67…`) is allowed if that one is allowed as well.

    Parameters
    ----------
    premium, satellite, shared_cost
        Whether such numbers may be called, if a prefix allows them as well.
    short_codes
        The short codes that may be called; they need no prefix.
    emergency
        Whether calls for help go through; they need no prefix.
    feature_codes
        Whether codes with * and # may be dialled, if a prefix allows them as well.
    country
        Two letters of ISO 3166: whose national numbers and short codes are dialled.
    """

    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()
    premium: bool = False
    satellite: bool = False
    shared_cost: bool = False
    short_codes: tuple[str, ...] = ()
    emergency: bool = False
    feature_codes: bool = False
    country: str | None = None

    def admit(self, to: str) -> None:
        """Let a parsed target pass, or say why not.

        Raises
        ------
        ForbiddenError
            A denied prefix matches, no allowed one does, or it is a number that has to be allowed
            by name.
        """
        self._check_denied(to)
        found = categories(to, self.country)
        if Category.EMERGENCY in found:
            return self._check_emergency(to)
        if Category.SHORT_CODE in found:
            return self._check_short(to, found[Category.SHORT_CODE])
        if not self.feature_codes and not {"*", "#"}.isdisjoint(to):
            raise _forbidden(to, "codes with * and # need admission.feature_codes = true")
        self._check_cost(to, found)
        self._check_allowed(to)

    def _check_denied(self, to: str) -> None:
        if not self.deny:
            return
        meant = [each.number for each in readings(to, self.country) if not each.guessed]
        names = (to, *meant, *map(without_excess, meant))
        denied = next((p for p in self.deny if _begins(p, *names)), None)
        if denied is not None:
            raise _forbidden(to, f"admission.deny has {denied!r}")

    def _check_emergency(self, to: str) -> None:
        if not self.emergency:
            said = f"{to} calls for help, which does not work here: use a phone"
            raise ForbiddenError(
                f"{said} (admission.emergency = true would let it through)", said=said
            )

    def _check_short(self, to: str, number: str) -> None:
        if to not in self.short_codes and number not in self.short_codes:
            kind = "it is a short code"
            raise _forbidden(to, f"{kind}, and admission.short_codes does not list it", said=kind)

    def _check_cost(self, to: str, found: dict[Category, str]) -> None:
        for category, key in _KEYS.items():
            if category in found and not getattr(self, key):
                number = found[category]
                what = "it" if number == to else f"read as {number} it"
                kind = f"{what} is {category.value}"
                why = f"{kind}, which needs admission.{key} = true{self._hint(to)}"
                raise _forbidden(to, why, said=kind)

    def _hint(self, to: str) -> str:
        if self.country is not None or to.startswith("+"):
            return ""
        return " (or set admission.country, so that national numbers are read by its plan)"

    def _check_allowed(self, to: str) -> None:
        if not self.allow:
            raise _forbidden(to, "admission.allow is empty, which allows nothing")
        for names in reached(to, self.country):
            if not any(_begins(prefix, *names) for prefix in self.allow):
                read = "" if to in names else f" when it is read as {names[-1]}"
                raise _forbidden(to, f"no prefix in admission.allow matches it{read}")


def _forbidden(to: str, why: str, *, said: str = "") -> ForbiddenError:
    """Say why a number may not be called: to the log; to the browser without our settings."""
    told = f"{to} may not be called"
    return ForbiddenError(f"{told}: {why}", said=f"{told}: {said}" if said else told)


def matches(patterns: tuple[str, ...], to: str, country: str | None = None) -> bool:
    """Whether a parsed target is among the numbers, SIP users and prefixes ("+1555*") of a token.

    Both sides are compared in the one spelling that numbers have after `parse_target`. A pattern
    that is no number, no user and no prefix of one matches nothing. A target that reaches several
    numbers needs a pattern for each of them.
    """
    return all(
        any(_matches(pattern, *names) for pattern in patterns) for names in reached(to, country)
    )


def _matches(pattern: str, *names: str) -> bool:
    return _begins(pattern, *names) if pattern.endswith("*") else parse_prefix(pattern) in names


def _begins(prefix: str, *names: str) -> bool:
    """Whether one of these names begins so; a "*" at the end says the same as none."""
    if prefix == EVERYTHING:
        return True
    plain = parse_prefix(prefix.removesuffix("*"))
    if not plain:  # every name begins with nothing, which is what is left of " *"
        return False
    return any(name.startswith(plain) for name in names)
