"""nginx and Caddy with the configurations of examples/deploy, on a port of loopback."""

from __future__ import annotations

import asyncio
import os
import ssl
import subprocess
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.examples.deploy import fitted
from tests.peers.ports import free_port
from tests.peers.process import PeerError, end_process, tail
from tests.peers.requirement import require

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import AsyncIterator
    from pathlib import Path

NAME = "gateway.example"
START_LIMIT = 15.0

# nginx itself, where Debian's nginx.conf would stand around the file
_NGINX = """
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/proxy.log info;
{user}
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxied;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/gateway.conf;
}}
"""

_CADDY = "{\n\tadmin off\n\tauto_https disable_redirects\n}\n"


@dataclass(frozen=True, slots=True)
class Certificate:
    """Of `NAME`, in PEM."""

    chain: Path
    key: Path

    def trusting(self) -> ssl.SSLContext:
        """Return what a client needs that believes it."""
        return ssl.create_default_context(cafile=self.chain)


def make_certificate(folder: Path) -> Certificate:
    made = Certificate(folder / "fullchain.pem", folder / "privkey.pem")
    subprocess.run(
        [
            *(require("openssl"), "req", "-x509", "-newkey", "ec", "-noenc", "-days", "2"),
            *("-pkeyopt", "ec_paramgen_curve:prime256v1", "-subj", f"/CN={NAME}"),
            *("-addext", f"subjectAltName=DNS:{NAME}", "-out", made.chain, "-keyout", made.key),
        ],
        check=True,
        capture_output=True,
    )
    return made


@dataclass(frozen=True, slots=True)
class Proxy:
    """One that runs, and takes TLS at `port` of 127.0.0.1 for `NAME`."""

    port: int
    certificate: Certificate
    process: Process

    async def get(self, path: str) -> tuple[int, bytes]:
        """Return status and body of a request."""
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", self.port, ssl=self.certificate.trusting(), server_hostname=NAME
        )
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {NAME}\r\nConnection: close\r\n\r\n".encode())
        async with asyncio.timeout(START_LIMIT):
            answer = await reader.read()
        writer.close()
        head, _, body = answer.partition(b"\r\n\r\n")
        return int(head.split()[1]), body


@asynccontextmanager
async def run_nginx(folder: Path, upstream: int) -> AsyncIterator[Proxy]:
    certificate, port, nginx = make_certificate(folder), free_port(), require("nginx")
    site = fitted(
        "nginx.conf",
        {
            "server 127.0.0.1:8080;": f"server 127.0.0.1:{upstream};",
            "listen 443 ssl;": f"listen 127.0.0.1:{port} ssl;",
            "listen [::]:443 ssl;": "",  # the machine may have no IPv6
            "/etc/letsencrypt/live/gateway.example": str(folder),
        },
    )
    (folder / "gateway.conf").write_text(site)
    user = "user root;" if os.geteuid() == 0 else ""  # the folder is nobody else's
    main = folder / "nginx.conf"
    main.write_text(_NGINX.format(folder=folder, user=user))
    command = [str(nginx), "-p", str(folder), "-c", str(main), "-e", str(folder / "proxy.log")]
    _check([*command, "-t"])
    async with _running(folder, command, port, certificate) as proxy:
        yield proxy


@asynccontextmanager
async def run_caddy(folder: Path, upstream: int) -> AsyncIterator[Proxy]:
    certificate, port, caddy = make_certificate(folder), free_port(), require("caddy")
    tls = f"{NAME}:{port} {{\n\tbind 127.0.0.1\n\ttls {certificate.chain} {certificate.key}\n"
    site = fitted(
        "Caddyfile",
        {"\ngateway.example {\n": f"\n{tls}", "127.0.0.1:8080": f"127.0.0.1:{upstream}"},
    )
    file = folder / "Caddyfile"
    file.write_text(_CADDY + site)
    command = [str(caddy), "run", "--adapter", "caddyfile", "--config", str(file)]
    async with _running(folder, command, port, certificate) as proxy:
        yield proxy


def _check(command: list[str]) -> None:
    tested = subprocess.run(command, capture_output=True, text=True)
    if tested.returncode != 0:
        raise PeerError(tested.stderr)


@asynccontextmanager
async def _running(
    folder: Path,
    command: list[str],
    port: int,
    certificate: Certificate,
) -> AsyncIterator[Proxy]:
    log = folder / "proxy.log"
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            *command,
            cwd=folder,
            env={**os.environ, "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        await _listens(process, port, log)
        yield Proxy(port, certificate, process)
    finally:
        await end_process(process)


async def _listens(process: Process, port: int, log: Path) -> None:
    async with asyncio.timeout(START_LIMIT):
        while process.returncode is None:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.02)
                continue
            writer.close()
            return
    raise PeerError(f"the proxy has ended\n{tail(log)}")
