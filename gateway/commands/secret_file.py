"""A file with a secret, for its owner alone: made once, and kept by whoever has one."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from gateway.errors import ConfigError

BYTES = 48  # of randomness, in a secret of call tokens; HS256 asks for 32 (RFC 7518 section 3.2)


def keep_secret(path: Path) -> None:
    """Make a file with a secret that call tokens are signed by, unless it is there.

    Raises
    ------
    ConfigError
        It cannot be made.
    """
    if not path.exists():
        write_private(path, secrets.token_urlsafe(BYTES))


def write_private(path: Path, line: str) -> None:
    """Write a file of one line that nobody but its owner can read, not even at first.

    Raises
    ------
    ConfigError
        It cannot be written, or is there.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise ConfigError(f"{path} cannot be made: {error.strerror}") from None
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(f"{line}\n")
    except OSError as error:  # a half of a secret would be kept
        path.unlink()
        raise ConfigError(f"{path} cannot be written: {error.strerror}") from None
