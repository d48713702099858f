"""The gateway as its users run it: `python -m gateway serve --config FILE`, its own process."""

from __future__ import annotations

import asyncio
import json
import signal
import urllib.error
import urllib.request
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tests.peers.forkserver import ForkedProcess, ForkServer, Start
from tests.peers.ports import free_port, release_ports, reserve_ports
from tests.peers.process import (
    PeerError,
    Usage,
    end_process,
    read_usage,
    tail,
    tree_environment,
)

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import AsyncIterator, Mapping, Sequence

# Gateways of this tree are forked where the tests have a server for it (tests/conftest.py)
FORKED: list[ForkServer] = []
START_LIMIT = 60.0  # of two dozen that start at once, beside other tests, a few are slow
STOP_LIMIT = 15.0
MEDIA_PORTS = 400  # two a call

Table = dict[str, object]


@dataclass
class GatewayConfig:
    """What goes into gateway.toml: free ports, everything on loopback, calls to +1 allowed."""

    trunks: Sequence[Mapping[str, object]]
    http_port: int = field(default_factory=free_port)
    sip_port: int = field(default_factory=free_port)
    media_ports: range = field(default_factory=lambda: reserve_ports(MEDIA_PORTS))
    overrides: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    routes: Sequence[Mapping[str, object]] = ()
    incoming: Sequence[Mapping[str, object]] = ()

    def tables(self) -> dict[str, Table]:
        """Return the configuration, `overrides` laid over it key by key; None leaves a key out."""
        tables: dict[str, Table] = {
            "http": {"listen": f"127.0.0.1:{self.http_port}"},
            "sip": {"listen": f"127.0.0.1:{self.sip_port}"},
            "media": {
                "address": "127.0.0.1",
                "ports": [self.media_ports.start, self.media_ports.stop - 1],
                "threads": 1,
            },
            "admission": {"mode": "open", "allow": ["+1"]},
            # A caller that a test cancels has no call any more, unless the test is about that
            "sessions": {"resume_window": 0},
        }
        for name, table in self.overrides.items():
            merged = {**tables.get(name, {}), **table}
            tables[name] = {key: value for key, value in merged.items() if value is not None}
        return tables

    @property
    def trunk_ports(self) -> range:
        """The UDP ports of trunks: those before them are the browsers', one for each thread."""
        threads = self.tables()["media"]["threads"]
        assert isinstance(threads, int)
        return self.media_ports[threads:]

    def render(self) -> str:
        """Return the text of the file. A JSON scalar or array is TOML as well."""
        blocks = [(f"[{name}]", table) for name, table in self.tables().items()]
        # No OPTIONS unless a test asks for them: a script has no answer to what it does not expect
        blocks += [("[[trunks]]", {"options": 0, **trunk}) for trunk in self.trunks]
        blocks += [("[[routes]]", dict(route)) for route in self.routes]
        blocks += [("[[incoming]]", dict(each)) for each in self.incoming]
        return "\n\n".join(
            "\n".join([title, *(f"{key} = {json.dumps(value)}" for key, value in table.items())])
            for title, table in blocks
        )


class Gateway:
    """A running gateway. Use `run_gateway`."""

    def __init__(self, process: Process | ForkedProcess, config: GatewayConfig, log: Path) -> None:
        self.config = config
        self.url = f"http://127.0.0.1:{config.http_port}"
        self.websocket_url = f"ws://127.0.0.1:{config.http_port}/v1/ws"
        self._process = process
        self._log = log
        self._stopping = False
        self._killed = False

    @property
    def pid(self) -> int:
        return self._process.pid

    def log(self) -> str:
        """Return what it wrote to standard output and standard error."""
        return self._log.read_text(errors="replace")

    def usage(self) -> Usage:
        """Return what it uses at this moment."""
        return read_usage(self.pid)

    async def get(self, path: str) -> tuple[int, str]:
        """Return status and body of an HTTP request; status 0 when nothing answers."""
        return await asyncio.to_thread(_get, self.url + path)

    async def metrics(self) -> dict[str, float]:
        """Return the samples of /metrics by name, labels included as they are printed."""
        status, text = await self.get("/metrics")
        if status != 200:
            raise PeerError(f"/metrics: {status} {text}")
        lines = (line for line in text.splitlines() if line and not line.startswith("#"))
        pairs = (line.rpartition(" ") for line in lines)
        return {name: float(value) for name, _, value in pairs}

    async def ready(self, limit: float = START_LIMIT) -> None:
        """Wait until /readyz says 200."""
        status, text = 0, ""
        try:
            async with asyncio.timeout(limit):
                while self._process.returncode is None:
                    status, text = await self.get("/readyz")
                    if status == 200:
                        return
                    await asyncio.sleep(0.05)
        except TimeoutError:
            pass
        ended = self._process.returncode
        state = f"ended with status {ended}" if ended is not None else f"/readyz: {status} {text}"
        raise PeerError(f"the gateway is not ready: {state}\n{tail(self._log)}")

    def terminate(self) -> None:
        """Have it go out of service: calls that run may go on as long as `drain_timeout` says."""
        self._signal(signal.SIGTERM)

    def _signal(self, number: signal.Signals) -> None:
        """Send it, unless one was sent: another one has another meaning."""
        if not self._stopping and self._process.returncode is None:
            self._process.send_signal(number)
        self._stopping = True

    async def ended(self) -> int:
        """Wait for its end; return the exit status."""
        return await self._process.wait()

    async def kill(self) -> None:
        """Kill it, with no chance to do anything more; that is no fault at the end."""
        self._killed = True
        self._process.kill()
        await self._process.wait()

    async def stop(self) -> None:
        """Have it end its calls and stop; PeerError unless its status is 0."""
        if self._killed:
            return
        self._signal(signal.SIGINT)
        try:
            async with asyncio.timeout(STOP_LIMIT):
                status = await self._process.wait()
        except TimeoutError:
            status = await end_process(self._process)
        if status != 0:
            raise PeerError(f"the gateway ended with status {status}\n{tail(self._log)}")


def _without_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """Leave out the variables that would win over the file."""
    return {key: value for key, value in environment.items() if not key.startswith("GATEWAY_")}


def _write(config: GatewayConfig, directory: Path) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    file = directory / "gateway.toml"
    file.write_text(config.render())
    return file


def _get(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode(errors="replace")
    except OSError:
        return 0, ""


@asynccontextmanager
async def run_gateway(
    config: GatewayConfig,
    directory: Path,
    *,
    wait_ready: bool = True,
    environment: Mapping[str, str] | None = None,
) -> AsyncIterator[Gateway]:
    """Start a gateway, its files in `directory`; stop it at the end and check how it ended.

    It is run from this tree's sources, or where `environment` finds them (`tree_environment`).
    """
    file = _write(config, directory)
    log = directory / "gateway.log"
    settled = _without_settings(environment or tree_environment())
    start = Start("gateway", ["serve", "--config", str(file)], str(directory), settled, str(log))
    forked = FORKED and environment is None  # whose packages are imported already
    with log.open("wb") as output:
        process = await (FORKED[-1].start(start) if forked else start.in_full(output))
    gateway = Gateway(process, config, log)
    try:
        if wait_ready:
            await gateway.ready()
        yield gateway
    except BaseException:
        await end_process(process)  # the test's own error is the one to see
        raise
    else:
        await gateway.stop()
    finally:
        release_ports(config.media_ports)
