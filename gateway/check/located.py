"""Where a trunk is reached: what its name, or its outbound proxy's, leads to."""

from __future__ import annotations

from gateway.config_sip import TrunkSettings
from gateway.trunk.address import parse_trunk
from gateway.trunk.lookup import Resolver, versions
from gateway.trunk.targets import Target

ANYWHERE = "0.0.0.0"


async def locate(trunk: TrunkSettings, listen: str = ANYWHERE) -> tuple[Target, ...]:
    """Return the targets of a trunk, the best first, as its calls find them.

    `listen` is the address where we take SIP: it says which versions of IP we speak.

    Raises
    ------
    TrunkLookupError
        There is none; it says which name has no address.
    """
    resolver = Resolver()
    what = "the host" if trunk.outbound_proxy is None else "the outbound proxy"
    try:
        hop = parse_trunk(str(trunk.hop))
        return await resolver.targets(
            hop, what, transports=("udp", "tcp"), versions=versions(listen)
        )
    finally:
        await resolver.close()


def route(trunk: TrunkSettings) -> tuple[tuple[str, str], ...]:
    """Return the Route header of requests outside of a dialog, where there is to be one."""
    proxy = trunk.outbound_proxy
    return (("Route", f"<{proxy}>"),) if proxy is not None and proxy.loose else ()
