"""What `gateway check` finds about TLS: certificates of ours, and trunks that show theirs."""

from __future__ import annotations

import socket
import ssl
import threading
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from gateway.check import files, ports, tls, trunk
from gateway.check.finding import Finding
from gateway.check.password import check as check_password
from gateway.config_sip import TlsFiles, TrunkSettings, tls_files
from gateway.config_sources import load
from gateway.config_trunk_uri import TrunkUri
from gateway.trunk.tls_fault import CLOSED
from tests.peers.authority import Authority, Pair
from tests.peers.ports import free_port
from tests.peers.requirement import require_ipv6

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.peers.asterisk import AsteriskLab

NOTHING = TlsFiles(None, None, None)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@contextmanager
def server(context: ssl.SSLContext | None) -> Iterator[int]:
    """Answer one request with 200, in a thread: asyncio closes without the alert that says why."""

    def serve() -> None:
        plain, _ = listening.accept()
        plain.settimeout(5)
        with suppress(OSError), plain:
            if context is None:
                plain.recv(4096)
                plain.sendall(b"SIP/2.0 400 Bad Request\r\n\r\n")
                return
            with context.wrap_socket(plain, server_side=True) as secured:
                secured.recv(4096)
                secured.sendall(b"SIP/2.0 200 OK\r\n\r\n")

    listening = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listening.getsockname()[1]
    finally:
        thread.join(5)
        listening.close()


async def check(
    context: ssl.SSLContext | None, found: TlsFiles, host: str = "127.0.0.1"
) -> Finding:
    with server(context) as port:
        uri = TrunkUri(host, port, "tls")
        return await trunk.answer(TrunkSettings(name="t", uri=uri), found)


def believing(authority: Authority, pair: Pair | None = None) -> TlsFiles:
    shown = (pair.certificate, pair.key) if pair else (None, None)
    return TlsFiles(authority.file, *shown)


async def test_a_trunk_that_is_believed(authority: Authority) -> None:
    for host in ("127.0.0.1", "localhost"):
        pair = authority.issue(host)
        found = await check(pair.serving(), believing(authority), host)
        assert found.ok
        assert found.text.endswith("answered OPTIONS with 200 OK")
        itself = TlsFiles(pair.certificate, None, None)
        assert (await check(pair.serving(), itself, host)).ok


@pytest.mark.parametrize(
    ("names", "until", "said"),
    [
        (["127.0.0.2"], 9, "The trunk's certificate is not for '127.0.0.1'."),
        (["other.example"], 9, "The trunk's certificate is not for '127.0.0.1'."),
        (["127.0.0.1"], -1, "The trunk's certificate has expired, or is not valid yet."),
    ],
)
async def test_a_certificate_that_is_not_good(
    authority: Authority, names: list[str], until: int, said: str
) -> None:
    pair = authority.issue(*names, since=-30, until=until)
    found = await check(pair.serving(), believing(authority))
    assert (found.ok, found.text.partition(": ")[2].endswith(said)) == (False, True), found.text


async def test_an_authority_that_nobody_knows(authority: Authority, tmp_path: Path) -> None:
    strange = Authority(tmp_path, "strange").issue("127.0.0.1")
    for believed in (believing(authority), NOTHING):
        found = await check(strange.serving(), believed)
        assert not found.ok
        assert "is of an authority that is not trusted here." in found.text


async def test_the_systems_authorities_are_believed_as_the_engine_does(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    assert (await check(authority.issue("127.0.0.1").serving(), NOTHING)).ok
    # By default from Python 3.13 on; the engine takes certificates without every extension
    assert not tls.context(NOTHING).verify_flags & ssl.VERIFY_X509_STRICT


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_trunk_that_wants_a_certificate(
    authority: Authority, tmp_path: Path, version: ssl.TLSVersion
) -> None:
    context = authority.issue("127.0.0.1").serving(clients=authority.file)
    context.maximum_version = version
    shown = believing(authority, authority.issue("gateway.example"))
    assert (await check(context, shown)).ok
    strange = Authority(tmp_path, "strange").issue("gateway.example")
    found = await check(context, believing(authority, strange))
    said = found.text.partition("tls: ")[2]
    # By TLS 1.3 it is said after the handshake, and a reset may be faster
    reset = version is ssl.TLSVersion.TLSv1_3 and said == CLOSED
    assert reset or said == "The trunk does not trust the authority of our certificate."
    found = await check(context, believing(authority))
    assert not found.ok
    assert "certificate" in found.text


async def test_a_port_without_tls() -> None:
    found = await check(None, NOTHING)
    assert not found.ok
    assert "What answers at the trunk's port does not speak TLS." in found.text


async def test_files_that_cannot_be_used(authority: Authority, tmp_path: Path) -> None:
    pair = authority.issue("a")
    (none := tmp_path / "none").write_text("none")
    for found, said in (
        (TlsFiles(none, None, None), f"ca = '{none}': "),
        (TlsFiles(None, none, pair.key), f"certificate = '{none}', key = '{pair.key}': "),
    ):
        uri = TrunkUri("127.0.0.1", free_port(), "tls")
        answer = await trunk.answer(TrunkSettings(name="t", uri=uri), found)
        assert not answer.ok
        assert said in answer.text


def test_certificates_that_end_soon_and_keys_for_all(authority: Authority) -> None:
    served, shown = authority.issue(until=9), authority.issue(until=-1, since=-9)
    for key in (served.key, shown.key):
        key.chmod(0o644)
    settings = load(
        None,
        {
            "sip": {
                "tls_listen": f"127.0.0.1:{free_port()}",
                "certificate": str(served.certificate),
                "key": str(served.key),
            },
            "trunks": [
                {
                    "name": "t",
                    "uri": "sips:a",
                    "certificate": str(shown.certificate),
                    "key": str(shown.key),
                }
            ],
        },
    )
    told = [each.text for each in files.examine(settings, datetime.now(UTC))]
    for begin, end in (
        (f"sip.key = '{served.key}'", "everybody on this machine may read it"),
        (f"trunks[0].key = '{shown.key}'", "everybody on this machine may read it"),
        (f"sip.certificate = '{served.certificate}'", "it expires on"),
        (f"sip.certificate = '{served.certificate}'", "it is for no name"),
        (f"trunks[0].certificate = '{shown.certificate}'", "it expired on"),
    ):
        assert any(text.startswith(f"{begin}: {end}") for text in told), (begin, told)
    assert not any("trunks[0]" in text and "no name" in text for text in told)
    listen = settings.sip.tls_listen
    assert listen is not None
    assert ports.firewall(settings).endswith(f"SIP 5060 (UDP) and {listen.port} (TCP, for TLS)")
    assert "sip.tls_listen" in [each.text.split(":")[0] for each in ports.sip(settings, here=False)]


async def test_a_trunk_by_ipv6() -> None:
    require_ipv6()
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as peer:
        peer.bind(("::1", 0))
        port = peer.getsockname()[1]
        seen: list[bytes] = []

        def serve() -> None:
            request, source = peer.recvfrom(4096)
            seen.append(request)
            peer.sendto(b"SIP/2.0 200 OK\r\n\r\n", source)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        found = await trunk.answer(TrunkSettings(name="t", uri=TrunkUri("::1", port, "udp")))
        thread.join(5)
    assert found.ok
    assert seen[0].startswith(b"OPTIONS sip:[::1]:%d;transport=udp SIP/2.0\r\n" % port)
    assert b"Via: SIP/2.0/UDP [::1]:" in seen[0]


@pytest.mark.peer
@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
async def test_a_password_over_tls(lab: AsteriskLab, host: str) -> None:
    if host == "[::1]":
        require_ipv6()
    for password, ok in ((lab.secret, True), ("guess", False)):
        settings = load(
            None,
            {
                "sip": {"listen": "[::]:5060", "ca": str(lab.authority)},
                "trunks": [
                    {
                        "name": "lab",
                        "uri": f"sips:{host}:{lab.tls_port}",
                        "username": "trunk-digest",
                        "password": password,
                    }
                ],
            },
        )
        each = settings.trunks[0]
        files = tls_files(settings.sip, each)
        assert (await trunk.answer(each, files)).ok
        found = await check_password(each, tls.context(files))
        assert found is not None
        assert found.ok is ok
        assert ("are right" if ok else "is wrong") in found.text
