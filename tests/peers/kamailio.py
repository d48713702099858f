"""Kamailio, and as a proxy before a trunk: it record-routes, relays, and knows nobody itself."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.peers.host import HOST, listens
from tests.peers.ports import free_port
from tests.peers.process import PeerError, end_process, tail, wait_until
from tests.peers.requirement import require

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

LIMIT = 10.0  # seconds

# The standard's proxy, by Kamailio's own guide: requests of a dialog go where their Route headers
# say, others to one next hop
CONFIG = """\
debug=2
log_stderror=yes
children=1
tcp_children=1
auto_aliases=no
listen=udp:{host}:{port}
listen=tcp:{host}:{port}
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "xlog.so"
request_route {{
    xlog("L_ERR", "got $rm of $ru by $pr\\n");
    if (is_method("CANCEL")) {{
        if (t_check_trans()) t_relay();
        exit;
    }}
    if (has_totag()) {{
        if (loose_route()) {{
            t_relay();
        }} else if (!is_method("ACK")) {{
            sl_send_reply("404", "Not Here");
        }} else if (t_check_trans()) {{
            t_relay();
        }}
        exit;
    }}
    remove_hf("Route");
    if (is_method("INVITE")) record_route();
    $du = "sip:{target};transport=udp";
    t_relay();
}}
"""


@dataclass(frozen=True, slots=True)
class Proxy:
    """A running Kamailio."""

    port: int
    log: Path

    def uri(self, transport: str = "udp") -> str:
        """Return the URI of the proxy, as `outbound_proxy` is configured with it."""
        return f"sip:{HOST}:{self.port};transport={transport};lr"

    def requests(self) -> list[str]:
        """Return what came, in order: method and transport."""
        words = [line.split() for line in self.log.read_text().splitlines() if " got " in line]
        return [f"{line[line.index('got') + 1]} {line[-1]}" for line in words]


@asynccontextmanager
async def run_proxy(directory: Path, target: str) -> AsyncIterator[Proxy]:
    """Run a proxy that relays to `target`, "host:port"."""
    port = free_port()
    config = CONFIG.format(host=HOST, port=port, target=target)
    async with run_program(directory, config, port) as log:
        yield Proxy(port, log)


@asynccontextmanager
async def run_program(directory: Path, config: str, port: int) -> AsyncIterator[Path]:
    """Run Kamailio by a configuration that has it listen at a port; yield its log."""
    file, log = _write(directory, config), directory / "kamailio.log"
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *(str(require("kamailio")), "-f", str(file), "-DD", "-E", "-m", "32", "-M", "4"),
            *("-w", str(directory), "-Y", str(directory), "-P", str(directory / "pid")),
            cwd=directory,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )

    def listening() -> bool:
        if process.returncode is not None:
            raise PeerError(f"Kamailio ended at once\n{tail(log)}")
        return listens(port)

    try:
        await wait_until(listening, limit=LIMIT, what="Kamailio is up")
        yield log
        if process.returncode is not None:
            raise PeerError(f"Kamailio ended with status {process.returncode}\n{tail(log)}")
    finally:
        await end_process(process)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # children outlive a parent that was slow to end


def _write(directory: Path, config: str) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    file = directory / "kamailio.cfg"
    file.write_text(config)
    return file
