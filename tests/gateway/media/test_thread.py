"""The engine's thread, seen from the event loop: what is posted, told, started and stopped."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
import time
import weakref

import pytest

from gateway.errors import RequestError, UnavailableError
from gateway.media.engine.clock import TICK
from gateway.media.engine.leg import FrameLeg, LegStatistics
from gateway.media.thread import MediaThread
from tests.waiting import until


class Owner:
    """Counts what it is told, and by which thread."""

    def __init__(self) -> None:
        self.told = 0
        self.failures = 0
        self.threads: set[int] = set()

    def on_statistics(self, statistics: LegStatistics) -> None:
        self.told += 1
        self.threads.add(threading.get_ident())

    def on_failed(self) -> None:
        self.failures += 1


def make_thread() -> MediaThread:
    return MediaThread("127.0.0.1", 0, "media-test")


def make_leg(thread: MediaThread, owner: object) -> FrameLeg:
    engine = thread.engine
    return FrameLeg(owner, engine.frame_counters, engine.narrow, engine.wide)


def running() -> list[str]:
    return [each.name for each in threading.enumerate() if each.name == "media-test"]


def cpu_time(thread: MediaThread) -> float:
    """Return the seconds of processor time that the thread has used."""
    ident = thread._thread.ident
    assert ident is not None
    return time.clock_gettime(time.pthread_getcpuclockid(ident))


class TestStop:
    async def test_a_thread_that_has_not_started_is_stopped_as_well(self) -> None:
        before = set(os.listdir("/proc/self/fd"))
        thread = make_thread()
        await thread.stop()
        await thread.stop()
        assert set(os.listdir("/proc/self/fd")) == before

    async def test_at_once(self) -> None:
        for _ in range(20):
            thread = make_thread()
            thread.start()
            await thread.stop()
            assert running() == []

    async def test_with_legs(self) -> None:
        before = set(os.listdir("/proc/self/fd"))
        thread, owner = make_thread(), Owner()
        thread.start()
        legs = [make_leg(thread, owner) for _ in range(10)]
        for leg in legs:
            thread.post(thread.engine.add, leg)
        await asyncio.sleep(0.05)
        await thread.stop()
        assert running() == []
        assert thread.engine.count == 0
        assert set(os.listdir("/proc/self/fd")) == before

    async def test_what_was_posted_before_is_carried_out_and_told(self) -> None:
        thread, owner, done = make_thread(), Owner(), list[int]()
        thread.start()
        leg = make_leg(thread, owner)
        thread.post(thread.engine.add, leg)
        calls = [asyncio.create_task(thread.call(done.append, n)) for n in range(100)]
        await asyncio.sleep(0)
        await thread.stop()
        await asyncio.gather(*calls)
        assert done == [*range(100)]

    async def test_what_is_posted_after_is_not(self) -> None:
        thread, done = make_thread(), list[int]()
        thread.start()
        await thread.stop()
        thread.post(done.append, 1)
        with pytest.raises(UnavailableError, match="stopped"):
            await thread.call(done.append, 2)
        await thread.stop()
        assert done == []

    async def test_a_call_that_is_never_answered_fails(self) -> None:
        thread = make_thread()  # and is not started
        calling = asyncio.create_task(thread.call(int))
        await asyncio.sleep(0)
        await thread.stop()
        with pytest.raises(UnavailableError, match="stopped"):
            await calling

    async def test_nothing_is_left(self) -> None:
        """No thread, no descriptor, and nothing that waits for the garbage collector."""
        gc.collect()
        gc.disable()
        try:
            before = set(os.listdir("/proc/self/fd"))
            thread, owner = make_thread(), Owner()
            thread.start()
            leg = make_leg(thread, owner)
            await thread.call(thread.engine.add, leg)
            with pytest.raises(RequestError):
                await thread.call(leg.send_digits, "1")
            await thread.stop()
            parts = [weakref.ref(each) for each in (thread, thread.engine, leg, owner)]
            del thread, leg, owner
            await asyncio.sleep(0)
            assert [part() for part in parts] == [None] * 4
            assert set(os.listdir("/proc/self/fd")) == before
            assert running() == []
        finally:
            gc.enable()


class TestCommands:
    async def test_a_call_returns_what_the_function_does(self) -> None:
        thread = make_thread()
        thread.start()
        assert await thread.call(divmod, 7, 2) == (3, 1)
        assert await thread.call(threading.get_ident) != threading.get_ident()
        await thread.stop()

    async def test_a_call_raises_what_the_function_does(self) -> None:
        thread = make_thread()
        thread.start()
        with pytest.raises(ZeroDivisionError):
            await thread.call(divmod, 1, 0)
        assert await thread.call(int) == 0, "the thread goes on"
        await thread.stop()

    async def test_a_call_may_be_given_up(self) -> None:
        thread, ran = make_thread(), threading.Event()
        thread.start()
        thread.post(time.sleep, 0.05)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await thread.call(ran.set)
        await until(ran.is_set)
        assert await thread.call(int) == 0
        await thread.stop()

    async def test_commands_of_many_threads_are_carried_out_once_each_in_their_order(self) -> None:
        """While legs are served and come and go, so that the clock starts and stops."""
        thread, owner, done = make_thread(), Owner(), list[tuple[int, int]]()
        thread.start()

        def post(who: int) -> None:
            for number in range(500):
                thread.post(done.append, (who, number))
                if number % 50 == who:
                    leg = make_leg(thread, owner)
                    thread.post(thread.engine.add, leg)
                    time.sleep(0.001)
                    thread.post(thread.engine.remove, leg)

        await asyncio.gather(*(asyncio.to_thread(post, who) for who in range(4)))
        await thread.call(int)
        assert len(done) == 2000
        for who in range(4):
            assert [number for each, number in done if each == who] == [*range(500)]
        assert thread.engine.count == 0
        await thread.stop()


class TestNews:
    async def test_owners_are_told_on_the_event_loop(self) -> None:
        thread, owner = make_thread(), Owner()
        thread.start()
        await thread.call(thread.engine.add, make_leg(thread, owner))
        await until(lambda: owner.told == 2)
        assert owner.threads == {threading.get_ident()}
        await thread.stop()

    async def test_an_owner_that_fails_hears_of_it_and_the_others_get_theirs(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        class Faulty(Owner):
            def on_statistics(self, statistics: LegStatistics) -> None:
                raise ZeroDivisionError("on purpose")

            def on_failed(self) -> None:
                super().on_failed()
                raise ZeroDivisionError("once more")

        thread, faulty, sound = make_thread(), Faulty(), Owner()
        thread.start()
        for owner in (faulty, sound):
            await thread.call(thread.engine.add, make_leg(thread, owner))
        await until(lambda: faulty.failures > 0 and sound.told > 0)
        assert sound.failures == 0
        assert "on purpose" in caplog.text
        await thread.stop()

    async def test_news_for_a_loop_that_is_gone_are_nobodys(self) -> None:
        """As at an interpreter's exit: the thread goes on, and is stopped without an error."""
        thread, owner = make_thread(), Owner()

        async def start() -> None:
            thread.start()
            await thread.call(thread.engine.add, make_leg(thread, owner))

        await asyncio.to_thread(asyncio.run, start())
        await asyncio.sleep(1.2)  # statistics are told once a second
        assert running() == ["media-test"]
        await thread.stop()
        assert running() == []


class TestClock:
    async def test_an_idle_thread_sleeps(self) -> None:
        """It has nothing to wait for but a command, before the first leg and after the last."""
        thread, owner = make_thread(), Owner()
        thread.start()
        await thread.call(int)
        for _ in range(2):
            before = cpu_time(thread)
            await asyncio.sleep(1)
            assert cpu_time(thread) - before < 0.001
            leg = make_leg(thread, owner)
            await thread.call(thread.engine.add, leg)
            await asyncio.sleep(0.1)
            assert thread.engine.tick_number > 0
            await thread.call(thread.engine.remove, leg)
        await thread.stop()

    async def test_the_load_of_what_is_over_is_forgotten(self) -> None:
        thread, owner = make_thread(), Owner()
        thread.start()
        leg = make_leg(thread, owner)
        await thread.call(thread.engine.add, leg)
        await until(lambda: thread.engine.load > 0)
        await thread.call(thread.engine.remove, leg)
        await until(lambda: thread.engine.load == 0)
        await thread.stop()

    async def test_ticks_come_at_their_times(self) -> None:
        thread, owner = make_thread(), Owner()
        thread.start()
        await thread.call(thread.engine.add, make_leg(thread, owner))
        first, began = thread.engine.tick_number, time.monotonic()
        await asyncio.sleep(0.5)

        def late() -> float:
            came = thread.engine.tick_number - first
            skipped = thread.engine.trunk_counters["frames_skipped"]
            return (time.monotonic() - began) / TICK - came - 4 * skipped

        await until(lambda: abs(late()) <= 15, limit=3)  # one that was held up makes up for it
        await thread.stop()

    async def test_an_overloaded_thread_says_so_until_it_is_at_ease(self) -> None:
        thread, owner = make_thread(), Owner()
        thread.start()
        thread.sessions = 1
        assert not thread.overloaded

        def work(frame: object) -> bool:
            time.sleep(0.018)  # more than a frame would have each second one skipped
            return True

        engine = thread.engine
        leg = FrameLeg(owner, engine.frame_counters, engine.narrow, engine.wide, give=work)
        await thread.call(engine.add, leg)
        await thread.call(lambda: leg.feed(None, "given"))
        await until(lambda: thread.overloaded)
        await thread.call(lambda: leg.feed(None, "idle"))
        await until(lambda: not thread.overloaded)
        thread.sessions = 0
        await thread.stop()
