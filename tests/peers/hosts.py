"""Hosts on one machine: network namespaces with links between them, for calls that are kept apart.

Only for a module that runs in a namespace of its own (`run_isolated`), where everybody is root.
A socket stays in the namespace in which it was made, whoever uses it later. So one process enters a
host, opens there what belongs there, or starts a program, and goes on to the next host.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.peers.process import PeerError

if TYPE_CHECKING:
    from collections.abc import Iterator

CLONE_NEWNET = 0x40000000  # sched.h
OWN = "/proc/thread-self/ns/net"

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


def run(command: str) -> None:
    """Run commands of a shell on the host that we are on; PeerError if they fail."""
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise PeerError(f"{command}: {done.stderr.strip()}")


def _check(result: int) -> None:
    if result != 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
