"""Whose datagrams a trunk's port takes, and that nothing which comes there does harm."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.media.engine.latch import SSRC_SILENCE
from tests.gateway.media.engine.rig import Rig, Trunk, drain, udp
from voice.rtcp import ReceiverReport, describe
from voice.rtcp import pack as pack_rtcp
from voice.rtp import pack_header

LONGEST = 1500  # bytes: nothing longer fits an Ethernet frame

REPORT = pack_rtcp(ReceiverReport(7), describe(7, "cname"))


class Port:
    """A trunk's port, and who sends to it."""

    def __init__(self, rig: Rig, *, described: bool = True) -> None:
        self.rig = rig
        self.trunk = Trunk(rig, described=described)
        self.port = self.trunk.leg.port
        self.trunk.leg.receiver.set_formats({0: "PCMU"})

    def send(
        self, datagram: bytes, sender: socket.socket | None = None, *, rtcp: bool = False
    ) -> None:
        """Send from the described address, or from another socket, and have it read."""
        sock = self.port.rtcp if rtcp else self.port.rtp
        (sender or self.trunk.sock).sendto(datagram, sock.getsockname())
        self.rig.tick()

    @property
    def taken(self) -> int:
        """Packets of audio of the present source."""
        return self.trunk.leg.statistics(self.rig.now).reception.present.received

    @property
    def ssrc(self) -> int | None:
        return self.trunk.leg.statistics(self.rig.now).reception.ssrc

    @property
    def reports(self) -> list[bytes]:
        return self.trunk.owner.rtcp

    @property
    def counters(self) -> dict[str, int]:
        return self.rig.engine.trunk_counters.counted()

    @property
    def rejected(self) -> dict[str, int]:
        return {name: n for name, n in self.counters.items() if name.startswith("rejected_")}


@pytest.fixture(params=["127.0.0.1", "::1"])
def rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    rig = Rig(request.param)
    yield rig
    rig.close()


@pytest.fixture
def port(rig: Rig) -> Port:
    return Port(rig)


@pytest.fixture
def stranger(rig: Rig) -> Iterator[socket.socket]:
    """Somebody at another address of this machine."""
    if rig.host != "127.0.0.1":
        pytest.skip("this machine has one IPv6 address on loopback")
    with udp("127.0.0.2") as sock:
        yield sock


def rtp(sequence: int = 1, ssrc: int = 5) -> bytes:
    return pack_header(0, sequence, 160 * sequence, ssrc) + bytes(160)


def test_what_the_described_source_sends_is_taken(port: Port) -> None:
    port.send(rtp())
    assert (port.taken, port.ssrc) == (1, 5)
    assert port.counters == {"packets_received": 1}


def test_nothing_to_read_is_no_fault(port: Port) -> None:
    port.rig.tick(10)
    assert port.counters == {}


def test_a_stranger_is_counted_and_not_answered(port: Port, stranger: socket.socket) -> None:
    port.send(rtp(), stranger)
    assert port.taken == 0
    assert port.rejected == {"rejected_stranger": 1}
    assert port.port.latch.destination == port.trunk.sock.getsockname()


def test_an_intruder_beside_a_living_source_changes_nothing(
    port: Port, stranger: socket.socket
) -> None:
    neighbor = port.rig.far_end()  # at the right host, but another port
    for n in range(20):
        port.send(rtp(n))
        port.send(rtp(n + 500, ssrc=66), neighbor)
        port.send(rtp(n + 900, ssrc=67), stranger)
    assert (port.taken, port.ssrc) == (20, 5)
    assert port.rejected == {"rejected_stranger": 40}
    assert port.port.latch.destination == port.trunk.sock.getsockname()


def test_streams_that_speak_at_a_time_are_no_mixture(port: Port) -> None:
    """The first is heard once it has gone on: the other was not put in its place."""
    port.send(rtp())
    port.send(rtp(ssrc=6))
    for n in range(2, 8):
        port.send(rtp(n, ssrc=5))
        port.send(rtp(n, ssrc=6))
    assert port.ssrc == 5
    before = port.taken
    for n in range(8, 20):
        port.send(rtp(n, ssrc=5))
        port.send(rtp(n, ssrc=6))
    assert (port.taken - before, port.ssrc) == (12, 5)
    port.rig.tick(round(2 * SSRC_SILENCE / 0.005))
    port.send(rtp(20, ssrc=6))
    assert port.ssrc == 6


def test_behind_nat_the_source_is_answered(port: Port) -> None:
    behind_nat = port.rig.far_end()
    port.send(rtp(), behind_nat)
    port.trunk.leg.send_digits("5")
    port.rig.tick(8)
    assert drain(behind_nat)
    assert port.trunk.heard() == []


class TestSymmetric:
    """The description names a host that cannot be reached; the media comes from the SIP peer's."""

    @pytest.fixture
    def port(self, rig: Rig) -> Port:
        port = Port(rig)
        port.port.expect("192.0.2.1" if rig.host == "127.0.0.1" else "2001:db8::1", 4000, 4001)
        return port

    @pytest.mark.parametrize("whom", ["peer", "any"])
    def test_the_first_valid_stream_wins_and_is_told(self, port: Port, whom: str) -> None:
        if whom == "peer":
            port.port.latch.believe_peer(port.rig.host)
        else:
            port.port.latch.believe_any(True)
        address = port.trunk.sock.getsockname()[:2]
        for n in range(5):
            port.send(rtp(n))
        assert port.taken == 5
        assert port.port.latch.destination == address
        assert port.trunk.owner.moves == [address]
        port.trunk.leg.send_digits("5")
        port.rig.tick(8)
        assert port.trunk.heard()

    def test_a_second_one_is_a_stranger(self, port: Port, stranger: socket.socket) -> None:
        port.port.latch.believe_any(True)
        port.send(rtp())
        port.send(rtp(ssrc=6), stranger)
        assert (port.taken, port.ssrc) == (1, 5)
        assert port.rejected == {"rejected_stranger": 1}
        assert len(port.trunk.owner.moves) == 1

    def test_what_is_no_rtp_wins_nothing(self, port: Port) -> None:
        port.port.latch.believe_any(True)
        other = port.rig.far_end()
        port.send(b"\x80", other)
        port.send(bytes(12), other)
        port.send(REPORT, other)
        assert port.port.latch.source is None
        assert port.trunk.owner.moves == []
        port.send(rtp())
        assert port.port.latch.source == port.trunk.sock.getsockname()[:2]

    def test_nobody_else_is_believed(self, port: Port) -> None:
        port.send(rtp())
        assert port.taken == 0
        assert port.rejected == {"rejected_stranger": 1}
        assert port.trunk.owner.moves == []

    def test_reports_go_to_where_reports_come_from(self, port: Port) -> None:
        port.port.latch.believe_peer(port.rig.host)
        port.send(rtp())
        port.port.send_rtcp(REPORT)
        assert "rtcp_sent" not in port.counters
        port.send(REPORT, port.trunk.rtcp, rtcp=True)
        assert port.reports == [REPORT]
        port.port.send_rtcp(REPORT)
        assert drain(port.trunk.rtcp) == [REPORT]


class TestRtcp:
    def test_reports_of_the_trunk_are_taken(self, port: Port) -> None:
        port.send(REPORT, rtcp=True)
        assert port.reports == [REPORT]
        assert port.counters == {"rtcp_packets": 1}

    def test_from_any_port_of_its_host(self, port: Port) -> None:
        port.send(REPORT, port.rig.far_end(), rtcp=True)
        assert port.reports == [REPORT]

    def test_a_strangers_report_is_counted(self, port: Port, stranger: socket.socket) -> None:
        port.send(REPORT, stranger, rtcp=True)
        assert port.reports == []
        assert port.counters == {"rejected_rtcp-stranger": 1}

    def test_reports_between_packets_are_told_apart(
        self, port: Port, stranger: socket.socket
    ) -> None:
        port.send(REPORT)
        port.send(REPORT, stranger)
        assert port.reports == [REPORT]
        assert port.taken == 0
        assert port.rejected == {"rejected_rtcp-stranger": 1}

    def test_a_report_does_not_make_a_source(self, port: Port) -> None:
        port.send(REPORT, port.rig.far_end())
        assert port.port.latch.source is None

    def test_before_a_description_nobody_is_believed(self, rig: Rig) -> None:
        port = Port(rig, described=False)
        port.send(REPORT, rtcp=True)
        port.send(rtp())
        assert port.reports == []
        assert port.taken == 0
        assert port.rejected == {"rejected_rtcp-stranger": 1, "rejected_stranger": 1}

    @pytest.mark.parametrize("explicit", [True, False])
    def test_ours_go_where_the_description_says(self, port: Port, explicit: bool) -> None:
        far = port.rig.far_end()
        host, number = far.getsockname()[:2]
        if explicit:
            port.port.expect(host, 9, number)
        else:
            port.port.expect(host, number - 1, None)
        port.port.send_rtcp(REPORT)
        assert drain(far) == [REPORT]
        assert port.counters == {"rtcp_sent": 1}

    def test_after_the_last_port_there_is_none_for_reports(self, port: Port) -> None:
        port.port.expect(port.rig.host, 65535, None)
        port.port.send_rtcp(REPORT)
        assert port.counters == {}


class TestBadInput:
    @pytest.mark.parametrize("rtcp", [True, False])
    def test_what_no_frame_can_hold_is_refused(self, port: Port, rtcp: bool) -> None:
        port.send(rtp() + bytes(LONGEST), rtcp=rtcp)
        assert port.counters == {"rejected_length": 1}
        assert port.taken == 0
        assert port.reports == []

    @pytest.mark.parametrize("rtcp", [True, False])
    def test_an_empty_datagram_is_refused(self, port: Port, rtcp: bool) -> None:
        port.send(b"", rtcp=rtcp)
        assert port.counters == {"rejected_length": 1}

    @pytest.mark.parametrize(
        ("datagram", "reason"),
        [(b"\x80", "short"), (bytes(12), "version"), (b"\x8f" + bytes(20), "csrc")],
    )
    def test_what_is_no_rtp_has_a_reason(self, port: Port, datagram: bytes, reason: str) -> None:
        port.send(datagram)
        assert port.rejected == {f"rejected_{reason}": 1}

    def test_what_cannot_be_sent_is_counted(self, port: Port) -> None:
        if port.rig.host != "127.0.0.1":
            pytest.skip("there is no broadcast in IPv6")
        port.port.expect("255.255.255.255", 9, 9)
        port.trunk.leg.send_digits("5")
        port.rig.tick(4)
        port.port.send_rtcp(REPORT)
        assert port.counters == {"send_errors": 2}


@pytest.mark.parametrize("rig", ["127.0.0.1"], indirect=True)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100)
@given(datagram=st.binary(max_size=200), rtcp=st.booleans())
def test_whatever_comes_is_taken_or_counted(port: Port, datagram: bytes, rtcp: bool) -> None:
    before = _seen(port)
    port.send(datagram, rtcp=rtcp)
    assert _seen(port) == before + 1
    assert port.trunk.owner.failures == 0


def _seen(port: Port) -> int:
    """Return how many datagrams were taken, handed over or refused."""
    counted = port.trunk.leg.statistics(port.rig.now).reception
    audio = counted.present.received + counted.left.received + counted.passed.received
    told = len(port.reports) + len(port.trunk.owner.events)
    return audio + told + sum(port.rejected.values())
