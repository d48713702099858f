"""What `gateway check` finds out by trying: addresses that can be bound, trunks that answer.

A trunk is asked with OPTIONS (RFC 3261 section 11). A refusal is good news too: a SIP server is
there and heard us. Only 5xx is not: the server says itself that it does not work.
"""

from __future__ import annotations

import asyncio
import errno
import json
import re
import secrets
import socket
import ssl
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from ipaddress import IPv4Address

from gateway.app import check_certificate, listen
from gateway.config import (
    Address,
    HttpSettings,
    MediaSettings,
    Settings,
    TrunkSettings,
    TrunkUri,
    reaches,
)
from gateway.errors import ConfigError

ANSWER_TIMEOUT = 3.0  # seconds: three sendings over UDP by timer T1 (RFC 3261 section 17.1.2.2)
HEALTHY = {"status": "ok"}  # what GET /healthz says
_HERE = "a gateway runs here already"
_RESENDINGS = (0.5, 1.0)  # seconds after the sending before

_STATUS_LINE = re.compile(rb"SIP/2\.0 ([1-6][0-9]{2}) ([^\r\n]{0,200})\r?\n", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was tried, and how it went, in words."""

    ok: bool
    text: str


async def examine(settings: Settings) -> list[Finding]:
    """Try everything in the settings that can be tried without a call."""
    here = await asyncio.to_thread(runs_here, settings.http)
    findings = [_http(settings, here), *_sip(settings, here), *_media(settings.media, here)]
    findings.append(Finding(True, firewall(settings)))
    for trunk in settings.trunks:
        findings += [*await audio(trunk, settings.media), await _trunk(trunk)]
    return findings


def runs_here(http: HttpSettings) -> bool:
    """Ask http.listen whether a gateway serves it already."""
    address = http.listen
    if address.port == 0:
        return False
    host, port = address.host, address.port
    if http.certificate is None:
        connection = HTTPConnection(host, port, timeout=ANSWER_TIMEOUT)
    else:
        # Its certificate is for the name that pages use, not for the address that it listens on
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        connection = HTTPSConnection(host, port, timeout=ANSWER_TIMEOUT, context=context)
    with closing(connection):
        try:
            connection.request("GET", "/healthz")
            response = connection.getresponse()
            return response.status == 200 and json.loads(response.read(1024)) == HEALTHY
        except (OSError, HTTPException, ValueError):
            return False


def _http(settings: Settings, here: bool) -> Finding:
    try:
        check_certificate(settings.http)
        if here:
            return Finding(True, f"http.listen: {settings.http.listen}: {_HERE}")
        with listen(settings.http):
            return Finding(True, f"http.listen: {settings.http.listen} is free")
    except ConfigError as error:
        return Finding(False, str(error))


def _sip(settings: Settings, here: bool) -> list[Finding]:
    address = settings.sip.listen
    findings = [_bindable("sip.listen (udp)", socket.SOCK_DGRAM, address, here)]
    if any(trunk.uri.transport == "tcp" for trunk in settings.trunks):
        findings.append(_bindable("sip.listen (tcp)", socket.SOCK_STREAM, address, here))
    return findings


def _media(media: MediaSettings, here: bool) -> list[Finding]:
    udp = socket.SOCK_DGRAM
    found = _bindable("media.address", udp, Address(media.address, 0), here=False)
    if not found.ok:
        return [found]
    return [
        _bindable("media.browser_port", udp, Address(media.address, port), here)
        for port in media.browser_ports
    ]


def firewall(settings: Settings) -> str:
    """Say which ports have to be open, from where, for calls to have sound."""
    media, sip = settings.media, settings.sip.listen
    tcp = any(trunk.uri.transport == "tcp" for trunk in settings.trunks)
    return (
        f"a firewall lets in UDP {_ports(media.browser_ports)} from browsers, and from trunks "
        f"UDP {media.ports[0]} to {media.ports[1]} and for SIP {sip.port} (UDP"
        f"{' and TCP' if tcp else ''})"
    )


def _ports(ports: range) -> str:
    return str(ports[0]) if len(ports) == 1 else f"{ports[0]} to {ports[-1]}"


def _bindable(key: str, kind: socket.SocketKind, address: Address, here: bool) -> Finding:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    with socket.socket(family, kind) as probe:
        if kind is socket.SOCK_STREAM:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address.host, address.port))
        except OSError as error:
            if here and error.errno == errno.EADDRINUSE:
                return Finding(True, f"{key}: {address}: {_HERE}")
            return Finding(False, f"{key} = '{address}': {error.strerror or error}")
    return Finding(True, f"{key}: {address} can be bound")


async def audio(trunk: TrunkSettings, media: MediaSettings) -> list[Finding]:
    """Find a trunk whose name leads elsewhere while we tell it to send audio to loopback."""
    loop, host = asyncio.get_running_loop(), trunk.uri.host
    try:
        found = await loop.getaddrinfo(host, None, family=socket.AF_INET, type=socket.SOCK_DGRAM)
    except socket.gaierror:
        return []  # asking it says so
    addresses = [IPv4Address(sockaddr[0]) for *_, sockaddr in found]
    return [
        Finding(
            False,
            f"media.address = '{media.told}': the trunk {trunk.name!r} at {host} ({address}) "
            "cannot send audio to a loopback address",
        )
        for address in addresses
        if not reaches(media, address)
    ][:1]


async def _trunk(trunk: TrunkSettings) -> Finding:
    where = f"trunk {trunk.name!r} at {trunk.uri}"
    ask = _ask_udp if trunk.uri.transport == "udp" else _ask_tcp
    try:
        async with asyncio.timeout(ANSWER_TIMEOUT):
            status, reason = await ask(trunk.uri)
    except TimeoutError:
        return Finding(False, f"{where}: no answer to OPTIONS within {ANSWER_TIMEOUT:g} s")
    except socket.gaierror as error:
        return Finding(False, f"{where}: the host name cannot be resolved: {error.strerror}")
    except OSError as error:
        return Finding(False, f"{where}: {error.strerror or error}")
    except ValueError as error:
        return Finding(False, f"{where}: {error}")
    return Finding(
        status < 500 or status >= 600, f"{where}: answered OPTIONS with {status} {reason}"
    )


async def _ask_udp(uri: TrunkUri) -> tuple[int, str]:
    answers: asyncio.Queue[bytes | OSError] = asyncio.Queue()
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: _Listener(answers), remote_addr=(uri.host, uri.port), family=socket.AF_INET
    )
    try:
        request = options_request(uri, transport.get_extra_info("sockname"))
        for wait in (*_RESENDINGS, None):
            transport.sendto(request)
            try:
                async with asyncio.timeout(wait):
                    answer = await answers.get()
            except TimeoutError:
                continue
            if isinstance(answer, OSError):
                raise answer
            return read_status(answer)
        raise TimeoutError
    finally:
        transport.close()


class _Listener(asyncio.DatagramProtocol):
    def __init__(self, answers: asyncio.Queue[bytes | OSError]) -> None:
        self._answers = answers

    def datagram_received(self, data: bytes, addr: object) -> None:
        self._answers.put_nowait(data)

    def error_received(self, exc: Exception) -> None:
        self._answers.put_nowait(exc if isinstance(exc, OSError) else OSError(str(exc)))


async def _ask_tcp(uri: TrunkUri) -> tuple[int, str]:
    reader, writer = await asyncio.open_connection(uri.host, uri.port, family=socket.AF_INET)
    try:
        writer.write(options_request(uri, writer.get_extra_info("sockname")))
        await writer.drain()
        return read_status(await reader.readline())
    finally:
        writer.close()


def options_request(uri: TrunkUri, local: tuple[str, int]) -> bytes:
    """Write an OPTIONS request to the trunk, sent from `local`."""
    here = f"{local[0]}:{local[1]}"
    lines = (
        f"OPTIONS {uri} SIP/2.0",
        f"Via: SIP/2.0/{uri.transport.upper()} {here};branch=z9hG4bK{secrets.token_hex(8)};rport",
        "Max-Forwards: 70",
        f"From: <sip:gateway@{here}>;tag={secrets.token_hex(4)}",
        f"To: <sip:{uri.host}:{uri.port}>",
        f"Call-ID: {secrets.token_hex(12)}",
        "CSeq: 1 OPTIONS",
        f"Contact: <sip:gateway@{here};transport={uri.transport}>",
        "Accept: application/sdp",
        "Content-Length: 0",
    )
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def read_status(answer: bytes) -> tuple[int, str]:
    """Read the status line of a SIP response.

    Raises
    ------
    ValueError
        It is none.
    """
    match = _STATUS_LINE.match(answer)
    if match is None:
        raise ValueError(f"what answers is not SIP: it began with {answer[:40]!r}")
    reason = match[2].decode("utf-8", "replace")
    return int(match[1]), "".join(c for c in reason if c.isprintable()).strip()
