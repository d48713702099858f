"""Sessions of pages: what each may do, by its token; also a new one, and on another WebSocket."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.admission.grant import EVERYBODY, Grant, Visitor
from gateway.errors import ForbiddenError, GatewayError, RequestError, TokenError

if TYPE_CHECKING:
    from gateway.admission.gate import Gate


class SessionGate:
    """The part of the gate that sessions pass."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    async def welcome(self, visitor: Visitor, token: str | None, answer: str | None) -> Grant:
        """Return what a visitor may do, by its token or, in mode "open", by its answer.

        Raises
        ------
        TokenError
            The token is missing or bad.
        ForbiddenError
            The token is for other pages, the challenge is not solved, or its identity is blocked.
        UnavailableError
            It cannot be told now.
        """
        try:
            grant = await self._grant(visitor, token, answer)
            self._gate.check_blocks(visitor, grant, None)
        except GatewayError as error:
            self._gate.refuse(visitor, error)
            raise
        self._gate.note("session-opened", visitor, grant)
        return grant

    async def renew(self, visitor: Visitor, grant: Grant, token: str | None) -> Grant:
        """Return what a new token of a session grants from now on.

        Raises
        ------
        RequestError
            No token is needed, or none is given.
        TokenError, ForbiddenError, UnavailableError
            As for `welcome`; also for the token of somebody else.
        """
        if self._gate.rules.tokens is None or token is None:
            raise RequestError("`hello` comes once, and again only with a new `token`")
        try:
            renewed = await self._grant(visitor, token, None)
            if renewed.identity != grant.identity:
                raise TokenError("the new token is for another `sub`", reason="identity")
        except GatewayError as error:
            self._gate.note_refusal("token-refused", visitor, error)
            raise
        self._gate.note("token-renewed", visitor, renewed)
        return renewed

    async def resume(
        self, visitor: Visitor, before: Visitor, grant: Grant, token: str | None
    ) -> Grant:
        """Let a client go on with a session on another WebSocket; return what it may do.

        Without a token it is what the session was granted. That may have run out: its calls go on,
        as they outlive their token, and it places no new one.

        Parameters
        ----------
        before
            Who had the session.

        Raises
        ------
        ForbiddenError
            Its page is of another origin, or it is blocked by now.
        TokenError, UnavailableError
            As for `welcome`; also for the token of somebody else.
        """
        try:
            if visitor.origin != before.origin:
                raise ForbiddenError("the session is one of another origin", rule="origin")
            if self._gate.rules.tokens is not None and token is not None:
                renewed = await self._grant(visitor, token, None)
                if renewed.identity != grant.identity:
                    raise TokenError("the token is for another `sub`", reason="identity")
                grant = renewed
            self._gate.check_blocks(visitor, grant, None)
        except GatewayError as error:
            self._gate.refuse(visitor, error)
            raise
        self._gate.note("session-resumed", visitor, grant)
        return grant

    async def _grant(self, visitor: Visitor, token: str | None, answer: str | None) -> Grant:
        tokens = self._gate.rules.tokens
        if tokens is None:
            if self._gate.rules.challenge is not None:
                await self._gate.rules.challenge.check(answer, visitor.address)
            return EVERYBODY
        if token is None:
            raise TokenError("`hello` needs `token`, a call token", reason="missing")
        grant = await tokens.verify(token)
        _check_origin(visitor.origin, grant.origins)
        return grant


def _check_origin(origin: str | None, allowed: tuple[str, ...] | None) -> None:
    """Refuse a page that a token does not name; any may use one that has no such list."""
    if allowed is None or (not allowed and origin is None):
        return
    if (origin or "").lower() not in allowed:
        whom = "pages of another origin" if allowed else "no page"
        raise ForbiddenError(f"the token is for {whom}", rule="token-origin")
