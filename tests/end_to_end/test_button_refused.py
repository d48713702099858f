"""What a visitor reads at a button whose call comes to nothing, and Asterisk is behind it."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING

import pytest

from gateway.admission.token import CallClaim, Claims, issue, new_id
from tests.end_to_end.trunks import lab_trunk
from tests.peers.gateway import Gateway, GatewayConfig, run_gateway
from tests.peers.ports import free_port
from tests.web.told import LOOK, Told, dial

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.async_api import Page

    from tests.peers.asterisk import AsteriskLab
    from tests.peers.chromium import Chromium

pytestmark = [pytest.mark.peer, pytest.mark.asyncio(loop_scope="module")]

SECRET = secrets.token_urlsafe(32)
LAB = "+15550100{}"  # and the lab's own number
NUMBERS = 5  # that one visitor may call in an hour

PUT = """async () => {
    await import("/sdk/click-to-call.js");
    document.body.replaceChildren(document.createElement("click-to-call"));
}"""


def config(lab: AsteriskLab, folder: Path) -> GatewayConfig:
    """A gateway that asks for tokens; one trunk does not know it, and one is gone."""
    (folder / "token-secret").write_text(f"{SECRET}\n")
    admission = {
        "mode": "token",
        "token_secret_file": str(folder / "token-secret"),
        "allow": ["+1", "+44"],
        "max_ringing": 1,
    }
    limits = {"numbers_per_hour_per_identity": NUMBERS}
    gone = {"name": "gone", "uri": f"sip:127.0.0.1:{free_port()};transport=tcp"}
    return GatewayConfig(
        [lab_trunk(lab), {**lab_trunk(lab), "name": "stranger", "password": "wrong"}, gone],
        overrides={"admission": admission, "admission.limits": limits},
        routes=[
            {"to": "+4420*", "trunks": ["gone"]},
            {"to": "+4430*", "trunks": ["stranger"]},
            {"to": "*", "trunks": ["lab"]},
        ],
    )


def token(*, lives: float = 300) -> str:
    now = time.time()
    call = CallClaim(to=("+*",))
    return issue(SECRET, Claims(sub="visitor", jti=new_id(), exp=now + lives, call=call), now)


async def expect_told(page: Page, to: str, name: str, code: int = 500) -> str:
    """Call, and expect to read why it came to nothing; return what the page's author reads."""
    [shown] = await dial(page, [{"to": to}])
    assert Told(name, code).matches(shown["en"]), (name, shown)
    reason: str = shown["en"]["reason"]
    return reason


async def test_each_reason_is_told(chromium: Chromium, lab: AsteriskLab, tmp_path: Path) -> None:
    """One after the other on one page: after each of them the next call can be placed."""
    page = (await chromium.new_page()).page
    await page.add_init_script(LOOK)
    async with run_gateway(config(lab, tmp_path), tmp_path) as gateway:
        await page.goto(f"{gateway.url}/sdk/button/consent.js")
        await page.evaluate(PUT)
        await of_tokens(page)
        await of_numbers(page, gateway)
    await expect_told(page, LAB.format(621), "gateway-unreachable")
    await page.close()


async def of_tokens(page: Page) -> None:
    await expect_told(page, LAB.format(600), "bad-token")  # there is none
    await page.evaluate("token => (window.token = token)", token(lives=-60))
    fetch = "document.querySelector('click-to-call').fetchToken = async () => window.token"
    await page.evaluate(f"() => {{ {fetch} }}")
    assert "expired" in await expect_told(page, LAB.format(600), "bad-token")
    await page.evaluate("token => (window.token = token)", token())


async def of_numbers(page: Page, gateway: Gateway) -> None:
    assert "admission" not in await expect_told(page, "+493012345", "not-allowed")
    await expect_told(page, LAB.format(620), "busy", 486)
    await expect_told(page, LAB.format(621), "rejected")
    await expect_told(page, LAB.format(630), "no-answer")
    await expect_told(page, "+442012345678", "unreachable")
    assert "credentials" not in await expect_told(page, "+443012345678", "unauthorized")
    assert "did not accept the credentials" in gateway.log()
    await expect_told(page, LAB.format(622), "limit-reached")
    await expect_told(page, LAB.format(621), "rejected")
