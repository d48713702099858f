"""What it takes to verify a call token, by who signed it: CPU from the text to the grant.

The keys are at hand, as they are after the first token of a key.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from time import thread_time_ns, time
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from gateway.admission.grant import Grant
from gateway.admission.token import (
    PUBLISHED,
    CallClaim,
    Claims,
    Key,
    Keys,
    SharedSecrets,
    Tokens,
    issue,
)
from tests.bench.load import Progress, silent

COUNT = 2000
WARM_UP = 50
SECRET = "0123456789abcdef" * 4
KEY = "bench"


@dataclass(frozen=True)
class Verified:
    """Milliseconds of CPU for one token, by algorithm: the median."""

    ms: dict[str, float]


def run(*, count: int = COUNT, progress: Progress = silent) -> Verified:
    """Verify tokens that differ, by each algorithm."""
    verified = Verified({name: _cost(make(), count) for name, make in SIGNERS.items()})
    progress(f"{verified}")
    return verified


@dataclass(frozen=True)
class Signer:
    """Who signs, and the keys that the gateway knows of him."""

    sign: Callable[[Claims], str]
    keys: Keys


class Published:
    """Keys of a JWKS that was fetched already."""

    algorithms = PUBLISHED

    def __init__(self, key: jwt.PyJWK) -> None:
        self._key = Key("published", key)

    async def candidates(self, key_id: str | None) -> Sequence[Key]:
        return [self._key]

    def has(self, name: str) -> bool:
        return name == self._key.name


def _shared() -> Signer:
    now = time()
    return Signer(lambda claims: issue(SECRET, claims, now), SharedSecrets([SECRET]))


def _elliptic() -> Signer:
    private = ec.generate_private_key(ec.SECP256R1())
    return _published(private, "ES256", ECAlgorithm.to_jwk(private.public_key(), as_dict=True))


def _rsa() -> Signer:
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return _published(private, "RS256", RSAAlgorithm.to_jwk(private.public_key(), as_dict=True))


def _published(private: Any, algorithm: str, public: dict[str, Any]) -> Signer:
    def sign(claims: Claims) -> str:
        body = claims.model_dump(by_alias=True, exclude_none=True)
        return jwt.encode(body, private, algorithm, {"kid": KEY})

    return Signer(sign, Published(jwt.PyJWK({**public, "kid": KEY}, algorithm)))


SIGNERS: dict[str, Callable[[], Signer]] = {
    "HS256": _shared,
    "ES256": _elliptic,
    "RS256": _rsa,
}


def claims_of(number: int) -> Claims:
    """Return what a shop's back end grants a visitor."""
    return Claims(
        sub=f"visitor-{number}",
        exp=time() + 600,
        jti=f"{number:016d}",
        iss="https://shop.example",
        call=CallClaim(
            to=("+15550100", "+15550101*"),
            from_="+15550001",
            origins=("https://shop.example",),
            max_duration=600,
            max_calls=1,
        ),
    )


def _cost(signer: Signer, count: int) -> float:
    """Return the milliseconds of CPU for one token."""
    tokens = Tokens(signer.keys, time, issuer="https://shop.example")
    taken = []
    for number in range(WARM_UP + count):
        text = signer.sign(claims_of(number))
        began = thread_time_ns()
        grant = _verify(tokens, text)
        taken.append(thread_time_ns() - began)
        if grant.identity != f"visitor-{number}":
            raise ValueError(f"{grant} is not what was signed")
    return median(taken[WARM_UP:]) / 1e6


def _verify(tokens: Tokens, text: str) -> Grant:
    """Run the verification, which waits for nothing here: no event loop is in the figure."""
    try:
        tokens.verify(text).send(None)
    except StopIteration as end:
        grant: Grant = end.value
        return grant
    raise ValueError("verifying a token has waited for something")
