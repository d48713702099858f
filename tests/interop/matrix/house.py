"""The one gateway of the matrix: its trunks, the numbers that lead to each, and its callers."""

from __future__ import annotations

import asyncio
import itertools
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING, Final, NamedTuple

from gateway.caller.sound import RATE
from tests.end_to_end.odd_sound import open_sound
from tests.end_to_end.odd_trunk import describe
from tests.end_to_end.phone import PhoneCall, calling, waiting
from tests.interop.matrix.rows import INCOMING
from tests.peers.gateway import Gateway, GatewayConfig, run_gateway
from tests.peers.host import HOST
from tests.peers.process import poll
from tests.tones import assert_tone, measure_tone

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping
    from pathlib import Path

    from gateway.caller.call import Outcome
    from tests.end_to_end.odd_sound import Sound
    from tests.end_to_end.odd_trunk import Line, OddTrunk
    from tests.interop.matrix.cells import Way
    from tests.tones import Samples

CALLER_TONE: Final = 660.0  # Hz
PEER_TONE: Final = 440.0
SOMEBODY_TONE: Final = 1000.0
TALK: Final = 1.5  # seconds at least
JUDGED: Final = 0.4  # seconds of sound
RATIO, MARGIN = -12.0, 10.0  # dB; in noise a tone is 22 dB below the rest
TRIES: Final = 4  # to find the caller in what a peer hears, a second each
LAST: Final = 1  # second, of which such a part is judged
FAILOVER: Final = "failover"  # a way that every peer has: by a trunk that is dead, then its first
PHONE: Final = "phone"  # the way to a trunk that a test plays by hand: fallbacks are there


class Somebody(NamedTuple):
    """Whom a peer may hand a page over to: what it calls them, and the phone."""

    to: str
    line: Line
    sound: Sound


@dataclass(frozen=True)
class House:
    """The gateway, and how a column's calls reach their peer."""

    gateway: Gateway
    tone: Path
    column: str
    prefixes: Mapping[str, str]
    pages: Mapping[str, str]
    folder: Path
    phone: OddTrunk
    _serial: itertools.count[int] = field(default_factory=lambda: itertools.count(1000))

    def trunk(self, way: str) -> str:
        """Return the name that the gateway has for a way."""
        return trunk_name(self.column, way)

    def unique(self, extension: str) -> str:
        """Return a number that nobody has called yet, and that ends like this."""
        return f"{next(self._serial)}{extension}"

    @asynccontextmanager
    async def dial(
        self, number: str, way: str = "udp", *, dtmf: str = "", silent: bool = False
    ) -> AsyncIterator[PhoneCall]:
        """Call a number of the peer's by one of its ways."""
        to = self.prefixes[way] + number
        play = None if silent else self.tone
        async with calling(self.gateway, to, play=play, dtmf=dtmf, address=HOST) as call:
            yield call

    @asynccontextmanager
    async def page(self, row: str) -> AsyncIterator[tuple[PhoneCall, str]]:
        """Have a page wait for a row's call; yield it, and the number that rings it."""
        name = trunk_name(self.column, row)
        async with waiting(self.gateway, name, play=self.tone) as page:
            yield page, self.pages[name]

    @asynccontextmanager
    async def fallback(self) -> AsyncIterator[tuple[str, Line, Sound]]:
        """Yield a number that no page is rung by, and the phone of its fallback, which speaks."""
        number = self.pages[trunk_name(self.column, "fallback")]
        async with open_sound(CALLER_TONE) as sound:
            yield number, self.phone.line(extension(number)), sound

    @asynccontextmanager
    async def somebody(self) -> AsyncIterator[Somebody]:
        """Yield somebody whom a page can be handed over to, and who speaks."""
        column = next(iter(self.prefixes.values()))[-2:]  # all of them have the same phone
        own = self.unique(column)
        async with open_sound(SOMEBODY_TONE) as sound:
            to = self.uri(self.prefixes[PHONE] + own)
            yield Somebody(to, self.phone.line(own), sound)

    def uri(self, number: str) -> str:
        """Return what a peer calls that a number is for."""
        return f"sip:{number}@127.0.0.1:{self.gateway.config.sip_port}"

    async def metric(self, name: str, way: str = "udp") -> float:
        """Return a metric of a way's trunk."""
        return (await self.gateway.metrics())[f'{name}{{trunk="{self.trunk(way)}"}}']


async def picked_up(line: Line, sound: Sound) -> Samples:
    """Have the phone of a fallback pick up and talk, and hang up; return what it has heard."""
    await line.hear("INVITE")
    line.respond(180)
    await line.answer(describe(sound.port))
    await sound.hear(75)
    samples = sound.samples(1.0)
    assert (await line.request("BYE")).status == 200
    return samples


def judge_phone(samples: Samples) -> None:
    """Fail unless the phone of a fallback heard the peer, and not itself."""
    assert_somewhere(samples, 8000, present=[PEER_TONE], absent=[CALLER_TONE])


def extension(number: str) -> str:
    """Return by what the phone is called, for a number that no page is rung by."""
    return number[-3:]


def trunk_name(column: str, way: str) -> str:
    return f"{column}-{way}"


async def talk(call: PhoneCall) -> None:
    """Wait until both ends have spoken for a while: after the answer, and from now on."""
    await call.hear("answered")
    began = perf_counter()
    while perf_counter() - began < TALK:
        await call.hear("quality", count=call.kinds.count("quality") + 1)  # one every two seconds


async def hushed(sound: Sound) -> None:
    """Wait until nothing has come for a while."""

    async def quiet() -> bool:
        before = len(sound.heard)
        await asyncio.sleep(0.3)
        return len(sound.heard) == before

    await poll(quiet, limit=5, what="no packets come", interval=0)


def judge(outcome: Outcome, *, present: Iterable[float] = (PEER_TONE,)) -> None:
    """Fail unless the caller heard these tones at last, and not their own."""
    assert outcome.heard is not None
    absent = {CALLER_TONE, PEER_TONE}.difference(present)
    assert_somewhere(outcome.heard[-LAST * RATE :], RATE, present=present, absent=absent)


def judge_somebody(outcome: Outcome, samples: Samples) -> None:
    """Fail unless the page and whom it was handed over to heard each other, and not the peer."""
    judge(outcome, present=[SOMEBODY_TONE])
    absent = [PEER_TONE, SOMEBODY_TONE]
    assert_somewhere(samples, 8000, present=[CALLER_TONE], absent=absent)


async def heard_by(sound: Sound) -> Samples:
    """Return what a peer has heard in the last second, once the caller is in it.

    Caller and peer are one process here. Where that stands still, nothing is said meanwhile, and
    a second of silence is read all at once afterwards.
    """
    for _ in range(TRIES):
        await sound.hear(60)
        samples = sound.samples(1.0)
        if measure_tone(samples, sound.rate, CALLER_TONE).level > -40:
            break
    return samples


def judge_peer(samples: Samples, rate: int) -> None:
    """Fail unless a peer heard the caller at last, and not itself."""
    assert_somewhere(samples[-LAST * rate :], rate, present=[CALLER_TONE], absent=[PEER_TONE])


def assert_somewhere(
    samples: Samples, rate: int, *, present: Iterable[float], absent: Iterable[float]
) -> None:
    """Fail unless these tones, and not those, are heard in a part of this.

    Who is heard is the question, and not how well. Where many processes share two cores frames come
    too late, and in a part that they spoil no tone stands out.
    """
    length, wanted = round(JUDGED * rate), list(present)
    begins = range(0, max(1, len(samples) - length + 1), length // 2)
    for begin in begins:
        try:
            part = samples[begin : begin + length]
            assert_tone(part, rate, present=wanted, absent=absent, ratio=RATIO, margin=MARGIN)
        except AssertionError:
            if begin == begins[-1]:
                raise
        else:
            return


def prefixes(ways: Iterable[str]) -> dict[str, str]:
    """Return for each way the beginning of its numbers."""
    return {way: f"+1555{index:02}" for index, way in enumerate(ways)}


def page_numbers(columns: Iterable[str]) -> dict[str, str]:
    """Return for each call to a page the number that is called, by column and row."""
    names = [trunk_name(column, row) for column in columns for row in INCOMING]
    return {name: f"+15559{index:03}" for index, name in enumerate(names)}


@asynccontextmanager
async def open_gateway(
    folder: Path, ways: Mapping[str, Way], pages: Mapping[str, str], sip_port: int
) -> AsyncIterator[Gateway]:
    """Start a gateway whose trunks are these ways, by their names; each has numbers of its own."""
    config = gateway_config(ways, pages, sip_port)
    async with run_gateway(config, folder) as gateway:
        yield gateway


def gateway_config(
    ways: Mapping[str, Way], pages: Mapping[str, str], sip_port: int
) -> GatewayConfig:
    """Return the configuration of a gateway whose trunks are these ways."""
    begin = prefixes(ways)
    # The prefix leads to the trunk; the peer is called by what stands behind it
    rules = [[prefix, ""] for prefix in begin.values()]
    trunks = [
        {"priority": number, **way.keys, "name": name, "numbers": rules}
        for number, (name, way) in enumerate(ways.items(), start=1)
        if way.keys
    ]
    routes = [
        {"to": f"{begin[name]}*", "trunks": list(way.then or [name])} for name, way in ways.items()
    ]
    routes += [{"to": to, "trunks": [name]} for name, way in ways.items() for to in way.numbers]
    incoming = [
        {"to": number, "identity": name, **_fallback(name, number, begin)}
        for name, number in pages.items()
    ]
    return GatewayConfig(
        trunks,
        sip_port=sip_port,
        routes=routes,
        incoming=incoming,
        overrides={"admission": {"allow": ["*"]}},  # numbers of the lab's are no telephone numbers
    )


def _fallback(name: str, number: str, begin: Mapping[str, str]) -> dict[str, str]:
    return {"fallback": begin[PHONE] + extension(number)} if name.endswith("-fallback") else {}
