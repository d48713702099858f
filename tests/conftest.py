"""Fixtures for the tests against real peers.

A test that asks for one of them carries the marker `peer`: `pytest -m "not peer"` runs the rest.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Protocol

import pytest
from hypothesis import HealthCheck, settings

from gateway.log import LineFormatter
from tests import second_try
from tests.peers.asterisk import AsteriskLab, require_lab, run_lab
from tests.peers.chromium import Chromium, run_chromium
from tests.peers.firefox import Firefox, run_firefox
from tests.peers.forkserver import ForkServer
from tests.peers.gateway import FORKED, Gateway, GatewayConfig, run_gateway

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from xdist.remote import Producer

    from tests.peers.ami import Manager
    from tests.scheduling import Scheduling

# How long an example takes says how busy the machine is, and nothing of what is tested
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

PEERS = {"lab", "manager", "chromium", "firefox", "gateway", "start_gateway"}


@pytest.hookimpl(optionalhook=True)  # of pytest-xdist, if there is more than one process
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Scheduling | None:
    """Share the tests in our way where whole files are asked for."""
    if config.getoption("dist") != "loadfile":
        return None
    from tests.scheduling import Scheduling

    return Scheduling(config, log)


pytest_addoption = second_try.add_option
pytest_sessionfinish = second_try.try_again
pytest_terminal_summary = second_try.show


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if isinstance(item, pytest.Function) and PEERS.intersection(item.fixturenames):
            item.add_marker("peer")


@pytest.fixture(autouse=True)
def _log_is_pytests() -> Iterator[None]:
    """Undo what a command does to the log, when a test runs one in this process."""
    root = logging.getLogger()
    level = root.level
    yield
    if root.level == level:
        return
    root.setLevel(level)
    for handler in [each for each in root.handlers if isinstance(each.formatter, LineFormatter)]:
        root.removeHandler(handler)
    logging.captureWarnings(False)


@pytest.fixture(scope="session", autouse=True)
def _gateways_are_forked() -> Iterator[None]:
    """Import what a gateway needs once, for all that the tests start."""
    FORKED.append(server := ForkServer())
    yield
    FORKED.remove(server)
    server.stop()


@pytest.fixture(scope="session")
def lab() -> Iterator[AsteriskLab]:
    """One Asterisk for the whole session."""
    require_lab()
    with run_lab() as lab:
        yield lab


@pytest.fixture
async def manager(lab: AsteriskLab) -> AsyncIterator[Manager]:
    """The lab's manager interface; it has the events since this test began."""
    async with lab.manager() as manager:
        yield manager


@pytest.fixture
async def chromium(tmp_path: Path) -> AsyncIterator[Chromium]:
    """Chromium, 440 Hz at its microphone."""
    async with run_chromium(tmp_path) as chromium:
        yield chromium


@pytest.fixture
async def firefox() -> AsyncIterator[Firefox]:
    """Firefox, 1000 Hz at its microphone."""
    async with run_firefox() as firefox:
        yield firefox


class StartGateway(Protocol):
    """Start a gateway with these trunks, and tables laid over the configuration."""

    def __call__(
        self,
        *trunks: Mapping[str, object],
        wait_ready: bool = True,
        **tables: Mapping[str, object],
    ) -> AbstractAsyncContextManager[Gateway]: ...


@pytest.fixture
def start_gateway(tmp_path: Path) -> StartGateway:
    """A gateway with a trunk of the test's choice: `async with start_gateway({...}) as gateway`."""
    count = 0

    def start(
        *trunks: Mapping[str, object],
        wait_ready: bool = True,
        **tables: Mapping[str, object],
    ) -> AbstractAsyncContextManager[Gateway]:
        nonlocal count
        count += 1
        config = GatewayConfig(trunks, overrides=tables)
        return run_gateway(config, tmp_path / f"gateway-{count}", wait_ready=wait_ready)

    return start


@pytest.fixture
async def gateway(lab: AsteriskLab, start_gateway: StartGateway) -> AsyncIterator[Gateway]:
    """A gateway whose trunk is the lab: PCMU, digest authentication, UDP."""
    trunk = {
        "name": "lab",
        "uri": lab.uri(),
        "username": "trunk-digest",
        "password": lab.secret,
        "codecs": ["PCMU"],
        "caller_id": "+15550001",
    }
    async with start_gateway(trunk) as gateway:
        yield gateway
