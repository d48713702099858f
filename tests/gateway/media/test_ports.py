"""Ports of the media range: in turn, in pairs, and nobody's while stale packets come."""

from __future__ import annotations

import os
import resource
import socket
from collections.abc import Iterator
from contextlib import closing, suppress

import pytest

from gateway.errors import UnavailableError
from gateway.media.ports import LONGEST_RETIREMENT, QUIET, SWEPT, PortRange
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


def test_without_a_file_descriptor_no_port_is_to_blame() -> None:
    ports = free_ports(4)
    pool = PortRange("127.0.0.1", ports.start, ports.stop - 1)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with open("/dev/null", "rb") as last:
        resource.setrlimit(resource.RLIMIT_NOFILE, (last.fileno() + 1, hard))
        try:
            held = [os.dup(last.fileno()) for _ in range(_gaps(last.fileno()))]
            with pytest.raises(UnavailableError, match="no file descriptor is left"):
                pool.bind_pair()
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for each in held:
            os.close(each)


def _gaps(last: int) -> int:
    """How many numbers below the last descriptor are free."""
    return sum(not os.path.exists(f"/proc/self/fd/{number}") for number in range(last))


def test_an_address_of_another_machine_is_named() -> None:
    with pytest.raises(UnavailableError, match=r"192\.0\.2\.1"):
        PortRange("192.0.2.1", 20000, 20100).check()


class Retired:
    """A range of one pair of ports, given back by a call whose trunk may go on sending."""

    def __init__(self) -> None:
        ports = free_ports(2)
        self.first = ports.start
        self.pool = PortRange("127.0.0.1", self.first, self.first + 1)
        self.pair = self.pool.bind_pair()
        self.far = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.pool.retire(self.pair, 100.0)

    def send(self, port: int = 0, count: int = 1) -> None:
        for _ in range(count):
            self.far.sendto(b"rtp", ("127.0.0.1", self.first + port))

    @property
    def taken(self) -> bool:
        """Whether the next call has to do without these ports."""
        try:
            rtp, rtcp = self.pool.bind_pair()
        except UnavailableError:
            return True
        rtp.close()
        rtcp.close()
        return False

    def close(self) -> None:
        self.far.close()
        self.pool.close()


@pytest.fixture
def retired() -> Iterator[Retired]:
    made = Retired()
    yield made
    made.close()


class TestRetire:
    def test_a_port_is_free_again_once_it_is_quiet(self, retired: Retired) -> None:
        assert retired.pool.sweep(100.0 + 0.9 * QUIET) == 1
        assert retired.taken
        assert retired.pool.sweep(100.0 + 1.1 * QUIET) == 0
        assert not retired.taken

    @pytest.mark.parametrize("port", [0, 1])
    def test_nobody_gets_it_while_packets_still_come(self, retired: Retired, port: int) -> None:
        """To either port: a sender may have stopped RTP and still report."""
        now = 100.0
        while now < 100 + 10 * QUIET:
            now += 0.9 * QUIET
            retired.send(port)
            assert retired.pool.sweep(now) == 1
            assert retired.taken
        assert retired.pool.sweep(now + 0.9 * QUIET) == 1
        assert retired.pool.sweep(now + 1.1 * QUIET) == 0
        assert not retired.taken

    def test_who_never_stops_meets_a_closed_port(self, retired: Retired) -> None:
        now = 100.0
        while now < 100 + LONGEST_RETIREMENT - QUIET:
            now += 0.5 * QUIET
            retired.send()
            assert retired.pool.sweep(now) == 1
        retired.send()
        assert retired.pool.sweep(100 + LONGEST_RETIREMENT) == 0
        assert retired.pair[0].fileno() == retired.pair[1].fileno() == -1

    def test_the_next_call_does_not_read_what_came_for_the_last(self, retired: Retired) -> None:
        retired.send(count=3 * SWEPT)
        now = 100.0
        while retired.pool.sweep(now):
            now += 2 * QUIET
        rtp, rtcp = retired.pool.bind_pair()
        with closing(rtp), closing(rtcp), pytest.raises(BlockingIOError):
            rtp.recv(100)

    def test_a_flood_does_not_hold_a_sweep_up(self, retired: Retired) -> None:
        retired.send(count=3 * SWEPT)
        retired.pool.sweep(100.1)
        left = 0
        with suppress(BlockingIOError):
            while retired.pair[0].recv(10):
                left += 1
        # The kernel's buffer may be smaller than the flood, but not than what one sweep reads
        assert 0 < left <= 2 * SWEPT

    def test_each_call_is_looked_at_for_itself(self) -> None:
        ports = free_ports(4)
        pool = PortRange("127.0.0.1", ports.start, ports.stop - 1)
        noisy, quiet = pool.bind_pair(), pool.bind_pair()
        pool.retire(noisy, 100.0)
        pool.retire(quiet, 100.0)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as far:
            far.sendto(b"rtp", noisy[0].getsockname())
            assert pool.sweep(100 + QUIET) == 1
        assert quiet[0].fileno() == -1
        assert noisy[0].fileno() != -1
        pool.close()
        assert noisy[0].fileno() == -1

    def test_at_the_end_all_are_closed(self, retired: Retired) -> None:
        retired.send()
        retired.pool.close()
        assert retired.pair[0].fileno() == retired.pair[1].fileno() == -1
        assert retired.pool.sweep(200.0) == 0


def test_the_first_pair_may_be_any_of_the_range() -> None:
    ports = free_ports(8)
    turn = PortRange("127.0.0.1", ports.start, ports.stop - 1)
    turn.begin_at(4 * 1000 + 2)
    seen = []
    for _ in range(4):
        rtp, rtcp = turn.bind_pair()
        seen.append(rtp.getsockname()[1] - ports.start)
        rtp.close()
        rtcp.close()
    first = ports.start % 2
    assert seen == [first + 4, first + 6, first, first + 2]
