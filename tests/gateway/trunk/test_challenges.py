"""Which digest challenges are answered: of several for one realm the strongest (RFC 8760)."""

from __future__ import annotations

import re

import pytest

from gateway.check.digest import Challenge, answer
from gateway.trunk import Answered, Origin, RegistrationState, Secret, Trunk
from gateway.trunk.message import Message
from tests.gateway.trunk.conftest import OFFER, Phone
from tests.gateway.trunk.wire import Wire, open_wire
from tests.peers.asterisk import AsteriskLab
from tests.waiting import until

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("own_engine")]

MD5 = 'Digest realm="a", nonce="md5", algorithm=MD5, qop="auth"'
NAMELESS = 'Digest realm="a", nonce="nameless"'
SHA = 'Digest realm="a", nonce="sha", algorithm=SHA-256, qop="auth"'
SHA512 = 'Digest realm="A", nonce="sha512", algorithm=SHA-512-256, qop="auth,auth-int"'
OTHER = 'Digest realm="b", nonce="other", algorithm=MD5, qop="auth"'
INTEGRITY = 'Digest realm="a", nonce="int", algorithm=SHA-512-256, qop="auth-int"'
SESSION = 'Digest realm="a", nonce="sess", algorithm=SHA-256-sess, qop="auth"'
BASIC = 'Basic realm="a"'


def account(wire: Wire) -> Trunk:
    return Trunk("test", wire.uri, username="ana", password=Secret("pass"), caller_id="+15550001")


def answers(message: Message) -> dict[str, dict[str, str]]:
    """Return the fields of each answer to a challenge, by its nonce."""
    found = {}
    for name in ("authorization", "proxy-authorization"):
        for value in message.all(name):
            fields = {
                key: text.strip('"') for key, text in re.findall(r'(\w+)=("[^"]*"|[^,]*)', value)
            }
            found[fields["nonce"]] = fields | {"header": name}
    return found


@pytest.mark.parametrize("code", [401, 407])
@pytest.mark.parametrize(
    ("challenges", "nonces"),
    [
        ((SHA, MD5), {"sha"}),
        ((MD5, SHA), {"sha"}),
        ((SHA512, SHA, MD5), {"sha512"}),
        ((MD5, SHA, SHA512), {"sha512"}),
        ((SHA, SHA512, MD5), {"sha512"}),
        ((NAMELESS, SHA), {"sha"}),
        ((NAMELESS,), {"nameless"}),
        ((MD5, OTHER, SHA), {"sha", "other"}),
        ((OTHER, SHA, BASIC, MD5), {"sha", "other"}),
        ((INTEGRITY, SHA, MD5), {"sha"}),
        ((SESSION, MD5), {"md5"}),
        ((BASIC, MD5), {"md5"}),
    ],
)
async def test_the_strongest_is_answered(
    phone: Phone, code: int, challenges: tuple[str, ...], nonces: set[str]
) -> None:
    name = "WWW-Authenticate" if code == 401 else "Proxy-Authenticate"
    async with open_wire() as wire:
        leg, ear = await phone.dial(account(wire))
        first = await wire.hear("INVITE")
        wire.answer(first, code, "Who?", *(f"{name}: {each}" for each in challenges))
        second = await wire.find(
            lambda each: each.method == "INVITE" and each.cseq[0] > first.cseq[0]
        )
        wire.answer(second, 200, "OK", sdp=OFFER)
        await ear.hear(Answered)
        hanging_up = leg.hangup()
        await hanging_up
        bye = await wire.hear("BYE")
        wire.answer(bye, 200, "OK")
        await ear.end()
    given = answers(second)
    assert given.keys() == nonces
    for fields in given.values():
        challenge = Challenge(
            *(fields["header"], fields["realm"], fields["nonce"]),
            algorithm=fields.get("algorithm") or "MD5",
            qop=fields.get("qop", ""),
        )
        request = ("INVITE", fields["uri"])
        _, ours = answer(challenge, "ana", "pass", request, fields.get("cnonce", ""))
        assert f'response="{fields["response"]}"' in ours
    assert answers(bye).keys() <= nonces, "what follows in the dialog is no weaker"


@pytest.mark.parametrize("challenges", [(INTEGRITY,), (SESSION,), (BASIC,), (INTEGRITY, SESSION)])
async def test_what_cannot_be_answered_ends_the_call(
    phone: Phone, challenges: tuple[str, ...]
) -> None:
    async with open_wire() as wire:
        _, ear = await phone.dial(account(wire))
        first = await wire.hear("INVITE")
        wire.answer(first, 401, "Who?", *(f"WWW-Authenticate: {each}" for each in challenges))
        end = await ear.end()
        assert [each.method for each in wire.heard].count("INVITE") == 1
    assert (end.by, end.code, end.cause) == (Origin.REMOTE, 401, "unauthorized")


async def test_a_wrong_password_is_tried_once(phone: Phone) -> None:
    async with open_wire() as wire:
        _, ear = await phone.dial(account(wire))
        asked = [f"WWW-Authenticate: {each}" for each in (SHA, MD5)]
        first = await wire.hear("INVITE")
        wire.answer(first, 401, "Who?", *asked)
        second = await wire.find(
            lambda each: each.method == "INVITE" and each.cseq[0] > first.cseq[0]
        )
        wire.answer(second, 401, "Who?", *asked)
        end = await ear.end()
        numbers = {each.cseq[0] for each in wire.heard if each.method == "INVITE"}
    assert len(numbers) == 2, "and never by MD5 after all"
    assert (end.by, end.cause) == (Origin.REMOTE, "unauthorized")


async def test_a_registration_answers_the_strongest(phone: Phone) -> None:
    told: list[RegistrationState] = []
    async with open_wire() as wire:
        trunk = Trunk(
            "reg", wire.uri, username="ana", password=Secret("pass"), register=True, expires=60
        )
        registration = phone.endpoint.register(trunk, told.append)
        first = await wire.hear("REGISTER")
        wire.answer(first, 401, "Who?", f"WWW-Authenticate: {SHA}", f"WWW-Authenticate: {MD5}")
        second = await wire.find(lambda each: each.cseq[0] > first.cseq[0])
        wire.answer(second, 200, "OK", f"Contact: {second.header('contact')};expires=60")
        await until(lambda: bool(told) and told[-1].registered)
        wire.answering = 200
        await registration.close()
    assert answers(second).keys() == {"sha"}


@pytest.mark.peer
@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_asterisk_asks_in_three_ways(phone: Phone, lab: AsteriskLab, transport: str) -> None:
    trunk = Trunk(
        name="lab",
        uri=lab.uri(transport),
        username="trunk-digests",
        password=Secret(lab.secret),
        caller_id="trunk-digests",
    )
    leg, ear = await phone.dial(trunk, "600")
    await ear.hear(Answered)
    await leg.hangup()
    end = await ear.end()
    assert end.by is Origin.LOCAL
