"""Pre-flights: who may have one, and how many there are.

They call nobody and cost no money, so neither the dial plan is asked nor what a token grants beyond
being good. What they take is the gateway's own: a place in the media plane, for half a minute.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from gateway.admission.address import client_key
from gateway.admission.grant import Grant, Visitor
from gateway.admission.limits import ALL, MINUTE, Lease, LimitReachedError
from gateway.admission.windows import Tries, Windows
from gateway.errors import GatewayError, StoppedError

if TYPE_CHECKING:
    from gateway.admission.gate import Gate


class PreflightGate:
    """The part of the gate that pre-flights pass.

    Parameters
    ----------
    clock
        Seconds of a clock that does not jump (time.monotonic).
    """

    def __init__(self, gate: Gate, clock: Callable[[], float]) -> None:
        self._gate = gate
        self._clock = clock
        self._now = clock()
        self._running: dict[str, int] = {}
        self._last_minute = Windows(Tries, MINUTE)

    def admit(self, visitor: Visitor, grant: Grant) -> Lease:
        """Let one in, and return its place; a token for one call stays good for that call.

        Raises
        ------
        TokenError
            The session's token has expired, or its key counts no more.
        StoppedError
            No call is taken now, so that no verdict would hold.
        ForbiddenError
            The visitor is blocked.
        LimitError
            There are too many, of its address or of all.
        """
        gate = self._gate
        try:
            gate.check_grant(grant)
            if gate.stopped is not None:
                raise StoppedError("the gateway takes no new calls now; try again later")
            gate.check_blocks(visitor, grant, None)
            lease = self._take(visitor.address)
        except GatewayError as error:
            gate.note_refusal("preflight-refused", visitor, error)
            raise
        gate.note("preflight-admitted", visitor, grant)
        return lease

    def _take(self, address: str) -> Lease:
        self._now = max(self._now, self._clock())
        key = None if self._gate.rules.exempt(address) else client_key(address)
        refused = None if key is None else self._too_fast(key)
        refused = refused or next(self._crowded(key), None)
        if refused is not None:
            raise refused
        return Lease(self._running, [ALL] if key is None else [ALL, _at(key)])

    def _too_fast(self, key: str) -> LimitReachedError | None:
        """Count a try; refused ones count as well, as those of calls do."""
        most = self._gate.rules.limits.preflights_per_minute_per_address
        if not most or self._last_minute.attempt(key, "", self._now, most):
            return None
        return LimitReachedError(
            "preflights-per-minute-per-address",
            f"this address has tested its connection too often in the last minute: at most {most} "
            "tests are allowed, and refused ones count",
        )

    def _crowded(self, key: str | None) -> Iterator[LimitReachedError]:
        limits = self._gate.rules.limits
        shares = [(ALL, limits.preflights_at_once, "preflights-at-once", "the gateway")]
        if key is not None:
            most = limits.preflights_at_once_per_address
            share = (_at(key), most, "preflights-at-once-per-address", "this address")
            shares.insert(0, share)
        for name, most, limit, whose in shares:
            running = self._running.get(name, 0)
            if most and running >= most:
                yield LimitReachedError(
                    limit, f"{whose} has {running} tests at once: at most {most} are allowed"
                )


def _at(key: str) -> str:
    return f"address {key}"
