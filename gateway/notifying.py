"""Makes the webhooks from the settings, and joins them to what there is to tell."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from gateway.calls.record import CallRecord
from gateway.config import Settings
from gateway.config_file_values import read_secrets
from gateway.records.row import INTERRUPTED, Row
from gateway.signaling.api_messages import CallView
from gateway.signaling.record_messages import call_view
from gateway.webhooks.post import Poster
from gateway.webhooks.queue import Queue
from gateway.webhooks.signature import Signer
from gateway.webhooks.telling import Teller
from gateway.webhooks.webhooks import Webhooks

logger = logging.getLogger(__name__)


@asynccontextmanager
async def open_webhooks(settings: Settings) -> AsyncIterator[Webhooks | None]:
    """Send events until the block is left; None where no URL is configured.

    Raises
    ------
    ConfigError
        The queue's file cannot be used.
    """
    wanted = settings.webhooks
    if wanted.url is None or wanted.secret_file is None:
        yield None
        return
    signer = Signer(read_secrets(wanted.secret_file))
    queue = Queue(wanted.queue_file, wanted.most_waiting)
    async with Poster(wanted.url) as post:
        webhooks = Webhooks(queue, post, signer, url=wanted.url, retry_for=wanted.retry_for)
        webhooks.start()
        try:
            yield webhooks
        finally:
            await webhooks.close()


def teller(settings: Settings, webhooks: Webhooks) -> Teller:
    """Return what makes events of news, with a call as the API shows it."""

    def view(record: CallRecord) -> dict[str, Any]:
        return CallView.of(record).model_dump(by_alias=True)

    return Teller(settings.webhooks.events, view, webhooks.put)


def tell_cut_off(settings: Settings, webhooks: Webhooks | None, rows: Sequence[Row]) -> None:
    """Tell the ends of calls that ran when an earlier gateway was killed."""
    if webhooks is None:
        return
    telling = teller(settings, webhooks)
    for row in rows:
        try:
            view = call_view(row).model_dump(by_alias=True)
        except (ValueError, OverflowError, OSError):  # a damaged line is no reason not to start
            logger.exception("call %s: its end cannot be told", row.id)
            continue
        telling.tell_end(row.id, view, INTERRUPTED, row.duration_ms)
