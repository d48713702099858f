"""Calls to the peer's process, from a trunk endpoint here: what each number does is heard."""

from __future__ import annotations

import asyncio
import socket
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator

import numpy as np
import pytest
import pytest_asyncio

from gateway.trunk import (
    Answered,
    EndpointConfig,
    IncomingCall,
    Origin,
    Ringing,
    SipAddress,
    TrunkEndpoint,
)
from sdp import RtpAddress, TrunkPolicy, answer_trunk, read, render
from tests.gateway.peer.caller import FRAME, Recorder, call
from tests.gateway.trunk.conftest import Ear
from tests.peers.ports import free_port
from tests.peers.process import end_process
from tests.tones import assert_tone, make_tone
from voice import rtp
from voice.tones import DigitDetector

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def endpoint() -> AsyncIterator[TrunkEndpoint]:
    endpoint = TrunkEndpoint(EndpointConfig(port=0))
    await endpoint.start()
    yield endpoint
    await endpoint.close()


async def start_peer(port: int) -> Process:
    address = str(SipAddress("127.0.0.1", port))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway.peer", "--listen", address), stdin=PIPE, stdout=PIPE
    )
    assert process.stdout is not None
    async with asyncio.timeout(15):
        assert await process.stdout.readline() == f"ready on {address}\n".encode()
    return process


@pytest.fixture(scope="module")
def told() -> dict[str, int]:
    """What the peer is told."""
    return {"pages": 1}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def peer(told: dict[str, int]) -> AsyncIterator[int]:
    """The port of a running peer, which is told how many pages take calls."""
    port = free_port()
    process = await start_peer(port)
    assert process.stdout is not None
    assert process.stdin is not None

    async def tell(questions: asyncio.StreamReader, answers: asyncio.StreamWriter) -> None:
        async for line in questions:
            assert line == b"registered?\n"
            answers.write(b"%d\n" % told["pages"])

    telling = asyncio.create_task(tell(process.stdout, process.stdin))
    yield port
    assert await end_process(process) == 0
    await telling


async def test_tone(endpoint: TrunkEndpoint, peer: int) -> None:
    async with call(endpoint, peer, "603") as caller:
        await caller.answered()
        samples = await caller.listen(1.0)
        packets = caller.recorder.packets
    assert_tone(samples, 8000, present=[440], ratio=25)
    steps = np.diff([each.sequence for each in packets]) & 0xFFFF
    assert set(steps.tolist()) == {1}
    assert [each.marker for each in packets] == [True] + [False] * (len(packets) - 1)


@pytest.mark.parametrize("number", ["echo", "600", "+15550100600"])
async def test_echo(endpoint: TrunkEndpoint, peer: int, number: str) -> None:
    async with call(endpoint, peer, number) as caller:
        await caller.answered()
        _, samples = await asyncio.gather(
            caller.say(make_tone(880, seconds=1.2)), caller.listen(1.2)
        )
    assert_tone(samples[4000:], 8000, present=[880], absent=[440], ratio=15)


async def test_stranger_is_not_echoed(endpoint: TrunkEndpoint, peer: int) -> None:
    """Another socket sends a tone to the peer's port: the caller must not hear it."""
    async with call(endpoint, peer, "600") as caller:
        await caller.answered()
        await caller.say(make_tone(880, seconds=0.2))
        with socket.socket(type=socket.SOCK_DGRAM) as stranger:
            stranger.bind(("127.0.0.1", 0))
            for index in range(50):
                header = rtp.pack_header(0, index, index * FRAME, 0x9999)
                stranger.sendto(header + bytes(range(FRAME)), caller.media)
                stranger.sendto(b"\x80", caller.media)
            stranger.setblocking(False)
            samples = await caller.listen(0.6)
            with pytest.raises(BlockingIOError):
                stranger.recv(1)
    assert np.abs(samples[-2400:].astype(int)).max() < 100


async def test_digits_are_read_back(endpoint: TrunkEndpoint, peer: int) -> None:
    async with call(endpoint, peer, "650") as caller:
        await caller.answered()
        _, samples = await asyncio.gather(caller.press("159D#"), caller.listen(2.6))
    assert heard(samples) == "159D"


async def test_digits_are_read_back_after_a_pause(endpoint: TrunkEndpoint, peer: int) -> None:
    async with call(endpoint, peer, "650") as caller:
        await caller.answered()
        await caller.press("42")
        samples = await caller.listen(3.0)
    assert heard(samples) == "42"


def heard(samples: np.typing.NDArray[np.int16]) -> str:
    detector = DigitDetector()
    frames = samples[: len(samples) // FRAME * FRAME].reshape(-1, 1, FRAME)
    return "".join(digit for frame in frames for _, digit in detector.detect(frame))


@pytest.mark.parametrize("number", ["670", "671"])
async def test_speech(endpoint: TrunkEndpoint, peer: int, number: str) -> None:
    """Something is said: loud, with pauses, and no steady tone."""
    async with call(endpoint, peer, number) as caller:
        await caller.answered()
        samples = await caller.listen(3.0)
    levels = np.sqrt(np.mean(np.square(samples.reshape(-1, FRAME).astype(float)), axis=1))
    assert levels.max() > 2000
    assert levels.min() < levels.max() / 20
    spectrum = np.square(np.abs(np.fft.rfft(samples)))
    assert spectrum.max() < spectrum.sum() / 4


async def test_announcement_ends_the_call(endpoint: TrunkEndpoint, peer: int) -> None:
    async with call(endpoint, peer, "announcement") as caller:
        await caller.answered()
        end = await caller.ear.end(limit=15)
    assert (end.by, end.code) == (Origin.REMOTE, 200)


async def test_early_media(endpoint: TrunkEndpoint, peer: int) -> None:
    async with call(endpoint, peer, "610") as caller:
        await caller.early()
        samples = await caller.listen(0.6)
        assert "Answered" not in caller.ear.kinds
        await caller.ear.hear(Answered)
    assert_tone(samples, 8000, present=[425])


@pytest.mark.parametrize(
    ("number", "code", "cause"),
    [("620", 486, "busy"), ("busy", 486, "busy"), ("999", 404, "not-found")],
)
async def test_refused(
    endpoint: TrunkEndpoint, peer: int, number: str, code: int, cause: str
) -> None:
    async with call(endpoint, peer, number) as caller:
        end = await caller.ear.end()
    assert (end.by, end.code, end.cause) == (Origin.REMOTE, code, cause)


async def test_rings_until_canceled(endpoint: TrunkEndpoint, peer: int) -> None:
    async with call(endpoint, peer, "630") as caller:
        await caller.ear.hear(Ringing)
        await caller.leg.hangup()
        end = await caller.ear.end()
    assert (end.by, end.code) == (Origin.LOCAL, 487)


async def test_calls_back(endpoint: TrunkEndpoint, peer: int) -> None:
    came: asyncio.Queue[IncomingCall] = asyncio.Queue()
    ear = Ear()

    def take(incoming: IncomingCall) -> Ear:
        came.put_nowait(incoming)
        return ear

    endpoint.on_incoming = take
    try:
        async with call(endpoint, peer, "800") as caller, asyncio.timeout(10):
            await caller.ear.end()
            incoming = await came.get()
    finally:
        endpoint.on_incoming = None
    assert (incoming.caller, incoming.display_name, incoming.to) == ("800", "The demo", "sales")
    transport, recorder = await asyncio.get_running_loop().create_datagram_endpoint(
        Recorder, local_addr=("127.0.0.1", 0)
    )
    try:
        answer, _ = answer_trunk(
            read(incoming.offer).description,
            policy=TrunkPolicy(),
            address=RtpAddress("127.0.0.1", transport.get_extra_info("sockname")[1]),
            session_id=1,
            version=1,
            current=None,
        )
        await incoming.leg.answer(render(answer))
        await ear.hear(Answered)
        async with asyncio.timeout(10):
            while np.abs(recorder.samples).max(initial=0) < 1000:  # it tells the time
                recorder.news.clear()
                await recorder.news.wait()
        await incoming.leg.hangup()
        assert (await ear.end()).cause == "hangup"
    finally:
        transport.close()


async def test_calls_nobody_back(
    endpoint: TrunkEndpoint, peer: int, told: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(told, "pages", 0)
    async with call(endpoint, peer, "800") as caller:
        end = await caller.ear.end()
    assert (end.code, end.cause) == (480, "unavailable")
    assert end.reason == "Nobody takes calls as sales yet: do that first, then call again"


async def test_ends_with_its_parent() -> None:
    """Its standard input closes: that is all it needs to know."""
    process = await start_peer(free_port())
    assert process.stdin is not None
    process.stdin.close()
    async with asyncio.timeout(5):
        assert await process.wait() == 0


async def test_port_taken(peer: int) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway.peer", "--listen", f"127.0.0.1:{peer}"),
        stdin=DEVNULL,
        stderr=PIPE,
    )
    _, errors = await process.communicate()
    assert process.returncode == 1
    assert f"SIP cannot start on 127.0.0.1:{peer}" in errors.decode()
