"""Published keys, from a real HTTP server: fetched once, kept, and not fetched for strangers."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from gateway.admission.jwks import COOLDOWN, FRESH, PublishedKeys
from gateway.admission.token import Tokens
from gateway.errors import TokenError, UnavailableError
from tests.gateway.admission.forging import by_hand

if TYPE_CHECKING:
    from collections.abc import Iterator

NOW = 1_800_000_000.0
GOOD: dict[str, Any] = {"sub": "visitor-7", "jti": "t1", "exp": NOW + 60, "call": {}}

RSA = rsa.generate_private_key(65537, 2048)
EC = ec.generate_private_key(ec.SECP256R1())
OTHER = ec.generate_private_key(ec.SECP256R1())


def published(name: str, key: Any) -> dict[str, Any]:
    writer = RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else ECAlgorithm
    return {**writer.to_jwk(key.public_key(), as_dict=True), "kid": name, "use": "sig"}


@dataclass
class KeyServer:
    url: str = ""
    body: bytes = b""
    fetches: int = 0
    keys: list[dict[str, Any]] = field(default_factory=list)

    def publish(self, *keys: dict[str, Any]) -> None:
        self.body = json.dumps({"keys": keys}).encode()


@contextmanager
def key_server() -> Iterator[KeyServer]:
    server = KeyServer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            server.fetches += 1
            self.send_response(200 if server.body else 503)
            self.end_headers()
            self.wfile.write(server.body)

        def log_request(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        server.url = f"http://127.0.0.1:{listening.server_port}/keys.json"
        thread = threading.Thread(target=listening.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            listening.shutdown()
            thread.join()


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def tokens(server: KeyServer, clock: Clock) -> Tokens:
    return Tokens(PublishedKeys(server.url, clock), lambda: NOW)


def signed(key: Any, name: str | None, algorithm: str) -> str:
    headers = None if name is None else {"kid": name}
    return jwt.encode(GOOD, key, algorithm, headers=headers)


async def test_both_kinds_by_one_fetch() -> None:
    with key_server() as server:
        server.publish(published("r", RSA), published("e", EC))
        checked = tokens(server, Clock())
        for token in (
            signed(RSA, "r", "RS256"),
            signed(EC, "e", "ES256"),
            signed(EC, None, "ES256"),
        ):
            assert (await checked.verify(token)).identity == "visitor-7"
        assert server.fetches == 1


async def test_many_at_once_fetch_once() -> None:
    with key_server() as server:
        server.publish(published("e", EC))
        checked = tokens(server, Clock())
        await asyncio.gather(*(checked.verify(signed(EC, "e", "ES256")) for _ in range(20)))
        assert server.fetches == 1


async def test_wrong_keys() -> None:
    with key_server() as server:
        server.publish(published("r", RSA), published("e", EC))
        checked = tokens(server, Clock())
        public = json.dumps(published("r", RSA))
        for token in (
            signed(OTHER, "e", "ES256"),
            signed(EC, "r", "ES256"),  # a name, and another key's signature
            signed(OTHER, "invented", "ES256"),
            by_hand({"alg": "HS256", "kid": "r"}, GOOD, public),
        ):
            with pytest.raises(TokenError):
                await checked.verify(token)


async def test_a_published_secret_counts_for_nothing() -> None:
    secret = "s" * 32
    with key_server() as server:
        server.publish(
            published("e", EC), {"kty": "oct", "k": "c3Nzc3Nz", "kid": "o", "alg": "HS256"}
        )
        with pytest.raises(TokenError, match="RS256 or ES256 is needed"):
            await tokens(server, Clock()).verify(signed(secret, "o", "HS256"))


async def test_rotation_and_strangers() -> None:
    """A new name is looked for at once, but names that strangers invent fetch nothing more."""
    clock = Clock()
    with key_server() as server:
        server.publish(published("old", EC))
        checked = tokens(server, clock)
        await checked.verify(signed(EC, "old", "ES256"))
        server.publish(published("old", EC), published("new", OTHER))
        clock.now += COOLDOWN
        assert await checked.verify(signed(OTHER, "new", "ES256"))
        assert server.fetches == 2
        for number in range(100):
            with pytest.raises(TokenError):
                await checked.verify(signed(EC, f"invented-{number}", "ES256"))
        assert server.fetches == 2
        clock.now += FRESH + 1  # a key that has gone counts no more once the keys are fetched again
        server.publish(published("new", OTHER))
        with pytest.raises(TokenError):
            await checked.verify(signed(EC, "old", "ES256"))


async def test_a_key_server_that_is_down(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    with key_server() as server:
        checked = tokens(server, clock)
        with pytest.raises(UnavailableError, match="cannot be fetched now") as refused:
            await checked.verify(signed(EC, "e", "ES256"))
        assert "try again later" in refused.value.said
        assert [record.levelno for record in caplog.records] == [logging.WARNING]
        clock.now += COOLDOWN
        server.publish(published("e", EC))
        assert await checked.verify(signed(EC, "e", "ES256"))
        server.body = b""
        clock.now += FRESH + 1
        assert await checked.verify(signed(EC, "e", "ES256"))  # those known go on counting


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"keys": []}', b'{"keys": [{"kty": "x"}]}'])
async def test_what_is_no_key_set(body: bytes) -> None:
    with key_server() as server:
        server.body = body
        with pytest.raises(UnavailableError):
            await tokens(server, Clock()).verify(signed(EC, "e", "ES256"))
