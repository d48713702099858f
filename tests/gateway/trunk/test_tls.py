"""Trunks over TLS: whose certificate is believed, what is shown to them, and what is said of it."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

import pytest

from gateway.trunk import Answered, Origin, Secret, Target, Tls, Trunk, TrunkEndpoint, transports
from gateway.trunk.address import parse_trunk
from gateway.trunk.errors import TrunkFullError
from gateway.trunk.message import read
from gateway.trunk.tls_fault import CLOSED
from tests.gateway.trunk.conftest import Phone
from tests.peers.asterisk import AsteriskLab
from tests.peers.authority import Authority, Pair

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("own_engine")]

NAME = "sip.trunk.example"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@contextmanager
def server(context: ssl.SSLContext | None, seen: list[str]) -> Iterator[int]:
    """Answer OPTIONS with 200; `seen` gets the name that was asked for, and the version of TLS.

    In a thread: asyncio closes without the alert that says why.
    """

    def serve() -> None:
        while True:
            try:
                plain, _ = listening.accept()
            except OSError:  # closed
                return
            plain.settimeout(5)
            with suppress(OSError), plain:
                if context is None:
                    answer(plain)
                    continue
                with context.wrap_socket(plain, server_side=True) as secured:
                    seen.append(str(secured.version()))
                    answer(secured)

    def answer(connection: socket.socket) -> None:
        request = b""
        while b"\r\n\r\n" not in request:
            if not (more := connection.recv(4096)):
                return
            request += more
            if not request.startswith(b"OPTIONS"):
                connection.sendall(b"SIP/2.0 400 Bad Request\r\n\r\n")
                return
        kept = ("via", "from", "to", "call-id", "cseq")
        headers = read(request.decode()).headers
        lines = [f"{name}: {value}" for name, value in headers if name in kept]
        text = "\r\n".join(["SIP/2.0 200 OK", *lines, "Content-Length: 0", "", ""])
        connection.sendall(text.encode())

    if context is not None:
        context.sni_callback = lambda _, name, __: seen.append(f"for {name}")
    listening = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listening.getsockname()[1]
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join(5)


@pytest.fixture
def named(endpoint: TrunkEndpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have every name lead to this machine."""

    async def here(trunk: Trunk) -> tuple[Target, ...]:
        uri = parse_trunk(trunk.uri)
        return (Target("127.0.0.1", uri.port, uri.transport),)

    monkeypatch.setattr(endpoint._trunks, "targets", here)


async def ask(endpoint: TrunkEndpoint, pair: Pair, tls: Tls, host: str = "127.0.0.1") -> object:
    with server(pair.serving(), []) as port:
        trunk = Trunk("test", f"sip:{host}:{port};transport=tls", tls=tls)
        reply = await endpoint.inquire(trunk, 5)
    return reply.code or reply.reason


@pytest.mark.parametrize(
    ("names", "host"),
    [
        (["127.0.0.1"], "127.0.0.1"),
        ([NAME], NAME),
        (["other.example", NAME.upper()], NAME),
        (["*.trunk.example"], NAME),
        ([f"sip:{NAME}"], NAME),
    ],
)
@pytest.mark.usefixtures("named")
async def test_names_that_fit(
    endpoint: TrunkEndpoint, authority: Authority, names: list[str], host: str
) -> None:
    assert await ask(endpoint, authority.issue(*names), Tls(str(authority.file)), host) == 200


@pytest.mark.parametrize(
    ("names", "host"),
    [
        (["127.0.0.2"], "127.0.0.1"),
        (["*.0.0.1"], "127.0.0.1"),
        (["127.0.0.1"], NAME),  # an address comes from DNS, which is not to be trusted
        (["trunk.example"], NAME),
        (["*.example"], NAME),
        (["*.example"], "trunk.example"),
        (["sip.*.example"], NAME),
        (["*"], NAME),
    ],
)
@pytest.mark.usefixtures("named")
async def test_names_that_do_not(
    endpoint: TrunkEndpoint, authority: Authority, names: list[str], host: str
) -> None:
    said = await ask(endpoint, authority.issue(*names), Tls(str(authority.file)), host)
    assert said == f"The trunk's certificate is not for {host!r} but for {', '.join(names)}."


@pytest.mark.usefixtures("named")
async def test_a_common_name_counts_where_there_is_no_other(
    endpoint: TrunkEndpoint, authority: Authority
) -> None:
    tls = Tls(str(authority.file))
    assert await ask(endpoint, authority.issue(common=NAME), tls, NAME) == 200
    pair = authority.issue("other.example", common=NAME)
    assert "not for" in str(await ask(endpoint, pair, tls, NAME))


async def test_expired(endpoint: TrunkEndpoint, authority: Authority) -> None:
    pair = authority.issue("127.0.0.1", since=-40, until=-10)
    said = str(await ask(endpoint, pair, Tls(str(authority.file))))
    assert said.startswith("The trunk's certificate has expired, or is not valid yet (from 2")


async def test_an_unknown_authority(
    endpoint: TrunkEndpoint, authority: Authority, tmp_path: Path
) -> None:
    other = Authority(tmp_path, "nobody")
    for tls in (Tls(str(authority.file)), Tls()):  # the system's do not know it, either
        said = await ask(endpoint, other.issue("127.0.0.1"), tls)
        wanted = "The trunk's certificate is of an authority ('nobody') that is not trusted here."
        assert said == wanted


async def test_the_certificate_itself_may_be_trusted(
    endpoint: TrunkEndpoint, authority: Authority
) -> None:
    pair = authority.issue("127.0.0.1")
    assert await ask(endpoint, pair, Tls(str(pair.certificate))) == 200


@pytest.mark.usefixtures("named")
async def test_the_name_is_asked_for_by_tls_1_3(
    endpoint: TrunkEndpoint, authority: Authority
) -> None:
    seen: list[str] = []
    with server(authority.issue(NAME).serving(), seen) as port:
        trunk = Trunk("test", f"sips:{NAME}:{port}", tls=Tls(str(authority.file)))
        assert (await endpoint.inquire(trunk, 5)).code == 200
    assert seen == [f"for {NAME}", "TLSv1.3"]


@pytest.mark.parametrize(
    ("version", "heard"),
    [
        (ssl.TLSVersion.TLSv1_2, 200),
        (
            ssl.TLSVersion.TLSv1_1,
            "The trunk speaks no TLS that is in use any more: 1.2 is the least.",
        ),
    ],
)
async def test_the_versions(
    endpoint: TrunkEndpoint, authority: Authority, version: ssl.TLSVersion, heard: object
) -> None:
    context = authority.issue("127.0.0.1").serving()
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(match="deprecated") if version < ssl.TLSVersion.TLSv1_2 else nullcontext():
        context.minimum_version = context.maximum_version = version
    with server(context, []) as port:
        trunk = Trunk("test", f"sip:127.0.0.1:{port};transport=tls", tls=Tls(str(authority.file)))
        reply = await endpoint.inquire(trunk, 5)
    assert heard in (reply.code, reply.reason)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_trunk_that_wants_a_certificate(
    endpoint: TrunkEndpoint, authority: Authority, version: ssl.TLSVersion, tmp_path: Path
) -> None:
    ours, theirs = authority.issue("gateway.example"), authority.issue("127.0.0.1")
    strange = Authority(tmp_path, "strange").issue("gateway.example")
    context = theirs.serving(clients=authority.file)
    context.maximum_version = version
    heard = []
    with server(context, []) as port:
        for pair in (ours, strange, None):
            shown = (str(pair.certificate), str(pair.key)) if pair else ()
            tls = Tls(str(authority.file), *shown)
            trunk = Trunk("test", f"sip:127.0.0.1:{port};transport=tls", tls=tls)
            reply = await endpoint.inquire(trunk, 5)
            heard.append(reply.code or reply.reason)
    assert heard[0] == 200
    # By TLS 1.3 it is said after the handshake, and a reset may be faster
    reset = version is ssl.TLSVersion.TLSv1_3 and heard[1] == CLOSED
    assert reset or heard[1] == "The trunk does not trust the authority of our certificate."
    assert "certificate" in str(heard[2])


async def test_a_port_without_tls(endpoint: TrunkEndpoint) -> None:
    with server(None, []) as port:
        trunk = Trunk("test", f"sip:127.0.0.1:{port};transport=tls")
        reply = await endpoint.inquire(trunk, 5)
    assert (reply.code, reply.reason) == (
        None,
        "What answers at the trunk's port does not speak TLS.",
    )


async def test_more_trunks_than_the_engine_has_room_for(
    endpoint: TrunkEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transports, "MOST", 1)
    with pytest.raises(TrunkFullError, match="no room for another trunk by TLS"):
        await endpoint.inquire(Trunk("test", "sips:127.0.0.77:9"), 5)


async def test_a_call_that_cannot_be_secured(phone: Phone, authority: Authority) -> None:
    with server(authority.issue("127.0.0.2").serving(), []) as port:
        trunk = Trunk("test", f"sip:127.0.0.1:{port};transport=tls", tls=Tls(str(authority.file)))
        _, ear = await phone.dial(trunk)
        end = await ear.end()
    assert (end.by, end.cause, end.code) == (Origin.NETWORK, "unreachable", 503)
    assert end.sentence == "The trunk's certificate is not for '127.0.0.1' but for 127.0.0.2."


@pytest.mark.peer
@pytest.mark.parametrize("uri", ["sip:{}:{};transport=tls", "sips:{}:{}"])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_asterisk(phone: Phone, lab: AsteriskLab, uri: str, host: str) -> None:
    trunk = Trunk(
        "lab",
        uri.format(host, lab.tls_port),
        username="trunk-digest",
        password=Secret(lab.secret),
        caller_id="+15550001",
        tls=Tls(str(lab.authority)),
    )
    leg, ear = await phone.dial(trunk, "600")
    answered = await ear.hear(Answered)
    assert await leg.probe(5.0)
    await leg.hangup()
    end = await ear.end()
    assert "PCMU" in answered.sdp
    assert end.by is Origin.LOCAL
