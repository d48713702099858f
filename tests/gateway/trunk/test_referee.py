"""A REFER of the far end: its answer, our reports, and the INVITE that follows, on the wire."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from gateway.trunk import Answered, Digit, Ended, Referred, ReferredTo, Trunk, TrunkLeg
from gateway.trunk.config import DialRequest
from tests.gateway.trunk.conftest import OFFER, Ear, Phone
from tests.gateway.trunk.script import (
    ANSWER,
    BYE,
    DONE,
    HANG_UP,
    Receive,
    Request,
    Step,
    write_script,
)
from tests.peers.sipp import SipMessage, Sipp, run_trunk

pytestmark = [
    pytest.mark.peer,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.usefixtures("own_engine"),
]

NOTIFY = (Receive("NOTIFY"), DONE)
PRESS = Request("INFO", 4, "Signal=5", "Content-Type: application/dtmf-relay")


def refer(cseq: int, to: str = "<sip:+15557777@127.0.0.1>", headers: str = "") -> Request:
    return Request("REFER", cseq, headers="\n".join((f"Refer-To: {to}", headers)).strip())


@asynccontextmanager
async def answered(
    phone: Phone, folder: Path, *steps: Step, transfers: bool = True
) -> AsyncIterator[tuple[TrunkLeg, Ear, Sipp]]:
    """Have a scripted trunk answer, and do its steps."""
    async with run_trunk(write_script(folder, *ANSWER, *steps), folder) as sipp:
        trunk = Trunk("test", sipp.uri, caller_id="+15550001", transfers=transfers)
        leg, ear = await phone.dial(trunk)
        await ear.hear(Answered)
        yield leg, ear, sipp


def said(messages: list[SipMessage], method: str) -> list[SipMessage]:
    """Return our requests of a method, without those that were sent again."""
    ours = (each for each in messages if each.status is None and not each.sent)
    return list({each.header("cseq"): each for each in ours if each.method == method}.values())


async def test_accepted_and_reported(phone: Phone, tmp_path: Path) -> None:
    steps = (refer(2), Receive(202), *NOTIFY, *NOTIFY, *NOTIFY, BYE, DONE)
    async with answered(phone, tmp_path, *steps) as (leg, ear, sipp):
        asked = await ear.hear(Referred)
        assert asked.referral == ReferredTo("+15557777", "test", number=2)
        assert await leg.accept_referral(asked.token)
        assert not await leg.accept_referral(asked.token)
        await leg.report(180, "Ringing")
        await leg.report(200, "OK", last=True)
        await leg.report(486, "Busy Here", last=True)  # nobody waits for it any more
        await leg.hangup(cause="transferred")
        await ear.end()
        messages = await sipp.finish()
    reports = said(messages, "NOTIFY")
    assert [each.body.strip() for each in reports] == [
        "SIP/2.0 100 Trying",
        "SIP/2.0 180 Ringing",
        "SIP/2.0 200 OK",
    ]
    assert {each.header("event") for each in reports} == {"refer"}
    states = [(each.header("subscription-state") or "").partition(";")[0] for each in reports]
    assert states == ["active", "active", "terminated"]
    assert reports[0].header("content-type") == "message/sipfrag;version=2.0"
    accepted = next(each for each in messages if each.status == 202)
    assert "sip:" in (accepted.header("contact") or "")
    (invite,) = said(messages, "INVITE")
    assert ("allow", "REFER") in invite.headers


async def test_the_second_is_named(phone: Phone, tmp_path: Path) -> None:
    steps = (
        *(refer(2), Receive(202), *NOTIFY, refer(3), Receive(491), PRESS, Receive(200), *NOTIFY),
        *(refer(5), Receive(202), *NOTIFY, *NOTIFY, *HANG_UP),
    )
    async with answered(phone, tmp_path, *steps) as (leg, ear, sipp):
        first = await ear.hear(Referred)
        await leg.accept_referral(first.token)
        await ear.hear(Digit)
        await leg.report(486, "Busy Here", last=True)
        second = await ear.hear_count(Referred, 2)
        await leg.accept_referral(second.token)
        await leg.report(603, "Decline", last=True)
        await ear.end()
        messages = await sipp.finish()
    assert [each.header("event") for each in said(messages, "NOTIFY")] == [
        *("refer", "refer", "refer;id=5", "refer;id=5"),
    ]


async def test_refused_by_the_call(phone: Phone, tmp_path: Path) -> None:
    steps = (refer(2), Receive(603), refer(3), Receive(202), *NOTIFY, *HANG_UP)
    async with answered(phone, tmp_path, *steps) as (leg, ear, sipp):
        await leg.refuse_referral((await ear.hear(Referred)).token, 603)
        await leg.accept_referral((await ear.hear_count(Referred, 2)).token)
        await ear.end()
        await sipp.finish()


async def test_without_reports(phone: Phone, tmp_path: Path) -> None:
    steps = (refer(2, headers="Refer-Sub: false"), Receive(202), *HANG_UP)
    async with answered(phone, tmp_path, *steps) as (leg, ear, sipp):
        await leg.accept_referral((await ear.hear(Referred)).token)
        await leg.report(200, "OK", last=True)
        await ear.end()
        messages = await sipp.finish()
    accepted = next(each for each in messages if each.status == 202)
    assert accepted.header("refer-sub") == "false"


@pytest.mark.parametrize(
    ("to", "code", "transfers"),
    [("<sip:+15557777@127.0.0.1>", 603, False), ("<http://x.example>", 400, True)],
)
async def test_refused_at_once(
    phone: Phone, tmp_path: Path, to: str, code: int, transfers: bool
) -> None:
    steps = (refer(2, to), Receive(code), *HANG_UP)
    async with answered(phone, tmp_path, *steps, transfers=transfers) as (_, ear, sipp):
        await ear.end()
        await sipp.finish()
    assert "Referred" not in ear.kinds


async def test_the_far_end_leaves_while_it_waits(phone: Phone, tmp_path: Path) -> None:
    steps = (refer(2), Request("BYE", 3), Receive(487), Receive(200))
    async with answered(phone, tmp_path, *steps) as (leg, ear, sipp):
        asked = await ear.hear(Referred)
        await ear.hear(Ended)
        assert not await leg.accept_referral(asked.token)
        await sipp.finish()


async def test_the_referrer_knows_nothing_of_reports(phone: Phone, tmp_path: Path) -> None:
    """Phones hang up right after the 202, and answer 481 to what comes then."""
    steps = (refer(2), Receive(202), *HANG_UP)
    async with answered(phone, tmp_path, *steps) as (leg, ear, _):
        await leg.accept_referral((await ear.hear(Referred)).token)
        await ear.end()
        await leg.report(200, "OK", last=True)


async def test_the_invite_that_follows(phone: Phone, tmp_path: Path) -> None:
    script = write_script(tmp_path, *ANSWER, BYE, DONE)
    async with run_trunk(script, tmp_path) as sipp:
        target = ReferredTo(
            "+15557777",
            replaces="a@b;to-tag=x;from-tag=y",
            requires_replaces=True,
            referred_by="<sip:ana@127.0.0.1>",
        )
        ear = Ear()
        request = DialRequest(Trunk("test", sipp.uri), "+15557777", OFFER, referral=target)
        leg = await phone.endpoint.dial(request, ear)
        await ear.hear(Answered)
        await leg.hangup()
        await ear.end()
        messages = await sipp.finish()
    (invite,) = said(messages, "INVITE")
    assert invite.header("replaces") == "a@b;to-tag=x;from-tag=y"
    assert invite.header("require") == "replaces"
    assert invite.header("referred-by") == "<sip:ana@127.0.0.1>"
    assert ("allow", "REFER") not in invite.headers
