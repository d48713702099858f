"""The Asterisk lab on ports of its own, from the private prefix (asterisk-lab/run-local.sh).

One lab serves a whole test session, so it is started and stopped outside any event loop; what a
test waits for comes through AMI.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.peers.ami import Manager, connect_manager
from tests.peers.host import HOST
from tests.peers.ports import free_port, release_ports, reserve_ports
from tests.peers.process import PeerError
from tests.peers.requirement import missing, require

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractAsyncContextManager

LAB = Path(__file__).parents[2] / "asterisk-lab"
RTP_PORTS = 800  # two a call


@dataclass(frozen=True, slots=True)
class AsteriskLab:
    """A running lab: where it listens, and where it keeps its log, recordings and certificates."""

    directory: Path
    sip_port: int  # UDP and TCP; TLS is the next one
    http_port: int  # ARI; HTTPS is the next one
    ami_port: int
    gateway_port: int  # where it looks for a gateway to call, UDP and TCP; TLS is the next one
    secret: str = "lab-secret"

    @property
    def tls_port(self) -> int:
        return self.sip_port + 1

    @property
    def authority(self) -> Path:
        """The certificate authority that signed the lab's TLS certificate."""
        return self.directory / "tls" / "ca.crt"

    def uri(self, transport: str = "udp") -> str:
        """Return the SIP URI of the lab, as a gateway's trunk is configured with it."""
        port = self.tls_port if transport == "tls" else self.sip_port
        return f"sip:{HOST}:{port};transport={transport}"

    def manager(self) -> AbstractAsyncContextManager[Manager]:
        """Log in to the manager interface."""
        return connect_manager(self.ami_port, secret=self.secret)

    def log(self) -> str:
        return (self.directory / "log" / "full").read_text(errors="replace")

    def environment(self, rtp: range) -> dict[str, str]:
        """Return the variables that asterisk-lab/run-local.sh is started with."""
        settings = {
            "LAB_RUN": self.directory,
            "LAB_OWNER": os.getpid(),  # a test run that is killed leaves no Asterisk behind
            "LAB_IP": HOST,
            "LAB_SIP_PORT": self.sip_port,
            "LAB_TLS_PORT": self.tls_port,
            "LAB_HTTP_PORT": self.http_port,
            "LAB_HTTPS_PORT": self.http_port + 1,
            "LAB_AMI_PORT": self.ami_port,
            "LAB_RTP_START": rtp.start,
            "LAB_RTP_END": rtp.stop - 1,
            "LAB_SECRET": self.secret,
            "LAB_GATEWAY_HOST": "127.0.0.1",
            "LAB_GATEWAY_PORT": self.gateway_port,
            "LAB_GATEWAY_TLS_PORT": self.gateway_port + 1,
        }
        return {**os.environ, **{name: str(value) for name, value in settings.items()}}


def require_lab() -> None:
    """Skip the test, or fail it in CI, when Asterisk has not been unpacked on this machine."""
    require("openssl")
    require("perl")
    if subprocess.run([LAB / "fetch.sh", "--check"], check=False).returncode != 0:
        missing("Asterisk is not unpacked: run asterisk-lab/fetch.sh")


@contextmanager
def run_lab() -> Iterator[AsteriskLab]:
    """Start a lab on free ports in a folder of its own; at the end stop it, remove the folder."""
    # Not pytest's tmp_path: the path of Asterisk's socket must stay under 108 characters
    directory = Path(tempfile.mkdtemp(prefix="asterisk-lab-"))
    lab = AsteriskLab(directory, free_port(), free_port(), free_port(), free_port())
    rtp = reserve_ports(RTP_PORTS)
    environment = lab.environment(rtp)
    try:
        _run("start", environment)
        try:
            yield lab
        finally:
            _run("stop", environment)
    finally:
        release_ports(rtp)
        shutil.rmtree(directory)


def _run(command: str, environment: dict[str, str]) -> None:
    run = subprocess.run(
        [LAB / "run-local.sh", command],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    if run.returncode != 0:
        raise PeerError(f"run-local.sh {command}: exit status {run.returncode}\n{run.stderr}")
