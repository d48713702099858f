"""Several trunks: which is tried first, what makes the gateway try the next, and what does not."""

from __future__ import annotations

import socket
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from gateway.config import Address
from gateway.demo import peer_command, running
from tests.end_to_end.odd_sound import open_sound
from tests.end_to_end.odd_trunk import Line, OddTrunk, describe, odd_trunk
from tests.end_to_end.phone import PhoneCall, calling
from tests.end_to_end.trunks import open_trunk
from tests.peers.gateway import Gateway, GatewayConfig, run_gateway
from tests.peers.ports import free_port
from tests.peers.process import wait_until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
    from pathlib import Path

pytestmark = pytest.mark.peer


@dataclass
class World:
    """A gateway and two trunks, the first of which is tried first."""

    gateway: Gateway
    first: OddTrunk
    second: OddTrunk

    def line(self) -> tuple[Line, Line]:
        """Return the same line at both trunks."""
        first, second = self.first.line(), self.second.line()
        assert first.number == second.number
        return first, second


def silent(line: Line) -> bool:
    """Whether nobody has called this line."""
    return not line.received


def trunk(name: str, port: int, **keys: object) -> dict[str, object]:
    return {**open_trunk(port), "name": name, **keys}


@asynccontextmanager
async def open_world(
    folder: Path,
    first: Mapping[str, object] | None = None,
    second: Mapping[str, object] | None = None,
    routes: Sequence[Mapping[str, object]] = (),
) -> AsyncIterator[World]:
    async with odd_trunk() as one, odd_trunk() as two:
        trunks = [
            trunk("first", one.port, priority=1, **(first or {})),
            trunk("second", two.port, priority=2, **(second or {})),
        ]
        config = GatewayConfig(trunks, routes=routes)
        async with run_gateway(config, folder) as gateway:
            yield World(gateway, one, two)


@asynccontextmanager
async def answered(line: Line) -> AsyncIterator[None]:
    """Pick up at this line."""
    async with open_sound(440) as sound:
        await line.hear("INVITE")
        await line.answer(describe(sound.port))
        yield


async def taken_by_second(world: World, call: PhoneCall, line: Line) -> None:
    """Pick up at the second trunk; the page has heard of one call all the while."""
    async with answered(line):
        await call.hear("answered")
        await call.hang_up()
    assert call.kinds.count("answer") == call.kinds.count("trying") == 1
    assert "trunk=second" in world.gateway.log()


@pytest.mark.parametrize("status", [503, 500, 408])
async def test_a_trunk_that_cannot(tmp_path: Path, status: int) -> None:
    async with open_world(tmp_path) as world:
        first, second = world.line()
        async with calling(world.gateway, first.number) as call:
            await first.hear("INVITE")
            first.respond(status)
            await taken_by_second(world, call, second)
        metrics = await world.gateway.metrics()
        answers = 'gateway_trunk_final_answers_total{code="%s",trunk="first"}'
        assert metrics[answers % status] == 1
        assert metrics['gateway_trunk_calls_answered_total{trunk="second"}'] == 1


@pytest.mark.parametrize("status", [486, 404, 603])
async def test_a_phone_that_will_not(tmp_path: Path, status: int) -> None:
    async with open_world(tmp_path) as world:
        first, second = world.line()
        async with calling(world.gateway, first.number) as call:
            await first.hear("INVITE")
            first.respond(status)
            end = await call.end()
        assert end.last["sipCode"] == status
        assert silent(second)


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port where whatever comes is read by nobody."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        yield sock.getsockname()[1]


@pytest.mark.parametrize("where", ["nobody reads", "nobody listens", "no such name"])
async def test_a_trunk_that_is_not_there(tmp_path: Path, silent_port: int, where: str) -> None:
    uris = {
        "nobody reads": f"sip:127.0.0.1:{silent_port}",
        "nobody listens": f"sip:127.0.0.1:{free_port()}",
        "no such name": "sip:trunk.invalid",
    }
    async with open_world(tmp_path, first={"uri": uris[where]}) as world:
        line = world.second.line()
        async with calling(world.gateway, line.number) as call:
            await taken_by_second(world, call, line)


async def test_a_trunk_that_is_full(tmp_path: Path) -> None:
    async with open_world(tmp_path, first={"max_calls": 1}) as world:
        busy, _ = world.line()
        async with calling(world.gateway, busy.number) as call, answered(busy):
            await call.hear("answered")
            _, second = world.line()
            async with calling(world.gateway, second.number) as other:
                await taken_by_second(world, other, second)
            await call.hang_up()


async def test_a_phone_that_has_rung_is_not_rung_again(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        first, second = world.line()
        async with calling(world.gateway, first.number) as call:
            await first.hear("INVITE")
            first.respond(180)
            await call.hear("ringing")
            first.respond(503)
            end = await call.end()
        assert end.last["sipCode"] == 503
        assert silent(second)


async def test_a_hang_up_while_the_first_trunk_is_silent(tmp_path: Path, silent_port: int) -> None:
    uri = {"uri": f"sip:127.0.0.1:{silent_port}"}
    async with open_world(tmp_path, first=uri) as world:
        line = world.second.line()
        async with calling(world.gateway, line.number) as call:
            await call.hear("trying")
            end = await call.hang_up()
        assert end.last["cause"] == "canceled"
        assert silent(line)


async def test_a_route_goes_its_own_way(tmp_path: Path) -> None:
    """First that fits; a number that none fits is refused, and each trunk has its own spelling."""
    routes = [{"to": "+15550100", "trunks": ["second"]}, {"to": "+1555*", "trunks": ["first"]}]
    async with open_world(tmp_path, second={"numbers": "plain"}, routes=routes) as world:
        first, _ = world.line()
        async with calling(world.gateway, first.number) as call:
            await wait_until(lambda: bool(world.second.strays), limit=5, what="an INVITE")
            assert world.second.strays[0].start_line.startswith("INVITE sip:15550100@")
            await call.hang_up()
        assert silent(first)
        other, _ = world.line()
        async with calling(world.gateway, other.number) as call, answered(other):
            await call.hear("answered")
            await call.hang_up()
        async with calling(world.gateway, "+14155550100") as call:
            refused = await call.hear("error")
        assert (refused["name"], refused["code"]) == ("not-allowed", 403)
        assert "no route" in refused["message"]


async def test_a_trunk_that_goes_down_and_comes_back(tmp_path: Path) -> None:
    """It is said in the log, in the metrics and in /readyz, without a call."""
    port = free_port()
    config = GatewayConfig([{**trunk("only", port), "options": 5}])
    async with run_gateway(config, tmp_path, wait_ready=False) as gateway:
        await wait_until(lambda: "trunk only is down" in gateway.log(), limit=30, what="its end")
        status, text = await gateway.get("/readyz")
        assert status == 503
        assert "no trunk can be reached: only:" in text
        assert (await gateway.metrics())['gateway_trunk_up{trunk="only"}'] == 0
        async with running(peer_command(Address("127.0.0.1", port))):
            await gateway.ready(limit=30)
        assert (await gateway.metrics())['gateway_trunk_up{trunk="only"}'] == 1
        assert " WARNING gateway.wiring trunk only is down" in gateway.log()
