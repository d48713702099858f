"""`python -m tests.interop.torment FOLDER udp|tcp`: send RFC 4475's messages to a gateway.

For a namespace of its own (`peers.namespace`): answers go where Via says, which is anywhere. Prints
a line of JSON for each message: its name, the statuses that came, what is missing in the answers.
After each the gateway must answer OPTIONS, and after the last a call must work.
"""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from contextlib import ExitStack
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from gateway.trunk.message import Message, read
from tests.end_to_end.phone import calling
from tests.end_to_end.trunks import idle, open_trunk
from tests.interop.torture import MESSAGES, NEEDED, SILENCE, read_message
from tests.peers.gateway import Gateway, GatewayConfig, run_gateway
from tests.peers.namespace import run_until_told
from tests.peers.process import PeerError
from tests.peers.sipp import run_trunk

if TYPE_CHECKING:
    from collections.abc import Callable

SIP: Final = 9060  # the gateway's port: those that are named in Via are to be free
TRUNK: Final = 9070
PORTS: Final = (5060, 5050, 5070)  # that Via names
WAIT: Final = 0.5  # seconds for an answer, where one is right
GRACE: Final = 0.1  # seconds after OPTIONS has been answered, where none is
ALIVE: Final = 5.0  # seconds for the answer to OPTIONS


class Ears:
    """Hears the answers to one message, wherever they are sent in this namespace."""

    def __init__(self) -> None:
        self._heard: list[Message] = []
        self._news = asyncio.Event()

    def take(self, data: bytes) -> None:
        """Keep what came, which may be several responses one after the other."""
        for part in data.split(b"SIP/2.0 ")[1:]:
            self._heard.append(read("SIP/2.0 " + part.decode(errors="surrogateescape")))
        self._news.set()

    def answers(self, message: bytes) -> list[Message]:
        """Return the final responses to a message: with its Call-ID, or none if it has none."""
        text = message.decode(errors="surrogateescape")
        return [
            each
            for each in self._heard
            if each.code >= 200 and (each.header("call-id") or "") in text
        ]

    async def wait(self, done: Callable[[], object], seconds: float) -> bool:
        """Wait until something is so, or for so many seconds; tell whether it is."""
        until = monotonic() + seconds
        while not done() and monotonic() < until:
            self._news.clear()
            try:
                async with asyncio.timeout(until - monotonic()):
                    await self._news.wait()
            except TimeoutError:
                break
        return bool(done())


class Tormentor:
    """Sends messages to the gateway and looks after it."""

    def __init__(self, sockets: ExitStack) -> None:
        self._ears = Ears()
        self._loop = asyncio.get_running_loop()
        self._udp = [self._open(sockets, port) for port in (*PORTS, 0)]

    def _open(self, sockets: ExitStack, port: int) -> socket.socket:
        made = sockets.enter_context(socket.socket(type=socket.SOCK_DGRAM))
        made.bind(("", port))
        made.setblocking(False)
        self._loop.add_reader(made, lambda: self._ears.take(made.recv(65536)))
        sockets.callback(self._loop.remove_reader, made)
        return made

    async def send(self, name: str, branch: str, transport: str) -> dict[str, object]:
        """Send a message; return what has come of it."""
        self._ears = Ears()
        message, right = read_message(name, branch), MESSAGES[name].over(transport)
        with ExitStack() as open_now:
            if transport == "tcp":
                await self._send_by_tcp(message, open_now)
            else:
                self._udp[0].sendto(message, ("127.0.0.1", SIP))
            if right != {SILENCE}:
                await self._ears.wait(lambda: self._ears.answers(message), WAIT)
            await self._ask()
            await asyncio.sleep(GRACE)
            answers = self._ears.answers(message)
        wanting = {NEEDED[each.code] for each in answers if each.code in NEEDED}
        missing = [name for name in wanting if not any(each.header(name) for each in answers)]
        codes = sorted({each.code for each in answers}) or [SILENCE]
        return {"name": name, "codes": codes, "missing": missing}

    async def _send_by_tcp(self, message: bytes, open_now: ExitStack) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", SIP)
        open_now.callback(writer.close)

        async def listen() -> None:
            while data := await reader.read(65536):
                self._ears.take(data)

        task = asyncio.create_task(listen(), name="tormentor-tcp")
        open_now.callback(task.cancel)
        writer.write(message)
        await writer.drain()

    async def _ask(self) -> None:
        """Ask the gateway whether it is up; PeerError if it does not say so."""
        sock = self._udp[-1]
        port, call_id = sock.getsockname()[1], uuid4().hex
        lines = [
            f"OPTIONS sip:127.0.0.1:{SIP} SIP/2.0",
            f"Via: SIP/2.0/UDP 127.0.0.1:{port};rport;branch=z9hG4bK{uuid4().hex}",
            "From: <sip:tester@127.0.0.1>;tag=1",
            f"To: <sip:127.0.0.1:{SIP}>",
            f"Call-ID: {call_id}",
            "CSeq: 1 OPTIONS",
            "Max-Forwards: 70",
            "Content-Length: 0",
        ]
        question = "\r\n".join([*lines, "", ""]).encode()
        sock.sendto(question, ("127.0.0.1", SIP))
        if not await self._ears.wait(lambda: self._ears.answers(question), ALIVE):
            raise PeerError("the gateway does not answer OPTIONS any more")


async def place_call(gateway: Gateway, folder: Path, transport: str) -> None:
    """Have the gateway call sipp, and hang up."""
    options = ["-t", "t1" if transport == "tcp" else "u1"]
    async with (
        run_trunk("trunk-answer", folder / "trunk", port=TRUNK, options=options) as trunk,
        calling(gateway, "+15550100") as call,
    ):
        await call.hear("answered")
        await call.hang_up()
        await trunk.finish()
    await idle(gateway)


async def run(folder: Path, transport: str, say: Callable[[dict[str, object]], None]) -> None:
    """Send all messages over a transport, between two calls."""
    config = GatewayConfig([open_trunk(TRUNK, transport)], sip_port=SIP)
    async with run_gateway(config, folder / "gateway") as gateway:
        await place_call(gateway, folder, transport)
        with ExitStack() as sockets:
            tormentor = Tormentor(sockets)
            for number, name in enumerate(MESSAGES):
                say(await tormentor.send(name, f"z9hG4bK{number:05}", transport))
        await place_call(gateway, folder, transport)
        log = gateway.log()
    if "Traceback" in log or " ERROR " in log:
        raise PeerError(f"the gateway has met an error of its own\n{log}")


def main() -> None:
    """Run, until told to end."""
    folder, transport = Path(sys.argv[1]), sys.argv[2]

    def say(came: dict[str, object]) -> None:
        sys.stdout.write(f"{json.dumps(came)}\n")

    run_until_told(run(folder, transport, say))


if __name__ == "__main__":
    main()
