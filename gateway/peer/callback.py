"""The way into a page: the peer calls back whoever has called, so that incoming calls can be tried.

The caller's gateway is called where its INVITE came from, as a trunk calls it. Where no page would
ring, the first call is refused instead.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from gateway.peer.audio import Audio
from gateway.peer.call import Call
from gateway.peer.extensions import Extension
from gateway.trunk import (
    Answered,
    DialRequest,
    IncomingCall,
    Trunk,
    TrunkEndpoint,
    TrunkError,
    TrunkEvent,
)

log = logging.getLogger(__name__)

PAUSE: Final = 2.0  # seconds after the first call: time to see that it is over
CALLED: Final = "sales"  # `[[incoming]]` of the demo takes every number


class Callback(Call):
    """A call to where another one came from; it plays what the extension says of it."""

    def __init__(
        self, incoming: IncomingCall, extension: Extension, host: str, endpoint: TrunkEndpoint
    ) -> None:
        super().__init__(incoming, extension, host)
        self._endpoint = endpoint
        self._answered = asyncio.Event()

    def notify(self, event: TrunkEvent) -> None:
        """Take an event of the leg."""
        super().notify(event)
        if isinstance(event, Answered):
            self._answered.set()

    async def _walk(self, audio: Audio) -> None:
        offer, _ = self._describe("", audio.port)
        gateway = Trunk("gateway", f"sip:{self._incoming.source};transport=udp")
        request = DialRequest(
            gateway,
            CALLED,
            offer,
            from_user=self._extension.number,
            display_name="The demo",
        )
        await asyncio.sleep(PAUSE)
        try:
            self._leg = await self._endpoint.dial(request, self.notify)
        except TrunkError as error:
            log.warning("nobody is called back: %s", error)
            return
        await self._answered.wait()
        for step in self._extension.calls_back:
            await self._do(step, audio, "")
