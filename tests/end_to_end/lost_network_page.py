"""Pages that lose their whole network for a while, and then their gateway: it goes out of service.

Chromium and Firefox, each on a host of its own, with one link to the gateway's for its pages, their
WebSockets and their media: the demo page, and beside it one with `<click-to-call>`. Each makes one
call, which lives through all of it.

It is run as a process in a namespace (`peers.namespace`) and tells how it went as JSON on standard
output; `test_lost_network_page` judges.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from collections import deque
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
from tests.end_to_end.odd_calls import TALK, TRUNK_TONE
from tests.end_to_end.odd_sound import Sound, open_sound
from tests.end_to_end.odd_trunk import Line, OddTrunk, describe, odd_trunk
from tests.end_to_end.relayed_network import Tones, listen
from tests.end_to_end.site import DEMO, ELEMENT, SITE, Kind, open_page, press_call, until
from tests.peers.browser import Browser, BrowserError, BrowserPage
from tests.peers.chromium import run_chromium
from tests.peers.firefox import run_firefox
from tests.peers.gateway import Gateway, GatewayConfig, run_gateway
from tests.peers.hosts import Host, run, settled
from tests.peers.namespace import run_isolated, run_until_told
from tests.tones import Samples, measure_tone
from voice.g711 import decode_ulaw

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

GATEWAY, TRUNK = "198.51.100.1", "203.0.113.1"  # RFC 5737
BROWSERS = ("chromium", "firefox")
KINDS = {"demo": DEMO, "site": SITE}
PAGES = [f"{browser}-{kind}" for browser in BROWSERS for kind in KINDS]
OUTAGES = (2.0, 5.0, 20.0)  # seconds; a browser that is silent for 12 is lost
RESUME_WINDOW = 60
SECRET = "an-outage-is-over-after-some-seconds"  # pages of another host need tokens
BACK = 15.0  # seconds, for what the page does once its network is back

# What the page sees, by the clock of this machine: its call's events, and sound that comes
WATCH = """(() => {
    const watch = window.watch = { events: [], came: [], said: "", shown: true };
    const now = () => Date.now() / 1000;
    const call = CALL;
    call.on("reconnecting", () => {
        watch.events.push(["reconnecting", now()]);
        setTimeout(() => { [watch.said, watch.shown] = [STATE, SHOWN]; });
    });
    call.on("reconnected", () => watch.events.push(["reconnected", now()]));
    window.demo?.device.on("draining", seconds => watch.events.push(["draining", seconds]));
    let before = "";
    setInterval(async () => {
        const stats = [...(await call.getStats()).values()];
        const heard = stats.filter(({ type }) => type === "inbound-rtp")
            .filter(({ packetsReceived }) => packetsReceived > 0)
            .map(({ ssrc, packetsReceived }) => `${ssrc} ${packetsReceived}`).join();
        if (heard && heard !== before) watch.came.push(now());
        before = heard;
    }, 20);
})()"""
# What the page says of the state, and whether it shows that it reconnects
STATE = {DEMO: "document.querySelector('#state-text').textContent", SITE: SITE.said}
SHOWN = {
    DEMO: "document.querySelector('#app').hasAttribute('data-reconnecting')",
    SITE: f"{ELEMENT}.matches(':state(open):state(reconnecting)')",
}
# What a page says of a loss, and takes back. On a busy machine it may well speak of jitter
WRONG = "/Reconnecting|interrupted|Nothing is heard/"


def run_page_outages(limit: float) -> dict[str, dict[str, Any]]:
    """Make the calls; return the `Facts` of each page as JSON has them.

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
    shown: bool = False  # that it reconnects
    noticed: float | None = None  # from the loss to what it said
    back: float | None = None  # from the network's return to "reconnected"; None: it was not lost
    tones: Tones = (None, None)  # Hz, afterwards: at the page, trunk


@dataclass
class Facts:
    """How a page's call went."""

    outages: dict[str, Outage] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)  # that the trunk had
    sources: int = 0  # SSRCs that the trunk has seen
    missing: int = 0  # sequence numbers
    draining: float | None = None  # seconds, as the page has heard
    refused: list[Any] = field(default_factory=list)  # cause and sentence of a second call
    tones: Tones = (None, None)  # while the gateway drains
    end: dict[str, Any] = field(default_factory=dict)
    error: str = ""


@dataclass
class Talk:
    """A page in its call, and the trunk's end."""

    kind: Kind
    browser: Browser
    page: BrowserPage
    line: Line
    sound: Sound
    facts: Facts = field(default_factory=Facts)

    async def until(self, condition: str) -> None:
        """Wait until something holds in the page."""
        await until(self.page, condition, limit=BACK)

    async def tones(self) -> Tones:
        """Return the strongest tone at the page, and at the trunk."""
        return await listen(self.page, self.kind.remote, self.sound)

    def said(self, since: float) -> list[float]:
        """Return when each packet has come to the trunk that ended a tenth of a second of the tone.

        Comfort noise is as loud, and may resemble the tone for a packet or two.
        """
        times, recent = [], deque[Samples](maxlen=5)
        for each in self.sound.heard:
            if each.at < since:
                continue
            recent.append(decode_ulaw(np.frombuffer(each.packet.payload, np.uint8)))
            tone = measure_tone(np.concatenate(recent), 8000, self.browser.tone)
            if tone.level > -40 and tone.ratio > 3:
                times.append(each.at)
        return times


@dataclass
class Client:
    """A browser in its calls, and its host.

    `cut` and `mend` wait for programs: a thread does that, as the loop speaks for the trunk.
    """

    number: int
    host: Host
    talks: list[Talk]

    def cut(self) -> None:
        """Take its only link down."""
        with self.host.entered():
            run(f"ip link set net{self.number} down")

    def mend(self) -> None:
        """Bring it back, and the way to the gateway with it."""
        with self.host.entered():
            run(f"ip link set net{self.number} up && {way(self.number)}")


def way(number: int) -> str:
    """Return the command that leads a client's host to the gateway."""
    return f"ip route replace {GATEWAY} via 192.0.2.{4 * number + 1}"


async def lose_network(client: Client, seconds: float) -> None:
    """Cut the pages off for a while, and see what each side of each call hears of it."""
    for talk in client.talks:
        await talk.page.evaluate("(watch.events.length = watch.came.length = 0, watch.said = '')")
    began, clock = perf_counter(), time.time()
    await asyncio.to_thread(client.cut)
    await asyncio.sleep(seconds)
    await asyncio.to_thread(client.mend)
    outage = perf_counter() - began
    told = await asyncio.gather(*(come_back(talk, began, clock, outage) for talk in client.talks))
    for talk, each in zip(client.talks, told, strict=True):
        talk.facts.outages[f"{seconds:g}"] = each


async def come_back(talk: Talk, began: float, clock: float, outage: float) -> Outage:
    """See a call go on after an outage, which began at these times of both clocks."""
    told = Outage(outage)
    up, mended = began + outage, clock + outage
    # Two seconds of sound, from a call that is not interrupted
    await talk.until(
        f"!{talk.kind.call}.reconnecting && watch.came.filter(at => at > {mended}).length > 20"
    )
    _, told.tones = await asyncio.gather(talk.sound.hear(2 * TALK), talk.tones())
    times = talk.said(up)
    # A lost tone is concealed at first, which does not end the gap
    pauses = [after - before for before, after in pairwise(times)]
    told.gap = max(times[0] - began, *pauses)
    watch: Any = await talk.page.evaluate("watch")
    came = [clock, *(at for at in watch["came"] if at > clock)]
    told.deaf = max(after - before for before, after in pairwise(came))
    told.said, told.shown = watch["said"], watch["shown"]
    for name, at in watch["events"]:
        if name == "reconnecting" and told.noticed is None:
            told.noticed = at - clock
        if name == "reconnected":
            told.back = at - mended
    await talk.until(f"!{WRONG}.test({STATE[talk.kind]}) && !{SHOWN[talk.kind]}")
    return told


async def lose_networks(client: Client) -> None:
    """Cut the pages off once and again, and see that the trunk has one stream all the time."""
    for seconds in OUTAGES:
        await lose_network(client, seconds)
    for talk in client.talks:
        note_stream(talk)


def note_stream(talk: Talk) -> None:
    """Note whether the trunk has had one stream all the time."""
    packets = [each.packet for each in talk.sound.heard]
    talk.facts.sources = len({each.ssrc for each in packets})
    steps = [(b.sequence - a.sequence) & 0xFFFF for a, b in pairwise(packets)]
    talk.facts.missing = sum(steps) - len(steps)


async def see_drain(talk: Talk, url: str) -> None:
    """See the gateway go out of service, and another page's call refused."""
    await talk.until("watch.events.some(([name]) => name === 'draining')")
    drains: Any = await talk.page.evaluate("watch.events.find(([n]) => n === 'draining')[1]")
    talk.facts.draining = drains
    talk.facts.refused = await be_refused(talk, url)


async def outlive(talk: Talk) -> None:
    """Go on while the gateway drains, and hang up."""
    talk.facts.tones = await talk.tones()
    await hang_up(talk)


async def hang_up(talk: Talk) -> None:
    """Have the page hang up, and note what has come of the call."""
    facts, page, kind = talk.facts, talk.page, talk.kind
    await page.evaluate(f"{kind.hangup}.click()")
    await talk.line.hear("BYE")
    await talk.until(f"{kind.call}.end !== null")
    end: Any = await page.evaluate(f"({{ ...{kind.call}.end }})")
    facts.end = end
    facts.requests = talk.line.requests()


async def be_refused(talk: Talk, url: str) -> list[Any]:
    """Call from another page; return the cause and the sentence."""
    page = await talk.browser.new_window()
    await dial(page, DEMO, url, talk.line.number)
    await until(page, "!document.querySelector('#notice').hidden")
    refused: Any = await page.evaluate(
        "[document.querySelector('#notice').dataset.cause,"
        " document.querySelector('#notice').textContent]"
    )
    return list(refused)


async def dial(page: BrowserPage, kind: Kind, url: str, number: str) -> None:
    """Open a page, and call a number with a token for it."""
    now = time.time()
    claims = Claims(sub=number, jti=new_id(), exp=now + 300, call=CallClaim(to=(number,)))
    await open_page(page, kind, url, number, issue(SECRET, claims, now))
    await press_call(page, kind)


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
    """Have the pages of a browser on a host of its own call lines; go on when they are heard."""
    number = BROWSERS.index(name)
    host = Host.new()
    ours, theirs = f"192.0.2.{4 * number + 1}/30", f"192.0.2.{4 * number + 2}/30"
    gateway.link(host, f"net{number}", ours, theirs)
    host.enter()
    run(way(number))
    await settled()
    browser = await stack.enter_async_context(start(name, world.folder, world.url))
    gateway.enter()
    sounds = [await stack.enter_async_context(open_sound(TRUNK_TONE, host=TRUNK)) for _ in KINDS]
    pairs = zip(KINDS.values(), sounds, strict=True)
    talks = [talk(kind, browser, sound, world) for kind, sound in pairs]
    return Client(number, host, await asyncio.gather(*talks))


async def talk(kind: Kind, browser: Browser, sound: Sound, world: World) -> Talk:
    """Have a page call a line."""
    page, line = await browser.new_window(), world.trunk.line()
    await dial(page, kind, world.url, line.number)
    await line.hear("INVITE", limit=15)
    await line.answer(describe(sound.port, host=TRUNK))
    await until(page, f"{kind.call}?.state === 'open'")
    watch = WATCH.replace("CALL", kind.call)
    await page.evaluate(watch.replace("STATE", STATE[kind]).replace("SHOWN", SHOWN[kind]))
    await sound.hear(TALK)
    return Talk(kind, browser, page, line, sound)


@dataclass(frozen=True)
class World:
    """What the browsers call by."""

    gateway: Gateway
    trunk: OddTrunk
    folder: Path

    @property
    def url(self) -> str:
        return f"http://{GATEWAY}:{self.gateway.config.http_port}"


async def run_world(stack: AsyncExitStack, folder: Path) -> World:
    """Run a gateway and its trunk on the host that we are on, until the stack is left."""
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
    return World(gateway, trunk, folder)


async def tell(talks: list[Talk], work: Any) -> None:
    """Do it; what fails is told."""
    try:
        await work
    except (AssertionError, TimeoutError, BrowserError, Error) as error:
        for talk in talks:
            talk.facts.error = talk.facts.error or str(error) or type(error).__name__


async def make_calls(folder: Path) -> dict[str, Any]:
    """Make the calls, cut both off at once, and have the gateway drain at last."""
    here = Host.new()
    async with AsyncExitStack() as stack:
        here.enter()
        world = await run_world(stack, folder)
        clients = {name: await call(stack, name, here, world) for name in BROWSERS}
        await asyncio.gather(*(tell(each.talks, lose_networks(each)) for each in clients.values()))
        world.gateway.terminate()
        talks = [talk for client in clients.values() for talk in client.talks]
        demos = [talk for talk in talks if talk.kind is DEMO]
        await asyncio.gather(*(tell([each], see_drain(each, world.url)) for each in demos))
        await asyncio.gather(*(tell([each], outlive(each)) for each in talks))
        async with asyncio.timeout(10):
            status = await world.gateway.ended()
    facts = {
        f"{name}-{kind}": asdict(talk.facts)
        for name, client in clients.items()
        for kind, talk in zip(KINDS, client.talks, strict=True)
    }
    return facts | {"gateway": status}


def main() -> None:
    json.dump(run_until_told(make_calls(Path(sys.argv[1]))), sys.stdout)


if __name__ == "__main__":
    main()
