"""Calls from trunks: which pages they may ring, and how many such calls there are at a time.

They cost nothing here: neither the dial plan is asked nor the limits on money and on paces. Those
on calls at once are, since whoever talks cannot take another call. One that goes on to a fallback
costs what any call does, and all of them are asked.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from gateway.admission.admission import Admission, Note, why_of
from gateway.admission.fields import MAX_IDENTITY, parse_identity
from gateway.admission.grant import EVERYBODY, Grant, Visitor
from gateway.errors import ForbiddenError, GatewayError, RequestError, StoppedError

if TYPE_CHECKING:
    from gateway.admission.gate import Gate

_TRUNK = Visitor(address="", origin=None, session="")


class IncomingGate:
    """The part of the gate that calls from trunks pass."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def identity(self, visitor: Visitor, grant: Grant, wanted: str | None) -> str:
        """Return what a page may register under: its token's `sub`, in mode "open" its own choice.

        Raises
        ------
        TokenError, ForbiddenError
            It may not be called.
        RequestError
            It names no identity, or none that can be one.
        """
        try:
            self._check(visitor, grant)
        except GatewayError as error:
            self._gate.note_refusal("register-refused", visitor, error)
            raise
        if grant.identity is not None:
            return grant.identity
        if wanted is None:
            raise RequestError(f"`register` needs `identity`, of 1 to {MAX_IDENTITY} characters")
        return parse_identity(wanted)

    def arrive(self, to: str, caller: str | None, identity: str, trunk: str) -> None:
        """Let a call in, from a trunk to the pages of an identity.

        Raises
        ------
        StoppedError
            No call is taken now.
        ForbiddenError
            The operator has blocked the caller's number.
        """
        gate = self._gate
        if gate.stopped is not None:
            raise StoppedError("the gateway takes no new calls now; try again later")
        if caller is not None and gate.is_blocked(_TRUNK, None, caller):
            raise ForbiddenError("the operator has blocked the caller's number", rule="blocked")
        gate.note("call-arrived", to=to, from_=caller, identity=identity, trunk=trunk)

    def missed(self, to: str, caller: str | None, cause: str, sip_code: int) -> None:
        """Write how a call ended that no page has taken."""
        self._gate.note("call-missed", to=to, from_=caller, cause=cause, code=sip_code)

    def check(self, visitor: Visitor, grant: Grant) -> None:
        """Ask whether a page may be rung now.

        Raises
        ------
        TokenError, ForbiddenError
            It may not be called any more.
        LimitError
            It has as many calls as it may have.
        """
        self._check(visitor, grant)
        self._gate.limits.check(visitor, grant)

    def accept(self, visitor: Visitor, grant: Grant, to: str, caller: str) -> Admission:
        """Let a page take a call; raises as `check`."""
        gate = self._gate
        self._check(visitor, grant)
        lease = gate.limits.take_incoming(visitor, grant)
        note: Note = partial(
            gate.note, visitor=visitor, grant=grant, to=to, from_=caller, direction="incoming"
        )
        note("call-admitted")
        admission = Admission(gate.rules, gate.caps, note, lease, None)
        if grant.max_duration is not None:
            admission.max_duration = min(admission.max_duration, grant.max_duration)
        return admission

    def hand_over(self, visitor: Visitor, grant: Grant, identity: str) -> None:
        """Let a page hand a call over to the pages of an identity.

        Raises
        ------
        TokenError, ForbiddenError
            It may not.
        """
        gate = self._gate
        try:
            gate.check_grant(grant)
            gate.check_blocks(visitor, grant, None)
            if grant.transfer_to is not None and not _among(grant.transfer_to, identity):
                raise ForbiddenError(
                    f"the token does not grant a transfer to {identity} (claim `call.transferTo`)",
                    rule="token-transfer",
                )
        except GatewayError as error:
            gate.note("transfer-refused", visitor, grant, to=identity, **why_of(error))
            raise
        gate.note("transfer-admitted", visitor, grant, to=identity)

    def forward(self, to: str, caller: str | None) -> Admission:
        """Let a call go from a trunk to the number that the operator has for it.

        Raises
        ------
        StoppedError, ForbiddenError, LimitError
            As for a call that a page places; no limit of a page's counts.
        """
        gate = self._gate
        note: Note = partial(gate.note, to=to, from_=caller, direction="incoming")
        try:
            if gate.stopped is not None:
                raise StoppedError("the gateway takes no new calls now; try again later")
            gate.check_blocks(_TRUNK, EVERYBODY, to)
            gate.rules.policy.admit(to)
            lease = gate.limits.take_forwarded()
            try:
                meter = gate.caps.take(gate.counted_as(to))
            except BaseException:
                lease.release()
                raise
        except GatewayError as error:
            note("call-refused", **why_of(error))
            raise
        note("call-admitted")
        return Admission(gate.rules, gate.caps, note, lease, meter)

    def _check(self, visitor: Visitor, grant: Grant) -> None:
        self._gate.check_grant(grant)
        self._gate.check_blocks(visitor, grant, None)
        if self._gate.rules.tokens is not None and not grant.incoming:
            raise ForbiddenError(
                "the token does not grant calls from trunks (claim `call.incoming`)",
                rule="token-incoming",
            )


def _among(patterns: tuple[str, ...], identity: str) -> bool:
    """Tell whether an identity is one of these; "*" at the end stands for any end."""
    return any(
        identity.startswith(each[:-1]) if each.endswith("*") else identity == each
        for each in patterns
    )
