"""What a page says of its calls: samples of its browser, and feedback during and after a call."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from gateway.calls import news
from gateway.calls.end import By
from gateway.calls.opinion import Feedback
from gateway.errors import RequestError
from gateway.signaling.opinions import MOST_ENDED
from tests.gateway.signaling.conftest import placed
from tests.gateway.signaling.test_browser_stats import HEARD
from tests.gateway.signaling.test_incoming import Ringing, register

if TYPE_CHECKING:
    from tests.gateway.signaling.conftest import Client, Gateway

ISSUE = "An echo, and it broke off — twice"


async def rate(client: Client, score: int, call: str = "c1", **fields: object) -> None:
    await client.send(type="feedback", call=call, score=score, **fields)
    assert await client.receive() == {"type": "feedbackTaken", "call": call}


async def ping(client: Client) -> None:
    """Wait until all that was sent before has been taken."""
    await client.send(type="ping")
    assert await client.receive() == {"type": "pong"}


async def end(client: Client, gateway: Gateway, call: str = "c1") -> None:
    fake = await placed(gateway, client, call)
    fake.end(By.REMOTE)
    assert (await client.receive())["type"] == "ended"


def scores(gateway: Gateway) -> tuple[float, float]:
    """Return how many there are, and their sum."""
    read = gateway.room.metrics.registry.get_sample_value
    count, total = (read(f"gateway_feedback_score_{each}") for each in ("count", "sum"))
    return count or 0.0, total or 0.0


async def test_a_call_is_rated_while_it_runs_and_again_afterwards(
    gateway: Gateway, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with gateway.client() as client:
        fake = await placed(gateway, client)
        await rate(client, 5)
        record = gateway.calls.known[fake.id]
        assert record.feedback == Feedback(5)
        fake.end(By.REMOTE)
        assert (await client.receive())["type"] == "ended"
        await rate(client, 2, issue=f" {ISSUE}\n")
        assert record.feedback == Feedback(2, ISSUE)
        await rate(client, 3, issue="  ")
        assert record.feedback == Feedback(3), "the second one takes its place"
    assert scores(gateway) == (1, 5), "a call counts once"
    assert ISSUE not in caplog.text


async def test_who_comes_back_rates_the_call_that_has_ended_meanwhile(gateway: Gateway) -> None:
    async with gateway.raw() as client:
        await client.send(type="hello")
        token = (await client.receive())["resumeToken"]
        fake = await placed(gateway, client)
    fake.end(By.REMOTE)
    async with gateway.raw() as client:
        await client.send(type="hello", resume=token)
        assert (await client.receive())["resume"] == "resumed"
        assert (await client.receive())["type"] == "ended"
        await rate(client, 1)
    assert gateway.calls.known[fake.id].feedback == Feedback(1)


async def test_an_unknown_call_is_not_rated(gateway: Gateway) -> None:
    async with gateway.client() as client, gateway.client() as other:
        await end(other, gateway)
        await client.send(type="feedback", call="c1", score=5)
        error = await client.receive()
        assert (error["name"], error["code"]) == ("unknown-call", 481)
        assert (error["call"], error["fatal"]) == ("c1", False)
    assert scores(gateway) == (0, 0)


async def test_a_session_knows_the_last_of_its_calls(gateway: Gateway) -> None:
    async with gateway.client() as client:
        for number in range(MOST_ENDED + 1):
            await end(client, gateway, f"c{number}")
        await client.send(type="feedback", call="c0", score=5)
        assert (await client.receive())["name"] == "unknown-call"
        for number in range(1, MOST_ENDED + 1):
            await rate(client, 4, f"c{number}")


async def test_a_call_is_rated_by_the_page_that_had_it(gateway: Gateway) -> None:
    async with gateway.client() as client:
        await register(client)
        ringing = Ringing(gateway)
        assert (await client.receive())["type"] == "incoming"
        await client.send(type="feedback", call="c0ffee", score=1)
        error = await client.receive()
        assert (error["name"], error["call"]) == ("unknown-call", "c0ffee")
        ringing.stop()


async def test_too_much_is_refused_in_the_words_of_the_registry(gateway: Gateway) -> None:
    async with gateway.client() as client:
        await end(client, gateway)
        gateway.calls.failure = RequestError("feedback is taken 10 times at most")
        await client.send(type="feedback", call="c1", score=1)
        error = await client.receive()
        assert (error["name"], error["message"]) == (
            "bad-request",
            "feedback is taken 10 times at most",
        )
    assert scores(gateway) == (0, 0)


async def test_what_the_browser_hears_is_kept(gateway: Gateway) -> None:
    async with gateway.client() as client:
        fake = await placed(gateway, client)
        record = gateway.calls.known[fake.id]
        await client.send(type="stats", call="c1", report=[HEARD])  # nobody has answered
        await ping(client)
        record.learn(news.Answered("opus", "PCMU"), 1.0)
        await client.send(type="stats", call="c1", report={"A": {**HEARD, "jitter": 0.006}})
        await ping(client)
        assert (record.page.loss, record.page.concealed) == (0.05, 0.02)
        assert record.page.jitter_ms.value == 6.0
        fake.end(By.REMOTE)
        assert (await client.receive())["type"] == "ended"
        await client.send(type="stats", call="c1", report=[HEARD])  # which has crossed the end
        await client.send(type="stats", call="c2", report=[HEARD])
        assert (await client.receive())["name"] == "unknown-call"
