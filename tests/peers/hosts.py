"""Hosts on one machine: network namespaces with links between them, for calls that are kept apart.

Only for a module that runs in a namespace of its own (`run_isolated`), where everybody is root.
A socket stays in the namespace in which it was made, whoever uses it later. So one process enters a
host, opens there what belongs there, or starts a program, and goes on to the next host. Each
thread is on a host of its own.
"""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tests.peers.process import PeerError, poll

if TYPE_CHECKING:
    from collections.abc import Iterator

CLONE_NEWNET = 0x40000000  # sched.h
OWN = "/proc/thread-self/ns/net"
HAS_IPV6 = Path("/proc/sys/net/ipv6").exists()

_libc = ctypes.CDLL(None, use_errno=True)


class Host:
    """A network namespace; it is there until this process ends."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @classmethod
    def here(cls) -> Host:
        """Return the host that we are on."""
        return cls(os.open(OWN, os.O_RDONLY | os.O_CLOEXEC))

    @classmethod
    def new(cls) -> Host:
        """Return a host that has loopback, and no link to anybody."""
        before = cls.here()
        _check(_libc.unshare(CLONE_NEWNET))
        try:
            run("ip link set lo up")
            return cls.here()
        finally:
            before.enter()

    def enter(self) -> None:
        """Open sockets and start programs on this host from now on."""
        _check(_libc.setns(self._descriptor, CLONE_NEWNET))

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Be on this host for a block that waits for nothing."""
        before = Host.here()
        self.enter()
        try:
            yield
        finally:
            before.enter()

    def link(self, other: Host, name: str, ours: str, theirs: str) -> None:
        """Join two hosts, and give each an address with its prefix length."""
        path = f"/proc/{os.getpid()}/fd/{other._descriptor}"
        with self.entered():
            run(f"ip link add name {name} type veth peer name {name} netns {path}")
            run(f"ip addr add {ours} dev {name} && ip link set {name} up")
        with other.entered():
            run(f"ip addr add {theirs} dev {name} && ip link set {name} up")


def run(command: str) -> str:
    """Run commands of a shell on the host that we are on, for what they print.

    Raises PeerError if they fail.
    """
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise PeerError(f"{command}: {done.stderr.strip()}")
    return done.stdout


async def settled() -> None:
    """Wait until there will be no more news of the links of the host that we are on.

    A link is said to be up some time after it is, and its own address of IPv6 is known to be nobody
    else's a second or two after that. Chromium takes both for a change of network, and gives up
    what it loads (net::ERR_NETWORK_CHANGED): a page of many files then never becomes ready.
    """
    await poll(_are_settled, limit=15, what="the links are settled", interval=0.1)


async def _are_settled() -> bool:
    links = [link for link in json.loads(run("ip -json address")) if link["ifname"] != "lo"]
    addresses = [address for link in links for address in link["addr_info"]]
    known = {link["ifname"] for link in links if any(map(_is_own, link["addr_info"]))}
    return (
        all(link["operstate"] == "UP" for link in links)
        and not any(address.get("tentative") for address in addresses)
        and (not HAS_IPV6 or known == {link["ifname"] for link in links})
    )


def _is_own(address: dict[str, str]) -> bool:
    return (address["family"], address["scope"]) == ("inet6", "link")


def _check(result: int) -> None:
    if result != 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
