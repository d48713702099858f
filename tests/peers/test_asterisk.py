"""The lab by itself: it answers, it says what happened, and its README tells the truth."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.peers.asterisk import LAB
from tests.peers.process import PeerError
from tests.peers.sipp import run_caller, run_trunk

if TYPE_CHECKING:
    from pathlib import Path

    from tests.peers.ami import Manager
    from tests.peers.asterisk import AsteriskLab


async def test_the_lab_starts_without_a_warning(lab: AsteriskLab, manager: Manager) -> None:
    assert "Asterisk 22" in await manager.command("core show version")
    before_ready = lab.log().partition("Asterisk Ready")[0]
    assert re.findall(r".*(?:WARNING|ERROR).*", before_ready) == []


async def test_a_refused_action_and_an_event_that_does_not_come(manager: Manager) -> None:
    with pytest.raises(PeerError, match="AMI Originate: Invalid channel"):
        await manager.action("Originate", Channel="nonsense")
    with pytest.raises(PeerError, match=r"no LabCall \{'Dialed': '1'\} within 0\.1 s"):
        await manager.wait("LabCall", limit=0.1, Dialed="1")


async def test_a_digest_call_is_seen_from_both_sides(
    lab: AsteriskLab, manager: Manager, tmp_path: Path
) -> None:
    async with run_caller(
        "caller-digest",
        tmp_path,
        target=lab.sip_port,
        number="+15550104600",
        username="trunk-ulaw",
        password=lab.secret,
    ) as caller:
        call = await manager.wait("LabCall", Dialed="15550104600")
        messages = await caller.finish()
    assert (call["Endpoint"], call["CallerNum"]) == ("trunk-ulaw", "+15550100")
    hangup = await manager.wait("LabHangup", CallID=call["CallID"])
    assert hangup["RtpRx"] == "0"  # sipp sends no RTP
    received = [(m.status, m.method) for m in messages if not m.sent]
    assert received[0] == (401, "INVITE")
    assert (200, "INVITE") in received
    assert received[-1] == (200, "BYE")
    answer = next(m for m in messages if (m.status, m.method) == (200, "INVITE"))
    assert answer.header("Call-ID") == call["CallID"]
    assert "PCMU/8000" in answer.body


async def test_a_wrong_password_is_refused(lab: AsteriskLab, tmp_path: Path) -> None:
    async with run_caller(
        "caller-digest",
        tmp_path,
        target=lab.sip_port,
        number="600",
        username="trunk-ulaw",
        password="wrong",
        limit=1,  # sipp takes the second 401 for the first one come again, and tries on
    ) as caller:
        with pytest.raises(PeerError, match="timed out"):
            await caller.finish()
    assert {(m.status, m.header("CSeq")) for m in caller.messages() if not m.sent} == {
        (401, "1 INVITE"),
        (401, "2 INVITE"),
    }


async def test_the_lab_calls_the_gateway(
    lab: AsteriskLab, manager: Manager, tmp_path: Path
) -> None:
    async with run_trunk("trunk-answer", tmp_path, port=lab.gateway_port) as gateway:
        await manager.originate("+15550001", extension="641")
        messages = await gateway.finish()
    invite = messages[0]
    assert invite.start_line.startswith("INVITE sip:+15550001@")
    assert [m.method for m in messages if not m.sent and m.status is None] == [
        "INVITE",
        "ACK",
        "BYE",
    ]


async def test_the_readme_lists_the_extensions_that_there_are(manager: Manager) -> None:
    plan = await manager.command("dialplan show lab")
    there = set(re.findall(r"^ +'_?([^']+)' =>", plan, re.M))
    rows = re.search(r"## Extensions\n(.*?)\n## ", (LAB / "README.md").read_text(), re.S)
    assert rows is not None
    first = re.findall(r"^\| ([^|]+) \|", rows[1], re.M)[2:]
    listed: set[str] = set()
    for cell in first:
        for part in cell.split(", "):
            start, _, end = part.partition(" to ")
            numbers = range(int(start), int(end) + 1) if end else [part.replace("N", "X")]
            listed.update(map(str, numbers))
    assert listed == there


async def test_the_readme_lists_the_trunks_that_there_are(manager: Manager) -> None:
    endpoints = await manager.command("pjsip show endpoints")
    there = set(re.findall(r"^ Endpoint:  ([a-z][\w-]*)", endpoints, re.M))
    rows = re.search(r"## Trunks\n(.*?)\n## ", (LAB / "README.md").read_text(), re.S)
    assert rows is not None
    listed: set[str] = set()
    for cell in re.findall(r"^\| (`[^|]+) \|", rows[1], re.M):
        first, *others = re.findall(r"`([^`]+)`", cell)
        stem = "gateway" if first == "gateway" else first.rpartition("-")[0]
        listed.add(first)
        listed.update(stem + name if name.startswith("-") else name for name in others)
    assert listed == there
