"""Calls where no datagram passes between client and gateway: by a TURN server, or not at all.

Three hosts: the client's and the gateway's have a link each to that of coturn, which passes nothing
on but what it relays. What the client's host has of the gateway is its HTTP port, on loopback: that
stands for the proxy of a company's network.

It is run as a process in a namespace (`peers.namespace`) and tells how each call went as JSON on
standard output; `test_turn` judges.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
import sys
import tempfile
from asyncio import FIRST_COMPLETED
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from contextvars import ContextVar
from dataclasses import asdict, dataclass, field
from pathlib import Path
from time import time
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from playwright.async_api import Error

from gateway.admission.turn import IceService
from gateway.caller.call import CallOptions
from gateway.caller.line import Line
from gateway.caller.sound import RATE
from gateway.errors import GatewayError
from gateway.media.webrtc.relay import allocate
from tests.end_to_end.conftest import TONE
from tests.end_to_end.odd_calls import JUDGED, TALK, TRUNK_TONE
from tests.end_to_end.odd_sound import Sound, open_sound
from tests.end_to_end.odd_trunk import OddTrunk, describe, odd_trunk
from tests.end_to_end.phone import LONG, PhoneCall
from tests.peers.browser import record
from tests.peers.chromium import Chromium, run_chromium
from tests.peers.coturn import Coturn, run_coturn
from tests.peers.gateway import GatewayConfig, run_gateway
from tests.peers.hosts import Host, run, settled
from tests.peers.namespace import run_isolated, run_until_told
from tests.peers.ports import reserve_ports
from tests.tones import Samples, make_tone, strongest_tone, write_wav

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.peers.browser import BrowserPage

# RFC 5737; the trunk is on the gateway's host
CLIENT, TURN = "192.0.2.1", "192.0.2.2"
GATEWAY, RELAY, TRUNK = "198.51.100.1", "198.51.100.2", "203.0.113.1"

MEDIA_PORTS = 40  # of each gateway, of which there are many
GIVEN_UP = 25.0  # seconds; a gateway waits 15 for a browser's media

SECRET, OTHER_SECRET = "north-of-the-river", "south-of-the-river"

# For TURN over TCP and TLS: Chromium asks its resolver for addresses as well, and no authority has
# signed the certificate
FLAGS = (
    f"--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1 , EXCLUDE {TURN}",
    "--ignore-certificate-errors",
)

# What the browser says of its connection
# A server may refuse before the offer has left, and then there is no call that could end
ENDED = """demo.end ?? (demo.error
    && { by: "local", cause: demo.error.name, reason: demo.error.reason }) ?? {}"""
STATS = "[...(await demo.call.getStats()).values()]"
OFFERED = f"""(async () => {STATS}.filter(({{ type }}) => type === "local-candidate")
    .map(({{ candidateType }}) => candidateType))()"""
SELECTED = f"""(async () => {{
    const stats = {STATS};
    const chosen = stats.find(({{ type }}) => type === "transport").selectedCandidatePairId;
    const pair = stats.find(({{ id }}) => id === chosen);
    const local = stats.find(({{ id }}) => id === pair?.localCandidateId);
    return `${{local?.candidateType}} ${{local?.relayProtocol}}`;
}})()"""


def run_relayed(limit: float) -> dict[str, dict[str, Any]]:
    """Make all calls; return the `Facts` of each as JSON has them.

    The test is skipped where no such network can be made.
    """
    with tempfile.TemporaryDirectory() as folder:
        told = run_isolated(
            "tests.end_to_end.relayed_network", folder, limit=limit, setup="ip link set lo up"
        )
    facts: dict[str, dict[str, Any]] = json.loads(told)
    return facts


# -- inside


@dataclass
class Facts:
    """How a call went."""

    answered: bool = False
    heard: float | None = None  # Hz, the strongest tone at the client
    said: float | None = None  # Hz, the strongest tone at the trunk
    candidates: list[str] = field(default_factory=list)  # their types, in the client's offer
    selected: str = ""  # what the browser says that it uses
    end: dict[str, Any] = field(default_factory=dict)
    error: str = ""
    log: str = ""  # the gateway's
    report: dict[str, Any] = field(default_factory=dict)  # of a pre-flight by the same gateway


@dataclass
class Plan:
    """A gateway, and who calls by it.

    Parameters
    ----------
    transport
        Of the TURN server's URL: udp, tcp or tls; none for no server at all.
    browser
        Whether Chromium calls, in place of the headless caller.
    """

    transport: str = ""
    policy: str = "all"
    secret: str = SECRET
    browser: bool = False


CALLS: dict[str, Plan] = {
    "no server": Plan(),
    "udp": Plan("udp"),
    "tcp": Plan("tcp"),
    "tls": Plan("tls"),
    "relay": Plan("udp", policy="relay"),
    "wrong secret": Plan("udp", secret=OTHER_SECRET),
    "wrong secret, relay": Plan("tls", policy="relay", secret=OTHER_SECRET),
    "browser, udp": Plan("udp", browser=True),
    "browser, tcp": Plan("tcp", browser=True),
    "browser, tls": Plan("tls", policy="relay", browser=True),
    "browser, wrong secret": Plan("udp", policy="relay", secret=OTHER_SECRET, browser=True),
}

# Pages that call nobody and try the way, by the gateways of these calls
PREFLIGHTS = ("no server", "udp", "tcp", "tls")


@dataclass
class World:
    """What the calls are made with: all of it is open, each on its own host."""

    turn: Coturn
    trunk: OddTrunk
    sounds: dict[str, Sound]
    ports: dict[str, int]  # of the gateways' proxies, on the client's loopback
    tone: Path
    chromium: Chromium


def describe_gateway(plan: Plan, turn: Coturn, trunk: OddTrunk, folder: Path) -> GatewayConfig:
    """Return a gateway's configuration; its secret stands in a file."""
    config = GatewayConfig(
        [{"name": "open", "uri": trunk.uri, "codecs": ["PCMU"], "caller_id": "+15550001"}],
        media_ports=reserve_ports(MEDIA_PORTS),
    )
    overrides: dict[str, dict[str, object]] = {
        "sip": {"listen": f"{GATEWAY}:{config.sip_port}"},
        "media": {"address": GATEWAY},
    }
    if plan.transport:
        folder.mkdir(parents=True)
        (folder / "turn-secret").write_text(f"{plan.secret}\n")
        overrides["turn"] = {
            "urls": [turn.url(plan.transport)],
            "secret_file": str(folder / "turn-secret"),
            "policy": plan.policy,
        }
    config.overrides = overrides
    return config


@asynccontextmanager
async def proxy(client: Host, gateway: Host, port: int) -> AsyncIterator[int]:
    """Take connections on the client's loopback for a port of the gateway's; yield ours."""

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with gateway.entered():
            sock = socket.create_connection(("127.0.0.1", port))
        far_reader, far_writer = await asyncio.open_connection(sock=sock)
        await asyncio.gather(pump(reader, far_writer), pump(far_reader, writer))

    with client.entered():
        listener = socket.create_server(("127.0.0.1", 0))
    async with await asyncio.start_server(serve, sock=listener):
        yield listener.getsockname()[1]


@asynccontextmanager
async def open_world(folder: Path) -> AsyncIterator[World]:
    """Open everything, and stay on the client's host."""
    between, client, gateway = Host.here(), Host.new(), Host.new()
    between.link(client, "client", f"{TURN}/30", f"{CLIENT}/30")
    between.link(gateway, "gateway", f"{RELAY}/30", f"{GATEWAY}/30")
    async with AsyncExitStack() as stack:
        turn = await stack.enter_async_context(
            run_coturn(folder / "turn", address=TURN, relay_address=RELAY, secret=SECRET)
        )
        gateway.enter()
        run(f"ip addr add {TRUNK}/32 dev lo")
        trunk = await stack.enter_async_context(odd_trunk(TRUNK))
        sounds = {
            name: await stack.enter_async_context(open_sound(TRUNK_TONE, host=TRUNK))
            for name in CALLS
        }
        gateways = await asyncio.gather(
            *(
                stack.enter_async_context(
                    run_gateway(describe_gateway(plan, turn, trunk, folder / name), folder / name)
                )
                for name, plan in CALLS.items()
            )
        )
        client.enter()
        ports = {
            name: await stack.enter_async_context(proxy(client, gateway, each.config.http_port))
            for name, each in zip(CALLS, gateways, strict=True)
        }
        await settled()
        chromium = await stack.enter_async_context(run_chromium(folder, tone=TONE, flags=FLAGS))
        tone = write_wav(folder / "tone.wav", make_tone(TONE, seconds=1, rate=RATE), RATE)
        os.environ["SSL_CERT_FILE"] = str(turn.certificate)  # what the caller trusts
        yield World(turn, trunk, sounds, ports, tone, chromium)


async def call_headless(world: World, name: str, facts: Facts) -> None:
    """Call a line of the trunk's, have both sides talk, and hang up."""
    line, sound = world.trunk.line(), world.sounds[name]
    url = f"ws://127.0.0.1:{world.ports[name]}/v1/ws"
    options = CallOptions(to=line.number, url=url, play=world.tone, duration=LONG, address=CLIENT)
    calling.set(facts)
    call = PhoneCall(options)
    try:
        await call.hear("trying")
        await line.hear("INVITE")
        await line.answer(describe(sound.port, host=TRUNK))
        await call.hear("answered")
        facts.answered = True
        up = await hears_client(sound, call.running)
        facts.said = tone_of(sound.samples(0.3), 8000)
        outcome = await (call.hang_up() if up else call.end(limit=GIVEN_UP))
        facts.end = outcome.last
        if outcome.heard is not None:
            facts.heard = tone_of(outcome.heard[-RATE // 3 :], RATE)
    finally:
        await call.take_down()


async def hears_client(sound: Sound, over: asyncio.Future[Any] | None = None) -> bool:
    """Wait until the trunk has the client's tone, and both talk; false if the call ends before."""
    wanted = sound.until(
        lambda: tone_of(sound.samples(0.3), 8000) == TONE, GIVEN_UP, "the client's tone"
    )
    hearing = asyncio.create_task(wanted)
    await asyncio.wait({hearing, over} if over else {hearing}, return_when=FIRST_COMPLETED)
    if not hearing.done():
        hearing.cancel()
        return False
    await hearing
    await sound.hear(TALK)
    return True


def tone_of(samples: Samples, rate: int) -> float | None:
    """Return the strongest tone in Hz, rounded to tens; None if there is next to nothing."""
    if len(samples) < rate // 5:
        return None
    tone = strongest_tone(samples, rate)
    return round(tone.frequency, -1) if tone.level > -40 else None


Tones = tuple[float | None, float | None]  # Hz, at the page and at the trunk


async def listen(page: BrowserPage, stream: str, sound: Sound) -> Tones:
    """Return the strongest tone at a page, and at the trunk.

    The sound of a busy browser may stand still for a moment: then it is listened to again.
    """
    for _ in range(3):
        heard, rate = await record(page, stream, seconds=1)
        tones = tone_of(heard[-rate // 3 :], rate), tone_of(sound.samples(JUDGED), 8000)
        if None not in tones:
            break
    return tones


calling: ContextVar[Facts] = ContextVar("calling")  # of the headless call that this task makes


async def note_candidates(line: Line, **message: Any) -> None:
    """Send a message in the caller's stead, and note what is in it."""
    text = (message.get("candidate") or {}).get("candidate", "")
    if text:
        calling.get().candidates.append(text.partition(" typ ")[2].split()[0])
    await send(line, **message)


send = Line.send


class Warnings(logging.Handler):
    """What a headless caller warns of; a person reads it on standard error."""

    def emit(self, record: logging.LogRecord) -> None:
        calling.get().error = record.getMessage()


async def call_by_browser(world: World, name: str, facts: Facts) -> None:
    """Do the same at the demo page."""
    line, sound = world.trunk.line(), world.sounds[name]
    demo = await world.chromium.new_page()
    page = demo.page
    await demo.goto(f"http://127.0.0.1:{world.ports[name]}/")
    await page.locator("#app[data-ready]").wait_for()
    # A tone is noise, and would be taken out; the settings are folded
    await demo.evaluate("document.querySelector('#processing').click()")
    await page.fill("#number", line.number)
    await page.click("#call")
    try:
        await line.hear("INVITE", limit=15)
        await line.answer(describe(sound.port, host=TRUNK))
        await page.wait_for_function("demo.call?.state === 'open'", timeout=20_000)
        facts.answered = True
        await hears_client(sound)
        facts.candidates = as_strings(await demo.evaluate(OFFERED))
        facts.heard, facts.said = await listen(demo, "demo.call.remoteStream", sound)
        facts.selected = str(await demo.evaluate(SELECTED))  # now that sound has found its way
        await page.click("#hangup")
    finally:
        await page.wait_for_function("demo.end !== null || demo.error !== null", timeout=25_000)
        facts.end = as_dict(await demo.evaluate(ENDED))
        facts.error = str(await demo.evaluate("demo.error?.message ?? ''"))
        await page.close()


async def try_way(world: World, name: str) -> dict[str, Any]:
    """Press the button of the page that tries the way; return its report."""
    page = await world.chromium.new_page()
    await page.goto(f"http://127.0.0.1:{world.ports[name]}/preflight")
    await page.page.locator("html[data-ready]").wait_for()
    await page.page.click("#start")
    report = as_dict(await page.evaluate("preflightPage.preflight.finished"))
    await page.page.close()
    return report


def as_strings(value: object) -> list[str]:
    assert isinstance(value, list)
    return sorted(map(str, value))


def as_dict(value: object) -> dict[str, Any]:
    assert isinstance(value, dict)
    return value


async def make_call(world: World, name: str) -> Facts:
    """Make a call; what fails is told."""
    facts = Facts()
    try:
        if CALLS[name].browser:
            await call_by_browser(world, name, facts)
        else:
            await call_headless(world, name, facts)
    except (AssertionError, TimeoutError, GatewayError, Error) as error:
        facts.error = facts.error or str(error)
    return facts


async def try_credentials(world: World) -> dict[str, Facts]:
    """Ask for an address with credentials of yesterday, of tomorrow and of somebody else."""
    service, told = IceService((world.turn.url("udp"),), SECRET), {}
    for name, now in {"fresh": time(), "expired": time() - service.lifetime - 1}.items():
        told[name] = Facts()
        try:
            relay = await allocate([each.to_json() for each in service.servers("s", now=now)])
        except GatewayError as error:
            told[name].error = str(error)
        else:
            assert relay is not None
            told[name].answered = True
            await relay.close()
    return told


async def make_calls(folder: Path) -> dict[str, Facts]:
    """Make the calls: those that fail do so by waiting, and all wait at once."""
    logging.getLogger("gateway.caller").addHandler(Warnings())
    async with open_world(folder) as world:
        told = await try_credentials(world)
        # In this process alone: whoever judges imports this module, too
        with patch.object(Line, "send", note_candidates):
            calls = await asyncio.gather(*(make_call(world, name) for name in CALLS))
        for name, facts in zip(CALLS, calls, strict=True):
            told[name] = facts
            facts.log = await asyncio.to_thread((folder / name / "gateway.log").read_text)
        # The calls are over: what is measured is the network, and not the load of this machine
        reports = await asyncio.gather(*(try_way(world, name) for name in PREFLIGHTS))
        for name, report in zip(PREFLIGHTS, reports, strict=True):
            told[name].report = report
    return told


def main() -> None:
    told = run_until_told(make_calls(Path(sys.argv[1])))
    json.dump({name: asdict(facts) for name, facts in told.items()}, sys.stdout)


if __name__ == "__main__":
    main()
