"""Webhooks of real calls to a real server, which is away, and through the death of the gateway."""

from __future__ import annotations

from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from gateway.admission.keys import new_key
from tests.end_to_end.calling_trunk import trunk_call
from tests.end_to_end.odd_sound import open_sound
from tests.end_to_end.odd_trunk import Line, OddTrunk, describe, odd_trunk
from tests.end_to_end.phone import calling, waiting
from tests.end_to_end.trunks import idle, open_trunk
from tests.peers.gateway import Gateway, GatewayConfig, run_gateway
from tests.peers.ports import free_port
from tests.peers.process import poll
from tests.peers.receiver import Receiver, Taken, new_secret, run_receiver

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

pytestmark = pytest.mark.peer

NUMBER = "+15550100"


class World:
    """A trunk that is played by hand, and the configuration of a gateway with webhooks."""

    def __init__(self, folder: Path, trunk: OddTrunk) -> None:
        self.trunk = trunk
        self.folder = folder
        self.secret = new_secret()
        self.port = free_port()
        key, hashed = new_key()
        self.headers = {"Authorization": f"Bearer {key}"}
        (folder / "keys").write_text(f"{hashed}\n")
        (folder / "secret").write_text(f"# of the CRM\n{self.secret}\n")
        self.config = GatewayConfig(
            [open_trunk(trunk.port)],
            overrides={
                "http": {"api_keys_file": str(folder / "keys")},
                "webhooks": {
                    "url": f"http://127.0.0.1:{self.port}/hook",
                    "secret_file": str(folder / "secret"),
                    "events": ["ringing", "answered", "ended", "limit"],
                },
                "admission.limits": {"calls_at_once": 1},
            },
            incoming=[{"to": NUMBER, "identity": "sales"}],
        )

    @asynccontextmanager
    async def gateway(self) -> AsyncIterator[Gateway]:
        async with run_gateway(self.config, self.folder) as gateway:
            yield gateway

    @asynccontextmanager
    async def receiver(self, receiver: Receiver | None = None) -> AsyncIterator[Receiver]:
        async with run_receiver(self.secret, port=self.port, receiver=receiver) as running:
            yield running

    async def ask(self, gateway: Gateway, method: str, path: str, **fields: Any) -> Any:
        async with httpx.AsyncClient(headers=self.headers) as client:
            response = await client.request(method, f"{gateway.url}{path}", **fields)
            assert response.status_code == 200, response.text
            return response.json()


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with odd_trunk() as trunk:
        yield World(tmp_path, trunk)


async def whole_call(gateway: Gateway, line: Line) -> None:
    """Ring, talk and hang up."""
    async with calling(gateway, line.number) as call, open_sound(440) as sound:
        await line.hear("INVITE")
        line.respond(180)
        await call.hear("ringing")
        await line.answer(describe(sound.port))
        await call.hear("answered")
        await call.hang_up()


def holds(world: World, gateway: Gateway, **numbers: int) -> Callable[[], Awaitable[bool]]:
    """Return what asks the gateway whether it has so many events."""

    async def look() -> bool:
        state = await world.ask(gateway, "GET", "/v1/webhooks")
        return all(state[name] == number for name, number in numbers.items())

    return look


def of_call(taken: list[Taken]) -> list[tuple[str, str]]:
    return [(each.payload["data"]["to"], each.kind) for each in taken]


async def test_calls_of_both_directions_are_told(world: World) -> None:
    """With what the API shows of them; and a limit that somebody has run into."""
    line = world.trunk.line()
    async with world.receiver() as receiver, world.gateway() as gateway:
        await whole_call(gateway, line)
        taken = await receiver.take(3)
        assert [each.kind for each in taken] == ["ringing", "answered", "ended"]
        ringing, answered, ended = (each.payload["data"] for each in taken)
        assert ringing["id"] == answered["id"] == ended["id"]
        assert (ended["to"], ended["trunk"], ended["direction"]) == (
            line.number,
            "open",
            "outgoing",
        )
        assert (answered["codec"]["browser"], answered["codec"]["trunk"]) == ("opus", "PCMU")
        assert ended["sipCallId"]
        assert "end" not in answered
        end = ended["end"]
        assert (end["by"], end["cause"], end["sipCode"]) == ("local", "hangup", 200)
        receiver.taken.clear()
        async with waiting(gateway, "sales") as page, trunk_call(gateway, NUMBER) as arriving:
            arriving.invite(describe(9))
            await page.hear("incoming")
            arriving.cancel()
            await page.end()
        taken = await receiver.take(2)
        assert of_call(taken) == [(NUMBER, "ringing"), (NUMBER, "ended")]
        assert taken[1].payload["data"]["end"]["cause"] == "canceled"
        receiver.taken.clear()
        async with calling(gateway, line.number) as admitted:
            await admitted.hear("trying")
            async with calling(gateway, line.number) as refused:
                assert (await refused.hear("error"))["name"] == "limit-reached"
        await receiver.until(lambda: "limit" in [each.kind for each in receiver.taken])
        limit = next(each.payload["data"] for each in receiver.taken if each.kind == "limit")
        assert (limit["limit"], limit["address"]) == ("calls-at-once", "127.0.0.1")
        await receiver.take(2)  # the call of the other one has ended, too
        await idle(gateway)
        await poll(partial(all_sent, gateway, 7), limit=5, what="seven answers are counted")


async def all_sent(gateway: Gateway, count: int) -> bool:
    """Return whether so many have been sent: one counts once its answer has been read."""
    return (await gateway.metrics())["gateway_webhooks_sent_total"] == count


async def test_no_event_is_lost_when_both_sides_die(world: World) -> None:
    """The server is away, the gateway is killed in mid-call: both come back, all is told once.

    Also that the call in whose middle it was has ended, and once although it is killed once more.
    """
    first, second = world.trunk.line(), world.trunk.line()
    async with world.gateway() as gateway:
        await whole_call(gateway, first)
        async with calling(gateway, second.number) as call, open_sound(440) as sound:
            await second.hear("INVITE")
            await second.answer(describe(sound.port))
            await call.hear("answered")

            async def stored() -> bool:
                state = await world.ask(gateway, "GET", "/v1/webhooks")
                return bool(state["waiting"] >= 4 and state["failed"])

            await poll(stored, limit=5, what="the events wait")
            await gateway.kill()
    async with world.gateway() as gateway:
        await poll(holds(world, gateway, waiting=5), limit=5, what="the end waits, too")
        await gateway.kill()
    async with world.gateway() as gateway, world.receiver() as receiver:
        taken = await receiver.take(5, limit=20)
        assert sorted(of_call(taken)) == sorted(
            [
                *((first.number, kind) for kind in ("ringing", "answered", "ended")),
                (second.number, "answered"),
                (second.number, "ended"),
            ]
        )
        answered, ended = (
            each.payload["data"] for each in taken if each.payload["data"]["to"] == second.number
        )
        assert (ended["end"]["cause"], ended["end"]["by"]) == ("interrupted", "gateway")
        assert ended["state"] == "ended"
        same = ("id", "direction", "from", "trunk", "sipCallId", "startedAt", "codec")
        assert {name: ended[name] for name in same} == {name: answered[name] for name in same}
        assert set(ended) == {*answered, "end"}
        own = [each.kind for each in taken if each.payload["data"]["to"] == first.number]
        assert own == ["ringing", "answered", "ended"]
        assert len({each.id for each in receiver.seen}) == len(receiver.seen)
        await poll(holds(world, gateway, waiting=0, sent=5), limit=5, what="nothing waits")


async def test_the_operator_sends_dead_ones_again(world: World) -> None:
    async with world.receiver() as receiver, world.gateway() as gateway:
        receiver.answers = [410]
        await whole_call(gateway, world.trunk.line())

        async def gone() -> bool:
            return bool((await world.ask(gateway, "GET", "/v1/webhooks"))["gone"])

        await poll(gone, limit=5, what="it is noticed")
        dead = (await world.ask(gateway, "GET", "/v1/webhooks/dead"))["dead"]
        assert dead[-1]["type"] == "ringing"
        assert dead[-1]["why"].startswith("410 Gone")
        assert dead[-1]["payload"]["data"]["direction"] == "outgoing"
        assert (await gateway.metrics())["gateway_webhooks_gone"] == 1
        named = [dead[-1]["id"]]
        path = "/v1/webhooks/dead/retry"
        assert (await world.ask(gateway, "POST", path, json={"ids": named})) == {"events": 1}
        await receiver.take(1)
        assert (await world.ask(gateway, "DELETE", "/v1/webhooks/dead"))["events"] <= 2
