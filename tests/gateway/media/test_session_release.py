"""A session that is over is freed at once: nothing of it waits for the garbage collector.

The gateway collects all generations only when there is no call, so what a call leaves behind as
cycles would pile up for as long as there is always another one.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import weakref
from collections.abc import Iterator
from dataclasses import replace

import pytest

from gateway.errors import RequestError
from gateway.media import MediaPlane, MediaSession
from gateway.media.events import BrowserDigit, BrowserLost, LossReason
from tests.gateway.media.call import Call, Trunk, browser_remote, open_plane, plane_config
from tests.gateway.media.test_echo import Page
from tests.waiting import until


@pytest.fixture(autouse=True)
def no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def parts_of(session: MediaSession) -> dict[str, weakref.ref[object]]:
    """Weak references to all that a session is made of."""
    browser, trunk = session.browser, session.trunk
    parts: dict[str, object] = {
        "session": session,
        "bridge": session.bridge,
        "browser": browser,
        "browser's leg": browser.leg,
        "browser's port": browser.port,
        "endpoint": browser.endpoint,
        "trunk": trunk,
        "trunk's leg": trunk.leg,
        "RTP socket": trunk.sockets[0],
    }
    return {name: weakref.ref(part) for name, part in parts.items()}


async def alive(parts: dict[str, weakref.ref[object]]) -> list[str]:
    await asyncio.sleep(0.01)  # what the engine has told last is on its way
    return [name for name, part in parts.items() if part() is not None]


async def test_a_session_that_nobody_used() -> None:
    async with open_plane() as plane:
        session = await plane.open()
        parts = parts_of(session)
        await session.close()
        del session
        assert await alive(parts) == []


@pytest.mark.parametrize("seconds", [0.1, 2.2])
async def test_a_call(seconds: float) -> None:
    """With statistics, quality and reports, and with digits both ways."""
    async with open_plane() as plane:
        call = Call(plane, await plane.open())
        await call.connect()
        call.caller.press("1", 100, 60)
        pressed = await call.event()
        assert isinstance(pressed, BrowserDigit)
        call.session.pass_digit(pressed.digit, pressed.duration_ms)
        assert await call.trunk.digits(1) == ["1"]
        with pytest.raises(RequestError):
            await call.session.send_digits("x", 100, 60)
        await call.trunk.speak(call.port, round(seconds / 0.02))
        parts = parts_of(call.session)
        await call.close()
        del call
        # Its ports are kept until nothing comes there any more
        assert await alive(parts) == ["RTP socket"]
        await until(lambda: parts["RTP socket"]() is None)


async def test_a_call_whose_browser_never_came() -> None:
    plane = MediaPlane(replace(plane_config(), ice_timeout=0.2))
    await plane.start()
    call = Call(plane, await plane.open())
    nowhere = ("1 1 udp 1 127.0.0.3 9 typ host", "1 1 udp 1 127.0.0.4 9 typ host")
    await call.session.connect_browser(replace(browser_remote(call.caller), candidates=nowhere))
    assert await call.event() == BrowserLost(LossReason.ICE_TIMEOUT)
    parts = parts_of(call.session)
    await call.close()
    del call
    assert await alive(parts) == []
    await plane.close()


async def test_a_call_that_is_closed_while_it_comes_up() -> None:
    async with open_plane() as plane:
        for pause in (0.0, 0.002, 0.01, 0.03):
            call = Call(plane, await plane.open())
            connecting = asyncio.create_task(call.connect())
            await asyncio.sleep(pause)
            parts = parts_of(call.session)
            connecting.cancel()
            await asyncio.wait([connecting])
            await call.close()
            del call, connecting
            left = set(await alive(parts))
            assert left <= {"RTP socket"}


async def test_a_session_that_has_failed(caplog: pytest.LogCaptureFixture) -> None:
    async with open_plane() as plane:
        # The log would keep the error, and the error what it went through
        caplog.set_level(logging.CRITICAL, logger="gateway.media.thread")
        session, told = await plane.open(), asyncio.Queue[object]()
        session.report_to(told.put_nowait)

        def watch(elapsed: float) -> None:
            raise ZeroDivisionError("on purpose")

        session.browser.endpoint.watch = watch  # type: ignore[method-assign]
        async with asyncio.timeout(3):
            assert await told.get() == BrowserLost(LossReason.INTERNAL)
        parts = parts_of(session)
        await session.close()
        del session
        assert await alive(parts) == []


async def test_a_plane_with_its_calls() -> None:
    before = set(os.listdir("/proc/self/fd"))
    plane, trunk = MediaPlane(plane_config(threads=2)), Trunk()
    await plane.start()
    parts: dict[str, weakref.ref[object]] = {"plane": weakref.ref(plane)}
    for number, thread in enumerate(plane._threads):
        parts[f"thread {number}"] = weakref.ref(thread)
        parts[f"engine {number}"] = weakref.ref(thread.engine)
        del thread
    for number in range(4):
        session = await plane.open()
        await session.connect_trunk(trunk.remote())
        parts |= {f"{name} {number}": part for name, part in parts_of(session).items()}
        del session
    await trunk.packets(8)
    trunk.sock.close()
    await plane.close()
    del plane
    assert await alive(parts) == []
    assert set(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize("seconds", [0.0, 2.2])
async def test_a_browser_that_hears_itself(seconds: float) -> None:
    """With statistics and quality, and one that is over at once."""
    async with open_plane() as plane:
        page = Page(await plane.open_echo())
        await page.connect()
        await asyncio.sleep(seconds)
        session = page.session
        parts: dict[str, weakref.ref[object]] = {
            "session": weakref.ref(session),
            "bridge": weakref.ref(session.bridge),
            "browser": weakref.ref(session.browser),
            "browser's leg": weakref.ref(session.browser.leg),
            "echo": weakref.ref(session._echo),
            "endpoint": weakref.ref(session.browser.endpoint),
        }
        await page.close()
        del page, session
        assert await alive(parts) == []
