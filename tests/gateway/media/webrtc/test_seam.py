"""The contract with aiortc and aioice: every name inside them that we build on."""

from __future__ import annotations

import inspect
from collections import Counter
from contextlib import suppress
from importlib.metadata import version

import aioice
import pytest
from aioice.ice import StunProtocol
from aiortc import RTCCertificate, RTCDtlsTransport, RTCIceGatherer, RTCIceTransport
from hypothesis import given
from hypothesis import strategies as st

from gateway.media.parameters import DtlsRole
from gateway.media.ports import PortRange
from gateway.media.webrtc.seam import Transport, parse_candidate, render_candidate
from tests.peers.ports import free_ports


def test_the_versions_are_those_that_were_read() -> None:
    assert version("aiortc").startswith("1.16.")
    assert version("aioice").startswith("0.13.")


@pytest.mark.parametrize(
    ("owner", "name", "parameters"),
    [
        (aioice.Connection, "get_component_candidates", ["component", "addresses", "timeout"]),
        (aioice.Connection, "data_received", ["data", "component"]),
        (StunProtocol, "datagram_received", ["data", "addr"]),
        (StunProtocol, "__init__", ["receiver"]),
        (RTCDtlsTransport, "_handle_rtp_data", ["data", "arrival_time_ms"]),
        (RTCDtlsTransport, "_handle_rtcp_data", ["data"]),
        (RTCDtlsTransport, "_set_role", ["role"]),
        (RTCCertificate, "_create_ssl_context", ["srtp_profiles"]),
    ],
)
def test_what_we_override_has_its_shape(owner: type, name: str, parameters: list[str]) -> None:
    found = list(inspect.signature(getattr(owner, name)).parameters)
    assert found[1:] == parameters


async def test_the_attributes_we_read_are_there() -> None:
    connection = aioice.Connection(ice_controlling=False)
    assert connection._nominated == {}
    assert connection._check_list == []
    assert connection._queue.qsize() == 0
    assert connection._protocols == []
    gatherer = RTCIceGatherer(iceServers=[])
    assert isinstance(gatherer._connection, aioice.Connection)
    for attribute in ("_connection", "_recv", "_send"):
        assert hasattr(RTCIceTransport(gatherer), attribute)
    source = inspect.getsource(RTCDtlsTransport.__init__)
    assert "_rx_srtp" in source
    assert "_tx_srtp" in source


async def test_gathering_uses_our_port_and_no_server() -> None:
    ports = free_ports(10)
    transport = Transport(
        PortRange("127.0.0.1", ports.start, ports.stop - 1),
        Counter(),
        controlling=False,
        role=DtlsRole.SERVER,
    )
    await transport.gather()
    try:
        (candidate,) = transport.candidates
        assert (candidate.ip, candidate.type) == ("127.0.0.1", "host")
        assert candidate.port in ports
        ((algorithm, value),) = transport.fingerprints
        assert algorithm == "sha-256"
        assert len(value.split(":")) == 32
    finally:
        await transport.close()


CANDIDATE = "1 1 udp 2130706431 192.0.2.1 50000 typ host"


@pytest.mark.parametrize("prefix", ["", "candidate:", "a=candidate:"])
def test_candidates_are_read_as_browsers_write_them(prefix: str) -> None:
    assert render_candidate(parse_candidate(prefix + CANDIDATE)) == CANDIDATE


@given(st.one_of(st.text(), st.lists(st.text(max_size=5), max_size=12).map(" ".join)))
def test_any_other_text_is_a_value_error(text: str) -> None:
    with suppress(ValueError):
        parse_candidate(text)
