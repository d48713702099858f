"""Call tokens that nobody of ours has signed, and good ones in the wrong hands."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import jwt
import pytest
import pytest_asyncio
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.admission.token import LEEWAY
from tests.gateway.admission.forging import by_hand
from tests.sdp.descriptions import BROWSER_OFFER
from tests.security.attack import Got, Refusal, attack
from tests.security.conftest import faults
from tests.security.forgeries import BAD_TOKENS, UNSIGNED, bad, claims
from tests.security.house import ORIGIN, House, open_house

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from tests.end_to_end.page import Page
    from tests.security.exchange import Exchange

TITLE = "Call tokens"
NUMBER = "+12025550123"
OTHER_NUMBER = "+12025550124"
NEW_SECRET = "another horse, another battery, and all of it in one line"

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("unharmed")]


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        pytest.param(make, reason, marks=attack(name, refusal, "closed with 1008"), id=name)
        for name, make, refusal, reason in BAD_TOKENS
    ],
)
async def test_a_bad_token(
    house: House, got: Got, make: Callable[[], str | None], reason: str
) -> None:
    token, told, address = make(), len(await house.audit()), house.address()
    before = await house.counted("gateway_tokens_refused_total", reason=reason)
    hello = json.dumps({"type": "hello", "token": token})
    turned = await house.turn_away(hello, address=address)
    got.check(turned.error)
    assert turned.error["fatal"]
    assert (turned.code, turned.reason) == (1008, "bad-token")
    (line,) = await house.audit(told)
    assert (line["event"], line["reason"], line["error"]) == (
        "session-refused",
        reason,
        "bad-token",
    )
    assert (line["address"], line["origin"]) == (address, ORIGIN)
    assert await house.counted("gateway_tokens_refused_total", reason=reason) == before + 1
    if token and len(token) > 20:
        assert token[:20] not in house.gateway.log()


# ---- published keys


class Jwks:
    """A site's published key, served on loopback, and its private half."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        public = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(self.key.public_key()))
        self.body = json.dumps({"keys": [{**public, "kid": "one", "use": "sig", "alg": "ES256"}]})
        self.pem = self.key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(self.body)}\r\nConnection: close\r\n\r\n"
        writer.write((head + self.body).encode())
        writer.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def jwks() -> AsyncIterator[tuple[Jwks, str]]:
    keys = Jwks()
    server = await asyncio.start_server(keys.answer, "127.0.0.1", 0)
    try:
        yield keys, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/jwks.json"
    finally:
        server.close()


@attack(
    "HS256 with the published key as its secret (RS/HS confusion)",
    bad("the token is signed by 'HS256': RS256 or ES256 is needed"),
    "signed by the private key, the same claims are welcome",
)
async def test_a_public_key_is_no_secret(
    exchange: Exchange, tmp_path: Path, got: Got, jwks: tuple[Jwks, str]
) -> None:
    keys, url = jwks
    admission = {"token_secret_file": None, "jwks_url": url}
    async with open_house(exchange, tmp_path, overrides={"admission": admission}) as house:
        for secret in (keys.pem.decode(), keys.pem.decode().strip(), keys.body):
            token = by_hand({"alg": "HS256", "kid": "one"}, claims(), secret)
            turned = await house.turn_away(json.dumps({"type": "hello", "token": token}))
            got.check(turned.error)
        stranger = jwt.encode(claims(), ec.generate_private_key(ec.SECP256R1()), "ES256")
        turned = await house.turn_away(json.dumps({"type": "hello", "token": stranger}))
        UNSIGNED.check(turned.error)
        good = jwt.encode(claims(), keys.key, "ES256", headers={"kid": "one"})
        async with house.page(good):
            pass
        assert faults(house) == []


# ---- good tokens in the wrong hands


@attack(
    "a token of another site's pages",
    Refusal(403, "not-allowed", "the token is for pages of another origin"),
    "closed with 1008",
)
async def test_a_token_for_another_origin(house: House, got: Got) -> None:
    told = len(await house.audit())
    token = house.token(origins=("https://other.example",))
    turned = await house.turn_away(json.dumps({"type": "hello", "token": token}))
    got.check(turned.error)
    assert turned.code == 1008
    assert (await house.audit(told))[0]["rule"] == "token-origin"


@attack(
    "a call before the token",
    Refusal(400, "bad-request", "the first frame must be hello"),
    "closed with 1008",
)
async def test_a_call_before_the_token(house: House, got: Got) -> None:
    offer = {"type": "offer", "sdp": BROWSER_OFFER}
    message = {"type": "call", "call": "1", "to": NUMBER, "offer": offer}
    turned = await house.turn_away(json.dumps(message))
    got.check(turned.error)
    assert turned.code == 1008


NOT_GRANTED = f"{OTHER_NUMBER} may not be called: the token does not grant it"
SPELLINGS = [
    OTHER_NUMBER,
    "+1 (202) 555-0124",
    "\uff0b12025550124",
    "tel:+1-202-555-0124",
    "\u202d+12025550124\u202c",
]


@attack(
    "a token for another number, in five spellings of the one that is wanted",
    Refusal(403, "not-allowed", NOT_GRANTED),
    "audit `call-refused`, rule `token`",
)
async def test_a_token_for_another_number(house: House, got: Got) -> None:
    told = len(await house.audit())
    async with house.page(house.token(NUMBER)) as page:
        for spelling in SPELLINGS:
            got.check(await page.call(spelling, BROWSER_OFFER))
    refused = [each for each in await house.audit(told) if each["event"] == "call-refused"]
    assert [(each["rule"], each["to"]) for each in refused] == [("token", OTHER_NUMBER)] * 5


async def _try_both(house: House, token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Call by the same token on two sockets at the same moment; return the first messages."""
    async with house.page(token) as one, house.page(token) as two:
        said = await asyncio.gather(*(each.call(NUMBER, BROWSER_OFFER) for each in (one, two)))
        for page, first in zip((one, two), said, strict=True):
            if first["type"] == "trying":
                await page.until("ended")
        return said[0], said[1]


@attack(
    "a once-token used twice at the same moment, on two sockets, ten times over",
    bad("the token was good for one call, which was asked for"),
    "one call of the two goes out",
)
async def test_a_once_token_on_two_sockets(house: House, got: Got) -> None:
    for _ in range(10):
        house.sent_out += 1
        first, second = await _try_both(house, house.token(once=True))
        assert {first["type"], second["type"]} == {"trying", "error"}
        got.check(first if first["type"] == "error" else second)


@attack(
    "a once-token replayed after a restart of the gateway",
    bad("the token was good for one call, which was asked for"),
    "audit `call-refused`, reason `used`",
)
async def test_a_once_token_after_a_restart(exchange: Exchange, tmp_path: Path, got: Got) -> None:
    before = len(exchange.invites)
    async with open_house(exchange, tmp_path) as house:
        token = house.token(once=True)
        async with house.page(token) as page:
            await page.call(NUMBER, BROWSER_OFFER)
            await page.until("ended")
    async with open_house(exchange, tmp_path) as house:
        told = len(await house.audit())
        async with house.page(token) as page:
            got.check(await page.call(NUMBER, BROWSER_OFFER))
        assert (await house.audit(told))[-1]["reason"] == "used"
    assert len(exchange.invites) == before + 1
    exchange.invites.pop()


@attack(
    "somebody else's token in a renewing `hello`",
    bad("the new token is for another `sub`"),
    "the session stays what it was",
)
async def test_a_token_of_another_identity(house: House, got: Got) -> None:
    told = len(await house.audit())
    async with house.page(house.token(NUMBER, sub="mallory")) as page:
        await page.send(type="hello", token=house.token(OTHER_NUMBER, sub="alice"))
        error = await page.receive()
        got.check(error)
        assert not error["fatal"]
        refusal = await page.call(OTHER_NUMBER, BROWSER_OFFER)
        Refusal(403, "not-allowed", NOT_GRANTED).check(refusal)
    events = [(each["event"], each.get("reason")) for each in await house.audit(told)]
    assert ("token-refused", "identity") in events


async def _refused(page: Page, to: str) -> dict[str, Any]:
    """Call, and return why not; that the token will expire is told in between."""
    await page.send(type="call", call="1", to=to, offer={"type": "offer", "sdp": BROWSER_OFFER})
    return await page.until("error")


async def _until_expired(page: Page) -> dict[str, Any]:
    """Call what is not granted until the sentence is another one; nothing goes out meanwhile."""
    async with asyncio.timeout(5):
        while True:
            said = await _refused(page, OTHER_NUMBER)
            if said["name"] != "not-allowed":
                return said
            await asyncio.sleep(0.1)


@attack(
    "a socket that outlives its token",
    bad("the token has expired: a new one is needed"),
    "nothing goes out any more, also to numbers that the token granted",
)
async def test_a_token_that_expires_on_an_open_socket(house: House, got: Got) -> None:
    async with house.page(house.token(NUMBER, expires=2 - LEEWAY)) as page:
        got.check(await _until_expired(page))
        got.check(await _refused(page, NUMBER))


@attack(
    "a session that goes on after the secret of its token was taken out (SIGHUP)",
    bad("the key of the token counts no more: a new token is needed"),
    "audit `call-refused`, reason `revoked`; a token by the new secret lets it call again",
)
async def test_a_token_whose_secret_is_no_more(
    exchange: Exchange, tmp_path: Path, got: Got
) -> None:
    before = len(exchange.invites)
    async with open_house(exchange, tmp_path) as house:
        async with house.page(house.token(sub="mallory")) as page:
            (tmp_path / "secrets").write_text(NEW_SECRET + "\n")
            await house.read_again()
            told = len(await house.audit())
            got.check(await page.call(NUMBER, BROWSER_OFFER))
            (line,) = await house.audit(told)
            assert (line["event"], line["reason"]) == ("call-refused", "revoked")
            assert len(exchange.invites) == before
            renewing = house.token(sub="mallory", secret=NEW_SECRET)
            await page.send(type="hello", token=renewing)
            assert (await page.receive())["type"] == "welcome"
            assert (await page.call(NUMBER, BROWSER_OFFER))["type"] == "trying"
            await page.until("ended")
        assert faults(house) == []
    assert len(exchange.invites) == before + 1
    exchange.invites.pop()


@attack(
    "one token for three calls at once, on three sockets, where it grants one",
    Refusal(
        480,
        "limit-reached",
        "this token has 1 calls at once: at most 1 are allowed",
    ),
    "the first call goes on; metric `gateway_limits_reached_total`",
)
async def test_more_calls_than_the_token_grants(house: House, got: Got) -> None:
    token, line = house.token(max_calls=1), house.exchange.line()
    house.sent_out += 1
    async with house.page(token) as one, house.page(token) as two, house.page(token) as three:
        assert (await one.call(line.number, BROWSER_OFFER))["type"] == "trying"
        for page in (two, three):
            got.check(await page.call(NUMBER, BROWSER_OFFER))
        await line.hear("INVITE")
        line.respond(486)
        await one.until("ended")
    limit = "calls-at-once-per-token"
    assert await house.counted("gateway_limits_reached_total", limit=limit) == 2


@attack(
    "`from` spoofed against the token's",
    "the trunk is shown the token's `from`, whatever the page says",
)
async def test_a_spoofed_caller(house: House) -> None:
    line, told = house.exchange.line(), len(await house.audit())
    house.sent_out += 1
    async with house.page(house.token(from_="+12025550199")) as page:
        await page.call(line.number, BROWSER_OFFER, **{"from": "+19115550000"})
        invite = await line.hear("INVITE")
        line.respond(486)
        await page.until("ended")
    assert "sip:+12025550199@" in (invite.header("from") or "")
    assert "9115550000" not in str(invite)
    assert {each["from"] for each in await house.audit(told) if "from" in each} == {"+12025550199"}
