from __future__ import annotations

import asyncio

import pytest

from gateway.media.webrtc.arrivals import Arrivals


async def test_what_has_come_is_read_in_order() -> None:
    arrivals = Arrivals()
    for data in (b"1", b"2"):
        arrivals.put_nowait((data, 1))
    assert arrivals.qsize() == 2
    assert [await arrivals.get(), await arrivals.get()] == [b"1", b"2"]
    assert arrivals.qsize() == 0


async def test_who_waits_gets_the_next() -> None:
    arrivals = Arrivals()
    reader = arrivals.get()
    assert not reader.done()
    arrivals.put_nowait((b"1", 1))
    arrivals.put_nowait((b"2", 1))
    assert await reader == b"1"
    assert arrivals.qsize() == 1


async def test_a_reader_that_has_given_up_takes_nothing() -> None:
    arrivals = Arrivals()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(arrivals.get(), 0.001)
    arrivals.put_nowait((b"1", 1))
    assert await arrivals.get() == b"1"


@pytest.mark.parametrize("waits", [True, False])
async def test_after_the_end_there_is_what_came_before_it_and_an_error(waits: bool) -> None:
    arrivals = Arrivals()
    reader = arrivals.get() if waits else None
    if not waits:
        arrivals.put_nowait((b"1", 1))
    arrivals.put_nowait(None)
    if reader is None:
        reader = arrivals.get()
        assert await reader == b"1"
        reader = arrivals.get()
    with pytest.raises(ConnectionError):
        await reader
    with pytest.raises(ConnectionError):
        await arrivals.get()


async def test_a_function_takes_what_waits_and_what_comes() -> None:
    arrivals, taken = Arrivals(), list[bytes | None]()
    arrivals.put_nowait((b"1", 1))
    arrivals.divert(taken.append)
    arrivals.put_nowait((b"2", 1))
    arrivals.put_nowait(None)
    assert taken == [b"1", b"2", None]
    arrivals.divert(None)
    arrivals.put_nowait((b"3", 1))
    assert taken == [b"1", b"2", None]
    assert arrivals.qsize() == 1


async def test_a_function_hears_of_an_end_that_came_before_it() -> None:
    arrivals, taken = Arrivals(), list[bytes | None]()
    arrivals.put_nowait((b"1", 1))
    arrivals.put_nowait(None)
    arrivals.divert(taken.append)
    assert taken == [b"1", None]
