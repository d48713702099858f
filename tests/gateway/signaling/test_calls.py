"""Stories of the calls of one page: its commands, and what it is told, over a real WebSocket."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from gateway.admission.policy import Policy
from gateway.calls import news
from gateway.calls.end import By
from gateway.errors import OfferError, RequestError, UnavailableError
from gateway.media.events import LegQuality
from gateway.signaling.room import Limits
from tests.gateway.log_fields import fields as fields_of
from tests.gateway.signaling.conftest import Gateway, StartGateway, placed, soon
from tests.gateway.signaling.fakes import FakeCall

BROWSER_LEG = LegQuality(
    mos=4.1234, loss=0.012345, jitter_ms=2.345, rtt_ms=45.678, level=28, packets=99
)
TRUNK_LEG = LegQuality(mos=None, loss=1.0, jitter_ms=0.0, rtt_ms=None, level=None, packets=0)


async def test_a_call_from_offer_to_end(gateway: Gateway) -> None:
    async with gateway.client() as client:
        await client.place(
            to="+1 (555) 123-4567",
            displayName='Zoë "Z"',
            headers={"X-Order": "7"},
            **{"from": "+15550001"},
        )
        call: FakeCall = await soon(gateway.calls.placed)
        assert call.request.to == "+15551234567"
        assert (call.request.caller, call.request.display_name) == ("+15550001", 'Zoë "Z"')
        assert call.request.headers == (("X-Order", "7"),)
        assert call.request.offer == "v=0\r\n"
        for event in (
            news.Trying(),
            news.AnswerReady("v=0\r\nanswer"),
            news.Ringing(early_media=False),
            news.Answered("opus", "PCMU"),
            news.DigitHeard("5", 80),
            news.Quality(BROWSER_LEG, TRUNK_LEG),
        ):
            call.tell(event)
        call.end(By.REMOTE)
        types = [await client.receive() for _ in range(7)]
        assert [message["type"] for message in types] == [
            "trying",
            "answer",
            "ringing",
            "answered",
            "dtmf",
            "quality",
            "ended",
        ]
        assert {message["call"] for message in types} == {"c1"}
        assert types[-1]["durationMs"] == 1500
        assert types[-2]["browser"] == {
            "mos": 4.12,
            "loss": 0.0123,
            "jitterMs": 2.3,
            "rttMs": 45.7,
            "level": 28,
            "packets": 99,
        }
        counted = gateway.room.metrics.text()
        assert b'gateway_call_setup_seconds_count{stage="answered"} 1.0' in counted
        assert b'gateway_leg_mos_count{leg="browser"} 1.0' in counted
        assert b'gateway_leg_loss_ratio_sum{leg="trunk"} 1.0' in counted


async def test_commands_sent_while_placing_arrive_in_order(gateway: Gateway) -> None:
    gateway.calls.may_place.clear()
    async with gateway.client() as client:
        await client.place()
        for number in range(20):
            await client.send(
                type="candidate", call="c1", candidate={"candidate": f"candidate:{number}"}
            )
        await client.send(type="candidate", call="c1", candidate={"candidate": ""})
        await client.send(type="candidate", call="c1", candidate=None)
        await client.send(type="dtmf", call="c1", digits="1a", duration=50, gap=40)
        await client.send(type="restart", call="c1", offer={"type": "offer", "sdp": "v=1"})
        await client.send(type="candidate", call="c1", candidate={"candidate": "candidate:new"})
        await client.send(type="hangup", call="c1")
        await client.send(type="ping")
        assert await client.receive() == {"type": "pong"}  # the reader waits for no call
        gateway.calls.may_place.set()
        call: FakeCall = await soon(gateway.calls.placed)
        commands = [await soon(call.commands) for _ in range(26)]
        assert commands[:20] == [("candidate", f"candidate:{number}") for number in range(20)]
        assert commands[20:] == [
            ("candidate", None),
            ("candidate", None),
            ("digits", "1A", 50, 40),
            ("restart", "v=1"),
            ("candidate", "candidate:new"),
            ("hangup",),
        ]
        assert (await client.receive())["type"] == "ended"


async def test_too_many_commands_are_refused(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(Limits(commands=2))
    gateway.calls.may_place.clear()
    async with gateway.client() as client:
        await client.place()
        for _ in range(3):
            await client.send(type="candidate", call="c1", candidate=None)
        error = await client.receive()
        assert (error["name"], error["fatal"], error["call"]) == ("no-capacity", False, "c1")
        gateway.calls.may_place.set()


async def test_a_call_that_cannot_be_placed_is_over(gateway: Gateway) -> None:
    gateway.calls.failure = OfferError("the offer has no audio")
    async with gateway.client() as client:
        await client.place()
        assert await client.receive() == {
            "type": "error",
            "code": 488,
            "name": "bad-offer",
            "message": "the offer has no audio",
            "fatal": True,
            "call": "c1",
        }
        gateway.calls.failure = None
        await placed(gateway, client)  # and its id is free again


@pytest.mark.parametrize(
    ("fields", "code", "name"),
    [
        ({"to": "sip:a@evil.example"}, 484, "bad-target"),
        ({"to": "600\r\nX-Evil: 1"}, 484, "bad-target"),
        ({"to": "+15551234567"}, 403, "not-allowed"),
        ({"from": "<600>"}, 400, "bad-request"),
        ({"displayName": "A\r\nX-Evil: 1"}, 400, "bad-request"),
        ({"headers": {"X-A": "1\r\nX-Evil: 1"}}, 400, "bad-request"),
        ({"headers": {"Via": "1"}}, 400, "bad-request"),
        ({"to": 600}, 400, "bad-message"),
        ({"offer": None}, 400, "bad-message"),
    ],
)
async def test_what_admission_refuses_is_never_placed(
    start_gateway: StartGateway, fields: dict[str, Any], code: int, name: str
) -> None:
    gateway = await start_gateway(policy=Policy(allow=("6",)))
    async with gateway.client() as client:
        frame = {"to": "600", "offer": {"type": "offer", "sdp": ""}, **fields}
        await client.send(type="call", call="c1", **frame)
        error = await client.receive()
        assert (error["code"], error["name"]) == (code, name)
        assert (error["fatal"], error["call"]) == (True, "c1")
        assert gateway.calls.placed.empty()


async def test_an_id_is_for_one_call(gateway: Gateway) -> None:
    async with gateway.client() as client:
        call = await placed(gateway, client)
        await client.place()
        error = await client.receive()
        assert (error["name"], error["fatal"], error["call"]) == ("bad-request", False, "c1")
        call.end(By.REMOTE)
        assert (await client.receive())["type"] == "ended"
        second = await placed(gateway, client)
        assert second.id != call.id
        await client.send(type="hangup", call="c1")
        assert await soon(second.commands) == ("hangup",)


async def test_a_restart_is_answered_or_refused_and_may_fail(gateway: Gateway) -> None:
    async with gateway.client() as client:
        call = await placed(gateway, client)
        call.failure = OfferError("no audio")
        await client.send(type="restart", call="c1", offer={"type": "offer", "sdp": "v=1"})
        error = await client.receive()
        assert (error["code"], error["name"], error["fatal"]) == (488, "bad-offer", False)
        assert error["call"] == "c1"
        assert "id" not in error
        call.failure = None
        call.tell(news.AnswerReady("v=2"))
        call.tell(news.RestartFailed("No way."))
        answer, failed = await client.receive(), await client.receive()
        assert answer["answer"] == {"type": "answer", "sdp": "v=2"}
        assert "id" not in {**answer, **failed}
        assert (failed["name"], failed["fatal"]) == ("restart-failed", False)
        assert failed["message"] == "The call goes on as it was. No way."


async def test_what_does_not_work_is_in_the_log_and_not_at_the_page(
    gateway: Gateway, caplog: pytest.LogCaptureFixture
) -> None:
    async with gateway.client() as client:
        call = await placed(gateway, client)
        call.failure = UnavailableError("media.ports are in use")
        await client.send(type="hold", call="c1")
        await client.send(type="restart", call="c1", offer={"type": "offer", "sdp": "v=1"})
        told = [await client.receive() for _ in range(2)]
    assert {each["name"] for each in told} == {"service-unavailable"}
    assert "media.ports" not in str(told)
    assert caplog.text.count("a command failed: media.ports are in use") == 2


async def test_what_becomes_of_a_restart_has_its_id(gateway: Gateway) -> None:
    async with gateway.client() as client:
        call = await placed(gateway, client)
        offer = {"type": "offer", "sdp": "v=1"}
        for name, failure in (("refused", OfferError("no audio")), ("taken", None)):
            call.failure = failure
            await client.send(type="restart", call="c1", offer=offer, id=name)
            assert await soon(call.commands) == ("restart", "v=1", name)
            if failure is not None:
                assert (await client.receive())["id"] == name
        call.tell(news.AnswerReady("v=2", "taken"))
        call.tell(news.RestartFailed("No way.", "taken"))
        told = [await client.receive() for _ in range(2)]
        assert [(each["type"], each["id"]) for each in told] == [
            ("answer", "taken"),
            ("error", "taken"),
        ]
        await client.send(type="restart", call="c2", offer=offer, id="of-nothing")
        unknown = await client.receive()
        assert (unknown["name"], unknown["id"]) == ("unknown-call", "of-nothing")
        await client.send(type="restart", call="c1", offer={"type": "answer"}, id="unreadable")
        unreadable = await client.receive()
        assert (unreadable["name"], unreadable["id"]) == ("bad-message", "unreadable")


async def test_a_call_that_goes_on_at_another_page_is_over_here(gateway: Gateway) -> None:
    async with gateway.client() as client:
        call = await placed(gateway, client)
        call.heir = lambda event: None
        call.hand_over()
        ended = await client.receive()
        assert (ended["cause"], ended["by"], ended["durationMs"]) == ("handed-over", "local", 1000)
        await client.send(type="hangup", call="c1")
        assert (await client.receive())["name"] == "unknown-call"
        # Nobody rang for it, and so nobody has it
        assert (await soon(call.commands))[0] == "abandon"
        assert call.commands.empty()


async def test_an_unknown_call_is_said(gateway: Gateway) -> None:
    async with gateway.client() as client:
        for fields in (
            {"type": "hangup"},
            {"type": "dtmf", "digits": "1"},
            {"type": "candidate", "candidate": None},
        ):
            await client.send(call="c9", **fields)
            error = await client.receive()
            assert (error["code"], error["name"]) == (481, "unknown-call")
            assert (error["fatal"], error["call"]) == (False, "c9")


async def test_a_session_has_a_limit_of_calls(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(Limits(calls=2))
    async with gateway.client() as client:
        await placed(gateway, client, "c1")
        await placed(gateway, client, "c2")
        await client.place("c3")
        error = await client.receive()
        assert (error["code"], error["name"]) == (503, "no-capacity")
        assert (error["fatal"], error["call"]) == (True, "c3")


async def test_a_refused_command_leaves_the_call(gateway: Gateway) -> None:
    async with gateway.client() as client:
        call = await placed(gateway, client)
        call.failure = RequestError("digits can be sent once the far end answers")
        await client.send(type="dtmf", call="c1", digits="1")
        error = await client.receive()
        assert (error["name"], error["fatal"], error["call"]) == ("bad-request", False, "c1")
        call.failure = None
        await client.send(type="hangup", call="c1")
        assert (await client.receive())["type"] == "ended"


async def test_a_fault_of_ours_costs_the_call_and_not_the_session(
    gateway: Gateway, caplog: pytest.LogCaptureFixture
) -> None:
    gateway.calls.failure = ZeroDivisionError("secret detail")
    async with gateway.client() as client:
        await client.place()
        error = await client.receive()
        assert (error["code"], error["name"], error["fatal"]) == (500, "internal", True)
        assert "secret" not in error["message"]
        gateway.calls.failure = None
        call = await placed(gateway, client, "c2")
        call.failure = ZeroDivisionError()
        await client.send(type="dtmf", call="c2", digits="1")
        error = await client.receive()
        assert (error["name"], error["fatal"]) == ("internal", False)
        call.failure = None
    logged = [record for record in caplog.records if record.levelno >= logging.ERROR]
    names = [(fields_of(record)["page_call"], fields_of(record).get("call")) for record in logged]
    assert names == [("c1", None), ("c2", "gw-1")]
