"""The operator's dial plan: what is not allowed is denied, and a denial wins over an allowance."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.errors import ForbiddenError

EVERYTHING = "*"


@dataclass(frozen=True, slots=True)
class Policy:
    """Prefixes of the numbers and SIP users that may be dialled, compared character by character.

    `"*"` alone matches everything. `+1900` does not match `001900` or `1900`: an operator whose
    trunk takes several spellings of one number allows the spelling that is meant.
    """

    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()

    def admit(self, to: str) -> None:
        """Let a parsed target pass, or say why not.

        Raises
        ------
        ForbiddenError
            A denied prefix matches, or no allowed one does.
        """
        denied = _match(self.deny, to)
        if denied is not None:
            raise ForbiddenError(f"{to} may not be called: admission.deny has {denied!r}")
        if not self.allow:
            raise ForbiddenError(
                f"{to} may not be called: admission.allow is empty, which allows nothing"
            )
        if _match(self.allow, to) is None:
            raise ForbiddenError(f"{to} may not be called: no prefix in admission.allow matches it")


def _match(prefixes: tuple[str, ...], to: str) -> str | None:
    return next((p for p in prefixes if p == EVERYTHING or to.startswith(p)), None)
