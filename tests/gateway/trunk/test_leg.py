"""What a leg does in the event loop, without an engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest

from gateway.trunk import Ringing
from gateway.trunk.leg import TrunkLeg

if TYPE_CHECKING:
    from gateway.trunk.knock import Knock
    from gateway.trunk.stack import Stack


class Knocking:
    def __init__(self) -> None:
        self.open = True

    def close(self) -> None:
        self.open = False


@pytest.mark.parametrize("first", ["the trunk", "the wait"])
async def test_nobody_waits_for_a_trunk_that_has_answered(first: str) -> None:
    """Its 180 may come before the one who has dialed goes on: then nothing would end the wait."""
    leg = TrunkLeg(cast("Stack", None), 1)
    knocks: list[Knocking] = []

    def knock(on_refused: object) -> Knock:
        knocks.append(Knocking())
        return cast("Knock", knocks[-1])

    if first == "the trunk":
        leg.receive(Ringing(180, "Ringing"))
    leg.expect_response(60.0, knock)
    if first == "the wait":
        assert knocks[0].open
        leg.receive(Ringing(180, "Ringing"))
    assert not any(each.open for each in knocks)
