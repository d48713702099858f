"""How a call to whom the far end refers us is taken down: nothing of it is left, or heard later."""

from __future__ import annotations

import asyncio

import pytest

from gateway import trunk
from gateway.calls import call as call_module
from gateway.calls import news
from gateway.calls.request import CallRequest
from tests.gateway.calls.fakes import FakeSecond, FakeTrunk
from tests.gateway.calls.test_redirect import ONWARD, TO, asked, begun, talking

CANCELED = trunk.Ended(trunk.Origin.LOCAL, 487, "Request Terminated", "canceled", None, "Canceled.")


async def test_a_sip_thread_that_stands_still_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once it goes on, the other phone stops ringing; its line is free at once."""
    monkeypatch.setattr(call_module, "CLOSE_TIMEOUT", 0.1)
    async with talking() as call:
        target = await begun(call)
        target.notify(trunk.Ringing(180, "Ringing"))
        await call.client.hear(news.Redirecting, 2)

        async def stand_still(code: int, reason: str, *, last: bool = False) -> None:
            await asyncio.Event().wait()

        monkeypatch.setattr(call.trunk, "report", stand_still)
        target.hanging.set()
        await call.call.hangup()
        await call.ended()
        assert (call.trunk.hung_up, target.hung_up) == (1, 1)
        call.call.release()
        assert [state.active for state in (*call.states, *call.onward)] == [0, 0, 0]


@pytest.mark.parametrize("answered", [False, True])
async def test_the_late_end_of_one_that_has_failed(
    answered: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The 487 to our CANCEL is not said of the next one, nor of the call that goes on with that."""
    async with talking() as call:
        await asked(call)
        await call.call.redirect(1, CallRequest(TO, "", max_ringing=0.05))
        first = call.targets["onward"]
        async with asyncio.timeout(2):
            await first.dialed.wait()
        first.notify(trunk.Ringing(180, "Ringing"))
        await call.client.hear(news.RedirectFailed)
        call.targets["onward"] = FakeTrunk()
        target = await begun(call, token=2)
        turn_to = call.session.turn_to

        async def turn_and_hear(second: FakeSecond) -> None:
            await turn_to(second)
            first.notify(CANCELED)

        if answered:
            monkeypatch.setattr(call.session, "turn_to", turn_and_hear)
        else:
            first.notify(CANCELED)
        target.notify(trunk.Ringing(180, "Ringing"))
        target.notify(trunk.Answered(ONWARD))
        await call.client.hear(news.Redirected)
        target.notify(trunk.Digit("7", 100))  # behind all that
        await call.client.hear(news.DigitHeard)
        failed = [each for each in call.client.told if isinstance(each, news.RedirectFailed)]
        assert [each.code for each in failed] == [408]
        assert not target.hung_up
