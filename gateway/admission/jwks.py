"""Published keys (JWKS, RFC 7517): fetched when needed, kept for minutes, never in a hurry.

PyJWT's client fetches and reads them, in a thread, as it waits. Here stands when: once for all who
ask at the same time, and not for every stranger who invents a key's name.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any

import jwt
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gateway.admission.token import PUBLISHED, Key, fingerprint
from gateway.errors import UnavailableError

logger = logging.getLogger(__name__)

FETCH_TIMEOUT = 3.0  # seconds: a page waits for its `welcome`
FRESH = 300.0  # seconds until the keys are fetched again
COOLDOWN = 10.0  # seconds between two fetches, however many ask and whatever they ask for


class PublishedKeys:
    """The public keys at an address.

    Keys that are past their time go on counting while the address does not answer: a key server
    that is down must not stop every call.
    """

    algorithms = PUBLISHED

    def __init__(self, url: str, now: Callable[[], float] = monotonic) -> None:
        self._client = jwt.PyJWKClient(url, cache_jwk_set=False, timeout=FETCH_TIMEOUT)
        self.url = url
        self._now = now
        self._keys: tuple[tuple[str | None, Key], ...] = ()  # with the names that tokens have
        self._fetched_at = self._tried_at = float("-inf")
        self._fetching: asyncio.Task[None] | None = None

    async def candidates(self, key_id: str | None) -> Sequence[Key]:
        """Return the key of this name; all of them for a token that names none.

        Raises
        ------
        UnavailableError
            No key has ever been fetched.
        """
        found = self._find(key_id)
        if not found or self._now() - self._fetched_at > FRESH:
            await self._fetch()
            found = self._find(key_id)
        if not self._keys:
            why = "the keys of call tokens cannot be fetched now; try again later"
            raise UnavailableError(why, said=why)
        return found

    def has(self, name: str) -> bool:
        """Whether a key was among those that were fetched last."""
        return any(key.name == name for _, key in self._keys)

    def _find(self, key_id: str | None) -> tuple[Key, ...]:
        return tuple(key for known, key in self._keys if key_id is None or known == key_id)

    async def _fetch(self) -> None:
        if self._fetching is None or self._fetching.done():
            if self._now() - self._tried_at < COOLDOWN:
                return
            self._tried_at = self._now()
            self._fetching = asyncio.create_task(self._refresh(), name="jwks")
        await asyncio.shield(self._fetching)

    async def _refresh(self) -> None:
        try:
            keys: Any = await asyncio.to_thread(self._client.get_signing_keys, True)
        except (jwt.PyJWTError, OSError, ValueError) as error:
            logger.warning("the keys at %s cannot be fetched: %s", self.url, error)
            return
        # A symmetric key that somebody has published is known to everybody
        self._keys = tuple(
            (key.key_id, Key(_name(key), key)) for key in keys if key.key_type in ("RSA", "EC")
        )
        self._fetched_at = self._now()


def _name(key: jwt.PyJWK) -> str:
    public = key.key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return fingerprint(public)
