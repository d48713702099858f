"""Calls in a network of their own: the gateway at one address, its trunk at another, and a DNS.

A process cannot enter a namespace with threads running. So this module is run there as a process
of its own; it tells how each call went as JSON on standard output, and whoever has run it judges.
Every address is local there, and the name server is the one below: nothing leaves.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import dns.flags
import dns.message
import dns.rcode
import dns.rrset

from gateway.caller.call import CallOptions
from gateway.caller.sound import RATE
from tests.end_to_end.conftest import TONE
from tests.end_to_end.odd_sound import open_sound
from tests.end_to_end.odd_trunk import Line, OddTrunk, describe, odd_trunk
from tests.end_to_end.phone import LONG, PhoneCall
from tests.peers.gateway import TREE, Gateway, GatewayConfig, run_gateway
from tests.peers.process import PeerError
from tests.peers.requirement import missing, require
from tests.tones import Samples, make_tone, strongest_tone, write_wav

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

GATEWAY, TRUNK, CALLER = "192.0.2.1", "192.0.2.2", "192.0.2.3"  # RFC 5737
TRUNK_TONE = 440.0
DOMAIN = "example.net"
LATE = 1.0  # seconds

# What the name server says: an address, None for a name without one; what is not here is no name.
# `slow` gets no answer at all, `late` gets its own after a second
NAMES = {"media": TRUNK, "late": TRUNK, "loop": "127.0.0.1", "self": GATEWAY, "nothing": None}

SETUP = """\
ip link set lo up && ip route add local default dev lo &&
mount --bind "$1/resolv.conf" /etc/resolv.conf &&
{ [ ! -e /etc/nsswitch.conf ] || mount --bind "$1/nsswitch.conf" /etc/nsswitch.conf; } &&
shift && exec "$@"
"""
FILES = {"resolv.conf": "nameserver 127.0.0.1\n", "nsswitch.conf": "hosts: files dns\n"}
UNSHARE = ("unshare", "--user", "--map-root-user", "--net", "--mount")


def run_in_own_network(limit: float) -> dict[str, dict[str, Any]]:
    """Make all calls; return the `Facts` of each as JSON has them.

    The test is skipped where no such network can be made.
    """
    require("ip")
    if shutil.which("unshare") is None:
        missing("unshare is not installed (Debian package util-linux)")
    with tempfile.TemporaryDirectory() as folder:
        for name, text in FILES.items():
            (Path(folder) / name).write_text(text)
        enter = [*UNSHARE, "sh", "-c", SETUP, "sh", folder]
        tried = subprocess.run([*enter, "true"], capture_output=True, check=False)
        if tried.returncode != 0:
            missing(f"no network of its own can be made: {tried.stderr.decode().strip()}")
        told = subprocess.run(
            [*enter, sys.executable, "-m", "tests.end_to_end.own_network", folder],
            cwd=TREE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join((str(TREE), str(TREE / "codecs")))},
            capture_output=True,
            text=True,
            timeout=limit,
            check=False,
        )
    if told.returncode != 0:
        raise PeerError(f"exit status {told.returncode}\n{told.stderr[-4000:]}")
    facts: dict[str, dict[str, Any]] = json.loads(told.stdout)
    return facts


# -- inside


@dataclass
class Facts:
    """How a call went; times in seconds from the trunk's 200, None for what did not happen."""

    answered: float | None = None
    ended: float | None = None
    end: dict[str, Any] = field(default_factory=dict)
    heard: float | None = None  # Hz, the strongest tone at the caller
    said: float | None = None  # Hz, the strongest tone at the trunk
    packets: int = 0  # that came to the trunk
    codes: list[int] = field(default_factory=list)  # of the responses to re-INVITEs
    waited: list[float] = field(default_factory=list)  # for these responses
    requests: list[str] = field(default_factory=list)


class NameServer(asyncio.DatagramProtocol):
    """Answers from NAMES, or not."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        query = dns.message.from_wire(data)
        question = query.question[0]
        name = question.name.to_text().lower().removesuffix(f".{DOMAIN}.")
        response = dns.message.make_response(query)
        response.flags |= dns.flags.RA
        if name not in NAMES:
            response.set_rcode(dns.rcode.NXDOMAIN)
        elif (host := NAMES[name]) is not None and question.rdtype == dns.rdatatype.A:
            response.answer.append(dns.rrset.from_text(question.name, 60, "IN", "A", host))
        delay = LATE if name == "late" else 0.0
        if name != "slow":
            loop = asyncio.get_running_loop()
            loop.call_later(delay, self._transport.sendto, response.to_wire(), address)


@dataclass
class World:
    """What the calls are made with."""

    gateway: Gateway
    trunk: OddTrunk
    tone: Path


async def call_to(
    world: World,
    host: str,
    *,
    progress: str = "",
    moves_to: str = "",
    canceled: bool = False,
    port: Callable[[Line], int] | None = None,
) -> Facts:
    """Call a trunk whose answer says that its media is at `host`; see whether it is.

    Parameters
    ----------
    progress
        Host that a 183 before it says.
    moves_to
        Host that a re-INVITE says later; `canceled` if the trunk takes it back.
    port
        Which port it says, if not the one of the sound.
    """
    line, facts = world.trunk.line(), Facts()
    async with open_sound(TRUNK_TONE, host=TRUNK) as sound, calling(world, line.number) as call:
        await line.hear("INVITE")
        if progress:
            line.respond(183, describe(sound.port, host=progress))
            await asyncio.sleep(0.3)  # in which packets would come
            facts.packets = len(sound.heard)
        said = describe(sound.port if port is None else port(line), host=TRUNK)
        loop = asyncio.get_running_loop()
        since = loop.time()
        line.respond(200, said.replace(f"c=IN IP4 {TRUNK}", f"c=IN IP4 {host}"))
        if await happens(call, "answered"):
            facts.answered = loop.time() - since
            await talk(sound.samples, facts)
            if moves_to:
                offer = describe(sound.port, host=moves_to, version=2)
                await move(line, facts, offer, canceled=canceled)
                await talk(sound.samples, facts)
            await line.hear("ACK")
            outcome = await call.hang_up()
        else:
            outcome = await call.end()
            facts.ended = loop.time() - since
        facts.end, facts.requests = outcome.last, line.requests()
        facts.packets = facts.packets or len(sound.heard)
        if outcome.heard is not None:
            facts.heard = tone_of(outcome.heard[-RATE // 3 :], RATE)
    return facts


async def happens(call: PhoneCall, kind: str) -> bool:
    """Wait for a message; false if the call ends without it."""
    try:
        await call.hear(kind)
    except AssertionError:
        return False
    return True


async def talk(samples: Callable[[float], Samples], facts: Facts) -> None:
    """Let both ends speak, and note what the trunk hears at last."""
    await asyncio.sleep(0.8)
    facts.said = tone_of(samples(0.3), 8000)


async def move(line: Line, facts: Facts, offer: str, *, canceled: bool) -> None:
    """Send a re-INVITE, and note the answer."""
    loop = asyncio.get_running_loop()
    since = loop.time()
    moving = asyncio.create_task(line.reinvite(offer))
    if canceled:
        await asyncio.sleep(0.3)
        line.start_request("CANCEL", cseq=line.cseq)
    response = await moving
    facts.codes.append(response.status or 0)
    facts.waited.append(loop.time() - since)


def tone_of(samples: Samples, rate: int) -> float | None:
    """Return the strongest tone in Hz, rounded to tens; None if there is next to nothing."""
    if len(samples) < rate // 5:
        return None
    tone = strongest_tone(samples, rate)
    return round(tone.frequency, -1) if tone.level > -40 else None


@asynccontextmanager
async def calling(world: World, number: str) -> AsyncIterator[PhoneCall]:
    """Place a call from an address of its own."""
    url, tone = world.gateway.websocket_url, world.tone
    call = PhoneCall(CallOptions(to=number, url=url, play=tone, duration=LONG, address=CALLER))
    try:
        yield call
    finally:
        call.running.cancel()
        await asyncio.wait([call.running])


def offered_port(line: Line) -> int:
    """Return where the gateway itself receives this call's media."""
    assert line.invite is not None
    return int(line.invite.body.partition("m=audio ")[2].split()[0])


async def while_slow(world: World) -> Facts:
    """Call as usual while another call waits for its name."""
    await asyncio.sleep(0.8)
    return await call_to(world, TRUNK)


CALLS: dict[str, Callable[[World], Any]] = {
    "the trunk's address": lambda world: call_to(world, TRUNK),
    "a name": lambda world: call_to(world, f"media.{DOMAIN}"),
    "a name in capitals": lambda world: call_to(world, f"MEDIA.{DOMAIN.title()}."),
    "a late name": lambda world: call_to(world, f"late.{DOMAIN}"),
    "no such name": lambda world: call_to(world, f"nobody.{DOMAIN}"),
    "a name without address": lambda world: call_to(world, f"nothing.{DOMAIN}"),
    "a slow name": lambda world: call_to(world, f"slow.{DOMAIN}"),
    "as usual, while a name is slow": while_slow,
    "a name of loopback": lambda world: call_to(world, f"loop.{DOMAIN}"),
    "a name of the gateway": lambda world: call_to(world, f"self.{DOMAIN}", port=offered_port),
    "loopback": lambda world: call_to(world, "127.0.0.1"),
    "loopback, another": lambda world: call_to(world, "127.9.9.9"),
    "the gateway's own port": lambda world: call_to(world, GATEWAY, port=offered_port),
    "the gateway's SIP": lambda world: call_to(
        world, GATEWAY, port=lambda line: world.gateway.config.sip_port
    ),
    "early media at loopback": lambda world: call_to(world, TRUNK, progress="127.0.0.1"),
    "moves to loopback": lambda world: call_to(world, TRUNK, moves_to="127.0.0.1"),
    "moves to the gateway": lambda world: call_to(world, TRUNK, moves_to=GATEWAY),
    "moves to a name": lambda world: call_to(world, TRUNK, moves_to=f"media.{DOMAIN}"),
    "moves to a slow name": lambda world: call_to(world, TRUNK, moves_to=f"slow.{DOMAIN}"),
    "moves to a slow name, and takes it back": lambda world: call_to(
        world, TRUNK, moves_to=f"slow.{DOMAIN}", canceled=True
    ),
}
AT_ONCE = 7


async def make_calls(folder: Path) -> dict[str, Facts]:
    """Make the calls, some at a time; what fails is told as an end."""
    tone = write_wav(folder / "tone.wav", make_tone(TONE, seconds=1, rate=RATE), RATE)
    loop, room = asyncio.get_running_loop(), asyncio.Semaphore(AT_ONCE)
    names, _ = await loop.create_datagram_endpoint(NameServer, local_addr=("127.0.0.1", 53))
    async with odd_trunk(TRUNK) as trunk:
        config = GatewayConfig(
            [{"name": "open", "uri": trunk.uri, "codecs": ["PCMU"], "caller_id": "+15550001"}]
        )
        config.overrides = {
            "sip": {"listen": f"{GATEWAY}:{config.sip_port}"},
            "media": {"address": GATEWAY},
        }
        async with run_gateway(config, folder / "gateway") as gateway:
            world = World(gateway, trunk, tone)

            async def make(call: Callable[[World], Any]) -> Facts:
                async with room:
                    try:
                        facts: Facts = await call(world)
                    except (AssertionError, TimeoutError) as error:
                        return Facts(end={"failed": repr(error)})
                    return facts

            told = await asyncio.gather(*map(make, CALLS.values()))
    names.close()
    return dict(zip(CALLS, told, strict=True))


def main() -> None:
    told = asyncio.run(make_calls(Path(sys.argv[1])))
    json.dump({name: asdict(facts) for name, facts in told.items()}, sys.stdout)


if __name__ == "__main__":
    main()
