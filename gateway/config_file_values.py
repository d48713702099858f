"""What a file that the configuration names must be, and how secrets are read from it.

As in `gateway.config_values`, a value that is refused is refused with a sentence for the operator.
"""

from __future__ import annotations

from base64 import b64decode
from pathlib import Path

from gateway.config_values import broken

MIN_SECRET = 32  # bytes: a key of HS256 is as long as its hash at least (RFC 7518 section 3.2)


def regular_file(path: Path) -> Path:
    if not path.is_file():
        raise broken("no such file")
    return path


def secrets_file(path: Path) -> Path:
    """Check a file of secrets, one a line, at start: else the first caller would find out."""
    secrets = _secrets(path)
    for number, secret in secrets:
        if len(secret.encode()) < MIN_SECRET:
            raise broken(
                f"line {number}: a secret of HS256 has at least {MIN_SECRET} bytes (RFC 7518 "
                f"section 3.2); `openssl rand -base64 48` makes one"
            )
    return path


def webhook_secrets(path: Path) -> Path:
    """Check a file of secrets of Standard Webhooks, one a line: each signs."""
    for number, secret in _secrets(path):
        try:
            key = b64decode(secret.removeprefix("whsec_"), validate=True)
        except ValueError:
            key = b""
        if not secret.startswith("whsec_") or not 24 <= len(key) <= 64:
            raise broken(
                f'line {number}: a secret is "whsec_" and 24 to 64 bytes in base64; '
                'echo "whsec_$(openssl rand -base64 32)" makes one'
            )
    return path


def secret_file(path: Path) -> Path:
    """Check a file that holds one secret."""
    if len(_secrets(path)) > 1:
        raise broken("one secret is needed, on one line")
    return path


def read_secrets(path: Path) -> tuple[str, ...]:
    """Return the secrets of a file that was checked."""
    return tuple(secret for _, secret in _secrets(path))


def _secrets(path: Path) -> list[tuple[int, str]]:
    """Return each secret of the file and its line; blank lines and comments (#) hold none."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise broken(f"the file cannot be read: {why}") from None
    lines = ((number, line.strip()) for number, line in enumerate(text.splitlines(), 1))
    found = [(number, line) for number, line in lines if line and not line.startswith("#")]
    if not found:
        raise broken("the file holds no secret")
    return found
