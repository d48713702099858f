"""What `gateway check` says of the keys of call tokens that a login service publishes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from gateway.check import published
from gateway.config_admission import AdmissionSettings
from tests.peers.ports import free_port

PUBLIC = ec.generate_private_key(ec.SECP256R1()).public_key()
EC = {**json.loads(ECAlgorithm.to_jwk(PUBLIC)), "kid": "1", "use": "sig"}
SYMMETRIC = {"kty": "oct", "k": "a2V5", "kid": "2", "use": "sig"}


@asynccontextmanager
async def publishing(body: bytes, status: str = "200 OK") -> AsyncIterator[str]:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.0 {status}\r\n\r\n".encode() + body)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/keys"


def asking(url: str) -> AdmissionSettings:
    return AdmissionSettings(mode="token", jwks_url=url)


async def test_keys_that_can_be_fetched() -> None:
    async with publishing(json.dumps({"keys": [EC, SYMMETRIC]}).encode()) as url:
        (found,) = await published.keys(asking(url))
    assert found.ok, found
    assert found.text.endswith(": keys that are published there: 1")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (json.dumps({"keys": [SYMMETRIC]}).encode(), "200 OK"),
        (b'{"keys": []}', "200 OK"),
        (b"[]", "200 OK"),
        (b"<html>", "200 OK"),
        (b"\xff", "200 OK"),
        (b"", "404 Not Found"),
    ],
)
async def test_keys_that_are_none(body: bytes, status: str) -> None:
    async with publishing(body, status) as url:
        (found,) = await published.keys(asking(url))
    assert not found.ok
    assert "\n" not in found.text


async def test_nobody_there() -> None:
    (found,) = await published.keys(asking(f"http://127.0.0.1:{free_port()}/keys"))
    assert not found.ok
    assert "the keys cannot be fetched" in found.text


async def test_secrets_of_our_own_are_not_fetched() -> None:
    assert await published.keys(AdmissionSettings()) == []
