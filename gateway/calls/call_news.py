"""What happens to every call, told to whoever keeps account of it: records, webhooks.

A call tells its page what the page has to know. Here the same comes together with the call's
record, for all calls, from pages and from trunks, and for those that were refused before there was
a call: one source, so that two accounts of a call cannot differ.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from gateway.calls.news import News
from gateway.calls.record import CallRecord

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Opened:
    """A call has been taken up: it is placed, or a trunk's has come in. The first of its news.

    A trunk's call may be refused as it comes: its record has a `rule` by then.
    """


@dataclass(frozen=True, slots=True)
class Closed:
    """It is over, and of its record only `feedback` may change yet.

    Of a page's call that was refused before it was one, this is all that comes.
    """


@dataclass(frozen=True, slots=True)
class Rated:
    """Its page has said how it was, while it runs or afterwards. Comes perhaps after `Closed`."""


@dataclass(frozen=True, slots=True)
class CallNews:
    """Something that has happened to a call. The record knows of it already.

    The record is the live one: whoever wants to keep it makes a copy at once.
    """

    record: CallRecord
    event: Opened | News | Closed | Rated


Listener = Callable[[CallNews], None]
"""Takes news at once, and without waiting."""


class Listeners:
    """Those who are told."""

    def __init__(self) -> None:
        self._listeners: list[Listener] = []

    def add(self, listener: Listener) -> None:
        """Tell this one, too, from now on."""
        self._listeners.append(listener)

    def tell(self, record: CallRecord, event: Opened | News | Closed | Rated) -> None:
        """Tell all of them; a fault in one costs neither the call nor the others anything."""
        for listener in self._listeners:
            try:
                listener(CallNews(record, event))
            except Exception:
                logger.exception("call %s: a listener has failed", record.id)
