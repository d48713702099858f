"""The operator's API: closed without a key, and what each request does with one."""

from __future__ import annotations

import json
from dataclasses import replace
from time import time
from typing import TYPE_CHECKING, Any

import httpx
import jwt
import pytest

from gateway.admission.grant import Visitor
from gateway.admission.keys import ApiKeys, new_key, read_keys
from gateway.admission.token import SharedSecrets, Tokens
from gateway.calls import news
from gateway.calls.record import CallRecord, Holder
from gateway.calls.request import CallRequest
from gateway.signaling.api import MAX_BODY

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.gateway.signaling.conftest import Gateway, StartGateway

SECRET = "s" * 32
SHOP = Visitor("192.0.2.7", "https://shop.example", "s1")
PATHS = [
    ("GET", "/v1/calls"),
    ("GET", "/v1/calls/abc"),
    ("DELETE", "/v1/calls/abc"),
    ("GET", "/v1/calls/abc/report"),
    ("GET", "/v1/records"),
    ("POST", "/v1/tokens"),
    ("GET", "/v1/trunks"),
    ("GET", "/v1/drain"),
    ("POST", "/v1/drain"),
    ("GET", "/v1/webhooks"),
    ("GET", "/v1/webhooks/dead"),
    ("POST", "/v1/webhooks/dead/retry"),
    ("DELETE", "/v1/webhooks/dead"),
    ("GET", "/v1/blocks"),
    ("POST", "/v1/blocks"),
    ("DELETE", "/v1/blocks?kind=number&value=1"),
    ("GET", "/v1/admission"),
    ("PUT", "/v1/admission"),
]


class Operator:
    """A gateway, and an operator's program that has a key."""

    def __init__(self, gateway: Gateway, http: httpx.AsyncClient) -> None:
        self.gateway = gateway
        self.http = http

    async def ask(self, method: str, path: str, **fields: Any) -> tuple[int, Any]:
        response = await self.http.request(method, path, **fields)
        return response.status_code, response.json()

    def run_call(self, name: str, to: str = "+15551234567", identity: str = "portal") -> CallRecord:
        request = CallRequest(
            to=to, offer="", caller="+15550001", visitor=SHOP, identity=identity, page_call="p1"
        )
        record = CallRecord(name, request, "lab", started=1_800_000_000.5)
        self.gateway.calls.running[name] = record
        return record


@pytest.fixture
def key_and_keys(tmp_path: Path) -> tuple[str, ApiKeys]:
    key, line = new_key()
    file = tmp_path / "keys"
    file.write_text(line)
    return key, read_keys(file)


@pytest.fixture
async def operator(
    start_gateway: StartGateway, key_and_keys: tuple[str, ApiKeys]
) -> AsyncIterator[Operator]:
    key, keys = key_and_keys
    secrets = SharedSecrets((SECRET,))
    gateway = await start_gateway(keys=keys, secrets=secrets, tokens=Tokens(secrets, time))
    async with httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{gateway.port}",
        headers={"Authorization": f"Bearer {key}"},
        trust_env=False,
    ) as http:
        yield Operator(gateway, http)


@pytest.mark.parametrize(("method", "path"), PATHS)
async def test_without_keys_it_is_closed(gateway: Gateway, method: str, path: str) -> None:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{gateway.port}") as http:
        response = await http.request(method, path, headers={"Authorization": "Bearer x"})
    assert response.status_code == 403
    assert "http.api_keys_file" in response.json()["message"]


@pytest.mark.parametrize(("method", "path"), PATHS)
@pytest.mark.parametrize("header", [None, "Bearer gwk_wrong", "Basic Og==", "Bearer", "gwk_wrong"])
async def test_a_wrong_key(operator: Operator, method: str, path: str, header: str | None) -> None:
    del operator.http.headers["Authorization"]
    given = {} if header is None else {"Authorization": header}
    response = await operator.http.request(method, path, headers=given)
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == "Bearer"
    assert response.json()["error"] == "bad-key"


async def test_the_calls_that_run(operator: Operator) -> None:
    assert await operator.ask("GET", "/v1/calls") == (200, {"calls": [], "next": None})
    record = operator.run_call("c1")
    record.learn(news.Answered("opus", "PCMU"), 1_800_000_010.0)
    record.sip_call_id = "abc@trunk"
    view = {
        "id": "c1",
        "direction": "outgoing",
        "state": "answered",
        "to": "+15551234567",
        "from": "+15550001",
        "trunk": "lab",
        "identity": "portal",
        "address": "192.0.2.7",
        "origin": "https://shop.example",
        "session": "s1",
        "call": "p1",
        "startedAt": "2027-01-15T08:00:00.500Z",
        "answeredAt": "2027-01-15T08:00:10.000Z",
        "codec": {"browser": "opus", "trunk": "PCMU", "fallback": None},
        "mos": {"browser": None, "trunk": None, "fallback": None},
        "sipCallId": "abc@trunk",
        "fallback": None,
        "fallbackTrunk": None,
        "redirectedTo": None,
        "redirectedTrunk": None,
        "holder": None,
    }
    assert await operator.ask("GET", "/v1/calls") == (200, {"calls": [view], "next": None})
    assert await operator.ask("GET", "/v1/calls/c1") == (200, view)
    record.holder = Holder(Visitor("192.0.2.8", None, "s2"), "support")
    _, view = await operator.ask("GET", "/v1/calls/c1")
    assert view["holder"] == {"identity": "support", "address": "192.0.2.8", "session": "s2"}


async def test_some_of_the_calls_that_run(operator: Operator) -> None:
    for number in range(3):
        operator.run_call(f"c{number}", identity="sales" if number else "portal")
    query: dict[str, Any] = {"identity": "sales", "to": "+1555*", "from": "+15550001", "limit": 1}
    _, page = await operator.ask("GET", "/v1/calls", params=query)
    assert [each["id"] for each in page["calls"]] == ["c1"]
    query["cursor"] = page["next"]
    _, page = await operator.ask("GET", "/v1/calls", params=query)
    assert ([each["id"] for each in page["calls"]], page["next"]) == (["c2"], None)


@pytest.mark.parametrize(
    ("query", "status"),
    [
        *(({"limit": "0"}, 422), ({"limit": "501"}, 422), ({"cause": "busy"}, 422)),
        *(({"since": "2026-01-01T00:00:00"}, 422), ({"cursor": "nonsense"}, 400)),
    ],
)
async def test_calls_that_cannot_be_looked_for(
    operator: Operator, query: dict[str, str], status: int
) -> None:
    assert (await operator.ask("GET", "/v1/calls", params=query))[0] == status


async def test_one_call_is_ended(operator: Operator) -> None:
    operator.run_call("c1")
    operator.run_call("c2")
    assert await operator.ask("DELETE", "/v1/calls/c1") == (200, {"ended": 1})
    assert operator.gateway.calls.stopped == [("c1", "The operator ended the call.")]
    for method in ("GET", "DELETE"):
        status, problem = await operator.ask(method, "/v1/calls/c1")
        assert (status, problem["error"]) == (404, "not-found")
    for path in ("not-an-id", "%00", "f" * 33, "not-an-id/report"):
        status, problem = await operator.ask("GET", f"/v1/calls/{path}")
        assert (status, problem) == (
            404,
            {"error": "not-found", "message": "no call has such an id"},
        )


async def test_the_trunks(operator: Operator) -> None:
    state = operator.gateway.calls.trunks["lab"]
    state.up, state.why, state.active, state.placed = False, "no answer to OPTIONS", 1, 3
    state.answers["503"] = 2
    view = {
        "name": "lab",
        "up": False,
        "why": "no answer to OPTIONS",
        "active": 1,
        "capacity": 10,
        "placed": 3,
        "answered": 0,
        "answers": {"503": 2},
    }
    assert await operator.ask("GET", "/v1/trunks") == (200, {"trunks": [view]})
    ready = (await operator.http.get("/readyz")).json()
    assert ready["reasons"] == ["no trunk can be reached: lab: no answer to OPTIONS"]


@pytest.mark.parametrize(
    ("method", "path"), [each for each in PATHS if each[1].startswith("/v1/webhooks")]
)
async def test_there_are_no_webhooks_unless_they_are_configured(
    operator: Operator, method: str, path: str
) -> None:
    status, problem = await operator.ask(method, path, json={} if method == "POST" else None)
    assert (status, problem["error"]) == (404, "not-found")
    assert "webhooks.url" in problem["message"]


async def test_a_drain_is_begun_and_seen(operator: Operator) -> None:
    """The part that drains is not here: the flag stands for it."""
    calls = operator.gateway.calls
    before = {"draining": False, "active": 0, "seconds": None}
    assert await operator.ask("GET", "/v1/drain") == (200, before)
    assert await operator.ask("POST", "/v1/drain") == (202, {**before, "draining": True})
    await calls.drain()
    operator.gateway.room.draining.begin(60)
    after = {"draining": True, "active": 0, "seconds": 60}
    assert await operator.ask("GET", "/v1/drain") == (200, after)


async def test_a_token_is_made(operator: Operator) -> None:
    wanted = {"sub": "visitor-7", "to": ["+1555*"], "maxDuration": 60, "once": True, "expires": 30}
    status, made = await operator.ask("POST", "/v1/tokens", json=wanted)
    assert status == 201
    claims = jwt.decode(made["token"], SECRET, ["HS256"])
    assert claims["sub"] == "visitor-7"
    assert claims["call"]["to"] == ["+1555*"]
    assert claims["call"]["once"] is True
    assert 28 <= claims["exp"] - time() <= 31
    assert made["expires"] == claims["exp"]
    async with operator.gateway.raw() as client:
        await client.send(type="hello", token=made["token"])
        welcome = await client.receive()
    assert (welcome["identity"], welcome["expires"]) == ("visitor-7", claims["exp"])


@pytest.mark.parametrize(
    "wanted",
    [
        {},
        {"sub": ""},
        {"sub": "a", "expires": 0},
        {"sub": "a", "to": "+1555"},
        {"sub": "a", "to": ["+1555*"], "x": 1},
        {"sub": "a", "to": ["+1555*"], "expires": 86_401},
    ],
)
async def test_a_token_that_cannot_be_made(operator: Operator, wanted: dict[str, Any]) -> None:
    assert (await operator.ask("POST", "/v1/tokens", json=wanted))[0] == 422


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({}, "body: neither a number in `to` nor `incoming`: such a token lets nobody call"),
        ({"to": ["600", "foo bar*"]}, "body to 1: how a number or a SIP user begins is needed"),
        ({"to": ["foo bar"]}, "body to 0: it is 'foo bar': a number (E.164 such as"),
        (
            {"to": ["600"], "origins": ["https://shop.example/"]},
            "body origins 0: an origin is a scheme and a host",
        ),
    ],
)
async def test_a_token_that_nobody_could_use_is_not_made(
    operator: Operator, wanted: dict[str, Any], message: str
) -> None:
    status, said = await operator.ask("POST", "/v1/tokens", json={"sub": "a", **wanted})
    assert status == 422
    assert said["message"].startswith(message)


async def test_a_token_says_where_it_is_good(operator: Operator) -> None:
    for given, written in (
        ({}, None),
        ({"origins": []}, []),
        ({"origins": ["https://Shop.example:443"]}, ["https://shop.example"]),
    ):
        wanted = {"sub": "a", "to": ["+1 555*"], **given}
        status, made = await operator.ask("POST", "/v1/tokens", json=wanted)
        assert status == 201
        call = jwt.decode(made["token"], SECRET, ["HS256"])["call"]
        assert (call["to"], call.get("origins")) == (["+1555*"], written)


async def test_without_a_secret_no_token(
    start_gateway: StartGateway, key_and_keys: tuple[str, ApiKeys]
) -> None:
    key, keys = key_and_keys
    gateway = await start_gateway(keys=keys)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{gateway.port}") as http:
        response = await http.post(
            "/v1/tokens",
            json={"sub": "a", "to": ["600"]},
            headers={"Authorization": f"Bearer {key}"},
        )
    assert response.status_code == 400
    assert "token_secret_file" in response.json()["message"]


async def test_a_block_holds_at_once_and_ends_what_it_hits(operator: Operator) -> None:
    operator.run_call("c1", "+15551234567")
    operator.run_call("c2", "+442079460000")
    block = {"kind": "number", "value": "+1 555*", "why": "fraud"}
    status, added = await operator.ask("POST", "/v1/blocks", json=block)
    assert (status, added["ended"], added["saved"]) == (201, 1, True)
    assert added["block"]["value"] == "+1555*"
    assert [call for call, _ in operator.gateway.calls.stopped] == ["c1"]
    _, listed = await operator.ask("GET", "/v1/blocks")
    assert listed["blocks"] == [added["block"]]
    where = "/v1/blocks?kind=number&value=%2B1555*"
    assert await operator.ask("DELETE", where) == (200, {"blocks": []})
    assert (await operator.ask("DELETE", where))[0] == 404


@pytest.mark.parametrize("where", ["redirected_to", "fallback"])
async def test_a_block_ends_what_has_gone_on_to_its_number(operator: Operator, where: str) -> None:
    operator.run_call("c1", "+442079460000")
    setattr(operator.gateway.calls.running["c1"], where, "+15551234567")
    block = {"kind": "number", "value": "+1555*", "why": "fraud"}
    status, added = await operator.ask("POST", "/v1/blocks", json=block)
    assert (status, added["ended"]) == (201, 1)


@pytest.mark.parametrize(
    ("kind", "value", "ended"),
    [
        ("identity", "sales", 1),
        ("address", "192.0.2.77", 1),
        ("identity", "portal", 1),  # who began it answers for it, too
        ("identity", "support", 0),
    ],
)
async def test_a_block_ends_the_call_of_a_page_that_has_taken_it_over(
    operator: Operator, kind: str, value: str, ended: int
) -> None:
    record = operator.run_call("c1")
    record.holder = Holder(replace(SHOP, address="192.0.2.77"), "sales")
    block = {"kind": kind, "value": value, "why": "fraud"}
    status, added = await operator.ask("POST", "/v1/blocks", json=block)
    assert (status, added["ended"]) == (201, ended)


async def test_what_the_operator_did_is_written_with_the_key_that_did_it(
    operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    noted: list[Any] = []
    monkeypatch.setattr(operator.gateway.room.gate, "note", lambda *a, **k: noted.append((a, k)))
    await operator.ask("PUT", "/v1/admission", json={"open": False, "why": "fraud"})
    ((event,), fields) = noted[0]
    assert event == "stopped"
    assert fields["by"].startswith("key ")
    assert len(fields["by"]) == 12


async def test_a_block_may_leave_running_calls_alone(operator: Operator) -> None:
    operator.run_call("c1")
    block = {"kind": "identity", "value": "portal", "endCalls": False, "seconds": 60}
    status, added = await operator.ask("POST", "/v1/blocks", json=block)
    assert (status, added["ended"]) == (201, 0)
    assert added["block"]["until"] > added["block"]["at"]


@pytest.mark.parametrize(
    ("block", "status"),
    [
        ({"kind": "address", "value": "nowhere"}, 400),
        ({"kind": "colour", "value": "red"}, 422),
        ({"kind": "number", "value": ""}, 422),
        ({"kind": "number", "value": "1", "seconds": -1}, 422),
    ],
)
async def test_what_is_no_block(operator: Operator, block: dict[str, Any], status: int) -> None:
    assert (await operator.ask("POST", "/v1/blocks", json=block))[0] == status


async def test_the_kill_switch(operator: Operator) -> None:
    status, view = await operator.ask("GET", "/v1/admission")
    assert (status, view["open"], view["why"]) == (200, True, None)
    off = {"open": False, "why": "toll fraud"}
    assert (await operator.ask("PUT", "/v1/admission", json=off))[1]["why"] == "toll fraud"
    ready = (await operator.http.get("/readyz")).json()
    assert ready["reasons"] == ["new calls are stopped: toll fraud"]
    _, view = await operator.ask("PUT", "/v1/admission", json={"open": True})
    assert (view["open"], view["why"]) == (True, None)
    assert (await operator.http.get("/readyz")).status_code == 200


async def test_a_body_that_is_too_big(operator: Operator) -> None:
    big = "a" * (MAX_BODY + 1)
    status, problem = await operator.ask("POST", "/v1/tokens", content=big)
    assert (status, problem["error"]) == (413, "too-big")


async def test_a_body_that_does_not_say_how_big_it_is(operator: Operator) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b"a" * 5000

    status, problem = await operator.ask("POST", "/v1/tokens", content=chunks())
    assert (status, problem["error"]) == (413, "too-big")


async def test_a_body_that_is_no_json(operator: Operator) -> None:
    for content in (b"", b"{", b"\xff", json.dumps([1]).encode()):
        status, problem = await operator.ask("POST", "/v1/tokens", content=content)
        assert (status, problem["error"]) == (422, "bad-request")


async def test_a_value_that_breaks_a_rule_is_named(operator: Operator) -> None:
    """In the shape of each refusal, so that a program which reads one reads them all."""
    status, problem = await operator.ask("POST", "/v1/tokens", json={"sub": "a", "expires": 0})
    assert status == 422
    told = "Input should be greater than or equal to 1"
    assert problem == {
        "error": "bad-request",
        "message": f"body expires: {told}",
        "detail": [{"loc": ["body", "expires"], "msg": told, "type": "greater_than_equal"}],
    }
    _, problem = await operator.ask("POST", "/v1/tokens", json={"expires": 0})
    assert problem["message"].endswith("; and 1 more in `detail`")
    assert len(problem["detail"]) == 2
    status, problem = await operator.ask("GET", "/v1/records?limit=x")
    assert (status, problem["error"]) == (422, "bad-request")


async def test_no_secret_is_echoed(operator: Operator) -> None:
    key = operator.http.headers["Authorization"].removeprefix("Bearer ")
    for fields in ({"sub": key, "expires": 0}, {"sub": "a", key: 1}):
        status, problem = await operator.ask("POST", "/v1/tokens", json={**fields, "x": key})
        assert status == 422
        assert all(set(each) == {"loc", "msg", "type"} for each in problem["detail"])
