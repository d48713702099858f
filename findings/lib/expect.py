"""How a finding ends: it prints what it has seen, and fails if that is not what it describes."""

from __future__ import annotations

import os
import sys
import traceback
from types import TracebackType


def expect(seen: object, described: object, what: str) -> None:
    """Print what was seen; end the process with status 1 if the behavior is another one now."""
    print(f"{what}: {seen}", flush=True)
    if seen != described:
        end(f"the behavior has changed: {what}: described {described}, seen {seen}")


def end(change: str = "") -> None:
    """End at once, leaving out the teardown of what the finding has opened."""
    if change:
        print(change, file=sys.stderr)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(1 if change else 0)


def _untold(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    traceback.print_exception(kind, error, trace)
    end("the behavior has changed: the finding could not even be told to its end")


sys.excepthook = _untold
