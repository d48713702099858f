"""The contract with aiortc and aioice: every name inside them that we build on."""

from __future__ import annotations

import asyncio
import inspect
import re
from contextlib import suppress
from importlib.metadata import version

import aioice
import pylibsrtp
import pytest
from aioice import stun
from aioice.ice import CandidatePair, StunProtocol
from aiortc import RTCCertificate, RTCDtlsTransport
from hypothesis import given
from hypothesis import strategies as st
from OpenSSL import SSL

from gateway.media.parameters import DtlsRole
from gateway.media.webrtc.ice import parse_candidate, render_candidate
from gateway.media.webrtc.seam import Transport
from tests.gateway.media.webrtc.peers import RecordingPort, make_check
from voice.counters import Counters


def test_the_versions_are_those_that_were_read() -> None:
    assert version("aiortc").startswith("1.16.")
    assert version("aioice").startswith("0.13.")
    assert version("pylibsrtp").startswith("1.")


@pytest.mark.parametrize(
    ("owner", "name", "parameters"),
    [
        # Overridden
        (aioice.Connection, "connect", []),
        (aioice.Connection, "close", []),
        (aioice.Connection, "data_received", ["data", "component"]),
        (aioice.Connection, "send", ["data"]),
        (aioice.Connection, "check_incoming", ["message", "addr", "protocol"]),
        (aioice.Connection, "check_complete", ["pair"]),
        (StunProtocol, "send_stun", ["message", "addr"]),
        (StunProtocol, "request", ["request", "addr", "integrity_key", "retransmissions"]),
        (StunProtocol, "close", []),
        (RTCCertificate, "_create_ssl_context", ["srtp_profiles"]),
        # Called
        (StunProtocol, "__init__", ["receiver"]),
        (aioice.Connection, "request_received", ["message", "addr", "protocol"]),
        (aioice.Connection, "query_consent", []),
        (aioice.Connection, "_add_remote_candidate", ["remote_candidate", "network_host"]),
        (aioice.Connection, "_unfreeze_initial", []),
        (aioice.Connection, "_check_periodic", []),
        (stun.Transaction, "response_received", ["message", "addr"]),
        (RTCDtlsTransport, "_set_role", ["role"]),
    ],
)
def test_what_we_override_and_call_has_its_shape(
    owner: type, name: str, parameters: list[str]
) -> None:
    found = list(inspect.signature(getattr(owner, name)).parameters)
    assert found[1:] == parameters


async def test_the_attributes_we_read_are_there() -> None:
    connection = aioice.Connection(ice_controlling=False)
    assert connection._nominated == {}
    assert connection._check_list == []
    assert connection._check_list_done is False
    assert connection._queue.qsize() == 0
    assert connection._protocols == []
    assert connection._remote_candidates == []
    assert connection._local_candidates_end is False
    assert connection._query_consent_task is None
    assert list(connection._early_checks) == []
    assert connection._early_checks_done is False
    assert connection._check_list_state.qsize() == 0
    protocol = StunProtocol(connection)
    assert protocol.transactions == {}
    pair = CandidatePair(protocol, aioice.Candidate("1", 1, "udp", 1, "192.0.2.1", 1, "host"))
    assert (pair.task, pair.nominated, pair.state) == (None, False, CandidatePair.State.FROZEN)
    assert pair.remote_addr == ("192.0.2.1", 1)
    assert {"WAITING", "SUCCEEDED"} <= {state.name for state in CandidatePair.State}
    names = ("_rx_srtp", "_tx_srtp", "_task", "_transport", "_ssl", "_role")
    source = inspect.getsource(RTCDtlsTransport)
    assert [name for name in names if f"self.{name}" not in source] == []


def test_dtls_asks_no_more_of_its_ice_transport_than_we_give_it() -> None:
    """`_recv`, `_send`, and a role: that only for statistics and where its own is not set."""
    source = inspect.getsource(RTCDtlsTransport)
    used = set(re.findall(r"self\.transport\.(\w+)", source))
    assert used == {"_recv", "_send", "role"}


def test_libsrtp_is_called_by_the_names_that_pylibsrtp_gives_it() -> None:
    policy = pylibsrtp.Policy(key=bytes(46), ssrc_type=pylibsrtp.Policy.SSRC_ANY_INBOUND)
    assert pylibsrtp.Session(policy)._srtp[0]
    for name in ("srtp_protect", "srtp_unprotect", "srtp_protect_rtcp", "srtp_unprotect_rtcp"):
        assert hasattr(pylibsrtp._binding.lib, name)


async def test_a_transport_has_the_ports_candidate_and_one_fingerprint() -> None:
    port = RecordingPort(("127.0.0.1", 5004))
    transport = Transport(port, Counters(), controlling=False, role=DtlsRole.SERVER)
    transport.open()
    candidate = transport.candidate
    assert (candidate.host, candidate.port, candidate.type) == ("127.0.0.1", 5004, "host")
    ((algorithm, value),) = transport.fingerprints
    assert algorithm == "sha-256"
    assert len(value.split(":")) == 32
    await transport.close()
    assert port.closed


async def test_all_calls_of_a_day_have_one_certificate_and_one_ssl_context(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[SSL.Context] = []

    def refuse(context: SSL.Context) -> None:
        made.append(context)
        raise _NoSslError

    monkeypatch.setattr(SSL, "Connection", refuse)
    for _ in range(2):
        port = RecordingPort(("127.0.0.1", 5004))
        transport = Transport(port, Counters(), controlling=False, role=DtlsRole.SERVER)
        with suppress(_NoSslError):
            await transport.connect_dtls((("sha-256", "00"),))
    assert made[0] is made[1]


class _NoSslError(Exception):
    pass


async def test_checks_that_come_before_the_answer_are_kept() -> None:
    port, counters = RecordingPort(("127.0.0.1", 5004)), Counters()
    transport = Transport(port, counters, controlling=False, role=DtlsRole.SERVER)
    transport.open()
    port.receive(make_check(transport.ice, "abcd"), ("127.0.0.1", 5006))
    assert [address for _, address in port.sent] == [("127.0.0.1", 5006)]
    # The answer is enough for some to send a ClientHello, which waits for us as well
    assert port.admitted == {("127.0.0.1", 5006)}
    port.receive(b"\x16\xfe\xfd" + bytes(20), ("127.0.0.1", 5006))
    assert counters.counted() == {}
    connecting = asyncio.create_task(transport.connect_ice("abcd", "p" * 24))
    await asyncio.sleep(0.01)
    assert [data[:2] for data, _ in port.sent] == [b"\x01\x01", b"\x00\x01"]
    connecting.cancel()
    await asyncio.wait([connecting])
    await transport.close()
    assert port.admitted == set()


CANDIDATE = "1 1 udp 2130706431 192.0.2.1 50000 typ host"


@pytest.mark.parametrize("prefix", ["", "candidate:", "a=candidate:"])
def test_candidates_are_read_as_browsers_write_them(prefix: str) -> None:
    candidate = parse_candidate(prefix + CANDIDATE + " generation 0 network-cost 999")
    assert candidate is not None
    assert render_candidate(candidate, candidate.host) == CANDIDATE


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("1 1 UDP 1 2001:DB8:0::1 5000 typ host", "2001:db8::1"),
        ("1 1 udp 1 192.0.2.1 5000 typ srflx raddr 10.0.0.1 rport 5", "192.0.2.1"),
    ],
)
def test_addresses_are_read_as_sockets_write_them(text: str, host: str) -> None:
    candidate = parse_candidate(text)
    assert candidate is not None
    assert candidate.host == host


@pytest.mark.parametrize(
    "text",
    [
        "1 1 tcp 1 192.0.2.1 9 typ host tcptype active",
        "1 2 udp 1 192.0.2.1 5000 typ host",
        "1 1 udp 1 0f8a.local 5000 typ host",
        "1 1 udp 1 example.com 5000 typ host",
        "1 1 udp 1 192.0.2.1:9 5000 typ host",
    ],
)
def test_what_cannot_be_sent_to_is_none(text: str) -> None:
    assert parse_candidate(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "1 1 udp 1 192.0.2.1 5000 host",
        "1 1 udp x 192.0.2.1 5000 typ host",
        "1 1 udp 1 192.0.2.1 65536 typ host",
        "1 1 udp 1 192.0.2.1 0 typ host",
        "1 1 udp 4294967296 192.0.2.1 5000 typ host",
    ],
)
def test_what_breaks_the_rules_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_candidate(text)


@given(st.one_of(st.text(), st.lists(st.text(max_size=5), max_size=12).map(" ".join)))
def test_any_other_text_is_a_value_error(text: str) -> None:
    with suppress(ValueError):
        parse_candidate(text)
