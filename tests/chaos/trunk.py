"""The trunk of the chaos suite: a process of its own, which can be stopped and killed.

It answers each call at once. The last five digits of the number say at which port its audio is, so
that this stays with the test: there each packet is sent on time, and stamped when it comes. It
writes how many calls it has had and has, as JSON lines, whenever that changes; a line on standard
input has it hang all of them up.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Coroutine
from typing import Any

import sdp
from gateway.trunk import (
    Ended,
    EndpointConfig,
    IncomingCall,
    Offered,
    TrunkEndpoint,
    TrunkEvent,
    TrunkLeg,
)

POLICY = sdp.TrunkPolicy(codecs=("PCMU",))
PORT_DIGITS = 5


class Trunk:
    def __init__(self, media: str) -> None:
        self._media = media
        self._legs: set[TrunkLeg] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._taken = 0
        self.over = asyncio.Event()  # once nobody is there to tell any more

    def take(self, incoming: IncomingCall) -> Callable[[TrunkEvent], None]:
        leg, port = incoming.leg, int(incoming.to[-PORT_DIGITS:])
        self._legs.add(leg)
        self._taken += 1
        self.tell()
        self._start(self._answer(leg, self._describe(incoming.offer, port, 1)))

        def notify(event: TrunkEvent) -> None:
            if isinstance(event, Ended):
                self._legs.discard(leg)
                self.tell()
            elif isinstance(event, Offered):
                answer = self._describe(event.sdp, port, 2)
                self._start(leg.accept_offer(event.token, answer))

        return notify

    async def _answer(self, leg: TrunkLeg, answer: str) -> None:
        await leg.ring()
        await leg.answer(answer)

    def _describe(self, offer: str, port: int, version: int) -> str:
        answer, _ = sdp.answer_trunk(
            sdp.read(offer).description,
            policy=POLICY,
            address=sdp.RtpAddress(self._media, port),
            session_id=port,
            version=version,
            current=None,
        )
        return sdp.render(answer)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def tell(self) -> None:
        sys.stdout.write(json.dumps({"taken": self._taken, "held": len(self._legs)}) + "\n")
        sys.stdout.flush()

    def hang_up(self) -> None:
        """End all calls, if a line has come; at the end of the file it is over."""
        if not sys.stdin.readline():
            self.over.set()
        for leg in tuple(self._legs):
            self._start(leg.hangup())


async def serve(host: str, port: int, media: str) -> None:
    trunk = Trunk(media)
    config = EndpointConfig(host, port, user_agent="chaos-trunk")
    endpoint = TrunkEndpoint(config, trunk.take)
    await endpoint.start()
    asyncio.get_running_loop().add_reader(sys.stdin, trunk.hang_up)
    trunk.tell()  # it is ready
    await trunk.over.wait()
    await endpoint.close(1.0)


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], int(sys.argv[2]), sys.argv[3]))
