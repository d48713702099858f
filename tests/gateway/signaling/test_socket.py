"""Stories of a page and its WebSocket, over a real one, with fake calls behind it."""

from __future__ import annotations

import asyncio
import itertools

import pytest
from websockets.exceptions import InvalidStatus

from gateway.admission.grant import EVERYBODY, Visitor
from gateway.calls import news
from gateway.calls.end import By
from gateway.calls.record import CallRecord
from gateway.signaling.messages import Offer, PlaceCall
from gateway.signaling.room import Limits, Room
from gateway.signaling.session import Session
from tests.gateway.signaling.conftest import OFFER, Gateway, Message, StartGateway, placed, soon
from tests.gateway.signaling.fakes import FakeCall, FakeCalls, open_gate

# Opening


async def test_a_page_is_welcomed(gateway: Gateway) -> None:
    async with gateway.raw() as client:
        assert client.connection.subprotocol == "gateway.v1"
        await client.send(type="hello")
        welcome = await client.receive()
    assert welcome["type"] == "welcome"
    assert welcome["session"]
    assert (welcome["iceServers"], welcome["calls"]) == ([], [])


@pytest.mark.parametrize(
    ("subprotocol", "origin", "status", "rule"),
    [
        (None, None, 400, b"subprotocol 'gateway.v1' is needed"),
        ("gateway.v2", None, 400, b"subprotocol 'gateway.v1' is needed"),
        ("gateway.v1", "http://evil.example", 403, b"Pages of this origin may not connect"),
    ],
)
async def test_others_are_refused_with_the_reason(
    gateway: Gateway, subprotocol: str | None, origin: str | None, status: int, rule: bytes
) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with gateway.raw(subprotocol=subprotocol, origin=origin):
            pass
    assert refused.value.response.status_code == status
    assert rule in refused.value.response.body
    assert b"admission" not in refused.value.response.body, "keys are for the log alone"


async def test_own_and_listed_pages_may_connect(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(origins=("https://shop.example",))
    for origin in (f"http://127.0.0.1:{gateway.port}", "https://shop.example"):
        async with gateway.raw(origin=origin) as client:
            await client.send(type="hello")
            assert (await client.receive())["type"] == "welcome"


async def test_where_origins_are_listed_one_is_needed(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(origins=("https://shop.example",))
    with pytest.raises(InvalidStatus) as refused:
        async with gateway.raw():
            pass
    assert refused.value.response.status_code == 403
    assert b"The Origin header is missing." in refused.value.response.body


async def test_without_hello_the_socket_closes(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(Limits(hello=0.05))
    async with gateway.raw() as client:
        assert await client.closed() == (4408, "no hello within 0.05 s")


@pytest.mark.parametrize("frame", ['{"type": "ping"}', "{", '{"type": "restart"}', b"\0"])
async def test_the_first_frame_must_be_hello(gateway: Gateway, frame: str | bytes) -> None:
    async with gateway.raw() as client:
        await client.connection.send(frame)
        error = await client.receive()
        assert (error["type"], error["fatal"]) == ("error", True)
        assert await client.closed() == (1008, "the first frame must be hello")


async def test_hello_comes_once(gateway: Gateway) -> None:
    async with gateway.client() as client:
        await client.send(type="hello")
        assert (await client.receive())["name"] == "bad-request"
        await client.send(type="ping")
        assert await client.receive() == {"type": "pong"}


# Frames


@pytest.mark.parametrize(
    ("frame", "rule"),
    [
        ("{", "the frame is not JSON"),
        ("[]", "not a JSON object"),
        ('{"type": "sing"}', "'sing': that message is unknown"),
        (b"{}", "the frame is binary"),
        ('{"type": "ping", "pad": "' + "x" * 65536 + '"}', "has 65563 bytes: at most 65536"),
        ('{"type": "ping", "pad": "' + "é" * 32768 + '"}', "has 65563 bytes: at most 65536"),
    ],
    ids=["half", "list", "unknown", "binary", "big", "big in bytes"],
)
async def test_a_bad_frame_is_an_error_and_the_socket_stays(
    gateway: Gateway, frame: str | bytes, rule: str
) -> None:
    async with gateway.client() as client:
        await client.connection.send(frame)
        error = await client.receive()
        assert (error["name"], error["code"], error["fatal"]) == ("bad-message", 400, False)
        assert rule in error["message"]
        await client.send(type="ping")
        assert await client.receive() == {"type": "pong"}


async def test_a_frame_of_64_kib_is_taken(gateway: Gateway) -> None:
    async with gateway.client() as client:
        await client.connection.send('{"type": "ping"}'.ljust(65536))
        assert await client.receive() == {"type": "pong"}


async def test_a_frame_beyond_all_measure_closes(gateway: Gateway) -> None:
    async with gateway.client() as client:
        await client.connection.send("x" * (1024 * 1024 + 1))
        assert (await client.closed())[0] == 1009


async def test_ten_bad_frames_close_the_socket_and_its_calls(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(window=0)
    async with gateway.client() as client:
        call = await placed(gateway, client)
        for _ in range(10):
            await client.connection.send("{")
        for _ in range(10):
            assert (await client.receive())["name"] == "bad-message"
        assert (await soon(call.commands))[0] == "abandon"
        ended = await client.receive()
        assert (ended["type"], ended["by"]) == ("ended", "gateway")
        assert await client.closed() == (1008, "10 bad frames")


async def test_bad_frames_of_an_hour_close_nothing(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = itertools.count(1000.0, 10.0)
    monkeypatch.setattr("gateway.signaling.socket.monotonic", lambda: next(now))
    async with gateway.client() as client:
        for _ in range(30):
            await client.connection.send("{")
            assert (await client.receive())["name"] == "bad-message"
        await client.send(type="ping")
        assert await client.receive() == {"type": "pong"}


@pytest.mark.parametrize("given", [5, None, "x" * 65])
async def test_a_call_without_a_name_ends_no_session(gateway: Gateway, given: object) -> None:
    """Without a call, `fatal` would say that the session is over."""
    async with gateway.client() as client:
        await client.send(type="call", call=given, to="600", offer=OFFER)
        error = await client.receive()
        assert (error["name"], error["fatal"]) == ("bad-message", False)
        await client.send(type="ping")
        assert await client.receive() == {"type": "pong"}


@pytest.mark.parametrize(
    ("fields", "recorded"),
    [
        ({"call": "c1", "to": "600", "offer": 5}, ("c1", "600")),
        ({"call": "c1", "to": 600, "offer": OFFER}, ("c1", "")),
        ({"call": "", "to": "600", "offer": OFFER}, ("", "600")),
        ({"call": None, "to": "600", "offer": OFFER}, ("", "600")),
        ({"call": "c1", "to": "600", "offer": OFFER, "pad": "x" * 65536}, ("c1", "600")),
    ],
    ids=["offer", "to", "call", "no call", "big"],
)
async def test_a_call_that_cannot_be_read_is_one_that_was_refused(
    gateway: Gateway, fields: dict[str, object], recorded: tuple[str, str]
) -> None:
    async with gateway.client() as client:
        await client.send(type="call", **fields)
        assert (await client.receive())["name"] == "bad-message"
        ((request, error),) = gateway.calls.refusals
        assert (request.page_call, request.to, error.name) == (*recorded, "bad-message")
        assert request.visitor.address == "127.0.0.1"
        record = CallRecord("row", request, "", 0.0)
        record.refuse(error, 0.0)
        assert record.is_refused, "else a flood of them is not bounded"
    assert b'gateway_calls_refused_total{name="bad-message"} 1.0' in gateway.room.metrics.text()


async def test_what_begins_no_call_is_none_that_was_refused(gateway: Gateway) -> None:
    async with gateway.client() as client:
        await placed(gateway, client, "c1")
        for kind, call in (("call", "c1"), ("preflight", "p1"), ("hold", "c2"), ("sing", "c3")):
            await client.send(type=kind, call=call, to=5, offer=5)
            assert (await client.receive())["name"] in ("bad-message", "unknown-call")
    assert gateway.calls.refusals == []
    text = gateway.room.metrics.text()
    assert b"gateway_calls_refused_total{" not in text
    assert b'gateway_preflights_refused_total{name="bad-message"} 1.0' in text


async def test_a_bad_call_by_the_name_of_another_one_ends_neither(gateway: Gateway) -> None:
    async with gateway.client() as client:
        call = await placed(gateway, client, "c1")
        await client.send(type="call", call="c1", to=5, offer=OFFER)
        error = await client.receive()
        assert (error["name"], error["call"], error["fatal"]) == ("bad-message", "c1", False)
        await client.send(type="hangup", call="c1")
        assert (await soon(call.commands))[0] == "hangup"


@pytest.mark.parametrize(
    ("message", "about"),
    [
        ({"type": "restart", "call": "c1", "id": "r1"}, {"call": "c1", "id": "r1", "fatal": False}),
        ({"type": "call", "call": "c2"}, {"call": "c2", "fatal": True}),
    ],
    ids=["restart", "call"],
)
async def test_a_frame_that_is_too_long_is_known_by_its_ids(
    gateway: Gateway, message: Message, about: Message
) -> None:
    async with gateway.client() as client:
        await placed(gateway, client, "c1")
        await client.send(**message, to="600", offer={"type": "offer", "sdp": "v" * 70_000})
        error = await client.receive()
        assert "bytes: at most 65536 are allowed" in error["message"]
        assert {name: error.get(name) for name in about} == about


# Ends


async def test_a_dropped_socket_ends_its_calls(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(window=0)
    async with gateway.client() as client:
        calls = [await placed(gateway, client, name) for name in ("c1", "c2")]
        client.connection.transport.abort()
        for call in calls:
            name, reason = await soon(call.commands)
            assert name == "abandon"
            assert "connection" in reason


async def test_a_socket_that_drops_while_placing_ends_the_call(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(window=0)
    gateway.calls.may_place.clear()
    async with gateway.client() as client:
        await client.place()
        await client.send(type="ping")
        await client.receive()
        client.connection.transport.abort()
    gateway.calls.may_place.set()
    call: FakeCall = await soon(gateway.calls.placed)
    assert (await soon(call.commands))[0] == "abandon"


async def test_a_client_that_does_not_read_is_closed(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(Limits(outbox=8, send=0.2), window=0)
    async with gateway.client() as client:
        call = await placed(gateway, client)
        client.connection.transport.pause_reading()
        description = "x" * 1_000_000
        async with asyncio.timeout(10):
            while call.commands.empty():
                call.tell(news.AnswerReady(description))
                await asyncio.sleep(0)
        assert (await soon(call.commands))[0] == "abandon"
        client.connection.transport.abort()


async def test_a_page_with_a_call_that_vanished_is_noticed(
    monkeypatch: pytest.MonkeyPatch, start_gateway: StartGateway
) -> None:
    """It is pinged more often than one without: its call goes on, and costs money."""
    monkeypatch.setattr("gateway.app.PING_INTERVAL", 0.05)
    monkeypatch.setattr("gateway.app.PING_TIMEOUT", 0.05)
    gateway = await start_gateway(window=0)
    async with gateway.client() as client:
        call = await placed(gateway, client)
        client.connection.transport.pause_reading()
        assert (await soon(call.commands))[0] == "abandon"
        client.connection.transport.abort()


class Watched:
    """A socket of which only that counts."""

    def __init__(self) -> None:
        self.watched: list[bool] = []

    def send(self, text: str) -> None:
        pass

    def give_way(self) -> None:
        pass

    def watch(self, on: bool) -> None:
        self.watched.append(on)


async def test_pages_are_watched_while_they_have_calls() -> None:
    line = Watched()
    calls = FakeCalls()
    room = Room(calls=calls, gate=open_gate())
    visitor = Visitor(address="192.0.2.1", origin=None, session="s")
    session = Session(visitor, EVERYBODY, room, line)
    fakes = []
    for name in ("c1", "c2"):
        session.receive(
            PlaceCall(type="call", call=name, to="600", offer=Offer(type="offer", sdp=""))
        )
        fakes.append(await soon(calls.placed))
    for fake in fakes:
        fake.end(By.REMOTE)
    await session.close("over")
    assert line.watched == [True, True, True, False]


async def test_a_client_that_only_asks_slows_only_itself(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(Limits(outbox=4))
    async with gateway.client() as client:
        for _ in range(200):
            await client.connection.send('{"type": "ping"}')
        assert [await client.receive() for _ in range(200)] == [{"type": "pong"}] * 200


async def test_a_page_that_leaves_ends_its_calls(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(window=0)
    async with gateway.client() as client:
        call = await placed(gateway, client)
        await client.connection.close()
        assert (await soon(call.commands))[0] == "abandon"
