"""Call tokens that nobody of ours has signed, and the refusal of each."""

from __future__ import annotations

import base64
import json
from time import time
from typing import TYPE_CHECKING, Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.gateway.admission.forging import by_hand
from tests.security.attack import Refusal
from tests.security.house import SECRET

if TYPE_CHECKING:
    from collections.abc import Callable


def bad(sentence: str) -> Refusal:
    return Refusal(401, "bad-token", sentence)


UNSIGNED = bad("the token is not signed by a key that this gateway knows")
NO_JWT = bad("the token is no JWT that can be read")


def signed_by(algorithm: str) -> Refusal:
    return bad(f"the token is signed by '{algorithm}': HS256 is needed")


def claims(**more: Any) -> dict[str, Any]:
    call = {"to": ["+1*"], **more.pop("call", {})}
    return {"sub": "mallory", "jti": f"m{time()}", "exp": int(time()) + 300, "call": call, **more}


def hs256(**more: Any) -> str:
    return by_hand({"alg": "HS256", "typ": "JWT"}, claims(**more), SECRET)


def part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def unsigned(algorithm: str, signature: str = "") -> str:
    return f"{part({'alg': algorithm, 'typ': 'JWT'})}.{part(claims())}.{signature}"


def tampered() -> str:
    """Return a good token with other claims in it."""
    head, _, signature = hs256().split(".")
    return f"{head}.{part(claims(sub='admin', call={'to': ['*']}))}.{signature}"


def with_header(**header: Any) -> str:
    return by_hand({"alg": "HS256", **header}, claims(), "the attacker's own secret, as long")


def rs256() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return jwt.encode(claims(), key, "RS256")


def nested(depth: int) -> str:
    """Return a header within a header, so deep that a careless reader runs out of stack."""
    head = base64.urlsafe_b64encode(b"[" * depth).rstrip(b"=").decode()
    return f"{head}.{part(claims())}.AAAA"


LATER = "the token is for later: its `nbf` is …, and the gateway's clock says …"

SECONDS = "the token's claim `exp`: seconds since 1970 are needed"

BAD_TOKENS: list[tuple[str, Callable[[], object], Refusal, str]] = [
    ("no token", lambda: None, bad("`hello` needs `token`, a call token"), "missing"),
    ("an empty token", lambda: "", NO_JWT, "malformed"),
    ("noise for a token", lambda: "a.b.c", NO_JWT, "malformed"),
    ("`alg: none`, no signature", lambda: unsigned("none"), signed_by("none"), "algorithm"),
    (
        "`alg: NoNe`, some signature",
        lambda: unsigned("NoNe", "AAAA"),
        signed_by("NoNe"),
        "algorithm",
    ),
    (
        "no `alg` at all",
        lambda: f"{part({'typ': 'JWT'})}.{part(claims())}.",
        signed_by("None"),
        "algorithm",
    ),
    ("forged: signed by another secret", lambda: with_header(), UNSIGNED, "signature"),
    ("a signature of nothing", lambda: unsigned("HS256"), UNSIGNED, "signature"),
    ("the claims changed after signing", tampered, UNSIGNED, "signature"),
    ("the end of the signature cut off", lambda: hs256()[:-3], UNSIGNED, "signature"),
    (
        "signed by a stranger's RSA key",
        rs256,
        bad("the token is signed by 'RS256': HS256 is needed"),
        "algorithm",
    ),
    (
        "HS512 by the right secret",
        lambda: jwt.encode(claims(), SECRET + SECRET, "HS512"),
        signed_by("HS512"),
        "algorithm",
    ),
    (
        "`kid` as a path to an empty file",
        lambda: with_header(kid="../../../dev/null"),
        UNSIGNED,
        "signature",
    ),
    (
        "`jku` and `jwk` that bring their own key",
        lambda: with_header(
            jku="http://127.0.0.1:9/keys", jwk={"kty": "oct", "k": part("x").strip('"')}
        ),
        UNSIGNED,
        "signature",
    ),
    (
        "expired an hour ago",
        lambda: hs256(exp=int(time()) - 3600),
        bad("the token expired at …, and the gateway's clock says …: a new token is needed…"),
        "expired",
    ),
    ("for tomorrow", lambda: hs256(nbf=int(time()) + 86_400), bad(LATER + "…"), "early"),
    ("`exp` as text", lambda: hs256(exp="4102444800"), bad(SECONDS), "malformed"),
    ("`exp` without end", lambda: hs256(exp=1e300), bad(SECONDS), "malformed"),
    ("`exp` that is no number (NaN)", lambda: hs256(exp=float("nan")), bad(SECONDS), "malformed"),
    (
        "no `exp`",
        lambda: hs256(exp=None),
        bad("the token has no claim `exp`: it is needed"),
        "malformed",
    ),
    (
        "no `jti`, so that it cannot be used up",
        lambda: hs256(jti=None),
        bad("the token has no claim `jti`: it is needed"),
        "malformed",
    ),
    (
        "a line end in `sub`",
        lambda: hs256(sub="ana\r\nX-Evil: 1"),
        bad("the token's claim `sub`: String should match pattern …"),
        "malformed",
    ),
    (
        "a list for `call`",
        lambda: hs256() and by_hand({"alg": "HS256"}, {**claims(), "call": []}, SECRET),
        bad("the token's claim `call`: Input should be a valid dictionary…"),
        "malformed",
    ),
    (
        "`once` as text",
        lambda: hs256(call={"once": "false"}),
        bad("the token's claim `call.once`: Input should be a valid boolean"),
        "malformed",
    ),
    (
        "60,000 characters",
        lambda: "e" * 60_000,
        bad("the token has 60000 characters: at most 8192 are allowed"),
        "malformed",
    ),
    ("a header of 6,000 brackets", lambda: nested(6000), NO_JWT, "malformed"),
]
