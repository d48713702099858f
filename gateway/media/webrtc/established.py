"""What is kept of DTLS once its SRTP keys are exported: three short strings in place of 87 kB.

OpenSSL holds the buffers of a handshake for as long as the connection lives, and media needs none
of them: SRTP has keys of its own (RFC 5764). Three things of DTLS are left to do, and none of them
takes the library:

* the browser closes: its alert is decrypted here, so that nobody else can end a call;
* the browser has not seen our last flight and repeats its own: then ours is repeated, too
  (RFC 6347 section 4.2.4);
* we close: our alert was drawn from the library before it went.

What else DTLS could bring has no use here: there are no data channels, OpenSSL does not renegotiate
over DTLS on its own, and a new ClientHello is in epoch 0, which is over.
"""

from __future__ import annotations

import hmac
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum, auto
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from OpenSSL import SSL

# RFC 6347 section 4.1: type, version, epoch and sequence number, length
HEADER = struct.Struct("!BH8sH")
# RFC 5246 section 6.2.3.3: what is authenticated beside the content; its parts in another order
ADDITIONAL = struct.Struct("!8sBHH")
ALERT, HANDSHAKE = 21, 22
VERSION = 0xFEFD  # DTLS 1.2
EPOCH = b"\x00\x01"  # the first that is encrypted, and the last without a renegotiation
TAG = 16  # bytes

FATAL, CLOSE_NOTIFY = 2, 0  # RFC 5246 section 7.2


class _Cipher(NamedTuple):
    """How a cipher suite protects a record: bytes of its parts, all of it with SHA-256."""

    key: int
    fixed_nonce: int
    explicit_nonce: int  # at the record's beginning
    make: Callable[[bytes], AESGCM | ChaCha20Poly1305]


# By the names of OpenSSL. Every browser has the first (RFC 8827 section 6.5). GCM is of RFC 5288
# section 3, ChaCha20 of RFC 7905 section 2
CIPHERS = {
    "ECDHE-ECDSA-AES128-GCM-SHA256": _Cipher(16, 4, 8, AESGCM),
    "ECDHE-ECDSA-CHACHA20-POLY1305": _Cipher(32, 12, 0, ChaCha20Poly1305),
}


class Told(Enum):
    """What a datagram of the far end says."""

    NOTHING = auto()
    CLOSED = auto()
    REPEAT = auto()  # it has not seen our last flight


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Established:
    """A DTLS 1.2 connection after its handshake.

    Attributes
    ----------
    goodbye
        Our close_notify, encrypted.
    last_flight
        Our last datagram of the handshake; empty where the far end's was the last one.
    """

    goodbye: bytes
    last_flight: bytes
    _cipher: str
    _secret: bytes  # the far end's key, and the fixed part of its nonce

    @classmethod
    def take_over(cls, ssl: SSL.Connection, *, is_server: bool, last_sent: bytes) -> Established:
        """Take what is needed out of a connection whose handshake is done; it may go then.

        Raises
        ------
        ValueError
            When it is not DTLS 1.2 with a cipher of `CIPHERS`; the context allows no other.
        """
        name = ssl.get_cipher_name()
        master = ssl.master_key()
        client, server = ssl.client_random(), ssl.server_random()
        if ssl.get_protocol_version() != VERSION or name not in CIPHERS or not master:
            raise ValueError(f"DTLS that cannot be taken over: {name}")
        cipher = CIPHERS[name]
        # RFC 5246 section 6.3: both keys, then both nonces, the client's first
        block = _expand(master, b"key expansion" + (server or b"") + (client or b""), 88)
        key, nonce = (0, 0) if is_server else (cipher.key, cipher.fixed_nonce)
        nonces = 2 * cipher.key
        secret = block[key:][: cipher.key] + block[nonces + nonce :][: cipher.fixed_nonce]
        ssl.shutdown()
        return cls(ssl.bio_read(1500), last_sent if is_server else b"", name, secret)

    def judge(self, datagram: bytes) -> Told:
        """Return what a datagram says; what is not the far end's says nothing."""
        for (kind, version, number, _), content in _records(datagram):
            if version != VERSION or number[:2] != EPOCH or kind not in (ALERT, HANDSHAKE):
                continue
            plain = self._decrypt(kind, number, content)
            if plain is None:
                continue
            if (
                kind == ALERT
                and len(plain) == 2
                and (plain[0] == FATAL or plain[1] == CLOSE_NOTIFY)
            ):
                return Told.CLOSED
            if kind == HANDSHAKE and self.last_flight:
                return Told.REPEAT
        return Told.NOTHING

    def _decrypt(self, kind: int, number: bytes, content: bytes) -> bytes | None:
        """Return the plaintext of a record; None if nobody with the key has written it."""
        cipher = CIPHERS[self._cipher]
        size = len(content) - cipher.explicit_nonce - TAG
        if size < 0:
            return None
        key, fixed = self._secret[: cipher.key], self._secret[cipher.key :]
        if cipher.explicit_nonce:
            nonce = fixed + content[: cipher.explicit_nonce]
        else:
            padded = number.rjust(len(fixed), b"\x00")
            nonce = bytes(a ^ b for a, b in zip(fixed, padded, strict=True))
        additional = ADDITIONAL.pack(number, kind, VERSION, size)
        try:
            return cipher.make(key).decrypt(nonce, content[cipher.explicit_nonce :], additional)
        except InvalidTag:
            return None


def _records(datagram: bytes) -> Iterator[tuple[tuple[int, int, bytes, int], bytes]]:
    """Yield the header of each whole record of a datagram, and what follows it."""
    at = 0
    while at + HEADER.size <= len(datagram):
        header = HEADER.unpack_from(datagram, at)
        at += HEADER.size
        content = datagram[at : at + header[3]]
        if len(content) < header[3]:
            return
        yield header, content
        at += header[3]


def _expand(secret: bytes, seed: bytes, size: int) -> bytes:
    """Return P_SHA256 of RFC 5246 section 5."""
    made, block = b"", seed
    while len(made) < size:
        block = hmac.digest(secret, block, "sha256")
        made += hmac.digest(secret, block + seed, "sha256")
    return made[:size]
