"""The tones that parties say, and how long the others are listened to."""

from __future__ import annotations

from gateway.media.engine.bridge import Bridge, BridgeKind
from tests.gateway.media.engine.parties import (
    Room,
)

WARM_UP = 25  # frames until everybody is heard
LISTENED = 40  # frames that are looked at
LOW, MIDDLE, HIGH, HIGHER = 440.0, 700.0, 1000.0, 1600.0  # Hz


def listen(room: Room) -> None:
    """Let all get used to each other, and then keep what they hear."""
    room.run(WARM_UP)
    room.forget()
    room.run(LISTENED)


def assert_kind(bridge: Bridge, kind: BridgeKind) -> None:
    assert bridge.kind is kind
