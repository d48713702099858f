"""What a call needs of the media below it, in the fewest words that do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from gateway.calls.preflight import EchoSession
from gateway.media.events import MediaEvent, Traffic
from gateway.media.parameters import BrowserRemote, Flow, LocalMedia, LocalTrunk, TrunkRemote


class TrunkMedia(Protocol):
    """The media of one trunk in a call; what happens comes to the function reported to."""

    @property
    def local(self) -> LocalTrunk:
        """Our end, from the first moment on."""

    def report_to(self, report: Callable[[MediaEvent], None], /) -> None: ...
    async def connect_trunk(self, remote: TrunkRemote, /) -> None: ...
    async def set_flow(self, flow: Flow, /) -> None: ...
    def pass_digit(self, digit: str, duration_ms: int, /) -> None: ...


class SecondTrunk(TrunkMedia, Protocol):
    """The media of a trunk that waits to take the place of a call's first one."""


class Joined(Protocol):
    """The media of a call between two trunks."""

    @property
    def caller(self) -> TrunkMedia: ...
    @property
    def callee(self) -> TrunkMedia: ...
    @property
    def traffic(self) -> Traffic:
        """What both have carried so far; after the end as well."""

    async def close(self) -> None: ...


class Session(Protocol):
    """One call's media. Commands are awaited; what happens comes to the function reported to."""

    @property
    def local(self) -> LocalMedia:
        """Our end, from the first moment on."""

    @property
    def traffic(self) -> Traffic:
        """What both legs have carried so far; after the end as well."""

    def report_to(self, report: Callable[[MediaEvent], None], /) -> None: ...
    async def connect_browser(self, remote: BrowserRemote, /) -> None: ...
    async def renew_browser(self, remote: BrowserRemote, /) -> LocalMedia:
        """Make a new end for the browser; what follows is for it (`MediaSession`)."""

    async def give_up_renewal(self) -> None:
        """Close that end, if it is not up yet; nothing more is told of it."""

    async def add_candidate(self, candidate: str | None, /) -> None: ...
    async def connect_trunk(self, remote: TrunkRemote, /) -> None: ...
    async def add_trunk(self) -> SecondTrunk:
        """Make a second trunk's end, or raise `UnavailableError`."""

    async def turn_to(self, second: Any, /) -> None:
        """Put it in the place of the first one."""

    async def give_up(self, second: Any, /) -> None:
        """Close it; harmless when it is in that place, or closed."""

    async def set_flow(self, flow: Flow, /) -> None: ...
    async def send_digits(self, digits: str, duration_ms: int, gap_ms: int, /) -> None: ...
    def pass_digit(self, digit: str, duration_ms: int, /) -> None: ...
    async def close(self) -> None: ...


class Plane(Protocol):
    """The media of all calls."""

    async def start(self) -> None:
        """Make sure that calls will find what they need, or raise a `GatewayError`."""

    def own_host(self, trunk: str) -> str:
        """Return our address as a trunk at this one is told it; `UnavailableError` if none is."""

    async def open(self) -> Session:
        """Open a session, or raise `UnavailableError`."""

    async def open_joined(self) -> Joined:
        """Open one of two trunks, likewise."""

    async def open_echo(self) -> EchoSession:
        """Open one in which a browser hears itself, likewise."""

    @property
    def overloaded(self) -> bool:
        """Whether the media clock has no time left for one more call."""

    @property
    def load(self) -> float:
        """Share of its time that the busiest media thread works, 0 to 1."""

    @property
    def pairs(self) -> int:
        """How many calls the ports of the trunks carry."""

    @property
    def calls_by_load(self) -> int | None:
        """How many calls there would be time for; None while nobody can tell."""

    def stats(self) -> Mapping[str, int]:
        """Return what has been counted so far, by name; `sessions` are those open now."""

    async def close(self) -> None:
        """Close every session; harmless when called twice."""
