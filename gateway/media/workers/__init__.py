"""The media plane in processes of its own, so that calls use every core and a crash ends few."""

from __future__ import annotations

from gateway.media.workers.pool import WorkerPool
from gateway.media.workers.session import WorkerSession

__all__ = ["WorkerPool", "WorkerSession"]
