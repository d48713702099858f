"""Where each trunk can be reached now: by its name, its registrar, and what has failed lately."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from ipaddress import ip_address

from gateway.trunk.address import next_uri
from gateway.trunk.config import EndpointConfig, Trunk
from gateway.trunk.errors import TrunkLookupError
from gateway.trunk.failures import Failures
from gateway.trunk.knock import Knock, Knocker
from gateway.trunk.lookup import Resolver, versions
from gateway.trunk.targets import Target


class TrunkLocator:
    """Finds the targets of trunks.

    Parameters
    ----------
    registered
        Returns where a trunk has registered us, None if nowhere.
    learn
        Is told each address that a trunk's name leads to.
    """

    def __init__(
        self,
        config: EndpointConfig,
        resolver: Resolver,
        registered: Callable[[Trunk], Target | None],
        learn: Callable[[Trunk, str], None],
    ) -> None:
        self.failures = Failures(time.monotonic)
        self._config = config
        self._resolver = resolver
        self._registered = registered
        self._learn = learn

    async def find(self, trunk: Trunk) -> tuple[Target, ...]:
        """Find a trunk by its name, and note where it is, though nobody may call it."""
        found = await self._resolver.targets(
            next_uri(trunk),
            "the outbound proxy" if trunk.outbound_proxy else "the trunk's host",
            transports=("udp", "tcp") if self._config.tcp else ("udp",),
            versions=versions(self._config.address),
        )
        for target in found:
            self._learn(trunk, target.host)
        return self.failures.order(found)

    async def targets(self, trunk: Trunk) -> tuple[Target, ...]:
        """Return where a trunk can be called: see `TrunkEndpoint.targets`."""
        first = self._registered(trunk)
        try:
            found = await self.find(trunk)
        except TrunkLookupError:
            if first is None:
                raise
            found = ()
        if first is not None:
            found = (first, *(each for each in found if each != first))
        return self.failures.order(found)

    def knocker(self, target: Target) -> Knocker | None:
        """Return how to learn of a port that is closed; of TCP's the engine tells by itself."""
        if target.transport != "udp":
            return None
        own = self._config.address
        source = "" if ip_address(own).is_unspecified else own
        return partial(Knock, target.host, target.port, source)
