"""Calls whose client loses its network for a while: the link of its media goes down and comes back.

A host for each client, with a link to the gateway's. What the client has of the gateway besides is
its HTTP port, on loopback: what becomes of a call whose WebSocket is lost is another story.

It is run as a process in a namespace (`peers.namespace`) and tells how each call went as JSON on
standard output; `test_lost_network` judges.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from gateway.caller.call import CallOptions
from gateway.caller.sound import RATE
from tests.end_to_end.conftest import TONE
from tests.end_to_end.odd_calls import TALK, TRUNK_TONE
from tests.end_to_end.odd_sound import Sound, open_sound
from tests.end_to_end.odd_trunk import Line, describe, odd_trunk
from tests.end_to_end.phone import LONG, PhoneCall
from tests.end_to_end.relayed_network import proxy
from tests.peers.gateway import GatewayConfig, run_gateway
from tests.peers.hosts import Host, run
from tests.peers.namespace import run_isolated, run_until_told
from tests.tones import make_tone, measure_tone, write_wav
from tests.waiting import until
from voice.g711 import decode_ulaw

GATEWAY, TRUNK = "198.51.100.1", "203.0.113.1"  # RFC 5737

OUTAGES = (2.0, 5.0, 20.0)  # seconds; a browser that is silent for 12 is lost


def run_outages(limit: float) -> dict[str, dict[str, Any]]:
    """Make all calls; return the `Facts` of each, by its outage, as JSON has them.

    The test is skipped where no such network can be made.
    """
    with tempfile.TemporaryDirectory() as folder:
        told = run_isolated(
            "tests.end_to_end.lost_network", folder, limit=limit, setup="ip link set lo up"
        )
    facts: dict[str, dict[str, Any]] = json.loads(told)
    return facts


@dataclass
class Facts:
    """How a call went; times in seconds."""

    outage: float = 0.0  # as it was
    gap: float | None = None  # how long the trunk did not hear the client
    deaf: float | None = None  # how long the client heard nothing
    silence: float | None = None  # the longest pause in the trunk's stream
    sources: int = 0  # SSRCs that the trunk has seen
    missing: int = 0  # sequence numbers
    end: list[Any] = field(default_factory=list)
    error: str = ""


@dataclass
class Client:
    """A client in its call: its host, and the trunk's end.

    `cut` and `mend` start programs and wait for them: a thread does that, which is on a host of its
    own, while the loop goes on to speak for all clients and for the trunk.
    """

    number: int
    host: Host
    call: PhoneCall
    line: Line
    sound: Sound

    def cut(self) -> None:
        """Take the link of its media down."""
        with self.host.entered():
            run(f"ip link set media{self.number} down")

    def mend(self) -> None:
        """Bring it back, and the way to the gateway with it."""
        number = self.number
        with self.host.entered():
            run(
                f"ip link set media{number} up && "
                f"ip route replace {GATEWAY} via 192.0.2.{4 * number + 1}"
            )

    def heard(self) -> list[float]:
        """Return when each packet with the client's tone came to the trunk."""
        packets = [each for each in self.sound.heard if each.packet.payload_type == 0]
        return [
            each.at
            for each in packets
            if measure_tone(
                decode_ulaw(np.frombuffer(each.packet.payload, np.uint8)), 8000, TONE
            ).level
            > -40
        ]


async def lose_network(client: Client, seconds: float) -> Facts:
    """Cut the client off for a while, and see what each side hears of it."""
    facts, sound = Facts(), client.sound
    try:
        began = perf_counter()
        await asyncio.to_thread(client.cut)
        await asyncio.sleep(seconds)
        before = client.call.heard.size
        await asyncio.to_thread(client.mend)
        facts.outage = perf_counter() - began
        await until(lambda: client.call.heard.size != before)
        facts.deaf = perf_counter() - began
        await sound.hear(2 * TALK)
        times = client.heard()
        facts.gap = max(after - before for before, after in pairwise(times) if after > began)
        packets = [each.packet for each in sound.heard]
        facts.silence = max(b.at - a.at for a, b in pairwise(sound.heard))
        facts.sources = len({each.ssrc for each in packets})
        steps = [(b.sequence - a.sequence) & 0xFFFF for a, b in pairwise(packets)]
        facts.missing = sum(steps) - len(steps)
        await client.call.hang_up()
        facts.end = list(client.call.ended())
    except (AssertionError, TimeoutError) as error:
        facts.error = str(error)
    return facts


async def call(number: int, host: Host, url: str, line: Line, sound: Sound, tone: Path) -> Client:
    """Call the line from a host, which this process is on; go on when both sides are heard."""
    options = CallOptions(
        to=line.number, url=url, play=tone, duration=LONG, address=f"192.0.2.{4 * number + 2}"
    )
    phone = PhoneCall(options)
    await phone.hear("trying")
    await line.hear("INVITE")
    await line.answer(describe(sound.port, host=TRUNK))
    await phone.hear("answered")
    await sound.hear(TALK)
    return Client(number, host, phone, line, sound)


async def make_calls(folder: Path) -> dict[float, Facts]:
    """Make the calls, and cut them all off at once."""
    gateway = Host.new()
    async with AsyncExitStack() as stack:
        gateway.enter()
        run(f"ip addr add {GATEWAY}/32 dev lo && ip addr add {TRUNK}/32 dev lo")
        trunk = await stack.enter_async_context(odd_trunk(TRUNK))
        config = GatewayConfig(
            [{"name": "open", "uri": trunk.uri, "codecs": ["PCMU"], "caller_id": "+15550001"}]
        )
        config.overrides = {
            "sip": {"listen": f"{GATEWAY}:{config.sip_port}"},
            "media": {"address": GATEWAY},
            "sessions": {"resume_window": 60.0},
        }
        served = await stack.enter_async_context(run_gateway(config, folder))
        tone = write_wav(folder / "tone.wav", make_tone(TONE, seconds=1, rate=RATE), RATE)
        clients = []
        for number, _ in enumerate(OUTAGES):
            gateway.enter()
            sound = await stack.enter_async_context(open_sound(TRUNK_TONE, host=TRUNK))
            host = Host.new()
            ours, theirs = f"192.0.2.{4 * number + 1}/30", f"192.0.2.{4 * number + 2}/30"
            gateway.link(host, f"media{number}", ours, theirs)
            port = await stack.enter_async_context(proxy(host, gateway, served.config.http_port))
            host.enter()
            run(f"ip route add {GATEWAY} via 192.0.2.{4 * number + 1}")
            url = f"ws://127.0.0.1:{port}/v1/ws"
            clients.append(await call(number, host, url, trunk.line(), sound, tone))
        told = await asyncio.gather(*map(lose_network, clients, OUTAGES))
        for each in clients:
            await each.call.take_down()
    return dict(zip(OUTAGES, told, strict=True))


def main() -> None:
    told = run_until_told(make_calls(Path(sys.argv[1])))
    json.dump({f"{seconds:g}": asdict(facts) for seconds, facts in told.items()}, sys.stdout)


if __name__ == "__main__":
    main()
