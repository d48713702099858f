"""Line ends, and what else could become a header, a line of a log or somebody else's address."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.sdp.descriptions import BROWSER_OFFER
from tests.security.attack import Got, Refusal, attack
from tests.security.house import ORIGIN, PROXY, SECRET
from tests.security.raw import ask, handshake

if TYPE_CHECKING:
    from tests.security.house import House

TITLE = "Injection and forged headers"
NUMBER = "+12025550123"
EVIL = "\r\nX-Evil: 1"

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("unharmed")]

CONTROL = "control characters, line ends and angle brackets are not allowed"
BAD_NAME = "a name is X- and 1 to 62 letters, digits and hyphens"
FIELDS: list[tuple[str, dict[str, Any], Refusal]] = [
    (
        "CR LF in `to`",
        {"to": NUMBER + EVIL},
        Refusal(484, "bad-target", "`to` is …"),
    ),
    ("LF in `to`", {"to": NUMBER + "\nX-Evil: 1"}, Refusal(484, "bad-target", "`to` is …")),
    (
        "a URI and its parameters in `to`",
        {"to": "sip:12025550123@127.0.0.1;maddr=127.0.0.1"},
        Refusal(484, "bad-target", "…a URI or a host is not accepted, the trunk decides where…"),
    ),
    (
        "`%0d%0a` in a `tel:` link",
        {"to": "tel:+12025550123%0d%0aX-Evil:%201"},
        Refusal(484, "bad-target", "`to` is …: there is no number in it"),
    ),
    (
        "CR LF in `from`",
        {"from": "+12025550199" + EVIL},
        Refusal(400, "bad-request", "`from` is …"),
    ),
    (
        "CR LF in `displayName`",
        {"displayName": "Ana" + EVIL},
        Refusal(400, "bad-request", f"`displayName` has '\\r' at position 3: {CONTROL}"),
    ),
    (
        "a URI of another caller in `displayName`",
        {"displayName": '"Bank" <sip:bank@example.org>'},
        Refusal(400, "bad-request", f"`displayName` has '<' at position 7: {CONTROL}"),
    ),
    (
        "CR LF in the value of a header",
        {"headers": {"X-Account": "1" + EVIL}},
        Refusal(400, "bad-request", f"`headers.X-Account` has '\\r' at position 1: {CONTROL}"),
    ),
    (
        "U+2028, a line end of Unicode's, in the value of a header",
        {"headers": {"X-Account": "1\u2028X-Evil: 1"}},
        Refusal(400, "bad-request", f"`headers.X-Account` has … at position 1: {CONTROL}"),
    ),
    (
        "CR LF in the name of a header",
        {"headers": {"X-A: 1\r\nX-Evil": "1"}},
        Refusal(400, "bad-request", f"header …: {BAD_NAME}"),
    ),
    (
        "headers of SIP's own (`Route`, `Contact`, `P-Asserted-Identity`)",
        {"headers": {"P-Asserted-Identity": "<sip:bank@example.org>"}},
        Refusal(400, "bad-request", f"header 'P-Asserted-Identity': {BAD_NAME}"),
    ),
    (
        "a header too big for a datagram",
        {"headers": {"X-A": "a" * 5000}},
        Refusal(400, "bad-request", "`headers` has 5003 bytes: at most 1024 are allowed"),
    ),
    (
        "CR LF in the call's id",
        {"call": "1" + EVIL},
        Refusal(400, "bad-message", "`call` message, field `call`: String should match…"),
    ),
]


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param(fields, marks=attack(name, sentence), id=name)
        for name, fields, sentence in FIELDS
    ],
)
async def test_a_field_of_a_call(house: House, got: Got, fields: dict[str, Any]) -> None:
    offer = {"type": "offer", "sdp": BROWSER_OFFER}
    async with house.page() as page:
        await page.send(**{"type": "call", "call": "1", "to": NUMBER, "offer": offer, **fields})
        said = await page.receive()
    got.check(said)
    assert said["fatal"]


@attack(
    "CR LF in digits",
    Refusal(400, "bad-message", "`dtmf` message, field `digits`: String should match…"),
)
async def test_digits(house: House, got: Got) -> None:
    async with house.page() as page:
        await page.send(type="dtmf", call="1", digits="1" + EVIL)
        got.check(await page.receive())


@attack(
    "lines for the trunk in the browser's description (`c=`, `a=crypto`, an attribute)",
    "the INVITE has a description of the gateway's own, and none of these lines",
)
async def test_a_description_for_the_trunk(house: House) -> None:
    line = house.exchange.line()
    house.sent_out += 1
    offer = BROWSER_OFFER.replace("a=mid:", "a=x-evil:1\r\na=crypto:1 X inline:AAAA\r\na=mid:", 1)
    offer = offer.replace("s=-", "s=evil", 1).replace("0.0.0.0", "192.0.2.66")
    async with house.page() as page:
        await page.call(line.number, offer)
        invite = await line.hear("INVITE")
        line.respond(486)
        await page.until("ended")
    for word in ("evil", "crypto", "192.0.2.66"):
        assert word in offer
        assert word not in invite.body


# ---- HTTP


def denied(rule: str) -> Refusal:
    return Refusal(403, "not-allowed", rule)


ORIGINS = [
    ("the page of a stranger", "https://evil.example"),
    ("an origin that begins as ours", ORIGIN + ".evil.example"),
    ("an origin that ends as ours", "https://evil-shop.example"),
    ("our name by http:", "http://shop.example"),
    ("our origin with a user", "https://shop.example@evil.example"),
    ("a sandboxed frame", "null"),
    ("a name of a stranger's that resolves to us (DNS rebinding)", "http://gateway.example"),
    ("two origins in one header", f"{ORIGIN} https://evil.example"),
    ("octets that are no ASCII", "https://shop.example\xe9"),
]


@pytest.mark.parametrize(
    "origin",
    [
        pytest.param(
            origin,
            id=name,
            marks=attack(
                f"a WebSocket by {name}",
                denied("Pages of this origin may not connect to the gateway."),
                "audit `session-refused`, rule `origin`",
            ),
        )
        for name, origin in ORIGINS
    ],
)
async def test_an_origin(house: House, got: Got, origin: str) -> None:
    told = len(await house.audit())
    before = await house.counted("gateway_websockets_refused_total", reason="origin")
    status, text = await ask(house, handshake(origin=origin), address=house.address())
    assert status == 403
    got.check(json.loads(text.partition("\r\n\r\n")[2]))
    (line,) = await house.audit(told)
    assert (line["event"], line["rule"]) == ("session-refused", "origin")
    assert await house.counted("gateway_websockets_refused_total", reason="origin") == before + 1


@attack(
    "no Origin at all",
    denied("The Origin header is missing."),
)
async def test_no_origin(house: House, got: Got) -> None:
    request = handshake().replace(f"Origin: {ORIGIN}\r\n".encode(), b"")
    status, text = await ask(house, request)
    assert status == 403
    got.check(json.loads(text.partition("\r\n\r\n")[2]))


@attack(
    "a second Origin after a good one",
    "400: invalid Origin header: multiple values",
)
async def test_two_origins(house: House) -> None:
    status, text = await ask(house, handshake("Origin: https://evil.example"))
    assert status == 400
    assert "multiple values" in text


SPOOFED = [
    "203.0.113.7",
    "127.0.0.1",
    "::1",
    "203.0.113.7\r\nX-Evil: 1",
    "\xff<script>",
    "1" * 3000,
]


@attack(
    "X-Forwarded-For from somebody who is no proxy, in six kinds",
    "the audit log and the limits go by the address that the connection came from",
)
@pytest.mark.parametrize("claimed", SPOOFED, ids=ascii)
async def test_forwarded_for_of_a_stranger(house: House, claimed: str) -> None:
    told, address = len(await house.audit()), house.address()
    request = handshake(f"X-Forwarded-For: {claimed}", origin="https://evil.example")
    status, _ = await ask(house, request, address=address)
    assert status == 403
    assert [each["address"] for each in await house.audit(told)] == [address]


@attack(
    "X-Forwarded-For that a client has begun and our proxy has gone on with",
    "the address that the proxy has added counts",
)
async def test_forwarded_for_by_a_proxy(house: House) -> None:
    told = len(await house.audit())
    header = "X-Forwarded-For: 10.0.0.1, 127.0.0.1, 203.0.113.7"
    status, _ = await ask(house, handshake(header, origin="null"), address=PROXY)
    assert status == 403
    assert [each["address"] for each in await house.audit(told)] == ["203.0.113.7"]


@attack(
    "control characters of terminals and of Unicode in what the log repeats",
    "one line each, escaped; the audit log is JSON in ASCII",
)
async def test_lines_of_the_log(house: House) -> None:
    told, logged = len(await house.audit()), len(house.gateway.log())
    header = "X-Forwarded-For: 203.0.113.7\x85\x9b31mERROR all is lost"
    status, _ = await ask(house, handshake(header, origin="https://evil\x85\x9b"), address=PROXY)
    assert status in (400, 403)
    lines = house.gateway.log()[logged:].splitlines()
    assert len(lines) == 1, lines
    assert lines[0].isprintable()
    assert {each["event"] for each in await house.audit(told)} <= {"session-refused"}
    assert (house.folder / "audit.jsonl").read_bytes().isascii()


@attack(
    "40 refused WebSockets in a row from one address",
    "a line in the log and one in the audit log, another one a minute later; each is counted",
)
async def test_many_lines_of_the_log(house: House) -> None:
    told, address = len(await house.audit()), house.address()
    before = await house.counted("gateway_websockets_refused_total", reason="origin")
    logged = len(house.gateway.log())
    for number in range(40):
        request = handshake(origin=f"https://evil{number}.example")
        status, _ = await ask(house, request, address=address)
        assert status == 403
    (line,) = house.gateway.log()[logged:].splitlines()
    assert address in line
    (written,) = await house.audit(told)
    assert (written["event"], written["address"]) == ("session-refused", address)
    assert await house.counted("gateway_websockets_refused_total", reason="origin") == before + 40


@attack(
    "secrets in what is refused: a token, an API key, a password in the description",
    "none of them is in the log or in the audit log",
)
async def test_secrets(house: House) -> None:
    token = house.token(origins=("https://other.example",))
    await house.turn_away(json.dumps({"type": "hello", "token": token}))
    await ask(
        house, f"GET /v1/calls HTTP/1.1\r\nAuthorization: Bearer {house.key}x\r\n\r\n".encode()
    )
    async with house.page() as page:
        await page.call("+19005550123", BROWSER_OFFER)
    await house.audit()
    written = house.gateway.log() + (house.folder / "audit.jsonl").read_text()
    for secret in (token, token.split(".")[2], house.key, SECRET, "ice-pwd", "fingerprint"):
        assert secret not in written
