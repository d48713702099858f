"""Call tokens: a site's back end signs what one of its visitors may do, and the gateway checks it.

A token is a JWT (RFC 7519) with the claims `sub`, `exp`, `jti` and `call`. What it does not grant
is denied. PyJWT does the cryptography; which algorithms count is decided here and never by the
token's own header: HS256 for shared secrets, RS256 and ES256 for published keys.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Protocol

import jwt
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic.alias_generators import to_camel

from gateway.admission.fields import parse_caller
from gateway.admission.grant import Grant
from gateway.errors import GatewayError, TokenError

LEEWAY = 10  # seconds that two clocks may differ
MAX_CHARACTERS = 8192  # ten times what a token needs
MIN_SECRET_BYTES = 32  # RFC 7518 section 3.2: as long as the hash, or it is guessed offline
SHARED = ("HS256",)
PUBLISHED = ("RS256", "ES256")

_REQUIRED = ("exp", "sub", "jti")

Pattern = Annotated[str, Field(min_length=1, max_length=64)]


class CallClaim(BaseModel):
    """The claim `call`. Durations in seconds."""

    model_config = ConfigDict(
        alias_generator=to_camel, validate_by_name=True, extra="ignore", frozen=True, strict=True
    )

    to: Annotated[tuple[Pattern, ...], Field(strict=False, max_length=100)] = ()
    from_: Annotated[str | None, Field(alias="from", max_length=64)] = None
    origins: Annotated[tuple[str, ...], Field(strict=False, max_length=100)] = ()
    max_duration: Annotated[float | None, Field(gt=0, le=86_400)] = None
    max_calls: Annotated[int | None, Field(ge=1, le=10_000)] = None
    once: bool = False
    incoming: bool = False

    @field_validator("from_")
    @classmethod
    def _caller(cls, text: str | None) -> str | None:
        """Read it as a page's `from` is read: it goes into a SIP header."""
        try:
            return None if text is None else parse_caller(text)
        except GatewayError:
            raise ValueError("a number or a SIP user is needed") from None


class Claims(BaseModel):
    """What a token says; `exp` in seconds since the epoch."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)

    sub: Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f]+$")]
    exp: float
    jti: Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f]+$")]
    iss: Annotated[str | None, Field(max_length=256)] = None
    call: CallClaim = CallClaim()

    @property
    def grant(self) -> Grant:
        """What the token allows, in admission's words."""
        call = self.call
        return Grant(
            identity=self.sub,
            token=self.jti,
            to=call.to,
            caller=call.from_,
            origins=tuple(origin.lower() for origin in call.origins),
            max_duration=call.max_duration,
            max_calls=call.max_calls,
            once=call.once,
            incoming=call.incoming,
            expires=self.exp,
        )


def new_id() -> str:
    """Return a `jti` that no other token has."""
    return secrets.token_urlsafe(12)


def issue(secret: str, claims: Claims, now: float) -> str:
    """Sign a token by HS256.

    Parameters
    ----------
    now
        Seconds since the epoch, for `iat`.
    """
    body = claims.model_dump(by_alias=True, exclude_none=True)
    return jwt.encode({**body, "iat": int(now), "exp": int(claims.exp)}, secret, SHARED[0])


class Keys(Protocol):
    """Where the keys that may have signed a token come from."""

    @property
    def algorithms(self) -> Sequence[str]:
        """Those that count for these keys."""

    async def candidates(self, key_id: str | None) -> Sequence[Any]:
        """Return the keys to try, or raise `UnavailableError` when none can be had now."""


class SharedSecrets:
    """Secrets that gateway and back end know; while one is replaced, both old and new count."""

    algorithms = SHARED

    def __init__(self, texts: Sequence[str]) -> None:
        self._secrets = tuple(texts)

    def __repr__(self) -> str:
        return f"<SharedSecrets: {len(self._secrets)}>"

    @property
    def signing(self) -> str:
        """The one that signs."""
        return self._secrets[0]

    async def candidates(self, key_id: str | None) -> Sequence[str]:
        """Return all: a shared secret has no name."""
        return self._secrets


class Tokens:
    """Checks call tokens.

    Parameters
    ----------
    issuer
        What `iss` has to be; None for any.
    now
        The wall clock, in seconds since the epoch.
    """

    def __init__(self, keys: Keys, now: Callable[[], float], *, issuer: str | None = None) -> None:
        self._keys = keys
        self._now = now
        self._issuer = issuer

    async def verify(self, token: str) -> Grant:
        """Return what a token grants.

        Raises
        ------
        TokenError
            It is none, was not signed by a known key, has expired, or lacks a claim.
        UnavailableError
            The keys cannot be fetched.
        """
        if len(token) > MAX_CHARACTERS:
            raise TokenError(
                f"the token has {len(token)} characters: at most {MAX_CHARACTERS} are allowed"
            )
        claims = _read_claims(await self._signed(token))
        self._check_times(claims)
        if self._issuer is not None and claims.get("iss") != self._issuer:
            raise TokenError(
                "the token's `iss` is not the one in admission.issuer", reason="issuer"
            )
        try:
            return Claims.model_validate(claims).grant
        except ValidationError as error:
            problem = error.errors(include_url=False, include_input=False)[0]
            field = ".".join(str(part)[:40] for part in problem["loc"])
            raise TokenError(f"the token's claim `{field}`: {problem['msg']}") from None

    async def _signed(self, token: str) -> Any:
        """Return the claims, once a key of ours fits the signature."""
        try:
            # Of the header alone: else PyJWT reads the whole token twice
            header = jwt.get_unverified_header(token.partition(".")[0] + "..")
        except jwt.InvalidTokenError:
            raise TokenError("the token is no JWT that can be read") from None
        algorithm, key_id = str(header.get("alg")), header.get("kid")
        if algorithm not in self._keys.algorithms:
            raise TokenError(
                f"the token is signed by {algorithm[:20]!r}: "
                f"{' or '.join(self._keys.algorithms)} is needed",
                reason="algorithm",
            )
        keys = await self._keys.candidates(key_id if isinstance(key_id, str) else None)
        for key in keys:
            try:
                # The times are judged by our own sentences, and the claims by a model
                return jwt.decode(token, key, [algorithm], options=_SIGNATURE_ONLY)
            except (jwt.InvalidSignatureError, jwt.InvalidKeyError, jwt.InvalidAlgorithmError):
                continue
            except (jwt.PyJWTError, TypeError, ValueError):
                break
        raise TokenError(
            "the token is not signed by a key that this gateway knows", reason="signature"
        )

    def _check_times(self, claims: dict[str, Any]) -> None:
        now = self._now()
        ours = f"the gateway's clock says {_written(now)}"
        expires = _seconds(claims, "exp")
        if expires is not None and now > expires + LEEWAY:
            raise TokenError(
                f"the token expired at {_written(expires)}, and {ours}: "
                "a new token is needed, or a clock is wrong",
                reason="expired",
            )
        for claim in ("nbf", "iat"):
            begins = _seconds(claims, claim)
            if begins is not None and now < begins - LEEWAY:
                raise TokenError(
                    f"the token is for later: its `{claim}` is {_written(begins)}, and {ours}: "
                    "the clock of whoever made it, or the gateway's, is wrong",
                    reason="early",
                )


_SIGNATURE_ONLY: Any = {
    "verify_signature": True,
    **dict.fromkeys(("verify_exp", "verify_nbf", "verify_iat", "verify_aud", "verify_iss"), False),
    **dict.fromkeys(("verify_sub", "verify_jti"), False),
}


def _read_claims(claims: Any) -> dict[str, Any]:
    missing = [name for name in _REQUIRED if claims.get(name) is None]
    if missing:
        raise TokenError(f"the token has no claim `{missing[0]}`: it is needed")
    read: dict[str, Any] = claims
    return read


def _seconds(claims: dict[str, Any], name: str) -> float | None:
    value = claims.get(name)
    if value is None:
        return None
    # Within the years that a calendar can write
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 2**37:
        raise TokenError(f"the token's claim `{name}`: seconds since 1970 are needed")
    return float(value)


def _written(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
