"""The audit log: who asked for what, when, from where, and why it was refused.

It only grows. A line is one JSON object and one write with O_APPEND, so lines of several processes
do not mix, and `chattr +a` may keep even us from changing what is written. JSON escapes line ends
and all that is not ASCII: nothing a client sends can write a line of its own.

No secret is in it, whatever a caller passes: a log is copied to more places than its writer knows.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from time import gmtime, strftime
from typing import Literal

from gateway.admission.audit_file import AuditFile
from gateway.admission.grant import Grant, Visitor
from gateway.admission.mask import mask, mask_text

Event = Literal[
    "session-opened",
    "session-resumed",
    "session-refused",
    "session-closed",
    "register-refused",
    "call-admitted",
    "call-refused",
    "call-answered",
    "call-ended",
    "call-stopped",
    "call-arrived",
    "call-missed",
    "transfer-admitted",
    "transfer-refused",
    "preflight-admitted",
    "preflight-refused",
    "limit",
    "blocked",
    "unblocked",
    "stopped",
    "started",
    "token-issued",
    "token-refused",
    "token-renewed",
    "key-refused",
    "reload",
    "gateway-started",
    "gateway-stopped",
    "drain",
]

MAX_FIELD = 256  # characters; an identity or an origin may be as long as a client likes
MAX_FIELDS = 32
CUT = "..."

# Fields that hold a number or SIP user, and those that hold a name. All others may be sentences
# with numbers in them. An identity is a name unless it is a number altogether
_NUMBERS = ("to", "from", "caller", "number")
_NAMES = ("session", "address", "origin", "identity", "token", "call", "callId")
_IS_NUMBER = re.compile(r"\+?[0-9]{7,}", re.ASCII)

_SECRET_NAME = re.compile(
    r"secret|passw|authorization|api_?key|private|credential|cookie|jwt", re.IGNORECASE
)
# A JWT, an HTTP credential, a key of SDES (RFC 4568), a password of ICE (RFC 8839), an API key
_SECRET = re.compile(
    r"eyJ[\w-]{4,}(?:\.[\w-]*){0,4}|\b(?:bearer|basic)\s+[\w+/=.~-]{8,}|inline:[\w+/=|:-]+"
    r"|ice-pwd:\S+|gwk_[\w-]+",
    re.IGNORECASE | re.ASCII,
)
HIDDEN = "[hidden]"

Value = str | float | bool | None


class Audit:
    """Makes the lines, of what was asked for and by whom.

    Parameters
    ----------
    path
        The file, made with mode 0600; None for no audit log.
    numbers
        Whether numbers are shown in full.
    wall
        Seconds since the epoch (time.time).

    Raises
    ------
    ConfigError
        The file cannot be opened.
    """

    def __init__(
        self, path: Path | None, numbers: Literal["masked", "full"], wall: Callable[[], float]
    ) -> None:
        self.numbers = numbers
        self._wall = wall
        self._file = None if path is None else AuditFile(path)

    @property
    def lost(self) -> int:
        """How many lines could not be written."""
        return 0 if self._file is None else self._file.lost

    def write(
        self,
        event: Event,
        visitor: Visitor | None = None,
        grant: Grant | None = None,
        /,
        **fields: Value,
    ) -> None:
        """Add a line; it is written soon.

        Parameters
        ----------
        event, visitor, grant
            What happened, who is at the other end, and by which right.
        fields
            `to`, `why`, and whatever else tells the event; None is left out. `from` is a word of
            Python's: pass `from_`.
        """
        if self._file is None:
            return
        line: dict[str, Value] = {}
        if visitor is not None:
            line |= self._clean(
                {"session": visitor.session, "address": visitor.address, "origin": visitor.origin}
            )
        if grant is not None:
            line |= self._clean({"identity": grant.identity, "token": grant.token})
        line |= self._clean({name.rstrip("_"): value for name, value in fields.items()})
        head = {"at": _utc(self._wall()), "event": event}
        text = json.dumps(head | line | head, separators=(",", ":"))
        self._file.append(text.encode() + b"\n")

    def reopen(self) -> None:
        """Go on in a file of the same name: the old one has been moved away (logrotate, SIGHUP)."""
        if self._file is not None:
            self._file.reopen()

    def flush(self) -> bool:
        """Wait until all lines are written; False if the disk has not taken them in time."""
        return self._file is None or self._file.flush()

    def close(self) -> None:
        """Write what waits, and let go of the file; the second time does nothing."""
        if self._file is not None:
            self._file.close()

    def _clean(self, fields: Mapping[str, Value]) -> dict[str, Value]:
        given = [(name, value) for name, value in fields.items() if value is not None]
        return {name[:64]: self._clean_value(name, value) for name, value in given[:MAX_FIELDS]}

    def _clean_value(self, name: str, value: Value) -> Value:
        if _SECRET_NAME.search(name):
            return HIDDEN
        if isinstance(value, bool | int):
            return value
        if isinstance(value, float):
            return round(value, 3) if abs(value) < float("inf") else str(value)
        text = str(value)
        # First, so that no client makes us search through a megabyte
        text = text if len(text) <= MAX_FIELD else text[: MAX_FIELD - len(CUT)] + CUT
        text = _SECRET.sub(HIDDEN, text)
        if self.numbers == "full":
            return text
        if name in _NUMBERS or _IS_NUMBER.fullmatch(text):
            return mask(text)
        return text if name in _NAMES else mask_text(text)


def _utc(seconds: float) -> str:
    second, milliseconds = divmod(int(seconds * 1000), 1000)
    return f"{strftime('%Y-%m-%dT%H:%M:%S', gmtime(second))}.{milliseconds:03}Z"
