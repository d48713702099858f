"""The gate: in which order it asks, what it lets in, and the line that each answer leaves."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from decimal import Decimal
from time import time
from typing import TYPE_CHECKING, Any

import jwt
import pytest

from gateway.admission.audit import Audit
from gateway.admission.blocks import Block, Stop
from gateway.admission.challenge import Challenge
from gateway.admission.gate import Gate, Rules
from gateway.admission.grant import EVERYBODY, Grant, Visitor
from gateway.admission.keys import ApiKeys
from gateway.admission.limits import LimitRules
from gateway.admission.policy import Policy
from gateway.admission.rates import parse_rates
from gateway.admission.store import MemoryStore, Store, open_store
from gateway.admission.token import CallClaim, Claims, SharedSecrets, Tokens, issue, new_id
from gateway.errors import (
    CapacityError,
    ForbiddenError,
    GatewayError,
    LimitError,
    RequestError,
    StoppedError,
    TokenError,
    UnavailableError,
)
from tests.gateway.admission.test_challenge import running_service

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SECRET = "s" * 32
SHOP = Visitor("192.0.2.7", "https://shop.example", "s1")
OPEN = Rules(policy=Policy(allow=("+1",)))
TOKENS = replace(
    OPEN, tokens=Tokens(SharedSecrets((SECRET,)), time), secrets=SharedSecrets((SECRET,))
)
TO = "+15551234567"


def token(sub: str = "visitor", expires: float = 60, **call: Any) -> str:
    call = {"to": ["+1555*"], **call}
    claims = Claims(
        sub=sub, exp=time() + expires, jti=new_id(), call=CallClaim.model_validate(call)
    )
    return issue(SECRET, claims, time())


class Door:
    """A gate, and the file that it writes."""

    def __init__(self, rules: Rules, file: Path, store: Store | None = None) -> None:
        self.file = file
        self._audit = Audit(file, "full", time)
        self.gate = Gate(rules, store or MemoryStore(time), self._audit)
        self.ended: asyncio.Queue[str] = asyncio.Queue()
        self.gate.on_cap = self.ended.put_nowait

    def lines(self) -> list[dict[str, Any]]:
        assert self._audit.flush()
        return [json.loads(line) for line in self.file.read_text().splitlines()]

    def events(self) -> list[str]:
        return [line["event"] for line in self.lines()]

    async def admit(
        self,
        grant: Grant = EVERYBODY,
        to: str = TO,
        visitor: Visitor = SHOP,
        caller: str | None = None,
    ) -> Any:
        return await self.gate.admit(visitor, grant, to, caller=caller)


@pytest.fixture
def door(tmp_path: Path) -> Callable[..., Door]:
    return lambda rules=OPEN, store=None: Door(rules, tmp_path / "audit.log", store)


async def test_whoever_comes_in_mode_open(door: Callable[..., Door]) -> None:
    it = door()
    assert await it.gate.welcome(SHOP, None, None) == EVERYBODY
    admission = await it.admit(caller="+15550001")
    assert (admission.caller, admission.max_duration, admission.max_ringing) == (
        "+15550001",
        3600,
        180,
    )
    admission.answered()
    admission.ended("hangup", 200, 1500)
    opened, admitted, answered, ended = it.lines()
    assert answered["event"] == "call-answered"
    assert opened["event"] == "session-opened"
    assert (opened["address"], opened["origin"]) == ("192.0.2.7", "https://shop.example")
    assert (admitted["event"], admitted["to"], admitted["from"]) == (
        "call-admitted",
        TO,
        "+15550001",
    )
    assert (ended["event"], ended["cause"], ended["durationMs"]) == ("call-ended", "hangup", 1500)


async def test_a_call_that_is_not_placed_after_all_is_written_down(
    door: Callable[..., Door],
) -> None:
    it = door(replace(OPEN, limits=LimitRules(calls_at_once=1)))
    (await it.admit()).refused(CapacityError("all lines are in use"))
    assert it.events() == ["call-admitted", "call-refused"]
    assert it.lines()[1]["error"] == "no-capacity"
    assert await it.admit()


async def test_a_token_says_what_its_bearer_may(door: Callable[..., Door]) -> None:
    it = door(TOKENS)
    call: dict[str, Any] = {
        "from": "+15559999",
        "maxDuration": 60,
        "origins": ["https://shop.example"],
    }
    grant = await it.gate.welcome(SHOP, token(**call), None)
    admission = await it.admit(grant, caller="+15550001")
    assert admission.caller == "+15559999"  # the token's wins over the page's
    assert admission.max_duration == 60
    with pytest.raises(ForbiddenError, match="the token does not grant it"):
        await it.admit(grant, "+15541234567")
    with pytest.raises(ForbiddenError, match=r"admission\.allow"):  # nor more than the dial plan
        await it.admit(replace(grant, to=("*",)), "+4420")
    assert it.events() == ["session-opened", "call-admitted", "call-refused", "call-refused"]
    assert it.lines()[2]["rule"] == "token"


async def test_a_page_chooses_no_caller_that_its_token_does_not_grant(
    door: Callable[..., Door],
) -> None:
    it = door(TOKENS)
    grant = await it.gate.welcome(SHOP, token(), None)
    with pytest.raises(ForbiddenError, match=r"claim `call\.from`"):
        await it.admit(grant, caller="+15550001")
    assert (await it.admit(grant)).caller is None  # the trunk's own number then


@pytest.mark.parametrize(
    ("given", "visitor", "error", "rule"),
    [
        (lambda: None, SHOP, TokenError, "`hello` needs `token`"),
        (lambda: "nonsense", SHOP, TokenError, "no JWT"),
        (lambda: token(expires=-60), SHOP, TokenError, "expired"),
        (
            lambda: token(origins=["https://other.example"]),
            SHOP,
            ForbiddenError,
            "pages of another origin",
        ),
        (
            lambda: token(origins=["https://shop.example"]),
            replace(SHOP, origin=None),
            ForbiddenError,
            "pages of another origin",
        ),
    ],
)
async def test_who_is_not_welcome(
    door: Callable[..., Door],
    given: Callable[[], str | None],
    visitor: Visitor,
    error: type[GatewayError],
    rule: str,
) -> None:
    it = door(TOKENS)
    with pytest.raises(error, match=rule):
        await it.gate.welcome(visitor, given(), None)
    (line,) = it.lines()
    assert (line["event"], line["address"]) == ("session-refused", "192.0.2.7")
    assert line["why"]


async def test_a_challenge_before_anonymous_calls(door: Callable[..., Door]) -> None:
    with running_service() as service:
        it = door(replace(OPEN, challenge=Challenge(service.url, "s")))
        assert await it.gate.welcome(SHOP, None, "answer") == EVERYBODY
        with pytest.raises(ForbiddenError, match="challenge"):
            await it.gate.welcome(SHOP, None, None)
    assert it.lines()[-1]["rule"] == "challenge"


async def test_a_token_for_one_call(door: Callable[..., Door]) -> None:
    it = door(TOKENS)
    text = token(once=True)
    grant = await it.gate.welcome(SHOP, text, None)
    (await it.admit(grant)).release()
    again = await it.gate.welcome(SHOP, text, None)
    for each in (grant, again):
        with pytest.raises(TokenError, match="good for one call"):
            await it.admit(each)


async def test_what_is_refused_does_not_use_a_token_up(door: Callable[..., Door]) -> None:
    it = door(TOKENS)
    grant = await it.gate.welcome(SHOP, token(once=True), None)
    with pytest.raises(ForbiddenError):
        await it.admit(grant, "+19001234567")
    await it.gate.stop("maintenance", by="test")
    with pytest.raises(StoppedError):
        await it.admit(grant)
    await it.gate.start(by="test")
    assert await it.admit(grant)


async def test_two_calls_at_once_with_a_token_for_one(door: Callable[..., Door]) -> None:
    it = door(TOKENS)
    grant = await it.gate.welcome(SHOP, token(once=True), None)
    results = await asyncio.gather(it.admit(grant), it.admit(grant), return_exceptions=True)
    assert sum(isinstance(result, TokenError) for result in results) == 1
    # The one that was refused has left no place taken
    assert await it.admit(replace(grant, once=False, token="other"))


async def test_used_tokens_blocks_and_the_switch_outlive_a_restart(
    door: Callable[..., Door], tmp_path: Path
) -> None:
    database = f"sqlite:///{tmp_path / 'gateway.db'}"
    store = await open_store(database, time)
    it = door(TOKENS, store)
    text = token(once=True)
    await it.admit(await it.gate.welcome(SHOP, text, None))
    assert await it.gate.save_block(it.gate.block("number", "+1555999*", "fraud", by="test"))
    await it.gate.stop("maintenance", by="test")
    await it.gate.close()
    await store.close()

    store = await open_store(database, time)
    it = door(TOKENS, store)
    await it.gate.remember()
    assert it.gate.stopped == "maintenance"
    await it.gate.start(by="test")
    grant = await it.gate.welcome(SHOP, text, None)
    with pytest.raises(TokenError, match="good for one call"):
        await it.admit(grant)
    with pytest.raises(ForbiddenError, match="blocked"):
        await it.admit(replace(grant, once=False), "+15559991234")
    await store.close()


async def test_a_session_outlives_its_token_but_places_no_call(door: Callable[..., Door]) -> None:
    it = door(TOKENS)
    grant = await it.gate.welcome(SHOP, token(expires=-5), None)  # within the leeway
    late = replace(grant, expires=time() - 11)
    with pytest.raises(TokenError, match="has expired"):
        await it.admit(late)
    renewed = await it.gate.renew(SHOP, late, token())
    assert await it.admit(renewed)


async def test_a_new_token_is_for_the_same_identity(door: Callable[..., Door]) -> None:
    it = door(TOKENS)
    grant = await it.gate.welcome(SHOP, token("visitor"), None)
    with pytest.raises(TokenError, match="another `sub`"):
        await it.gate.renew(SHOP, grant, token("somebody"))
    with pytest.raises(RequestError, match="comes once"):
        await it.gate.renew(SHOP, grant, None)
    with pytest.raises(RequestError, match="comes once"):
        await door(OPEN).gate.renew(SHOP, EVERYBODY, token())


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
    grant = await it.gate.welcome(SHOP, token(), None)
    it.gate.block(kind, value, "fraud", by="test")
    with pytest.raises(ForbiddenError, match="blocked"):
        await it.admit(grant)
    if kind in ("address", "origin"):
        with pytest.raises(ForbiddenError, match="blocked"):
            it.gate.enter(SHOP)
    if kind != "number":
        with pytest.raises(ForbiddenError, match="blocked"):
            await it.gate.welcome(SHOP, token(), None)
    assert it.gate.is_blocked(SHOP, "visitor", TO)
    assert await it.gate.unblock(kind, value, by="test")
    assert not await it.gate.unblock(kind, value, by="test")
    assert await it.admit(grant)


async def test_a_limit_that_bites_is_named(door: Callable[..., Door]) -> None:
    it = door(replace(OPEN, limits=LimitRules(calls_at_once=1)))
    first = await it.admit()
    with pytest.raises(LimitError) as refused:
        await it.admit()
    assert refused.value.limit == "calls-at-once"
    assert it.lines()[-1]["limit"] == "calls-at-once"
    first.release()
    first.release()
    assert await it.admit()


async def test_a_dear_number_does_not_stop_everybody(door: Callable[..., Door]) -> None:
    limits = LimitRules(spend_per_day=Decimal("0.02"))
    rates = parse_rates("prefix,price\n*,60\n+1555,0.01\n")
    it = door(replace(OPEN, limits=limits, rates=rates))
    with pytest.raises(LimitError) as refused:
        await it.admit(to="+15415551234")
    assert refused.value.limit == "spend-per-day"
    assert it.gate.stopped is None
    assert await it.admit()


async def test_a_call_that_is_refused_holds_no_money_back(door: Callable[..., Door]) -> None:
    limits = LimitRules(spend_per_day=Decimal("1.0"))
    rates = parse_rates("prefix,price,name,increments\n*,1,all,60/60\n")
    it = door(replace(TOKENS, limits=limits, rates=rates))
    grant = await it.gate.welcome(SHOP, token(once=True), None)
    (await it.admit(grant)).release()
    for _ in range(3):
        with pytest.raises(TokenError):
            await it.admit(grant)
    assert await it.admit(replace(grant, once=False))


async def test_a_cap_that_is_reached_while_people_talk(door: Callable[..., Door]) -> None:
    limits = LimitRules(calls_at_once_per_address=0, spend_per_day=Decimal("1.0"))
    rates = parse_rates("prefix,price,name,increments\n*,60,all,1/1\n")
    it = door(replace(OPEN, limits=limits, rates=rates))
    call = await it.admit()
    call.answered()
    async with asyncio.timeout(5):
        assert await it.ended.get() == "The gateway has reached what it may use on one day."
    assert it.gate.stopped is not None
    assert {"limit", "stopped"} <= set(it.events())
    call.ended("stopped", 503, 800)
    assert it.gate.used_today()[1] <= 1.0
    await it.gate.close()


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


async def test_a_number_has_one_name_however_it_is_dialled(door: Callable[..., Door]) -> None:
    policy = Policy(allow=("*",), country="GB")
    it = door(replace(OPEN, policy=policy, limits=LimitRules(numbers_per_hour_per_address=1)))
    for spelling in ("+442079460000", "02079460000", "00442079460000"):
        (await it.admit(to=spelling)).release()
    with pytest.raises(LimitError):
        await it.admit(to="02079460001")
    it.gate.block("number", "+442079460000", "", by="test")
    with pytest.raises(ForbiddenError, match="blocked"):
        await it.admit(to="02079460000")
    assert it.gate.is_blocked(SHOP, None, "02079460000")


async def test_a_secret_that_was_taken_out_lets_nobody_call_any_more(
    door: Callable[..., Door],
) -> None:
    it = door(TOKENS)
    grant = await it.gate.welcome(SHOP, token(), None)
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
    grant = await it.gate.welcome(SHOP, None, None)
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
    grant = await it.gate.welcome(SHOP, token(once=True), None)
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


async def test_short_calls_trip_the_spend_cap_too(door: Callable[..., Door]) -> None:
    limits = LimitRules(spend_per_day=Decimal("1.0"))
    rates = parse_rates("prefix,price,name,increments\n*,0.5,all,60/60\n")
    it = door(replace(OPEN, limits=limits, rates=rates))
    limited: list[str] = []
    it.gate.on_limit = limited.append
    for _ in range(2):
        call = await it.admit()
        call.answered()
        call.ended("hangup", 200, 1000)
    with pytest.raises(LimitError):
        await it.admit()
    assert it.gate.stopped is not None
    assert limited == ["spend-per-day"]


def test_tokens_of_ours_name_the_issuer(door: Callable[..., Door]) -> None:
    it = door(replace(TOKENS, issuer="shop.example"))
    claims = Claims(sub="portal", exp=time() + 60, jti="j1")
    written = jwt.decode(it.gate.issue(claims), options={"verify_signature": False})
    assert written["iss"] == "shop.example"
