"""Calls that are over for us and not yet for the SIP engine: their BYE or CANCEL is under way.

Each holds one of the engine's lines until the trunk has answered, or for 32 s if it does not. The
engine tells nobody when it frees one, so somebody has to look.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, NamedTuple

import pjsua2 as pj

if TYPE_CHECKING:
    from gateway.trunk.account import Account

SWEEP: Final = 1.0  # seconds; a look at a slot takes about 20 µs


class Slot(NamedTuple):
    """A call of the engine's that has ended for us: its BYE or CANCEL may still be under way."""

    number: int
    call_id: str
    account: Account

    def in_use(self) -> bool:
        """Tell whether the engine still has this call."""
        if pj.Call.lookup(self.number) is not None:
            return False  # a later dialog has it: to probe would take it away
        try:
            return str(pj.Call(self.account, self.number).getInfo().callIdString) == self.call_id
        except pj.Error:
            return False


class Lingering:
    """The slots that are not free yet; lives in the SIP thread."""

    def __init__(self) -> None:
        self._slots: list[Slot] = []
        self._next_sweep = 0.0

    def __len__(self) -> int:
        return len(self._slots)

    def add(self, slot: Slot) -> None:
        """Remember a call that has ended."""
        self._slots.append(slot)

    def clear(self) -> None:
        """Forget all of them: the engine goes."""
        self._slots.clear()

    def sweep(self) -> None:
        """Forget those that the engine has freed, once a second."""
        if self._slots and time.monotonic() >= self._next_sweep:
            self._next_sweep = time.monotonic() + SWEEP
            self.look()

    def look(self) -> None:
        """Forget those that the engine has freed."""
        self._slots = [slot for slot in self._slots if slot.in_use()]
