"""Makes the webhooks from the settings, and joins them to what there is to tell."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from gateway.calls.record import CallRecord
from gateway.config import Settings
from gateway.config_file_values import read_secrets
from gateway.signaling.api_messages import CallView
from gateway.webhooks.post import Poster
from gateway.webhooks.queue import Queue
from gateway.webhooks.signature import Signer
from gateway.webhooks.telling import Teller
from gateway.webhooks.webhooks import Webhooks


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
