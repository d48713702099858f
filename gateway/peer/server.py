"""The peer itself: takes calls at its SIP port and gives each to its extension."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from gateway.peer.call import Call
from gateway.peer.callback import CALLED, Callback
from gateway.peer.extensions import Extension, find
from gateway.trunk import EndpointConfig, IncomingCall, SipAddress, TrunkEndpoint, TrunkEvent

log = logging.getLogger(__name__)
Registered = Callable[[], Awaitable[int | None]]
"""Says how many pages may be called back; None where nobody knows."""

NOBODY = f"Nobody takes calls as {CALLED} yet: do that first, then call again"


class Peer:
    """The calls in progress, and who owns them."""

    def __init__(self, host: str, registered: Registered | None = None) -> None:
        self._host = host
        self._registered = registered
        self.endpoint: TrunkEndpoint | None = None
        self._calls: set[asyncio.Task[None]] = set()

    def accept(self, incoming: IncomingCall) -> Callable[[TrunkEvent], None]:
        """Take a call."""
        extension = find(incoming.to)
        log.info("%s calls %s (%s)", incoming.caller, incoming.to, extension.name or "unknown")
        call = Call(incoming, extension, self._host)
        task = asyncio.create_task(self._run(call, incoming, extension))
        self._calls.add(task)
        task.add_done_callback(self._done)
        return call.notify

    async def _run(self, call: Call, incoming: IncomingCall, extension: Extension) -> None:
        if extension.calls_back and self._registered and await self._registered() == 0:
            await incoming.leg.reject(480, NOBODY)  # it would hang up, and nothing would follow
            return
        await call.run()
        if extension.calls_back and self.endpoint is not None:
            log.info("%s is called back at %s", incoming.caller, incoming.source)
            await Callback(incoming, extension, self._host, self.endpoint).run()

    def _done(self, task: asyncio.Task[None]) -> None:
        self._calls.discard(task)
        if not task.cancelled() and (fault := task.exception()):
            log.error("a call failed", exc_info=fault)

    async def close(self) -> None:
        """Hang up every call."""
        calls = list(self._calls)
        for task in calls:
            task.cancel()
        await asyncio.gather(*calls, return_exceptions=True)


@asynccontextmanager
async def run_peer(
    address: SipAddress, registered: Registered | None = None
) -> AsyncIterator[TrunkEndpoint]:
    """Answer calls at an address, UDP and TCP; port 0 takes any. TrunkError if it cannot be."""
    peer = Peer(address.host, registered)
    config = EndpointConfig(address.host, address.port, tcp=True, user_agent="gateway-peer")
    endpoint = peer.endpoint = TrunkEndpoint(config, peer.accept)
    await endpoint.start()
    try:
        yield endpoint
    finally:
        await peer.close()
        await endpoint.close(1.0)
