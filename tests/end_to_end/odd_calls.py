"""Stories of calls to an odd trunk, told beside each other on one gateway.

A call lives for seconds, most of which it waits. So the stories that the selected tests ask for all
start at once, some at a time, and each test waits for its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from gateway.caller.call import Outcome
from gateway.caller.sound import RATE
from tests.end_to_end.conftest import TONE
from tests.end_to_end.odd_sound import Sound, open_sound
from tests.end_to_end.odd_trunk import Line, OddTrunk, describe, odd_trunk
from tests.end_to_end.phone import PhoneCall, calling
from tests.end_to_end.recording import assert_heard
from tests.end_to_end.trunks import idle, open_trunk
from tests.peers.gateway import Gateway, GatewayConfig, run_gateway
from tests.peers.process import wait_until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping
    from pathlib import Path

AT_ONCE = 6  # calls with two ends each on a small machine, and the sound must not suffer
TRUNK_TONE, OTHER_TONE = 440.0, 880.0
TALK = 35  # packets from each side, 0.7 s
JUDGED = 0.4  # seconds of sound, the last ones


class Dialed(NamedTuple):
    """A call that has come to its line: both ends of it, and the trunk's sound."""

    line: Line
    call: PhoneCall
    sound: Sound


@dataclass(frozen=True)
class Rig:
    """A gateway, its trunk, and what callers play."""

    gateway: Gateway
    trunk: OddTrunk
    tone: Path

    @asynccontextmanager
    async def dial(
        self, *, dtmf: str = "", codec: str = "PCMU", frequency: float = TRUNK_TONE
    ) -> AsyncIterator[Dialed]:
        """Have a caller call a line of its own; go on when its INVITE is there."""
        line = self.trunk.line()
        async with (
            open_sound(frequency, codec=codec) as sound,
            calling(self.gateway, line.number, play=self.tone, dtmf=dtmf) as call,
        ):
            await line.hear("INVITE")
            yield Dialed(line, call, sound)


@asynccontextmanager
async def odd_rig(
    folder: Path,
    tone: Path,
    *,
    transport: str = "UDP",
    codecs: Iterable[str] = ("PCMU", "PCMA"),
    srtp: str = "off",
    transfers: str = "refuse",
    overrides: Mapping[str, Mapping[str, object]] | None = None,
) -> AsyncIterator[Rig]:
    """Start a trunk, and a gateway for it."""
    async with AsyncExitStack() as stack:
        trunk = await stack.enter_async_context(odd_trunk(transport=transport))
        settings = {
            **open_trunk(trunk.port, transport.lower()),
            "codecs": list(codecs),
            "srtp": srtp,
            "transfers": transfers,
        }
        config = GatewayConfig([settings], overrides=overrides or {})
        gateway = await stack.enter_async_context(run_gateway(config, folder))
        yield Rig(gateway, trunk, tone)


@asynccontextmanager
async def answered(rig: Rig, *, dtmf: str = "") -> AsyncIterator[Dialed]:
    """Have a caller call a line, which answers; go on when sound goes both ways."""
    async with rig.dial(dtmf=dtmf) as dialed:
        await dialed.line.answer(describe(dialed.sound.port))
        await dialed.call.hear("answered")
        await dialed.sound.hear(5)  # by then the first of ours have come as well
        yield dialed


async def talk(dialed: Dialed) -> None:
    """Wait until both ends have spoken for a while; the trunk hears the caller alone."""
    sound = dialed.sound
    await sound.hear(TALK)
    tones = (TRUNK_TONE, OTHER_TONE)
    assert_heard(sound.samples(JUDGED), sound.rate, present=[TONE], absent=tones)


async def hang_up(dialed: Dialed, *, heard: float | None = TRUNK_TONE) -> Outcome:
    """Have the caller end the call, who heard one tone at last and no other; None for silence.

    The trunk gets a BYE, and there is nothing else for it to read.
    """
    outcome = await dialed.call.hang_up()
    await dialed.line.hear("BYE")
    assert dialed.call.ended() == ("local", "hangup", 200)
    assert outcome.heard is not None
    tones = {TONE, TRUNK_TONE, OTHER_TONE}
    present = [] if heard is None else [heard]
    last = outcome.heard[-round(JUDGED * RATE) :]
    assert_heard(last, RATE, present=present, absent=tones.difference(present))
    left = [each for each in dialed.line.unread if each.status is None]
    assert not left, f"the trunk got also: {left}"
    return outcome


async def use(dialed: Dialed, *, digit: str = "5") -> None:
    """Use a call that is answered: digits both ways, then sound both ways; and end it."""
    line, call, sound = dialed
    await call.hear("answered")
    await sound.hear(1)
    sound.press("7")
    pressed = await call.hear("dtmf")
    assert (pressed["digit"], call.kinds.count("dtmf")) == ("7", 1)
    await sound.hear_digits(digit)
    await talk(dialed)
    await hang_up(dialed)
    assert line.requests() == ["INVITE", "ACK", "BYE"]


# What the page is told; the rest of the sentence may name a host
UNUSABLE = (
    "The far end answered with a media description that cannot be used.",
    "The far end cannot get its audio.",
)


async def said_why(rig: Rig, dialed: Dialed, words: str) -> None:
    """Expect the call to be ended by the gateway, for a reason that it names in its log alone."""
    end = (await dialed.call.end()).last
    await dialed.line.hear("BYE")
    assert dialed.call.ended() == ("gateway", "incompatible-media", 488)
    assert end["message"] in UNUSABLE
    what = end["message"].removesuffix(".")
    await wait_until(
        lambda: f"call ended: {what}: " in (log := rig.gateway.log()) and words in log,
        limit=5,
        what=words,
    )
    assert dialed.line.requests() == ["INVITE", "ACK", "BYE"]


Tell = Callable[[Rig], Awaitable[None]]


class Stories(dict[str, Tell]):
    """Stories by name. As a decorator it adds one."""

    def __call__(self, tell: Tell) -> Tell:
        self[tell.__name__] = tell
        return tell


class Together:
    """Stories that are told beside each other. `hear` one to know how it went. Use `together`."""

    def __init__(self, rig: Rig, stories: Mapping[str, Tell], at_once: int) -> None:
        self._rig = rig
        self._room = asyncio.Semaphore(at_once)
        self._tasks = {
            name: asyncio.create_task(self._tell(tell), name=name) for name, tell in stories.items()
        }

    async def _tell(self, tell: Tell) -> None:
        async with self._room:
            await tell(self._rig)

    async def hear(self, name: str) -> None:
        """Wait for a story; what it raised is raised."""
        await asyncio.shield(self._tasks[name])

    async def over(self) -> None:
        """Wait until all of them are told."""
        if self._tasks:
            await asyncio.wait(self._tasks.values())

    async def close(self) -> None:
        """Interrupt those that are still being told."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)


@asynccontextmanager
async def together(
    rig: Rig, stories: Mapping[str, Tell], *, at_once: int = AT_ONCE
) -> AsyncIterator[Together]:
    """Begin to tell stories, some at a time; interrupt what is left at the end of the block."""
    told = Together(rig, stories, at_once)
    try:
        yield told
    finally:
        await told.close()


def asked_for(request: pytest.FixtureRequest) -> dict[str, Tell]:
    """Return the stories of this module whose tests have been selected."""
    names: list[Any] = [
        item.callspec.params["story"]
        for item in request.session.items
        if isinstance(item, pytest.Function)
        and item.module is request.module
        and hasattr(item, "callspec")
        and "story" in item.callspec.params
    ]
    return {name: request.module.STORIES[name] for name in names}


class StoryTests:
    """The tests of a module with `STORIES`, for it to derive from; `AT_ONCE` it may have as well.

    The fixture `told` begins to tell them, and `pytest_generate_tests` makes a test of each.
    """

    async def test_story(self, told: Together, story: str) -> None:
        await told.hear(story)

    async def test_nothing_is_left(self, told: Together, rig: Rig) -> None:
        await told.over()
        await idle(rig.gateway)
        assert not rig.trunk.strays
