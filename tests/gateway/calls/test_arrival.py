"""Stories of a call from a trunk while it rings, and of who has it in the end."""

from __future__ import annotations

import asyncio

import pytest

from gateway import trunk
from gateway.calls import news
from gateway.calls.end import By
from gateway.calls.endings import stopped
from gateway.calls.incoming import unknown_number
from gateway.errors import (
    CapacityError,
    ForbiddenError,
    OfferError,
    RequestError,
    UnavailableError,
)
from gateway.media import events as media
from gateway.media.parameters import Flow
from sdp import SdpError
from tests.gateway.calls.arrivals import CALLER, CANCEL, ArrivalStory, FakePage, acceptance, arrival
from tests.gateway.calls.fakes import Client
from tests.gateway.calls.stories import BYE


def ends(client: Client) -> list[tuple[By, str, int]]:
    """Return the ends that a page was told of: one, and nothing after it."""
    told = [event.end for event in client.told if isinstance(event, news.Ended)]
    assert not told or isinstance(client.told[-1], news.Ended)
    return [(end.by, end.cause, end.sip_code) for end in told]


async def test_all_pages_ring_and_the_first_has_it() -> None:
    async with arrival(3) as story:
        async with asyncio.timeout(2):
            await story.leg.rang.wait()
        call = await (await story.accept(1))
        assert call is not None
        for page in (0, 2):
            assert ends(story.pages[page].client) == [(By.GATEWAY, "answered-elsewhere", 487)]
        winner = story.pages[1].client
        await winner.hear(news.AnswerReady)
        assert not story.leg.answered.is_set()  # the browser is not there yet
        assert story.session.trunk == []
        await story.answer()
        answered = await winner.hear(news.Answered)
        assert answered == news.Answered("opus", "PCMU")
        assert "m=audio 20000 RTP/AVP 0 101" in story.leg.answered_with
        assert (story.session.trunk[0].host, story.session.trunk[0].port) == ("198.51.100.7", 4000)
        assert story.session.flow is Flow.AUDIO
        story.leg.notify(BYE)
        await story.ended()
        assert ends(winner) == [(By.REMOTE, "hangup", 200)]
        assert [type(event) for event in winner.told] == [
            news.AnswerReady,
            news.Answered,
            news.Ended,
        ]
    assert story.session.closed == 1


async def test_an_invite_without_an_offer() -> None:
    """Our offer is in the 200; nothing is sent before the trunk's answer has come in the ACK."""
    async with arrival(1, offer="") as story:
        await story.accept(0)
        client = story.pages[0].client
        await client.hear(news.AnswerReady)
        story.session.report(media.BrowserConnected())
        async with asyncio.timeout(2):
            await story.leg.answered.wait()
        assert "m=audio 20000 RTP/AVP 0 8 101" in story.leg.answered_with
        assert story.session.trunk == []
        story.leg.notify(trunk.Answered(TRUNK_ANSWER, "198.51.100.7"))
        await client.hear(news.Answered)
        assert story.session.trunk[-1].port == 4000


TRUNK_ANSWER = (
    "v=0\r\no=trunk 1 1 IN IP4 198.51.100.7\r\ns=-\r\nc=IN IP4 198.51.100.7\r\nt=0 0\r\n"
    "m=audio 4000 RTP/AVP 0\r\n"
)


async def test_two_accept_in_the_same_moment() -> None:
    async with arrival(2) as story:
        story.may_take_over.clear()
        first, second = await story.accept(0), await story.accept(1)
        async with asyncio.timeout(2):
            await story.taking_over.wait()
        story.may_take_over.set()
        assert await first is not None
        assert await second is None
        assert ends(story.pages[1].client) == [(By.GATEWAY, "answered-elsewhere", 487)]


async def test_what_comes_while_the_call_is_made_is_not_lost() -> None:
    """The trunk cancels, and the other page rejects: the call ends at once."""
    async with arrival(2) as story:
        story.may_take_over.clear()
        ring = await story.pages[1].rung()
        accepting = await story.accept(0)
        async with asyncio.timeout(2):
            await story.taking_over.wait()
        await ring.reject(486)
        story.leg.notify(CANCEL)
        story.may_take_over.set()
        assert await accepting is not None
        await story.ended()
        assert ends(story.pages[0].client) == [(By.REMOTE, "canceled", 487)]
        assert ends(story.pages[1].client) == [(By.GATEWAY, "answered-elsewhere", 487)]
        assert ends(story.counted) == []


@pytest.mark.parametrize(
    "error", [OfferError("no audio"), UnavailableError("no port"), RequestError("?")]
)
async def test_an_accept_that_fails_rings_on(error: Exception) -> None:
    async with arrival(2) as story:
        story.error = error
        ring = await story.pages[0].rung()
        with pytest.raises(type(error)):
            await ring.accept(acceptance())
        assert ends(story.pages[0].client) == ends(story.pages[1].client) == []
        story.error = None
        assert await ring.accept(acceptance()) is not None


async def test_a_trunk_whose_host_cannot_be_sent_to() -> None:
    async with arrival(2) as story:
        story.error = SdpError("not there", rule="policy of the gateway")
        ring = await story.pages[0].rung()
        assert await ring.accept(acceptance()) is None
        await story.ended()
        assert story.leg.code == 488
        for page in story.pages:
            assert ends(page.client) == [(By.GATEWAY, "incompatible-media", 488)]


async def test_a_fault_of_ours_ends_this_call() -> None:
    async with arrival(1) as story:
        story.error = ZeroDivisionError()
        ring = await story.pages[0].rung()
        with pytest.raises(UnavailableError):
            await ring.accept(acceptance())
        await story.ended()
        assert story.leg.code == 500
        assert ends(story.pages[0].client) == [(By.GATEWAY, "internal", 500)]


@pytest.mark.parametrize(
    ("codes", "code"), [((486, 603), 603), ((486, 480), 486), ((480, 480), 480), ((603, 603), 603)]
)
async def test_all_reject(codes: tuple[int, int], code: int) -> None:
    async with arrival(2) as story:
        for page, said in zip(story.pages, codes, strict=True):
            assert not story.leg.hung_up
            ring = await page.rung()
            await ring.reject(said)
            await page.client.hear(news.Ended)
            await ring.reject(said)  # late
            assert await ring.accept(acceptance()) is None
            assert ends(page.client) == [(By.LOCAL, "rejected", said)]
        await story.ended()
        assert story.leg.code == code
        assert ends(story.counted) == [(By.LOCAL, "rejected", code)]


async def test_a_hang_up_while_it_rings_is_a_rejection() -> None:
    async with arrival(1) as story:
        ring = await story.pages[0].rung()
        await ring.add_candidate("late")
        for early in (
            ring.send_digits("1", 100, 70),
            ring.hold(),
            ring.resume(),
            ring.transfer("+1"),
        ):
            with pytest.raises(RequestError, match="it rings here"):
                await early
        await ring.hangup()
        end = await story.ended()
        assert (end.cause, story.leg.code) == ("rejected", 603)


@pytest.mark.parametrize("rejected", [False, True])
async def test_all_pages_go_away(rejected: bool) -> None:
    async with arrival(2) as story:
        first, second = [await page.rung() for page in story.pages]
        if rejected:
            await first.reject(486)
        else:
            await first.abandon("gone")
            await first.abandon("gone")
        await second.abandon("gone")
        end = await story.ended()
        assert (end.cause, story.leg.code) == (
            ("rejected", 486) if rejected else ("unavailable", 480)
        )


async def test_a_page_that_comes_while_it_rings() -> None:
    late, busy = FakePage(), FakePage()
    busy.error = CapacityError("four calls")
    async with arrival(1) as story:
        ring = await story.pages[0].rung()
        story.directory.register("sales", busy)
        story.directory.register("sales", late)
        story.directory.register("sales", late)
        joined = await late.rung()
        await ring.reject(486)
        assert await joined.accept(acceptance()) is not None
        story.directory.register("sales", FakePage())  # too late to ring
        assert late.rings.empty()


async def test_a_page_that_registers_once_more_rings_once() -> None:
    async with arrival(1) as story:
        page = story.pages[0]
        ring = await page.rung()
        async with asyncio.timeout(2):
            await story.leg.rang.wait()
        for identity in ("sales", "desk", "sales"):
            story.directory.register(identity, page)
        assert await ring.accept(acceptance()) is not None
        assert page.rings.empty()
        assert ends(page.client) == []


async def test_a_page_that_rejects_and_accepts_at_once() -> None:
    """It has rejected the call; the other page's rings on."""
    async with arrival(2) as story:
        first, second = [await page.rung() for page in story.pages]
        await first.reject(486)
        assert await first.accept(acceptance()) is None
        assert ends(story.pages[0].client) == [(By.LOCAL, "rejected", 486)]
        assert story.session.closed == 0
        assert await second.accept(acceptance()) is not None


async def test_it_rings_out() -> None:
    async with arrival(1, seconds=0.01) as story:
        end = await story.ended()
        assert (end.by, end.cause, end.sip_code) == (By.GATEWAY, "no-answer", 480)
        assert story.leg.cause == "no-answer"
        assert ends(story.pages[0].client) == [(By.GATEWAY, "no-answer", 480)]


async def test_accepted_in_time_though_it_takes_its_time() -> None:
    """The trunk's description names a host that is looked up, say."""
    async with arrival(1, seconds=0.3) as story:
        story.may_take_over.clear()
        accepting = await story.accept(0)
        async with asyncio.timeout(2):
            await story.taking_over.wait()
        await asyncio.sleep(0.5)  # longer than it may ring
        story.may_take_over.set()
        call = await accepting
        assert call is not None
        client = story.pages[0].client
        await client.hear(news.AnswerReady)
        await story.answer()
        await client.hear(news.Answered)
        assert ends(client) == []


async def test_it_rings_out_once_an_accept_has_failed() -> None:
    async with arrival(1, seconds=0.3) as story:
        story.may_take_over.clear()
        story.error = UnavailableError("no port")
        accepting = await story.accept(0)
        await asyncio.sleep(0.5)
        story.may_take_over.set()
        with pytest.raises(UnavailableError):
            await accepting
        assert (await story.ended()).cause == "no-answer"


async def test_the_trunk_cancels() -> None:
    async with arrival(2) as story:
        async with asyncio.timeout(2):
            await story.leg.rang.wait()
        story.leg.notify(CANCEL)
        await story.ended()
        for page in story.pages:
            assert ends(page.client) == [(By.REMOTE, "canceled", 487)]


async def test_the_operator_ends_it() -> None:
    async with arrival(1) as story:
        await story.pages[0].rung()
        story.arrival.end(stopped("The operator ended the call."))
        await story.ended()
        assert story.leg.code == 480
        assert ends(story.pages[0].client) == [(By.GATEWAY, "stopped", 480)]


async def test_an_offer_before_the_answer_is_refused() -> None:
    async with arrival(1) as story:
        ring = await story.pages[0].rung()
        story.leg.notify(trunk.Offered(7, "v=0"))
        await ring.reject(603)
        await story.ended()
        assert story.leg.refusals == {7: "the call is not answered yet"}


async def test_a_refusal_rings_nobody() -> None:
    async with arrival(1, plan=unknown_number()) as story:
        end = await story.ended()
        assert (end.cause, story.leg.code) == ("not-found", 404)
        assert story.pages[0].rings.empty()
        assert not story.leg.rang.is_set()


async def test_pages_that_are_busy_or_may_not() -> None:
    async with arrival(0) as story:
        end = await story.ended()
        assert (end.cause, story.leg.code) == ("unavailable", 480)
    busy = ArrivalStory(2, 60, "", None)
    busy.pages[0].error = ForbiddenError("the token has expired")
    busy.pages[1].error = CapacityError("four calls")
    busy.start()
    assert ((await busy.ended()).cause, busy.leg.code) == ("busy", 486)
    other = ArrivalStory(2, 60, "", None)
    other.pages[0].error = ForbiddenError("the token has expired")
    other.start()
    ring = await other.pages[1].rung()
    assert ring.caller is CALLER
    await ring.reject(603)
    assert ((await other.ended()).cause, other.leg.code) == ("rejected", 603)


async def test_a_browser_that_does_not_come_up() -> None:
    async with arrival(1) as story:
        await (await story.accept(0))
        await story.pages[0].client.hear(news.AnswerReady)
        story.session.report(media.BrowserLost(media.LossReason.ICE_TIMEOUT))
        end = await story.ended()
        assert (end.by, end.cause, end.sip_code) == (By.GATEWAY, "no-media-path", 480)
        assert (story.leg.code, story.leg.answered.is_set()) == (480, False)


async def test_the_page_hangs_up_before_it_is_heard() -> None:
    async with arrival(1) as story:
        call = await (await story.accept(0))
        assert call is not None
        await call.hangup()
        end = await story.ended()
        assert (end.by, end.cause, end.sip_code) == (By.LOCAL, "rejected", 603)
        assert story.leg.code == 603


async def test_the_page_hangs_up_before_the_trunk_has_acknowledged() -> None:
    """It was picked up: what leaves is BYE, and nobody is told of a rejection."""
    async with arrival(1) as story:
        call = await (await story.accept(0))
        assert call is not None
        story.session.report(media.BrowserConnected())
        async with asyncio.timeout(2):
            await story.leg.answered.wait()
        await call.hangup()
        end = await story.ended()
        assert (end.by, end.cause, end.sip_code) == (By.LOCAL, "hangup", 200)
        assert story.leg.code == 0


async def test_the_answer_cannot_be_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(sdp: str) -> None:
        raise trunk.TrunkError("the SIP engine says: no")

    async with arrival(1) as story:
        monkeypatch.setattr(story.leg, "answer", refuse)
        await (await story.accept(0))
        await story.pages[0].client.hear(news.AnswerReady)
        story.session.report(media.BrowserConnected())
        end = await story.ended()
        assert (end.cause, end.sip_code) == ("incompatible-media", 488)


async def test_the_browser_connects_once_more() -> None:
    """One answer leaves, whatever ICE does."""
    async with arrival(1) as story:
        await (await story.accept(0))
        await story.pages[0].client.hear(news.AnswerReady)
        await story.answer()
        await story.pages[0].client.hear(news.Answered)
        story.leg.answered_with = ""
        story.session.report(media.BrowserConnected())
        story.leg.notify(trunk.Digit("5", 100))
        await story.pages[0].client.hear(news.DigitHeard)
        assert story.leg.answered_with == ""
