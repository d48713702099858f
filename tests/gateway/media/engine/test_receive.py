"""When a packet came: the kernel's time, whatever the tick's is that reads it."""

from __future__ import annotations

from time import monotonic

import pytest

from gateway.media.engine.receive import tell_arrivals
from tests.gateway.media.engine.rig import Rig, Trunk


@pytest.mark.parametrize("behind", [-0.05, 0.0, 0.05])
def test_a_tick_off_its_time_takes_nothing_for_the_networks_jitter(behind: float) -> None:
    """As after a stall, when ticks are made up for that were due before the packet came."""
    rig = Rig(kernel_time=True)
    trunk = Trunk(rig)
    tell_arrivals(trunk.leg.port.rtp)
    before = monotonic()
    trunk.say(bytes(160))
    after = monotonic()
    rig.engine.tick(1, after - behind)
    assert before - 0.001 <= trunk.leg.receiver.heard_at <= after + 0.001
    rig.close()
