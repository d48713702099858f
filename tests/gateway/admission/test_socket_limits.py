from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.admission.limits import LIMITS, LimitReachedError, LimitRules
from gateway.admission.socket_limits import SocketLimits
from tests.gateway.admission.clock import Clock

RULES = LimitRules(websockets_per_address=2, messages_per_second_per_address=10)


def test_sockets_count_by_address() -> None:
    limits = SocketLimits(RULES, Clock())
    first = limits.take("2001:db8::1")
    limits.take("2001:db8::2")
    with pytest.raises(LimitReachedError, match="2 WebSockets open: at most 2") as refused:
        limits.take("2001:db8::3")
    assert refused.value.limit == "websockets-per-address"
    limits.take("192.0.2.1")
    first.release()
    first.release()
    limits.take("2001:db8::3")
    with pytest.raises(LimitReachedError):
        limits.take("2001:db8::3")


def opened(limits: SocketLimits, count: int, address: str = "192.0.2.1") -> int:
    """Open and close sockets; return how many there were before the first that was refused."""
    for number in range(count):
        try:
            limits.take(address).release()
        except LimitReachedError:
            return number
    return count


def test_sockets_that_are_closed_at_once_have_a_rate() -> None:
    clock = Clock()
    limits = SocketLimits(RULES, clock)
    assert opened(limits, 100) == 50
    assert opened(limits, 100) == 0
    assert opened(limits, 40, "192.0.2.2") == 40
    clock.now += 0.5
    assert opened(limits, 100) == 10
    clock.now += 2
    assert opened(limits, 40) == 40
    with pytest.raises(LimitReachedError, match="too fast: 20 a second") as refused:
        limits.take("192.0.2.1")
    assert refused.value.limit == "websockets-per-second-per-address"
    assert refused.value.limit in LIMITS
    clock.now += 10
    assert opened(limits, 100) == 50
    assert len(limits) == 1


def test_whoever_may_have_many_sockets_may_open_them_at_once() -> None:
    clock = Clock()
    limits = SocketLimits(replace(RULES, websockets_per_address=1000), clock)
    sockets = [limits.take("192.0.2.1") for _ in range(1000)]
    with pytest.raises(LimitReachedError, match="1000 WebSockets open"):
        limits.take("192.0.2.1")
    for socket in sockets:
        socket.release()
    assert opened(limits, 10) == 0
    clock.now += 2.5
    assert opened(limits, 2000) == 1000


def test_a_refused_socket_costs_nothing() -> None:
    """It is not counted, neither as open nor against the rate."""
    clock = Clock()
    limits = SocketLimits(RULES, clock)
    held = [limits.take("192.0.2.1") for _ in range(2)]
    for _ in range(200):
        with pytest.raises(LimitReachedError):
            limits.take("192.0.2.1")
    for socket in held:
        socket.release()
    assert opened(limits, 100) == 48


def test_a_burst_passes_and_then_the_rate() -> None:
    clock = Clock()
    socket = SocketLimits(RULES, clock).take("192.0.2.1")
    assert [socket.message() for _ in range(12)] == [True] * 10 + [False] * 2
    clock.now += 0.1
    assert [socket.message() for _ in range(2)] == [True, False]
    clock.now += 60
    assert [socket.message() for _ in range(11)] == [True] * 10 + [False]


def test_sockets_of_an_address_share_its_bucket() -> None:
    limits = SocketLimits(RULES, Clock())
    sockets = limits.take("192.0.2.1"), limits.take("192.0.2.1")
    assert sum(sockets[i % 2].message() for i in range(30)) == 10
    assert limits.take("192.0.2.2").message()


def test_a_new_socket_brings_no_new_bucket() -> None:
    clock = Clock()
    limits = SocketLimits(RULES, clock)
    sent = 0
    for _ in range(20):
        socket = limits.take("192.0.2.1")
        sent += sum(socket.message() for _ in range(10))
        socket.release()
    assert sent == 10
    clock.now += 10
    assert limits.take("192.0.2.1").message()


def test_addresses_without_a_socket_are_forgotten() -> None:
    clock = Clock()
    limits = SocketLimits(RULES, clock)
    for host in range(1000):
        limits.take(f"192.0.2.{host}").release()
    clock.now += 6
    limits.take("198.51.100.1")
    assert len(limits) == 1


def test_no_limit_and_exempt_addresses() -> None:
    none = replace(RULES, websockets_per_address=0, messages_per_second_per_address=0)
    exempt = SocketLimits(RULES, Clock(), exempt=lambda address: True)
    for limits in (SocketLimits(none, Clock()), exempt):
        assert opened(limits, 1000, "127.0.0.1") == 1000
        sockets = [limits.take("127.0.0.1") for _ in range(100)]
        assert all(sockets[0].message() for _ in range(1000))
        for socket in sockets:
            socket.release()


def test_a_clock_that_goes_back_locks_nobody_out() -> None:
    clock = Clock(5000)
    limits = SocketLimits(RULES, clock)
    socket = limits.take("192.0.2.1")
    while socket.message():
        pass
    clock.now = 10
    assert not socket.message()
    clock.now = 12
    assert socket.message()
    socket.release()
    clock.now = 1
    limits.take("192.0.2.2")
    assert len(limits) == 1


@given(st.lists(st.floats(0, 0.5), max_size=100), st.integers(1, 20))
def test_no_second_holds_more_than_two_bursts(pauses: list[float], rate: int) -> None:
    clock = Clock(0)
    rules = replace(RULES, messages_per_second_per_address=rate)
    socket = SocketLimits(rules, clock).take("192.0.2.1")
    sent: list[float] = []
    for pause in pauses:
        clock.now += pause
        if socket.message():
            sent.append(clock.now)
        assert sum(at > clock.now - 1 for at in sent) <= 2 * rate + 1
