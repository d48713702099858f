"""How much of the trunk one client may use, and all of them together.

A token says what somebody may do. Limits hold when that one is a thief with a valid token, or a
page with a fault: they bound what it costs until a person looks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from decimal import Decimal

from gateway.admission.address import client_key
from gateway.admission.grant import EVERYBODY, Grant, Visitor
from gateway.admission.windows import MAX_ENTRIES, Numbers, Tries, Windows
from gateway.errors import LimitError

ALL = "all"  # the key under which every call counts
MINUTE = 60.0
HOUR = 3600.0

LIMITS = (
    "calls-at-once",
    "calls-at-once-per-trunk",  # `calls.trunks` counts these, for it knows where a call goes
    "calls-at-once-per-token",
    "calls-at-once-per-identity",
    "calls-at-once-per-address",
    "calls-per-minute",
    "calls-per-hour",
    "calls-per-minute-per-address",
    "calls-per-hour-per-identity",
    "numbers-per-hour-per-identity",
    "numbers-per-hour-per-address",
    "minutes-per-day",
    "spend-per-day",
    "preflights-at-once",
    "preflights-at-once-per-address",
    "preflights-per-minute-per-address",
    "websockets-per-address",
    "websockets-per-second-per-address",
    "messages-per-second-per-address",
)
"""Each word that `LimitReachedError.limit` may hold: a metric has a series for each at once."""


class LimitReachedError(LimitError):
    """A limit is reached.

    `limit` says which, by a word of `LIMITS` for the metric and the audit log.
    """

    def __init__(self, limit: str, message: str) -> None:
        super().__init__(message)
        self.limit = limit


@dataclass(frozen=True, slots=True)
class LimitRules:
    """The keys of `admission.limits`; 0 is no limit."""

    calls_at_once: int = 0
    calls_per_minute: int = 0
    calls_per_hour: int = 0
    calls_at_once_per_identity: int = 2
    calls_at_once_per_address: int = 5
    calls_per_minute_per_address: int = 0
    calls_per_hour_per_identity: int = 0
    numbers_per_hour_per_identity: int = 20
    numbers_per_hour_per_address: int = 0
    minutes_per_day: int = 0
    spend_per_day: Decimal = Decimal(0)
    preflights_at_once: int = 20
    preflights_at_once_per_address: int = 3
    preflights_per_minute_per_address: int = 10
    websockets_per_address: int = 50
    messages_per_second_per_address: int = 100

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not value >= 0:  # neither negative nor NaN
                raise ValueError(f"{field.name} is {value}: 0 (no limit) or more is needed")


class Lease:
    """A call's place under each limit on calls at once."""

    __slots__ = ("_keys", "_running")

    def __init__(self, running: dict[str, int], keys: Sequence[str]) -> None:
        self._running = running
        self._keys = keys
        for key in keys:
            running[key] = running.get(key, 0) + 1

    def release(self) -> None:
        """Give the place back; the second time does nothing."""
        keys, self._keys = self._keys, ()
        for key in keys:
            left = self._running[key] - 1
            if left:
                self._running[key] = left
            else:
                del self._running[key]


@dataclass(frozen=True, slots=True)
class _Share:
    """One of those who share a limit on calls at once."""

    key: str
    most: int | None
    limit: str
    whose: str


@dataclass(frozen=True, slots=True)
class _Pace:
    """A limit on what one client tries in a time."""

    key: str
    most: int
    windows: Windows[Tries] | Windows[Numbers]
    limit: str
    rule: str


def nobody(address: str) -> bool:
    """Exempt nobody."""
    return False


class Limits:
    """Counts calls, and refuses those beyond a limit.

    `rules` may be replaced while calls run: a count goes on under the new rule.

    A refused try counts in the windows of its address and identity, and not in those of all: else
    one client that hammers would fill the window of everybody. All limits of a client are looked at
    before those of all, so the refusal names what the client itself can change.

    Parameters
    ----------
    rules
        What is allowed.
    clock
        Seconds of a clock that does not jump (time.monotonic); should it go back, it stands still.
    exempt
        Whether the limits per address leave an address out, such as loopback in mode "open".
    max_entries
        Tries and numbers that each window limit remembers for all its clients.
    """

    def __init__(
        self,
        rules: LimitRules,
        clock: Callable[[], float],
        exempt: Callable[[str], bool] = nobody,
        max_entries: int = MAX_ENTRIES,
    ) -> None:
        self.rules = rules
        self._clock = clock
        self._exempt = exempt
        self._now = clock()
        self._running: dict[str, int] = {}
        self._last_minute = Tries()
        self._last_hour = Tries()
        self._address_calls = Windows(Tries, MINUTE, max_entries)
        self._address_numbers = Windows(Numbers, HOUR, max_entries)
        self._identity_calls = Windows(Tries, HOUR, max_entries)
        self._identity_numbers = Windows(Numbers, HOUR, max_entries)

    @property
    def running(self) -> int:
        """How many calls there are now."""
        return self._running.get(ALL, 0)

    def take(self, visitor: Visitor, grant: Grant, to: str) -> Lease:
        """Count a call, and return its place.

        Parameters
        ----------
        visitor, grant, to
            Who calls whom, by which right.

        Raises
        ------
        LimitReachedError
            One of the limits does not let it through.
        """
        self._now = max(self._now, self._clock())
        address = None if self._exempt(visitor.address) else client_key(visitor.address)
        identity = _identity_key(grant)
        shares = self._shares(grant, identity, address)
        refused = self._count(identity, address, to)  # each window counts, whoever refuses
        refused = refused or self._crowded(shares) or self._too_many()
        if refused is not None:
            raise refused
        self._last_minute.add(self._now, self.rules.calls_per_minute)
        self._last_hour.add(self._now, self.rules.calls_per_hour)
        return Lease(self._running, [share.key for share in shares])

    def check(self, visitor: Visitor, grant: Grant) -> None:
        """Ask whether there is room for a call that a client does not place.

        Raises
        ------
        LimitReachedError
            It has as many calls at once as it may.
        """
        if (refused := self._crowded(self._all_shares(visitor, grant))) is not None:
            raise refused

    def take_incoming(self, visitor: Visitor, grant: Grant) -> Lease:
        """Count such a call, and return its place; raises as `check`."""
        self.check(visitor, grant)
        return Lease(self._running, [share.key for share in self._all_shares(visitor, grant)])

    def take_forwarded(self) -> Lease:
        """Count a call that we place for no client, and return its place; raises as `take`."""
        self._now = max(self._now, self._clock())
        shares = self._shares(EVERYBODY, None, None)
        if (refused := self._crowded(shares) or self._too_many()) is not None:
            raise refused
        self._last_minute.add(self._now, self.rules.calls_per_minute)
        self._last_hour.add(self._now, self.rules.calls_per_hour)
        return Lease(self._running, [share.key for share in shares])

    def _all_shares(self, visitor: Visitor, grant: Grant) -> list[_Share]:
        address = None if self._exempt(visitor.address) else client_key(visitor.address)
        return self._shares(grant, _identity_key(grant), address)

    def _shares(self, grant: Grant, identity: str | None, address: str | None) -> list[_Share]:
        rules = self.rules
        shares = []
        if grant.token is not None or grant.max_calls is not None:
            # Without an id all such tokens count as one: a limit that is asked for is never lost
            key = f"token {grant.token or grant.identity or ''}"
            shares.append(_Share(key, grant.max_calls, "token", "this token"))
        if identity is not None:
            most = rules.calls_at_once_per_identity or None
            shares.append(_Share(f"identity {identity}", most, "identity", "this identity"))
        if address is not None:
            most = rules.calls_at_once_per_address or None
            shares.append(_Share(f"address {address}", most, "address", "this address"))
        shares.append(_Share(ALL, rules.calls_at_once or None, "", "the gateway"))
        return shares

    def _crowded(self, shares: Sequence[_Share]) -> LimitReachedError | None:
        for share in shares:
            running = self._running.get(share.key, 0)
            if share.most is not None and running >= share.most:
                per = f"-per-{share.limit}" if share.limit else ""
                return LimitReachedError(
                    f"calls-at-once{per}",
                    f"{share.whose} has {running} calls at once: at most {share.most} are allowed",
                )
        return None

    def _count(
        self, identity: str | None, address: str | None, to: str
    ) -> LimitReachedError | None:
        refused = None
        for pace in self._paces(identity, address):
            within = pace.windows.attempt(pace.key, to, self._now, pace.most)
            if not within and refused is None:
                refused = LimitReachedError(
                    pace.limit,
                    f"{pace.rule}: at most {pace.most} are allowed, and refused tries count",
                )
        return refused

    def _paces(self, identity: str | None, address: str | None) -> list[_Pace]:
        rules = self.rules
        paces = []
        if address is not None:
            paces += [
                _Pace(
                    address,
                    rules.calls_per_minute_per_address,
                    self._address_calls,
                    "calls-per-minute-per-address",
                    "this address has called too often in the last minute",
                ),
                _Pace(
                    address,
                    rules.numbers_per_hour_per_address,
                    self._address_numbers,
                    "numbers-per-hour-per-address",
                    "this address has called too many different numbers in the last hour",
                ),
            ]
        if identity is not None:
            paces += [
                _Pace(
                    identity,
                    rules.calls_per_hour_per_identity,
                    self._identity_calls,
                    "calls-per-hour-per-identity",
                    "this identity has called too often in the last hour",
                ),
                _Pace(
                    identity,
                    rules.numbers_per_hour_per_identity,
                    self._identity_numbers,
                    "numbers-per-hour-per-identity",
                    "this identity has called too many different numbers in the last hour",
                ),
            ]
        return [pace for pace in paces if pace.most]

    def _too_many(self) -> LimitReachedError | None:
        rules = self.rules
        for name, most, window, span in (
            ("minute", rules.calls_per_minute, self._last_minute, MINUTE),
            ("hour", rules.calls_per_hour, self._last_hour, HOUR),
        ):
            if most and window.full(self._now - span, most):
                return LimitReachedError(
                    f"calls-per-{name}",
                    f"the gateway has placed {most} calls in the last {name}, which is its limit",
                )
        return None


def _identity_key(grant: Grant) -> str | None:
    """Return for whom calls count: a token without `sub` is its own identity, never without one."""
    if grant.identity is not None:
        return f"sub {grant.identity}"
    if grant.token is not None:
        return f"jti {grant.token}"
    return None
