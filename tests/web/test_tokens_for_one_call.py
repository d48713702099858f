"""Tokens that are good for one call, in a session that has several."""

from __future__ import annotations

import asyncio

import pytest

from tests.web.conftest import OpenPage
from tests.web.fake_gateway import TIME_LIMIT, FakeGateway, Session
from tests.web.test_access import REFUSED, SOON, greet, update
from tests.web.test_call_stories import NOTHING, dial, end_of, events, until


def order(session: Session) -> list[object]:
    """Return the tokens that were said and "call" for each call, in the order of the wire."""
    wanted = [frame for frame in session.received if frame["type"] in {"hello", "call"}]
    return [frame.get("token", "call") for frame in wanted]


async def calls(fake_gateway: FakeGateway, count: int) -> Session:
    session = fake_gateway.opened[-1]
    async with asyncio.timeout(TIME_LIMIT):
        await session.wait_for_count("call", count)
    return session


async def ring(session: Session) -> None:
    await session.reply("trying")


@pytest.mark.parametrize(
    ("expires", "wanted"),
    [
        (SOON, ["t1", "call", "t2", "call", "t3", "call"]),
        (None, ["t1", "call", "call", "call"]),  # a gateway that asks for no tokens
    ],
)
async def test_each_call_of_a_session_has_a_token_of_its_own(
    fake_gateway: FakeGateway, open_page: OpenPage, expires: int | None, wanted: list[str]
) -> None:
    fake_gateway.greeting = greet(*[{"expires": expires}] * 3)
    page = await open_page()
    for _ in range(3):
        assert await dial(page, device={"tokens": ["t1", "t2", "t3"]}) is None
        await until(page, "harness.call.state === 'open'")
        await page.evaluate("harness.call.disconnect()")
    assert order(await calls(fake_gateway, 3)) == wanted
    assert len(fake_gateway.opened) == 1
    assert await events(page, "device-error") == []


async def test_token_as_the_sites_server_answers_it(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    """The answer of the token back ends, read as text or as JSON, or the token alone."""
    fake_gateway.story = ring
    fake_gateway.greeting = greet(*[{"expires": SOON}] * 6)
    page = await open_page()
    given = ['{"token": "t1"}', {"token": "t2"}, "t3\n", '"t4"', '{"error": "who are you?"}', 7]
    device = {"token": '{"token":"t0"}', "tokens": given, "allowSeveralCalls": True}
    for number in range(7):
        assert await dial(page, device=device) is None
        assert await page.evaluate("harness.device.token") == f"t{min(number, 4)}"
    assert await update(page, '{"token": "t5"}') is None
    said = [token for token in order(await calls(fake_gateway, 7)) if token != "call"]
    assert said == ["t0", "t1", "t2", "t3", "t4", "t5"]
    failed = await events(page, "device-error")
    assert [(each["name"], each["fatal"]) for each in failed] == [("bad-token", False)] * 2


async def test_so_have_calls_that_begin_together(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    """The gateway goes by the token it heard last: no other may come between token and call."""
    fake_gateway.story = ring
    fake_gateway.greeting = greet(*[{"expires": SOON}] * 3)
    page = await open_page()
    options = {"device": {"tokens": ["t1", "t2", "t3"], "allowSeveralCalls": True}}
    three = "options => Promise.all([1, 2, 3].map(() => harness.dial(options)))"
    assert await page.evaluate(three, options) == [None] * 3
    session = await calls(fake_gateway, 3)
    assert order(session) == ["t1", "call", "t2", "call", "t3", "call"]


async def test_token_renewed_since_the_last_call_is_the_next_ones(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    fake_gateway.greeting = greet(*[{"expires": SOON}] * 3)
    page = await open_page()
    device = {"tokens": ["t1", "t3"], "allowSeveralCalls": True}
    assert await dial(page, device=device) is None
    assert await update(page, "t2") is None
    assert await dial(page) is None
    assert await dial(page) is None
    session = await calls(fake_gateway, 3)
    assert order(session) == ["t1", "call", "t2", "call", "t3", "call"]


async def test_used_token_of_a_page_that_fetches_none_is_refused_with_a_word(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    used = {**REFUSED, "message": "the token was good for one call"}

    async def refuse_the_second(session: Session) -> None:
        if len(session.find("call")) > 1:
            await session.reply("error", **used, fatal=True)

    fake_gateway.story = refuse_the_second
    fake_gateway.greeting = greet({"expires": SOON})
    page = await open_page()
    assert await dial(page, device={"token": "t1"}) is None
    await page.evaluate("harness.call.disconnect()")
    await page.evaluate("harness.events.length = 0")
    assert await dial(page) is None
    end = await end_of(page)
    assert (end["cause"], end["sipCode"], end["reason"]) == ("bad-token", 401, used["message"])
    assert order(fake_gateway.opened[0]) == ["t1", "call", "call"]


async def test_call_without_a_new_token_goes_by_the_old_one_and_says_why(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    """It may be good for many."""
    fake_gateway.greeting = greet({"expires": SOON}, REFUSED)
    page = await open_page()
    device = {"tokens": ["t1", None, "t2"], "allowSeveralCalls": True}
    assert await dial(page, device=device) is None
    assert await dial(page) is None
    assert await dial(page) is None
    assert order(await calls(fake_gateway, 3)) == ["t1", "call", "call", "t2", "call"]
    failed = await events(page, "device-error")
    assert [(each["name"], each["fatal"]) for each in failed] == [("bad-token", False)] * 2
    assert [each["reason"] for each in failed] == [
        "The page could not get a call token.",
        REFUSED["message"],
    ]


async def test_page_that_never_gives_a_token_holds_no_call_up_for_ever(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    fake_gateway.greeting = greet({"expires": SOON})
    page = await open_page()
    await page.clock.install()
    await page.evaluate(
        """async () => {
            const { Device } = await import("/sdk/voice-client.js");
            const fetchToken = () => (harness.asked = true) && new Promise(() => {});
            harness.make(Device, { token: "t1", fetchToken, allowSeveralCalls: true });
        }"""
    )
    assert await dial(page) is None
    await until(page, "harness.call.state === 'open'")
    second = asyncio.create_task(dial(page))
    await until(page, "harness.asked")
    await page.clock.run_for(10_000)
    assert await second is None
    assert order(await calls(fake_gateway, 2)) == ["t1", "call", "call"]
    assert len(await events(page, "device-error")) == 1


async def test_call_given_up_before_its_turn_takes_no_token(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    given_up = asyncio.Event()

    async def renew_then(session: Session) -> None:
        await greet({"expires": SOON})(session)
        await session.wait_for("hello", token="t2")
        await given_up.wait()
        await session.send("welcome", session="s1", calls=[], expires=SOON)

    fake_gateway.story = ring
    fake_gateway.greeting = renew_then
    page = await open_page()
    assert await dial(page, device={"tokens": ["t1", "t2"], "allowSeveralCalls": True}) is None
    begin = """() => {
        const stop = new AbortController();
        const both = Promise.all([harness.dial(), harness.dial({ signal: stop.signal })]);
        Object.assign(harness, { stop, both });
    }"""
    await page.evaluate(begin)
    await until(page, "harness.device.calls.length === 3")
    await page.evaluate("harness.stop.abort()")
    given_up.set()
    names = "harness.both.then((errors) => errors.map((error) => error?.name))"
    assert await page.evaluate(names) == [None, "canceled"]
    assert order(await calls(fake_gateway, 2)) == ["t1", "call", "t2", "call"]
    assert await page.evaluate("harness.device.calls.length") == 2


async def test_session_that_ends_with_the_renewal_ends_the_call(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    async def close(session: Session) -> None:
        await greet({"expires": SOON})(session)
        await session.wait_for("hello", token="t2")
        await session.socket.close(1012)

    fake_gateway.greeting = close
    page = await open_page()
    assert await dial(page, device={"tokens": ["t1", "t2"]}) is None
    await page.evaluate("harness.call.disconnect()")
    assert (await dial(page) or {})["name"] == "shutdown"
    assert await page.evaluate("harness.open()") == NOTHING
    assert await events(page, "device-error") == []
