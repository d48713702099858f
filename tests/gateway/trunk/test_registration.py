"""Registration: when it is tried again, and what trunks make of it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from gateway.trunk import (
    Answered,
    IncomingCall,
    Origin,
    Registration,
    RegistrationState,
    Secret,
    Tls,
    Trunk,
    TrunkEndpoint,
    TrunkError,
)
from gateway.trunk.config import SYSTEM_TLS
from gateway.trunk.registration import Outcome
from tests.gateway.trunk.conftest import OFFER, Ear, Phone
from tests.gateway.trunk.wire import Wire, open_wire
from tests.peers.asterisk import AsteriskLab
from tests.peers.ports import free_port
from tests.peers.requirement import require_own_engine

pytestmark = pytest.mark.asyncio(loop_scope="module")


# -- the task, with a trunk that answers as it is told


@dataclass
class Told:
    """Keeps the states, which can be waited for."""

    states: list[RegistrationState] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def __call__(self, state: RegistrationState) -> None:
        self.states.append(state)
        self.news.set()

    async def until(self, count: int, limit: float = 10) -> list[RegistrationState]:
        """Wait for so many states."""
        async with asyncio.timeout(limit):
            while len(self.states) < count:
                self.news.clear()
                await self.news.wait()
        return self.states

    async def registered(self, limit: float = 10) -> RegistrationState:
        """Wait until the last state is a registration."""
        async with asyncio.timeout(limit):
            while not self.states or not self.states[-1].registered:
                self.news.clear()
                await self.news.wait()
        return self.states[-1]


class Script:
    """Outcomes of REGISTER, one after the other; the rest is silence."""

    def __init__(self, *outcomes: Outcome | TrunkError) -> None:
        self.outcomes = list(outcomes)
        self.withdrawn = 0
        self.tell: Callable[[Outcome], None] = lambda outcome: None
        self.waits: list[tuple[int, int | None]] = []

    async def attempt(self, tell: Callable[[Outcome], None]) -> None:
        self.tell = tell
        if self.outcomes:
            outcome = self.outcomes.pop(0)
            if isinstance(outcome, TrunkError):
                raise outcome
            tell(outcome)

    async def withdraw(self) -> None:
        self.withdrawn += 1

    def wait(self, failures: int, retry_after: int | None) -> float:
        self.waits.append((failures, retry_after))
        return 0.0

    def start(
        self, told: Told, withdraw: Callable[[], Awaitable[None]] | None = None
    ) -> Registration:
        return Registration(
            self.attempt, withdraw or self.withdraw, told, wait=self.wait, clock=lambda: 100.0
        )


OK = Outcome(200, "OK", 60)
FORBIDDEN = Outcome(403, "Forbidden")


async def test_story() -> None:
    """Refused twice, once without a trunk at all, registered, refreshed, refused, registered."""
    script = Script(FORBIDDEN, Outcome(503, "Later", 0, 7), TrunkError("no such host"), OK)
    registration = script.start(told := Told())
    assert await told.until(4) == [
        RegistrationState(False, 403, "Forbidden", None, 1, 100.0),
        RegistrationState(False, 503, "Later", None, 2, 100.0),
        RegistrationState(False, 0, "no such host", None, 3, 100.0),
        RegistrationState(True, 200, "OK", 160.0),
    ]
    script.outcomes.append(OK)
    script.tell(OK)
    script.tell(FORBIDDEN)
    await told.until(7)
    assert [(each.registered, each.failures) for each in told.states[4:]] == [
        (True, 0),
        (False, 1),
        (True, 0),
    ]
    assert script.waits == [(1, None), (2, 7), (3, None), (1, None)]
    await registration.close()
    await registration.close()
    assert script.withdrawn == 1


async def test_listener_that_fails(caplog: pytest.LogCaptureFixture) -> None:
    script = Script(FORBIDDEN, OK)
    told = Told()

    def fail(state: RegistrationState) -> None:
        told(state)
        raise ValueError("a fault of the listener's")

    registration = Registration(script.attempt, script.withdraw, fail, wait=script.wait)
    await told.until(2)
    await registration.close()
    assert "could not be told" in caplog.text


async def test_trunk_that_does_not_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.trunk.registration.FAREWELL", 0.05)

    async def hang() -> None:
        await asyncio.Event().wait()

    registration = Script(OK).start(told := Told(), hang)
    await told.registered()
    async with asyncio.timeout(2):
        await registration.close()


# -- trunks that are played by hand


@asynccontextmanager
async def registering(
    endpoint: TrunkEndpoint, trunk: Trunk, wait: float = 0.05
) -> AsyncIterator[Told]:
    told = Told()
    registration = endpoint.register(trunk, told, wait=lambda failures, after: wait)
    try:
        yield told
    finally:
        await registration.close()


def at(uri: str, expires: int = 300) -> Trunk:
    return Trunk(
        "registered", uri, "ana", Secret("secret"), "+15550001", register=True, expires=expires
    )


async def registers(trunk: Wire, count: int, limit: float = 10) -> None:
    """Wait for so many REGISTERs, repeated ones left out."""
    seen: set[tuple[int, str]] = set()

    def enough(message: object) -> bool:
        seen.update(each.cseq for each in trunk.heard if each.method == "REGISTER")
        return len(seen) >= count

    await trunk.find(enough, limit)


async def test_refused_for_ever(endpoint: TrunkEndpoint) -> None:
    """It is tried again and again, and told each time; at the end there is nothing to take back."""
    async with open_wire() as trunk:
        trunk.answering = 403
        async with registering(endpoint, at(trunk.uri)) as told:
            states = await told.until(4)
        count = len([each for each in trunk.heard if each.method == "REGISTER"])
    assert [(each.code, each.failures) for each in states[:4]] == [(403, n) for n in (1, 2, 3, 4)]
    assert states[0].sentence == "The trunk refuses our registration: 403 As Always."
    assert count == len(told.states)


async def test_refresh_and_farewell(endpoint: TrunkEndpoint) -> None:
    """It is refreshed before it ends, as the trunk sees it, and taken back at the end."""
    async with open_wire() as trunk:
        trunk.answering, trunk.adding = 200, ("Expires: 7",)
        async with registering(endpoint, at(trunk.uri)) as told:
            first = await told.registered()
            await told.until(2)
        last = trunk.heard[-1]
    register = trunk.heard[0]
    assert register.start == f"REGISTER {trunk.uri} SIP/2.0"
    assert "<sip:ana@127.0.0.1>" in (register.header("from") or "")
    assert register.header("expires") == "300"
    assert (first.code, first.failures) == (200, 0)
    assert (last.method, last.header("expires")) == ("REGISTER", "0")


async def test_refresh_that_is_refused(endpoint: TrunkEndpoint) -> None:
    async with open_wire() as trunk:
        trunk.answering, trunk.adding = 200, ("Expires: 6",)
        async with registering(endpoint, at(trunk.uri)) as told:
            await told.registered()
            trunk.answering, trunk.adding = 503, ("Retry-After: 9",)
            states = await told.until(3)
            trunk.answering, trunk.adding = 200, ("Expires: 60",)
            await told.registered()
    assert [(each.registered, each.code) for each in states[:2]] == [(True, 200), (False, 503)]


async def test_nobody_there(endpoint: TrunkEndpoint) -> None:
    trunk = at(f"sip:127.0.0.1:{free_port()};transport=tcp")
    async with registering(endpoint, trunk) as told:
        states = await told.until(2)
    assert [(each.registered, each.code) for each in states[:2]] == [(False, 0)] * 2
    assert states[0].sentence.startswith("Registration has failed: ")


async def test_unknown_host(endpoint: TrunkEndpoint) -> None:
    async with registering(endpoint, at("sip:nowhere.invalid")) as told:
        (state, *_) = await told.until(1)
    assert "'nowhere.invalid' has no address" in state.sentence


async def test_twice(endpoint: TrunkEndpoint) -> None:
    async with open_wire() as trunk:
        trunk.answering, trunk.adding = 200, ("Expires: 60",)
        async with registering(endpoint, at(trunk.uri)) as told:
            await told.registered()
            with pytest.raises(TrunkError, match="registered already"):
                endpoint.register(at(trunk.uri), told)
        async with registering(endpoint, at(trunk.uri)) as told:
            await told.registered()


async def test_given_up_before_the_answer(endpoint: TrunkEndpoint) -> None:
    async with open_wire() as trunk, registering(endpoint, at(trunk.uri)) as told:
        await trunk.hear("REGISTER")
    assert not told.states


async def test_calls_go_where_we_are_registered(endpoint: TrunkEndpoint, phone: Phone) -> None:
    """By the same account: its user in Contact, the caller's number in From."""
    async with open_wire() as trunk:
        trunk.answering, trunk.adding = 200, ("Expires: 60",)
        async with registering(endpoint, at(trunk.uri)) as told:
            await told.registered()
            trunk.answering = 0
            _, ear = await phone.dial(at(trunk.uri))
            invite = await trunk.hear("INVITE")
            trunk.answer(invite, 486, "Busy Here")
            await ear.end()
            trunk.answering = 200
    assert "<sip:+15550001@127.0.0.1>" in (invite.header("from") or "")
    assert (invite.header("contact") or "").startswith("<sip:ana@")


# -- the lab


def account(lab: AsteriskLab, name: str, transport: str = "udp", password: str = "") -> Trunk:
    if transport == "tls":
        require_own_engine()
    return Trunk(
        name,
        lab.uri(transport),
        name,
        Secret(password or lab.secret),
        "+15550001",
        register=True,
        expires=60,
        tls=Tls(str(lab.authority)) if transport == "tls" else SYSTEM_TLS,
    )


@pytest.mark.peer
@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
@pytest.mark.parametrize("name", ["acct1001", "trunk-sha256"])
async def test_lab(endpoint: TrunkEndpoint, lab: AsteriskLab, name: str, transport: str) -> None:
    """It challenges (MD5, SHA-256), has our address while we want, and not after."""
    async with registering(endpoint, account(lab, name, transport)) as told:
        state = await told.registered()
        async with lab.manager() as manager:
            shown = await manager.command(f"pjsip show aor {name}")
    async with lab.manager() as manager:
        after = await manager.command(f"pjsip show aor {name}")
    assert (state.code, [each.registered for each in told.states]) == (200, [True])
    assert f"{name}/sip:{name}@127" in shown  # it cuts the line
    assert f"{name}/sip:" not in after


@pytest.mark.peer
async def test_lab_wrong_password(
    endpoint: TrunkEndpoint, lab: AsteriskLab, caplog: pytest.LogCaptureFixture
) -> None:
    """It is told, and the engine does not complain of it as well, nor when we leave."""
    async with registering(endpoint, account(lab, "acct1001", password="guess")) as told:
        states = await told.until(2)
    assert [(each.registered, each.code) for each in states[:2]] == [(False, 401)] * 2
    assert not [each for each in caplog.records if each.levelno > logging.INFO]


@pytest.mark.peer
@pytest.mark.parametrize("transport", ["udp", "tls"])
async def test_lab_calls_both_ways(
    endpoint: TrunkEndpoint, phone: Phone, lab: AsteriskLab, transport: str
) -> None:
    """A registered trunk takes our calls, and calls us where we have registered.

    By TLS it does so by the connection that we have made, without a port of ours.
    """
    calls: asyncio.Queue[IncomingCall] = asyncio.Queue()
    incoming = Ear()

    def take(call: IncomingCall) -> Ear:
        calls.put_nowait(call)
        return incoming

    trunk = account(lab, "acct1002", transport)
    async with registering(endpoint, trunk) as told, lab.manager() as manager:
        await told.registered()
        leg, ear = await phone.dial(trunk, "600")
        await ear.hear(Answered)
        await leg.hangup()
        await ear.end()
        endpoint.on_incoming = take
        try:
            await manager.action(
                "Originate",
                Channel="PJSIP/acct1002",
                Context="originated",
                Exten="600",
                Priority="1",
                Async="true",
            )
            async with asyncio.timeout(5):
                call = await calls.get()
            await call.leg.answer(OFFER)
            await incoming.hear(Answered)
            await call.leg.hangup()
            await incoming.end()
        finally:
            endpoint.on_incoming = None
    assert call.to == "acct1002"


@pytest.mark.peer
@pytest.mark.parametrize("transport", ["udp", "tls"])
async def test_whoever_goes_takes_it_back_and_keeps_the_call(
    endpoint: TrunkEndpoint, phone: Phone, lab: AsteriskLab, transport: str
) -> None:
    """Last, since the endpoint goes: the lab has no address of ours, but the call, and ends it."""
    trunk = account(lab, "acct1002", transport)
    async with registering(endpoint, trunk) as told, lab.manager() as manager:
        await told.registered()
        leg, ear = await phone.dial(trunk, "600")
        await ear.hear(Answered)
        await endpoint.leave()
        assert "acct1002/sip:" not in await manager.command("pjsip show aor acct1002")
        await endpoint.leave()  # harmless
        assert await leg.probe(5.0)
        call = await manager.wait("LabCall", Dialed="600")
        await manager.action("Hangup", Channel=call["Channel"])
        end = await ear.end()
    assert end.by is Origin.REMOTE
    assert len(told.states) == 1
