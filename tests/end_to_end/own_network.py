"""Calls in a network of their own: the gateway at one address, its trunk at another, and a DNS.

It is run as a process there (`peers.namespace`); it tells how each call went as JSON on standard
output, and whoever has run it judges. Every address is local there, and the name server is the one
below.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import shlex
import sys
import tempfile
from collections import Counter
from contextlib import AsyncExitStack, asynccontextmanager
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
from tests.end_to_end.odd_calls import TALK, TRUNK_TONE
from tests.end_to_end.odd_sound import Sound, open_sound
from tests.end_to_end.odd_trunk import Line, OddTrunk, describe, odd_trunk, offered_port
from tests.end_to_end.phone import LONG, PhoneCall
from tests.peers.gateway import Gateway, GatewayConfig, run_gateway
from tests.peers.namespace import ROUTES, run_isolated, run_until_told
from tests.peers.ports import free_port
from tests.peers.process import wait_until
from tests.tones import Samples, make_tone, strongest_tone, write_wav

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

GATEWAY, TRUNK, CALLER = "192.0.2.1", "192.0.2.2", "192.0.2.3"  # RFC 5737
DOMAIN = "example.net"
LATE = 0.5  # seconds

# What the name server says: an address, None for a name without one; what is not here is no name.
# Names that begin with `slow` get no answer at all, `late` gets its own after LATE
NAMES = {"media": TRUNK, "late": TRUNK, "loop": "127.0.0.1", "self": GATEWAY, "nothing": None}

FILES = {"resolv.conf": "nameserver 127.0.0.1\n", "nsswitch.conf": "hosts: files dns\n"}


def run_in_own_network(limit: float) -> dict[str, dict[str, Any]]:
    """Make all calls; return the `Facts` of each as JSON has them.

    The test is skipped where no such network can be made.
    """
    with tempfile.TemporaryDirectory() as folder:
        setup = ROUTES
        for name, text in FILES.items():
            ours, theirs = Path(folder, name), Path("/etc", name)
            ours.write_text(text)
            if theirs.exists():
                setup += f" && mount --bind {shlex.quote(str(ours))} {theirs}"
        told = run_isolated(
            "tests.end_to_end.own_network", folder, limit=limit, setup=setup, mounts=True
        )
    facts: dict[str, dict[str, Any]] = json.loads(told)
    return facts


# -- inside


@dataclass
class Facts:
    """How a call went; times in seconds from the trunk's 200, None for what did not happen."""

    answered: float | None = None
    ended: float | None = None
    end: dict[str, Any] = field(default_factory=dict)
    log: str = ""  # what the gateway has written of its end
    heard: float | None = None  # Hz, the strongest tone at the caller
    said: float | None = None  # Hz, the strongest tone at the trunk
    packets: int = 0  # that came to the trunk
    stray: int | None = None  # packets that came where nothing may be sent
    codes: list[int] = field(default_factory=list)  # of the responses to re-INVITEs
    waited: list[float] = field(default_factory=list)  # for these responses
    why: list[str] = field(default_factory=list)  # their Warning headers
    requests: list[str] = field(default_factory=list)
    asked: int = 0  # how often the name server had been asked for the name by then
    at_once: bool | None = None  # before a name that was slow already was given up


class NameServer(asyncio.DatagramProtocol):
    """Answers from NAMES, or not."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()  # by name, in small letters
        self._news = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        query = dns.message.from_wire(data)
        question = query.question[0]
        asked = question.name.to_text().lower().removesuffix(".")
        self.asked[asked] += 1
        self._news.set()
        name = asked.removesuffix(f".{DOMAIN}")
        if name.startswith("slow"):
            return
        response = dns.message.make_response(query)
        response.flags |= dns.flags.RA
        if name not in NAMES:
            response.set_rcode(dns.rcode.NXDOMAIN)
        elif (host := NAMES[name]) is not None and question.rdtype == dns.rdatatype.A:
            response.answer.append(dns.rrset.from_text(question.name, 60, "IN", "A", host))
        loop = asyncio.get_running_loop()
        delay = LATE if name == "late" else 0.0
        loop.call_later(delay, self._transport.sendto, response.to_wire(), address)

    async def hear(self, name: str, *, limit: float = 10.0) -> None:
        """Wait until somebody has asked for a name."""
        async with asyncio.timeout(limit):
            while not self.asked[name]:
                self._news.clear()
                await self._news.wait()


@dataclass
class World:
    """What the calls are made with."""

    gateway: Gateway
    trunk: OddTrunk
    names: NameServer
    tone: Path
    numbers: itertools.count[int] = field(default_factory=itertools.count)

    @asynccontextmanager
    async def calling(self, number: str) -> AsyncIterator[PhoneCall]:
        """Place a call from an address of its own."""
        url = self.gateway.websocket_url
        options = CallOptions(to=number, url=url, play=self.tone, duration=LONG, address=CALLER)
        call = PhoneCall(options)
        try:
            yield call
        finally:
            await call.take_down()

    @asynccontextmanager
    async def slow_name(self) -> AsyncIterator[PhoneCall]:
        """Have another call wait for a name; yield it once the name server has been asked."""
        line, name = self.trunk.line(), f"slow-{next(self.numbers)}.{DOMAIN}"
        async with self.calling(line.number) as call:
            await line.hear("INVITE")
            line.respond(200, at_host(describe(free_port(), host=TRUNK), name))
            await self.names.hear(name)
            yield call
            await call.end()


@dataclass
class Plan:
    """What the trunk says.

    Parameters
    ----------
    host
        Where its answer says that its media is.
    port
        Which port it says, if not the one of the sound.
    progress
        Host that a 183 before the answer says.
    moves_to
        Host that a re-INVITE says later; `canceled` if the trunk takes it back.
    nowhere
        Host among these to which nothing may be sent.
    meanwhile
        Whether another call waits for a slow name before this one is answered, or moves.
    """

    host: str = TRUNK
    port: Callable[[World, Line], int] | None = None
    progress: str = ""
    moves_to: str = ""
    canceled: bool = False
    nowhere: str = ""
    meanwhile: bool = False


async def make_call(world: World, plan: Plan) -> Facts:
    """Have a call come to the trunk, and see what becomes of its media."""
    line, facts, port = world.trunk.line(), Facts(), free_port()
    async with AsyncExitStack() as stack:
        sound = await stack.enter_async_context(open_sound(TRUNK_TONE, host=TRUNK, port=port))
        ear = None
        if plan.nowhere:
            ear = await stack.enter_async_context(
                open_sound(TRUNK_TONE, host=plan.nowhere, port=port)
            )
        call = await stack.enter_async_context(world.calling(line.number))
        await line.hear("INVITE")
        if plan.progress:
            await early(world, line, describe(port, host=plan.progress))
        await answered(world, plan, facts, line, call, sound)
        facts.requests = line.requests()
        facts.packets = len(sound.heard)
        facts.stray = None if ear is None else len(ear.heard)
    return facts


async def early(world: World, line: Line, body: str) -> None:
    """Announce early media that is refused, and leave time for packets to go there all the same."""
    line.respond(183, body)
    await wait_until(
        lambda: "early media not usable" in world.gateway.log(), limit=5, what="the refusal"
    )
    await asyncio.sleep(0.3)


async def answered(
    world: World, plan: Plan, facts: Facts, line: Line, call: PhoneCall, sound: Sound
) -> None:
    """Answer, and talk and move if the call is up; see it to its end."""
    loop = asyncio.get_running_loop()
    said = describe(sound.port if plan.port is None else plan.port(world, line), host=TRUNK)
    async with other_call(world, plan.meanwhile and not plan.moves_to) as waiting:
        since = loop.time()
        line.respond(200, at_host(said, plan.host))
        if up := await happens(call, "answered"):
            facts.answered = loop.time() - since
        else:
            facts.ended = loop.time() - since
        facts.at_once = None if waiting is None else "ended" not in waiting.kinds
        facts.asked = world.names.asked[plan.host.lower().removesuffix(".")]
        if up:
            await talk(sound, facts)
    if up and plan.moves_to:
        await moved(world, plan, facts, line, describe(sound.port, host=plan.moves_to, version=2))
        await talk(sound, facts)
    if up:
        await line.hear("ACK")
    outcome = await (call.hang_up() if up else call.end())
    facts.end = outcome.last
    if not up:
        facts.log = await why_ended(world, line)
    if outcome.heard is not None:
        facts.heard = tone_of(outcome.heard[-RATE // 3 :], RATE)


async def why_ended(world: World, line: Line) -> str:
    """Return what the gateway writes of the end of a call."""
    assert line.invite is not None
    name = f"sip={line.invite.header('call-id')}"
    found: list[str] = []

    def written() -> bool:
        lines = world.gateway.log().splitlines()
        found[:] = (each for each in lines if "call ended" in each and name in each)
        return bool(found)

    await wait_until(written, limit=5, what="the line of the call's end")
    return found[0]


async def moved(world: World, plan: Plan, facts: Facts, line: Line, offer: str) -> None:
    """Send a re-INVITE, and note the answer."""
    async with other_call(world, plan.meanwhile) as waiting:
        loop = asyncio.get_running_loop()
        since = loop.time()
        moving = asyncio.create_task(line.reinvite(offer))
        if plan.canceled:
            await world.names.hear(plan.moves_to)
            line.start_request("CANCEL", cseq=line.cseq)
        response = await moving
        facts.codes.append(response.status or 0)
        facts.waited.append(loop.time() - since)
        facts.why.append(response.header("warning") or "")
        facts.at_once = None if waiting is None else "ended" not in waiting.kinds
        facts.asked = world.names.asked[plan.moves_to]


@asynccontextmanager
async def other_call(world: World, wanted: bool) -> AsyncIterator[PhoneCall | None]:
    """Have another call wait for a slow name, if that is wanted."""
    if not wanted:
        yield None
        return
    async with world.slow_name() as call:
        yield call


def at_host(text: str, host: str) -> str:
    """Say that the trunk's media is at another host."""
    return text.replace(f"c=IN IP4 {TRUNK}", f"c=IN IP4 {host}")


async def happens(call: PhoneCall, kind: str) -> bool:
    """Wait for a message; false if the call ends without it."""
    try:
        await call.hear(kind)
    except AssertionError:
        return False
    return True


async def talk(sound: Sound, facts: Facts) -> None:
    """Let both ends speak, and note what the trunk hears at last."""
    await sound.hear(TALK)
    facts.said = tone_of(sound.samples(0.3), 8000)


def tone_of(samples: Samples, rate: int) -> float | None:
    """Return the strongest tone in Hz, rounded to tens; None if there is next to nothing."""
    if len(samples) < rate // 5:
        return None
    tone = strongest_tone(samples, rate)
    return round(tone.frequency, -1) if tone.level > -40 else None


def own_port(world: World, line: Line) -> int:
    """Return where the gateway itself receives this call's media."""
    return offered_port(line)


LOOPBACK = "127.0.0.1"
CALLS: dict[str, Plan] = {
    "the trunk's address": Plan(meanwhile=True),
    "a name": Plan(f"media.{DOMAIN}", meanwhile=True),
    "a name in capitals": Plan(f"MEDIA.{DOMAIN.title()}.", meanwhile=True),
    "a late name": Plan(f"late.{DOMAIN}", meanwhile=True),
    "no such name": Plan(f"nobody.{DOMAIN}", meanwhile=True),
    "a name without address": Plan(f"nothing.{DOMAIN}", meanwhile=True),
    "a slow name": Plan(f"slow.{DOMAIN}"),
    "a name of loopback": Plan(f"loop.{DOMAIN}", nowhere=LOOPBACK),
    "a name of the gateway": Plan(f"self.{DOMAIN}", own_port),
    "loopback": Plan(LOOPBACK, nowhere=LOOPBACK),
    "loopback, another": Plan("127.9.9.9", nowhere="127.9.9.9"),
    "the gateway's own port": Plan(GATEWAY, own_port),
    "the gateway's SIP": Plan(GATEWAY, lambda world, line: world.gateway.config.sip_port),
    "early media at loopback": Plan(progress=LOOPBACK, nowhere=LOOPBACK),
    "moves to loopback": Plan(moves_to=LOOPBACK, nowhere=LOOPBACK, meanwhile=True),
    "moves to the gateway": Plan(moves_to=GATEWAY, nowhere=GATEWAY, meanwhile=True),
    "moves to a name": Plan(moves_to=f"media.{DOMAIN}"),
    "moves to a slow name": Plan(moves_to=f"slow-move.{DOMAIN}"),
    "moves to a slow name, and takes it back": Plan(
        moves_to=f"slow-canceled.{DOMAIN}", canceled=True, meanwhile=True
    ),
}
AT_ONCE = 5  # calls, some of which have another one beside them


async def make_calls(folder: Path) -> dict[str, Facts]:
    """Make the calls, some at a time; what fails is told as an end."""
    tone = write_wav(folder / "tone.wav", make_tone(TONE, seconds=1, rate=RATE), RATE)
    loop, room = asyncio.get_running_loop(), asyncio.Semaphore(AT_ONCE)
    server, names = await loop.create_datagram_endpoint(NameServer, local_addr=("127.0.0.1", 53))
    async with odd_trunk(TRUNK) as trunk:
        config = GatewayConfig(
            [{"name": "open", "uri": trunk.uri, "codecs": ["PCMU"], "caller_id": "+15550001"}]
        )
        config.overrides = {
            "sip": {"listen": f"{GATEWAY}:{config.sip_port}"},
            "media": {"address": GATEWAY},
        }
        async with run_gateway(config, folder / "gateway") as gateway:
            world = World(gateway, trunk, names, tone)

            async def make(plan: Plan) -> Facts:
                async with room:
                    try:
                        return await make_call(world, plan)
                    except (AssertionError, TimeoutError) as error:
                        return Facts(end={"failed": repr(error)})

            told = await asyncio.gather(*map(make, CALLS.values()))
    server.close()
    return dict(zip(CALLS, told, strict=True))


def main() -> None:
    told = run_until_told(make_calls(Path(sys.argv[1])))
    json.dump({name: asdict(facts) for name, facts in told.items()}, sys.stdout)


if __name__ == "__main__":
    main()
