"""The ground the peers stand on: ports, /proc, and the rule for a peer that is missing."""

from __future__ import annotations

import asyncio
import socket
import sys
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from gateway.caller.call import PORTS as CALLER_PORTS
from gateway.media.parameters import MediaConfig
from tests.peers.ports import BLOCKS, SINGLE, free_port, free_ports, release_ports, reserve_ports
from tests.peers.process import PeerError, end_process, read_usage, wait_until
from tests.peers.requirement import require

if TYPE_CHECKING:
    from pathlib import Path

# Uses 0.1 s of CPU, opens three sockets and a thread, starts a child, and says when all is there
BUSY = """
import socket, subprocess, sys, threading, time
while time.process_time() < 0.1: pass
sockets = [socket.socket() for _ in range(3)]
child = subprocess.Popen(["cat"], stdin=subprocess.PIPE)
threading.Thread(target=threading.Event().wait, daemon=True).start()
print("ready", flush=True)
sys.stdin.read()
"""
DEAF = """
import signal, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ready", flush=True)
sys.stdin.read()
"""


async def _start(code: str) -> asyncio.subprocess.Process:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", code),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"ready\n"
    return process


def test_ports_are_free_and_come_in_a_circle() -> None:
    single, block = free_port(), free_ports(100)
    assert (single % 2, block.start % 2) == (0, 0)
    assert set(free_ports(100)).isdisjoint(block)
    with socket.create_server(("127.0.0.1", single)):
        pass
    narrow = free_ports(12)  # not fixed ones: a fixture of the session may have reserved those
    blocks = [free_ports(4, within=narrow) for _ in range(9)]
    assert {port for block in blocks for port in block} == set(narrow)
    assert all(set(one).isdisjoint(other) for one, other in pairwise(blocks))


def test_ports_are_not_those_that_a_gateway_or_a_caller_takes_by_default() -> None:
    """They bind theirs call by call: what is free now may be taken a moment later."""
    for first, last in (CALLER_PORTS, MediaConfig().ports):
        by_default = set(range(first, last + 1))
        assert by_default.isdisjoint(SINGLE)
        assert by_default.isdisjoint(BLOCKS)


def test_reserved_ports_are_nobody_elses() -> None:
    narrow = free_ports(12)
    reserved = reserve_ports(8, within=narrow)
    with pytest.raises(OSError, match="no 8 free ports"):
        free_ports(8, within=narrow)
    release_ports(reserved)
    assert len(free_ports(8, within=narrow)) == 8


def test_a_taken_port_is_not_given() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", free_port()))
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match="no 2 free ports"):
            free_ports(2, within=range(port, port + 2))


async def test_usage_counts_the_whole_process_tree() -> None:
    process = await _start(BUSY)
    usage = read_usage(process.pid)
    assert usage.processes == 2
    assert usage.sockets == 3
    assert usage.threads == 3
    assert usage.descriptors > 6
    assert usage.resident > 10_000_000
    assert 0.05 < usage.cpu < 1
    process.kill()
    await process.communicate()
    with pytest.raises(ProcessLookupError, match=str(process.pid)):
        read_usage(process.pid)


async def test_a_process_that_ignores_sigterm_is_killed() -> None:
    process = await _start(DEAF)
    assert await end_process(process, limit=0.2) == -9
    await process.communicate()


async def test_waiting_ends_with_the_name_of_what_did_not_come() -> None:
    with pytest.raises(PeerError, match=r"the bus: not within 0\.1 s"):
        await wait_until(lambda: False, limit=0.1, what="the bus")


@pytest.mark.parametrize(
    ("ci", "outcome"), [("true", pytest.fail.Exception), ("", pytest.skip.Exception)]
)
def test_a_missing_program_is_a_skip_here_and_a_failure_in_ci(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, ci: str, outcome: type[BaseException]
) -> None:
    monkeypatch.setenv("CI", ci)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(outcome, match=r"sipp is not installed \(Debian package sip-tester\)"):
        require("sipp")
