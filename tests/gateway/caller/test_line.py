"""The caller comes back to its call when its WebSocket is lost, and knows when not to."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve

from gateway.caller import line as module
from gateway.caller.call import SUBPROTOCOL, CallerCall, CallOptions
from gateway.errors import UnavailableError

Story = Callable[[ServerConnection], Awaitable[None]]

ENDED = {
    **{"type": "ended", "call": "1", "by": "remote", "cause": "hangup", "sipCode": 200},
    **{"message": "So.", "reason": "OK", "durationMs": 5},
}
CALLS = [{"call": "1", "state": "answered"}]


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_PAUSE", 0.005)


@asynccontextmanager
async def gateway(*stories: Story) -> AsyncIterator[tuple[str, list[dict[str, Any]]]]:
    """Tell one story on each socket after the other; return the URL and each hello."""
    hellos: list[dict[str, Any]] = []

    async def behave(socket: ServerConnection) -> None:
        hellos.append(json.loads(await socket.recv()))
        await stories[len(hellos) - 1](socket)

    async with serve(behave, "127.0.0.1", 0, subprotocols=[SUBPROTOCOL]) as running:
        port = next(iter(running.sockets)).getsockname()[1]
        async with asyncio.timeout(10):
            yield f"ws://127.0.0.1:{port}/v1/ws", hellos


async def welcome(socket: ServerConnection, **fields: Any) -> None:
    await say(
        socket,
        **{"type": "welcome", "session": "s", "iceServers": [], "resumeToken": "secret"},
        **{"resumeWindow": 60, "calls": [], "missed": 0, "received": 0, **fields},
    )


async def say(socket: ServerConnection, **message: Any) -> None:
    await socket.send(json.dumps(message))


async def heard(socket: ServerConnection, kind: str) -> dict[str, Any]:
    while True:
        message: dict[str, Any] = json.loads(await socket.recv())
        if message["type"] == kind:
            return message


async def begin(socket: ServerConnection) -> None:
    """Welcome, and take the call."""
    await welcome(socket)
    while (await heard(socket, "candidate"))["candidate"] is not None:
        pass
    await say(socket, type="trying", call="1")
    await say(socket, type="quality", call="1")
    await say(socket, type="ringing", call="1", earlyMedia=False)


async def cut(socket: ServerConnection) -> None:
    await begin(socket)
    socket.transport.abort()


async def resumed(socket: ServerConnection) -> None:
    await welcome(socket, resume="resumed", calls=CALLS, received=2)
    await say(socket, **ENDED)
    await socket.wait_closed()


async def test_it_comes_back_and_says_what_it_has_taken() -> None:
    async with gateway(cut, cut_again, resumed) as (url, hellos):
        outcome = await CallerCall(CallOptions(to="600", url=url, token="t")).run()
    assert hellos == [
        {"type": "hello", "token": "t"},
        {"type": "hello", "token": "t", "resume": "secret", "received": 2},
        {"type": "hello", "token": "t", "resume": "secret", "received": 2},
    ]
    assert outcome.last["cause"] == "hangup"
    assert "secret" not in json.dumps(outcome.messages)


async def cut_again(socket: ServerConnection) -> None:
    socket.transport.abort()


async def over(socket: ServerConnection) -> None:
    await welcome(socket, resume="over")
    await socket.wait_closed()


async def test_a_call_that_is_over_meanwhile() -> None:
    async with gateway(cut, over) as (url, _):
        with pytest.raises(UnavailableError, match="the call has ended meanwhile"):
            await CallerCall(CallOptions(to="600", url=url)).run()


@pytest.mark.parametrize("code", [1000, 1008, 4000])
async def test_a_socket_that_was_closed_on_purpose_is_the_end(code: int) -> None:
    async def close(socket: ServerConnection) -> None:
        await begin(socket)
        await socket.close(code, "So it is.")

    async with gateway(close) as (url, hellos):
        with pytest.raises(UnavailableError):
            await CallerCall(CallOptions(to="600", url=url)).run()
    assert len(hellos) == 1


async def test_without_a_token_there_is_nothing_to_come_back_to() -> None:
    async def begin_and_cut(socket: ServerConnection) -> None:
        await welcome(socket, resumeToken=None)
        await heard(socket, "call")
        socket.transport.abort()

    async with gateway(begin_and_cut) as (url, hellos):
        with pytest.raises(UnavailableError):
            await CallerCall(CallOptions(to="600", url=url)).run()
    assert len(hellos) == 1


async def test_it_gives_up_after_the_window() -> None:
    async def begin_and_cut(socket: ServerConnection) -> None:
        await welcome(socket, resumeWindow=0.05)
        await heard(socket, "call")
        socket.transport.abort()

    async with gateway(begin_and_cut, *[cut_again] * 30) as (url, hellos):
        with pytest.raises(UnavailableError):
            await CallerCall(CallOptions(to="600", url=url)).run()
    assert 1 < len(hellos) < 30


async def test_a_hang_up_that_the_lost_socket_has_swallowed_is_said_again() -> None:
    lost = asyncio.Event()

    async def swallow(socket: ServerConnection) -> None:
        await begin(socket)
        await say(socket, type="answered", call="1", codec={"browser": "opus", "trunk": "PCMU"})
        await heard(socket, "hangup")
        socket.transport.abort()
        lost.set()

    async def hear_again(socket: ServerConnection) -> None:
        await welcome(socket, resume="resumed", calls=CALLS, received=3)
        assert (await heard(socket, "hangup"))["call"] == "1"
        await say(socket, **ENDED)
        await socket.wait_closed()

    async with gateway(swallow, hear_again) as (url, _):
        outcome = await CallerCall(CallOptions(to="600", url=url, duration=0.01)).run()
    assert lost.is_set()
    assert outcome.last["cause"] == "hangup"


async def test_who_is_interrupted_hangs_up() -> None:
    up, hung_up = asyncio.Event(), asyncio.Event()

    async def listen(socket: ServerConnection) -> None:
        await begin(socket)
        up.set()
        await heard(socket, "hangup")
        hung_up.set()

    async with gateway(listen) as (url, _):
        call = asyncio.create_task(CallerCall(CallOptions(to="600", url=url)).run())
        await up.wait()
        call.cancel()
        await hung_up.wait()
        with pytest.raises(asyncio.CancelledError):
            await call
