"""Signs events, by the library of Standard Webhooks (scheme v1: HMAC-SHA256)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from standardwebhooks.webhooks import Webhook

from gateway.webhooks.event import Event


class Signer:
    """Signs by each secret: while one is replaced, receivers know either the old or the new one.

    Parameters
    ----------
    secrets
        "whsec_" and base64.
    """

    def __init__(self, secrets: Sequence[str]) -> None:
        self._secrets = [Webhook(secret) for secret in secrets]

    def headers(self, event: Event, now: float) -> dict[str, str]:
        """Return what an attempt has to have; receivers refuse one whose time is not about now."""
        second = datetime.fromtimestamp(int(now), UTC)
        signatures = [each.sign(event.id, second, event.body) for each in self._secrets]
        return {
            "webhook-id": event.id,
            "webhook-timestamp": str(int(now)),
            "webhook-signature": " ".join(signatures),
        }
