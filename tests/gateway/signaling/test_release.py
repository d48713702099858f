"""A page's call, and its WebSocket, are freed at once when they are over: no cycle is left."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from tests.gateway.garbage import leaving_no_cycle
from tests.gateway.signaling import test_calls, test_incoming, test_preflight, test_resume
from tests.gateway.signaling.conftest import Gateway

LIVES = (
    test_calls.test_a_call_from_offer_to_end,
    test_calls.test_a_call_that_cannot_be_placed_is_over,
    test_calls.test_a_restart_is_answered_or_refused_and_may_fail,
    test_calls.test_a_call_that_goes_on_at_another_page_is_over_here,
    test_resume.test_calls_outlive_the_socket_and_are_taken_up,
    test_resume.test_another_socket_takes_over,
    test_incoming.test_accepted,
    test_incoming.test_another_page_is_first,
    test_preflight.test_a_page_tries_its_way,
)


@pytest.mark.parametrize("life", LIVES)
async def test_nothing_waits_for_the_collector(
    life: Callable[[Gateway], Awaitable[None]], gateway: Gateway
) -> None:
    with leaving_no_cycle():
        await life(gateway)
        await asyncio.sleep(0)  # the server's side of the socket is closed in the next turn
