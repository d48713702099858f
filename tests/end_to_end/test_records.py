"""Each call of a real gateway is one row in a real PostgreSQL, also after kill -9."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import pytest_asyncio

from gateway.admission.keys import new_key
from tests.end_to_end.calling_trunk import trunk_call
from tests.end_to_end.odd_sound import open_sound
from tests.end_to_end.odd_trunk import OddTrunk, describe, odd_trunk
from tests.end_to_end.phone import calling
from tests.end_to_end.trunks import idle, open_trunk
from tests.peers.gateway import Gateway, GatewayConfig, run_gateway
from tests.peers.postgres import PASSWORD, Postgres, run_postgres
from tests.peers.process import poll, wait_until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

pytestmark = [pytest.mark.peer, pytest.mark.asyncio(loop_scope="module")]

NUMBER, FALLBACK, UNKNOWN = "+15550100", "+15550199", "+15550300"
FAR = "127.0.0.2"
LIMIT = 10.0


@dataclass
class House:
    """A database, a trunk, and what a gateway needs to be started any number of times."""

    postgres: Postgres
    trunk: OddTrunk
    config: GatewayConfig
    folder: Path
    key: str

    async def ask(self, path: str, **query: Any) -> Any:
        """Ask the API of the gateway that runs now."""
        async with httpx.AsyncClient(trust_env=False) as http:
            response = await http.get(
                f"http://127.0.0.1:{self.config.http_port}{path}",
                params=query,
                headers={"Authorization": f"Bearer {self.key}"},
            )
        assert response.status_code == 200, response.text
        return response.json()

    async def records(self, count: int) -> list[dict[str, Any]]:
        """Wait for so many records; return them, the oldest first."""
        found: list[dict[str, Any]] = []
        async with asyncio.timeout(LIMIT):
            while len(found) < count:
                found = (await self.ask("/v1/records"))["records"][::-1]
                await asyncio.sleep(0.02)
        return found

    async def degraded(self) -> list[str]:
        """Wait until something is, and return what."""
        found: list[str] = []
        async with asyncio.timeout(LIMIT):
            while not found:
                found = (await self.ask("/readyz"))["degraded"]
        return found


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with run_postgres() as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(
    postgres: Postgres, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[House]:
    folder = tmp_path_factory.mktemp("gateway")
    key, line = new_key()
    (folder / "keys").write_text(line)
    (folder / "password").write_text(PASSWORD)
    (folder / "rates").write_text("prefix,price,name,increments\n+1,0.6,North America,60/1\n")
    async with odd_trunk(FAR) as trunk, odd_trunk() as near:
        url = f"postgresql+asyncpg://gateway@127.0.0.1:{postgres.port}/postgres"
        config = GatewayConfig(
            [{**open_trunk(0), "name": "odd", "uri": trunk.uri}, open_trunk(near.port)],
            routes=[{"to": "*", "trunks": ["odd"]}],
            incoming=[{"to": NUMBER, "identity": "nobody", "fallback": FALLBACK}],
            overrides={
                "http": {"api_keys_file": str(folder / "keys")},
                "records": {
                    "database": url,
                    "password_file": str(folder / "password"),
                    "node": "n",
                },
                # A caller whose gateway is killed shall not wait for it to come back
                "sessions": {"resume_window": 0},
                "admission.limits": {"rates_file": str(folder / "rates")},
            },
        )
        yield House(postgres, trunk, config, folder, key)


async def talk(house: House, gateway: Gateway, number: str) -> None:
    """Have a call answered, some sound pass, and the page hang up."""
    line = house.trunk.line(number)
    async with open_sound(440.0) as sound, calling(gateway, number) as call:
        await line.hear("INVITE")
        line.respond(180)
        await call.hear("ringing")
        await line.answer(describe(sound.port))
        await call.hear("answered")
        await call.hear("quality")
        await sound.hear(50)
        await call.hang_up()
    await idle(gateway)


async def test_each_attempt_is_one_row(house: House) -> None:
    async with run_gateway(house.config, house.folder) as gateway:
        async with calling(gateway, "+4420") as call:
            await call.end()
        await talk(house, gateway, "+15550200")
        line = house.trunk.line("+15550201")
        async with calling(gateway, "+15550201") as call:
            await line.hear("INVITE")
            line.respond(486)
            await call.end()
        await idle(gateway)
        refused, answered, busy = await house.records(3)
        await _forward(house, gateway)
        await idle(gateway)
        forwarded, unknown = (await house.records(5))[3:]
        report = await house.ask(f"/v1/calls/{answered['id']}/report")
        # A row can be read a moment before the gateway knows that it is written
        await poll(partial(_all_written, gateway, 5), limit=5, what="all five are counted")
    _check_answered(answered)
    assert report == answered
    assert (refused["to"], refused["rule"], refused["trunk"]) == ("+4420", "policy", None)
    assert (refused["end"]["cause"], refused["end"]["code"]) == ("not-allowed", 403)
    assert (busy["end"]["cause"], busy["end"]["code"], busy["cost"]) == ("busy", 486, None)
    assert (busy["end"]["by"], busy["rule"], busy["trunk"]) == ("remote", None, "odd")
    assert (forwarded["direction"], forwarded["fallback"]) == ("incoming", FALLBACK)
    assert (forwarded["fallbackTrunk"], forwarded["cost"]) == ("odd", 0.6)
    assert forwarded["legs"]["browser"]["packetsSent"] is None
    assert forwarded["legs"]["fallback"]["packetsSent"] is not None
    assert (forwarded["from"], forwarded["identity"]) == ("+15550001", "nobody")
    assert (unknown["to"], unknown["end"]["cause"]) == (UNKNOWN, "not-found")
    assert PASSWORD not in gateway.log()


async def _all_written(gateway: Gateway, count: int) -> bool:
    """Return whether so many records are written, and none waits or was lost."""
    metrics = await gateway.metrics()
    names = ("written_total", "queued", "lost_total")
    return [metrics[f"gateway_records_{name}"] for name in names] == [count, 0, 0]


async def _forward(house: House, gateway: Gateway) -> None:
    """Have a trunk call, answered by the fallback; one that is for nobody; and a stranger call."""
    house.trunk._dialed.clear()
    line = house.trunk.line(FALLBACK)
    async with (
        open_sound(440.0) as caller,
        open_sound(660.0) as fallback,
        trunk_call(gateway, NUMBER) as call,
    ):
        call.invite(describe(caller.port))
        await line.hear("INVITE")
        await line.answer(describe(fallback.port))
        await call.hear(200)
        call.request("BYE")
        await call.hear(200, method="BYE")
    async with trunk_call(gateway, UNKNOWN) as call:
        call.invite(describe(9))
        await call.hear(404)
    async with trunk_call(gateway, NUMBER, host="127.0.0.9") as stranger:
        stranger.invite(describe(9))


def _check_answered(row: dict[str, Any]) -> None:
    assert (row["direction"], row["state"], row["to"]) == ("outgoing", "ended", "+15550200")
    assert (row["trunk"], row["node"], row["address"]) == ("odd", "n", "127.0.0.1")
    assert row["codec"] == {"browser": "opus", "trunk": "PCMU", "fallback": None}
    assert row["end"] == {"by": "local", "cause": "hangup", "code": 200, "reason": "OK"}
    times = [row[f"{name}At"] for name in ("started", "ringing", "answered", "ended")]
    assert times == sorted(times)
    assert len(set(times)) == 4
    assert row["sipCallId"]
    assert row["durationMs"] > 1000
    assert row["cost"] == 0.6, "the first minute"
    for leg in (row["legs"]["browser"], row["legs"]["trunk"]):
        assert leg["mos"] > 3
        assert leg["loss"] == 0
        assert 30 < leg["packetsSent"] < 1000
        assert 30 < leg["packetsReceived"] < 1000
    trunk = row["legs"]["trunk"]
    assert trunk["octetsReceived"] == 160 * trunk["packetsReceived"]
    assert trunk["octetsSent"] == 160 * trunk["packetsSent"]


async def test_what_ran_when_the_gateway_was_killed_is_closed_at_the_next_start(
    house: House,
) -> None:
    before = len(house.postgres.query("SELECT id FROM call_records"))
    line = house.trunk.line("+15550210")
    spool = house.folder / "gateway.spool"
    async with (
        run_gateway(house.config, house.folder) as gateway,
        open_sound(440.0) as sound,
        calling(gateway, "+15550210") as call,
    ):
        await line.hear("INVITE")
        await line.answer(describe(sound.port))
        await call.hear("answered")
        await wait_until(
            lambda: b'"answered"' in spool.read_bytes(), limit=LIMIT, what="the call in the spool"
        )
        await gateway.kill()
    # The same ports, files and rows; and the server is away
    await asyncio.to_thread(house.postgres.stop)
    async with run_gateway(house.config, house.folder) as gateway:
        degraded = await house.degraded()
        assert degraded == ["1 records wait for their database: the log says why"]
        await talk(house, gateway, "+15550211")
        await asyncio.to_thread(house.postgres.start)
        rows = (await house.records(before + 2))[before:]
        assert (await house.ask("/readyz"))["degraded"] == []
    assert [row["to"] for row in rows] == ["+15550210", "+15550211"]
    interrupted = rows[0]
    assert interrupted["end"] == {
        "by": "gateway",
        "cause": "interrupted",
        "code": 500,
        "reason": "gateway stopped",
    }
    assert interrupted["answeredAt"] is not None
    assert interrupted["cost"] == 0.6
    assert interrupted["sipCallId"]
