"""What a server of the operator's is told of calls that nobody has ended."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

from gateway.config_sources import load
from gateway.notifying import open_webhooks, tell_cut_off
from tests.gateway.records.rows import row
from tests.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


async def test_calls_that_were_cut_off_are_told_of_whatever_their_rows_are(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    secret = tmp_path / "secret"
    secret.write_text(f"whsec_{base64.b64encode(bytes(32)).decode()}\n")
    settings = load(
        None,
        {
            "trunks": [{"name": "t", "uri": "sip:127.0.0.1:9"}],
            "webhooks": {
                "url": "http://127.0.0.1:9/",
                "secret_file": str(secret),
                "queue_file": str(tmp_path / "queue"),
                "events": ["ended"],
            },
        },
    )
    rows = [row(1, direction="damaged"), row(2, started=1e18), row(3, ended_by="gateway")]
    async with open_webhooks(settings) as webhooks:
        assert webhooks is not None
        tell_cut_off(settings, webhooks, rows)
        tell_cut_off(settings, webhooks, rows)
        await until(lambda: not webhooks._inbox)
        queue = webhooks._queue
        (waiting,) = await webhooks._in_thread(lambda: queue.ready(0.0, 9, ()))
    event = json.loads(waiting.event.body)
    assert (waiting.event.id, event["type"]) == (f"msg_{row(3).id}_ended", "ended")
    assert event["data"]["end"]["cause"] == "interrupted"
    assert caplog.text.count("its end cannot be told") == 4
    tell_cut_off(settings, None, rows)
