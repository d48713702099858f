"""A call's packets do not wait for the interpreter: whoever holds its lock moves none of them."""

from __future__ import annotations

import ctypes
import select
from time import monotonic, sleep

import pytest

from tests.gateway.media.engine.rig import Browser, Owner, Rig, Trunk, drain, join, running

HELD = 0.4  # seconds
PATIENCE = 5.0  # seconds

# Functions of a PyDLL are called with the lock held
_sleep_with_the_lock = ctypes.PyDLL(None).usleep


def wait_for_statistics(rig: Rig, owner: Owner) -> None:
    """Wait until a leg has told its statistics, for which the lock is needed."""
    until = monotonic() + PATIENCE
    while not owner.statistics:
        assert monotonic() < until
        for method, *arguments in rig.engine.take_news():
            method(*arguments)
        sleep(0.001)


@pytest.mark.parametrize("codec", ["PCMU", "L16"])
def test_the_trunk_has_its_packets_meanwhile(codec: str) -> None:
    rig = Rig(kernel_time=True)
    trunk = Trunk(rig, codec, {"PCMU": 0, "L16": 96}[codec])
    browser = Browser(rig)
    join(rig, browser.leg, trunk.leg)
    with running(rig):
        wait_for_statistics(rig, browser.owner)  # 50 ms after the trunk's
        drain(trunk.sock)
        assert select.select([trunk.sock], [], [], PATIENCE)[0]  # that tick is over
        _sleep_with_the_lock(round(HELD * 1e6))
        meanwhile = len(drain(trunk.sock))
    rig.close()
    # After a stall it would be three at most
    assert meanwhile > HELD / 0.02 / 2
