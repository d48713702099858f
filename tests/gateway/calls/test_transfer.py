"""A transfer inside one call: what the client hears, and when it is given up."""

from __future__ import annotations

import asyncio
import logging

import pytest

from gateway import trunk
from gateway.calls import news, transfer
from gateway.calls.end import By
from gateway.errors import ForbiddenError, RequestError
from tests.gateway.calls.stories import BYE, Story, story


async def asked(call: Story, to: str = "+15557777") -> None:
    """Have the page ask for a transfer, and the trunk hear of it."""
    await call.call.transfer(to)
    async with asyncio.timeout(2):
        await call.trunk.asked.wait()


async def test_the_end_follows_success() -> None:
    async with story() as call:
        await call.answer()
        await asked(call)
        call.trunk.notify(trunk.TransferProgress(180, "Ringing"))
        call.trunk.notify(trunk.TransferOver(200, "OK"))
        end = await call.ended()
        assert (end.by, end.cause, end.sip_code) == (By.LOCAL, "transferred", 200)
        kinds = [type(each) for each in call.client.told][-3:]
        assert kinds == [news.TransferProgress, news.Transferred, news.Ended]
        assert call.trunk.transfers == ["+15557777"]
        assert call.trunk.cause == "transferred"


async def test_after_a_failure_it_may_be_tried_again() -> None:
    async with story() as call:
        await call.answer()
        for count in (1, 2):
            await asked(call)
            call.trunk.notify(trunk.TransferOver(486, "Busy Here"))
            failed = await call.client.hear(news.TransferFailed, count)
            assert failed == news.TransferFailed(486, "Busy Here")
        assert not call.task.done()


async def test_the_words_of_a_trunk_are_for_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with story() as call:
        await call.answer()
        await asked(call)
        call.trunk.notify(trunk.TransferOver(403, "Forbidden", "at sip.example.net"))
        failed = await call.client.hear(news.TransferFailed)
        assert failed == news.TransferFailed(403, "Forbidden")
    assert "403 Forbidden: at sip.example.net" in caplog.text


@pytest.mark.parametrize("reports", [0, 1])
async def test_silence_is_a_failure(monkeypatch: pytest.MonkeyPatch, reports: int) -> None:
    monkeypatch.setattr(transfer, "OUTCOME" if reports else "FIRST_REPORT", 0.05)
    async with story() as call:
        await call.answer()
        await asked(call)
        for _ in range(reports):
            call.trunk.notify(trunk.TransferProgress(100, "Trying"))
        failed = await call.client.hear(news.TransferFailed)
        assert isinstance(failed, news.TransferFailed)
        assert failed.code == 408
        call.trunk.notify(trunk.TransferProgress(180, "Ringing"))  # late, and told no more
        call.trunk.notify(trunk.TransferOver(200, "OK"))
        assert (await call.ended()).cause == "transferred"
        assert sum(isinstance(each, news.TransferProgress) for each in call.client.told) == reports


async def test_one_at_a_time() -> None:
    async with story() as call:
        with pytest.raises(RequestError, match="once the far end has answered"):
            await call.call.transfer("+15557777")
        await call.answer()
        await call.call.transfer("+15557777")
        with pytest.raises(RequestError, match="under way already"):
            await call.call.transfer("+15558888")


@pytest.mark.parametrize(
    ("error", "failed"),
    [
        (trunk.TrunkError("no line"), news.TransferFailed(503, trunk.TrunkError("").said)),
        (
            trunk.TrunkUnableError("build the engine"),
            news.TransferFailed(501, "This gateway cannot transfer calls"),
        ),
    ],
)
async def test_what_the_trunk_cannot_be_asked(
    error: trunk.TrunkError, failed: news.TransferFailed
) -> None:
    async with story() as call:
        await call.answer()
        call.trunk.unable = error
        await call.call.transfer("+15557777")
        assert await call.client.hear(news.TransferFailed) == failed


async def test_nothing_is_told_after_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "FIRST_REPORT", 0.05)
    async with story() as call:
        await call.answer()
        await asked(call)
        call.trunk.notify(BYE)
        assert (await call.ended()).by is By.REMOTE
        await asyncio.sleep(0.1)
        assert isinstance(call.client.told[-1], news.Ended)


async def test_to_another_call() -> None:
    async with story() as call, story(beside=call) as other, story() as elsewhere:
        with pytest.raises(RequestError, match="once the far end has answered"):
            await call.call.transfer_to(other.call)
        await call.answer()
        for wrong in (call.call, other.call):
            with pytest.raises(RequestError, match="another one that is answered"):
                await call.call.transfer_to(wrong)
        await other.answer()
        await elsewhere.answer()
        with pytest.raises(RequestError, match="same trunk"):
            await call.call.transfer_to(elsewhere.call)
        await call.call.transfer_to(other.call)
        async with asyncio.timeout(2):
            await call.trunk.asked.wait()
        assert call.trunk.transfers == [await other.trunk.name()]


@pytest.mark.parametrize("trunks", [("second",), ()])
async def test_a_number_that_goes_another_way(trunks: tuple[str, ...]) -> None:
    """Whom the operator's routes do not give to a trunk, it is not asked to call."""

    def order(to: str) -> tuple[str, ...]:
        if not trunks:
            raise ForbiddenError("no route leads to it", rule="route")
        return trunks if to == "+15557777" else ("first", *trunks)

    async with story(others=("second",)) as call:
        for state in call.states:
            state.order = order
        await call.answer()
        with pytest.raises(ForbiddenError, match="no route leads to it") as refused:
            await call.call.transfer("+15557777")
        assert refused.value.rule == "route"
        assert not call.trunk.transfers
        if trunks:
            await asked(call, "+15558888")
            assert call.trunk.transfers == ["+15558888"]
