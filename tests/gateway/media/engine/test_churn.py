"""Calls begin and end while the engine's own thread serves them, and others go on."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from time import monotonic
from typing import TypeVar

from tests.gateway.media.engine.rig import Browser, Rig, Trunk, join

T = TypeVar("T")

CALLS = 120
TIMEOUT = 5.0  # seconds


class Thread:
    """An engine on a thread of its own."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self._thread = threading.Thread(target=rig.engine.run)
        self._thread.start()

    def call(self, function: Callable[[], T]) -> T:
        """Have a function called there, and return its result."""
        done, results = threading.Event(), deque[T](maxlen=1)

        def carry_out() -> None:
            try:
                results.append(function())
            finally:
                done.set()

        self.rig.engine.post(carry_out)
        assert done.wait(TIMEOUT)
        return results.pop()

    def stop(self) -> None:
        self.rig.engine.stop()
        self._thread.join(TIMEOUT)
        assert not self._thread.is_alive()


class Call:
    """A trunk and a browser, neither of which relays the other's packets."""

    def __init__(self, rig: Rig) -> None:
        self.trunk, self.browser = Trunk(rig), Browser(rig, "PCMA", 8)
        join(rig, self.trunk.leg, self.browser.leg)
        self.legs = [self.trunk.leg, self.browser.leg]

    def speak(self) -> None:
        self.trunk.say(bytes(160))
        self.browser.say(bytes(160))

    def end(self) -> None:
        for leg in self.legs:
            self.trunk.rig.engine.remove(leg)


def test_calls_end_while_their_packets_are_on_their_way() -> None:
    rig = Rig()
    thread = Thread(rig)
    # While a browser comes up the port is read between two ticks, so that frames wait for the next
    # one while commands are carried out
    thread.call(lambda: rig.engine.count_connecting(1))
    lasting = thread.call(lambda: Call(rig))
    calls: deque[Call] = deque()
    heard, begun = 0, monotonic()

    def left_out() -> int:
        return rig.engine.trunk_counters["packets_discarded"]

    try:
        for number in range(CALLS):
            calls.append(thread.call(lambda: Call(rig)))
            for call in calls:
                for _ in range(3):
                    call.speak()
            if number % 4 == 0:
                lasting.speak()
            if len(calls) > 4:
                rig.engine.post(calls.popleft().end)
            heard += len(lasting.browser.heard())
            rig.engine.take_news()
        assert rig.engine.trunk_counters["packets_received"] > CALLS
        while heard < CALLS // 4 and monotonic() - begun < TIMEOUT:
            heard += len(lasting.browser.heard())
    finally:
        thread.stop()
        rig.close()
    # A clock that is held up leaves packets out, this call's or another's; most of them do come
    assert CALLS // 4 - min(left_out(), CALLS // 8) <= heard <= CALLS // 4
    for counters in (rig.engine.trunk_counters, rig.engine.browsers.counters):
        assert not counters["faults"]
