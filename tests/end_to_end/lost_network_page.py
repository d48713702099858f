"""Pages that lose their whole network for a while, and then their gateway: it goes out of service.

The demo page in Chromium and in Firefox, each on a host of its own, with one link to the gateway's
for the page, its WebSocket and its media. Each makes one call, which lives through all of it.

It is run as a process in a namespace (`peers.namespace`) and tells how it went as JSON on standard
output; `test_lost_network_page` judges.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
from playwright.async_api import Error

from gateway.admission.token import CallClaim, Claims, issue, new_id
from tests.end_to_end.conftest import TONE
from tests.end_to_end.demo import REMOTE
from tests.end_to_end.odd_calls import JUDGED, TALK, TRUNK_TONE
from tests.end_to_end.odd_sound import Sound, open_sound
from tests.end_to_end.odd_trunk import Line, OddTrunk, describe, odd_trunk
from tests.end_to_end.relayed_network import tone_of
from tests.peers.browser import Browser, BrowserError, BrowserPage, quoted, record
from tests.peers.chromium import run_chromium
from tests.peers.firefox import run_firefox
from tests.peers.gateway import Gateway, GatewayConfig, run_gateway
from tests.peers.hosts import Host, run
from tests.peers.namespace import run_isolated, run_until_told
from tests.tones import measure_tone
from voice.g711 import decode_ulaw

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

GATEWAY, TRUNK = "198.51.100.1", "203.0.113.1"  # RFC 5737
BROWSERS = ("chromium", "firefox")
OUTAGES = (2.0, 5.0, 20.0)  # seconds; a browser that is silent for 12 is lost
RESUME_WINDOW = 60
SECRET = "an-outage-is-over-after-some-seconds"  # pages of another host need tokens
BACK = 20.0  # seconds, for what the page does once its network is back

# What the page sees, by the clock of this machine: its call's events, and sound that comes
WATCH = """(() => {
    const watch = window.watch = { events: [], came: [], said: "" };
    const now = () => Date.now() / 1000;
    const state = document.querySelector("#state-text");
    demo.call.on("reconnecting", () => {
        watch.events.push(["reconnecting", now()]);
        setTimeout(() => { watch.said = state.textContent; });
    });
    demo.call.on("reconnected", () => watch.events.push(["reconnected", now()]));
    demo.device.on("draining", seconds => watch.events.push(["draining", seconds]));
    let before = "";
    setInterval(async () => {
        const stats = [...(await demo.call.getStats()).values()];
        const heard = stats.filter(({ type }) => type === "inbound-rtp")
            .filter(({ packetsReceived }) => packetsReceived > 0)
            .map(({ ssrc, packetsReceived }) => `${ssrc} ${packetsReceived}`).join();
        if (heard && heard !== before) watch.came.push(now());
        before = heard;
    }, 20);
})()"""
UNTIL = (
    "(async condition => { const end = performance.now() + %d;"
    " while (!condition() && performance.now() < end) await new Promise(r => setTimeout(r, 20));"
    " return Boolean(condition()); })"
)


def run_page_outages(limit: float) -> dict[str, dict[str, Any]]:
    """Make the calls; return the `Facts` of each browser as JSON has them.

    The test is skipped where no such network can be made.
    """
    with tempfile.TemporaryDirectory() as folder:
        told = run_isolated(
            "tests.end_to_end.lost_network_page", folder, limit=limit, setup="ip link set lo up"
        )
    facts: dict[str, dict[str, Any]] = json.loads(told)
    return facts


# -- inside


@dataclass
class Outage:
    """What became of the call; times in seconds."""

    outage: float = 0.0  # as it was
    gap: float | None = None  # how long the trunk did not hear the page
    deaf: float | None = None  # how long no sound came to the page
    said: str = ""  # by the page, of its state
    noticed: float | None = None  # from the loss to what it said
    back: float | None = None  # from the network's return to "reconnected"; None: it was not lost
    tones: tuple[float | None, float | None] = (None, None)  # Hz, afterwards: at the page, trunk


@dataclass
class Facts:
    """How a browser's call went."""

    outages: dict[str, Outage] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)  # that the trunk had
    sources: int = 0  # SSRCs that the trunk has seen
    missing: int = 0  # sequence numbers
    draining: float | None = None  # seconds, as the page has heard
    refused: list[Any] = field(default_factory=list)  # cause and sentence of a second call
    tones: tuple[float | None, float | None] = (None, None)  # while the gateway drains
    end: dict[str, Any] = field(default_factory=dict)
    error: str = ""


@dataclass
class Client:
    """A page in its call: its host, and the trunk's end."""

    number: int
    host: Host
    browser: Browser
    page: BrowserPage
    line: Line
    sound: Sound
    facts: Facts = field(default_factory=Facts)

    def cut(self) -> None:
        """Take its only link down."""
        with self.host.entered():
            run(f"ip link set net{self.number} down")

    def mend(self) -> None:
        """Bring it back, and the way to the gateway with it."""
        with self.host.entered():
            run(f"ip link set net{self.number} up && {way(self.number)}")

    async def until(self, condition: str, *, limit: float = BACK) -> None:
        """Wait until something holds in the page."""
        held = await self.page.evaluate(f"{UNTIL % (1000 * limit)}(() => {condition})")
        assert held, f"not within {limit:g} s: {condition}"

    async def tones(self) -> tuple[float | None, float | None]:
        """Return the strongest tone at the page, and at the trunk."""
        heard, rate = await record(self.page, REMOTE, seconds=1)
        return tone_of(heard[-rate // 3 :], rate), tone_of(self.sound.samples(JUDGED), 8000)

    def said(self) -> list[float]:
        """Return when each packet with the page's tone came to the trunk.

        Comfort noise is as loud, but hardly any of it is at the tone's frequency.
        """
        times = []
        for each in self.sound.heard:
            samples = decode_ulaw(np.frombuffer(each.packet.payload, np.uint8))
            power = float(np.square(samples / 32768).mean())
            tone = measure_tone(samples, 8000, self.browser.tone)
            if tone.level > max(-40, 10 * np.log10(power + 1e-9) - 6):
                times.append(each.at)
        return times


def way(number: int) -> str:
    """Return the command that leads a client's host to the gateway."""
    return f"ip route replace {GATEWAY} via 192.0.2.{4 * number + 1}"


async def lose_network(client: Client, seconds: float) -> Outage:
    """Cut the page off for a while, and see what each side hears of it."""
    told = Outage()
    await client.page.evaluate("(watch.events.length = watch.came.length = 0, watch.said = '')")
    began, clock = perf_counter(), time.time()
    client.cut()
    await asyncio.sleep(seconds)
    client.mend()
    told.outage = perf_counter() - began
    mended = clock + told.outage
    up = began + told.outage
    # Two seconds of sound, from a call that is not interrupted
    await client.until(
        f"!demo.call.reconnecting && watch.came.filter(at => at > {mended}).length > 20"
    )
    await client.sound.hear(2 * TALK)
    told.tones = await client.tones()
    times = client.said()
    # A lost tone is concealed at first, which does not end the gap
    pauses = [after - before for before, after in pairwise(times) if after > up]
    told.gap = max(next(at for at in times if at > up) - began, *pauses)
    watch: Any = await client.page.evaluate("watch")
    came = [clock, *(at for at in watch["came"] if at > clock)]
    told.deaf = max(after - before for before, after in pairwise(came))
    told.said = watch["said"]
    for name, at in watch["events"]:
        if name == "reconnecting" and told.noticed is None:
            told.noticed = at - clock
        if name == "reconnected":
            told.back = at - mended
    return told


async def lose_networks(client: Client) -> None:
    """Cut the page off once and again, and see that the trunk has one stream all the time."""
    facts = client.facts
    for seconds in OUTAGES:
        facts.outages[f"{seconds:g}"] = await lose_network(client, seconds)
    packets = [each.packet for each in client.sound.heard]
    facts.sources = len({each.ssrc for each in packets})
    steps = [(b.sequence - a.sequence) & 0xFFFF for a, b in pairwise(packets)]
    facts.missing = sum(steps) - len(steps)


async def outlive(client: Client, url: str) -> None:
    """Go on while the gateway drains, see another page's call refused, and hang up."""
    facts, page = client.facts, client.page
    await client.until("watch.events.some(([name]) => name === 'draining')")
    drains: Any = await page.evaluate("watch.events.find(([name]) => name === 'draining')[1]")
    facts.draining = drains
    other = await client.browser.new_page()
    await dial(other, url, client.line.number)
    await other.evaluate(f"{UNTIL % 10_000}(() => !document.querySelector('#notice').hidden)")
    refused: Any = await other.evaluate(
        "[document.querySelector('#notice').dataset.cause,"
        " document.querySelector('#notice').textContent]"
    )
    facts.refused = refused
    facts.tones = await client.tones()
    await page.evaluate("document.querySelector('#hangup').click()")
    await client.line.hear("BYE")
    await client.until("demo.end !== null")
    end: Any = await page.evaluate("demo.end")
    facts.end = end
    facts.requests = client.line.requests()


async def dial(page: BrowserPage, url: str, number: str) -> None:
    """Open the demo, its microphone without processing (which takes a tone for noise), and call."""
    now = time.time()
    claims = Claims(sub="visitor", jti=new_id(), exp=now + 300, call=CallClaim(to=(number,)))
    await page.goto(f"{url}/#token={issue(SECRET, claims, now)}")
    ready = await page.evaluate(
        f"{UNTIL % 10_000}(() => document.querySelector('#app[data-ready]'))"
    )
    assert ready, "the page is not ready"
    await page.evaluate("document.querySelector('#processing').click()")
    await page.evaluate(f"document.querySelector('#number').value = {quoted(number)}")
    await page.evaluate("document.querySelector('#call').click()")


def start(name: str, folder: Path, origin: str) -> AbstractAsyncContextManager[Browser]:
    """Have a browser that takes the gateway's address for one that is safe, without a proxy."""
    if name == "firefox":
        return run_firefox(
            {
                "dom.securecontext.allowlist": GATEWAY,
                "network.proxy.no_proxies_on": f"localhost, 127.0.0.1, {GATEWAY}",
            }
        )
    flags = (
        f"--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1 , EXCLUDE {GATEWAY}",
        f"--unsafely-treat-insecure-origin-as-secure={origin}",
    )
    return run_chromium(folder, tone=TONE, flags=flags)


async def call(stack: AsyncExitStack, name: str, gateway: Host, world: World) -> Client:
    """Have a browser on a host of its own call a line; go on when the trunk hears it."""
    number = BROWSERS.index(name)
    gateway.enter()
    sound = await stack.enter_async_context(open_sound(TRUNK_TONE, host=TRUNK))
    host = Host.new()
    ours, theirs = f"192.0.2.{4 * number + 1}/30", f"192.0.2.{4 * number + 2}/30"
    gateway.link(host, f"net{number}", ours, theirs)
    host.enter()
    run(way(number))
    browser = await stack.enter_async_context(start(name, world.folder, world.url))
    gateway.enter()
    page, line = await browser.new_page(), world.trunk.line()
    await dial(page, world.url, line.number)
    await line.hear("INVITE", limit=15)
    await line.answer(describe(sound.port, host=TRUNK))
    client = Client(number, host, browser, page, line, sound)
    await client.until("demo.call?.state === 'open'")
    await page.evaluate(WATCH)
    await sound.hear(TALK)
    return client


@dataclass(frozen=True)
class World:
    """What the browsers call by."""

    gateway: Gateway
    trunk: OddTrunk
    folder: Path

    @property
    def url(self) -> str:
        return f"http://{GATEWAY}:{self.gateway.config.http_port}"


async def tell(client: Client, work: Any) -> None:
    """Do it; what fails is told."""
    try:
        await work
    except (AssertionError, TimeoutError, BrowserError, Error) as error:
        client.facts.error = client.facts.error or str(error) or type(error).__name__


async def make_calls(folder: Path) -> dict[str, Any]:
    """Make the calls, cut both off at once, and have the gateway drain at last."""
    here = Host.new()
    async with AsyncExitStack() as stack:
        here.enter()
        run(f"ip addr add {GATEWAY}/32 dev lo && ip addr add {TRUNK}/32 dev lo")
        trunk = await stack.enter_async_context(odd_trunk(TRUNK))
        config = GatewayConfig(
            [{"name": "open", "uri": trunk.uri, "codecs": ["PCMU"], "caller_id": "+15550001"}]
        )
        (folder / "token-secret").write_text(f"{SECRET}\n")
        config.overrides = {
            "http": {"listen": f"0.0.0.0:{config.http_port}", "demo": True},
            "admission": {
                "mode": "token",
                "token_secret_file": str(folder / "token-secret"),
                "origins": [f"http://{GATEWAY}:{config.http_port}"],
            },
            "sip": {"listen": f"{GATEWAY}:{config.sip_port}"},
            "media": {"address": GATEWAY},
            "sessions": {"resume_window": RESUME_WINDOW},
        }
        gateway = await stack.enter_async_context(run_gateway(config, folder / "gateway"))
        world = World(gateway, trunk, folder)
        clients = {name: await call(stack, name, here, world) for name in BROWSERS}
        await asyncio.gather(*(tell(each, lose_networks(each)) for each in clients.values()))
        gateway.terminate()
        await asyncio.gather(*(tell(each, outlive(each, world.url)) for each in clients.values()))
        async with asyncio.timeout(10):
            status = await gateway.ended()
    return {name: asdict(each.facts) for name, each in clients.items()} | {"gateway": status}


def main() -> None:
    json.dump(run_until_told(make_calls(Path(sys.argv[1]))), sys.stdout)


if __name__ == "__main__":
    main()
