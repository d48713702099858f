"""Two far ends for calls that are handed over: 800 and 801 of the lab, which ring at the gateway.

So Asterisk is between them and everybody else, and what each hears is at hand. Recordings by
Asterisk would not do: of a channel that was transferred, most have nothing more of what comes in.
"""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from gateway.caller.sound import RATE
from tests.end_to_end.conftest import LAB_TONE, TONE
from tests.end_to_end.phone import PhoneCall, waiting
from tests.end_to_end.recording import assert_heard
from tests.peers.process import wait_until
from tests.tones import make_tone, write_wav

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from tests.peers.gateway import Gateway

TONES = {"800": LAB_TONE, "801": 880.0}  # Hz, what each of them says
INCOMING = [{"to": number, "identity": number} for number in TONES]


@asynccontextmanager
async def far_ends(
    gateway: Gateway, folder: Path, token: Callable[[str], str], *, origin: str | None = None
) -> AsyncIterator[dict[str, PhoneCall]]:
    """Have both wait for a call, which they take at once; `token` makes one for an identity."""
    async with AsyncExitStack() as stack:
        phones = {}
        for number, tone in TONES.items():
            play = write_wav(folder / number, make_tone(tone, seconds=1, rate=48000), 48000)
            phone = waiting(
                gateway, number, play=play, pick_up=0, token=token(number), origin=origin
            )
            phones[number] = await stack.enter_async_context(phone)
        yield phones


async def assert_connected(phones: dict[str, PhoneCall]) -> None:
    """Fail unless each hears the other now, and not who has handed them over."""
    enough = {number: phone.heard.size + 2 * RATE for number, phone in phones.items()}
    await wait_until(
        lambda: all(phone.heard.size >= enough[number] for number, phone in phones.items()),
        limit=10,
        what="two seconds of sound at each far end",
    )
    first, second = TONES
    for here, there in ((first, second), (second, first)):
        last = phones[here].heard[-RATE:]
        assert_heard(last, RATE, present=[TONES[there]], absent=[TONE, TONES[here]])
