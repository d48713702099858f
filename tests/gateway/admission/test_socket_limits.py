from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.admission.limits import LimitReachedError, LimitRules
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
    clock.now += 5
    limits.take("198.51.100.1")
    assert len(limits) == 1


def test_no_limit_and_exempt_addresses() -> None:
    none = replace(RULES, websockets_per_address=0, messages_per_second_per_address=0)
    exempt = SocketLimits(RULES, Clock(), exempt=lambda address: True)
    for limits in (SocketLimits(none, Clock()), exempt):
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
