"""Ports of the media range: in turn, in pairs, and a clear word when none is left."""

from __future__ import annotations

import socket
from contextlib import closing

import pytest

from gateway.errors import UnavailableError
from gateway.media.ports import PortRange
from tests.peers.ports import free_ports


def test_a_pair_is_an_even_port_and_the_next() -> None:
    ports = free_ports(4)
    rtp, rtcp = PortRange("127.0.0.1", ports.start, ports.stop - 1).bind_pair()
    with closing(rtp), closing(rtcp):
        assert rtp.getsockname()[1] % 2 == 0
        assert rtcp.getsockname()[1] == rtp.getsockname()[1] + 1


def test_a_port_given_back_comes_round_last() -> None:
    ports = free_ports(6)
    pool = PortRange("127.0.0.1", ports.start, ports.stop - 1)
    seen = []
    for _ in range(3):
        with closing(pool.bind_one()) as sock:
            seen.append(sock.getsockname()[1])
    assert len(set(seen)) == 3


def test_a_port_in_use_is_passed_over() -> None:
    ports = free_ports(4)
    first = ports.start + ports.start % 2
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", first))
        pool = PortRange("127.0.0.1", ports.start, ports.stop - 1)
        with closing(pool.bind_one()) as sock:
            assert sock.getsockname()[1] != first


def test_a_range_without_a_free_port_says_so() -> None:
    ports = free_ports(2)
    first = ports.start + ports.start % 2
    pool = PortRange("127.0.0.1", first, first + 1)
    rtp, rtcp = pool.bind_pair()
    with closing(rtp), closing(rtcp):
        with pytest.raises(UnavailableError, match=str(first)):
            pool.bind_pair()
        with pytest.raises(UnavailableError, match=r"media\.ports"):
            pool.bind_one()


def test_an_address_of_another_machine_is_named() -> None:
    with pytest.raises(UnavailableError, match=r"192\.0\.2\.1"):
        PortRange("192.0.2.1", 20000, 20100).check()
