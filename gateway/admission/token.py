"""Call tokens: a site's back end signs what one of its visitors may do, and the gateway checks it.

A token is a JWT (RFC 7519) with the claims `sub`, `exp`, `jti` and `call`. What it does not grant
is denied. PyJWT does the cryptography; which algorithms count is decided here and never by the
token's own header: HS256 for shared secrets, RS256 and ES256 for published keys.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Any, Protocol

import jwt
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from gateway.admission.fields import MAX_IDENTITY, parse_caller
from gateway.admission.grant import Grant
from gateway.errors import GatewayError, TokenError

LEEWAY = 10  # seconds that two clocks may differ
MAX_CHARACTERS = 8192  # ten times what a token needs
# A used token is remembered until its end; and what was stolen dies one day
LONGEST_LIFE = 7 * 86_400.0  # seconds
SHARED = ("HS256",)
PUBLISHED = ("RS256", "ES256")

_REQUIRED = ("exp", "sub", "jti")


def _printable(text: str) -> str:
    if text != text.strip() or not text.isprintable():
        raise PydanticCustomError(
            "name", "only characters that are seen are allowed, and no space at the ends"
        )
    return text


# Who calls, and by which token. An operator has to be able to read it, and to block it
Name = Annotated[
    str,
    Field(min_length=1, max_length=MAX_IDENTITY, pattern=r"^[^\x00-\x1f\x7f]+$"),
    AfterValidator(_printable),
]
Pattern = Annotated[str, Field(min_length=1, max_length=64)]


class CallClaim(BaseModel):
    """The claim `call`. Durations in seconds.

    Without `origins` it works on each page that the gateway lets in (admission.origins); with an
    empty list on none, so that only a program has a use for it that sends no Origin.
    """

    model_config = ConfigDict(
        alias_generator=to_camel, validate_by_name=True, extra="ignore", frozen=True, strict=True
    )

    to: Annotated[tuple[Pattern, ...], Field(strict=False, max_length=100)] = ()
    from_: Annotated[str | None, Field(alias="from", max_length=64)] = None
    origins: Annotated[tuple[str, ...], Field(strict=False, max_length=100)] | None = None
    max_duration: Annotated[float | None, Field(gt=0, le=86_400)] = None
    max_calls: Annotated[int | None, Field(ge=1, le=10_000)] = None
    once: bool = False
    incoming: bool = False
    transfer_to: Annotated[tuple[Name, ...], Field(strict=False, max_length=100)] = ()

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

    sub: Name
    exp: float
    jti: Name
    iss: Annotated[str | None, Field(max_length=256)] = None
    call: CallClaim = CallClaim()

    def grant(self, key: str | None = None) -> Grant:
        """Return what the token allows; `key` names the key that has signed it."""
        call = self.call
        return Grant(
            key=key,
            identity=self.sub,
            token=self.jti,
            to=call.to,
            caller=call.from_,
            origins=_in_lower_case(call.origins),
            max_duration=call.max_duration,
            max_calls=call.max_calls,
            once=call.once,
            incoming=call.incoming,
            transfer_to=call.transfer_to,
            expires=self.exp,
        )


def _in_lower_case(origins: tuple[str, ...] | None) -> tuple[str, ...] | None:
    return None if origins is None else tuple(origin.lower() for origin in origins)


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


@dataclass(frozen=True, slots=True)
class Key:
    """A key, and the name under which grants remember it: a hash, which reveals nothing."""

    name: str
    material: Any = field(repr=False)


def fingerprint(material: bytes) -> str:
    """Return a name for a key that says nothing of it."""
    return hashlib.sha256(material).hexdigest()[:16]


class Keys(Protocol):
    """Where the keys that may have signed a token come from."""

    @property
    def algorithms(self) -> Sequence[str]:
        """Those that count for these keys."""

    async def candidates(self, key_id: str | None) -> Sequence[Key]:
        """Return the keys to try, or raise `UnavailableError` when none can be had now."""

    def has(self, name: str) -> bool:
        """Whether a key still counts."""


class SharedSecrets:
    """Secrets that gateway and back end know; while one is replaced, both old and new count."""

    algorithms = SHARED

    def __init__(self, texts: Sequence[str]) -> None:
        self._keys = tuple(Key(fingerprint(text.encode()), text) for text in texts)

    def __repr__(self) -> str:
        return f"<SharedSecrets: {len(self._keys)}>"

    @property
    def signing(self) -> str:
        """The one that signs."""
        signing: str = self._keys[0].material
        return signing

    async def candidates(self, key_id: str | None) -> Sequence[Key]:
        """Return all: a token does not say which."""
        return self._keys

    def has(self, name: str) -> bool:
        """Whether a secret still stands in the file."""
        return any(key.name == name for key in self._keys)


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
        self.keys = keys
        self._now = now
        self._issuer = issuer

    def stand_by(self, grant: Grant) -> bool:
        """Whether the key that a grant was signed by still counts."""
        return grant.key is not None and self.keys.has(grant.key)

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
        claims, key = await self._signed(token)
        _check_needed(claims)
        self._check_times(claims)
        if self._issuer is not None and claims.get("iss") != self._issuer:
            raise TokenError("the token's `iss` is none that this gateway takes", reason="issuer")
        try:
            return Claims.model_validate(claims).grant(key)
        except ValidationError as error:
            problem = error.errors(include_url=False, include_input=False)[0]
            field = ".".join(str(part)[:40] for part in problem["loc"])
            raise TokenError(f"the token's claim `{field}`: {problem['msg']}") from None

    async def _signed(self, token: str) -> tuple[dict[str, Any], str]:
        """Return the claims and the name of the key, once one of ours fits the signature."""
        try:
            # Of the header alone: else PyJWT reads the whole token twice
            header = jwt.get_unverified_header(token.partition(".")[0] + "..")
        except jwt.InvalidTokenError:
            raise TokenError("the token is no JWT that can be read") from None
        algorithm, key_id = str(header.get("alg")), header.get("kid")
        if algorithm not in self.keys.algorithms:
            raise TokenError(
                f"the token is signed by {algorithm[:20]!r}: "
                f"{' or '.join(self.keys.algorithms)} is needed",
                reason="algorithm",
            )
        keys = await self.keys.candidates(key_id if isinstance(key_id, str) else None)
        for key in keys:
            try:
                # The times are judged by our own sentences, and the claims by a model
                claims = jwt.decode(token, key.material, [algorithm], options=_SIGNATURE_ONLY)
                return claims, key.name
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
        if expires is not None and expires > now + LONGEST_LIFE:
            raise TokenError(
                f"the token is good until {_written(expires)}: "
                f"{LONGEST_LIFE / 86_400:g} days are the longest life of one",
                reason="long",
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


def _check_needed(claims: dict[str, Any]) -> None:
    missing = [name for name in _REQUIRED if claims.get(name) is None]
    if missing:
        raise TokenError(f"the token has no claim `{missing[0]}`: it is needed")


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
