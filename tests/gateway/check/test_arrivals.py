"""What `gateway check` says of the rules for calls from trunks."""

from __future__ import annotations

import pytest

from gateway.check import arrivals
from gateway.config import Settings


def said(*trunks: dict[str, object]) -> list[tuple[bool, str]]:
    named = [
        {"name": f"t{place}", "uri": "sip:127.0.0.1:5070", **keys}
        for place, keys in enumerate(trunks)
    ]
    found = arrivals.examine(Settings.model_validate({"trunks": named}))
    return [(each.ok, each.text) for each in found]


@pytest.mark.parametrize(
    ("rules", "hidden"),
    [
        ([["00", "+"], ["0", "+49"], ["", "+"]], []),
        ([["0", "+49"], ["00", "+"]], ["00"]),
        ([["", "+"], ["0", "+49"], ["+1", "001"]], ["0"]),
        ([["+", "00"], ["0", "+49"]], []),
        ([["0", "+49"], ["0", "+43"], ["0", "+41"]], ["0", "0"]),
        ([], []),
    ],
)
def test_a_rule_that_an_earlier_one_hides(rules: list[list[str]], hidden: list[str]) -> None:
    found = said({}, {"numbers_in": rules})
    assert len(found) == len(hidden)
    for (ok, text), beginning in zip(found, hidden, strict=True):
        assert not ok
        assert text.startswith(f"trunks[1].numbers_in: the rule for {beginning!r} changes nothing")


def test_a_network_of_two_trunks() -> None:
    found = said({"sources": ["192.0.2.0/24", "198.51.100.1"]}, {"sources": ["192.0.2.0/24"]})
    text = "'t0' has 192.0.2.0/24 too, and calls from there are taken for that trunk's"
    assert found == [(True, f"trunks[1].sources: {text}")]
    assert said({"sources": ["192.0.2.0/24"]}, {"sources": ["192.0.2.7"]}) == []
