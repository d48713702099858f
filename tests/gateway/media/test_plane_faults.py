"""What goes wrong in one call is that call's own; what is taken is given back, whatever happens."""

from __future__ import annotations

import asyncio
import os
import socket
from dataclasses import replace

import pytest

from gateway.errors import UnavailableError
from gateway.media import MediaPlane, MediaSession
from gateway.media.events import BrowserLost, LossReason, MediaEvent, TrunkDigit
from gateway.media.reports import LegReports
from gateway.media.session import MediaSession as Session
from tests.gateway.media.call import Trunk, check_steady, open_call, open_plane, plane_config
from tests.waiting import until

END_OF_5 = bytes([5, 0x8A, 3, 0x20])  # RFC 4733: event 5, end, 800 units


def descriptors() -> set[str]:
    return set(os.listdir("/proc/self/fd"))


def fail(*_: object) -> None:
    raise ZeroDivisionError("on purpose")


async def lost(session: MediaSession) -> asyncio.Queue[MediaEvent]:
    told: asyncio.Queue[MediaEvent] = asyncio.Queue()
    session.report_to(told.put_nowait)
    return told


class TestRoom:
    async def test_a_plane_without_room_says_so_and_gives_everything_back(self) -> None:
        async with open_plane(pairs=4, sessions=1) as plane:
            session = await plane.open()
            with pytest.raises(UnavailableError, match="1 media sessions"):
                await plane.open()
            await session.close()
            await session.close()
            for _ in range(10):
                await (await plane.open()).close()
            assert plane.stats()["sessions"] == 0
            await plane.close()

    async def test_a_plane_without_a_free_port_says_so(self) -> None:
        async with open_plane(pairs=2) as plane:
            first, _ = await plane.open(), await plane.open()
            with pytest.raises(UnavailableError, match=r"media\.ports"):
                await plane.open()
            await first.close()
            await plane.open()

    async def test_a_port_that_is_still_sent_to_is_nobodys_yet(self) -> None:
        async with open_plane(pairs=1) as plane:
            session, trunk = await plane.open(), Trunk()
            await session.connect_trunk(trunk.remote())
            port = session.local.trunk_port
            await session.close()
            with pytest.raises(UnavailableError):
                await plane.open()
            await asyncio.sleep(0.6)
            trunk.send(port, b"\xff" * 160)
            await asyncio.sleep(0.6)
            with pytest.raises(UnavailableError):
                await plane.open()
            await asyncio.sleep(1.6)
            assert (await plane.open()).local.trunk_port == port
            trunk.sock.close()

    async def test_a_browsers_port_in_use_is_named_and_nothing_is_left(self) -> None:
        before = descriptors()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
            taken.bind(("127.0.0.1", 0))
            port = taken.getsockname()[1]
            plane = MediaPlane(replace(plane_config(), browser_port=port))
            with pytest.raises(UnavailableError, match=f"browser_port = {port}"):
                await plane.start()
        await plane.close()
        assert descriptors() == before

    async def test_the_second_threads_port_in_use_takes_the_first_with_it(self) -> None:
        before = descriptors()
        ports = plane_config().ports
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
            taken.bind(("127.0.0.1", ports[0] + 1))
            plane = MediaPlane(replace(plane_config(), browser_port=ports[0], threads=2))
            with pytest.raises(UnavailableError, match=f"browser_port = {ports[0] + 1}"):
                await plane.start()
            assert len(descriptors() - before) == 1, "the one that is taken"
        with pytest.raises(UnavailableError, match="closed"):
            await plane.open()

    async def test_before_its_start_a_plane_opens_nothing(self) -> None:
        plane = MediaPlane(plane_config())
        with pytest.raises(UnavailableError):
            await plane.open()
        await plane.close()

    async def test_an_address_of_another_machine_is_named(self) -> None:
        plane = MediaPlane(replace(plane_config(), address="192.0.2.1"))
        with pytest.raises(UnavailableError, match=r"192\.0\.2\.1"):
            await plane.start()


class TestClose:
    async def test_a_closed_plane_opens_nothing_and_leaves_nothing_open(self) -> None:
        before = descriptors()
        plane = MediaPlane(plane_config())
        await plane.start()
        session, trunk = await plane.open(), Trunk()
        await session.connect_trunk(trunk.remote())
        trunk.sock.close()
        await plane.close()
        await plane.close()
        with pytest.raises(UnavailableError, match="closed"):
            await plane.open()
        await asyncio.sleep(0)
        assert descriptors() == before

    async def test_a_session_that_is_closed_after_its_plane_is_no_trouble(self) -> None:
        plane = MediaPlane(plane_config())
        await plane.start()
        session = await plane.open()
        await plane.close()
        await session.close()

    async def test_two_who_close_a_session_both_wait_for_its_end(self) -> None:
        async with open_plane() as plane:
            session = await plane.open()
            await asyncio.gather(*(session.close() for _ in range(3)))
            assert session.browser.leg.owner is None, "it is served no longer"

    @pytest.mark.parametrize("turns", range(8))
    async def test_opening_may_be_cancelled_at_any_moment(self, turns: int) -> None:
        async with open_plane() as plane:
            before = descriptors()
            opening = asyncio.create_task(plane.open())
            for _ in range(turns):
                await asyncio.sleep(0)
            opening.cancel()
            await asyncio.wait([opening])
            if not opening.cancelled():
                await opening.result().close()
            await asyncio.sleep(0.01)
            assert descriptors() == before
            assert plane.stats() == {"sessions": 0}

    async def test_a_plane_may_be_closed_while_a_session_is_opened(self) -> None:
        before = descriptors()
        plane = MediaPlane(plane_config())
        await plane.start()
        opening = asyncio.create_task(plane.open())
        await asyncio.sleep(0)
        await plane.close()
        with pytest.raises(UnavailableError):
            await opening
        assert descriptors() == before

    async def test_a_session_that_cannot_say_goodbye_is_given_back_all_the_same(
        self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        async with open_call() as call:
            monkeypatch.setattr(LegReports, "goodbye", fail)
            await call.session.close()
            assert call.plane.stats()["sessions"] == 0
            assert "on purpose" in caplog.text

    async def test_a_session_that_cannot_be_made_gives_its_ports_back(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async with open_plane(pairs=1) as plane:
            before = descriptors()
            for target in ("__init__", "open"):
                with monkeypatch.context() as patched:
                    patched.setattr(Session, target, fail)
                    with pytest.raises((ZeroDivisionError, AttributeError)):
                        await plane.open()
            assert descriptors() == before
            assert plane.stats()["sessions"] == 0
            await plane.open()


class TestFaults:
    async def test_the_fault_of_one_session_ends_that_one_only(
        self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        async with open_plane() as plane:
            faulty, sound = await plane.open(), await plane.open()
            trunks = {faulty: Trunk(), sound: Trunk()}
            told = {session: await lost(session) for session in trunks}
            monkeypatch.setattr(faulty.trunk._digits, "receive", fail)
            for session, far_end in trunks.items():
                await session.connect_trunk(far_end.remote())
                assert await far_end.packets(1)  # so it is taken from, too
                far_end.send(session.local.trunk_port, END_OF_5, payload_type=101)
            async with asyncio.timeout(10):
                assert await told[faulty].get() == BrowserLost(LossReason.INTERNAL)
                assert await told[sound].get() == TrunkDigit("5", 100)
            assert len(await trunks[sound].packets(5)) == 5
            trunks[faulty].send(faulty.local.trunk_port, END_OF_5, payload_type=101)
            await asyncio.sleep(0.1)
            assert told[faulty].empty(), "it is told once"
            assert plane.counters["faults"] == 1
            assert "on purpose" in caplog.text
            for far_end in trunks.values():
                far_end.sock.close()

    async def test_what_goes_wrong_while_one_is_looked_after_ends_that_one_only(
        self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        async with open_call() as call:
            faulty = await call.plane.open()
            told = await lost(faulty)
            monkeypatch.setattr(faulty.browser.endpoint, "watch", fail)
            async with asyncio.timeout(3):
                assert await told.get() == BrowserLost(LossReason.INTERNAL)
            await call.trunk.packets(20)
            assert "on purpose" in caplog.text

    async def test_a_port_that_has_no_next_one_harms_nobody(self) -> None:
        async with open_call() as call:
            other = await call.plane.open()
            await other.connect_trunk(replace(call.trunk.remote(), port=65535))
            other.trunk.reports._due = 0.0
            await call.trunk.packets(100)
            assert not [name for name in call.plane.stats() if "faults" in name]

    async def test_a_description_that_cannot_be_used_is_the_callers_to_hear_of(self) -> None:
        async with open_call() as call:
            with pytest.raises(ValueError, match=r"sip\.example\.com"):
                await call.session.connect_trunk(
                    replace(call.trunk.remote(), host="sip.example.com")
                )
            call.trunk.waiting()
            assert len(await call.trunk.packets(5)) == 5

    async def test_a_command_that_fails_is_counted_and_the_clock_goes_on(self) -> None:
        async with open_call() as call:
            call.session.thread.post(fail)
            packets = await call.trunk.packets(5)
            check_steady(packets, call.plane)
            assert call.plane.stats()["faults"] == 1

    async def test_a_media_thread_that_hangs_does_not_hold_up_the_end_of_a_call(
        self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setattr("gateway.media.closing.CLOSE_TIMEOUT", 0.1)
        async with open_plane() as plane:
            session = await plane.open()
            hanging = asyncio.Event()
            loop = asyncio.get_running_loop()

            def hang() -> None:
                asyncio.run_coroutine_threadsafe(hanging.wait(), loop).result()

            session.thread.post(hang)
            await session.close()
            assert plane.stats()["sessions"] == 0
            assert "could not be removed" in caplog.text
            hanging.set()
            await until(lambda: session.trunk.leg.owner is None)
