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
from gateway.check.located import ANYWHERE, locate, route
from gateway.config import Address, TrunkUri
from gateway.config_media import MediaSettings, reaches, speaks
from gateway.config_sip import TlsFiles, TrunkSettings
from gateway.system_words import why
from gateway.trunk.errors import TrunkLookupError
from gateway.trunk.targets import Target, Transport
from gateway.trunk.tls_fault import refusal

ANSWER_TIMEOUT = 3.0  # seconds: three sendings over UDP by timer T1 (RFC 3261 section 17.1.2.2)
_RESENDINGS = (0.5, 1.0)  # seconds after the sending before

NO_FILES = TlsFiles(None, None, None)

_STATUS_LINE = re.compile(rb"SIP/2\.0 ([1-6][0-9]{2}) ([^\r\n]{0,200})\r?\n", re.IGNORECASE)


async def audio(
    trunk: TrunkSettings, media: MediaSettings, listen: str = ANYWHERE
) -> list[Finding]:
    """Find a trunk whose name leads elsewhere while we tell it to send audio to loopback."""
    host = trunk.hop.host
    try:
        targets = await locate(trunk, listen)
    except TrunkLookupError:
        return []  # asking it says so
    addresses = [ip_address(target.host) for target in targets]
    if media.is_anywhere and not any(speaks(media, each) for each in addresses):
        where = f"the trunk {trunk.name!r} at {host} ({addresses[0]})"
        text = f"media.address = '{media.address}' has no address that {where} can send audio to"
        return [Finding(False, text)]
    return [
        Finding(
            False,
            f"media.address = '{media.told}': the trunk {trunk.name!r} at {host} ({address}) "
            "cannot send audio to a loopback address",
        )
        for address in addresses
        if not reaches(media, address)
    ][:1]


async def answer(
    trunk: TrunkSettings, files: TlsFiles = NO_FILES, listen: str = ANYWHERE
) -> Finding:
    """Ask a trunk whether it is there, at all of its targets: one that answers will do.

    `files` secure a connection by TLS, `listen` is where we take SIP.
    """
    where = f"trunk {trunk.name!r} at {trunk.uri}"
    if trunk.outbound_proxy is not None:
        where += f" by {trunk.outbound_proxy}"
    try:
        targets = await locate(trunk, listen)
    except TrunkLookupError as error:
        return Finding(False, f"{where}: {error}")
    found = await asyncio.gather(*(_answer(trunk, target, files) for target in targets))
    if len(found) == 1:
        return Finding(found[0].ok, f"{where}: {found[0].text}")
    told = "; ".join(f"{at}: {each.text}" for at, each in zip(targets, found, strict=True))
    ok = any(each.ok for each in found)
    return Finding(ok, f"{where}: {told}", doubtful=ok and not all(each.ok for each in found))


async def _answer(trunk: TrunkSettings, at: Target, files: TlsFiles) -> Finding:
    try:
        secured = tls.context(files) if at.transport == "tls" else None
        async with asyncio.timeout(ANSWER_TIMEOUT):
            if at.transport == "udp":
                status, reason = await _ask_udp(trunk, at)
            else:
                status, reason = await _ask_stream(trunk, at, secured)
    except TimeoutError:
        return Finding(False, f"no answer to OPTIONS within {ANSWER_TIMEOUT:g} s")
    except ssl.SSLError as error:
        return Finding(False, tls.explain(error, trunk.hop.host))
    except OSError as error:
        return Finding(False, why(error) if at.transport != "tls" else refusal(why(error)))
    except ValueError as error:
        return Finding(False, str(error))
    return Finding(status < 500 or status >= 600, f"answered OPTIONS with {status} {reason}")


async def _ask_udp(trunk: TrunkSettings, at: Target) -> tuple[int, str]:
    answers: asyncio.Queue[bytes | OSError] = asyncio.Queue()
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: _Listener(answers), remote_addr=(at.host, at.port), family=_family(at)
    )
    try:
        here = transport.get_extra_info("sockname")
        request = options_request(trunk.uri, at.transport, here, route(trunk))
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


def _family(at: Target) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in at.host else socket.AF_INET


async def _ask_stream(
    trunk: TrunkSettings, at: Target, secured: ssl.SSLContext | None
) -> tuple[int, str]:
    name = trunk.hop.host if secured is not None else None
    reader, writer = await asyncio.open_connection(
        at.host, at.port, family=_family(at), ssl=secured, server_hostname=name
    )
    try:
        here = writer.get_extra_info("sockname")
        writer.write(options_request(trunk.uri, at.transport, here, route(trunk)))
        await writer.drain()
        if not (line := await reader.readline()):
            raise ConnectionResetError("connection reset without an answer")
        return read_status(line)
    finally:
        tls.part(writer)


def options_request(
    uri: TrunkUri,
    transport: Transport,
    local: tuple[str, int],
    headers: tuple[tuple[str, str], ...] = (),
) -> bytes:
    """Write an OPTIONS request to the trunk, sent from `local`."""
    here = Address(*local[:2])
    scheme = "sips" if uri.secure else "sip"
    lines = (
        f"OPTIONS {uri} SIP/2.0",
        f"Via: SIP/2.0/{transport.upper()} {here};branch=z9hG4bK{secrets.token_hex(8)};rport",
        "Max-Forwards: 70",
        *(f"{name}: {value}" for name, value in headers),
        f"From: <{scheme}:gateway@{here}>;tag={secrets.token_hex(4)}",
        f"To: <{scheme}:{Address(uri.host, uri.port)}>",
        f"Call-ID: {secrets.token_hex(12)}",
        "CSeq: 1 OPTIONS",
        f"Contact: <{scheme}:gateway@{here};transport={transport}>",
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
