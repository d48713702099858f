"""Whose datagrams a trunk's port takes, and that nothing which comes there does harm."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.media.core.latch import SSRC_SILENCE
from gateway.media.core.trunk_port import LONGEST
from tests.gateway.media.core.line import Line, address_of, open_line, open_socket
from voice.rtcp import ReceiverReport, describe
from voice.rtcp import pack as pack_rtcp
from voice.rtp import RtpPacket, pack_header

REPORT = pack_rtcp(ReceiverReport(7), describe(7, "cname"))


class Port:
    """The near end of a line, and who sends to it."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self.port = line.port
        self.taken: list[RtpPacket] = []
        self.reports: list[bytes] = []
        self.port.take = lambda packet, now: self.taken.append(packet)
        self.port.take_rtcp = lambda datagram, now: self.reports.append(datagram)

    def send(
        self, datagram: bytes, sender: socket.socket | None = None, *, rtcp: bool = False
    ) -> None:
        """Send from the described address, or from another socket, and have it read."""
        target = address_of(self.port.rtcp if rtcp else self.port.rtp)
        (sender or self.line.far).sendto(datagram, target)
        if rtcp:
            self.port.read_rtcp()
        else:
            self.port.read()

    @property
    def counters(self) -> dict[str, int]:
        return dict(self.line.counters)


@pytest.fixture
def port() -> Iterator[Port]:
    with open_line() as line:
        yield Port(line)


@pytest.fixture
def stranger() -> Iterator[socket.socket]:
    """Somebody at another address of this machine."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.2", 0))
        yield sock


def rtp(sequence: int = 1, ssrc: int = 5) -> bytes:
    return pack_header(0, sequence, 0, ssrc) + bytes(160)


def test_what_the_described_source_sends_is_taken(port: Port) -> None:
    port.send(rtp())
    assert [packet.payload for packet in port.taken] == [bytes(160)]
    assert port.counters == {"trunk_packets_received": 1}


def test_nothing_to_read_is_no_fault(port: Port) -> None:
    port.port.read()
    port.port.read_rtcp()
    assert port.counters == {}


def test_a_stranger_is_counted_and_not_answered(port: Port, stranger: socket.socket) -> None:
    port.send(rtp(), stranger)
    assert port.taken == []
    assert port.counters["trunk_rejected_stranger"] == 1
    port.port.send(rtp())
    assert len(port.line.received()) == 1


def test_an_intruder_beside_a_living_source_changes_nothing(
    port: Port, stranger: socket.socket
) -> None:
    with open_socket() as neighbor:  # at the right host, but another port
        for n in range(20):
            port.line.moment.now += 0.02
            port.send(rtp(n))
            port.send(rtp(n + 500, ssrc=66), neighbor)
            port.send(rtp(n + 900, ssrc=67), stranger)
    assert {packet.ssrc for packet in port.taken} == {5}
    assert len(port.taken) == 20
    assert port.counters["trunk_rejected_stranger"] == 40
    assert port.port.latch.target == address_of(port.line.far)


def test_a_second_stream_beside_a_living_one_is_refused(port: Port) -> None:
    port.send(rtp())
    port.send(rtp(ssrc=6))
    assert port.counters["trunk_rejected_ssrc"] == 1
    port.line.moment.now += 2 * SSRC_SILENCE
    port.send(rtp(ssrc=6))
    assert [packet.ssrc for packet in port.taken] == [5, 6]


def test_behind_nat_the_source_is_answered(port: Port) -> None:
    with open_socket() as behind_nat:
        port.send(rtp(), behind_nat)
        port.port.send(rtp(9))
        assert behind_nat.recv(2000) == rtp(9)


class TestRtcp:
    def test_reports_of_the_trunk_are_taken(self, port: Port) -> None:
        port.send(REPORT, rtcp=True)
        assert port.reports == [REPORT]

    def test_from_any_port_of_its_host(self, port: Port) -> None:
        with open_socket() as other:
            port.send(REPORT, other, rtcp=True)
        assert port.reports == [REPORT]

    def test_a_strangers_report_is_counted(self, port: Port, stranger: socket.socket) -> None:
        port.send(REPORT, stranger, rtcp=True)
        assert port.reports == []
        assert port.counters == {"trunk_rejected_rtcp-stranger": 1}

    def test_reports_between_packets_are_told_apart(
        self, port: Port, stranger: socket.socket
    ) -> None:
        port.send(REPORT)
        port.send(REPORT, stranger)
        assert port.reports == [REPORT]
        assert port.taken == []
        assert port.counters["trunk_rejected_rtcp-stranger"] == 1

    def test_a_report_does_not_make_a_source(self, port: Port) -> None:
        with open_socket() as other:
            port.send(REPORT, other)
        assert port.port.latch.source is None

    def test_before_a_description_nobody_is_believed(self) -> None:
        with open_line() as line:
            line.port.latch = type(line.port.latch)()
            port = Port(line)
            port.send(REPORT, rtcp=True)
            assert port.reports == []

    @pytest.mark.parametrize("explicit", [True, False])
    def test_ours_go_where_the_description_says(self, port: Port, explicit: bool) -> None:
        with open_socket() as far:
            host, number = address_of(far)
            if explicit:
                port.port.expect(host, 9, number)
            else:
                port.port.expect(host, number - 1, None)
            port.port.send_rtcp(REPORT)
            assert far.recv(2000) == REPORT
        assert port.counters == {"trunk_rtcp_sent": 1}


class TestBadInput:
    @pytest.mark.parametrize("rtcp", [True, False])
    def test_what_no_frame_can_hold_is_refused(self, port: Port, rtcp: bool) -> None:
        port.send(rtp() + bytes(LONGEST), rtcp=rtcp)
        assert port.counters["trunk_rejected_length"] == 1
        assert port.taken == []
        assert port.reports == []

    @pytest.mark.parametrize("rtcp", [True, False])
    def test_an_empty_datagram_is_refused(self, port: Port, rtcp: bool) -> None:
        port.send(b"", rtcp=rtcp)
        assert port.counters["trunk_rejected_length"] == 1

    @pytest.mark.parametrize(
        ("datagram", "reason"),
        [(b"\x80", "short"), (bytes(12), "version"), (b"\x8f" + bytes(20), "csrc")],
    )
    def test_what_is_no_rtp_has_a_reason(self, port: Port, datagram: bytes, reason: str) -> None:
        port.send(datagram)
        assert port.counters[f"trunk_rejected_{reason}"] == 1

    def test_a_full_buffer_is_counted(self, port: Port) -> None:
        port.port.latch.expect("255.255.255.255", 9)
        port.port.send(rtp())
        port.port.rtcp_target = ("255.255.255.255", 9)
        port.port.send_rtcp(REPORT)
        assert port.counters == {"trunk_send_errors": 2}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100)
@given(st.binary(max_size=200), st.booleans())
def test_whatever_comes_is_taken_or_counted(port: Port, datagram: bytes, rtcp: bool) -> None:
    before = len(port.taken) + len(port.reports), _rejected(port)
    port.send(datagram, rtcp=rtcp)
    assert len(port.taken) + len(port.reports) - before[0] + _rejected(port) - before[1] == 1


def _rejected(port: Port) -> int:
    return sum(n for name, n in port.counters.items() if name.startswith("trunk_rejected"))
