"""What the settings say of calls from trunks, and what of that can never count."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.check.finding import Finding, doubt
from gateway.config import Settings


def examine(settings: Settings) -> list[Finding]:
    """Find rules that no number comes to, and networks that are two trunks' at once."""
    return [*_hidden_rules(settings), *_shared_sources(settings)]


def _hidden_rules(settings: Settings) -> Iterator[Finding]:
    for place, trunk in enumerate(settings.trunks):
        begins = [rule[0] for rule in trunk.numbers_in]
        for at, beginning in enumerate(begins):
            before = next((each for each in begins[:at] if _hides(each, beginning)), None)
            if before is not None:
                yield Finding(
                    False,
                    f"trunks[{place}].numbers_in: the rule for {beginning!r} changes nothing, as "
                    f"the one for {before!r} comes before",
                )


def _hides(rule: str, other: str) -> bool:
    """Whether a rule takes every number that the other one is for."""
    return other.startswith(rule) if rule else not other.startswith("+")


def _shared_sources(settings: Settings) -> Iterator[Finding]:
    for place, trunk in enumerate(settings.trunks):
        for other in settings.trunks[:place]:
            for network in sorted({*trunk.sources}.intersection(other.sources), key=str):
                yield doubt(
                    f"trunks[{place}].sources: {other.name!r} has {network} too, and calls from "
                    "there are taken for that trunk's"
                )
