"""A call that was let in: what holds for it, and its places under the limits until it is over."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from gateway.admission.audit import Value
from gateway.admission.caps import Caps
from gateway.admission.limits import Lease
from gateway.admission.usage import Meter
from gateway.errors import GatewayError

if TYPE_CHECKING:
    from gateway.admission.gate import Rules

Note = Callable[..., None]


class Admission:
    """A call that was let in: what holds for it, and its places until it is over.

    `caller` is whom it shows; durations in seconds. `meter` is None for a call that costs nothing.
    """

    def __init__(
        self, rules: Rules, caps: Caps, note: Note, lease: Lease, meter: Meter | None
    ) -> None:
        self.caller: str | None = None
        self.max_duration = rules.max_duration
        self.max_ringing = rules.max_ringing
        self._caps = caps
        self._note = note
        self._lease = lease
        self._meter = meter

    def answered(self) -> None:
        """Let minutes and money count from now on."""
        self._note("call-answered")
        if self._meter is not None:
            self._meter.begin()
        self._caps.changed()

    def ended(self, cause: str, sip_code: int, duration_ms: int) -> None:
        """Write how it ended, and give its places back."""
        self._note("call-ended", cause=cause, code=sip_code, durationMs=duration_ms)
        self.release()

    def refused(self, error: GatewayError) -> None:
        """Write why it was not placed all the same, and give its places back."""
        self._note("call-refused", **why_of(error))
        self.release()

    def dropped(self, error: BaseException) -> None:
        """Give its places back, as the call was not placed; a refusal is written."""
        if isinstance(error, GatewayError):
            self.refused(error)
        else:
            self.release()

    def release(self) -> None:
        """Give its places back; the second time does nothing."""
        self._lease.release()
        if self._meter is not None:
            self._meter.end()
        self._caps.changed()


def why_of(error: GatewayError) -> dict[str, Value]:
    """Say why something was refused, in the words of the audit log."""
    words = {name: getattr(error, name, None) for name in ("limit", "rule", "reason")}
    return {"error": error.name, "why": str(error), **words}
