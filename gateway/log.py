"""The log: one line per event, with the session and the call it belongs to.

    2026-03-01T12:00:00.123Z INFO gateway.signaling.socket session opened session=Xf3…

Line ends inside a message are escaped, so that nothing a client sends can write a line of its own.
"""

from __future__ import annotations

import logging
import re
import sys
from functools import lru_cache
from time import gmtime, strftime

from gateway.admission.mask import mask

# What a module may pass as `extra`, in this order on the line: the WebSocket, the id that the page
# gave a call, and ours. "call placed" has all three
FIELDS = ("session", "page_call", "call")

# These write whole frames (tokens, descriptions) or a line per request below this level
_FLOORS = {
    "uvicorn.error": logging.ERROR,  # whatever a stranger sends is a warning of its own
    "uvicorn.access": logging.WARNING,
    "websockets": logging.WARNING,
    "asyncio": logging.WARNING,
    "aioice": logging.WARNING,
    "pydantic_settings": logging.WARNING,  # every value, where PYDANTIC_SETTINGS_DEBUG is set
    # Each row of the records with who called whom, and each URL, which may hold a password
    "aiosqlite": logging.WARNING,
    "alembic": logging.WARNING,
    "sqlalchemy": logging.WARNING,
    "httpcore": logging.WARNING,
    "httpx": logging.WARNING,
}


# Uvicorn says so of each WebSocket that was refused with a status and a body: it takes the
# handshake for unfinished, although the answer is out. "a WebSocket was refused" tells of it
_REFUSED = "ASGI callable returned without completing handshake."


def _is_ours(record: logging.LogRecord) -> bool:
    """Drop errors of uvicorn's that a client made, and that a line of ours tells of.

    The other one is the traceback of a text frame that is no UTF-8; "session closed" tells of it.
    """
    if record.exc_info is not None and isinstance(record.exc_info[1], UnicodeDecodeError):
        return False
    return record.msg != _REFUSED


class LineFormatter(logging.Formatter):
    """Formats a record as one line.

    Parameters
    ----------
    masked
        Whether telephone numbers lose their middle, whoever wrote them: us in a sentence, or the
        SIP engine in a whole message.
    """

    def __init__(self, *, masked: bool = False) -> None:
        super().__init__()
        self._masked = masked

    def format(self, record: logging.LogRecord) -> str:
        """Return time, level, logger, message, fields and (on one line too) the traceback."""
        second, milliseconds = divmod(int(record.created * 1000), 1000)
        at = f"{_second(second)}.{milliseconds:03}Z"
        line = f"{at} {record.levelname} {record.name} {record.getMessage()}"
        given = record.__dict__
        for name in FIELDS:
            if value := given.get(name):
                line = f"{line} {name}={value}"
        if record.exc_info:
            line = f"{line} traceback={self.formatException(record.exc_info)}"
        return _one_line(_NUMBER.sub(_mask, line) if self._masked else line)


# No part of a word, an address or an id: +15551234567, sip:0015551234567@
_NUMBER = re.compile(r"(?<![\w.+-])\+?[0-9]{7,15}(?![\w.-])", re.ASCII)


def _mask(found: re.Match[str]) -> str:
    return mask(found[0])


@lru_cache(maxsize=4)
def _second(seconds: int) -> str:
    """Write a second of UTC; the lines of many calls fall into the same one."""
    return strftime("%Y-%m-%dT%H:%M:%S", gmtime(seconds))


def _one_line(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def set_up(level: str, *, masked: bool = False) -> None:
    """Send the log of the whole process to standard error, from `level` up.

    Parameters
    ----------
    masked
        Whether telephone numbers lose their middle.
    """
    "".encode("unicode_escape")  # loads a module: there may be no file descriptor left later
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(LineFormatter(masked=masked))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for name, floor in _FLOORS.items():
        logging.getLogger(name).setLevel(max(floor, logging.getLogger().level))
    logging.getLogger("uvicorn.error").addFilter(_is_ours)
    logging.captureWarnings(True)
    # No line of ours shows them, so no record looks them up
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    # Nor where it was written: the way that logging's own manual names
    logging._srcfile = None
