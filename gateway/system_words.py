"""What the system's errors are called where an operator reads them.

OpenSSL names a place in its own source, and asyncio hides what the kernel said behind "Connect call
failed"; neither says what to mend.
"""

from __future__ import annotations

import os
import socket
import ssl
from typing import Final

_OPENSSL: Final = {
    "no certificate or crl found": "there is no certificate in PEM in it",
    "no start line": "there is nothing in PEM in it",
    "pem lib": "one of them does not hold in PEM what it should: a certificate, and its key",
    "key values mismatch": "the key is not that of the certificate",
    "key type mismatch": "the key is not that of the certificate",
}


def why(error: OSError) -> str:
    """Say what has gone wrong, in a few words."""
    if isinstance(error, ssl.SSLError):
        said = error.strerror or str(error)
        return next((words for text, words in _OPENSSL.items() if text in said.lower()), said)
    if error.errno and not isinstance(error, socket.gaierror):
        return os.strerror(error.errno)
    return error.strerror or str(error)
