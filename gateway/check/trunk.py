"""Whether a trunk answers, and can send us sound.

It is asked with OPTIONS (RFC 3261 section 11). A refusal is good news too: a SIP server is there
and heard us. Only 5xx is not: the server says itself that it does not work.
"""

from __future__ import annotations

import asyncio
import re
import secrets
import socket
import ssl
from ipaddress import ip_address

from gateway.check import tls
from gateway.check.finding import Finding
from gateway.config import (
    Address,
    MediaSettings,
    TlsFiles,
    TrunkSettings,
    TrunkUri,
    reaches,
)
from gateway.trunk.tls_fault import refusal

ANSWER_TIMEOUT = 3.0  # seconds: three sendings over UDP by timer T1 (RFC 3261 section 17.1.2.2)
_RESENDINGS = (0.5, 1.0)  # seconds after the sending before

NO_FILES = TlsFiles(None, None, None)

_STATUS_LINE = re.compile(rb"SIP/2\.0 ([1-6][0-9]{2}) ([^\r\n]{0,200})\r?\n", re.IGNORECASE)


async def audio(trunk: TrunkSettings, media: MediaSettings) -> list[Finding]:
    """Find a trunk whose name leads elsewhere while we tell it to send audio to loopback."""
    loop, host = asyncio.get_running_loop(), trunk.uri.host
    try:
        found = await loop.getaddrinfo(
            host, None, family=_family(trunk.uri), type=socket.SOCK_DGRAM
        )
    except socket.gaierror:
        return []  # asking it says so
    addresses = [ip_address(sockaddr[0]) for *_, sockaddr in found]
    return [
        Finding(
            False,
            f"media.address = '{media.told}': the trunk {trunk.name!r} at {host} ({address}) "
            "cannot send audio to a loopback address",
        )
        for address in addresses
        if not reaches(media, address)
    ][:1]


async def answer(trunk: TrunkSettings, files: TlsFiles = NO_FILES) -> Finding:
    """Ask a trunk whether it is there; `files` secure a connection by TLS."""
    where = f"trunk {trunk.name!r} at {trunk.uri}"
    try:
        secured = tls.context(files) if trunk.uri.transport == "tls" else None
        async with asyncio.timeout(ANSWER_TIMEOUT):
            if trunk.uri.transport == "udp":
                status, reason = await _ask_udp(trunk.uri)
            else:
                status, reason = await _ask_stream(trunk.uri, secured)
    except TimeoutError:
        return Finding(False, f"{where}: no answer to OPTIONS within {ANSWER_TIMEOUT:g} s")
    except socket.gaierror as error:
        return Finding(False, f"{where}: {await _unresolved(trunk.uri, error)}")
    except ssl.SSLError as error:
        return Finding(False, f"{where}: {tls.explain(error, trunk.uri.host)}")
    except OSError as error:
        why = error.strerror or str(error)
        said = why if trunk.uri.transport != "tls" else refusal(why)
        return Finding(False, f"{where}: {said}")
    except ValueError as error:
        return Finding(False, f"{where}: {error}")
    return Finding(
        status < 500 or status >= 600, f"{where}: answered OPTIONS with {status} {reason}"
    )


async def _unresolved(uri: TrunkUri, error: socket.gaierror) -> str:
    loop = asyncio.get_running_loop()
    try:
        await loop.getaddrinfo(uri.host, None, family=socket.AF_INET6, type=socket.SOCK_DGRAM)
    except socket.gaierror:
        return f"the host name cannot be resolved: {error.strerror}"
    return "not in this version: the host has IPv6 addresses only, and SIP goes over IPv4"


async def _ask_udp(uri: TrunkUri) -> tuple[int, str]:
    answers: asyncio.Queue[bytes | OSError] = asyncio.Queue()
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: _Listener(answers), remote_addr=(uri.host, uri.port), family=_family(uri)
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


def _family(uri: TrunkUri) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in uri.host else socket.AF_INET


async def _ask_stream(uri: TrunkUri, secured: ssl.SSLContext | None) -> tuple[int, str]:
    reader, writer = await asyncio.open_connection(
        uri.host, uri.port, family=_family(uri), ssl=secured
    )
    try:
        writer.write(options_request(uri, writer.get_extra_info("sockname")))
        await writer.drain()
        if not (line := await reader.readline()):
            raise ConnectionResetError("connection reset without an answer")
        return read_status(line)
    finally:
        tls.part(writer)


def options_request(uri: TrunkUri, local: tuple[str, int]) -> bytes:
    """Write an OPTIONS request to the trunk, sent from `local`."""
    here = Address(*local[:2])
    scheme = "sips" if uri.secure else "sip"
    lines = (
        f"OPTIONS {uri} SIP/2.0",
        f"Via: SIP/2.0/{uri.transport.upper()} {here};branch=z9hG4bK{secrets.token_hex(8)};rport",
        "Max-Forwards: 70",
        f"From: <{scheme}:gateway@{here}>;tag={secrets.token_hex(4)}",
        f"To: <{scheme}:{Address(uri.host, uri.port)}>",
        f"Call-ID: {secrets.token_hex(12)}",
        "CSeq: 1 OPTIONS",
        f"Contact: <{scheme}:gateway@{here};transport={uri.transport}>",
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
