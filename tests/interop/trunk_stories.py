"""SIPp scenarios that are called (`uas-*`): the gateway calls, sipp is its trunk.

Each is told to the end by sipp, which fails at anything else than it waits for. Then the call, if
it is still up, is hung up, and nothing of it may be left in the gateway.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Final, cast

from websockets.exceptions import ConnectionClosed

from tests.end_to_end.phone import PhoneCall, calling
from tests.end_to_end.trunks import idle
from tests.interop.outcome import Outcome, name_of, sipp_reason
from tests.peers.gateway import Gateway, GatewayConfig, run_gateway
from tests.peers.process import PeerError
from tests.peers.sipp import Sipp, run_trunk

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

NUMBER: Final = "+15550100"
PORT: Final = 5070  # of the first trunk: in a namespace of our own all ports are free
LIMIT: Final = 15.0  # seconds for a scenario
SLOW: Final = {"uas-timer-reinvite": 60.0, "uas-timer-update": 60.0}  # refreshed after 45 s

# What its driver has pjsua do in mid-call, where that is to hang up; the rest only call
HANG_UP_WHEN: Final = {"uas-cancel-no-final": "ringing", "strict-route": "answered"}


class Janitor(asyncio.DatagramProtocol):
    """Says 200 to whatever the gateway still sends to a trunk that has told its story."""

    KEPT = (b"via", b"v", b"from", b"f", b"to", b"t", b"call-id", b"i", b"cseq")

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        head = data.partition(b"\r\n\r\n")[0].split(b"\r\n")
        if head[0].startswith((b"SIP/2.0", b"ACK")):
            return
        kept = [line for line in head if line.partition(b":")[0].strip().lower() in self.KEPT]
        answer = b"\r\n".join([b"SIP/2.0 200 OK", *kept, b"Content-Length: 0", b"", b""])
        self.transport.sendto(answer, addr)


@asynccontextmanager
async def trunk_gateway(folder: Path, number: int) -> AsyncIterator[tuple[Gateway, int]]:
    """Run a gateway with a trunk at a port of its own; yield both.

    Its credentials are those that the suite gives pjsua. Silence ends no call: sipp sends no media.
    """
    port = PORT + 2 * number
    trunk = {
        "name": "foreign",
        "uri": f"sip:127.0.0.1:{port}",
        "username": "a",
        "password": "a",
        "codecs": ["PCMU", "PCMA"],
    }
    media = {"timeout": 0, "early_timeout": 0}
    config = GatewayConfig([trunk], overrides={"media": media})
    async with run_gateway(config, folder / f"gateway-{number}") as gateway:
        yield gateway, port


async def tell(file: Path, gateway: Gateway, port: int, folder: Path) -> Outcome:
    """Have sipp tell one scenario to a call of the gateway's."""
    limit = SLOW.get(file.stem, LIMIT)
    story, target = str(file.with_suffix("")), f"127.0.0.1:{gateway.config.sip_port}"
    async with (
        run_trunk(story, folder / file.stem, port=port, limit=limit, options=[target]) as sipp,
        calling(gateway, NUMBER) as call,
    ):
        why = await _listen(call, sipp, HANG_UP_WHEN.get(file.stem), limit)
        left = await _clean_up(gateway, call, port)
    return Outcome(name_of(file), not (why or left), why or left)


async def _listen(call: PhoneCall, sipp: Sipp, moment: str | None, limit: float) -> str:
    """Return why the story failed, or nothing."""
    try:
        if moment is not None:
            await call.hear(moment, limit=limit)
            await call.hang_up()
        await sipp.finish()
    except (PeerError, AssertionError, TimeoutError) as error:
        return sipp_reason(sipp, error)
    return ""


async def _clean_up(gateway: Gateway, call: PhoneCall, port: int) -> str:
    """End what is left of the call, in the trunk's place; return what could not be ended."""
    loop = asyncio.get_running_loop()
    janitor, _ = await loop.create_datagram_endpoint(Janitor, local_addr=("127.0.0.1", port))
    try:
        with suppress(ConnectionClosed):  # it has ended by itself meanwhile
            await call.hang_up()
        end = (await call.end()).last
        if end.get("type") != "ended":
            return f"the call was not ended but {end}"
        await idle(gateway)
    except (PeerError, TimeoutError, ExceptionGroup) as error:
        return f"not cleaned up: {error}"
    finally:
        janitor.close()
    return ""


async def tell_all(
    files: list[Path], folder: Path, workers: int, say: Callable[[Outcome], None]
) -> None:
    """Tell scenarios through so many gateways at a time, the slow ones first."""
    waiting = sorted(files, key=lambda file: -SLOW.get(file.stem, LIMIT))

    async def work(number: int) -> None:
        async with trunk_gateway(folder, number) as (gateway, port):
            while waiting:
                say(await tell(waiting.pop(0), gateway, port, folder))

    async with asyncio.TaskGroup() as tasks:
        for number in range(workers):
            tasks.create_task(work(number))
