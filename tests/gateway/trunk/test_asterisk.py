"""Calls to the Asterisk lab: digest authentication over UDP and TCP."""

from __future__ import annotations

import pytest

from gateway.trunk import Answered, Origin, Progress, Secret, Trunk
from tests.gateway.trunk.conftest import Phone
from tests.peers.asterisk import AsteriskLab

pytestmark = [pytest.mark.peer, pytest.mark.asyncio(loop_scope="module")]


def trunk(lab: AsteriskLab, transport: str = "udp", password: str | None = None) -> Trunk:
    return Trunk(
        name="lab",
        uri=lab.uri(transport),
        username="trunk-digest",
        password=Secret(password or lab.secret),
        caller_id="+15550001",
    )


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_digest(phone: Phone, lab: AsteriskLab, transport: str) -> None:
    leg, ear = await phone.dial(trunk(lab, transport), "600")
    answered = await ear.hear(Answered)
    await leg.hangup()
    end = await ear.end()
    assert "PCMU" in answered.sdp
    assert end.by is Origin.LOCAL


async def test_wrong_password(phone: Phone, lab: AsteriskLab) -> None:
    _, ear = await phone.dial(trunk(lab, password="guess"), "600")
    end = await ear.end()
    assert (end.by, end.cause) == (Origin.REMOTE, "unauthorized")


@pytest.mark.parametrize(("number", "cause"), [("620", "busy"), ("622", "not-found")])
async def test_refused(phone: Phone, lab: AsteriskLab, number: str, cause: str) -> None:
    _, ear = await phone.dial(trunk(lab), number)
    end = await ear.end()
    assert (end.by, end.cause) == (Origin.REMOTE, cause)


async def test_early_media(phone: Phone, lab: AsteriskLab) -> None:
    leg, ear = await phone.dial(trunk(lab), "610")
    progress = await ear.hear(Progress)
    answered = await ear.hear(Answered, limit=20)
    await leg.hangup()
    await ear.end()
    assert "m=audio" in progress.sdp
    assert "m=audio" in answered.sdp


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_it_says_that_it_knows_the_call(
    phone: Phone, lab: AsteriskLab, transport: str
) -> None:
    leg, ear = await phone.dial(trunk(lab, transport), "600")
    await ear.hear(Answered)
    assert await leg.probe(5.0)
    assert await leg.probe(5.0)
    await leg.hangup()
    end = await ear.end()
    assert (end.by, ear.kinds.count("Answered")) == (Origin.LOCAL, 1)
