"""What makes a pause in a string of digits: where a machine has to speak before it listens."""

from __future__ import annotations

PAUSES = {",": 2000, "W": 500}
"""Milliseconds of each: W3C's RTCDTMFSender waits two seconds at a comma, Asterisk half a one at w.
"""
