"""Changes that we propose in mid-call: a re-INVITE of ours, and what a trunk may do with it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from gateway.trunk import Answered, Offered, Origin, Refused, Settled, Trunk, TrunkLeg
from gateway.trunk.config import Secret
from tests.gateway.trunk.conftest import OFFER, Ear, Phone
from tests.gateway.trunk.script import (
    ACK,
    ANSWER,
    BYE,
    DONE,
    HELD,
    INVITE,
    REINVITE,
    SDP,
    Pause,
    Receive,
    Request,
    Respond,
    Step,
    write_script,
)
from tests.peers.process import poll
from tests.peers.sipp import SipMessage, run_trunk

pytestmark = [
    pytest.mark.peer,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.usefixtures("own_engine"),
]

HOLD = OFFER.replace("o=- 7 1", "o=- 7 2").replace("sendrecv", "sendonly")
RESUME = OFFER.replace("o=- 7 1", "o=- 7 3")
HELD_BY_US = SDP.replace("trunk 1 1", "trunk 1 2").replace("sendrecv", "recvonly")
PENDING = Respond(491, "Request Pending")
HANG_UP = (BYE, DONE)


async def until_sent(leg: TrunkLeg, sdp: str) -> None:
    """Propose until it goes out, as a call does."""
    await poll(lambda: leg.propose(sdp), limit=5, what="a re-INVITE goes out", interval=0.02)


async def propose(
    phone: Phone, folder: Path, *steps: Step, trunk: Trunk | None = None
) -> tuple[Ear, list[SipMessage]]:
    """Propose a hold in a call to a scripted trunk, and hang up when that is settled."""
    async with run_trunk(write_script(folder, *ANSWER, *steps, *HANG_UP), folder) as sipp:
        target = sipp.uri if trunk is None else Trunk("test", sipp.uri, "user", Secret("secret"))
        leg, ear = await phone.dial(target)
        await ear.hear(Answered)
        assert await leg.propose(HOLD)
        done = asyncio.create_task(ear.hear(Settled)), asyncio.create_task(ear.hear(Refused))
        await asyncio.wait(done, return_when=asyncio.FIRST_COMPLETED)
        for each in done:
            each.cancel()
        await leg.hangup()
        end = await ear.end()
        assert (end.by, end.cause) == (Origin.LOCAL, "hangup")
        return ear, await sipp.finish()


def offers(messages: list[SipMessage]) -> list[str]:
    """Return our descriptions in INVITEs, as they were put in."""
    sent = [each.body for each in messages if each.method == "INVITE" and not each.sent]
    return [each.replace("\n", "\r\n") + "\r\n" for each in sent]


async def test_agreed(phone: Phone, tmp_path: Path) -> None:
    agreed = Respond(200, "OK", HELD_BY_US, to_last=True)
    ear, messages = await propose(phone, tmp_path, REINVITE, agreed, ACK)
    assert "a=recvonly" in (await ear.hear(Settled)).sdp
    assert offers(messages) == [OFFER, HOLD]


async def test_hold_and_resume(phone: Phone, tmp_path: Path) -> None:
    # The trunk answers the first once it has been asked for the second, and has the digit after it
    held = (REINVITE, Receive("INFO"), DONE, Respond(200, "OK", HELD_BY_US), ACK)
    resumed = (REINVITE, Respond(200, "OK", SDP), ACK)
    async with run_trunk(
        write_script(tmp_path, *ANSWER, *held, *resumed, *HANG_UP), tmp_path
    ) as sipp:
        leg, ear = await phone.dial(sipp.uri)
        await ear.hear(Answered)
        assert await leg.propose(HOLD)
        assert not await leg.propose(RESUME)
        await leg.send_digit("1", 100)
        await ear.hear(Settled)
        await until_sent(leg, RESUME)
        await ear.hear_count(Settled, 2)
        await leg.hangup()
        await ear.end()
        messages = await sipp.finish()
    assert offers(messages) == [OFFER, HOLD, RESUME]


@pytest.mark.parametrize(
    ("code", "headers", "retry_after"),
    [
        (488, "", None),
        (491, "", None),
        (500, "Retry-After: 3", 3),
        (603, "", None),
        (403, "", None),
    ],
)
async def test_refused(
    phone: Phone, tmp_path: Path, code: int, headers: str, retry_after: int | None
) -> None:
    """The call goes on as it was, and the next change follows what stood before."""
    refusal = Respond(code, "No", headers=headers, to_last=True)
    offer = Request("INVITE", 2, HELD)
    steps = (*ANSWER, REINVITE, refusal, ACK, offer, Receive(200), Request("ACK", 2), *HANG_UP)
    async with run_trunk(write_script(tmp_path, *steps), tmp_path) as sipp:
        leg, ear = await phone.dial(sipp.uri)
        await ear.hear(Answered)
        assert await leg.propose(HOLD)
        assert await ear.hear(Refused) == Refused(code, "No", retry_after)
        offered = await ear.hear(Offered)
        await leg.accept_offer(offered.token, HOLD.replace("sendonly", "recvonly"))
        await ear.hear(Settled)
        await leg.hangup()
        await ear.end()
        await sipp.finish()


async def test_an_answer_without_a_description(phone: Phone, tmp_path: Path) -> None:
    ear, _ = await propose(phone, tmp_path, REINVITE, DONE, ACK)
    assert (await ear.hear(Refused)).code == 200


async def test_a_challenge(phone: Phone, tmp_path: Path) -> None:
    asks = 'WWW-Authenticate: Digest realm="t", nonce="n"'
    challenge = Respond(401, "Unauthorized", headers=asks, to_last=True)
    agreed = Respond(200, "OK", HELD_BY_US, to_last=True)
    steps = (REINVITE, challenge, ACK, REINVITE, agreed, ACK)
    ear, messages = await propose(phone, tmp_path, *steps, trunk=Trunk("test", "sip:x"))
    assert ear.kinds.count("Refused") == 0
    assert offers(messages) == [OFFER, HOLD, HOLD]


async def test_a_challenge_without_a_password(phone: Phone, tmp_path: Path) -> None:
    asks = 'WWW-Authenticate: Digest realm="t", nonce="n"'
    challenge = Respond(401, "Unauthorized", headers=asks, to_last=True)
    ear, _ = await propose(phone, tmp_path, REINVITE, challenge, ACK)
    assert (await ear.hear(Refused)).code == 401


async def test_glare(phone: Phone, tmp_path: Path) -> None:
    """Both sides propose at once: 491 each way, and nothing has changed."""
    crossing = Request("INVITE", 2, HELD)
    steps = (REINVITE, crossing, Receive(491), Request("ACK", 2), PENDING, ACK)
    async with run_trunk(write_script(tmp_path, *ANSWER, *steps, *HANG_UP), tmp_path) as sipp:
        leg, ear = await phone.dial(sipp.uri)
        await ear.hear(Answered)
        assert await leg.propose(HOLD)
        assert (await ear.hear(Refused)).code == 491
        assert "Offered" not in ear.kinds
        await leg.hangup()
        await ear.end()
        await sipp.finish()


async def test_while_an_offer_of_theirs_waits(phone: Phone, tmp_path: Path) -> None:
    steps = (
        *(*ANSWER, Request("INVITE", 2, HELD), Receive(200), Pause(300), Request("ACK", 2)),
        *(REINVITE, Respond(200, "OK", HELD_BY_US, to_last=True), ACK, *HANG_UP),
    )
    async with run_trunk(write_script(tmp_path, *steps), tmp_path) as sipp:
        leg, ear = await phone.dial(sipp.uri)
        offered = await ear.hear(Offered)
        assert not await leg.propose(HOLD)
        await leg.accept_offer(offered.token, HOLD.replace("sendonly", "recvonly"))
        await ear.hear(Settled)
        await until_sent(leg, HOLD.replace("o=- 7 2", "o=- 7 3"))
        await ear.hear_count(Settled, 2)
        await leg.hangup()
        await ear.end()
        await sipp.finish()


async def test_hung_up_while_it_waits(phone: Phone, tmp_path: Path) -> None:
    steps = (
        *ANSWER,
        REINVITE,
        Respond(100, "Trying", to_last=True),
        Request("BYE", 2),
        Receive(200),
    )
    async with run_trunk(write_script(tmp_path, *steps, Pause(100)), tmp_path) as sipp:
        leg, ear = await phone.dial(sipp.uri)
        await ear.hear(Answered)
        assert await leg.propose(HOLD)
        end = await ear.end()
        assert (end.by, end.cause) == (Origin.REMOTE, "hangup")
        assert not await leg.propose(HOLD), "a leg that is over proposes nothing"
        await sipp.finish()


async def test_before_the_answer(phone: Phone, tmp_path: Path) -> None:
    steps = (INVITE, Respond(180, "Ringing"), Receive("CANCEL"), DONE, Respond(487, "No"), ACK)
    async with run_trunk(write_script(tmp_path, *steps), tmp_path) as sipp:
        leg, ear = await phone.dial(sipp.uri)
        assert not await leg.propose(HOLD)
        await leg.hangup()
        await ear.end()


async def test_a_dialog_that_nobody_knows(phone: Phone, tmp_path: Path) -> None:
    """481 ends the call (RFC 3261 section 12.2.1.2), and is no refusal."""
    gone = Respond(481, "Call/Transaction Does Not Exist", to_last=True)
    steps = (*ANSWER, REINVITE, gone, ACK, BYE, gone)
    async with run_trunk(write_script(tmp_path, *steps), tmp_path) as sipp:
        leg, ear = await phone.dial(sipp.uri)
        await ear.hear(Answered)
        assert await leg.propose(HOLD)
        assert (await ear.end()).cause == "connection-lost"
        assert "Refused" not in ear.kinds
        await sipp.finish()
