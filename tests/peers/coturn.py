"""Debian's coturn as a TURN server of a test's own, with a secret that it shares with the gateway.

It listens on one address for UDP, TCP and TLS, and relays from another.
"""

from __future__ import annotations

import asyncio
import subprocess
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.peers.process import PeerError, end_process, tail
from tests.peers.requirement import require

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

START_LIMIT = 10.0
SETTINGS_FILE = "turnserver.conf"

PORT, TLS_PORT = 3478, 5349
RELAY_PORTS = range(49152, 49252)

# What it may do is as little as a gateway needs; `userdb` has to be named, or it wants /var
SETTINGS = """\
listening-ip={address}
listening-port={port}
tls-listening-port={tls_port}
relay-ip={relay_address}
min-port={first}
max-port={last}
realm=gateway.test
use-auth-secret
static-auth-secret={secret}
stale-nonce={stale_nonce}
cert={certificate}
pkey={key}
userdb={folder}/turndb
pidfile={folder}/pid
log-file=stdout
verbose
fingerprint
no-cli
no-dtls
no-tcp-relay
no-multicast-peers
"""


@dataclass(frozen=True, slots=True)
class Coturn:
    """A running TURN server. Use `run_coturn`."""

    address: str
    certificate: Path
    output: Path

    def url(self, transport: str) -> str:
        """Return its URL for udp, tcp or tls."""
        if transport == "tls":
            return f"turns:{self.address}:{TLS_PORT}?transport=tcp"
        return f"turn:{self.address}:{PORT}?transport={transport}"

    def log(self) -> str:
        """Return what it wrote."""
        return self.output.read_text(errors="replace")


def make_certificate(folder: Path, address: str) -> tuple[Path, Path]:
    """Write a certificate of an address, signed by itself, and its key."""
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    command = [str(require("openssl")), "req", "-x509", "-nodes", "-days", "2"]
    command += ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    command += ["-subj", "/CN=turn", "-addext", f"subjectAltName=IP:{address}"]
    command += ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, capture_output=True, check=True)
    return certificate, key


@asynccontextmanager
async def run_coturn(
    folder: Path, *, address: str, relay_address: str, secret: str, stale_nonce: int = 600
) -> AsyncIterator[Coturn]:
    """Start a TURN server, its files in `folder`; end it at the end."""
    program = require("turnserver")
    certificate = _write(folder, address, relay_address, secret, stale_nonce)
    output = folder / "turnserver.log"
    with output.open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *(str(program), "-c", str(folder / SETTINGS_FILE)),
            cwd=folder,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=asyncio.subprocess.STDOUT,
        )
    try:
        for port in (PORT, TLS_PORT):
            await _listens(process, address, port, output)
        yield Coturn(address, certificate, output)
    finally:
        await end_process(process)


def _write(folder: Path, address: str, relay_address: str, secret: str, stale_nonce: int) -> Path:
    """Write all that it reads; return the certificate."""
    folder.mkdir(parents=True, exist_ok=True)
    certificate, key = make_certificate(folder, address)
    (folder / SETTINGS_FILE).write_text(
        SETTINGS.format(
            address=address,
            port=PORT,
            tls_port=TLS_PORT,
            relay_address=relay_address,
            first=RELAY_PORTS.start,
            last=RELAY_PORTS.stop - 1,
            secret=secret,
            stale_nonce=stale_nonce,
            certificate=certificate,
            key=key,
            folder=folder,
        )
    )
    return certificate


async def _listens(
    process: asyncio.subprocess.Process, address: str, port: int, output: Path
) -> None:
    """Wait until it takes connections; it opens its UDP ports before."""
    try:
        async with asyncio.timeout(START_LIMIT):
            while process.returncode is None:
                try:
                    _, writer = await asyncio.open_connection(address, port)
                except OSError:
                    await asyncio.sleep(0.05)
                    continue
                with closing(writer):
                    return
    except TimeoutError:
        pass
    raise PeerError(f"coturn does not listen at {address}:{port}\n{tail(output)}")
