"""Phones hand a page over to their own other line, and hear of it by our reports."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Protocol

import pytest

from gateway.caller.sound import RATE
from tests.end_to_end.conftest import LAB_TONE, TONE
from tests.end_to_end.phone import calling
from tests.end_to_end.recording import assert_heard
from tests.end_to_end.trunks import idle, open_trunk
from tests.peers import baresip
from tests.peers.authority import Authority
from tests.peers.baresip import run_baresip
from tests.peers.gateway import Gateway, GatewayConfig, run_gateway
from tests.peers.pjsua import run_pjsua
from tests.peers.requirement import require_own_engine

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.tones import Samples

pytestmark = pytest.mark.peer


class Line(Protocol):
    """A call that has come to a phone."""

    async def answer(self) -> None: ...
    async def refer(self, to: str) -> None: ...
    async def over(self) -> None: ...
    async def heard(self) -> tuple[Samples, int]: ...


class Phone(Protocol):
    port: int

    async def ring(self, number: str) -> Line: ...


@asynccontextmanager
async def trusted(phone: Phone, folder: Path) -> AsyncIterator[Gateway]:
    """A gateway that the phone may refer to others."""
    trunk = {**open_trunk(phone.port), "transfers": "allow"}
    config = GatewayConfig([trunk], overrides={"admission": {"allow": ["*"]}})
    async with run_gateway(config, folder) as gateway:
        yield gateway


async def handed_over(
    phone: Phone, gateway: Gateway, tone: Path, numbers: tuple[str, str], *, records: bool = True
) -> None:
    first, second = numbers
    async with calling(gateway, first, play=tone) as call:
        line = await phone.ring(first)
        await line.answer()
        await call.hear("answered")
        referring = asyncio.create_task(line.refer(f"sip:{second}@127.0.0.1:{phone.port}"))
        other = await phone.ring(second)
        await other.answer()
        await call.hear("redirected")
        await referring
        await line.over()
        await asyncio.sleep(1.5)  # of sound
        outcome = await call.hang_up()
        await other.over()
    assert call.ended() == ("local", "hangup", 200)
    assert outcome.heard is not None
    assert_heard(outcome.heard[-RATE:], RATE, present=[LAB_TONE], absent=[TONE])
    if records:
        samples, rate = await other.heard()
        assert_heard(samples[-rate:], rate, present=[TONE], absent=[LAB_TONE])
    await idle(gateway)


async def test_pjsua(tmp_path: Path, tone: Path) -> None:
    require_own_engine()
    pair = Authority(tmp_path).issue("127.0.0.1")
    async with run_pjsua(tmp_path, pair) as phone, trusted(phone, tmp_path) as gateway:
        await handed_over(phone, gateway, tone, ("100", "200"))


async def test_baresip(tmp_path: Path, tone: Path) -> None:
    """It has one line, and names its recordings by the second: those of two calls are mixed up."""
    pair = Authority(tmp_path).issue("127.0.0.1")
    async with run_baresip(tmp_path, pair) as phone, trusted(phone, tmp_path) as gateway:
        numbers = (baresip.PHONE, baresip.PHONE)
        await handed_over(phone, gateway, tone, numbers, records=False)
