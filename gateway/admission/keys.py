"""API keys of the operator's programs: shown once, kept as hashes, compared in constant time.

A key is 32 random bytes, so a plain SHA-256 keeps it: slow hashes are for passwords, which can be
guessed.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from pathlib import Path

from gateway.errors import ConfigError

PREFIX = "gwk_"  # tells whoever finds one in a log or a repository what it is
_LINE = re.compile(r"sha256:([0-9a-f]{64})", re.ASCII)


def new_key() -> tuple[str, str]:
    """Make a key; return it, and the line for `http.api_keys_file`."""
    key = PREFIX + secrets.token_urlsafe(32)
    return key, f"sha256:{_digest(key).hex()}"


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()


class ApiKeys:
    """The keys that open the operator's API; without any it is closed.

    Parameters
    ----------
    digests
        SHA-256 of each key.
    """

    def __init__(self, digests: Sequence[bytes] = ()) -> None:
        self._digests = tuple(digests)

    def __bool__(self) -> bool:
        return bool(self._digests)

    def find(self, key: str) -> str | None:
        """Return the name of a key that is good: the beginning of its hash, for the audit file.

        It is compared with every one, so that the time says nothing of which nearly fits.
        """
        digest = _digest(key)
        fits = [hmac.compare_digest(digest, each) for each in self._digests]
        return f"key {digest.hex()[:8]}" if any(fits) else None


def read_keys(path: Path) -> ApiKeys:
    """Read a file with one hash a line; what follows `#` is a comment.

    Raises
    ------
    ConfigError
        The file cannot be read, has a line that is no hash, or has none at all.
    """
    where = f"http.api_keys_file = '{path}'"
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ConfigError(f"{where}: the file cannot be read: {why}") from None
    digests = []
    for number, line in enumerate(lines, start=1):
        text = line.partition("#")[0].strip()
        if not text:
            continue
        match = _LINE.fullmatch(text)
        if match is None:
            # Not shown: somebody may have put the key itself there
            raise ConfigError(
                f"{where}: line {number} is no hash: `gateway key` prints one, "
                "sha256: and 64 hexadecimal digits"
            )
        digests.append(bytes.fromhex(match[1]))
    if not digests:
        raise ConfigError(f"{where}: there is no key in it; `gateway key` makes one")
    return ApiKeys(digests)
