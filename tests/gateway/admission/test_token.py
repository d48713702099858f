"""Call tokens: what a good one grants, and what each bad one is told."""

from __future__ import annotations

from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given
from hypothesis import strategies as st

from gateway.admission.grant import Grant
from gateway.admission.token import (
    LONGEST_LIFE,
    CallClaim,
    Claims,
    SharedSecrets,
    Tokens,
    fingerprint,
    issue,
    new_id,
)
from gateway.errors import TokenError
from tests.gateway.admission.forging import by_hand

NOW = 1_800_000_000.0
OLD, NEW = "o" * 32, "n" * 32

GOOD: dict[str, Any] = {
    "sub": "visitor-7",
    "jti": "t1",
    "exp": NOW + 60,
    "call": {"to": ["+1555*"]},
}


def tokens(*secrets: str, issuer: str | None = None) -> Tokens:
    return Tokens(SharedSecrets(secrets or (NEW, OLD)), lambda: NOW, issuer=issuer)


def signed(claims: dict[str, Any], secret: str = NEW) -> str:
    return jwt.encode(claims, secret, "HS256")


async def test_whole_grant() -> None:
    call = {
        "to": ["+15551234567", "+1555*"],
        "from": "+15550001",
        "origins": ["https://Shop.example"],
        "maxDuration": 300,
        "maxCalls": 1,
        "once": True,
        "incoming": True,
        "transferTo": ["sales", "support*"],
    }
    assert await tokens().verify(signed({**GOOD, "call": call})) == Grant(
        key=fingerprint(NEW.encode()),
        identity="visitor-7",
        token="t1",
        to=("+15551234567", "+1555*"),
        caller="+15550001",
        origins=("https://shop.example",),
        max_duration=300,
        max_calls=1,
        once=True,
        incoming=True,
        transfer_to=("sales", "support*"),
        expires=NOW + 60,
    )


async def test_what_is_not_granted_is_denied() -> None:
    grant = await tokens().verify(signed({**GOOD, "call": {}}))
    assert grant.to == ()
    assert not grant.incoming
    assert await tokens().verify(signed({k: v for k, v in GOOD.items() if k != "call"})) == grant


async def test_while_a_secret_is_replaced_both_count() -> None:
    for secret in (NEW, OLD):
        assert (await tokens().verify(signed(GOOD, secret))).identity == "visitor-7"
    with pytest.raises(TokenError, match="not signed by a key"):
        await tokens(NEW).verify(signed(GOOD, OLD))


async def test_a_grant_stands_as_long_as_its_key_does() -> None:
    grant = await tokens(NEW, OLD).verify(signed(GOOD, OLD))
    assert tokens(NEW, OLD).stand_by(grant)
    assert not tokens(NEW).stand_by(grant)
    assert not tokens(NEW).stand_by(Grant())


async def test_issued_by_ourselves() -> None:
    claims = Claims(
        sub="portal", exp=NOW + 60, jti=new_id(), call=CallClaim(to=("+1555*",), max_duration=300)
    )
    token = issue(NEW, claims, NOW)
    grant = await tokens().verify(token)
    assert grant == claims.grant(fingerprint(NEW.encode()))
    written = jwt.decode(token, options={"verify_signature": False})
    assert written["call"]["maxDuration"] == 300
    assert written["iat"] == NOW


@pytest.mark.parametrize("late", [0, 9, 10])
async def test_clocks_may_differ_by_ten_seconds(late: float) -> None:
    assert await tokens().verify(signed({**GOOD, "exp": NOW - late}))
    assert await tokens().verify(signed({**GOOD, "iat": NOW + late, "nbf": NOW + late}))


FORGED = [
    ("", "no JWT"),
    ("a.b.c", "no JWT"),
    ("x" * 8193, "8193 characters"),
    (signed(GOOD, "f" * 32), "not signed by a key"),
    (signed(GOOD)[:-4] + "AAAA", "not signed by a key"),
    (by_hand({"alg": "none"}, GOOD, NEW), "signed by 'none': HS256 is needed"),
    (by_hand({"alg": "None"}, GOOD, NEW), "signed by 'None': HS256 is needed"),
    (by_hand({"alg": ["HS256"]}, GOOD, NEW), "HS256 is needed"),
    (by_hand({}, GOOD, NEW), "HS256 is needed"),
    (by_hand({"alg": "HS512"}, GOOD, NEW), "signed by 'HS512'"),
    (jwt.encode(GOOD, "n" * 64, "HS512"), "signed by 'HS512'"),
    (by_hand({"alg": "HS256", "crit": ["b64"], "b64": False}, GOOD, NEW), "not signed by a key"),
    (by_hand({"alg": "HS256", "kid": "../../dev/null"}, GOOD, "z" * 32), "not signed by a key"),
    (by_hand({"alg": "HS256"}, ["not", "claims"], NEW), "not signed by a key"),
    (jwt.encode(GOOD, rsa.generate_private_key(65537, 2048), "RS256"), "signed by 'RS256'"),
    (jwt.encode(GOOD, ec.generate_private_key(ec.SECP256R1()), "ES256"), "signed by 'ES256'"),
]


@pytest.mark.parametrize(("token", "rule"), FORGED)
async def test_forged(token: str, rule: str) -> None:
    with pytest.raises(TokenError, match=rule):
        await tokens().verify(token)


LACKING = [
    ({"exp": NOW - 11}, "expired at .*the gateway's clock says .*a clock is wrong"),
    ({"exp": NOW + LONGEST_LIFE + 1}, "7 days are the longest life"),
    ({"exp": None}, "no claim `exp`"),
    ({"exp": "soon"}, "claim `exp`: seconds since 1970"),
    ({"exp": 1e300}, "claim `exp`: seconds since 1970"),
    ({"exp": True}, "claim `exp`: seconds since 1970"),
    ({"nbf": NOW + 11}, "for later: its `nbf`.*the gateway's clock says"),
    ({"iat": NOW + 11}, "for later: its `iat`.*the gateway's clock says"),
    ({"sub": None}, "no claim `sub`"),
    ({"sub": 7}, "claim `sub`"),
    ({"sub": "a\nb"}, "claim `sub`"),
    *(
        ({name: text}, f"claim `{name}`: only characters that are seen are allowed")
        for name in ("sub", "jti")
        for text in (" a", "a ", "a\u200bb", "\u202ea", "a\u00a0b", "a\u2028b", "a\ufeff", " ")
    ),
    ({"jti": None}, "no claim `jti`"),
    ({"jti": ""}, "claim `jti`"),
    ({"call": "+1555"}, "claim `call`"),
    ({"call": {"to": "+1555*"}}, "claim `call.to`"),
    ({"call": {"to": ["+1"] * 101}}, "claim `call.to`"),
    ({"call": {"to": [""]}}, "claim `call.to.0`"),
    ({"call": {"from": "a\r\nX-Evil: 1"}}, "claim `call.from`.*a number or a SIP user"),
    ({"call": {"from": ""}}, "claim `call.from`"),
    ({"call": {"once": "yes"}}, "claim `call.once`"),
    ({"call": {"maxDuration": -1}}, "claim `call.maxDuration`"),
    ({"call": {"maxDuration": "300"}}, "claim `call.maxDuration`"),
    ({"call": {"maxCalls": 0}}, "claim `call.maxCalls`"),
]


@pytest.mark.parametrize(("change", "rule"), LACKING)
async def test_claims_that_break_a_rule(change: dict[str, Any], rule: str) -> None:
    with pytest.raises(TokenError, match=rule):
        await tokens().verify(by_hand({"alg": "HS256"}, {**GOOD, **change}, NEW))


async def test_issuer() -> None:
    ours = signed({**GOOD, "iss": "shop.example"})
    assert await tokens(issuer="shop.example").verify(ours)
    for other in (signed(GOOD), signed({**GOOD, "iss": "shop.example.net"})):
        with pytest.raises(TokenError, match="`iss` is none"):
            await tokens(issuer="shop.example").verify(other)


def test_no_secret_shows() -> None:
    assert NEW not in repr(SharedSecrets((NEW,)))


_JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["to", "from", "once", "x"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(
    st.dictionaries(
        st.sampled_from(["sub", "exp", "jti", "iat", "nbf", "iss", "call", "aud"]), _JSON
    )
)
async def test_any_signed_claims_are_granted_or_refused(claims: dict[str, Any]) -> None:
    try:
        grant = await tokens().verify(by_hand({"alg": "HS256"}, claims, NEW))
    except TokenError:
        return
    assert grant.identity
    assert grant.token


@given(st.text(max_size=200) | st.from_regex(r"[\w-]{0,40}\.[\w-]{0,40}\.[\w-]{0,40}"))
async def test_any_text_is_refused(text: str) -> None:
    with pytest.raises(TokenError):
        await tokens().verify(text)
