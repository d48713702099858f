"""A browser whose WebAudio fails: it shows levels and plays tones, and no call depends on it."""

from __future__ import annotations

import pytest

from tests.web.conftest import OpenPage
from tests.web.fake_gateway import FakeGateway, connect_incoming
from tests.web.test_call_stories import dial, end_of, open_call, until
from tests.web.test_incoming import calling
from tests.web.test_registration import register

# Firefox does so where the microphone has another sample rate than the speaker
NO_SOURCE = """
    AudioContext.prototype.createMediaStreamSource = () => {
        throw new DOMException("another sample rate", "NotSupportedError");
    };
"""
# A page may have as many contexts as it can already
NO_CONTEXT = """
    window.AudioContext = class {
        constructor() {
            throw new DOMException("too many of them", "NotSupportedError");
        }
    };
"""


@pytest.mark.parametrize("fault", [NO_SOURCE, NO_CONTEXT])
@pytest.mark.parametrize("device", [{}, {"ringback": "us"}])
async def test_call_is_placed_and_leaves_nothing(
    fake_gateway: FakeGateway, open_page: OpenPage, fault: str, device: dict[str, str]
) -> None:
    page = await open_page()
    await page.evaluate(f"{fault}; null")
    await open_call(page, device=device)
    # The browser's own levels take over
    await until(page, "harness.volume?.every((level) => level > 0.5)")
    await page.evaluate("harness.call.disconnect()")
    await end_of(page)
    assert await dial(page) is None, "and another one after it"


async def test_microphone_is_changed_in_mid_call(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    page = await open_page()
    await open_call(page)
    await page.evaluate(f"{NO_SOURCE}; null")
    await page.evaluate("harness.device.audio.setInputDevice('')")
    await page.evaluate("harness.call.disconnect()")
    await end_of(page)


async def test_ringtone_that_fails_costs_no_call(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    page = await open_page()
    await page.evaluate(f"{NO_CONTEXT}; null")
    fake_gateway.greeting = calling(connect_incoming)
    assert await register(page) == "sales"
    await until(page, "harness.call")
    await page.evaluate("harness.call.accept()")
    await until(page, "harness.call.state === 'open'")
    await page.evaluate("harness.call.disconnect()")
    await end_of(page)
