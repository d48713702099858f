"""Whether the far end still knows a call: OPTIONS in the dialog, and what its answers mean."""

from __future__ import annotations

import asyncio
from pathlib import Path
from time import perf_counter

import pytest

from gateway.trunk import Answered, Origin, Progress, Trunk
from tests.gateway.trunk.conftest import Phone
from tests.gateway.trunk.script import (
    ACK,
    ANSWER,
    BYE,
    DONE,
    EARLY,
    HANG_UP,
    INVITE,
    OK,
    Pause,
    Receive,
    Request,
    Respond,
    write_script,
)
from tests.peers.sipp import run_trunk

pytestmark = [pytest.mark.peer, pytest.mark.asyncio(loop_scope="module")]

OPTIONS = Receive("OPTIONS")
GONE = Respond(481, "Call/Transaction Does Not Exist", to_last=True)


@pytest.mark.parametrize(
    ("code", "reason"),
    [(200, "OK"), (405, "Method Not Allowed"), (500, "Server Internal Error"), (603, "Decline")],
)
async def test_any_final_answer_means_that_it_stands(
    phone: Phone, tmp_path: Path, code: int, reason: str
) -> None:
    answer = Respond(code, reason, to_last=True)
    script = write_script(tmp_path, *ANSWER, OPTIONS, answer, OPTIONS, DONE, BYE, DONE)
    async with run_trunk(script, tmp_path) as sipp:
        leg, ear = await phone.dial(sipp.uri)
        await ear.hear(Answered)
        assert await leg.probe(5.0)
        assert await leg.probe(5.0), "and may be asked again"
        await leg.hangup()
        end = await ear.end()
        messages = await sipp.finish()
    assert (end.by, end.cause) == (Origin.LOCAL, "hangup")
    assert ear.kinds == ["Trying", "Ringing", "Answered", "Ended"]
    asked = [each for each in messages if each.method == "OPTIONS" and not each.sent]
    invite = messages[0]
    assert {each.header("call-id") for each in asked} == {invite.header("call-id")}
    assert all("tag=" in (each.header("to") or "") for each in asked), "it is in the dialog"


async def test_a_challenge_is_answered(phone: Phone, tmp_path: Path) -> None:
    challenge = Respond(
        401, "Unauthorized", headers='WWW-Authenticate: Digest realm="t", nonce="n"', to_last=True
    )
    script = write_script(tmp_path, *ANSWER, OPTIONS, challenge, OPTIONS, DONE, BYE, DONE)
    async with run_trunk(script, tmp_path) as sipp:
        leg, ear = await phone.dial(Trunk("test", sipp.uri, "user", None))
        await ear.hear(Answered)
        assert await leg.probe(5.0), "whoever asks for a password is there"
        assert await leg.probe(5.0)
        await leg.hangup()
        await ear.end()
        await sipp.finish()


async def test_no_answer_means_that_it_does_not(phone: Phone, tmp_path: Path) -> None:
    script = write_script(tmp_path, *ANSWER, OPTIONS, Pause(1500), BYE, DONE)
    async with run_trunk(script, tmp_path) as sipp:
        leg, ear = await phone.dial(sipp.uri)
        await ear.hear(Answered)
        began = perf_counter()
        assert not await leg.probe(0.3)
        assert perf_counter() - began < 5
        assert not leg.over, "what follows is not ours to decide"
        await leg.hangup()
        await ear.end()


@pytest.mark.parametrize("to_bye", [GONE, DONE])
async def test_a_dialog_that_nobody_knows_ends(
    phone: Phone, tmp_path: Path, to_bye: Respond
) -> None:
    """RFC 3261 section 12.2.1.2: BYE follows a 481, and the call is over."""
    script = write_script(tmp_path, *ANSWER, OPTIONS, GONE, BYE, to_bye)
    async with run_trunk(script, tmp_path) as sipp:
        leg, ear = await phone.dial(sipp.uri)
        await ear.hear(Answered)
        probe = asyncio.create_task(leg.probe(2.0))
        end = await ear.end()
        assert not await probe
        await sipp.finish()
    assert end.cause == "connection-lost"
    assert leg.over
    assert not await leg.probe(5.0), "a leg that is over is not asked"


@pytest.mark.usefixtures("own_engine")
async def test_what_the_trunk_asks_is_no_answer(phone: Phone, tmp_path: Path) -> None:
    script = write_script(
        tmp_path, *ANSWER, OPTIONS, Request("OPTIONS", 2), Receive(200), Pause(300), *HANG_UP
    )
    async with run_trunk(script, tmp_path) as sipp:
        leg, ear = await phone.dial(sipp.uri)
        await ear.hear(Answered)
        assert not await leg.probe(0.2)
        await ear.end()


async def test_where_the_answer_came_from_is_told(phone: Phone, tmp_path: Path) -> None:
    async with run_trunk(
        write_script(tmp_path, INVITE, EARLY, OK, ACK, *HANG_UP), tmp_path
    ) as sipp:
        _, ear = await phone.dial(sipp.uri)
        progress, answered = await ear.hear(Progress), await ear.hear(Answered)
        await ear.end()
    assert (progress.source, answered.source) == ("127.0.0.1", "127.0.0.1")
