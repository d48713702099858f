"""Real browsers take our answers: what a fixture says today, they may say otherwise tomorrow."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from sdp import answer_browser, offer_to_trunk, parse, read_browser_offer, render
from sdp.trunk import TrunkPolicy
from tests.peers.site import serve_page
from tests.sdp.descriptions import ADDRESS, our_answer

if TYPE_CHECKING:
    from tests.peers.browser import Browser

OFFER = """(async () => {
    window.peer = new RTCPeerConnection({iceServers: []});
    %s
    await peer.setLocalDescription();
    return peer.localDescription.sdp;
})()"""

ANSWER = """(async () => {
    await peer.setRemoteDescription({type: "answer", sdp: %s});
    const ways = peer.getTransceivers().map(each => each.currentDirection);
    peer.close();
    return ways;
})()"""

TRACKS = {
    "audio": "peer.addTransceiver('audio');",
    "audio, video and data": """peer.addTransceiver('audio'); peer.addTransceiver('video');
        peer.createDataChannel('data');""",
    "video before audio": "peer.addTransceiver('video'); peer.addTransceiver('audio');",
    "two audio": "peer.addTransceiver('audio'); peer.addTransceiver('audio');",
}


async def check(browser: Browser, tracks: str) -> None:
    async with serve_page("<!doctype html><title>Offer and answer</title>") as url:
        page = await browser.new_page()
        await page.goto(url)
        text = await page.evaluate(OFFER % tracks)
        assert isinstance(text, str)
        offer = parse(text)
        assert render(offer) == text
        offer_to_trunk(
            read_browser_offer(offer),
            policy=TrunkPolicy(),
            address=ADDRESS,
            session_id=1,
            version=1,
        )
        answer = render(answer_browser(read_browser_offer(offer), our_answer(offer)))
        ways = await page.evaluate(ANSWER % json.dumps(answer))
    assert isinstance(ways, list)
    # Chromium drops a refused transceiver from the list, Firefox keeps it as stopped
    assert [way for way in ways if way != "stopped"] == ["sendrecv"]


@pytest.mark.parametrize("tracks", TRACKS.values(), ids=TRACKS)
async def test_chromium_takes_our_answer(chromium: Browser, tracks: str) -> None:
    await check(chromium, tracks)


@pytest.mark.parametrize("tracks", TRACKS.values(), ids=TRACKS)
async def test_firefox_takes_our_answer(firefox: Browser, tracks: str) -> None:
    await check(firefox, tracks)
