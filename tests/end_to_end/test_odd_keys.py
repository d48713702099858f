"""Trunks that must be spoken to encrypted: each suite, other keys in mid-call, and none at all."""

from __future__ import annotations

import base64
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from pylibsrtp import Error as SrtpError

import sdp
from gateway.media.parameters import TrunkKeys
from gateway.media.srtp_keys import PROFILES
from sdp.crypto import read_keys
from tests.end_to_end.odd_calls import (
    Dialed,
    Rig,
    Stories,
    StoryTests,
    hang_up,
    odd_rig,
    said_why,
    talk,
    use,
)
from tests.end_to_end.odd_trunk import describe
from tests.gateway.media.engine.srtp_phone import GCM, SHA_80, Phone, make_keys
from tests.peers.process import wait_until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

pytestmark = [pytest.mark.peer, pytest.mark.asyncio(loop_scope="module")]

STORIES = story = Stories()

KEY = "a=crypto:{} {} inline:{}{}\r\n"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rig(tone: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Rig]:
    async with odd_rig(tmp_path_factory.mktemp("gateway"), tone, srtp="required") as rig:
        yield rig


def offered_keys(text: str) -> dict[str, tuple[int, bytes]]:
    """Return the tag and the key that the gateway has for each suite."""
    return {each.suite: (each.tag, each.key) for each in read_keys(sdp.parse(text).media[0])[0]}


class Keys:
    """The trunk's own key, and what the gateway says of its."""

    def __init__(self, suite: str = SHA_80, mki: bytes = b"") -> None:
        self.suite, self.mki = suite, mki
        self.key = make_keys(suite).receive

    def describe(
        self, port: int, tag: int, *, version: int = 1, direction: str = "sendrecv"
    ) -> str:
        text = describe(port, version=version, direction=direction).replace("RTP/AVP", "RTP/SAVP")
        named = f"|2^20|{int.from_bytes(self.mki)}:{len(self.mki)}" if self.mki else ""
        return text + KEY.format(tag, self.suite, base64.b64encode(self.key).decode(), named)

    def phone(self, theirs: bytes) -> Phone:
        return Phone(TrunkKeys(self.suite, theirs, self.key, self.mki))


def encrypt(dialed: Dialed, phone: Phone) -> None:
    """Speak and listen under these keys from now on."""
    dialed.sound.protect, dialed.sound.unprotect = phone.protect, phone.unprotect


def change(dialed: Dialed, phone: Phone) -> None:
    """Do so while packets of ours under the former key may still come."""
    sound, former = dialed.sound, dialed.sound.unprotect

    def unprotect(datagram: bytes) -> bytes:
        try:
            return phone.unprotect(datagram)
        except SrtpError:
            return former(datagram)

    sound.protect, sound.unprotect = phone.protect, unprotect


async def answer(dialed: Dialed, keys: Keys, *, heeded: bool = True) -> None:
    """Answer the call with a key; one that is not `heeded` is said, and nothing encrypted by it."""
    invite = dialed.line.invite
    assert invite is not None
    assert "RTP/SAVP" in invite.body
    tag, theirs = offered_keys(invite.body)[keys.suite]
    encrypt(dialed, keys.phone(theirs))
    if not heeded:
        dialed.sound.protect = bytes
    await dialed.line.answer(keys.describe(dialed.sound.port, tag))
    await dialed.call.hear("answered")


@asynccontextmanager
async def answered(rig: Rig, keys: Keys) -> AsyncIterator[Dialed]:
    async with rig.dial() as dialed:
        await answer(dialed, keys)
        await dialed.sound.hear(5)
        yield dialed


async def by_suite(rig: Rig, suite: str, mki: bytes) -> None:
    """Tones and digits both ways."""
    async with rig.dial(dtmf="5") as dialed:
        await answer(dialed, Keys(suite, mki))
        await use(dialed)


STORIES |= {suite: partial(by_suite, suite=suite, mki=b"") for suite in PROFILES}
STORIES |= {f"{suite}_named": partial(by_suite, suite=suite, mki=b"\0\1") for suite in PROFILES}


@story
async def numbers_that_begin_anew(rig: Rig) -> None:
    async with rig.dial() as dialed:
        dialed.sound.sequence = 65520
        await answer(dialed, Keys())
        await talk(dialed)
        assert dialed.sound.sequence < 1000
        await hang_up(dialed)


@story
async def another_source_under_the_same_key(rig: Rig) -> None:
    async with answered(rig, Keys()) as dialed:
        dialed.sound.ssrc ^= 1
        dialed.sound.sequence = 5
        await talk(dialed)
        await hang_up(dialed)


@story
async def a_hold_and_its_end_with_the_same_key(rig: Rig) -> None:
    keys = Keys()
    async with answered(rig, keys) as dialed:
        line, _, sound = dialed
        first = line.invite
        assert first is not None
        tag, ours = offered_keys(first.body)[SHA_80]
        for version, direction in ((2, "inactive"), (3, "sendrecv")):
            response = await line.reinvite(
                keys.describe(sound.port, tag, version=version, direction=direction)
            )
            assert offered_keys(response.body) == {SHA_80: (tag, ours)}
        await talk(dialed)
        await hang_up(dialed)


async def other_keys(rig: Rig, suite: str) -> None:
    """The trunk brings another key, or suite, and gets another of ours."""
    async with answered(rig, Keys()) as dialed:
        line, _, sound = dialed
        first = line.invite
        assert first is not None
        keys = Keys(suite)
        response = await line.reinvite(keys.describe(sound.port, 7, version=2))
        assert response.status == 200
        tag, theirs = offered_keys(response.body)[suite]
        assert (tag, theirs) != offered_keys(first.body)[suite]
        assert tag == 7
        change(dialed, keys.phone(theirs))
        await talk(dialed)
        await talk(dialed)
        await hang_up(dialed)


STORIES |= {"another_key": partial(other_keys, suite=SHA_80)}
STORIES |= {"another_suite": partial(other_keys, suite=GCM)}


@story
async def an_offer_that_the_trunk_asks_for(rig: Rig) -> None:
    """It has the key in use first, and another suite may be taken of it."""
    async with answered(rig, Keys()) as dialed:
        line, _, sound = dialed
        assert line.invite is not None
        _, ours = offered_keys(line.invite.body)[SHA_80]
        response = await line.request("INVITE")
        offered = offered_keys(response.body)
        assert next(iter(offered.items())) == (SHA_80, (1, ours))
        keys = Keys(GCM)
        tag, theirs = offered[GCM]
        line.acknowledge(response, keys.describe(sound.port, tag, version=2))
        change(dialed, keys.phone(theirs))
        await talk(dialed)
        await hang_up(dialed)


@story
async def no_key_in_the_answer(rig: Rig) -> None:
    async with rig.dial() as dialed:
        await dialed.line.answer(describe(dialed.sound.port))
        await said_why(rig, dialed, "must be encrypted")


@story
async def a_key_of_no_use_in_the_answer(rig: Rig) -> None:
    async with rig.dial() as dialed:
        text = describe(dialed.sound.port).replace("RTP/AVP", "RTP/SAVP")
        text += KEY.format(1, SHA_80, "c2VjcmV0" * 5, " UNENCRYPTED_SRTP")
        await dialed.line.answer(text)
        await said_why(rig, dialed, "UNENCRYPTED_SRTP")
        assert "c2VjcmV0" not in rig.gateway.log()


@story
async def no_key_in_an_offer(rig: Rig) -> None:
    """It is refused, and the call goes on as it was, encrypted."""
    async with answered(rig, Keys()) as dialed:
        line, _, sound = dialed
        response = await line.reinvite(describe(sound.port, version=2))
        assert response.status == 488
        assert "encrypted" in (response.header("warning") or "")
        await talk(dialed)
        await hang_up(dialed)


@story
async def rtp_as_it_is(rig: Rig) -> None:
    """Nobody hears what has no key, though the trunk hears us, and the log says so once."""
    async with rig.dial() as dialed:
        await answer(dialed, Keys(), heeded=False)
        await talk(dialed)
        assert dialed.sound.target is not None
        of_port = f"port {dialed.sound.target[1]}: "
        await wait_until(lambda: of_port in rig.gateway.log(), limit=15, what="a line of the log")
        await dialed.sound.hear(100)  # packets are counted once a second: a second line would come
        outcome = await dialed.call.hang_up()
        await dialed.line.hear("BYE")
    assert outcome.heard is None or not outcome.heard.any()
    told = [line for line in rig.gateway.log().splitlines() if of_port in line]
    assert len(told) == 1
    assert "its key decrypts none of them" in told[0]


@story
async def early_media_of_one_phone_and_the_answer_of_another(rig: Rig) -> None:
    """Each has a key and a suite of its own."""
    async with rig.dial() as dialed:
        line, call, sound = dialed
        assert line.invite is not None
        offered = offered_keys(line.invite.body)
        early, final = Keys(), Keys(GCM)
        tag, theirs = offered[SHA_80]
        encrypt(dialed, early.phone(theirs))
        line.respond(183, early.describe(sound.port, tag), tag="first")
        await call.hear("ringing")
        await sound.hear(5)
        tag, theirs = offered[GCM]
        sound.heard.clear()
        encrypt(dialed, final.phone(theirs))
        sound.unprotect = bytes  # until the change, under the former key
        line.respond(200, final.describe(sound.port, tag), tag="second")
        await line.hear("ACK")
        await call.hear("answered")
        await sound.until(lambda: len(sound.heard) > 10, 5.0, "ten packets")
        sound.heard.clear()
        sound.unprotect = final.phone(theirs).unprotect
        line.tag = "second"
        await talk(dialed)
        await hang_up(dialed)


# The tests


class TestStories(StoryTests):
    """Each of them, and what is left of all."""
