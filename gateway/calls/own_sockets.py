"""Where the gateway itself listens: no trunk may have it send audio there."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address

import sdp
from sdp import SdpError
from sdp.target import is_host_name


@dataclass(frozen=True, slots=True)
class OwnSockets:
    """Addresses and ports that the gateway listens on, for media and for SIP."""

    hosts: frozenset[str]
    ports: frozenset[int]


NO_SOCKETS = OwnSockets(frozenset(), frozenset())


def check_target(host: str, port: int, peer: str, own: OwnSockets) -> None:
    """Refuse an address that no call may be sent to; SdpError says why.

    Parameters
    ----------
    peer
        Address of the host that has described it; empty where that is not known.
    """
    if is_host_name(host) or ip_address(host).is_unspecified:  # not known yet; a hold
        return
    loopback = bool(peer) and ip_address(peer).is_loopback
    hosts = own.hosts
    if peer in hosts and port not in own.ports:
        hosts = frozenset()  # a trunk on this machine
    if problem := sdp.forbidden_target(host, own=hosts, loopback=loopback):
        raise SdpError(problem, rule="policy of the gateway")
