"""Whatever fails at the start or the end: no part is left behind, which the next start shows."""

from __future__ import annotations

import asyncio
import socket

import pytest

from gateway import wiring
from gateway.config import Settings
from gateway.config_sources import load
from gateway.media import MediaPlane
from gateway.trunk.stack import Stack


class BrokenError(Exception):
    """A fault that no part knows."""


def settings(transport: str = "udp", port: int = 0) -> Settings:
    return load(
        None,
        {
            "sip": {"listen": f"127.0.0.1:{port}"},
            "trunks": [{"name": "t", "uri": f"sip:127.0.0.1:9;transport={transport}"}],
        },
    )


async def test_sip_ends_when_media_cannot_start(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> MediaPlane:
        raise BrokenError

    with monkeypatch.context() as patch:
        patch.setattr(wiring, "MediaPlane", broken)
        with pytest.raises(BrokenError):
            async with wiring.open_room(settings()):
                pass
    async with wiring.open_room(settings()):  # pjsua2 runs once in a process
        pass


async def test_sip_ends_when_media_cannot_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    close = MediaPlane.close

    async def broken(plane: MediaPlane) -> None:
        await close(plane)
        raise BrokenError

    with monkeypatch.context() as patch:
        patch.setattr(MediaPlane, "close", broken)
        with pytest.raises(BrokenError):
            async with wiring.open_room(settings()):
                pass
    async with wiring.open_room(settings()):
        pass


async def test_a_sip_thread_that_dies_makes_the_gateway_unready(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(_: Stack) -> None:
        raise BrokenError("injected")

    async with wiring.open_room(settings()) as room:
        assert room.not_ready() == []
        monkeypatch.setattr(Stack, "_turn", broken)
        async with asyncio.timeout(5):
            await room.died.wait()
        (reason,) = room.not_ready()
        assert "BrokenError: injected" in reason


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_tcp_is_open_only_for_a_trunk_that_uses_it(transport: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    async with wiring.open_room(settings(transport, port)):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as page:
            assert (page.connect_ex(("127.0.0.1", port)) == 0) is (transport == "tcp")
