"""Stories of a client that loses its WebSocket and comes back to its calls on another one."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from time import time
from typing import Any, cast

import pytest

from gateway.admission.token import CallClaim, Claims, SharedSecrets, Tokens, issue, new_id
from gateway.calls import news
from gateway.calls.end import By, CallEnd
from gateway.calls.ring import Accepted, Caller, Left, Ring, RingEvent
from gateway.media.events import LegQuality
from gateway.signaling.room import Limits
from gateway.trunk import ReferredTo
from tests.gateway.signaling.conftest import (
    OFFER,
    Client,
    Gateway,
    Message,
    StartGateway,
    placed,
    soon,
)
from tests.gateway.signaling.fakes import NO_LIMITS
from tests.waiting import until

LEG = LegQuality(mos=4.0, loss=0.0, jitter_ms=1.0, rtt_ms=None, level=None, packets=1)
QUALITY = news.Quality(LEG, LEG)
TAKEN_OVER = (4000, "the session goes on by another socket")


@asynccontextmanager
async def opened(
    gateway: Gateway, *, origin: str | None = None, **hello: Any
) -> AsyncIterator[tuple[Client, Message]]:
    """Connect, say hello, and return what comes first."""
    async with gateway.raw(origin=origin) as client:
        await client.send(type="hello", **hello)
        yield client, await client.receive()


async def lose(gateway: Gateway, client: Client) -> None:
    """Cut the client's socket, and wait until the gateway has noticed."""
    before = len(gateway.room.sessions)
    client.connection.transport.abort()
    await until(lambda: len(gateway.room.sessions) > before)


async def types_of(client: Client, count: int) -> list[str]:
    return [(await client.receive())["type"] for _ in range(count)]


async def nothing_more(client: Client) -> None:
    await client.send(type="ping")
    assert await client.receive() == {"type": "pong"}


async def test_calls_outlive_the_socket_and_are_taken_up(gateway: Gateway) -> None:
    async with opened(gateway) as (client, welcome):
        call = await placed(gateway, client)
        call.tell(news.Trying())
        await client.receive()
        await lose(gateway, client)
        call.tell(news.AnswerReady("v=0\r\n"))
        call.tell(news.Ringing(early_media=True))
        call.tell(news.Answered("opus", "PCMU"))
        call.tell(news.Held(By.REMOTE))
    token = welcome["resumeToken"]
    async with opened(gateway, resume=token, received=1) as (client, back):
        assert (back["resume"], back["session"]) == ("resumed", welcome["session"])
        assert (back["received"], back["missed"], back["lost"]) == (1, 4, 0)
        assert back["resumeToken"] == token
        (known,) = back["calls"]
        assert 0 <= known.pop("answeredMs") < 5000
        assert known == {
            "call": "c1",
            "state": "answered",
            "direction": "outgoing",
            "to": "600",
            "earlyMedia": True,
            "held": ["remote"],
            "codec": {"browser": "opus", "trunk": "PCMU"},
        }
        assert await types_of(client, 4) == ["answer", "ringing", "answered", "held"]
        await client.send(type="candidate", call="c1", candidate={"candidate": "candidate:1"})
        assert await soon(call.commands) == ("candidate", "candidate:1")
        await client.send(type="hangup", call="c1")
        assert (await client.receive())["type"] == "ended"
        await nothing_more(client)
    text = gateway.room.metrics.text()
    assert b"gateway_sessions_resumed_total 1.0" in text
    assert b"gateway_sessions_expired_total 0.0" in text


@pytest.mark.parametrize(("received", "missed"), [(0, 5), (2, 3), (5, 0), (99, 0), (None, 2)])
async def test_what_was_missed_comes_once(
    gateway: Gateway, received: int | None, missed: int
) -> None:
    """Also what was written to the socket that was lost; without a count only what came later."""
    said = ["answer", "ringing", "answered", "held", "resumed"]
    async with opened(gateway) as (client, welcome):
        call = await placed(gateway, client)
        call.tell(news.AnswerReady(""))
        call.tell(news.Ringing(early_media=False))
        call.tell(news.Answered("opus", "PCMU"))
        await types_of(client, 3)
        await lose(gateway, client)
        call.tell(news.Held(By.LOCAL))
        call.tell(news.Resumed(By.LOCAL))
    hello: Message = {} if received is None else {"received": received}
    async with opened(gateway, resume=welcome["resumeToken"], **hello) as (client, back):
        assert (back["received"], back["missed"]) == (5 - missed, missed)
        assert await types_of(client, missed) == said[5 - missed :]
        await nothing_more(client)


async def test_passing_readings_and_answers_to_requests_are_not_kept(gateway: Gateway) -> None:
    async with opened(gateway) as (client, welcome):
        call = await placed(gateway, client)
        call.tell(QUALITY)
        await client.receive()
        await nothing_more(client)
        await lose(gateway, client)
        call.tell(QUALITY)
        call.tell(news.DigitHeard("5", 80))
    async with opened(gateway, resume=welcome["resumeToken"], received=0) as (client, back):
        assert (back["received"], back["missed"]) == (0, 1)
        assert await types_of(client, 1) == ["dtmf"]
        await nothing_more(client)


async def test_an_end_while_nobody_is_there_is_told(gateway: Gateway) -> None:
    async with opened(gateway) as (client, welcome):
        call = await placed(gateway, client)
        await lose(gateway, client)
        call.end(By.REMOTE)
    async with opened(gateway, resume=welcome["resumeToken"], received=0) as (client, back):
        assert (back["resume"], back["calls"]) == ("resumed", [])
        ended = await client.receive()
        assert (ended["type"], ended["by"]) == ("ended", "remote")


async def test_an_end_that_went_to_a_dead_socket_is_told(gateway: Gateway) -> None:
    """A network that is gone takes everything, until a ping stays without its pong."""
    async with opened(gateway) as (client, welcome):
        call = await placed(gateway, client)
        call.end(By.REMOTE)
        await lose(gateway, client)
    async with opened(gateway, resume=welcome["resumeToken"], received=0) as (client, back):
        assert back["missed"] == 1
        assert await types_of(client, 1) == ["ended"]


async def test_a_client_that_left_without_calls_is_not_waited_for(gateway: Gateway) -> None:
    async with opened(gateway) as (client, welcome):
        call = await placed(gateway, client)
        call.end(By.REMOTE)
        await client.receive()
        await client.connection.close()
    async with opened(gateway, resume=welcome["resumeToken"]) as (client, back):
        assert (back["resume"], back["calls"]) == ("over", [])
        assert back["session"] != welcome["session"]
        await placed(gateway, client)


async def test_one_that_left_with_calls_may_come_back(gateway: Gateway) -> None:
    async with opened(gateway) as (client, welcome):
        await placed(gateway, client)
        await client.connection.close()
    async with opened(gateway, resume=welcome["resumeToken"]) as (client, back):
        assert [call["state"] for call in back["calls"]] == ["trying"]


async def test_who_stays_away_loses_the_calls(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(window=0.05)
    async with opened(gateway) as (client, welcome):
        call = await placed(gateway, client)
        client.connection.transport.abort()
        name, reason = await soon(call.commands)
        assert (name, reason) == ("abandon", "The page did not come back within 0.05 seconds.")
    async with opened(gateway, resume=welcome["resumeToken"]) as (_, back):
        assert (back["resume"], back["calls"]) == ("over", [])
    assert b"gateway_sessions_expired_total 1.0" in gateway.room.metrics.text()


async def test_a_token_that_nobody_has_made(gateway: Gateway) -> None:
    async with opened(gateway, resume="x" * 43) as (client, back):
        assert (back["type"], back["resume"], back["calls"]) == ("welcome", "unknown", [])
        await placed(gateway, client)


async def test_without_a_window_there_is_no_token(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(window=0)
    async with opened(gateway, resume="x") as (_, welcome):
        assert (welcome["resumeToken"], welcome["resume"]) == (None, "unknown")


@pytest.mark.parametrize(
    "fields", [{"resume": 5}, {"resume": "x" * 129}, {"received": -1}, {"received": "1"}]
)
async def test_a_hello_that_is_none(gateway: Gateway, fields: Message) -> None:
    async with opened(gateway, **fields) as (client, error):
        assert (error["name"], error["fatal"]) == ("bad-message", True)
        assert next(iter(fields)) in error["message"]
        assert (await client.closed())[0] == 1008


async def test_another_socket_takes_over(gateway: Gateway) -> None:
    async with opened(gateway) as (first, welcome):
        call = await placed(gateway, first)
        call.tell(news.Trying())
        await first.receive()
        token = welcome["resumeToken"]
        async with opened(gateway, resume=token, received=1) as (second, back):
            assert (back["resume"], back["missed"]) == ("resumed", 0)
            assert await first.closed() == TAKEN_OVER
            call.tell(news.Ringing(early_media=False))
            assert await types_of(second, 1) == ["ringing"]
            async with opened(gateway, resume=token, received=2) as (third, back):
                assert (back["resume"], back["missed"]) == ("resumed", 0)
                assert await second.closed() == TAKEN_OVER
                assert call.commands.empty()
                await third.send(type="hangup", call="c1")
                assert await soon(call.commands) == ("hangup",)
    assert b"gateway_sessions_resumed_total 2.0" in gateway.room.metrics.text()


async def test_of_many_sockets_at_once_one_has_the_calls(gateway: Gateway) -> None:
    async with opened(gateway) as (client, welcome):
        call = await placed(gateway, client)
        await lose(gateway, client)
    hello = {"type": "hello", "resume": welcome["resumeToken"], "received": 0}
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(gateway.raw()) for _ in range(20)]
        await asyncio.gather(*(client.send(**hello) for client in clients))
        for client in clients:
            assert (await client.receive())["resume"] == "resumed"

        def open_ones() -> list[Client]:
            return [each for each in clients if each.connection.close_code is None]

        await until(lambda: len(open_ones()) == 1)
        (last,) = open_ones()
        for client in clients:
            if client is not last:
                assert await client.closed() == TAKEN_OVER
        await last.send(type="hangup", call="c1")
        assert await soon(call.commands) == ("hangup",)
        assert await types_of(last, 1) == ["ended"]
        await nothing_more(last)


async def test_frames_of_a_socket_that_has_given_way_do_nothing(gateway: Gateway) -> None:
    async with opened(gateway) as (first, welcome):
        call = await placed(gateway, first)
        async with opened(gateway, resume=welcome["resumeToken"]) as (second, _):
            await first.send(type="hangup", call="c1")
            assert await first.closed() == TAKEN_OVER
            await nothing_more(second)
            assert call.commands.empty()


# Who may come back


async def test_not_by_a_page_of_another_origin(start_gateway: StartGateway) -> None:
    shop, other = "https://shop.example", "https://other.example"
    gateway = await start_gateway(origins=(shop, other))
    async with opened(gateway, origin=shop) as (client, welcome):
        call = await placed(gateway, client)
        token = welcome["resumeToken"]
        async with opened(gateway, origin=other, resume=token) as (thief, error):
            assert (error["name"], error["fatal"]) == ("not-allowed", True)
            assert await thief.closed() == (1008, "not-allowed")
        await nothing_more(client)  # it has not given way
        await lose(gateway, client)
        async with opened(gateway, origin=other, resume=token) as (_, error):
            assert error["name"] == "not-allowed"
        async with opened(gateway, origin=shop, resume=token) as (client, back):
            assert back["resume"] == "resumed"
            assert call.commands.empty()


SECRETS = SharedSecrets(("s" * 32,))


def signed(sub: str = "sales", lives: float = 60) -> str:
    claims = Claims(
        sub=sub, jti=new_id(), exp=time() + lives, call=CallClaim.model_validate({"to": ["6*"]})
    )
    return issue(SECRETS.signing, claims, time())


async def test_the_grant_stays_without_a_token(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(tokens=Tokens(SECRETS, time))
    async with opened(gateway, token=signed()) as (client, welcome):
        await placed(gateway, client)
        await lose(gateway, client)
    token = welcome["resumeToken"]
    async with opened(gateway, resume=token) as (client, back):
        assert (back["resume"], back["identity"]) == ("resumed", "sales")
        assert back["expires"] == welcome["expires"]
        await placed(gateway, client, "c2")
        await lose(gateway, client)
    async with opened(gateway, resume=token, token=signed(lives=600)) as (client, back):
        assert back["resume"] == "resumed"
        assert back["expires"] > welcome["expires"]
        assert [call["call"] for call in back["calls"]] == ["c1", "c2"]
        await lose(gateway, client)
    async with opened(gateway, resume=token, token=signed("somebody")) as (_, error):
        assert (error["name"], error["fatal"]) == ("bad-token", True)
    async with opened(gateway, resume="unknown") as (_, error):
        assert error["name"] == "bad-token"  # a new session needs one, as always
    async with opened(gateway, resume=token) as (_, back):
        assert back["resume"] == "resumed"


async def test_calls_outlive_their_token_and_no_new_one_is_placed(
    start_gateway: StartGateway,
) -> None:
    gateway = await start_gateway(tokens=Tokens(SECRETS, time))
    async with opened(gateway, token=signed()) as (client, welcome):
        call = await placed(gateway, client)
        await lose(gateway, client)
        session = cast("Any", gateway.room.sessions.find(welcome["resumeToken"]))
        session.grant = replace(session.grant, expires=1.0)
    async with opened(gateway, resume=welcome["resumeToken"]) as (client, back):
        assert (back["resume"], len(back["calls"])) == ("resumed", 1)
        assert await types_of(client, 1) == ["tokenWillExpire"]
        await client.place("c2")
        error = await client.receive()
        assert (error["name"], error["call"], error["fatal"]) == ("bad-token", "c2", True)
        await client.send(type="hangup", call="c1")
        assert await soon(call.commands) == ("hangup",)


async def test_who_is_blocked_gets_no_session_back(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(tokens=Tokens(SECRETS, time))
    async with opened(gateway, token=signed()) as (client, welcome):
        call = await placed(gateway, client)
        await lose(gateway, client)
    gateway.room.gate.block("identity", "sales", "fraud", by="test")
    token = welcome["resumeToken"]
    async with opened(gateway, resume=token) as (client, error):
        assert (error["name"], error["fatal"]) == ("not-allowed", True)
        assert await client.closed() == (1008, "not-allowed")
    assert call.commands.empty()  # it runs, as calls do that were let in
    await gateway.room.gate.unblock("identity", "sales", by="test")
    async with opened(gateway, resume=token) as (_, back):
        assert back["resume"] == "resumed"


async def test_the_resume_token_is_in_no_log(
    gateway: Gateway, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "gateway")
    async with opened(gateway) as (client, welcome):
        await placed(gateway, client)
        await lose(gateway, client)
    async with opened(gateway, resume=welcome["resumeToken"]):
        pass
    assert any("session resumed" in record.getMessage() for record in caplog.records)
    assert not any(welcome["resumeToken"] in repr(record.__dict__) for record in caplog.records)


# Calls that come in

CALLER = Caller("c0ffee", "lab", "+15550100", "+15550001", "Alice")


async def test_what_rings_goes_on_ringing_and_can_be_taken(gateway: Gateway) -> None:
    events: asyncio.Queue[RingEvent] = asyncio.Queue()
    async with opened(gateway) as (client, welcome):
        await client.send(type="register", identity="sales")
        await client.receive()
        (page,) = gateway.room.directory.pages("sales")
        ring = Ring(CALLER, events.put_nowait)
        ring.tell = page.ring(ring)
        await lose(gateway, client)
        assert len(gateway.room.directory) == 0  # nothing new rings there
    async with opened(gateway, resume=welcome["resumeToken"], received=0) as (client, back):
        assert back["calls"] == [
            {
                "call": "c0ffee",
                "state": "ringing",
                "direction": "incoming",
                "to": "+15550100",
                "from": "+15550001",
                "displayName": "Alice",
                "earlyMedia": False,
                "answeredMs": None,
                "held": [],
            }
        ]
        assert await types_of(client, 1) == ["incoming"]
        await client.send(type="accept", call="c0ffee", offer=OFFER)
        event = await soon(events)
        assert isinstance(event, Accepted)
        event.ring.close(CallEnd.made_here(By.GATEWAY, "answered-elsewhere", 200, "Elsewhere."))
        event.reply.set_result(None)
        assert await types_of(client, 1) == ["ended"]
        await client.send(type="register", identity="sales")
        assert await types_of(client, 1) == ["registered"]


async def test_it_rings_no_more_once_nobody_has_come_back(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(window=0.05)
    events: asyncio.Queue[RingEvent] = asyncio.Queue()
    async with opened(gateway) as (client, _):
        await client.send(type="register", identity="sales")
        await client.receive()
        (page,) = gateway.room.directory.pages("sales")
        ring = Ring(CALLER, events.put_nowait)
        ring.tell = page.ring(ring)
        client.connection.transport.abort()
        assert await soon(events) == Left(ring)
        ring.close(CallEnd.made_here(By.GATEWAY, "no-answer", 480, "Nobody is there."))


# Bounds


async def test_a_client_that_read_nothing_gets_it_all_later(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(Limits(outbox=64, send=0.2))
    async with opened(gateway) as (client, welcome):
        call = await placed(gateway, client)
        client.connection.transport.pause_reading()
        while not len(gateway.room.sessions):
            call.tell(QUALITY)
            await asyncio.sleep(0)
        assert call.commands.empty()
        call.tell(news.DigitHeard("5", 80))
        client.connection.transport.abort()
    async with opened(gateway, resume=welcome["resumeToken"], received=0) as (client, back):
        assert back["missed"] == 1
        assert await types_of(client, 1) == ["dtmf"]


@pytest.mark.parametrize(
    "limits", [Limits(kept=3), Limits(kept_size=220)], ids=["messages", "characters"]
)
async def test_only_the_last_part_is_kept(start_gateway: StartGateway, limits: Limits) -> None:
    gateway = await start_gateway(limits)
    async with opened(gateway) as (client, welcome):
        call = await placed(gateway, client)
        await lose(gateway, client)
        for digit in "123456":
            call.tell(news.DigitHeard(digit, 80))
    async with opened(gateway, resume=welcome["resumeToken"], received=1) as (client, back):
        missed = back["missed"]
        assert 3 <= missed < 5
        assert (back["received"], back["lost"]) == (6 - missed, 5 - missed)
        digits = [(await client.receive())["digit"] for _ in range(missed)]
        assert digits == list("123456")[-missed:]


async def test_an_address_has_so_many_sessions_without_a_socket(
    start_gateway: StartGateway,
) -> None:
    """The one that is too many ends with its socket; those that wait go on waiting."""
    rules = replace(NO_LIMITS, websockets_per_address=2)
    gateway = await start_gateway(limit_rules=rules)
    async with opened(gateway) as (first, kept), opened(gateway) as (second, _):
        calls = [await placed(gateway, client, "c") for client in (first, second)]
        for client in (first, second):
            await lose(gateway, client)
    async with opened(gateway) as (third, lost):
        call = await placed(gateway, third)
        third.connection.transport.abort()
        assert (await soon(call.commands))[0] == "abandon"
    async with opened(gateway, resume=lost["resumeToken"]) as (_, back):
        assert back["resume"] == "over"
    calls[1].end(By.REMOTE)
    async with opened(gateway) as (fourth, taken):
        await placed(gateway, fourth)
        await lose_in_place(gateway, fourth)
    async with opened(gateway, resume=taken["resumeToken"]) as (_, back):
        assert back["resume"] == "resumed"  # in the place of one that has no calls any more
    async with opened(gateway, resume=kept["resumeToken"]) as (_, back):
        assert [call["call"] for call in back["calls"]] == ["c"]
    assert calls[0].commands.empty()


async def lose_in_place(gateway: Gateway, client: Client) -> None:
    """Cut a socket whose session takes the place of another one."""
    client.connection.transport.abort()
    await until(lambda: b"gateway_websocket_sessions 0.0" in gateway.room.metrics.text())


async def test_the_gateway_stops_without_waiting_for_anybody(gateway: Gateway) -> None:
    async with opened(gateway) as (client, welcome):
        call = await placed(gateway, client)
        await lose(gateway, client)
    await gateway.room.sessions.close()
    assert await soon(call.commands) == ("abandon", "The gateway is being restarted.")
    async with opened(gateway, resume=welcome["resumeToken"]) as (client, back):
        assert back["resume"] == "over"
        call = await placed(gateway, client)
        client.connection.transport.abort()
        assert (await soon(call.commands))[0] == "abandon"


async def test_what_it_asks_for_is_judged_by_where_it_is_now(gateway: Gateway) -> None:
    async with opened(gateway) as (client, welcome):
        call = await placed(gateway, client)
        await lose(gateway, client)
    async with gateway.raw(address="127.0.0.2") as client:
        await client.send(type="hello", resume=welcome["resumeToken"])
        assert (await client.receive())["resume"] == "resumed"
        assert gateway.calls.holders[call.id].visitor.address == "127.0.0.2"
        gateway.room.gate.block("address", "127.0.0.2", "fraud", by="key", until=None)
        await client.send(type="transfer", call="c1", to="+15557777")
        assert (await client.receive())["name"] == "not-allowed"
        await client.send(type="transfer", call="c1", identity="sales")
        assert (await client.receive())["name"] == "not-allowed"
        call.tell(news.Referred(7, "+15557777", ReferredTo("+15557777", "lab", number=7)))
        assert (await soon(call.commands))[:2] == ("refuse", 7)
