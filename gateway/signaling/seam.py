"""What this room asks of the calls below it, in the fewest words that do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

from gateway.calls.end import CallEnd
from gateway.calls.news import News, Tell
from gateway.calls.opinion import Feedback
from gateway.calls.preflight import PreflightNews
from gateway.calls.record import CallRecord, Holder
from gateway.calls.request import CallRequest
from gateway.calls.trunks import TrunkCalls
from gateway.errors import GatewayError
from gateway.records.row import Row
from gateway.records.search import Page, Search


class PlacedCall(Protocol):
    """A live call. Each method hands over a command and returns; none waits for the far end."""

    @property
    def id(self) -> str:
        """Names the call in the gateway's log."""

    async def add_candidate(self, candidate: str | None) -> None: ...
    async def restart(
        self, offer: str, tell: Tell | None = None, restart_id: str | None = None, /
    ) -> None: ...
    async def give_up_restart(self, tell: Tell, /) -> None: ...
    async def hangup(self) -> None: ...
    async def abandon(self, reason: str) -> None: ...
    async def hold(self) -> None: ...
    async def resume(self) -> None: ...
    def check_transfer(self) -> None: ...
    async def transfer(self, to: str) -> None: ...
    async def transfer_to(self, other: Any, /) -> None: ...
    async def redirect(self, token: int, request: CallRequest) -> None: ...
    async def refuse_redirect(self, token: int, error: GatewayError) -> None: ...
    async def send_digits(self, digits: str, duration_ms: int, gap_ms: int) -> None: ...


class CallTotals(Protocol):
    """Counts since the start."""

    placed: int
    answered: int
    lines_dropped: int
    received: int  # from trunks, which the others do not count
    accepted: int

    last_answered: float | None  # of time.monotonic

    @property
    def ended(self) -> Mapping[str, int]:
        """Calls by the cause of their end."""

    @property
    def received_ended(self) -> Mapping[str, int]:
        """The same of those from trunks."""


class RecordCounts(Protocol):
    """Rows since the start."""

    written: int
    lost: int
    skipped: int  # refused calls that were too many


class Records(Protocol):
    """The records of all calls. A search raises `UnavailableError` while the database is away."""

    @property
    def counts(self) -> RecordCounts: ...
    @property
    def queued(self) -> int:
        """Rows that are not in the database yet."""

    @property
    def faults(self) -> list[str]:
        """Say what keeps rows from it."""

    def row_of(self, record: CallRecord, /) -> Row:
        """Return the row of a call as it is now."""

    async def find(self, call_id: str, /) -> Row | None:
        """Return the record of a call that has ended."""

    async def search(self, wanted: Search, /) -> Page: ...


class WebhookCounts(Protocol):
    """Counts since the start."""

    sent: int
    failed: int
    lost: int


class WebhookEvent(Protocol):
    """What was to be sent."""

    @property
    def id(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def body(self) -> str: ...


class DeadWebhook(Protocol):
    """An event that is not sent any more, since when and why."""

    @property
    def event(self) -> WebhookEvent: ...
    @property
    def attempts(self) -> int: ...
    @property
    def why(self) -> str: ...
    @property
    def died(self) -> float: ...


class Webhooks(Protocol):
    """What the operator sees of events, and does with them."""

    url: str
    shut: bool  # the server has said that it wants none
    why: str  # of the last attempt, if it has failed

    @property
    def faults(self) -> list[str]:
        """Say what keeps events from the server."""

    @property
    def counts(self) -> WebhookCounts: ...
    @property
    def waiting(self) -> int: ...
    @property
    def dead_count(self) -> int: ...
    async def dead(self, most: int) -> Sequence[DeadWebhook]:
        """Return those that are not sent any more."""

    async def revive(self, ids: Sequence[str] | None) -> int:
        """Send them again, all or these."""

    async def forget(self) -> int:
        """Throw them away."""


class Preflights(Protocol):
    """Every browser that hears itself; it owns their tasks."""

    @property
    def active(self) -> int: ...
    async def begin(self, offer: str, tell: Callable[[PreflightNews], None], /) -> Preflight:
        """Begin one, or raise a `GatewayError` and leave nothing behind."""


class Preflight(Protocol):
    """One of them."""

    async def add_candidate(self, candidate: str | None, /) -> None: ...
    def hangup(self) -> None: ...
    def end(self, end: CallEnd, /) -> None: ...


class CallRegistry(Protocol):
    """Every call of the gateway; it owns their tasks."""

    draining: bool

    @property
    def preflights(self) -> Preflights: ...
    @property
    def totals(self) -> CallTotals: ...
    @property
    def trunks(self) -> Mapping[str, TrunkCalls]:
        """Each trunk now, by its name."""

    @property
    def active(self) -> int: ...
    @property
    def lines(self) -> Mapping[str, int]:
        """Calls at a time that each part has room for."""

    @property
    def capacities(self) -> Mapping[str, int]:
        """The same, with what there is time for."""

    @property
    def capacity(self) -> int:
        """The least of them."""

    @property
    def overloaded(self) -> bool:
        """Whether no call is taken until those that run leave more time."""

    def check_room(self) -> None:
        """Raise a `GatewayError` when no new call is taken."""

    async def place(self, request: CallRequest, tell: Callable[[News], None]) -> PlacedCall:
        """Place a call, or raise a `GatewayError` and leave nothing behind."""

    def refused(self, request: CallRequest, error: GatewayError) -> None:
        """Tell of a call that was asked for and is none."""

    def records(self) -> Sequence[CallRecord]:
        """Return what is known of each call that runs."""

    def record_of(self, call_id: str) -> CallRecord | None:
        """Return what is known of a call that runs."""

    def rate(self, record: CallRecord, feedback: Feedback) -> None:
        """Take what a page says of a call; RequestError if it has said so too often."""

    def note_holder(self, call_id: str, holder: Holder) -> None:
        """Note who has a call from now on."""

    def stop(self, ids: Iterable[str], sentence: str) -> int:
        """End calls, and tell their pages why; return how many there were."""

    async def drain(self) -> None:
        """Take no new calls from now on."""

    async def emptied(self) -> None:
        """Return once there is no call."""

    async def close(self) -> None:
        """End every call, within a time limit of its own."""
