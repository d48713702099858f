"""Whether a password is right, asked of Asterisk, and of servers that say little."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from gateway.check import password
from gateway.check.finding import Finding
from gateway.config_sip import TrunkSettings
from tests.gateway.trunk.wire import Wire, open_wire
from tests.peers.asterisk import AsteriskLab

SECRET = "lab-secret"
ASKED = 'WWW-Authenticate: Digest realm="r", nonce="n"'
FIRST = 'Proxy-Authenticate: Digest realm="proxy", nonce="p"'


def trunk(
    uri: str, user: str | None = "ana", secret: str = SECRET, **keys: object
) -> TrunkSettings:
    account = {"username": user, "password": secret} if user else {}
    return TrunkSettings.model_validate({"name": "t", "uri": uri, **account, **keys})


async def found(settings: TrunkSettings) -> Finding:
    finding = await password.check(settings)
    assert finding is not None
    assert SECRET not in finding.text
    return finding


@pytest.mark.peer
@pytest.mark.parametrize(
    ("user", "register"),
    [
        ("trunk-digest", False),
        ("trunk-sha256", False),
        ("trunk-digests", False),
        ("acct1001", True),
    ],
)
@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_asterisk_tells(lab: AsteriskLab, user: str, register: bool, transport: str) -> None:
    right = await found(trunk(lab.uri(transport), user, register=register))
    assert right.ok
    assert "user name and password are right (200 OK" in right.text
    wrong = await found(trunk(lab.uri(transport), user, "guess", register=register))
    assert not wrong.ok
    assert "user name or password is wrong: 401 Unauthorized to" in wrong.text
    assert ("to REGISTER" if register else "to OPTIONS") in wrong.text


@pytest.mark.peer
async def test_asking_registers_nobody(lab: AsteriskLab) -> None:
    async with lab.manager() as manager:
        assert (await found(trunk(lab.uri(), "acct1002", register=True))).ok
        assert "acct1002/sip:" not in await manager.command("pjsip show contacts")


async def test_no_password_is_no_question() -> None:
    assert await password.check(trunk("sip:127.0.0.1:9", None)) is None


@asynccontextmanager
async def answering(*answers: tuple[str, int, str]) -> AsyncIterator[Wire]:
    """Answer one request after the other: its method, the status, a header."""
    async with open_wire() as wire:

        async def serve() -> None:
            for number, (method, code, header) in enumerate(answers):
                await wire.hear_count(number + 1)
                request = wire.heard[number]
                assert request.method == method
                wire.answer(request, code, "As Told", *([header] if header else []))

        serving = asyncio.create_task(serve())
        yield wire
        await serving
        assert len(wire.heard) == len(answers)


@pytest.mark.parametrize(
    ("answers", "register", "ok", "text"),
    [
        (
            [("OPTIONS", 407, ASKED.replace("WWW", "Proxy")), ("OPTIONS", 404, "")],
            0,
            1,
            "are right",
        ),
        ([("OPTIONS", 200, ""), ("REGISTER", 405, "")], 0, 1, "challenges neither OPTIONS nor"),
        (
            [("OPTIONS", 200, ""), ("REGISTER", 401, ASKED), ("REGISTER", 403, "")],
            *(0, 1, "no way to tell whether the password is right: 403"),
        ),
        (
            [("OPTIONS", 200, ""), ("REGISTER", 401, ASKED), ("REGISTER", 200, "")],
            *(0, 1, "are right"),
        ),
        (
            [("OPTIONS", 200, ""), ("REGISTER", 401, ASKED), ("REGISTER", 401, ASKED)],
            *(0, 0, "is wrong: 401"),
        ),
        ([("REGISTER", 401, ASKED), ("REGISTER", 403, "")], 1, 0, "is wrong: 403"),
        ([("REGISTER", 200, "")], 1, 1, "no way to tell"),
        ([("REGISTER", 401, ASKED), ("REGISTER", 503, "")], 1, 1, "no way to tell"),
        ([("REGISTER", 401, ASKED.replace("Digest", "Basic"))], 1, 1, "no way to tell"),
        (
            [
                *(("REGISTER", 401, ASKED), ("REGISTER", 401, f"{ASKED}, stale=true")),
                ("REGISTER", 200, ""),
            ],
            *(1, 1, "are right"),
        ),
        (
            [("REGISTER", 401, ASKED), *[("REGISTER", 401, f"{ASKED}, stale=true")] * 2],
            *(1, 0, "is wrong"),
        ),
        # A proxy asks first, and then the registrar behind it
        (
            [("REGISTER", 407, FIRST), ("REGISTER", 401, ASKED), ("REGISTER", 200, "")],
            *(1, 1, "are right"),
        ),
        (
            [("REGISTER", 407, FIRST), ("REGISTER", 401, ASKED), ("REGISTER", 401, ASKED)],
            *(1, 0, "is wrong"),
        ),
    ],
)
async def test_what_a_server_says(
    answers: list[tuple[str, int, str]], register: int, ok: int, text: str
) -> None:
    async with answering(*answers) as wire:
        finding = await found(trunk(wire.uri, register=bool(register)))
    assert finding.ok is bool(ok)
    assert text in finding.text
    assert [each.cseq[0] for each in wire.heard] == list(range(1, len(answers) + 1))
    assert all(each.header("contact") is None for each in wire.heard)
    if answers[0][2] is FIRST:  # which the proxy wants to see each time
        assert all(each.header("proxy-authorization") for each in wire.heard[1:])


async def test_nobody_there(monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_wire() as wire:
        with monkeypatch.context() as patch:
            patch.setattr(password, "TIMEOUT", 0.2)
            finding = await found(trunk(wire.uri))
        assert finding.ok
        assert "no way to tell" in finding.text
        closed = wire.uri
    finding = await found(trunk(closed))
    assert finding.ok
    assert "refused" in finding.text


@pytest.mark.parametrize(
    "pieces",
    [
        [
            b"SIP/2.0 100 Trying\r\nCSeq: 1 OPTIONS\r\nContent-Length: 2\r\n\r\nab",
            b"SIP/2.0 20",
            b"0 OK\r\nCSeq: 1 OPTIONS\r\n\r\n",
            b"SIP/2.0 4",
        ],
        [b"SIP/2.0 200 OK\r\nCSeq: 1 OPTIONS\r\nContent-Length: 9\r\n\r\nab"],
        [b"SIP/2.0 200 OK\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n"],
    ],
)
async def test_over_tcp_the_end_may_come_before_the_answer(pieces: list[bytes]) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        if len(pieces) > 1:
            await reader.readuntil(b"\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        finding = await found(trunk(f"sip:127.0.0.1:{port};transport=tcp"))
    assert finding.ok
    assert "the connection ended before an answer" in finding.text
