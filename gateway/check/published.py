"""Whether the keys of call tokens can be fetched: without them no token counts."""

from __future__ import annotations

import asyncio

from gateway.check.finding import Finding
from gateway.config_admission import AdmissionSettings

TIMEOUT = 3.0  # seconds, as long as the gateway waits


async def keys(admission: AdmissionSettings) -> list[Finding]:
    """Fetch admission.jwks_url, where there is one."""
    url = admission.jwks_url
    return [] if url is None else [await asyncio.to_thread(_fetch, url)]


def _fetch(url: str) -> Finding:
    import jwt  # loads cryptography, which few configurations need

    key = f"admission.jwks_url = '{url}'"
    try:
        found = jwt.PyJWKClient(url, timeout=TIMEOUT).get_signing_keys(refresh=True)
    except (jwt.PyJWTError, OSError, ValueError) as error:
        return Finding(False, f"{key}: the keys cannot be fetched: {error}")
    usable = [each for each in found if each.key_type in ("RSA", "EC")]
    if not usable:
        return Finding(False, f"{key}: there is no key for RS256 or ES256")
    return Finding(True, f"{key}: keys that are published there: {len(usable)}")
