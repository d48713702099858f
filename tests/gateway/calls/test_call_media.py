"""What digits and the trunk's descriptions do to a call."""

from __future__ import annotations

import asyncio

import pytest

from gateway import trunk
from gateway.calls import news
from gateway.calls.end import By
from gateway.calls.state import CallState
from gateway.errors import RequestError
from gateway.media import events as media
from gateway.media.parameters import EventFormat
from gateway.trunk import Dtmf
from tests.gateway.calls.descriptions import ANSWER, HOLD
from tests.gateway.calls.stories import story


async def test_digits_pass_both_ways_once_somebody_hears_them() -> None:
    async with story() as call:
        with pytest.raises(RequestError):
            await call.call.send_digits("1", 100, 60)
        await call.answer()
        await call.call.send_digits("12#", 100, 60)
        assert call.session.digits == "12#"
        call.session.report(media.TrunkDigit("7", 160))
        assert await call.client.hear(news.DigitHeard) == news.DigitHeard("7", 160)


async def test_digits_reach_the_media_when_the_trunk_takes_no_events() -> None:
    """The media session plays them as tones then."""
    async with story() as call:
        without = ANSWER.replace(" 101\r\n", "\r\n").replace(
            "a=rtpmap:101 telephone-event/8000\r\n", ""
        )
        call.trunk.notify(trunk.Answered(without))
        await call.client.hear(news.Answered)
        await call.call.send_digits("1", 100, 60)
        assert call.session.trunk[-1].event is None
        assert call.session.digits == "1"


WITHOUT_EVENTS = ANSWER.replace(" 101\r\n", "\r\n").replace(
    "a=rtpmap:101 telephone-event/8000\r\n", ""
)


@pytest.mark.parametrize(
    ("dtmf", "answer", "takes_info", "by_info"),
    [
        (Dtmf.AUTO, ANSWER, True, False),
        (Dtmf.AUTO, WITHOUT_EVENTS, True, True),
        (Dtmf.AUTO, WITHOUT_EVENTS, False, False),
        (Dtmf.RFC4733, WITHOUT_EVENTS, True, False),
        (Dtmf.INFO, ANSWER, False, True),
        (Dtmf.INBAND, WITHOUT_EVENTS, True, False),
    ],
)
async def test_digits_go_as_the_trunk_takes_them(
    dtmf: Dtmf, answer: str, takes_info: bool, by_info: bool
) -> None:
    """Those that the page asks for, and those that it sends as events."""
    async with story(dtmf=dtmf) as call:
        assert ("telephone-event" in call.trunk.offer) is (dtmf in (Dtmf.AUTO, Dtmf.RFC4733))
        call.trunk.notify(trunk.Answered(answer, takes_info=takes_info))
        await call.client.hear(news.Answered)
        await call.call.send_digits("1", 40, 30)
        call.session.report(media.BrowserDigit("2", 100))
        call.trunk.notify(trunk.Digit("#", 100))
        await call.client.hear(news.DigitHeard)
        async with asyncio.timeout(2):
            while by_info and len(call.trunk.info) < 2:
                call.trunk.pressed.clear()
                await call.trunk.pressed.wait()
        assert (call.trunk.info, call.session.digits) == (("12", "") if by_info else ("", "12"))


async def test_a_pause_among_digits_by_info_is_waited_for() -> None:
    async with story(dtmf=Dtmf.INFO) as call:
        await call.answer()
        started = asyncio.get_running_loop().time()
        await call.call.send_digits("1W2", 40, 60)
        async with asyncio.timeout(5):
            while len(call.trunk.info) < 2:
                call.trunk.pressed.clear()
                await call.trunk.pressed.wait()
        assert call.trunk.info == "12"
        assert asyncio.get_running_loop().time() - started > 0.04 + 0.06 + 0.5 - 0.01


async def test_more_digits_by_info_than_anybody_presses_are_refused() -> None:
    async with story(dtmf=Dtmf.INFO) as call:
        await call.answer()
        with pytest.raises(RequestError, match="wait to be sent"):
            await call.call.send_digits("1" * 65, 40, 30)


async def test_codecs_are_named_as_descriptions_name_them() -> None:
    async with story() as call:
        call.trunk.notify(trunk.Answered(ANSWER.replace("PCMA", "pcma")))
        assert await call.client.hear(news.Answered) == news.Answered("opus", "PCMA")


async def test_a_codec_that_changes_in_mid_call_reaches_the_media() -> None:
    async with story() as call:
        await call.answer()
        offer = ANSWER.replace("1 1 IN", "1 2 IN").replace(
            "RTP/AVP 8 101\r\na=rtpmap:8 PCMA", "RTP/AVP 0 96\r\na=rtpmap:0 PCMU"
        )
        offer = offer.replace("rtpmap:101", "rtpmap:96")
        call.trunk.notify(trunk.Offered(1, offer))
        await call.session.follow(2)
        call.trunk.notify(trunk.Digit("1", 100))
        await call.client.hear(news.DigitHeard)
        assert call.session.trunk[-1].codec == "PCMU"
        assert call.session.trunk[-1].event == EventFormat(96, 8000)


async def test_a_hold_by_the_trunk_reaches_the_media() -> None:
    async with story() as call:
        await call.answer()
        call.trunk.notify(trunk.Offered(1, HOLD))
        await call.session.follow(2)
        call.trunk.notify(trunk.Digit("1", 100))
        await call.client.hear(news.DigitHeard)
        assert not call.session.trunk[-1].receives


async def test_an_offer_that_cannot_be_answered_is_refused_and_the_call_goes_on() -> None:
    async with story() as call:
        await call.answer()
        call.trunk.notify(trunk.Offered(7, HOLD.replace("m=audio", "m=image")))
        await call.client.hear(news.DigitHeard)
        assert "audio" in call.trunk.refusals[7]
        assert call.call.state is CallState.ANSWERED
        assert len(call.session.trunk) == 1


async def test_the_answer_to_an_offer_that_the_trunk_asked_for_moves_the_media() -> None:
    async with story() as call:
        await call.answer()
        call.trunk.notify(trunk.Offered(3, HOLD))
        await call.session.follow(2)
        call.trunk.settles = False
        call.trunk.notify(trunk.Offered(4, ""))
        call.trunk.notify(trunk.Settled(ANSWER.replace("1 1 IN", "1 3 IN").replace("4000", "5000")))
        await call.session.follow(3)
        assert "a=sendrecv" in call.trunk.answers[4]
        assert call.session.trunk[-1].port == 5000
        assert call.session.trunk[-1].receives


NAMED = ANSWER.replace("c=IN IP4 198.51.100.7", "c=IN IP4 media.example.net")


async def test_audio_goes_to_a_host_by_its_name() -> None:
    async with story() as call:
        call.trunk.addresses["media.example.net"] = "198.51.100.9"
        call.trunk.stands.set()
        call.trunk.notify(trunk.Progress(183, "Session Progress", NAMED))
        await call.client.hear(news.Ringing)
        assert call.session.trunk[-1].host == "198.51.100.9"
        call.trunk.notify(trunk.Answered(NAMED))
        await call.client.hear(news.Answered)


async def test_a_host_without_an_address_ends_the_call_and_is_named() -> None:
    async with story() as call:
        call.trunk.stands.set()
        call.trunk.notify(trunk.Answered(NAMED))
        end = await call.ended()
        assert (end.by, end.cause, end.sip_code) == (By.GATEWAY, "incompatible-media", 488)
        assert "media.example.net" in end.message


async def test_who_hangs_up_does_not_wait_for_a_slow_name() -> None:
    async with story() as call:
        call.trunk.notify(trunk.Answered(NAMED))
        async with asyncio.timeout(2):
            await call.trunk.looking.wait()
        assert call.call.state is CallState.ANSWERED
        await call.call.hangup()
        assert (await call.ended()).by is By.LOCAL


async def test_a_description_whose_name_was_slow_does_not_undo_a_later_change() -> None:
    async with story() as call:
        call.trunk.addresses["media.example.net"] = "198.51.100.9"
        call.trunk.notify(trunk.Answered(NAMED))
        async with asyncio.timeout(2):
            await call.trunk.looking.wait()
        moved = ANSWER.replace("1 1 IN", "1 2 IN").replace("4000", "5000")
        call.trunk.notify(trunk.Offered(1, moved))
        call.trunk.stands.set()
        remote = await call.session.follow(2)
        assert [each.host for each in call.session.trunk] == ["198.51.100.9", "198.51.100.7"]
        assert remote.port == 5000


async def test_an_answer_without_description_waits_for_the_early_ones_name() -> None:
    async with story() as call:
        call.trunk.addresses["media.example.net"] = "198.51.100.9"
        call.trunk.notify(trunk.Progress(183, "Session Progress", NAMED))
        call.trunk.notify(trunk.Answered(""))
        call.trunk.stands.set()
        await call.client.hear(news.Answered)
        assert call.session.trunk[-1].host == "198.51.100.9"


async def test_a_change_that_is_withdrawn_is_forgotten() -> None:
    """A refresh of the engine's own is answered after it: that is no word about the change."""
    async with story() as call:
        await call.answer()
        call.trunk.settles = False
        call.trunk.notify(trunk.Offered(1, HOLD.replace("198.51.100.7", "203.0.113.9")))
        call.trunk.notify(trunk.Withdrawn())
        call.trunk.notify(trunk.Settled(ANSWER))
        remote = await call.session.follow(2)
        assert (remote.host, remote.receives) == ("198.51.100.7", True)


async def test_a_key_that_was_hardly_pressed_goes_by_info_too() -> None:
    async with story(dtmf=Dtmf.INFO) as call:
        await call.answer()
        call.session.report(media.BrowserDigit("3", 0))
        async with asyncio.timeout(2):
            await call.trunk.pressed.wait()
        assert (call.trunk.info, call.trunk.info_ms) == ("3", [40])
