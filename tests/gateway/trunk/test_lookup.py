"""Names of trunks: a resolver that hangs holds nobody up."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from gateway.trunk import TrunkError
from gateway.trunk.lookup import MOST_LOOKUPS, Resolver

NAMED = "trunk.example"
HOST = "the host"
FOUND = [(socket.AF_INET, socket.SOCK_DGRAM, 17, "", ("192.0.2.7", 5060))]


class Hanging:
    """A resolver that answers when it is let go."""

    def __init__(self) -> None:
        self.asked = 0
        self.go = threading.Event()

    def __call__(self, *_: Any, **__: Any) -> Any:
        self.asked += 1
        self.go.wait(30)
        return FOUND


@pytest.fixture
def hanging(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hanging]:
    resolver = Hanging()
    monkeypatch.setattr(socket, "getaddrinfo", resolver)
    yield resolver
    resolver.go.set()


def test_limit(hanging: Hanging) -> None:
    """The call fails in time, and neither the loop's end nor its executor waits."""

    async def ask() -> None:
        with pytest.raises(TrunkError, match=r"the host 'trunk.example' was not .* within 0\.3 s"):
            await Resolver().resolve(NAMED, HOST, limit=0.3)

    began = time.monotonic()
    asyncio.run(ask())
    assert time.monotonic() - began < 1


async def test_cancel(hanging: Hanging) -> None:
    asking = asyncio.create_task(Resolver().resolve(NAMED, HOST))
    await asyncio.sleep(0.05)
    began = time.monotonic()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert time.monotonic() - began < 0.1


async def test_one_thread_for_all(hanging: Hanging) -> None:
    """However many calls wait for a name, and whichever of them is canceled."""
    resolver = Resolver()
    asking = [asyncio.create_task(resolver.resolve(NAMED, HOST)) for _ in range(20)]
    await asyncio.sleep(0.05)
    asking.pop(0).cancel()
    hanging.go.set()
    assert await asyncio.gather(*asking) == ["192.0.2.7"] * 19
    assert hanging.asked == 1
    assert await resolver.resolve(NAMED, HOST) == "192.0.2.7"
    assert hanging.asked == 2  # asked again: addresses change


async def test_literal_address(hanging: Hanging) -> None:
    assert await Resolver().resolve("192.0.2.1", HOST) == "192.0.2.1"
    assert hanging.asked == 0


@pytest.mark.parametrize("host", ["nowhere.invalid", "a" * 70 + ".example"])
async def test_no_address(host: str) -> None:
    with pytest.raises(TrunkError, match="has no address"):
        await Resolver().resolve(host, HOST)


async def test_address_of_either_version(monkeypatch: pytest.MonkeyPatch) -> None:
    """Media may be IPv6 beside SIP over IPv4, and one name can have both."""
    known = {socket.AF_INET: "192.0.2.7", socket.AF_INET6: "2001:db8::7"}

    def answer(host: str, port: object, *, family: socket.AddressFamily, **_: Any) -> Any:
        return [(family, socket.SOCK_DGRAM, 17, "", (known[family], 0))]

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    resolver = Resolver()
    assert await resolver.resolve(NAMED, HOST) == "192.0.2.7"
    assert await resolver.resolve(NAMED, HOST, version=6) == "2001:db8::7"


async def test_not_more_than_so_many(hanging: Hanging) -> None:
    """A trunk that names a new host in each description does not fill the process with threads."""
    resolver = Resolver()
    asking = [
        asyncio.create_task(resolver.resolve(f"{number}.example", HOST))
        for number in range(MOST_LOOKUPS)
    ]
    await asyncio.sleep(0)
    with pytest.raises(TrunkError, match="too many names"):
        await resolver.resolve(NAMED, HOST)
    hanging.go.set()
    await asyncio.gather(*asking)
    assert await resolver.resolve(NAMED, HOST) == "192.0.2.7"


async def test_no_thread_to_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said, and the name can be asked for again once there are some."""
    resolver = Resolver()

    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        with pytest.raises(TrunkError, match="can't start new thread"):
            await resolver.resolve(NAMED, HOST)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: FOUND)
    assert await resolver.resolve(NAMED, HOST) == "192.0.2.7"
