"""Stories that are told with phones: each picks up when told to, plays 440 Hz, and records.

Not every phone can do all of it: its column says which stories it is told.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from tests.interop.matrix import usual
from tests.interop.matrix.cells import NotApplicable
from tests.interop.matrix.house import FAILOVER, judge, judge_peer, judge_phone, picked_up, talk
from tests.interop.matrix.usual import TAKES

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.end_to_end.phone import PhoneCall
    from tests.interop.matrix.cells import Tell
    from tests.interop.matrix.house import House
    from tests.tones import Samples

NO_REGISTRAR: Final = NotApplicable("It is a phone: it registers, and nobody registers with it.")
NO_PASSWORD: Final = NotApplicable("It is a phone, and asks no caller for a password.")
NO_FORK: Final = NotApplicable("It is one phone: forks are made by what stands before phones.")
NO_GLARE: Final = NotApplicable("Its re-INVITEs do not wait for one of ours to cross.")
ELSEWHERE: Final = "<sip:elsewhere@192.0.2.1>"


class Ring(Protocol):
    """A call that has come to a phone."""

    async def reply(self, code: int, contact: str = "") -> None: ...
    async def answer(self) -> None: ...
    async def end(self) -> None: ...
    async def over(self) -> None: ...
    async def press(self, digits: str, *, info: bool = False) -> None: ...
    async def hear_digits(self, digits: str, *, info: bool = False) -> None: ...
    async def hold(self) -> None: ...
    async def resume(self) -> None: ...
    async def heard(self) -> tuple[Samples, int]: ...


class ChangingRing(Ring, Protocol):
    """One of a phone that sends a re-INVITE when it is told to; `late`: without an offer."""

    async def reinvite(self, *, late: bool = False) -> None: ...


class ReferringRing(Ring, Protocol):
    """One of a phone that hands its far end over, and hears how that has ended."""

    async def refer(self, to: str) -> None: ...


R = TypeVar("R", bound=Ring)
R_co = TypeVar("R_co", bound=Ring, covariant=True)


class Phone(Protocol[R_co]):
    """What a column of a phone yields.

    Attributes
    ----------
    number
        What it is called by; if nothing, any number, so that each call has one of its own.
    """

    @property
    def number(self) -> str: ...

    async def ring(self, number: str) -> R_co: ...

    async def call(self, uri: str) -> R_co: ...


@asynccontextmanager
async def dialed(
    house: House, phone: Phone[R], way: str = "udp", *, number: str = "", dtmf: str = ""
) -> AsyncIterator[tuple[PhoneCall, R]]:
    """Call the phone, and go on when it rings there."""
    number = number or phone.number or house.unique("100")
    async with house.dial(number, way, dtmf=dtmf) as call:
        yield call, await phone.ring(number)


async def converse(call: PhoneCall, ring: Ring) -> None:
    """Talk, and have the page hang up; both ends have heard each other."""
    await talk(call)
    outcome = await call.hang_up()
    await ring.over()
    judge(outcome)
    judge_peer(*await ring.heard())


def talks(way: str = "udp", *, number: str = "") -> Tell:
    async def tell(house: House, phone: Phone[Ring]) -> None:
        async with dialed(house, phone, way, number=number) as (call, ring):
            await ring.answer()
            await converse(call, ring)

    return tell


async def failover(house: House, phone: Phone[Ring]) -> None:
    began = asyncio.get_running_loop().time()
    async with dialed(house, phone, FAILOVER) as (call, ring):
        took = asyncio.get_running_loop().time() - began
        await ring.answer()
        await converse(call, ring)
    assert took < TAKES, f"{took:.1f} s until the second trunk rings"


def ringing(number: str = "") -> Tell:
    async def tell(house: House, phone: Phone[Ring]) -> None:
        async with dialed(house, phone, number=number) as (call, ring):
            await ring.reply(180)
            assert not (await call.hear("ringing"))["earlyMedia"]
            await ring.answer()
            await call.hear("answered")
            await call.hang_up()
            await ring.over()

    return tell


def early_media(number: str = "", *, plays: bool = True) -> Tell:
    """An announcement is heard before the answer; some phones are silent until then."""

    async def tell(house: House, phone: Phone[Ring]) -> None:
        async with dialed(house, phone, number=number) as (call, ring):
            await ring.reply(183)
            if not (await call.hear("ringing"))["earlyMedia"]:  # 180 was first
                assert (await call.hear("ringing", count=2))["earlyMedia"]
            if plays:
                await call.hear("quality")
                assert "answered" not in call.kinds
                outcome = await call.hang_up()
                await ring.over()
                judge(outcome)
            else:
                await ring.answer()
                await converse(call, ring)

    return tell


def digits(way: str = "udp", *, info: bool = False) -> Tell:
    """From the page to the phone."""

    async def tell(house: House, phone: Phone[Ring]) -> None:
        async with dialed(house, phone, way, dtmf="159*#") as (call, ring):
            await ring.answer()
            await ring.hear_digits("159*#", info=info)
            await call.hang_up()
            await ring.over()

    return tell


def digits_remote(way: str = "udp", *, info: bool = False) -> Tell:
    """From the phone to the page."""

    async def tell(house: House, phone: Phone[Ring]) -> None:
        async with dialed(house, phone, way) as (call, ring):
            await ring.answer()
            await call.hear("answered")
            await ring.press("73", info=info)
            await call.hear("dtmf", count=2)
            outcome = await call.hang_up()
            await ring.over()
        assert outcome.digits == "73"

    return tell


def reinvite(*, late: bool = False) -> Tell:
    async def tell(house: House, phone: Phone[ChangingRing]) -> None:
        async with dialed(house, phone) as (call, ring):
            await ring.answer()
            await ring.reinvite(late=late)
            await converse(call, ring)

    return tell


def hold(*, records: bool = True) -> Tell:
    """Some phones stop recording while they are on hold."""

    async def tell(house: House, phone: Phone[Ring]) -> None:
        async with dialed(house, phone) as (call, ring):
            await ring.answer()
            await call.hear("answered")
            await usual.hold(call)
            await finish(call, ring, records=records)

    return tell


async def finish(call: PhoneCall, ring: Ring, *, records: bool) -> None:
    """Talk, and have the page hang up; the phone's record is judged if there is one."""
    if records:
        await converse(call, ring)
        return
    await talk(call)
    outcome = await call.hang_up()
    await ring.over()
    judge(outcome)


def hold_remote(*, records: bool = True) -> Tell:
    """Some phones stop recording when they hold a call."""

    async def tell(house: House, phone: Phone[Ring]) -> None:
        async with dialed(house, phone) as (call, ring):
            await ring.answer()
            await call.hear("answered")
            await ring.hold()
            await usual.held_by_peer(call)
            await ring.resume()
            await usual.resumed_by_peer(call)
            await finish(call, ring, records=records)

    return tell


async def transfer(house: House, phone: Phone[Ring]) -> None:
    """The phone calls the number itself, which is one more call to it."""
    target = phone.number or house.unique("101")
    async with dialed(house, phone) as (call, ring):
        await ring.answer()
        await call.hear("answered")
        await call.ask("transfer", to=house.prefixes["udp"] + target)
        await (await phone.ring(target)).answer()
        await usual.transferred(call)
        await ring.over()


async def refer(house: House, phone: Phone[ReferringRing]) -> None:
    async with house.somebody() as somebody, dialed(house, phone, "refer") as (call, ring):
        await ring.answer()
        await call.hear("answered")

        async def ask() -> None:
            await ring.refer(somebody.to)
            await ring.over()

        await usual.handed_over(call, somebody, ask)


async def bye(house: House, phone: Phone[Ring]) -> None:
    async with dialed(house, phone) as (call, ring):
        await ring.answer()
        await call.hear("answered")
        await call.hang_up()
        await ring.over()
    assert call.ended() == ("local", "hangup", 200)


async def bye_remote(house: House, phone: Phone[Ring]) -> None:
    async with dialed(house, phone) as (call, ring):
        await ring.answer()
        await call.hear("answered")
        await ring.end()
        await call.end()
        await ring.over()
    assert call.ended() == ("remote", "hangup", 200)


async def cancel(house: House, phone: Phone[Ring]) -> None:
    async with dialed(house, phone) as (call, ring):
        await ring.reply(180)
        await call.hear("ringing")
        await call.hang_up()
        await ring.over()
    assert call.ended() == ("local", "canceled", 487)


async def incoming(house: House, phone: Phone[Ring]) -> None:
    async with house.page("incoming") as (page, number):
        ring = await phone.call(house.uri(number))
        await page.hear("incoming")
        await page.accept()
        await converse(page, ring)


async def incoming_486(house: House, phone: Phone[Ring]) -> None:
    async with house.page("incoming-486") as (page, number):
        ring = await phone.call(house.uri(number))
        await usual.rejected(page)
        await ring.over()


async def incoming_cancel(house: House, phone: Phone[Ring]) -> None:
    async with house.page("incoming-cancel") as (page, number):
        ring = await phone.call(house.uri(number))
        await page.hear("incoming")
        await ring.end()
        await usual.given_up(page)
        await ring.over()


async def fallback(house: House, phone: Phone[Ring]) -> None:
    async with house.fallback() as (number, line, sound):
        ring = await phone.call(house.uri(number))
        heard = await picked_up(line, sound)
        await ring.over()
        judge_phone(heard)
        judge_peer(*await ring.heard())


def refused(code: int, cause: str) -> Tell:
    async def tell(house: House, phone: Phone[Ring]) -> None:
        async with dialed(house, phone) as (call, ring):
            await ring.reply(code, ELSEWHERE if code == 302 else "")
            await call.end()
            await ring.over()
        assert call.ended() == ("remote", cause, code)

    return tell
