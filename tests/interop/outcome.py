"""What came of one file of a foreign suite."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from tests.peers.sipp import Sipp

# "… while expecting 'UPDATE' (index 3), received 'BYE sip:…'", as sipp's error log has it
_UNEXPECTED = re.compile(
    r"while (?:expecting '(?P<wanted>[^']+)'|pausing|sending).*?received '(?P<came>[^\r\n]*)",
    re.S,
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """A file of the suite by its path there; `why` it failed, in a few words."""

    file: str
    passed: bool
    why: str = ""

    def line(self) -> str:
        """Return it as one line of JSON."""
        return json.dumps(asdict(self))


def read_outcomes(text: str) -> dict[str, Outcome]:
    """Read what a run has printed, one outcome a line, by file."""
    outcomes = [Outcome(**json.loads(line)) for line in text.splitlines()]
    return {each.file: each for each in outcomes}


def name_of(file: Path) -> str:
    """Return a file's path in the suite."""
    return f"{file.parent.name}/{file.name}"


def sipp_reason(sipp: Sipp, error: BaseException) -> str:
    """Return why sipp's scenario failed: what came instead of what it waited for."""
    if found := _UNEXPECTED.search(sipp.errors()):
        came = _brief(found["came"])
        return f"{came} came, and not {found['wanted']}" if found["wanted"] else f"{came} came"
    lines = [each.start_line for each in sipp.messages() if not each.sent]
    if "exit status 255" in str(error) or isinstance(error, TimeoutError):
        return f"nothing came after {_brief(lines[-1])}" if lines else "nothing came"
    return str(error).splitlines()[0]


def _brief(start_line: str) -> str:
    """Return a message's method, or its status."""
    words = start_line.split()
    return " ".join(words[1:]) if words[0].startswith("SIP/") else words[0]
