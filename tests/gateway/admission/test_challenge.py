"""The service that checks a CAPTCHA, as a real HTTP server: what it is asked, whom it lets in."""

from __future__ import annotations

import asyncio
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

import pytest

from gateway.admission.challenge import MAX_ANSWER, Challenge
from gateway.errors import ForbiddenError, UnavailableError
from tests.peers.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass
class Service:
    url: str = ""
    status: int = 200
    body: bytes = b'{"success": true}'
    forms: list[dict[str, list[str]]] = field(default_factory=list)


@contextmanager
def running_service() -> Iterator[Service]:
    service = Service()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            service.forms.append(parse_qs(body.decode()))
            self.send_response(service.status)
            self.end_headers()
            self.wfile.write(service.body)

        def log_request(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        service.url = f"http://127.0.0.1:{listening.server_port}/siteverify"
        thread = threading.Thread(target=listening.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield service
        finally:
            listening.shutdown()
            thread.join()


async def test_who_has_solved_it_passes() -> None:
    with running_service() as service:
        await Challenge(service.url, "s3cret").check("answer", "192.0.2.7")
    assert service.forms == [
        {"secret": ["s3cret"], "response": ["answer"], "remoteip": ["192.0.2.7"]}
    ]


@pytest.mark.parametrize("answer", [None, "", "a" * (MAX_ANSWER + 1)])
async def test_no_answer_is_not_even_asked_about(answer: str | None) -> None:
    with running_service() as service, pytest.raises(ForbiddenError, match="needs `challenge`"):
        await Challenge(service.url, "s").check(answer, "")
    assert service.forms == []


@pytest.mark.parametrize(
    "body",
    [b'{"success": false, "error-codes": ["timeout-or-duplicate"]}', b"{}", b"[]", b'"true"'],
)
async def test_a_wrong_answer(body: bytes) -> None:
    with running_service() as service:
        service.body = body
        with pytest.raises(ForbiddenError, match="does not count"):
            await Challenge(service.url, "s").check("answer", "")


@pytest.mark.parametrize(("status", "body"), [(500, b"{}"), (200, b"<html>"), (302, b"")])
async def test_a_service_that_does_not_say_lets_nobody_in(status: int, body: bytes) -> None:
    with running_service() as service:
        service.status, service.body = status, body
        with pytest.raises(UnavailableError, match="try again later") as refused:
            await Challenge(service.url, "s").check("answer", "")
        assert "try again later" in refused.value.said


async def test_a_service_that_is_not_there() -> None:
    gone = Challenge(f"http://127.0.0.1:{free_port()}/", "s3cret")
    results = await asyncio.gather(*(gone.check("a", "") for _ in range(3)), return_exceptions=True)
    assert all(isinstance(result, UnavailableError) for result in results)
    assert "s3cret" not in repr(gone)
