"""The log: one line per event, with the session and the call it belongs to.

    2026-03-01T12:00:00.123Z INFO gateway.signaling.socket session opened session=Xf3…

Line ends inside a message are escaped, so that nothing a client sends can write a line of its own.
"""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime

# What a module may pass as `extra`, in this order on the line: the WebSocket, the id that the page
# gave a call, and ours. "call placed" has all three
FIELDS = ("session", "page_call", "call")

# These write whole frames (tokens, descriptions) or a line per request below this level
_FLOORS = {
    "uvicorn.error": logging.WARNING,
    "uvicorn.access": logging.WARNING,
    "websockets": logging.WARNING,
    "asyncio": logging.WARNING,
    "aioice": logging.WARNING,
}


def _is_ours(record: logging.LogRecord) -> bool:
    """Drop uvicorn's traceback of a text frame that is no UTF-8; "session closed" tells of it."""
    return record.exc_info is None or not isinstance(record.exc_info[1], UnicodeDecodeError)


class LineFormatter(logging.Formatter):
    """Formats a record as one line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return time, level, logger, message, fields and (on one line too) the traceback."""
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        parts = [at.replace("+00:00", "Z"), record.levelname, record.name, record.getMessage()]
        parts += [f"{name}={value}" for name in FIELDS if (value := getattr(record, name, None))]
        if record.exc_info:
            parts.append(f"traceback={self.formatException(record.exc_info)}")
        return _one_line(" ".join(parts))


def _one_line(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def set_up(level: str) -> None:
    """Send the log of the whole process to standard error, from `level` up."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(LineFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for name, floor in _FLOORS.items():
        logging.getLogger(name).setLevel(max(floor, logging.getLogger().level))
    logging.getLogger("uvicorn.error").addFilter(_is_ours)
    logging.captureWarnings(True)
