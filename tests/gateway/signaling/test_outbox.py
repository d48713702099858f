from __future__ import annotations

import asyncio

from gateway.signaling.outbox import Outbox


async def test_messages_leave_in_order() -> None:
    outbox = Outbox(4)
    assert all(outbox.put(text) for text in "abc")
    assert [await outbox.get() for _ in range(3)] == ["a", "b", "c"]


async def test_a_full_one_takes_nothing_more() -> None:
    outbox = Outbox(2)
    assert [outbox.put(text) for text in "abc"] == [True, True, False]
    assert outbox.take_all() == ["a", "b"]
    assert outbox.put("d")


async def test_room_is_waited_for_until_half_is_free() -> None:
    outbox = Outbox(4)
    for text in "abcd":
        outbox.put(text)
    waiting = asyncio.create_task(outbox.room())
    await outbox.get()
    await asyncio.sleep(0)
    assert not waiting.done()
    await outbox.get()
    async with asyncio.timeout(1):
        await waiting


async def test_get_waits_for_a_message() -> None:
    outbox = Outbox(1)
    getting = asyncio.create_task(outbox.get())
    await asyncio.sleep(0)
    assert not getting.done()
    outbox.put("a")
    async with asyncio.timeout(1):
        assert await getting == "a"
