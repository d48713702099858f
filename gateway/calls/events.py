"""All that can happen to a call: one closed set, one inbox, one consumer.

The trunk and the media plane have closed sets of their own; the rest is what the client, the clock
and the registry want of the call.
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway.calls.end import CallEnd
from gateway.media.events import MediaEvent
from gateway.trunk import TrunkEvent


@dataclass(frozen=True, slots=True)
class EndWanted:
    """Somebody on our side wants the call to end, and says how that is to be told."""

    end: CallEnd


CallEvent = TrunkEvent | MediaEvent | EndWanted
