"""Transfers that we ask a trunk for: the REFER, its refusals, and what NOTIFY reports."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import unquote

import pytest

from gateway.trunk import (
    Answered,
    DialogName,
    Origin,
    TransferOver,
    TransferProgress,
    Trunk,
    TrunkLeg,
    TrunkRequestError,
)
from gateway.trunk.config import Secret
from tests.gateway.trunk.conftest import Ear, Phone
from tests.gateway.trunk.script import (
    ANSWER,
    BYE,
    DONE,
    Pause,
    Receive,
    Request,
    Respond,
    Step,
    write_script,
)
from tests.peers.sipp import SipMessage, Sipp, run_trunk

pytestmark = [
    pytest.mark.peer,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.usefixtures("own_engine"),
]

REFER = Receive("REFER")
ACCEPTED = Respond(202, "Accepted", to_last=True)
HANG_UP = (BYE, DONE)
ACTIVE, TERMINATED = "active;expires=60", "terminated;reason=noresource"


def notify(cseq: int, status: str = "", state: str = ACTIVE, event: str = "refer") -> Request:
    kind = "\nContent-Type: message/sipfrag;version=2.0" if status else ""
    headers = f"Event: {event}\nSubscription-State: {state}{kind}"
    return Request("NOTIFY", cseq, f"SIP/2.0 {status}" if status else "", headers)


def report(cseq: int, status: str, state: str = ACTIVE) -> tuple[Step, ...]:
    return notify(cseq, status, state), Receive(200)


@asynccontextmanager
async def answered(
    phone: Phone, folder: Path, *steps: Step, password: bool = False
) -> AsyncIterator[tuple[TrunkLeg, Ear, Sipp]]:
    """Have a scripted trunk answer, and do its steps; at the end the script has run."""
    async with run_trunk(write_script(folder, *ANSWER, *steps), folder) as sipp:
        user = Trunk("test", sipp.uri, "user", Secret("secret"), caller_id="+15550001")
        leg, ear = await phone.dial(user if password else sipp.uri)
        await ear.hear(Answered)
        yield leg, ear, sipp


async def hang_up(leg: TrunkLeg, ear: Ear, sipp: Sipp) -> list[SipMessage]:
    await leg.hangup(cause="transferred")
    end = await ear.end()
    assert (end.by, end.cause) == (Origin.LOCAL, "hangup")
    return await sipp.finish()


def news(ear: Ear) -> list[TransferProgress | TransferOver]:
    return [e for e in ear.events if isinstance(e, TransferProgress | TransferOver)]


async def test_blind(phone: Phone, tmp_path: Path) -> None:
    steps = (
        *(REFER, ACCEPTED, *report(2, "100 Trying"), *report(3, "180 Ringing")),
        *report(4, "200 OK", TERMINATED),
    )
    async with answered(phone, tmp_path, *steps, *HANG_UP) as (leg, ear, sipp):
        await leg.transfer("+15557777")
        assert await ear.hear(TransferOver) == TransferOver(200, "OK")
        messages = await hang_up(leg, ear, sipp)
    assert news(ear) == [
        TransferProgress(100, "Trying"),
        TransferProgress(180, "Ringing"),
        TransferOver(200, "OK"),
    ]
    refer = next(each for each in messages if each.method == "REFER" and not each.sent)
    assert refer.header("refer-to") == f"<sip:+15557777@127.0.0.1:{sipp.port}>"
    assert refer.header("referred-by") == "<sip:+15550001@127.0.0.1>"
    assert refer.header("contact")
    bye = next(each for each in messages if each.method == "BYE" and not each.sent)
    assert "Q.850;cause=16" in (bye.header("reason") or "")


@pytest.mark.parametrize(
    ("reports", "expected"),
    [
        ([("486 Busy Here", TERMINATED)], [TransferOver(486, "Busy Here")]),
        (
            [("100 Trying", ACTIVE), ("100 Trying", ACTIVE), ("603 Decline", TERMINATED)],
            [TransferProgress(100, "Trying"), TransferOver(603, "Decline")],
        ),
        # A report without a body, or whose body is no status line, says nothing but that it ends
        (
            [("", ACTIVE), ("one two", ACTIVE), ("200 OK", ACTIVE), ("", TERMINATED)],
            [TransferOver(200, "OK")],
        ),
        (
            [("100 Trying", ACTIVE), ("", TERMINATED)],
            [TransferProgress(100, "Trying"), TransferOver(500, "The trunk has not said what")],
        ),
        (
            [("180 Ringing", TERMINATED)],
            [TransferOver(500, "The trunk has not said what")],
        ),
        # What comes after the outcome changes nothing
        (
            [("404 Not Found", ACTIVE), ("200 OK", TERMINATED)],
            [TransferOver(404, "Not Found")],
        ),
    ],
)
async def test_reports(
    phone: Phone,
    tmp_path: Path,
    reports: list[tuple[str, str]],
    expected: list[TransferProgress | TransferOver],
) -> None:
    sent = [step for i, each in enumerate(reports, start=2) for step in report(i, *each)]
    async with answered(phone, tmp_path, REFER, ACCEPTED, *sent, *HANG_UP) as (leg, ear, sipp):
        await leg.transfer("+15557777")
        await ear.hear(TransferOver)
        await asyncio.sleep(0.1)  # whatever wrongly follows
        await hang_up(leg, ear, sipp)
    heard = [(type(each), each.code, each.reason[:27]) for each in news(ear)]
    assert heard == [(type(each), each.code, each.reason) for each in expected]


@pytest.mark.parametrize("code", [405, 403, 501, 603])
async def test_refused(phone: Phone, tmp_path: Path, code: int) -> None:
    warning = 'Warning: 399 trunk "No transfers here"'
    refusal = Respond(code, "No", headers=warning, to_last=True)
    async with answered(phone, tmp_path, REFER, refusal, *HANG_UP) as (leg, ear, sipp):
        await leg.transfer("+15557777")
        assert await ear.hear(TransferOver) == TransferOver(code, "No", "No transfers here")
        await hang_up(leg, ear, sipp)


async def test_again_after_a_failure(phone: Phone, tmp_path: Path) -> None:
    refusal = Respond(603, "Decline", to_last=True)
    steps = (REFER, refusal, REFER, ACCEPTED, *report(2, "200 OK", TERMINATED), *HANG_UP)
    async with answered(phone, tmp_path, *steps) as (leg, ear, sipp):
        await leg.transfer("+15557777")
        await ear.hear(TransferOver)
        await leg.transfer("+15558888")
        assert await ear.hear_count(TransferOver, 2) == TransferOver(200, "OK")
        await hang_up(leg, ear, sipp)


async def test_again_after_silence(phone: Phone, tmp_path: Path) -> None:
    """A trunk that never says what became of a transfer may be asked for another one."""
    steps = (REFER, ACCEPTED, REFER, ACCEPTED, *report(2, "200 OK", TERMINATED), *HANG_UP)
    async with answered(phone, tmp_path, *steps) as (leg, ear, sipp):
        await leg.transfer("+15557777")
        await leg.transfer("+15558888")
        assert await ear.hear(TransferOver) == TransferOver(200, "OK")
        await hang_up(leg, ear, sipp)


async def test_a_report_before_the_202(phone: Phone, tmp_path: Path) -> None:
    """RFC 3515 section 2.4.4 lets it come first."""
    steps = (REFER, Pause(50), *report(2, "180 Ringing"), *report(3, "200 OK", TERMINATED))
    async with run_trunk(write_script(tmp_path, *ANSWER, *steps, BYE, DONE), tmp_path) as sipp:
        leg, ear = await phone.dial(sipp.uri)
        await ear.hear(Answered)
        await leg.transfer("+15557777")
        assert await ear.hear(TransferOver) == TransferOver(200, "OK")
        await leg.hangup()
        await ear.end()


async def test_a_challenge(phone: Phone, tmp_path: Path) -> None:
    asks = 'WWW-Authenticate: Digest realm="t", nonce="n"'
    challenge = Respond(401, "Unauthorized", headers=asks, to_last=True)
    steps = (REFER, challenge, REFER, ACCEPTED, *report(2, "200 OK", TERMINATED), *HANG_UP)
    async with answered(phone, tmp_path, *steps, password=True) as (leg, ear, sipp):
        await leg.transfer("+15557777")
        assert await ear.hear(TransferOver) == TransferOver(200, "OK")
        messages = await hang_up(leg, ear, sipp)
    refers = [each for each in messages if each.method == "REFER" and not each.sent]
    assert [each.header("authorization") is not None for each in refers] == [False, True]


async def test_reports_that_nobody_has_asked_for(phone: Phone, tmp_path: Path) -> None:
    """Of a transfer, before there is one; and of anything else, at any time."""
    steps = (
        *(notify(2, "200 OK", TERMINATED), Receive(489), REFER, ACCEPTED),
        *(notify(3, "200 OK", event="presence"), Receive(489)),
        *(*report(4, "200 OK", TERMINATED), *report(5, "200 OK", TERMINATED), *HANG_UP),
    )
    async with answered(phone, tmp_path, *steps) as (leg, ear, sipp):
        await asyncio.sleep(0.2)
        await leg.transfer("+15557777")
        await ear.hear(TransferOver)
        await asyncio.sleep(0.2)
        await hang_up(leg, ear, sipp)
    assert news(ear) == [TransferOver(200, "OK")]


async def test_the_far_end_leaves_before_it_has_said_anything(phone: Phone, tmp_path: Path) -> None:
    steps = (REFER, ACCEPTED, Request("BYE", 2), Receive(200))
    async with answered(phone, tmp_path, *steps) as (leg, ear, sipp):
        await leg.transfer("+15557777")
        assert (await ear.end()).by is Origin.REMOTE
        await leg.transfer("+15557777")  # of a leg that is over: nothing
        await sipp.finish()


@pytest.mark.parametrize("number", ["", "+1555\r\nX-Evil: 1", "a>b", 'a"b'])
async def test_what_cannot_be_written(phone: Phone, tmp_path: Path, number: str) -> None:
    async with answered(phone, tmp_path, *HANG_UP) as (leg, ear, sipp):
        with pytest.raises(TrunkRequestError):
            await leg.transfer(number)
        messages = await hang_up(leg, ear, sipp)
    assert "REFER" not in [each.method for each in messages]


async def test_attended(phone: Phone, tmp_path: Path) -> None:
    """The other call's dialog is named as its far end knows it (RFC 3891 section 3)."""
    (tmp_path / "other").mkdir()
    (tmp_path / "one").mkdir()
    steps = (REFER, ACCEPTED, *report(2, "200 OK", TERMINATED), *HANG_UP)
    async with (
        answered(phone, tmp_path / "other", *HANG_UP) as (other, other_ear, other_sipp),
        answered(phone, tmp_path / "one", *steps) as (leg, ear, sipp),
    ):
        name = await other.name()
        assert name is not None
        await leg.transfer(name)
        await ear.hear(TransferOver)
        messages = await hang_up(leg, ear, sipp)
        there = await hang_up(other, other_ear, other_sipp)
    refer = next(each for each in messages if each.method == "REFER" and not each.sent)
    invite = there[0]
    ours = (invite.header("from") or "").partition("tag=")[2]
    uri, _, replaces = (refer.header("refer-to") or "").strip("<>").partition("?Replaces=")
    assert uri == f"sip:trunk@127.0.0.1:{other_sipp.port};transport=UDP"
    expected = f"{invite.header('call-id')};to-tag={name.theirs};from-tag={ours}"
    assert unquote(replaces) == expected
    assert name.theirs.startswith("trunk")


async def test_a_dialog_that_is_none(phone: Phone, tmp_path: Path) -> None:
    async with answered(phone, tmp_path, *HANG_UP) as (leg, ear, sipp):
        for name in (
            DialogName("", "a", "b", "sip:x@127.0.0.1"),
            DialogName("c", "a", "", "sip:x@127.0.0.1"),
            DialogName("c", "a", "b", ""),
            DialogName("c", "a", "b", 'sip:x@127.0.0.1"'),
        ):
            with pytest.raises(TrunkRequestError):
                await leg.transfer(name)
        await hang_up(leg, ear, sipp)
