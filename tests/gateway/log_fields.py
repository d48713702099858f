"""What a line of the log says beside its sentence."""

from __future__ import annotations

import logging

from gateway import log


def fields(record: logging.LogRecord) -> dict[str, object]:
    """Return the session and the call that a record belongs to."""
    return {name: getattr(record, name) for name in log.FIELDS if hasattr(record, name)}
