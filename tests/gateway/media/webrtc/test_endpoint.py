"""Two real endpoints over loopback: ICE, DTLS, SRTP, garbage in between, and their timers."""

from __future__ import annotations

import asyncio
import re
import socket
from dataclasses import replace
from time import monotonic

import pytest
from aioice import stun
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.media.events import BrowserConnected, BrowserLost, LossReason
from gateway.media.parameters import BrowserRemote, DtlsRole, MediaConfig
from gateway.media.webrtc.endpoint import WebRtcEndpoint
from gateway.media.webrtc.ice import MAX_WAITING
from gateway.media.webrtc.packet_port import Address
from gateway.media.webrtc.patience import HANDSHAKE_ANSWERED
from tests.gateway.media.webrtc.peers import RecordingPort
from tests.gateway.media.webrtc.sides import (
    QUICK,
    WRONG,
    connected,
    open_side,
    remote_of,
    rtp,
    two_sides,
)
from voice.counters import Counters

CHANGE_CIPHER_SPEC = 20  # the first byte of the last flight


async def test_packets_pass_both_ways() -> None:
    async with connected() as (browser, gateway):
        browser.send(rtp(1))
        assert await gateway.packet() == rtp(1)
        gateway.send(rtp(2))
        assert await browser.packet() == rtp(2)


async def test_a_trickled_candidate_is_enough() -> None:
    async with two_sides() as (browser, gateway):
        browser.endpoint.connect(remote_of(gateway, DtlsRole.CLIENT, candidates=False))
        gateway.endpoint.connect(remote_of(browser, DtlsRole.SERVER, candidates=False))
        for candidate in gateway.endpoint.candidates:
            browser.endpoint.add_candidate(f"candidate:{candidate}")
        browser.endpoint.add_candidate(None)
        assert await gateway.report() == BrowserConnected()


async def test_no_candidate_at_all_ends_in_time() -> None:
    async with two_sides(MediaConfig(ice_timeout=0.2)) as (browser, gateway):
        gateway.endpoint.connect(remote_of(browser, DtlsRole.SERVER, candidates=False))
        assert await gateway.report() == BrowserLost(LossReason.ICE_TIMEOUT)


async def test_another_certificate_than_announced_is_refused() -> None:
    async with two_sides() as (browser, gateway):
        browser.endpoint.connect(remote_of(gateway, DtlsRole.CLIENT))
        gateway.endpoint.connect(remote_of(browser, DtlsRole.SERVER, fingerprints=WRONG))
        assert await gateway.report() == BrowserLost(LossReason.DTLS_FAILED)


async def test_a_browser_that_never_shakes_hands_ends_in_time() -> None:
    async with two_sides(MediaConfig(dtls_timeout=0.3)) as (browser, gateway):
        # Both wait for the other's ClientHello
        browser.endpoint.connect(remote_of(gateway, DtlsRole.SERVER))
        gateway.endpoint.connect(remote_of(browser, DtlsRole.SERVER))
        assert await gateway.report() == BrowserLost(LossReason.DTLS_FAILED)


@pytest.mark.parametrize("picks_up", ["before ICE", "in the handshake"])
async def test_a_handshake_gets_a_moment_once_the_far_end_has_picked_up(
    picks_up: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with two_sides(MediaConfig(dtls_timeout=60.0)) as (browser, gateway):
        transport, began = gateway.endpoint._transport, list[float]()
        connect_dtls = transport.connect_dtls

        async def connect(fingerprints: tuple[tuple[str, str], ...]) -> bool:
            began.append(monotonic())
            if picks_up == "in the handshake":
                gateway.endpoint.hurry()
            return await connect_dtls(fingerprints)

        monkeypatch.setattr(transport, "connect_dtls", connect)
        if picks_up == "before ICE":
            gateway.endpoint.hurry()
        # Both wait for the other's ClientHello
        browser.endpoint.connect(remote_of(gateway, DtlsRole.SERVER))
        gateway.endpoint.connect(remote_of(browser, DtlsRole.SERVER))
        assert await gateway.report() == BrowserLost(LossReason.DTLS_FAILED)
        assert monotonic() - began[0] == pytest.approx(HANDSHAKE_ANSWERED, abs=1.0)


async def test_a_browser_that_closes_is_noticed_at_once() -> None:
    async with connected() as (browser, gateway):
        await browser.endpoint.close()
        assert await gateway.report() == BrowserLost(LossReason.CLOSED)


async def test_a_browser_that_has_not_seen_our_last_flight_gets_it_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It repeats its own after a second, when OpenSSL is long gone."""
    async with two_sides() as (browser, gateway):
        send, lost = gateway.port.send, list[bytes]()

        def lose_one(data: bytes, address: Address) -> None:
            if data[0] == CHANGE_CIPHER_SPEC and not lost:
                lost.append(data)
            else:
                send(data, address)

        monkeypatch.setattr(gateway.port, "send", lose_one)
        browser.endpoint.connect(remote_of(gateway, DtlsRole.CLIENT))
        gateway.endpoint.connect(remote_of(browser, DtlsRole.SERVER))
        assert await gateway.report() == BrowserConnected()
        assert len(lost) == 1
        assert browser.reports.empty()
        assert await browser.report() == BrowserConnected()
        browser.send(rtp(1))
        assert await gateway.packet() == rtp(1)


@pytest.mark.parametrize("role", [DtlsRole.CLIENT, DtlsRole.SERVER])
async def test_either_end_may_have_begun_the_handshake(role: DtlsRole) -> None:
    other = DtlsRole.CLIENT if role is DtlsRole.SERVER else DtlsRole.SERVER
    async with two_sides() as (browser, gateway):
        browser.endpoint.connect(remote_of(gateway, role))
        gateway.endpoint.connect(remote_of(browser, other))
        assert await gateway.report() == BrowserConnected()
        assert await browser.report() == BrowserConnected()
        await browser.endpoint.close()
        assert await gateway.report() == BrowserLost(LossReason.CLOSED)


async def test_an_alert_that_the_browser_has_not_written_ends_nothing() -> None:
    async with connected() as (browser, gateway):
        established = gateway.endpoint._transport._established
        assert established is not None
        for alert in (
            b"\x15\xfe\xfd" + bytes(8) + b"\x00\x02\x02\x28",  # as before a handshake
            b"\x15\xfe\xfd\x00\x01" + bytes(5) + b"\x01\x00\x1a" + bytes(26),
            established.goodbye,  # our own
        ):
            browser.port.send(alert, gateway.port.address)
        browser.send(rtp(1))
        assert await gateway.packet() == rtp(1)
        assert gateway.reports.empty()


async def test_a_browser_that_answers_no_checks_is_lost() -> None:
    """aioice gives up after six of them (RFC 7675); its clock is not waited for here."""
    async with connected() as (_, gateway):
        await gateway.endpoint._transport._connection.close()
        assert await gateway.report() == BrowserLost(LossReason.SILENT)


async def test_a_browser_that_falls_silent_is_lost_after_the_limit() -> None:
    async with connected(MediaConfig(browser_silence=2.0)) as (browser, gateway):
        browser.send(rtp(1))
        await gateway.packet()
        gateway.endpoint.watch(1.0)
        assert gateway.reports.empty()
        gateway.endpoint.watch(1.0)
        gateway.endpoint.watch(1.0)
        assert await gateway.report() == BrowserLost(LossReason.SILENT)
        browser.send(rtp(2))
        await gateway.packet()
        gateway.endpoint.watch(1.0)  # its network has come back
        assert await gateway.report() == BrowserConnected()
        await gateway.endpoint._transport._connection.close()
        assert await gateway.report() == BrowserLost(LossReason.SILENT)


async def test_a_browser_that_was_lost_by_silence_is_told_once_when_it_answers_no_checks() -> None:
    async with connected(MediaConfig(browser_silence=1.0)) as (browser, gateway):
        gateway.endpoint.watch(1.0)
        gateway.endpoint.watch(1.0)
        assert await gateway.report() == BrowserLost(LossReason.SILENT)
        await gateway.endpoint._transport._connection.close()
        browser.send(rtp(1))
        gateway.endpoint.watch(1.0)
        assert gateway.reports.empty(), "without its consent it is sent nothing"


async def test_dtls_goes_on_where_ice_is_restarted() -> None:
    """Nobody says hello again: another path has the keys of the first one, and its goodbye."""
    async with connected() as (browser, gateway), two_sides() as (new_browser, new_gateway):
        packet = rtp(1)
        browser.send(packet)
        assert await gateway.packet() == packet
        theirs = replace(remote_of(new_browser, DtlsRole.SERVER), connection="- 1")
        ours = remote_of(new_gateway, DtlsRole.CLIENT)
        new_gateway.endpoint.connect(theirs, gateway.endpoint)
        new_browser.endpoint.connect(ours, browser.endpoint)
        assert await new_gateway.report() == BrowserConnected()
        assert await new_browser.report() == BrowserConnected()
        await gateway.endpoint.close()  # says no goodbye
        new_browser.send(rtp(2))
        assert await new_gateway.packet() == rtp(2)
        new_gateway.send(rtp(1))
        assert await new_browser.packet() == rtp(1)
        assert browser.reports.empty()
        await new_gateway.endpoint.close()
        assert await new_browser.report() == BrowserLost(LossReason.CLOSED)


async def test_a_restart_is_known_by_its_connection_and_its_certificate() -> None:
    async with two_sides() as (browser, gateway):
        first = replace(remote_of(browser, DtlsRole.SERVER), connection="- 1")
        assert not gateway.endpoint.is_restarted_by(first)
        browser.endpoint.connect(remote_of(gateway, DtlsRole.CLIENT))
        gateway.endpoint.connect(first)
        assert not gateway.endpoint.is_restarted_by(first), "there are no keys yet"
        assert await gateway.report() == BrowserConnected()
        restart = replace(first, ice_ufrag="other", ice_password="x" * 22)
        assert gateway.endpoint.is_restarted_by(restart)
        assert not gateway.endpoint.is_restarted_by(replace(restart, connection="- 2"))
        assert not gateway.endpoint.is_restarted_by(replace(restart, fingerprints=WRONG))
        await browser.endpoint.close()
        assert await gateway.report() == BrowserLost(LossReason.CLOSED)
        assert not gateway.endpoint.is_restarted_by(restart)


async def test_garbage_is_counted_and_the_connection_goes_on() -> None:
    async with connected() as (browser, gateway):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            stranger.bind(("127.0.0.3", 0))
            for datagram in (
                b"",
                b"\x80",
                b"\x80" * 1501,
                b"\x00\x01" + b"\xff" * 40,  # looks like STUN
                b"\x16\xfe\xfd" + b"\xff" * 40,  # looks like DTLS
                b"\x15\xfe\xfd" + bytes(8) + b"\x00\x02\x02\x28",  # a forged fatal alert
                b"\x80\x6f" + bytes(60),  # looks like SRTP
                b"\x80\xc8" + bytes(60),  # looks like SRTCP
                b"\x50" * 20,  # TURN channel data
            ):
                stranger.sendto(datagram, gateway.port.address)
        browser.send(rtp(3))
        assert await gateway.packet() == rtp(3)
        assert gateway.reports.empty()
        assert gateway.counters["rejected_length"] == 3
        assert gateway.counters["rejected_stranger"] == 5
        assert gateway.counters["rejected_stun"] == 1


async def test_a_forged_alert_during_the_set_up_does_no_harm() -> None:
    """Nobody speaks DTLS with us who has not been announced, nor passed a check."""
    async with two_sides() as (browser, gateway):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            alert = b"\x15\xfe\xfd" + bytes(8) + b"\x00\x02\x02\x28"
            stranger.sendto(alert, gateway.port.address)
        browser.endpoint.connect(remote_of(gateway, DtlsRole.CLIENT))
        gateway.endpoint.connect(remote_of(browser, DtlsRole.SERVER))
        assert await gateway.report() == BrowserConnected()
        assert await browser.report() == BrowserConnected()
        assert gateway.counters["rejected_stranger"] == 1


async def test_garbage_from_the_peers_own_address_is_survived() -> None:
    async with connected() as (browser, gateway):
        for datagram in (b"\x80\x6f" + bytes(60), b"\x16\xfe\xfd" + b"\xff" * 40, b"\x50" * 20):
            browser.port.send(datagram, gateway.port.address)
        browser.send(rtp(4))
        assert await gateway.packet() == rtp(4)
        assert gateway.counters["rejected_srtp"] == 1
        assert gateway.counters["rejected_unknown"] == 1


async def test_credentials_are_long_and_of_their_own() -> None:
    made = [await open_side(controlling=False) for _ in range(3)]
    for side in made:
        ufrag, password = side.endpoint.ice
        assert re.fullmatch("[A-Za-z0-9+/]{16,32}", ufrag)
        assert re.fullmatch("[A-Za-z0-9+/]{24,256}", password)
        await side.endpoint.close()
    assert len({side.endpoint.ice for side in made}) == 3


async def test_the_public_address_is_what_browsers_are_told() -> None:
    side = await open_side(controlling=False, config=MediaConfig(public_address="203.0.113.9"))
    (candidate,) = side.endpoint.candidates
    assert candidate.split()[4:] == ["203.0.113.9", str(side.port.address[1]), "typ", "host"]
    await side.endpoint.close()


async def test_what_waits_for_the_handshake_is_bounded() -> None:
    async with two_sides() as (_, gateway):
        connection = gateway.endpoint._transport._connection
        for _ in range(MAX_WAITING + 9):
            connection.data_received(b"\x80" * 100, 1)
        assert connection._queue.qsize() == MAX_WAITING
        assert gateway.counters["rejected_early"] == 9


async def test_closing_twice_and_in_mid_handshake_is_harmless() -> None:
    async with two_sides() as (browser, gateway):
        gateway.endpoint.connect(remote_of(browser, DtlsRole.SERVER, candidates=False))
        await gateway.endpoint.close()
        await gateway.endpoint.close()
        gateway.send(rtp(1))
        assert gateway.reports.empty()


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.binary(max_size=1600))
def test_no_datagram_raises(datagram: bytes) -> None:
    async def receive() -> None:
        side = await open_side(controlling=False)
        try:
            side.port.datagram_received(datagram, ("127.0.0.1", 9))
            side.endpoint._transport._connection.receive(datagram, ("127.0.0.1", 9))
            await asyncio.sleep(0)
        finally:
            await side.endpoint.close()

    asyncio.run(receive())


ATTRIBUTES = st.fixed_dictionaries(
    {},
    optional={
        "USERNAME": st.sampled_from(["ours:theirs", "ours:", ":theirs", "x", ""]),
        "PRIORITY": st.integers(0, 2**32 - 1),
        "ICE-CONTROLLING": st.integers(0, 2**64 - 1),
        "ICE-CONTROLLED": st.integers(0, 2**64 - 1),
        "USE-CANDIDATE": st.none(),
        "ERROR-CODE": st.tuples(st.integers(300, 699), st.text(max_size=9)),
        "XOR-MAPPED-ADDRESS": st.tuples(st.just("::1"), st.integers(0, 65535)),
    },
)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(stun.Class),
            st.sampled_from(stun.Method),
            ATTRIBUTES,
            st.booleans(),
            st.integers(0, 3),
        ),
        max_size=8,
    ),
    st.booleans(),
)
def test_no_message_of_who_has_the_password_raises(
    messages: list[tuple[stun.Class, stun.Method, dict[str, object], bool, int]], connecting: bool
) -> None:
    async def receive() -> None:
        failed: list[dict[str, object]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: failed.append(context))
        port, counters = RecordingPort(("127.0.0.1", 5000)), Counters()
        endpoint = WebRtcEndpoint(QUICK, port, counters, report=lambda event: None)
        endpoint.open()
        if connecting:
            endpoint.connect(
                BrowserRemote("theirs", "p" * 24, (), WRONG, DtlsRole.SERVER, "", 0, None)
            )
            await asyncio.sleep(0)
        for kind, method, attributes, signed, host in messages:
            if "USERNAME" in attributes:
                name = str(attributes["USERNAME"]).replace("ours", endpoint.ice[0])
                attributes = {**attributes, "USERNAME": name}
            message = stun.Message(method, kind, attributes=attributes)
            if signed:
                message.add_message_integrity(endpoint.ice[1].encode())
            port.receive(bytes(message), (f"127.0.0.{host}", 9))
            await asyncio.sleep(0)
        await endpoint.close()
        assert failed == []

    asyncio.run(receive())
