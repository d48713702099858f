"""Stories of a client that loses its WebSocket and comes back to its calls on another one."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, cast

import pytest

from gateway.calls import news
from gateway.calls.end import By, CallEnd
from gateway.calls.request import CallRequest
from gateway.calls.ring import Accepted, Caller, Left, Ring, RingEvent
from gateway.signaling.room import Limits
from tests.gateway.signaling.conftest import (
    OFFER,
    Client,
    Gateway,
    Message,
    StartGateway,
    placed,
    soon,
)
from tests.gateway.signaling.fakes import FakeCall
from tests.gateway.signaling.lost_socket import (
    QUALITY,
    TAKEN_OVER,
    lose,
    nothing_more,
    opened,
    types_of,
)
from tests.waiting import until

if TYPE_CHECKING:
    from gateway.calls.call import Call


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


async def test_the_client_is_told_what_it_has_said_in_vain(gateway: Gateway) -> None:
    """Each message with a call counts, also one that is refused or cannot be read."""
    async with opened(gateway) as (client, welcome):
        assert welcome["heard"] == 0
        call = await placed(gateway, client)
        await client.send(type="ping")
        await client.send(type="dtmf", call="c1", digits="5")
        await client.send(type="hold", call="unknown")
        await client.send(type="dtmf", call="c1", digits="no digits")
        assert await types_of(client, 3) == ["pong", "error", "error"]
        await soon(call.commands)
        await lose(gateway, client)
    async with opened(gateway, resume=welcome["resumeToken"]) as (first, back):
        assert back["heard"] == 4
        await first.send(type="dtmf", call="c1", digits="6")
        await soon(call.commands)
        async with opened(gateway, resume=welcome["resumeToken"]) as (second, again):
            assert again["heard"] == 5
            await first.send(type="dtmf", call="c1", digits="7")
            assert await first.closed() == TAKEN_OVER
            await nothing_more(second)
        assert call.commands.empty(), "what a socket says that has given way"
    async with opened(gateway, resume=welcome["resumeToken"]) as (_, last):
        assert last["heard"] == 5


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
        event.ring.close(CallEnd.made_here(By.GATEWAY, "answered-elsewhere", 487, "Elsewhere."))
        event.reply.set_result(None)
        assert await types_of(client, 1) == ["ended"]
        await client.send(type="register", identity="sales")
        assert await types_of(client, 1) == ["registered"]


@pytest.mark.parametrize("answered", [False, True])
async def test_what_was_accepted_before_the_page_was_loaded_anew(
    gateway: Gateway, answered: bool
) -> None:
    """It rings no more: the next page brings the call's media up, by whichever word it knows."""
    events: asyncio.Queue[RingEvent] = asyncio.Queue()
    async with opened(gateway) as (client, welcome):
        await client.send(type="register", identity="sales")
        await client.receive()
        (page,) = gateway.room.directory.pages("sales")
        ring = Ring(CALLER, events.put_nowait)
        ring.tell = page.ring(ring)
        assert await types_of(client, 1) == ["incoming"]
        await client.send(type="accept", call="c0ffee", offer=OFFER)
        event = await soon(events)
        assert isinstance(event, Accepted)
        ring.over = True
        call = FakeCall("c0ffee", CallRequest("600", ""), ring.tell)
        event.reply.set_result(cast("Call", call))
        await nothing_more(client)
        await lose(gateway, client)
    async with opened(gateway, resume=welcome["resumeToken"], received=1) as (client, back):
        (known,) = back["calls"]
        assert (known["state"], known["direction"]) == ("trying", "incoming")
        if answered:  # the first page's media came up in its last moment
            call.tell(news.Answered("opus", "PCMU"))
            await client.receive()
        await client.send(type="restart", call="c0ffee", offer=OFFER, id="r1")
        assert await soon(call.commands) == ("restart", OFFER["sdp"], "r1")
        await client.send(type="accept", call="c0ffee", offer=OFFER)
        assert await soon(call.commands) == ("restart", OFFER["sdp"])
        await client.send(type="accept", call="c0ffee", offer=OFFER)  # by the same page
        assert (await client.receive())["name"] == "bad-request"
        assert gateway.room.gate.limits.running == 1
        call.end(By.REMOTE)
        assert await types_of(client, 1) == ["ended"]
        await until(lambda: gateway.room.gate.limits.running == 0)


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
