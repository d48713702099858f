"""What an operator changes at the gate while people call: blocks, the switch, rules, secrets."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from time import time
from typing import TYPE_CHECKING

import jwt
import pytest

from gateway.admission.blocks import Block, Stop
from gateway.admission.keys import ApiKeys
from gateway.admission.limits import LimitRules
from gateway.admission.policy import Policy
from gateway.admission.store import MemoryStore, open_store
from gateway.admission.token import Claims, SharedSecrets, Tokens
from gateway.errors import (
    ForbiddenError,
    LimitError,
    RequestError,
    StoppedError,
    TokenError,
    UnavailableError,
)
from tests.gateway.admission.door import OPEN, SECRET, SHOP, TO, TOKENS, token

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.gateway.admission.door import Door


async def test_used_tokens_blocks_and_the_switch_outlive_a_restart(
    door: Callable[..., Door], tmp_path: Path
) -> None:
    database = f"sqlite:///{tmp_path / 'gateway.db'}"
    store = await open_store(database, time)
    it = door(TOKENS, store)
    text = token(once=True)
    await it.admit(await it.gate.sessions.welcome(SHOP, text, None))
    assert await it.gate.save_block(it.gate.block("number", "+1555999*", "fraud", by="test"))
    await it.gate.stop("maintenance", by="test")
    await it.gate.close()
    await store.close()

    store = await open_store(database, time)
    it = door(TOKENS, store)
    await it.gate.remember()
    assert it.gate.stopped == "maintenance"
    await it.gate.start(by="test")
    grant = await it.gate.sessions.welcome(SHOP, text, None)
    with pytest.raises(TokenError, match="good for one call"):
        await it.admit(grant)
    with pytest.raises(ForbiddenError, match="blocked"):
        await it.admit(replace(grant, once=False), "+15559991234")
    await store.close()


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("address", "192.0.2.0/24"),
        ("origin", "https://shop.example"),
        ("identity", "visitor"),
        ("number", "+1555*"),
    ],
)
async def test_who_is_blocked_is_stopped_at_once(
    door: Callable[..., Door], kind: str, value: str
) -> None:
    it = door(TOKENS)
    grant = await it.gate.sessions.welcome(SHOP, token(), None)
    it.gate.block(kind, value, "fraud", by="test")
    with pytest.raises(ForbiddenError, match="blocked"):
        await it.admit(grant)
    if kind in ("address", "origin"):
        with pytest.raises(ForbiddenError, match="blocked"):
            it.gate.enter(SHOP)
    if kind != "number":
        with pytest.raises(ForbiddenError, match="blocked"):
            await it.gate.sessions.welcome(SHOP, token(), None)
    assert it.gate.is_blocked(SHOP, "visitor", TO)
    assert await it.gate.unblock(kind, value, by="test")
    assert not await it.gate.unblock(kind, value, by="test")
    assert await it.admit(grant)


async def test_a_reload_changes_the_rules_and_no_call(door: Callable[..., Door]) -> None:
    it = door(replace(OPEN, limits=LimitRules(calls_at_once=1)))
    call = await it.admit()
    it.gate.reload(replace(OPEN, policy=Policy(allow=("+44",)), limits=LimitRules(calls_at_once=2)))
    with pytest.raises(ForbiddenError):
        await it.admit()
    assert await it.admit(to="+442079460000")
    with pytest.raises(LimitError):  # the first call still counts
        await it.admit(to="+442079460000")
    call.release()
    assert it.events()[1] == "reload"


def test_issuing_needs_a_secret(door: Callable[..., Door]) -> None:
    claims = Claims(sub="portal", exp=time() + 60, jti="j1")
    assert door(TOKENS).gate.issue(claims).count(".") == 2
    with pytest.raises(RequestError, match="token_secret_file"):
        door(OPEN).gate.issue(claims)
    assert not ApiKeys()


async def test_a_secret_that_was_taken_out_lets_nobody_call_any_more(
    door: Callable[..., Door],
) -> None:
    it = door(TOKENS)
    grant = await it.gate.sessions.welcome(SHOP, token(), None)
    new = SharedSecrets(("n" * 32,))
    it.gate.reload(replace(TOKENS, tokens=Tokens(new, time), secrets=new))
    with pytest.raises(TokenError, match="counts no more") as refused:
        await it.admit(grant)
    assert refused.value.reason == "revoked"
    both = SharedSecrets(("n" * 32, SECRET))
    it.gate.reload(replace(TOKENS, tokens=Tokens(both, time), secrets=both))
    assert await it.admit(grant)


async def test_who_came_in_without_a_token_calls_no_more_once_they_are_asked_for(
    door: Callable[..., Door],
) -> None:
    it = door(OPEN)
    grant = await it.gate.sessions.welcome(SHOP, None, None)
    it.gate.reload(TOKENS)
    with pytest.raises(TokenError, match="a new token is needed"):
        await it.admit(grant)


class SlowStore(MemoryStore):
    """Its disk takes the time that a test gives it, or fails."""

    def __init__(self) -> None:
        super().__init__(time)
        self.asked, self.may_go, self.fails = asyncio.Event(), asyncio.Event(), False

    async def use_token(self, jti: str, expires: float | None) -> bool:
        self.asked.set()
        await self.may_go.wait()
        return await super().use_token(jti, expires)

    async def save_block(self, block: Block) -> None:
        self._fail()
        await super().save_block(block)

    async def save_switch(self, switch: Stop | None) -> None:
        self._fail()
        await super().save_switch(switch)

    def _fail(self) -> None:
        if self.fails:
            raise UnavailableError("the disk is full")


@pytest.mark.parametrize("by_block", [False, True])
async def test_who_waits_for_the_disk_is_stopped_too(
    door: Callable[..., Door], by_block: bool
) -> None:
    store = SlowStore()
    it = door(replace(TOKENS, limits=LimitRules(calls_at_once=1)), store)
    grant = await it.gate.sessions.welcome(SHOP, token(once=True), None)
    call = asyncio.create_task(it.admit(grant))
    await store.asked.wait()
    if by_block:
        it.gate.block("number", TO, "fraud", by="test")
    else:
        await it.gate.stop("fraud", by="test")
    store.may_go.set()
    with pytest.raises(ForbiddenError if by_block else StoppedError):
        await call
    await it.gate.start(by="test")
    await it.gate.unblock("number", TO, by="test")
    assert await it.admit(replace(grant, once=False))  # the place was given back


async def test_an_operator_acts_though_the_disk_is_full(door: Callable[..., Door]) -> None:
    store = SlowStore()
    store.fails = True
    it = door(OPEN, store)
    assert not await it.gate.stop("fraud", by="test")
    with pytest.raises(StoppedError):
        await it.admit()
    assert not await it.gate.start(by="test")
    block = it.gate.block("number", TO, "fraud", by="test")
    assert not await it.gate.save_block(block)
    with pytest.raises(ForbiddenError):
        await it.admit()
    store.fails = False
    assert await it.gate.save_block(block)


def test_tokens_of_ours_name_the_issuer(door: Callable[..., Door]) -> None:
    it = door(replace(TOKENS, issuer="shop.example"))
    claims = Claims(sub="portal", exp=time() + 60, jti="j1")
    written = jwt.decode(it.gate.issue(claims), options={"verify_signature": False})
    assert written["iss"] == "shop.example"
