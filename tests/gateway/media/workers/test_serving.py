"""A worker's own end, spoken to over a socket pair: frame in, frame out, no process."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from gateway.media.events import LegQuality, Quality
from gateway.media.parameters import Flow, MediaConfig
from gateway.media.ports import PortRange
from gateway.media.workers import messages
from gateway.media.workers.channel import MAX_WAITING, Channel, ChannelError, connect
from gateway.media.workers.messages import Done, Message, Opened, Refused, Report
from gateway.media.workers.serving import Load, Serving
from gateway.media.workers.wire import Frame, WireError
from tests.peers.ports import free_ports

LIMIT = 5.0  # seconds


class Peer:
    """The gateway's end."""

    def __init__(self, channel: Channel, serving: asyncio.Task[None], ports: range) -> None:
        self.channel = channel
        self.serving = serving
        self.ports = ports
        self._frames = channel.frames()

    async def next(self) -> Frame:
        async with asyncio.timeout(LIMIT):
            return await anext(self._frames)

    async def ask(self, command: Message, session: int = 0) -> Message:
        """Send a command, and return its reply; reports before it are passed over."""
        self.channel.send(command, request=1, session=session)
        while not (frame := await self.next()).request:
            assert isinstance(frame.message, Report)
        return frame.message

    async def over(self) -> None:
        async with asyncio.timeout(LIMIT):
            assert [frame async for frame in self._frames if frame.request] == []
            await self.serving

    def all_free(self) -> bool:
        """Whether every port of the plane's can be bound."""
        return all(map(bindable, self.ports))


def bindable(port: int) -> bool:
    with socket.socket(type=socket.SOCK_DGRAM) as sock:
        try:
            sock.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


@asynccontextmanager
async def served(*, start: bool = True) -> AsyncIterator[Peer]:
    ours, theirs = socket.socketpair()
    ports = free_ports(20)
    channel = await connect(ours)
    serving = asyncio.create_task(Serving(await connect(theirs)).run())
    peer = Peer(channel, serving, ports)
    try:
        if start:
            config = MediaConfig(ports=(ports.start, ports.stop - 1))
            assert await peer.ask(messages.Start(config)) == Done()
        yield peer
    finally:
        await channel.close()
        await asyncio.wait_for(serving, LIMIT)


async def test_a_session_is_opened_and_closed() -> None:
    async with served() as peer:
        opened = await peer.ask(messages.Open(), 7)
        assert isinstance(opened, Opened)
        assert opened.local.trunk_port in peer.ports
        assert not peer.all_free()
        assert await peer.ask(messages.SetFlow(Flow.AUDIO), 7) == Done()
        assert await peer.ask(messages.Close(), 7) == Done()
        assert peer.all_free()
        assert await peer.ask(messages.Close(), 7) == Done(), "harmless when it comes twice"
        assert await peer.ask(messages.SetFlow(Flow.AUDIO), 7) == Done(), "too late, and no fault"


async def test_a_close_that_overtakes_its_open_closes_all_the_same() -> None:
    async with served() as peer:
        peer.channel.send(messages.Open(), request=1, session=3)
        peer.channel.send(messages.Close(), request=2, session=3)
        replies = {frame.request: frame.message for frame in [await peer.next() for _ in range(3)]}
        assert isinstance(replies[1], Opened)
        assert replies[2] == Done()
        assert peer.all_free()


async def test_refusals_and_faults_are_replies() -> None:
    async with served(start=False) as peer:
        refused = await peer.ask(messages.Open(), 1)
        assert refused == Refused("service-unavailable", "the media plane has not been started")
        remote = MediaConfig(address="no address")
        reply = await peer.ask(messages.Start(remote))
        assert isinstance(reply, Refused)


async def test_ports_run_out_as_in_one_process() -> None:
    async with served() as peer:
        replies = [await peer.ask(messages.Open(), number) for number in range(1, 7)]
        range_ = PortRange("127.0.0.1", peer.ports.start, peer.ports.stop - 1)
        expected = str(range_._exhausted())
        assert [type(each) for each in replies] == [Opened] * 5 + [Refused]
        assert replies[-1] == Refused("service-unavailable", expected)


async def test_counters_are_told_when_they_change() -> None:
    async with served() as peer:
        await peer.ask(messages.Open(), 1)
        await peer.ask(messages.AddCandidate("nonsense"), 1)
        counted = [report.counters for report in await reports(peer, 2)]
        assert counted == [{"browser_rejected_candidate": 1}, {}]


async def test_a_stop_closes_every_session_and_ends() -> None:
    async with served() as peer:
        for number in (1, 2):
            await peer.ask(messages.Open(), number)
        assert await peer.ask(messages.Stop()) == Done()
        assert peer.all_free()
        await peer.over()


async def test_it_ends_when_the_other_end_is_gone() -> None:
    async with served() as peer:
        await peer.ask(messages.Open(), 1)
        await peer.channel.close()
        async with asyncio.timeout(LIMIT):
            await peer.serving
        assert peer.all_free()


@pytest.mark.parametrize("message", [Done(), Report(), Quality(*[LegQuality(*[0] * 6)] * 2)])
async def test_it_ends_when_it_is_sent_what_is_no_command(message: Message) -> None:
    async with served() as peer:
        await peer.ask(messages.Open(), 1)
        peer.channel.send(message)
        await peer.over()
        assert peer.all_free()


async def test_it_ends_at_bytes_that_are_no_frame(caplog: pytest.LogCaptureFixture) -> None:
    async with served() as peer:
        peer.channel._writer.write(b"\xff" * 100)
        await peer.over()
    assert "the gateway is not understood: a frame of 4294967295 bytes" in caplog.text


async def test_load_is_that_since_the_last_report() -> None:
    walls, cpus = iter([10.0, 12.0, 14.0, 14.0]), iter([1.0, 1.5, 1.5, 1.5])
    load = Load(wall=lambda: next(walls), cpu=lambda: next(cpus))
    for late in (0.01, 0.03, -0.0002):  # a timer that comes too early is not late
        load.note(late)
    report = load.report({"a": 1})
    assert (report.cpu, report.counters) == (0.25, {"a": 1})
    assert report.late == pytest.approx(0.04 / 3)
    assert load.report({}) == Report(cpu=0.0, late=0.0)
    assert load.report({}) == Report(cpu=0.0, late=0.0), "no time has passed"


async def test_a_loop_that_stands_still_is_late() -> None:
    async with served(start=False) as peer:
        assert await reports(peer, 3)
        time.sleep(0.3)  # noqa: ASYNC251 (the fault that is to be noticed)
        assert max(report.late for report in await reports(peer, 3)) > 0.05


async def reports(peer: Peer, count: int) -> list[Report]:
    found = []
    for _ in range(count):
        peer.channel.send(messages.Ping())
        report = (await peer.next()).message
        assert isinstance(report, Report)
        found.append(report)
    return found


async def pair() -> tuple[Channel, Channel]:
    one, other = socket.socketpair()
    return await connect(one), await connect(other)


async def test_a_channel_refuses_to_pile_up_what_nobody_reads() -> None:
    one, other = await pair()
    text = messages.AddCandidate("x" * 100_000)
    while one.waiting <= MAX_WAITING:
        one.send(text)
    with pytest.raises(ChannelError, match="bytes wait"):
        one.send(text)
    assert one.waiting <= MAX_WAITING + 200_000
    other._writer.transport.abort()
    await one.close()


async def test_a_channel_whose_other_end_is_gone_says_so() -> None:
    one, other = await pair()
    await other.close()
    async with asyncio.timeout(LIMIT):
        assert [frame async for frame in one.frames()] == []
    await one.close()
    with pytest.raises(ChannelError, match="gone"):
        one.send(Done())


async def test_a_channel_reads_until_what_is_no_frame() -> None:
    one, other = await pair()
    one.send(Done(), request=5)
    one._writer.write(b"\x00" * 20)
    frames = other.frames()
    assert await anext(frames) == Frame(5, 0, Done())
    with pytest.raises(WireError):
        await anext(frames)
    await one.close()
    await other.close()
