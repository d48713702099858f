"""How long sessions are kept without a socket, how many, and what that costs."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator
from contextlib import contextmanager
from time import thread_time

import pytest

from gateway.admission.grant import EVERYBODY, Visitor
from gateway.calls import news
from gateway.signaling import sessions as module
from gateway.signaling.messages import Offer, PlaceCall
from gateway.signaling.replay import Replay
from gateway.signaling.room import Room
from gateway.signaling.session import Session
from gateway.signaling.sessions import Sessions
from tests.gateway.signaling.conftest import soon
from tests.gateway.signaling.fakes import FakeCalls, open_gate


class Fake:
    """A session with or without calls."""

    def __init__(self, name: str, address: str = "192.0.2.1", *, calls: bool = True) -> None:
        self.id = self.token = name
        self.address = address
        self.has_calls = calls
        self.ended: asyncio.Queue[str] = asyncio.Queue()

    async def close(self, reason: str) -> None:
        self.ended.put_nowait(reason)


def known(sessions: Sessions, *fakes: Fake) -> None:
    for fake in fakes:
        sessions.add(fake)


async def test_it_ends_in_time_and_not_before() -> None:
    sessions = Sessions(0.05)
    late, back = Fake("late"), Fake("back")
    known(sessions, late, back)
    assert sessions.keep(late)
    assert sessions.keep(back)
    sessions.take(back)
    assert await soon(late.ended) == "The page did not come back within 0.05 seconds."
    assert sessions.find("late") == "over"
    assert sessions.find("back") is back
    assert sessions.find("never") == "unknown"
    assert (len(sessions), sessions.resumed, sessions.expired) == (0, 1, 1)
    await sessions.close()
    assert back.ended.empty()


async def test_one_whose_calls_have_ended_is_not_counted_as_lost() -> None:
    sessions = Sessions(0.01)
    fake = Fake("a", calls=False)
    known(sessions, fake)
    sessions.keep(fake)
    await soon(fake.ended)
    assert sessions.expired == 0


async def test_so_many_wait_in_all() -> None:
    sessions = Sessions(60, most=2)
    first, second, third = (Fake(name, f"192.0.2.{name}") for name in "123")
    known(sessions, first, second, third)
    assert sessions.keep(first)
    assert sessions.keep(second)
    assert not sessions.keep(third)
    second.has_calls = False
    assert sessions.keep(third)
    assert (sessions.find("1"), sessions.find("2")) == (first, "over")
    assert len(sessions) == 2
    await sessions.close()


async def test_so_many_wait_of_an_address_wherever_they_come_back_from() -> None:
    sessions = Sessions(60, most_of=lambda address: 1 if address.startswith("2001:") else None)
    first, second = Fake("1", "2001:db8::1"), Fake("2", "2001:db8::2")  # one network
    known(sessions, first, second)
    assert sessions.keep(first)
    assert not sessions.keep(second)
    first.address = "192.0.2.1"  # it has moved
    sessions.take(first)
    assert sessions.keep(second)
    assert sessions.keep(first)
    assert all(sessions.keep(Fake(str(number))) for number in range(10))
    await sessions.close()


async def test_the_ended_ones_are_not_remembered_without_bounds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "ENDED_KEPT", 2)
    sessions = Sessions(60)
    fakes = [Fake(name) for name in "123"]
    known(sessions, *fakes)
    for fake in fakes:
        sessions.forget(fake)
    assert [sessions.find(name) for name in "123"] == ["unknown", "over", "over"]


async def test_no_window_and_a_gateway_that_stops() -> None:
    fake = Fake("1")
    none = Sessions(0)
    known(none, fake)
    assert not none.keep(fake)
    assert none.find("1") == "unknown"
    sessions = Sessions(60)
    known(sessions, fake)
    assert sessions.keep(fake)
    await sessions.close()
    assert fake.ended.get_nowait() == "The gateway is being restarted."
    assert not sessions.keep(fake)


def test_replay() -> None:
    replay = Replay(3, 10)
    assert replay.after(0) == []
    for text in ("a", "b", "c", "d"):
        replay.add(text)
    assert (replay.said, replay.after(0), replay.after(3), replay.after(4)) == (
        4,
        ["b", "c", "d"],
        ["d"],
        [],
    )
    replay.add("x" * 9)
    assert replay.after(0) == ["d", "x" * 9]
    replay.add("y" * 50)  # of more than there is room for the last one stays
    replay.add("z")
    assert replay.after(0) == ["z"]
    replay.add("0123456")
    assert replay.after(0) == ["z", "0123456"]


class Line:
    """A socket that counts what it is given."""

    def __init__(self) -> None:
        self.sent = 0

    def send(self, text: str) -> None:
        self.sent += 1

    def watch(self, on: bool) -> None:
        pass

    def give_way(self) -> None:
        pass


@contextmanager
def uncollected() -> Iterator[None]:
    """Let no garbage be collected meanwhile: what other tests have left would be counted."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


async def test_to_come_back_costs_next_to_nothing() -> None:
    """500 at once: the last one waits for the work of all others, and for 50 ms at most."""
    calls = FakeCalls()
    room = Room(calls=calls, gate=open_gate())
    found: list[Session] = []
    for number in range(500):
        visitor = Visitor(address="192.0.2.1", origin=None, session=f"s{number}")
        line = Line()
        session = Session(visitor, EVERYBODY, room, line)
        room.sessions.add(session)
        offer = Offer(type="offer", sdp="")
        session.receive(PlaceCall(type="call", call="c", to="600", offer=offer))
        call = await soon(calls.placed)
        session.detach(line)
        assert room.sessions.keep(session)
        call.tell(news.Answered("opus", "PCMU"))
        found.append(session)
    lines = [Line() for _ in found]
    with uncollected():
        began = thread_time()
        for session, line in zip(found, lines, strict=True):
            assert room.sessions.find(session.token) is session
            grant = await room.gate.sessions.resume(
                session.visitor, session.visitor, session.grant, None
            )
            room.sessions.take(session)
            session.attach(session.visitor, grant, line)
            session.greet("resumed", 0)
        spent = thread_time() - began
    assert all(line.sent == 2 for line in lines)
    assert spent < 0.05  # a quarter of it, on a slow machine
    await room.sessions.close()
    await asyncio.gather(*(session.close("over") for session in found))
