from __future__ import annotations

import asyncio

from gateway.signaling.outbox import Outbox


def test_messages_leave_in_order() -> None:
    outbox = Outbox(4)
    assert all(outbox.put(text) for text in "abc")
    assert [outbox.take() for _ in range(4)] == ["a", "b", "c", None]


def test_a_full_one_takes_nothing_more() -> None:
    outbox = Outbox(2)
    assert [outbox.put(text) for text in "abc"] == [True, True, False]
    assert outbox.take_all() == ["a", "b"]
    assert outbox.put("d")


async def test_room_is_waited_for_until_half_is_free() -> None:
    outbox = Outbox(4)
    for text in "abcd":
        outbox.put(text)
    waiting = asyncio.create_task(outbox.room())
    outbox.take()
    await asyncio.sleep(0)
    assert not waiting.done()
    outbox.take()
    async with asyncio.timeout(1):
        await waiting
