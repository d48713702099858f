"""The seams of a call: a trunk's leg and a media session that remember what they were told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import cast

from gateway import trunk
from gateway.calls import news
from gateway.media.events import BrowserReachable, EchoEvent, LegTraffic, MediaEvent, Traffic
from gateway.media.parameters import (
    BrowserRemote,
    Flow,
    LocalBrowser,
    LocalMedia,
    LocalTrunk,
    TrunkRemote,
)

LOCAL = LocalMedia(
    ice_ufrag="abcd",
    ice_password="0123456789012345678901",
    candidates=("1 1 udp 2130706431 192.0.2.10 20002 typ host",),
    fingerprints=(("sha-256", ":".join(["AB"] * 32)),),
    ssrc=4711,
    trunk_host="192.0.2.10",
    trunk_port=20000,
)


class FakeEcho:
    """An echo's media session that does nothing and remembers everything."""

    local = LocalBrowser(
        LOCAL.ice_ufrag,
        LOCAL.ice_password,
        LOCAL.candidates,
        LOCAL.fingerprints,
        LOCAL.ssrc,
        (20002, 20003),
    )

    def __init__(self) -> None:
        self.traffic: Traffic = {"browser": LegTraffic(1, 10, 2, 20)}
        self.browser: BrowserRemote | None = None
        self.candidates: list[str | None] = []
        self.closed = 0
        self.may_close = asyncio.Event()
        self.may_close.set()
        self.report: Callable[[EchoEvent], None] = lambda event: None

    def report_to(self, report: Callable[[EchoEvent], None]) -> None:
        self.report = report

    async def connect_browser(self, remote: BrowserRemote) -> None:
        self.browser = remote

    async def add_candidate(self, candidate: str | None) -> None:
        self.candidates.append(candidate)

    async def close(self) -> None:
        self.closed += 1
        await self.may_close.wait()


class FakeSession:
    """A media session that does nothing and remembers everything."""

    local = LOCAL

    def __init__(self) -> None:
        heard = LegTraffic(1, 10, 2, 20)
        self.traffic: Traffic = {"browser": heard, "trunk": LegTraffic(3, 30, 4, 40)}
        self.browser: BrowserRemote | None = None
        self.trunk: list[TrunkRemote] = []
        self._followed = asyncio.Event()
        self.candidates: list[str | None] = []
        self.digits = ""
        self.flow = Flow.SILENCE
        self.closed = 0
        self.renewed = 0
        self.renewals_given_up = 0
        self.reachable = True  # the browser names an address at once
        self.unable: Exception | None = None  # what a renewal raises
        self.report: Callable[[MediaEvent], None] = lambda event: None
        self.second: FakeSecond | None = None
        self.given_up = 0
        self.no_port: Exception | None = None

    async def add_trunk(self) -> FakeSecond:
        if self.no_port is not None:
            raise self.no_port
        self.second = FakeSecond(self)
        return self.second

    async def turn_to(self, second: FakeSecond) -> None:
        assert second is self.second
        second.turned += 1

    async def give_up(self, second: FakeSecond) -> None:
        self.given_up += 1

    def report_to(self, report: Callable[[MediaEvent], None]) -> None:
        self.report = report

    async def connect_browser(self, remote: BrowserRemote) -> None:
        self.browser = remote
        if self.reachable:
            self.report(BrowserReachable())

    async def renew_browser(self, remote: BrowserRemote) -> LocalMedia:
        if self.unable is not None:
            raise self.unable
        self.renewed += 1
        return replace(LOCAL, ice_ufrag=f"new{self.renewed}", ssrc=4711 + self.renewed)

    async def give_up_renewal(self) -> None:
        self.renewals_given_up += 1

    async def add_candidate(self, candidate: str | None) -> None:
        self.candidates.append(candidate)

    async def connect_trunk(self, remote: TrunkRemote) -> None:
        self.trunk.append(remote)
        self._followed.set()

    async def follow(self, count: int) -> TrunkRemote:
        """Wait until so many descriptions of the trunk have been followed; return the last."""
        async with asyncio.timeout(2):
            while len(self.trunk) < count:
                self._followed.clear()
                await self._followed.wait()
        return self.trunk[-1]

    async def set_flow(self, flow: Flow) -> None:
        self.flow = flow

    async def send_digits(self, digits: str, duration_ms: int, gap_ms: int) -> None:
        self.digits += digits

    def pass_digit(self, digit: str, duration_ms: int) -> None:
        self.digits += digit

    async def close(self) -> None:
        self.closed += 1


class FakeSecond:
    """A second trunk's end, likewise."""

    local = LocalTrunk("192.0.2.10", 20010)

    def __init__(self, session: FakeSession) -> None:
        self._session = session
        self.trunk: list[TrunkRemote] = []
        self.turned = 0
        self.digits = ""

    def report_to(self, report: Callable[[MediaEvent], None]) -> None:
        pass

    async def connect_trunk(self, remote: TrunkRemote) -> None:
        self.trunk.append(remote)

    async def set_flow(self, flow: Flow) -> None:
        await self._session.set_flow(flow)

    def pass_digit(self, digit: str, duration_ms: int) -> None:
        self.digits += digit


class FakeJoined:
    """The media of two trunks, likewise."""

    def __init__(self) -> None:
        heard = LegTraffic(1, 10, 2, 20)
        self.traffic: Traffic = {"trunk": heard, "fallback": LegTraffic(3, 30, 4, 40)}
        self.caller, self.callee = FakeSession(), FakeSession()
        self.closed = 0

    async def close(self) -> None:
        self.closed += 1


class FakeTrunk:
    """Dials nobody: the test says what the trunk does."""

    def __init__(self) -> None:
        self.offer = ""
        self.call_id = "fake@trunk"
        self.hung_up = 0
        self.error: Exception | None = None
        self.dialed = asyncio.Event()
        self.wait = asyncio.Event()
        self.wait.set()
        self.canceled = False
        self.hanging = asyncio.Event()
        self.stands = asyncio.Event()  # the dialog, when it is asked
        self.probes = 0
        self.probed = asyncio.Semaphore(0)
        self.notify: Callable[[trunk.TrunkEvent], None] = lambda event: None
        self.answers: dict[int, str] = {}  # of accepted offers, by token
        self.refusals: dict[int, str] = {}
        self.settles = True  # at once, when an offer is accepted
        self.proposed: list[str] = []
        self.busy = 0  # proposals that cannot be sent
        self.unable: Exception | None = None  # what a proposal raises
        self.asked = asyncio.Event()
        self.transfers: list[str | trunk.DialogName] = []
        self.addresses: dict[str, str] = {}  # of hosts that descriptions name
        self.looking = asyncio.Event()
        self.over = False
        self.referrals: dict[int, int] = {}  # our answers by token
        self.reports: list[tuple[int, str, bool]] = []
        self.reported = asyncio.Event()
        self.info = ""  # digits that came by INFO
        self.info_ms: list[int] = []  # how long each lasted
        self.pressed = asyncio.Event()

    async def dial(self, offer: str, notify: Callable[[trunk.TrunkEvent], None]) -> trunk.TrunkLeg:
        self.offer, self.notify = offer, notify
        self.dialed.set()
        try:
            await self.wait.wait()
        except asyncio.CancelledError:
            self.canceled = True
            raise
        if self.error is not None:
            raise self.error
        return cast(trunk.TrunkLeg, self)

    async def hangup(self, code: int = 0, reason: str = "", *, cause: str = "") -> None:
        self.hung_up += 1
        self.over = True
        self.cause = cause
        if self.hanging.is_set():
            await asyncio.Event().wait()

    async def accept_offer(self, token: int, sdp: str) -> None:
        self.answers[token] = sdp
        if self.settles:
            self.notify(trunk.Settled(""))

    async def propose(self, sdp: str) -> bool:
        if self.unable is not None:
            raise self.unable
        if self.busy:
            self.busy -= 1
            return False
        self.proposed.append(sdp)
        self.asked.set()
        return True

    async def proposal(self, count: int = 1) -> str:
        """Wait until so many proposals have come; return the last."""
        async with asyncio.timeout(5):
            while len(self.proposed) < count:
                self.asked.clear()
                await self.asked.wait()
        return self.proposed[-1]

    async def transfer(self, to: str | trunk.DialogName) -> None:
        if self.unable is not None:
            raise self.unable
        self.transfers.append(to)
        self.asked.set()

    async def name(self) -> trunk.DialogName | None:
        return trunk.DialogName(self.call_id, "ours", "theirs", "sip:phone@127.0.0.1")

    async def accept_referral(self, token: int) -> bool:
        self.referrals[token] = 202
        self.reported.set()
        return not self.over

    async def refuse_referral(self, token: int, code: int) -> None:
        self.referrals[token] = code
        self.reported.set()

    async def report(self, code: int, reason: str, *, last: bool = False) -> None:
        self.reports.append((code, reason, last))
        self.reported.set()

    async def refuse_offer(self, token: int, why: str) -> None:
        self.refusals[token] = why
        self.notify(trunk.Digit("#", 100))  # for tests to wait for

    async def send_digit(self, digit: str, duration_ms: int) -> None:
        self.info += digit
        self.info_ms.append(duration_ms)
        self.pressed.set()

    async def locate(self, name: str, like: str) -> str:
        self.looking.set()
        await self.stands.wait()
        if name not in self.addresses:
            raise trunk.TrunkError(f"the host {name!r} has no address")
        return self.addresses[name]

    async def probe(self, timeout: float) -> bool:
        self.probes += 1
        try:
            async with asyncio.timeout(timeout):
                await self.stands.wait()
        except TimeoutError:
            return False
        finally:
            self.probed.release()
        return True


class Client:
    """Takes the news of a call."""

    def __init__(self) -> None:
        self.told: list[news.News] = []
        self._changed = asyncio.Event()

    def __call__(self, event: news.News) -> None:
        self.told.append(event)
        self._changed.set()

    async def hear(self, kind: type[news.News], count: int = 1, limit: float = 2) -> news.News:
        """Wait until news of this kind has come so many times; return the last of them."""
        async with asyncio.timeout(limit):
            while True:
                found = [event for event in self.told if isinstance(event, kind)]
                if len(found) >= count:
                    return found[count - 1]
                self._changed.clear()
                await self._changed.wait()
