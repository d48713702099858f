from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import check
from gateway.app import serve
from gateway.check import ports, trunk
from gateway.config import Address, HttpSettings, Settings, TrunkUri
from gateway.config_sources import load
from gateway.signaling.room import Room
from gateway.stopping import Stop
from tests.gateway.signaling.fakes import FakeCalls, open_gate
from tests.peers.ports import free_port, free_ports


def settings(transport: str, port: int) -> Settings:
    return load(
        None,
        {
            "http": {"listen": "127.0.0.1:0"},
            "sip": {"listen": "127.0.0.1:0"},
            "media": {"browser_port": free_port(), "threads": 1},
            "trunks": [{"name": "t", "uri": f"sip:127.0.0.1:{port};transport={transport}"}],
            "admission": {"allow": ["+1"]},
            "records": {"database": ""},
        },
    )


class Answerer(asyncio.DatagramProtocol):
    """A SIP server of one sentence; it ignores as many requests as it is told to."""

    def __init__(self, answer: bytes, ignore: int) -> None:
        self.answer = answer
        self.ignore = ignore
        self.requests: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.requests.append(data)
        if len(self.requests) > self.ignore:
            self.transport.sendto(self.answer, addr)


@asynccontextmanager
async def answering(answer: bytes, ignore: int = 0) -> AsyncIterator[tuple[Answerer, int]]:
    transport, answerer = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: Answerer(answer, ignore), local_addr=("127.0.0.1", 0)
    )
    try:
        yield answerer, transport.get_extra_info("sockname")[1]
    finally:
        transport.close()


@pytest.mark.parametrize(
    ("answer", "ok", "text"),
    [
        (b"SIP/2.0 200 OK\r\n\r\n", True, "answered OPTIONS with 200 OK"),
        (b"SIP/2.0 403 Not\x1b[1m you\r\n\r\n", True, "answered OPTIONS with 403 Not[1m you"),
        (b"SIP/2.0 603 Decline\r\n\r\n", True, "answered OPTIONS with 603 Decline"),
        (b"SIP/2.0 500 Oops\r\n\r\n", False, "answered OPTIONS with 500 Oops"),
        (b"SIP/2.0 503 Later\r\n\r\n", False, "answered OPTIONS with 503 Later"),
        (b"HTTP/1.1 200 OK\r\n\r\n", False, "what answers is not SIP: it began with b'HTTP"),
        (b"\r\n", False, "what answers is not SIP"),
    ],
)
async def test_a_trunk_that_answers(answer: bytes, ok: bool, text: str) -> None:
    async with answering(answer) as (answerer, port):
        *others, found = await check.examine(settings("udp", port))
    assert all(finding.ok for finding in others), others
    assert found.ok is ok
    assert text in found.text
    assert answerer.requests[0].startswith(b"OPTIONS sip:127.0.0.1:%d;transport=udp SIP/2.0" % port)


async def test_a_lost_request_is_sent_again() -> None:
    async with answering(b"SIP/2.0 200 OK\r\n\r\n", ignore=1) as (answerer, port):
        *_, found = await check.examine(settings("udp", port))
    assert found.ok
    assert len(set(answerer.requests)) == 1


async def test_nobody_at_a_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    for transport in ("udp", "tcp"):
        *_, found = await check.examine(settings(transport, port))
        assert not found.ok
        assert "refused" in found.text.lower() or "Connect call failed" in found.text


async def test_a_trunk_over_tcp() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"SIP/2.0 200 OK\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        *_, found = await check.examine(settings("tcp", port))
    assert found.ok, found


async def test_ports_in_use_are_found() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as http,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sip,
    ):
        sip.bind(("127.0.0.1", 0))
        both = load(
            None,
            {
                "http": {"listen": f"127.0.0.1:{http.getsockname()[1]}"},
                "sip": {"listen": f"127.0.0.1:{sip.getsockname()[1]}"},
                "media": {"browser_port": sip.getsockname()[1], "threads": 1},
                "admission": {"allow": ["+1"]},
            },
        )
        findings = await check.examine(both)
    wrong = [finding.text.split(" ")[0] for finding in findings if not finding.ok]
    assert wrong == ["http.listen", "sip.listen", "media.browser_port"]


@pytest.mark.parametrize(
    ("address", "ok", "told"),
    [
        ("127.0.0.1", True, ["media.browser_port: 127.0.0.1:{} can be bound"] * 2),
        ("::1", True, ["media.browser_port: [::1]:{} can be bound"] * 2),
        ("192.0.2.1", False, ["media.address = '192.0.2.1:0': Cannot assign requested address"]),
        ("2001:db8::1", False, ["media.address = '[2001:db8::1]:0': Cannot assign requested add"]),
    ],
)
async def test_the_media_address_and_the_browsers_ports_are_tried(
    address: str, ok: bool, told: list[str]
) -> None:
    free = free_ports(2)
    media = {"address": address, "browser_port": free.start, "threads": 2}
    values = {"http": {"listen": "127.0.0.1:0"}, "sip": {"listen": "127.0.0.1:0"}, "media": media}
    findings = await check.examine(load(None, values))
    found = [each for each in findings if each.text.startswith("media.")]
    assert [each.ok for each in found] == [ok] * len(told)
    for each, port, start in zip(found, free, told, strict=False):
        assert each.text.startswith(start.format(port))


@pytest.mark.parametrize(
    ("there", "ok", "said"),
    [
        (["127.0.0.1", "192.0.2.1", "10.0.0.1"], True, "browsers are told 192.0.2.1, 10.0.0.1"),
        (["127.0.0.1", "fe80::1"], False, "no address here that a browser elsewhere reaches"),
    ],
)
async def test_any_address_is_those_that_browsers_are_told(
    there: list[str], ok: bool, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.check.ports.all_addresses", lambda: there)
    media = {"address": "0.0.0.0", "browser_port": free_port(), "threads": 1}
    listen = {"listen": "127.0.0.1:0"}
    findings = await check.examine(load(None, {"http": listen, "sip": listen, "media": media}))
    (found,) = [each for each in findings if each.text.startswith("media.address")]
    assert (found.ok, found.text) == (ok, f"media.address = '0.0.0.0': {said}")


@pytest.mark.parametrize(
    ("media", "transport", "line"),
    [
        (
            {"threads": 1},
            "udp",
            "a firewall lets in UDP 20000 from browsers, and from trunks UDP 20000 to 29999 and "
            "for SIP 5060 (UDP)",
        ),
        (
            {"threads": 3, "ports": [30000, 30999], "browser_port": 443},
            "tcp",
            "a firewall lets in UDP 443 to 445 from browsers, and from trunks UDP 30000 to 30999 "
            "and for SIP 5060 (UDP and TCP)",
        ),
    ],
)
def test_what_a_firewall_has_to_let_in(media: dict[str, object], transport: str, line: str) -> None:
    pbx = {"name": "t", "uri": f"sip:127.0.0.1;transport={transport}"}
    assert ports.firewall(load(None, {"media": media, "trunks": [pbx]})) == line


@asynccontextmanager
async def running_gateway() -> AsyncIterator[str]:
    """Serve the pages of a gateway with no calls below; yields host and port."""

    @asynccontextmanager
    async def open_room(_: Settings) -> AsyncIterator[Room]:
        yield Room(calls=FakeCalls(), gate=open_gate())

    stop, url = Stop(), asyncio.Queue[str]()
    any_port = Settings(http=HttpSettings(listen=Address("127.0.0.1", 0)))
    serving = asyncio.create_task(serve(any_port, open_room, stop=stop, announce=url.put_nowait))
    async with asyncio.timeout(10):
        yield (await url.get()).removeprefix("http://")
        stop.hurry()
        await serving


async def test_a_gateway_that_runs_here_is_no_fault() -> None:
    async with running_gateway() as http:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sip:
            sip.bind(("127.0.0.1", 0))
            values = {
                "http": {"listen": http},
                "sip": {"listen": f"127.0.0.1:{sip.getsockname()[1]}"},
                "media": {"browser_port": sip.getsockname()[1], "threads": 1},
                "admission": {"allow": ["+1"]},
            }
            findings = await check.examine(load(None, values))
    assert all(finding.ok for finding in findings), findings
    told = [finding.text for finding in findings if "a gateway runs here already" in finding.text]
    keys = ["http.listen", "sip.listen (udp)", "media.browser_port"]
    assert [text.split(":")[0] for text in told] == keys


@pytest.mark.parametrize("body", [b'{"status": "no"}', b"<html>", b"", b"\xff"])
async def test_another_server_is_no_gateway(body: bytes) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.0 200 OK\r\n\r\n" + body)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        http = HttpSettings(listen=Address("127.0.0.1", server.sockets[0].getsockname()[1]))
        assert not await asyncio.to_thread(ports.runs_here, http)


@given(st.binary(max_size=100) | st.binary(max_size=60).map(lambda tail: b"SIP/2.0 200 " + tail))
def test_no_answer_breaks_the_reader(answer: bytes) -> None:
    read: Callable[[bytes], tuple[int, str]] = trunk.read_status
    try:
        status, reason = read(answer)
    except ValueError:
        return
    assert 100 <= status < 700
    assert reason.isprintable()


def test_the_request_is_whole() -> None:
    lines = trunk.options_request(TrunkUri("pbx.example", 5060, "tcp"), "tcp", ("192.0.2.1", 40000))
    names = [line.partition(b":")[0] for line in lines.split(b"\r\n")[1:-2]]
    # RFC 3261 section 8.1.1 names the first six
    assert {b"To", b"From", b"CSeq", b"Call-ID", b"Max-Forwards", b"Via"} < set(names)
    assert lines.endswith(b"Content-Length: 0\r\n\r\n")
