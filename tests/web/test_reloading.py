"""A page that is loaded again, or closed, in the middle of a call."""

from __future__ import annotations

import pytest

from tests.web.button import open_button
from tests.web.conftest import OpenPage
from tests.web.fake_gateway import FakeGateway
from tests.web.test_call_stories import open_call
from tests.web.test_reconnecting import Lossy


@pytest.mark.parametrize(
    ("keep", "restores", "hangs_up"),
    [(None, False, True), (None, True, False), (True, False, False), (False, True, True)],
)
async def test_a_call_is_kept_for_a_page_that_takes_it_up(
    fake_gateway: FakeGateway,
    open_page: OpenPage,
    keep: bool | None,
    restores: bool,
    hangs_up: bool,
) -> None:
    """The gateway would hold any other one, and bill it, for a page that never comes."""
    Lossy(fake_gateway)
    page = await open_page()
    await open_call(page, device={} if keep is None else {"keepCalls": keep})
    if restores:
        await page.evaluate("() => harness.device.restore()")
    session = await fake_gateway.session()
    await page.reload()
    await session.gone.wait()
    assert len(session.find("hangup")) == hangs_up


async def test_the_button_keeps_its_call(fake_gateway: FakeGateway, open_page: OpenPage) -> None:
    Lossy(fake_gateway)
    button = await open_button(fake_gateway, open_page)
    await button.call()
    await button.expect_state("open")
    session = await fake_gateway.session()
    await button.page.reload()
    await session.gone.wait()
    assert session.find("hangup") == []
