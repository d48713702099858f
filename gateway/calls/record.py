"""What is known of one call: shown to the operator while it runs, and one line in the log after it.

It learns of the call by the news that the page is told, and changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from gateway.admission.grant import Visitor
from gateway.calls import news
from gateway.calls.end import By, CallEnd
from gateway.calls.opinion import Feedback, Mean, PageAccount
from gateway.calls.request import CallRequest
from gateway.errors import GatewayError
from gateway.media.events import LegQuality, LegTraffic

Direction = Literal["outgoing", "incoming"]


@dataclass(slots=True)
class LegAccount:
    """How one leg did: means of the two-second intervals, and what it has carried."""

    mos: Mean = field(default_factory=Mean)
    loss: Mean = field(default_factory=Mean)
    jitter_ms: Mean = field(default_factory=Mean)
    rtt_ms: Mean = field(default_factory=Mean)
    traffic: LegTraffic | None = None

    def add(self, quality: LegQuality) -> None:
        """Count one interval."""
        self.mos.add(quality.mos)
        # An interval in which nothing was to come, or nothing did, says nothing of the network
        heard = quality.packets > 0
        self.loss.add(quality.loss if heard else None)
        self.jitter_ms.add(quality.jitter_ms if heard else None)
        self.rtt_ms.add(quality.rtt_ms)


@dataclass(frozen=True, slots=True)
class Holder:
    """Who has a call now: another page than the one that began it, or that one from elsewhere."""

    visitor: Visitor
    identity: str | None


@dataclass(slots=True)
class CallRecord:
    """One call. Times in seconds since the epoch.

    `state` is a word of the protocol: trying, ringing, answered, ended; `direction` is the page's
    view. `trunk_codec` and `browser_codec` are encoding names; `browser` and `trunk_leg` say how
    the legs did. `fallback` is the number that a call of no page's has gone to, by the trunk
    `fallback_trunk`, whose side has a codec and an account of its own; there is no browser in it.
    `redirected_to` is whom the far end has handed the page over to, by the trunk
    `redirected_trunk`. `holder` is who has it now, where that is not the page of `request` as it
    was then. `rule` is the word of what refused the call, if anything of ours has. `page` is what
    its browser has heard, `feedback` what its person says of it, for the `opinions`th time.
    """

    id: str
    request: CallRequest
    trunk: str
    started: float
    state: str = "trying"
    sip_call_id: str = ""
    ringing: float | None = None
    answered: float | None = None
    ended: float | None = None
    browser_codec: str | None = None
    trunk_codec: str | None = None
    browser: LegAccount = field(default_factory=LegAccount)
    trunk_leg: LegAccount = field(default_factory=LegAccount)
    end: CallEnd | None = None
    duration_ms: int = 0
    direction: Direction = "outgoing"
    fallback: str | None = None
    fallback_trunk: str | None = None
    fallback_codec: str | None = None
    fallback_leg: LegAccount = field(default_factory=LegAccount)
    redirected_to: str | None = None
    redirected_trunk: str | None = None
    rule: str | None = None
    holder: Holder | None = None
    page: PageAccount = field(default_factory=PageAccount)
    feedback: Feedback | None = None
    opinions: int = 0

    @property
    def holders(self) -> tuple[Holder, ...]:
        """Whose call it is: who began it, and who has it now."""
        first = Holder(self.request.visitor, self.request.identity)
        return (first,) if self.holder is None else (first, self.holder)

    @property
    def numbers(self) -> tuple[str, ...]:
        """The number that was called, and those that the call has gone on to."""
        wanted = (self.request.to, self.fallback, self.redirected_to)
        return tuple(number for number in wanted if number is not None)

    @property
    def is_refused(self) -> bool:
        """Whether a rule of ours has said no, or a trunk's call is for nobody who could be rung."""
        return self.rule is not None or (self.direction == "incoming" and self.ringing is None)

    @property
    def paid_trunk(self) -> str | None:
        """The one on which a call of ours is placed; None where a trunk has called us."""
        if self.redirected_to is not None:
            return self.redirected_trunk
        return self.trunk if self.direction == "outgoing" else self.fallback_trunk

    @property
    def legs(self) -> dict[str, LegAccount]:
        """The legs by the names that media has for them."""
        return {"browser": self.browser, "trunk": self.trunk_leg, "fallback": self.fallback_leg}

    def learn(self, event: news.News, now: float) -> None:
        """Take what the page is told."""
        match event:
            case news.Ringing():
                self.state = "ringing"
                self.ringing = self.ringing or now
            case news.Answered(browser_codec=browser, trunk_codec=trunk, fallback_codec=fallback):
                self.state, self.answered = "answered", now
                self.browser_codec, self.trunk_codec = browser or None, trunk
                self.fallback_codec = fallback or None
            case news.Redirected(to=to, trunk_codec=codec, trunk=trunk):
                self.redirected_to, self.redirected_trunk, self.trunk_codec = to, trunk, codec
            case news.Quality(browser=browser_leg, trunk=trunk_leg):
                self.browser.add(browser_leg)
                self.trunk_leg.add(trunk_leg)
            case news.SideQuality(side="fallback", quality=quality):
                self.fallback_leg.add(quality)
            case news.SideQuality(quality=quality):
                self.trunk_leg.add(quality)
            case news.Ended(end=end, duration_ms=duration, traffic=traffic):
                self.state, self.end, self.duration_ms = "ended", end, duration
                self.ended = now
                for leg, account in self.legs.items():
                    account.traffic = traffic.get(leg)

    def refuse(self, error: GatewayError, now: float) -> None:
        """End as a call that was refused before it was one."""
        self.state, self.ended, self.rule = "ended", now, rule_of(error)
        self.end = CallEnd(By.GATEWAY, error.name, error.sip_code, "", str(error), error.said)

    def summary(self, mask: Callable[[str], str]) -> str:
        """Say in one line who called whom, and how it went; numbers as `mask` shows them."""
        request, end = self.request, self.end
        parts = {
            "direction": self.direction,
            "to": mask(request.to),
            "from": mask(request.caller or "-"),
            "trunk": self.trunk or "-",
            "identity": request.identity or "-",
            "address": request.visitor.address or "-",
            "cause": f"{end.cause}({end.sip_code})" if end is not None else "-",
            "by": end.by if end is not None else "-",
            "duration": f"{self.duration_ms / 1000:.1f}s",
            "codec": f"{self.browser_codec or '-'}/{self.trunk_codec or '-'}",
            "mos": f"{_written(self.browser.mos)}/{_written(self.trunk_leg.mos)}",
            "sip": self.sip_call_id or "-",
        }
        if self.fallback is not None:
            parts["fallback"] = mask(self.fallback)
            parts["fallback_trunk"] = self.fallback_trunk or "-"
            parts["fallback_codec"] = self.fallback_codec or "-"
            parts["fallback_mos"] = _written(self.fallback_leg.mos)
        if self.redirected_to is not None:
            parts["redirected"] = mask(self.redirected_to)
            parts["redirected_trunk"] = self.redirected_trunk or "-"
        sentence = "call ended" if end is None else f"call ended: {end.message}"
        return " ".join([sentence, *(f"{name}={value}" for name, value in parts.items())])


def rule_of(error: GatewayError) -> str:
    """Return the word of what has refused: a rule, a limit, a reason, or the error's own name."""
    words = (getattr(error, name, None) for name in ("rule", "limit", "reason"))
    return next((word for word in words if word), error.name)


def _written(mean: Mean) -> str:
    return "-" if mean.value is None else f"{mean.value:.2f}"
