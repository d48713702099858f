"""Real browsers give their call another media path: they restart ICE, or begin a new connection."""

from __future__ import annotations

import asyncio
import json
import re
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from tests.end_to_end.conftest import TONE
from tests.end_to_end.odd_calls import JUDGED, TALK, TRUNK_TONE, Rig
from tests.end_to_end.odd_sound import Sound, open_sound
from tests.end_to_end.odd_trunk import describe
from tests.end_to_end.recording import assert_heard
from tests.peers.browser import MICROPHONE, Browser, BrowserPage, record
from tests.peers.chromium import run_chromium
from tests.peers.firefox import run_firefox

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = [pytest.mark.peer, pytest.mark.asyncio(loop_scope="module")]

# A page without the SDK: what the protocol asks for, and nothing else
PAGE = """(() => {
    const page = window.page = {
        told: [],
        say: message => page.socket.send(JSON.stringify({call: "1", ...message})),
        async open(url, to) {
            page.microphone = await MICROPHONE;
            page.socket = new WebSocket(url, "gateway.v1");
            page.socket.onmessage = async ({data}) => {
                const message = JSON.parse(data);
                page.told.push(message);
                if (message.type === "answer")
                    await page.connection.setRemoteDescription(message.answer);
            };
            await new Promise(resolve => { page.socket.onopen = resolve; });
            page.socket.send(JSON.stringify({type: "hello"}));
            page.connect();
            await page.offer({type: "call", to});
        },
        connect() {
            const connection = page.connection = new RTCPeerConnection();
            for (const track of page.microphone.getTracks())
                connection.addTrack(track, page.microphone);
            connection.ontrack = ({streams}) => {
                page.remote = streams[0];
                // Chromium decodes only what is played
                (page.audio = new Audio()).srcObject = page.remote;
                page.audio.play();
            };
            connection.onicecandidate = ({candidate}) =>
                page.say({type: "candidate", candidate: candidate && candidate.toJSON()});
        },
        async offer(message, options) {
            const offer = await page.connection.createOffer(options);
            await page.connection.setLocalDescription(offer);
            page.say({...message, offer: {type: "offer", sdp: offer.sdp}});
        },
        async restartIce() { await page.offer({type: "restart"}, {iceRestart: true}); },
        async renegotiate() { await page.offer({type: "restart"}); },
        async beginAnew() {
            const before = page.connection;
            page.connect();
            page.connection.onconnectionstatechange = ({target}) => {
                if (target.connectionState === "connected") before.close();
            };
            await page.offer({type: "restart"});
        },
        answers: () => page.told.filter(({type}) => type === "answer").map(each => each.answer.sdp),
        async heard() {
            const stats = [...(await page.connection.getStats()).values()];
            return stats.filter(({type}) => type === "inbound-rtp")
                .filter(({packetsReceived}) => packetsReceived > 20).map(({ssrc}) => ssrc);
        },
    };
})()""".replace("MICROPHONE", MICROPHONE)


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["chromium", "firefox"])
async def browser(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Browser]:
    """Each of them."""
    if request.param == "chromium":
        async with run_chromium(tmp_path_factory.mktemp("chromium"), tone=TONE) as chromium:
            yield chromium
    else:
        async with run_firefox() as firefox:
            yield firefox


@asynccontextmanager
async def talking(rig: Rig, browser: Browser) -> AsyncIterator[tuple[BrowserPage, Sound]]:
    """A call of a page's to the trunk, in which each side hears the other."""
    line = rig.trunk.line()
    page = await browser.new_page()
    await page.goto(rig.gateway.url)
    async with open_sound(TRUNK_TONE) as sound:
        await page.evaluate(PAGE)
        url, number = json.dumps(rig.gateway.websocket_url), json.dumps(line.number)
        await page.evaluate(f"page.open({url}, {number})")
        await line.hear("INVITE")
        await line.answer(describe(sound.port))
        await sound.hear(TALK)
        await both_heard(page, sound, browser.tone)
        yield page, sound
        await page.evaluate("page.say({type: 'hangup'})")
        await line.hear("BYE")
        assert line.requests() == ["INVITE", "ACK", "BYE"]


async def both_heard(page: BrowserPage, sound: Sound, tone: float) -> None:
    heard, rate = await record(page, "page.remote", seconds=1.5)
    assert_heard(heard[-rate // 2 :], rate, present=[TRUNK_TONE], absent=[tone])
    assert_heard(sound.samples(JUDGED), sound.rate, present=[tone], absent=[TRUNK_TONE])


async def new_path_is_heard(page: BrowserPage, count: int) -> bool:
    """Tell whether the page hears the stream that its last answer has named, of so many answers."""
    answers = await page.evaluate("page.answers()")
    assert isinstance(answers, list)
    if len(answers) < count:
        return False
    named = re.search(r"a=ssrc:(\d+)", answers[-1])
    assert named is not None
    heard = await page.evaluate("page.heard()")
    return isinstance(heard, list) and int(named[1]) in heard


@pytest.mark.parametrize("how", ["restartIce", "renegotiate", "beginAnew"])
async def test_both_sides_are_heard_by_the_new_path(rig: Rig, browser: Browser, how: str) -> None:
    async with talking(rig, browser) as (page, sound):
        for count in (2, 3):  # what has been restarted once may be again
            await page.evaluate(f"page.{how}()")
            async with asyncio.timeout(10):
                while not await new_path_is_heard(page, count):  # noqa: ASYNC110 - it has no event
                    await asyncio.sleep(0.05)
            await both_heard(page, sound, browser.tone)
        packets = sound.packets()
        assert len({packet.ssrc for packet in packets}) == 1
        assert all((b.sequence - a.sequence) & 0xFFFF == 1 for a, b in pairwise(packets))
        errors = await page.evaluate("page.told.filter(({type}) => type === 'error')")
        assert errors == []
