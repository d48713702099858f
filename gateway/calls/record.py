"""What is known of one call: shown to the operator while it runs, and one line in the log after it.

It learns of the call by the news that the page is told, and changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from gateway.calls import news
from gateway.calls.end import CallEnd
from gateway.calls.request import CallRequest

Direction = Literal["outgoing", "incoming"]


@dataclass(slots=True)
class Mean:
    """The mean of what has been added, None before anything has."""

    total: float = 0.0
    count: int = 0

    def add(self, value: float | None) -> None:
        """Count a value, unless it is not known."""
        if value is not None:
            self.total += value
            self.count += 1

    @property
    def value(self) -> float | None:
        return self.total / self.count if self.count else None


@dataclass(slots=True)
class CallRecord:
    """One call. Times in seconds since the epoch.

    `state` is a word of the protocol: trying, ringing, answered, ended; `direction` is the page's
    view. `trunk_codec` and `browser_codec` are encoding names, `mos_browser` and `mos_trunk` means
    over the call. `fallback` is the number that a call of no page's has gone to, by the trunk
    `fallback_trunk`, whose side has a codec and a mean of its own; there is no browser in it.
    `redirected_to` is whom the far end has handed the page over to, by the trunk
    `redirected_trunk`.
    """

    id: str
    request: CallRequest
    trunk: str
    started: float
    state: str = "trying"
    sip_call_id: str = ""
    answered: float | None = None
    browser_codec: str | None = None
    trunk_codec: str | None = None
    mos_browser: Mean = field(default_factory=Mean)
    mos_trunk: Mean = field(default_factory=Mean)
    end: CallEnd | None = None
    duration_ms: int = 0
    direction: Direction = "outgoing"
    fallback: str | None = None
    fallback_trunk: str | None = None
    fallback_codec: str | None = None
    mos_fallback: Mean = field(default_factory=Mean)
    redirected_to: str | None = None
    redirected_trunk: str | None = None

    @property
    def paid_trunk(self) -> str | None:
        """The one on which a call of ours is placed; None where a trunk has called us."""
        if self.redirected_to is not None:
            return self.redirected_trunk
        return self.trunk if self.direction == "outgoing" else self.fallback_trunk

    def learn(self, event: news.News, now: float) -> None:
        """Take what the page is told."""
        match event:
            case news.Ringing():
                self.state = "ringing"
            case news.Answered(browser_codec=browser, trunk_codec=trunk, fallback_codec=fallback):
                self.state, self.answered = "answered", now
                self.browser_codec, self.trunk_codec = browser or None, trunk
                self.fallback_codec = fallback or None
            case news.Redirected(to=to, trunk_codec=codec, trunk=trunk):
                self.redirected_to, self.redirected_trunk, self.trunk_codec = to, trunk, codec
            case news.Quality(browser=browser_leg, trunk=trunk_leg):
                self.mos_browser.add(browser_leg.mos)
                self.mos_trunk.add(trunk_leg.mos)
            case news.SideQuality(side="fallback", quality=quality):
                self.mos_fallback.add(quality.mos)
            case news.SideQuality(quality=quality):
                self.mos_trunk.add(quality.mos)
            case news.Ended(end=end, duration_ms=duration):
                self.state, self.end, self.duration_ms = "ended", end, duration

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
            "mos": f"{_written(self.mos_browser)}/{_written(self.mos_trunk)}",
            "sip": self.sip_call_id or "-",
        }
        if self.fallback is not None:
            parts["fallback"] = mask(self.fallback)
            parts["fallback_trunk"] = self.fallback_trunk or "-"
            parts["fallback_codec"] = self.fallback_codec or "-"
            parts["fallback_mos"] = _written(self.mos_fallback)
        if self.redirected_to is not None:
            parts["redirected"] = mask(self.redirected_to)
            parts["redirected_trunk"] = self.redirected_trunk or "-"
        sentence = "call ended" if end is None else f"call ended: {end.message}"
        return " ".join([sentence, *(f"{name}={value}" for name, value in parts.items())])


def _written(mean: Mean) -> str:
    return "-" if mean.value is None else f"{mean.value:.2f}"
