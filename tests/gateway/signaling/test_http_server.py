"""The acceptor, by the event loop of tests and by the one that the gateway runs on."""

from __future__ import annotations

import asyncio
import logging
import resource
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn
import uvloop
from starlette.responses import PlainTextResponse

from gateway.signaling import http_server
from gateway.signaling.http_guard import Connections, guarded
from gateway.signaling.http_server import Server
from tests.peers.coturn import make_certificate

LIMIT = 5.0  # seconds
REQUEST = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"

Run = Callable[[Coroutine[Any, Any, None]], None]


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    def run(story: Coroutine[Any, Any, None]) -> None:
        with asyncio.Runner(loop_factory=request.param) as runner:
            runner.run(asyncio.wait_for(story, 20))

    return run


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return make_certificate(tmp_path_factory.mktemp("tls"), "127.0.0.1")


class Served:
    """The server under test."""

    def __init__(self, connections: Connections, port: int, trusted: Path | None) -> None:
        self.connections = connections
        self.port = port
        self._trusted = trusted

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect, and say nothing."""
        return await asyncio.open_connection("127.0.0.1", self.port)

    async def get(self) -> bytes:
        tls = None if self._trusted is None else ssl.create_default_context(cafile=self._trusted)
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, ssl=tls)
        writer.write(REQUEST)
        said = await asyncio.wait_for(reader.read(), LIMIT)
        writer.close()
        return said

    async def left(self, count: int) -> None:
        """Wait until so many connections have a place."""
        async with asyncio.timeout(LIMIT):
            while len(self.connections) != count:  # noqa: ASYNC110 - the server tells nobody
                await asyncio.sleep(0.005)


@asynccontextmanager
async def serving(certificate: tuple[Path, Path] | None, most: int = 3) -> AsyncIterator[Served]:
    connections = Connections(lambda: most, lambda host: False)
    file, key = certificate or (None, None)
    config = uvicorn.Config(
        PlainTextResponse("here"),
        http=guarded(connections),
        lifespan="off",
        log_config=None,
        timeout_graceful_shutdown=1,
        ssl_certfile=file,
        ssl_keyfile=key,
    )
    up = asyncio.Event()
    server = Server(config, up.set)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        task = asyncio.create_task(server.serve(sockets=[listener]))
        await asyncio.wait_for(up.wait(), LIMIT)
        yield Served(connections, listener.getsockname()[1], file)
        server.should_exit = True
        await asyncio.wait_for(task, LIMIT)
    assert len(connections) == 0


async def ends(reader: asyncio.StreamReader) -> bool:
    """Whether the server closes, and says nothing before."""
    try:
        return await asyncio.wait_for(reader.read(), LIMIT) == b""
    except ConnectionResetError:
        return True


def test_a_request_is_answered(run: Run, certificate: tuple[Path, Path]) -> None:
    async def story(certificate: tuple[Path, Path] | None) -> None:
        async with serving(certificate) as served:
            for _ in range(10):  # more than may be open at once
                assert (await served.get()).endswith(b"here")
                await served.left(0)

    run(story(None))
    run(story(certificate))


def test_silence_before_tls_is_counted(run: Run, certificate: tuple[Path, Path]) -> None:
    async def story() -> None:
        async with serving(certificate) as served:
            silent = [await served.connect() for _ in range(3)]
            await served.left(3)
            reader, fourth = await served.connect()
            assert await ends(reader)
            fourth.close()
            silent[0][1].close()
            await served.left(2)
            assert b"here" in await served.get()
            for _, writer in silent:
                writer.close()
            await served.left(0)

    run(story())


@pytest.mark.parametrize("sent", [b"", b"\x16\x03\x01\x02\x00\x01"], ids=["nothing", "a part"])
def test_a_handshake_that_never_ends(
    run: Run, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    monkeypatch.setattr(http_server, "TLS_TIMEOUT", 0.1)

    async def story() -> None:
        async with serving(certificate) as served:
            reader, writer = await served.connect()
            writer.write(sent)
            assert await ends(reader)
            writer.close()
            await served.left(0)

    run(story())


def test_what_is_no_handshake_gives_its_place_back(
    run: Run, certificate: tuple[Path, Path], caplog: pytest.LogCaptureFixture
) -> None:
    async def story() -> None:
        async with serving(certificate) as served:
            for _ in range(5):
                _, writer = await served.connect()
                writer.write(REQUEST)
                await asyncio.sleep(0)
                await served.left(1)
                await served.left(0)
                writer.close()
            assert b"here" in await served.get()

    run(story())
    assert not [each for each in caplog.records if each.levelno >= logging.ERROR]


def test_a_stop_waits_for_no_handshake(run: Run, certificate: tuple[Path, Path]) -> None:
    async def story() -> None:
        async with serving(certificate) as served:
            _, writer = await served.connect()
            await served.left(1)
        writer.close()

    run(story())


def test_some_files_are_left_to_calls(
    run: Run, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def story() -> None:
        async with serving(None) as served:
            assert b"here" in await served.get()
            monkeypatch.setattr(resource, "getrlimit", lambda which: (8, 8))
            for _ in range(3):
                reader, writer = await served.connect()
                assert await ends(reader)
                writer.close()
            monkeypatch.undo()
            assert b"here" in await served.get()

    run(story())
    assert caplog.text.count("the rest of the files is for calls") == 1


class Exhausted(socket.socket):
    """A listener that finds no file for a connection, at first."""

    failures = iter([True])

    def accept(self) -> Any:
        if next(self.failures, False):
            raise OSError(24, "Too many open files")
        return super().accept()


def test_without_any_file_it_tries_again(
    run: Run, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(http_server, "OUT_OF_FILES_PAUSE", 0.05)

    async def story() -> None:
        connections = Connections(lambda: 0, lambda host: False)
        config = uvicorn.Config(
            PlainTextResponse("here"), http=guarded(connections), lifespan="off"
        )
        server = Server(config)
        with Exhausted() as listener:
            listener.failures = iter([True])
            listener.bind(("127.0.0.1", 0))
            listener.listen()
            task = asyncio.create_task(server.serve(sockets=[listener]))
            assert b"here" in await Served(connections, listener.getsockname()[1], None).get()
            server.should_exit = True
            await asyncio.wait_for(task, LIMIT)

    run(story())
    assert caplog.text.count("no connection can be taken: Too many open files") == 1
