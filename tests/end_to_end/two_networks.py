"""Calls of a gateway on 0.0.0.0 with a browser and a trunk in each of two networks.

Each network knows no way but its own: what names the gateway's address in the other one, or comes
from there, leads nowhere. In one more call the trunk's SIP is in the first network, and its sound
in the second; and in one a trunk of the first calls a page of the second.

It is run as a process in a namespace (`peers.namespace`) and tells how each call went as JSON on
standard output; `test_two_networks` judges.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playwright.async_api import Error

from gateway.caller.call import CallOptions
from gateway.caller.sound import RATE
from gateway.errors import GatewayError
from tests.end_to_end.calling_trunk import trunk_call
from tests.end_to_end.conftest import TONE
from tests.end_to_end.odd_calls import TRUNK_TONE
from tests.end_to_end.odd_sound import Sound, open_sound
from tests.end_to_end.odd_trunk import OddTrunk, describe, odd_trunk, offered_address
from tests.end_to_end.phone import LONG, PhoneCall
from tests.end_to_end.relayed_network import FLAGS, STATS, hears_client, listen, proxy, tone_of
from tests.peers.chromium import Chromium, run_chromium
from tests.peers.gateway import Gateway, GatewayConfig, run_gateway
from tests.peers.hosts import Host, run, settled
from tests.peers.namespace import run_isolated, run_until_told
from tests.tones import make_tone, write_wav

if TYPE_CHECKING:
    from tests.end_to_end.odd_trunk import Line

NETWORKS = {"first": ("192.0.2.1", "192.0.2.2"), "second": ("198.51.100.1", "198.51.100.2")}
PREFIXES = {"first": "+15551", "second": "+15552"}
CALLED = "+15553000"
SIP_PORT = 5060
GIVEN_UP = 20.0  # seconds

CHECKED = f"""(async () => {{
    const stats = {STATS};
    const pair = stats.find(({{ type, nominated, state }}) =>
        type === "candidate-pair" && nominated && state === "succeeded");
    return stats.find(({{ id }}) => id === pair?.remoteCandidateId)?.address ?? "";
}})()"""


def run_in_two_networks(limit: float) -> dict[str, dict[str, Any]]:
    """Make all calls; return the `Facts` of each as JSON has them.

    The test is skipped where no such network can be made.
    """
    with tempfile.TemporaryDirectory() as folder:
        told = run_isolated(
            "tests.end_to_end.two_networks", folder, limit=limit, setup="ip link set lo up"
        )
    facts: dict[str, dict[str, Any]] = json.loads(told)
    return facts


# -- inside


@dataclass
class Facts:
    """How a call went."""

    told: str = ""  # the gateway's address in its offer to the trunk
    source: str = ""  # where its sound came from
    checked: str = ""  # the gateway's address that the browser uses
    heard: float | None = None  # Hz, the strongest tone at the client
    said: float | None = None  # Hz, the strongest tone at the trunk
    end: dict[str, Any] = field(default_factory=dict)
    error: str = ""


@dataclass
class World:
    """What the calls are made with: all of it is open, each on its own host."""

    gateway: Gateway
    hosts: dict[str, Host]
    trunks: dict[str, OddTrunk]
    sounds: dict[str, Sound]  # one in each network
    ports: dict[str, int]  # of the gateway's proxies, on each network's loopback
    browsers: dict[str, Chromium]
    tone: Path


def describe_gateway() -> GatewayConfig:
    """Return the gateway's configuration: nothing in it says which addresses it has."""
    trunks = [
        {
            "name": name,
            "uri": f"sip:{theirs}:{SIP_PORT}",
            "codecs": ["PCMU"],
            "caller_id": "+15550001",
        }
        for name, (_, theirs) in NETWORKS.items()
    ]
    routes = [{"to": f"{prefix}*", "trunks": [name]} for name, prefix in PREFIXES.items()]
    incoming = [{"to": CALLED, "identity": "desk"}]
    config = GatewayConfig(trunks, routes=routes, incoming=incoming)
    config.overrides = {
        "sip": {"listen": f"0.0.0.0:{config.sip_port}"},
        "media": {"address": "0.0.0.0"},
    }
    return config


async def open_world(stack: AsyncExitStack, folder: Path) -> World:
    """Open everything, and stay on the gateway's host."""
    here = Host.here()
    hosts, trunks, sounds, ports, browsers = {}, {}, {}, {}, {}
    for name, (ours, theirs) in NETWORKS.items():
        hosts[name] = Host.new()
        here.link(hosts[name], name, f"{ours}/24", f"{theirs}/24")
    gateway = await stack.enter_async_context(run_gateway(describe_gateway(), folder / "gateway"))
    for name, (_, theirs) in NETWORKS.items():
        hosts[name].enter()
        trunks[name] = await stack.enter_async_context(odd_trunk(theirs, port=SIP_PORT))
        sounds[name] = await stack.enter_async_context(open_sound(TRUNK_TONE, host=theirs))
        there = folder / name
        there.mkdir()
        await settled()
        browsers[name] = await stack.enter_async_context(
            run_chromium(there, tone=TONE, flags=FLAGS)
        )
        listening = proxy(hosts[name], here, gateway.config.http_port)
        ports[name] = await stack.enter_async_context(listening)
    here.enter()
    tone = write_wav(folder / "tone.wav", make_tone(TONE, seconds=1, rate=RATE), RATE)
    return World(gateway, hosts, trunks, sounds, ports, browsers, tone)


async def answer(line: Line, sound: Sound, host: str, facts: Facts) -> None:
    """Take a call with its sound at a host, and note what it says of the gateway."""
    invite = await line.hear("INVITE", limit=15)
    facts.told, _ = offered_address(invite.body)
    begin(sound)
    await line.answer(describe(sound.port, host=host))


def begin(sound: Sound) -> None:
    """Have a sound of an earlier call wait for another gateway's port."""
    sound.heard.clear()
    sound.target = None


def note_sound(sound: Sound, facts: Facts) -> None:
    """Note what the trunk has heard, and from where."""
    facts.source = sound.heard[-1].source[0] if sound.heard else ""
    facts.said = tone_of(sound.samples(0.3), 8000)


async def call_by_browser(world: World, name: str, facts: Facts) -> None:
    """Have both sides of a network talk by the gateway, and hang up."""
    number = f"{PREFIXES[name]}100"
    line, sound = world.trunks[name].line(number), world.sounds[name]
    demo = await world.browsers[name].new_page()
    page = demo.page
    await demo.goto(f"http://127.0.0.1:{world.ports[name]}/")
    await page.locator("#app[data-ready]").wait_for()
    await demo.evaluate("document.querySelector('#processing').click()")  # a tone would be noise
    await page.fill("#number", number)
    await page.click("#call")
    try:
        await answer(line, sound, NETWORKS[name][1], facts)
        await page.wait_for_function("demo.call?.state === 'open'", timeout=20_000)
        await hears_client(sound)
        facts.checked = str(await demo.evaluate(CHECKED))
        note_sound(sound, facts)
        facts.heard, facts.said = await listen(demo, "demo.call.remoteStream", sound)
        await page.click("#hangup")
        await page.wait_for_function("demo.end !== null || demo.error !== null", timeout=25_000)
        facts.end = dict(await page.evaluate("demo.end ?? {}"))
    finally:
        await page.close()


async def call_headless(world: World, name: str, facts: Facts) -> None:
    """Call from one network; the trunk's SIP is in the first, its sound behind the second."""
    line, sound = world.trunks["first"].line(f"{PREFIXES['first']}200"), world.sounds["second"]
    url = f"ws://127.0.0.1:{world.ports[name]}/v1/ws"
    options = CallOptions(
        to=line.number, url=url, play=world.tone, duration=LONG, address=NETWORKS[name][1]
    )
    world.hosts[name].enter()
    call = PhoneCall(options)
    try:
        await answer(line, sound, NETWORKS["second"][1], facts)
        await call.hear("answered")
        await hears_client(sound, call.running)
        note_sound(sound, facts)
        outcome = await call.hang_up()
        facts.end = outcome.last
        if outcome.heard is not None:
            facts.heard = tone_of(outcome.heard[-RATE // 3 :], RATE)
    finally:
        await call.take_down()


async def call_in(world: World, facts: Facts) -> None:
    """Call from the trunk of the first network to a page of the second."""
    ours, theirs = NETWORKS["first"]
    sound = world.sounds["first"]
    begin(sound)
    world.hosts["first"].enter()
    async with trunk_call(world.gateway, CALLED, host=theirs, target=ours) as trunk:
        world.hosts["second"].enter()
        page = PhoneCall(
            CallOptions(
                answer="desk",
                pick_up=0.0,
                url=f"ws://127.0.0.1:{world.ports['second']}/v1/ws",
                play=world.tone,
                duration=LONG,
                address=NETWORKS["second"][1],
            )
        )
        try:
            await page.hear("registered")
            trunk.invite(describe(sound.port, host=theirs))
            facts.told, _ = offered_address((await trunk.hear(200)).body)
            await hears_client(sound, page.running)
            note_sound(sound, facts)
            outcome = await page.hang_up()
            await trunk.hear("BYE")
            facts.end = outcome.last
            if outcome.heard is not None:
                facts.heard = tone_of(outcome.heard[-RATE // 3 :], RATE)
        finally:
            await page.take_down()


async def tell(work: Any, facts: Facts) -> Facts:
    """Make a call; what fails is told."""
    try:
        await work
    except (AssertionError, TimeoutError, GatewayError, Error) as error:
        facts.error = str(error) or type(error).__name__
    return facts


async def make_calls(folder: Path) -> dict[str, Facts]:
    """Make the calls of the browsers beside each other, and then those that go across."""
    async with AsyncExitStack() as stack:
        world = await open_world(stack, folder)
        facts = {name: Facts() for name in (*NETWORKS, "across", "called")}
        calls = (tell(call_by_browser(world, name, facts[name]), facts[name]) for name in NETWORKS)
        await asyncio.gather(*calls)
        with world.hosts["second"].entered():  # its answers to the other address find their way
            run(f"ip route add {NETWORKS['first'][0]} via {NETWORKS['second'][0]}")
        await tell(call_headless(world, "first", facts["across"]), facts["across"])
        await tell(call_in(world, facts["called"]), facts["called"])
    return facts


def main() -> None:
    told = run_until_told(make_calls(Path(sys.argv[1])))
    json.dump({name: asdict(facts) for name, facts in told.items()}, sys.stdout)


if __name__ == "__main__":
    main()
