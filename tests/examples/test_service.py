"""examples/deploy/gateway.service: systemd takes it, and calls work inside its sandbox."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.config import Address
from gateway.demo import peer_command, running
from gateway.stopping import STOP_LIMIT
from tests.end_to_end.phone import calling
from tests.examples.deploy import FOLDER, fitted
from tests.examples.sandboxed import sandboxed_environment, settings_of
from tests.peers.gateway import GatewayConfig, run_gateway
from tests.peers.ports import free_port
from tests.peers.requirement import require
from tests.peers.systemd import Systemd

UNIT = FOLDER / "gateway.service"
COMMAND = "/opt/gateway/bin/gateway"

EXPOSED = 15  # tenths, of 100: "OK"; what is left is the network, which it is for


def analyze(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [require("systemd-analyze"), *arguments]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.mark.peer
async def test_systemd_hears_of_the_gateway(tmp_path: Path) -> None:
    """In the sandbox as well, from the first call that can be placed to the last one's end."""
    trunk = {"name": "silent", "uri": "sip:127.0.0.1:9;transport=udp"}
    with Systemd(str(tmp_path / "notify")) as systemd:
        environment = {
            **sandboxed_environment(UNIT, tmp_path),
            "NOTIFY_SOCKET": systemd.address,
            "WATCHDOG_USEC": "4000000",
        }
        config = GatewayConfig([trunk])
        async with run_gateway(config, tmp_path / "gateway", environment=environment) as gateway:
            await systemd.hears_of("READY=1")
            for _ in range(3):
                assert await systemd.hears(4) == ["WATCHDOG=1"]
            os.kill(gateway.pid, signal.SIGHUP)
            await systemd.hears_of("RELOADING=1")
            await systemd.hears_of("READY=1")
        await systemd.hears_of("STOPPING=1")


def is_filtered(pid: int) -> bool:
    """Say whether the process is in the sandbox: Python starts without, if that fails."""
    return "\nSeccomp:\t2\n" in Path(f"/proc/{pid}/status").read_text()


def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    unit = tmp_path / UNIT.name
    unit.write_text(fitted(UNIT.name, {COMMAND: "/bin/true"}))
    verified = analyze("verify", "--man=no", unit)
    assert (verified.returncode, verified.stderr) == (0, "")
    unit.write_text(unit.read_text().replace("WatchdogSec=30", "WatchdogSec=soon"))
    assert "Failed to parse sec value" in analyze("verify", "--man=no", unit).stderr


def test_little_is_exposed() -> None:
    rated = analyze("security", "--no-pager", "--offline=true", f"--threshold={EXPOSED}", str(UNIT))
    assert rated.returncode == 0, rated.stdout + rated.stderr


def test_it_is_told_that_we_are_ready_and_waits_for_the_last_call() -> None:
    settings = settings_of(UNIT)
    assert settings["Type"] == ["notify"], "gateway/sd_notify.py"
    assert float(settings["WatchdogSec"][0]) >= 10
    assert float(settings["TimeoutStopSec"][0]) > STOP_LIMIT


@pytest.mark.peer
async def test_a_call_goes_through_inside_the_sandbox(tmp_path: Path) -> None:
    at = Address("127.0.0.1", free_port())
    trunk = {"name": "peer", "uri": f"sip:{at};transport=udp", "codecs": ["PCMU"]}
    config = GatewayConfig([trunk], overrides={"admission": {"allow": ["6"]}})
    environment = sandboxed_environment(UNIT, tmp_path)
    async with (
        running(peer_command(at)),
        run_gateway(config, tmp_path / "gateway", environment=environment) as gateway,
        calling(gateway, "600") as call,
    ):
        assert is_filtered(gateway.pid)
        await call.hear("answered")
        await call.hear("quality")
        end = (await call.hang_up()).last
        assert (end["by"], end["cause"]) == ("local", "hangup")
        metrics = await gateway.metrics()
    assert metrics['gateway_leg_mos_count{leg="browser"}'] >= 1
    assert metrics["process_open_fds"] > 3
    assert "Operation not permitted" not in gateway.log()


async def python(program: str, environment: dict[str, str]) -> str:
    """Return what a program prints, and the last line of its error."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", program),
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate()
    return (output + b"".join(errors.splitlines()[-1:])).decode().strip()


@pytest.mark.parametrize(
    ("attempt", "refused"),
    [
        ("libc('mount', b'none', b'/mnt', b'tmpfs', 0, None)", "EPERM"),
        ("libc('setuid', 1000)", "EPERM"),
        ("libc('ptrace', 0, 0, 0, 0)", "EPERM"),
        ("socket.socket(socket.AF_PACKET, socket.SOCK_RAW)", "EAFNOSUPPORT"),
        ("socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM)", "EAFNOSUPPORT"),
    ],
)
async def test_the_sandbox_holds(tmp_path: Path, attempt: str, refused: str) -> None:
    """Else the call above would prove nothing."""
    program = f"""
import ctypes, errno, socket
def libc(name, *arguments):
    if getattr(ctypes.CDLL(None, use_errno=True), name)(*arguments) == -1:
        raise OSError(ctypes.get_errno(), name)
try:
    {attempt}
except OSError as error:
    print(errno.errorcode[error.errno])
else:
    print("done")
"""
    assert await python(program, sandboxed_environment(UNIT, tmp_path)) == refused


async def test_a_stricter_sandbox_would_let_no_handshake_through(tmp_path: Path) -> None:
    """Why the unit does not say MemoryDenyWriteExecute=yes; it may once this fails."""
    strict = tmp_path / "strict.service"
    strict.write_text(UNIT.read_text() + "MemoryDenyWriteExecute=yes\n")
    program = """
from OpenSSL import SSL
SSL.Context(SSL.DTLS_METHOD).set_verify(SSL.VERIFY_PEER, lambda *_: True)
print("done")
"""
    assert "write+execute" in await python(program, sandboxed_environment(strict, tmp_path))
    (tmp_path / "as-it-is").mkdir()
    assert await python(program, sandboxed_environment(UNIT, tmp_path / "as-it-is")) == "done"
