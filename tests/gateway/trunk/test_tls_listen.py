"""The port where trunks reach us by TLS, and its certificate, which can be renewed."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import copyfile
from socket import create_connection

import pytest
import pytest_asyncio
from cryptography import x509

from gateway.trunk import EndpointConfig, SipAddress, Tls, TrunkEndpoint
from tests.peers.authority import Authority, Pair
from tests.peers.requirement import require_own_engine

pytestmark = pytest.mark.asyncio(loop_scope="module")

NAME = "gateway.example"
OPTIONS = (
    "OPTIONS sip:gateway SIP/2.0\r\nVia: SIP/2.0/TLS 127.0.0.1:9;branch=z9hG4bK{0};alias\r\n"
    "From: <sip:a@b>;tag=1\r\nTo: <sip:gateway>\r\nCall-ID: {0}\r\nCSeq: 1 OPTIONS\r\n"
    "Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
)


class Served:
    """An endpoint with a certificate in files."""

    def __init__(self, folder: Path) -> None:
        self.authority = Authority(folder)
        self.pair = Pair(folder / "certificate.pem", folder / "key.pem")
        self.endpoint = TrunkEndpoint(
            EndpointConfig(
                port=0,
                tls_listen=SipAddress("127.0.0.1", 0),
                tls=Tls(certificate=str(self.pair.certificate), key=str(self.pair.key)),
            )
        )
        self.renew()

    def renew(self) -> None:
        fresh = self.authority.issue(NAME)
        copyfile(fresh.certificate, self.pair.certificate)
        copyfile(fresh.key, self.pair.key)

    @property
    def serial(self) -> int:
        """The number of the certificate in the file."""
        return x509.load_pem_x509_certificate(self.pair.certificate.read_bytes()).serial_number

    @contextmanager
    def connection(self, **limits: ssl.TLSVersion) -> Iterator[ssl.SSLSocket]:
        """Connect as a trunk does."""
        context = ssl.create_default_context(cafile=str(self.authority.file))
        if limits:
            context.set_ciphers("ALL:@SECLEVEL=0")
        for limit, version in limits.items():
            setattr(context, limit, version)
        with (
            create_connection(("127.0.0.1", self.endpoint.tls_port), 5) as plain,
            context.wrap_socket(plain, server_hostname=NAME) as secured,
        ):
            yield secured


def ask(connection: ssl.SSLSocket, branch: str) -> bytes:
    connection.sendall(OPTIONS.format(branch).encode())
    return connection.recv(4096).partition(b"\r\n")[0]


def serial_of(connection: ssl.SSLSocket) -> int:
    shown = connection.getpeercert(binary_form=True)
    assert shown is not None
    return x509.load_der_x509_certificate(shown).serial_number


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    require_own_engine()
    served = Served(tmp_path_factory.mktemp("served"))
    await served.endpoint.start()
    yield served
    await served.endpoint.close()


def talk(served: Served) -> tuple[bytes, int, str]:
    with served.connection() as connection:
        return ask(connection, "talk"), serial_of(connection), str(connection.version())


async def test_requests_come_by_tls(served: Served) -> None:
    said = await asyncio.to_thread(talk, served)
    assert said == (b"SIP/2.0 200 OK", served.serial, "TLSv1.3")


async def test_an_old_tls_is_refused(served: Served) -> None:
    def old() -> None:
        with served.connection(
            minimum_version=ssl.TLSVersion.TLSv1, maximum_version=ssl.TLSVersion.TLSv1_1
        ):
            pass

    with pytest.warns(match="deprecated"), pytest.raises(OSError, match=r"alert|PROTOCOL|protocol"):
        await asyncio.to_thread(old)
    assert (await asyncio.to_thread(talk, served))[0] == b"SIP/2.0 200 OK"


async def test_what_is_no_tls_harms_nobody(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    def shout() -> bytes:
        with create_connection(("127.0.0.1", served.endpoint.tls_port), 5) as plain:
            plain.sendall(OPTIONS.format("plain").encode())
            return plain.recv(4096)

    assert b"200 OK" not in await asyncio.to_thread(shout)
    assert (await asyncio.to_thread(talk, served))[0] == b"SIP/2.0 200 OK"
    assert not caplog.records, "strangers fill the log"


async def test_a_renewed_certificate_is_shown_to_who_comes_next(served: Served) -> None:
    def follow() -> list[object]:
        with served.connection() as before:
            first = [ask(before, "first"), serial_of(before)]
            asyncio.run_coroutine_threadsafe(renew(), loop).result(10)
            second = [ask(before, "second"), talk(served)[:2]]
            return [*first, *second]

    async def renew() -> None:
        served.renew()
        served.endpoint.renew()
        await served.endpoint.alive()

    loop, old, port = asyncio.get_running_loop(), served.serial, served.endpoint.tls_port
    told = await asyncio.to_thread(follow)
    ok = b"SIP/2.0 200 OK"
    assert told == [ok, old, ok, (ok, served.serial)]
    assert served.serial != old
    assert served.endpoint.tls_port == port
