"""Whatever fails at the start or the end: no part is left behind, which the next start shows."""

from __future__ import annotations

import asyncio
import socket
from ipaddress import ip_network
from typing import TYPE_CHECKING, cast

import pytest

from gateway import wiring
from gateway.calls.symmetric_rtp import SymmetricRtp
from gateway.config import SessionSettings, Settings
from gateway.config_sip import TrunkSettings
from gateway.config_sources import load
from gateway.errors import UnavailableError
from gateway.media import MediaPlane
from gateway.trunk import Identity
from gateway.trunk.stack import Stack
from sdp import Srtp
from tests.gateway.trunk.wire import open_wire
from tests.peers.ports import free_port, free_ports
from tests.peers.requirement import require_own_engine
from tests.waiting import until

if TYPE_CHECKING:
    from gateway.calls.registry import Calls


class BrokenError(Exception):
    """A fault that no part knows."""


def settings(
    transport: str = "udp", port: int = 0, threads: int = 1, strangers: str = "silent"
) -> Settings:
    ports = free_ports(threads)
    return load(
        None,
        {
            "sip": {"listen": f"127.0.0.1:{port}", "strangers": strangers},
            "media": {"threads": threads, "browser_port": ports.start},
            "trunks": [{"name": "t", "uri": f"sip:127.0.0.1:9;transport={transport}"}],
        },
    )


async def test_sip_ends_when_media_cannot_start(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> MediaPlane:
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


async def test_pages_and_their_media_are_waited_for_as_the_settings_say() -> None:
    given = settings().model_copy(update={"sessions": SessionSettings(resume_window=7)})
    async with wiring.open_room(given) as room:
        assert room.sessions.window == 7
        assert cast("Calls", room.calls).resume_window == 7


@pytest.mark.parametrize("threads", [1, 2])
async def test_what_media_counts_is_in_the_metrics(threads: int) -> None:
    async with wiring.open_room(settings(threads=threads)) as room:
        assert room.media_stats()["sessions"] == 0
        text = room.metrics.text()
    for gauge in ("sessions", "load", "overloaded"):
        assert f"gateway_media_{gauge} 0.0\n".encode() in text


async def test_overload_of_the_media_is_said_and_ends_by_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with wiring.open_room(settings()) as room:
        with monkeypatch.context() as patch:
            patch.setattr(MediaPlane, "overloaded", property(lambda _: True))
            assert room.not_ready() == ["the media clock has no time left for another call"]
            assert b"gateway_media_overloaded 1.0\n" in room.metrics.text()
        assert room.not_ready() == []


async def test_a_browser_port_in_use_is_named() -> None:
    given = settings()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", given.media.browser_ports.start))
        with pytest.raises(UnavailableError, match=r"media\.browser_port = "):
            async with wiring.open_room(given):
                pass


def test_settings_reach_the_media_and_the_route() -> None:
    given = load(
        None,
        {
            "media": {
                **{"codec": "passthrough", "complexity": 3, "bitrate": 20_000},
                **{"timeout": 20, "early_timeout": 0},
            },
            "trunks": [
                {
                    **{"name": "t", "uri": "sip:127.0.0.1", "symmetric_rtp": "strict"},
                    "srtp": "required",
                    "codecs": ["G722", "PCMA", "opus", "PCMU"],
                }
            ],
        },
    )
    config = wiring.media_config(given)
    assert (config.complexity, config.bitrate) == (3, 20_000)
    assert (config.trunk_silence, config.trunk_silence_early) == (20, 0)
    assert (config.browser_port, config.threads) == (20_000, given.media.thread_count)
    route = wiring.route_of(given.trunks[0], given.media)
    assert route.codecs == ("G722", "PCMA", "opus", "PCMU")
    assert (route.passthrough, route.bitrate) == (("PCMA", "PCMU"), 20_000)
    assert route.symmetric_rtp is SymmetricRtp.STRICT
    assert route.srtp is Srtp.REQUIRED
    opus = given.media.model_copy(update={"codec": "opus"})
    assert wiring.route_of(given.trunks[0], opus).passthrough == ()


@pytest.mark.parametrize(
    ("sip", "media", "said"),
    [
        (None, None, None),
        (None, "192.0.2.1", "192.0.2.1"),
        ("192.0.2.2", None, "192.0.2.2"),
        ("192.0.2.2", "192.0.2.1", "192.0.2.2"),
    ],
)
def test_public_address_of_sip(sip: str | None, media: str | None, said: str | None) -> None:
    """It is media's unless it has one of its own: mostly one NAT stands before both."""
    tables = {"sip": sip, "media": media}
    given = load(None, {name: {"public_address": at} for name, at in tables.items() if at})
    assert wiring.endpoint_config(given).public_address == said
    assert wiring.media_config(given).public_address == media


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_tcp_is_open_only_for_a_trunk_that_uses_it(transport: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    async with wiring.open_room(settings(transport, port)):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as page:
            assert (page.connect_ex(("127.0.0.1", port)) == 0) is (transport == "tcp")


@pytest.mark.parametrize(("word", "answer"), [("silent", "none"), ("refuse", "403")])
async def test_what_strangers_get_is_the_settings_to_say(word: str, answer: str) -> None:
    require_own_engine()
    port = free_port()
    async with (
        wiring.open_room(settings(port=port, strangers=word)) as room,
        open_wire("127.0.0.9") as stranger,
        open_wire("127.0.0.1") as trunk,
    ):
        stranger.request("OPTIONS", port)
        await until(lambda: room.strangers().get(("OPTIONS", answer)) == 1)
        trunk.request("OPTIONS", port)
        assert (await trunk.hear(200)).code == 200
        if answer == "403":
            assert (await stranger.hear(403)).code == 403
        else:
            assert stranger.heard == []


def test_a_trunk_is_to_sip_what_the_settings_say() -> None:
    keys = {
        "sources": ["192.0.2.0/24"],
        "numbers_in": [["0", "+49"]],
        "identity": "rpid",
        "headers": ["X-A"],
    }
    trunk = wiring.trunk_of(TrunkSettings.model_validate({"name": "t", "uri": "sip:a", **keys}))
    assert trunk.sources == (ip_network("192.0.2.0/24"),)
    assert trunk.numbers_in == (("0", "+49"),)
    assert (trunk.identity, trunk.headers) == (Identity.REMOTE_PARTY, ("X-A",))
