"""Floods and forged sound at the ports of a call that runs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.end_to_end.odd_trunk import offered_port
from tests.end_to_end.trunks import media_events
from tests.security.attack import attack
from tests.security.flooding import attacked_call, flood

if TYPE_CHECKING:
    from pathlib import Path

    from tests.end_to_end.phone import PhoneCall
    from tests.security.house import House

TITLE = "Media ports, while a call runs"
pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("unharmed")]

RATE = 10_000  # datagrams a second, from 40 addresses
SECONDS = 2


def browser_side(call: PhoneCall) -> tuple[int, str]:
    """Return the port of the browsers and our user name fragment there, from the answer."""
    answer = next(each for each in call.messages if each["type"] == "answer")["answer"]["sdp"]
    port = re.search(r"a=candidate:\S+ 1 udp \d+ \S+ (\d+) typ host", answer)
    fragment = re.search(r"a=ice-ufrag:(\S+)", answer)
    assert port is not None
    assert fragment is not None
    return int(port[1]), fragment[1]


HEARD = "both sides hear each other and nobody else; "
UNANSWERED = "dropped and counted, none is answered"
FLOODS = [
    (
        "check",
        "STUN checks for the call's own user name, by a wrong password",
        "browser_rejected_stun-flood",
        "300 at once and 100 a second are looked at and answered with an error (RFC 8489 section "
        "9.1.3), the others dropped and counted",
    ),
    (
        "stray-check",
        "STUN checks for user names that nobody has",
        "browser_rejected_ufrag",
        UNANSWERED,
    ),
    (
        "hello",
        "DTLS ClientHellos without a cookie",
        "browser_rejected_stranger",
        UNANSWERED,
    ),
    ("noise", "random bytes", "browser_rejected_unknown", UNANSWERED),
    (
        "sound",
        "RTP without encryption to the browsers' port",
        "browser_rejected_stranger",
        UNANSWERED,
    ),
]


@pytest.mark.parametrize(
    ("kind", "counter"),
    [
        pytest.param(
            kind,
            counter,
            id=kind,
            marks=attack(f"{what}, 10,000 a second from 40 addresses", HEARD + result),
        )
        for kind, what, counter, result in FLOODS
    ],
)
async def test_a_flood_at_the_browsers_port(
    house: House, tone: Path, kind: str, counter: str
) -> None:
    before = media_events(await house.gateway.metrics())
    async with attacked_call(house, tone) as (dialed, stream):
        port, fragment = browser_side(dialed.call)
        stream.told = await flood(kind, port, RATE, SECONDS, fragment)
    after = media_events(await house.gateway.metrics())
    counted = after.get(counter, 0) - before.get(counter, 0)
    assert counted > stream.told["sent"] / 10
    assert (stream.told["answered"] > 0) == (kind == "check")
    assert "faults" not in after


def flooding(rate: int) -> pytest.MarkDecorator:
    return attack(
        f"RTP with a tone of the intruder's to the trunk's port, {rate:,} a second from 40 "
        "addresses",
        HEARD + UNANSWERED,
    )


@pytest.mark.parametrize(
    "rate", [pytest.param(rate, id=str(rate), marks=flooding(rate)) for rate in (1000, RATE)]
)
async def test_sound_of_strangers_at_the_trunks_port(house: House, tone: Path, rate: int) -> None:
    before = media_events(await house.gateway.metrics())
    async with attacked_call(house, tone) as (dialed, stream):
        stream.told = await flood("sound", offered_port(dialed.line), rate, SECONDS)
    after = media_events(await house.gateway.metrics())
    counter = "trunk_rejected_stranger"
    assert after[counter] - before.get(counter, 0) > stream.told["sent"] / 2
    assert stream.told["answered"] == 0


@attack(
    "RTP of a stranger's to the trunk's port before the trunk itself speaks (the latch)",
    "it is not believed: the caller hears the trunk alone, once it speaks",
)
async def test_a_stranger_is_first(house: House, tone: Path) -> None:
    async with attacked_call(house, tone) as (dialed, stream):
        dialed.sound.silent = True
        stream.told = await flood("sound", offered_port(dialed.line), 100, 1)
        dialed.sound.silent = False
        await dialed.sound.hear(50)
