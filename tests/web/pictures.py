"""Pictures of the button and its panel for the documentation: `python -m tests.web.pictures`.

They are made by hand when the look has changed, and looked at. The call is a real one, to the
scripted gateway. It needs Debian's Chromium and pngquant.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from playwright.async_api import Browser, Page, async_playwright, expect

from tests.peers.chromium import FLAGS
from tests.peers.requirement import require
from tests.tones import make_tone, write_wav
from tests.web.fake_gateway import (
    FakeGateway,
    Session,
    Story,
    answer_call,
    take_registration,
    welcome,
)

PICTURES = Path(__file__).parents[2] / "docs" / "pictures"
MAXIMUM = 60_000  # bytes of a picture

SITE = """<!doctype html><html lang="{lang}" dir="{dir}"><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark">
<title>Harbor Bikes</title>
<style>
body {{ margin: 0; font: 17px/1.6 system-ui, sans-serif; background: light-dark(#f4f1ec, #101412);
  color: light-dark(#22302a, #dfe7e3); }}
main {{ max-width: 620px; margin: 0 auto; padding: 32px 24px; }}
h1 {{ font-size: 34px; line-height: 1.15; margin: 0 0 12px; letter-spacing: -.02em; }}
p {{ margin: 0 0 20px; color: light-dark(#4c5a53, #a8b5ae); }}
</style>
<script type="module" src="/sdk/click-to-call.js"></script>
<main><h1>Bikes for the city, built by the sea</h1>
<p>Not sure which frame fits you? Our workshop is one click away. We answer in a few seconds, and
the call costs you nothing.</p>
<click-to-call to="+15551234567" heading="Harbor Bikes" feedback transfer {attributes}>
</click-to-call>
</main>"""


async def answer_well(session: Session) -> None:
    await answer_call(session)
    leg = {"mos": 4.3, "loss": 0, "jitterMs": 3, "rttMs": 20, "level": 20, "packets": 100}
    await session.reply("quality", browser=leg, trunk=leg)


async def call_page(session: Session) -> None:
    await take_registration(session)
    await session.ring(displayName="Ann Bell")


async def keep_ringing(session: Session) -> None:
    await session.reply("trying")
    await session.reply("ringing", earlyMedia=False)


async def refuse(session: Session) -> None:
    await session.reply("ended", by="remote", cause="busy", sipCode=486, reason="Busy Here")


async def hang_up(session: Session) -> None:
    await answer_well(session)
    await session.reply("ended", by="remote", cause="hangup", sipCode=200, durationMs=83_000)


@dataclass
class Picture:
    """One picture: a page, a story, and what to click."""

    name: str
    state: str = "open"
    story: Story = answer_well
    attributes: str = ""
    dark: bool = False
    size: tuple[int, int] = (720, 620)
    clicks: list[str] = field(default_factory=list)
    lang: str = "en"
    called: bool = False  # instead of calling


PHONE = (390, 780)
ALL = [
    Picture("button", state="idle", size=(720, 320)),
    Picture("button-dark", state="idle", size=(720, 320), dark=True),
    Picture("button-phone", state="idle", size=(390, 480)),
    Picture("button-phone-dark", state="idle", size=(390, 480), dark=True),
    Picture("panel", attributes='variant="floating"', clicks=[]),
    Picture("panel-dark", attributes='variant="floating"', dark=True),
    Picture("panel-ringing", state="ringing", story=keep_ringing),
    Picture("panel-keypad", clicks=[".tool:nth-child(2)"], size=(720, 700)),
    Picture("panel-settings-dark", clicks=[".tool:nth-child(5)"], dark=True, size=(720, 700)),
    Picture("panel-transfer", clicks=[".tool:nth-child(4)"], size=(720, 760)),
    Picture("panel-consent", state="consent", attributes="consent"),
    Picture("panel-busy", state="ended", story=refuse, attributes='fallback-tel="+1 555 123 4567"'),
    Picture("panel-feedback", state="ended", story=hang_up, clicks=[".star:nth-of-type(4)"]),
    Picture("panel-incoming", state="incoming", attributes='identity="sales"', called=True),
    Picture("button-in-call", clicks=[".corner"], size=(720, 320)),
    Picture("panel-phone", size=PHONE),
    Picture("panel-phone-dark", size=PHONE, dark=True),
    Picture("panel-variant", attributes='variant="panel"', state="idle", size=(720, 620)),
    Picture("panel-arabic", attributes='lang="ar"', lang="ar", size=(720, 620)),
]


async def take(picture: Picture, browser: Browser, gateway: FakeGateway) -> None:
    """Make one picture."""
    gateway.story = picture.story
    gateway.greeting = call_page if picture.called else welcome
    direction = "rtl" if picture.lang == "ar" else "ltr"
    gateway.page = SITE.format(attributes=picture.attributes, lang=picture.lang, dir=direction)
    width, height = picture.size
    context = await browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if picture.dark else "light",
    )
    page = await context.new_page()
    await page.goto(f"{gateway.url}/page")
    await reach(page, picture)
    await page.wait_for_timeout(900)  # for the animation, and the microphone's level
    path = PICTURES / f"{picture.name}.png"
    await page.screenshot(path=path)
    await context.close()
    quantize = ["pngquant", "--force", "--ext", ".png", "--speed", "1", "64", str(path)]
    await asyncio.to_thread(subprocess.run, quantize, check=True)
    if path.stat().st_size > MAXIMUM:
        raise RuntimeError(f"{path.name} has {path.stat().st_size} bytes")


async def reach(page: Page, picture: Picture) -> None:
    """Bring the element into the picture's state."""
    await page.wait_for_function("Boolean(customElements.get('click-to-call'))")
    if picture.state == "idle":
        return
    if not picture.called:
        await page.locator("click-to-call").locator(".launcher").click()
    element = page.locator(f"click-to-call:state({picture.state})")
    await expect(element).to_be_attached()
    for click in picture.clicks:
        await page.wait_for_timeout(500)  # what follows at once is taken for a double click
        await page.locator("click-to-call").locator(click).click()
    await page.mouse.move(2, 2)


async def main(names: list[str]) -> None:
    """Make those pictures, or all."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        tone = Path(folder) / "tone.wav"
        write_wav(tone, make_tone(440.0, seconds=1, rate=48_000, level=-20.0), 48_000)
        async with async_playwright() as playwright, FakeGateway().run() as gateway:
            browser = await playwright.chromium.launch(
                executable_path=require("chromium"),
                args=[
                    *FLAGS,
                    "--use-fake-ui-for-media-stream",
                    "--use-fake-device-for-media-stream",
                    f"--use-file-for-fake-audio-capture={tone}",
                ],
            )
            for picture in ALL:
                if not names or picture.name in names:
                    await take(picture, browser, gateway)
            await browser.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
