"""What signals mean for how soon the process ends."""

from __future__ import annotations

import asyncio
import signal

import pytest

from gateway.commands import running
from gateway.stopping import STOP_LIMIT

DRAIN = 300.0


async def test_a_signal_takes_no_time_from_a_drain_that_runs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As Kubernetes does it: POST /v1/drain before it stops, then SIGTERM."""
    limits: list[float] = []
    monkeypatch.setattr(running, "limit_stop", limits.append)
    loop = asyncio.get_running_loop()
    stop = running.stop_on_signals()
    try:
        stop.drain()
        stop.bound(DRAIN)
        signal.raise_signal(signal.SIGTERM)
        heard = loop.create_future()
        loop.add_signal_handler(signal.SIGUSR2, heard.set_result, None)
        signal.raise_signal(signal.SIGUSR2)  # comes after it
        await heard
        assert limits[-1] == DRAIN + STOP_LIMIT
        assert not stop.hurried.is_set()
        signal.raise_signal(signal.SIGTERM)
        await stop.hurried.wait()
        assert limits[-1] == STOP_LIMIT
    finally:
        loop.remove_signal_handler(signal.SIGUSR2)
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
        signal.signal(signal.SIGINT, signal.default_int_handler)
