"""What systemd hears of the gateway, through a real socket such as systemd's."""

from __future__ import annotations

import asyncio
import os
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from gateway.sd_notify import Supervisor
from tests.peers.systemd import Systemd

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping
    from pathlib import Path

    from gateway.sd_notify import Probe

WATCHDOG = 0.3  # seconds
FED = "WATCHDOG=1"


async def hears_nothing(systemd: Systemd, seconds: float) -> None:
    with pytest.raises(TimeoutError):
        await systemd.hears(seconds)


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[Systemd]:
    with Systemd(str(tmp_path / "notify")) as systemd:
        yield systemd


@asynccontextmanager
async def fed(systemd: Systemd, probes: Mapping[str, Probe]) -> AsyncIterator[asyncio.Task[None]]:
    supervisor = Supervisor(systemd.address, WATCHDOG)
    feeding = asyncio.create_task(supervisor.feed_watchdog(probes))
    try:
        yield feeding
    finally:
        feeding.cancel()
        await asyncio.gather(feeding, return_exceptions=True)


async def answer() -> None:
    await asyncio.sleep(0)


def test_it_hears_that_we_are_ready_and_that_we_stop(systemd: Systemd) -> None:
    supervisor = Supervisor(systemd.address)
    supervisor.ready("http://127.0.0.1:8080\nREADY=0")
    assert systemd.heard() == ["READY=1", "STATUS=http://127.0.0.1:8080 READY=0"]
    supervisor.stopping()
    assert systemd.heard() == ["STOPPING=1"]


def test_a_reload_ends_however_it_went(systemd: Systemd) -> None:
    supervisor = Supervisor(systemd.address)

    def reload() -> None:
        with supervisor.reloading():
            raise ValueError("typed wrong")

    with pytest.raises(ValueError, match="typed wrong"):
        reload()
    first, clock = systemd.heard()
    assert first == "RELOADING=1"
    assert clock.startswith("MONOTONIC_USEC=")
    assert systemd.heard() == ["READY=1"]


def test_the_environment_is_read_and_taken_out(systemd: Systemd) -> None:
    environment = {
        "NOTIFY_SOCKET": systemd.address,
        "WATCHDOG_USEC": "30000000",
        "WATCHDOG_PID": str(os.getpid()),
        "PATH": "/usr/bin",
    }
    supervisor = Supervisor.from_environment(environment)
    assert environment == {"PATH": "/usr/bin"}
    assert supervisor.watchdog == 30
    supervisor.ready()
    assert systemd.heard() == ["READY=1"]


@pytest.mark.parametrize(
    "environment",
    [
        {"WATCHDOG_USEC": "0"},
        {"WATCHDOG_USEC": "soon"},
        {"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"},
        {"WATCHDOG_USEC": "30000000", "NOTIFY_SOCKET": "vsock:2:1"},
        {"WATCHDOG_USEC": "30000000", "NOTIFY_SOCKET": ""},
        {},
    ],
    ids=str,
)
async def test_there_is_no_watchdog_unless_it_is_ours(environment: dict[str, str]) -> None:
    supervisor = Supervisor.from_environment({"NOTIFY_SOCKET": "/nowhere", **environment})
    assert supervisor.watchdog is None
    async with asyncio.timeout(1):
        await supervisor.feed_watchdog({"media": answer})


def test_an_abstract_socket_is_reached() -> None:
    with Systemd(f"@gateway-test-{os.getpid()}") as systemd:
        Supervisor(systemd.address).ready()
        assert systemd.heard() == ["READY=1"]


def test_nobody_that_listens_is_no_fault(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    Supervisor().ready()
    assert caplog.text == ""
    Supervisor(str(tmp_path / "gone")).ready()
    assert "systemd was not told READY=1: No such file or directory" in caplog.text


async def test_the_watchdog_is_fed_while_every_part_answers(systemd: Systemd) -> None:
    async with fed(systemd, {"media": answer, "sip": answer}):
        for _ in range(3):
            assert await systemd.hears(WATCHDOG) == [FED]


async def test_a_part_that_hangs_starves_it_until_it_answers(
    systemd: Systemd, caplog: pytest.LogCaptureFixture
) -> None:
    unstuck = asyncio.Event()
    async with fed(systemd, {"media": answer, "sip": unstuck.wait}):
        await hears_nothing(systemd, 2 * WATCHDOG)
        unstuck.set()
        assert await systemd.hears() == [FED]
    said = [record.message for record in caplog.records if record.levelname == "ERROR"]
    assert said == ["no answer from sip: systemd's watchdog is not fed"], "once, not at each turn"


async def test_a_part_that_has_died_starves_it(systemd: Systemd) -> None:
    async def dead() -> None:
        raise RuntimeError("the thread has ended")

    async with fed(systemd, {"media": dead, "sip": answer}) as feeding:
        await hears_nothing(systemd, 2 * WATCHDOG)
        assert not feeding.done()
