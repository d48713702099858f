"""The gate: each WebSocket and each call passes here, and what is not allowed goes no further.

The parts below it (tokens, dial plan, limits, blocks, money) each judge one thing and know nothing
of each other. The order of the questions stands here, and the trace that each answer leaves: an
audit line, whoever was let in or refused.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from time import monotonic, time
from typing import Final

from gateway.admission.address import client_key
from gateway.admission.admission import Admission as Admission
from gateway.admission.admission import Note, why_of
from gateway.admission.audit import Audit, Event, Value
from gateway.admission.blocks import Block, Blocks, Stop
from gateway.admission.caps import Caps
from gateway.admission.challenge import Challenge
from gateway.admission.dialing import names_of
from gateway.admission.grant import EVERYBODY, Grant, Visitor
from gateway.admission.incoming import IncomingGate
from gateway.admission.keys import ApiKeys
from gateway.admission.limits import LimitRules, Limits, nobody
from gateway.admission.policy import Policy, matches
from gateway.admission.preflight import PreflightGate
from gateway.admission.rates import Rates
from gateway.admission.sessions import SessionGate
from gateway.admission.socket_limits import SocketLease, SocketLimits
from gateway.admission.store import Store
from gateway.admission.token import LEEWAY, Claims, SharedSecrets, Tokens, issue
from gateway.admission.usage import Usage
from gateway.errors import (
    ForbiddenError,
    GatewayError,
    RequestError,
    StoppedError,
    TokenError,
    UnavailableError,
)
from gateway.repeats import Repeats

logger = logging.getLogger(__name__)

MOST_LINES: Final = 200  # about refusals of all pages together, in a minute


@dataclass(frozen=True, slots=True)
class Rules:
    """What the operator may change while calls run: the table [admission] of the configuration.

    `tokens` is None in mode "open", `secrets` where no shared secret signs, `issuer` what tokens of
    ours say, `challenge` None where nobody is asked; `keys` open the operator's API. `exempt` says
    which addresses have no limit of their own. Durations in seconds.
    """

    policy: Policy = field(default_factory=Policy)
    origins: tuple[str, ...] = ()
    tokens: Tokens | None = None
    secrets: SharedSecrets | None = None
    issuer: str | None = None
    challenge: Challenge | None = None
    keys: ApiKeys = field(default_factory=ApiKeys)
    limits: LimitRules = field(default_factory=LimitRules)
    rates: Rates | None = None
    exempt: Callable[[str], bool] = nobody
    max_duration: float = 3600.0
    max_ringing: float = 180.0


class Gate:
    """Decides who may call whom.

    `rules` are what holds now. `on_cap` is called with a sentence when the day's minutes or money
    are used up, and has to end the calls that run; `on_limit` with the word of that limit.

    Parameters
    ----------
    store
        Keeps what has to outlive a restart; opened already.
    """

    def __init__(self, rules: Rules, store: Store, audit: Audit) -> None:
        self.rules = rules
        self.on_cap: Callable[[str], None] = lambda sentence: None
        self.on_limit: Callable[[str], None] = lambda limit: None
        self._blocks = Blocks(time)
        self._store = store
        self._audit = audit
        self._repeats = Repeats(monotonic, lines=MOST_LINES)
        self.limits = Limits(rules.limits, monotonic, self._exempt)
        self._sockets = SocketLimits(rules.limits, monotonic, self._exempt)
        self._usage = Usage(rules.limits, rules.rates, monotonic, time)
        self.caps = Caps(self._usage, store, self._reach_cap)
        self.sessions = SessionGate(self)
        self.incoming = IncomingGate(self)
        self.preflights = PreflightGate(self, monotonic)

    async def remember(self) -> None:
        """Go on from what was in force, and used, before a restart."""
        self._blocks = Blocks(time, await self._store.blocks(), await self._store.switch())
        await self.caps.remember()

    def _exempt(self, address: str) -> bool:
        return self.rules.exempt(address)

    @property
    def origins(self) -> tuple[str, ...]:
        """The pages that may connect."""
        return self.rules.origins

    @property
    def stopped(self) -> str | None:
        """Why no new call is taken, None while they are."""
        return self._blocks.stopped

    def reload(self, rules: Rules) -> None:
        """Go by other rules from now on; calls and sockets that were let in stay."""
        self.rules = rules
        self.limits.rules = self._sockets.rules = self._usage.rules = rules.limits
        self._usage.rates = rules.rates
        self.caps.changed()
        self.note("reload")

    def reopen_audit(self) -> None:
        """Write into the file that has the audit's name now: the old one was put away."""
        self._audit.reopen()

    # WebSockets

    def enter(self, visitor: Visitor) -> SocketLease:
        """Let a WebSocket in, and return its place.

        Raises
        ------
        ForbiddenError
            The operator keeps its address or origin out.
        LimitError
            Its address has too many.
        """
        self.check_blocks(visitor, EVERYBODY, None)
        return self._sockets.take(visitor.address)

    def refuse(self, visitor: Visitor, error: GatewayError) -> None:
        """Write down, in the log and the audit file, whose WebSocket is not served."""
        earlier = self.note_refusal("session-refused", visitor, error)
        if earlier is not None:
            more = f" ({earlier} more since the last line)" if earlier else ""
            where = visitor.address or "-"
            logger.info("a WebSocket from %s was refused: %s%s", where, error, more)

    def sockets_allowed(self, address: str) -> int | None:
        """Return how many WebSockets an address may have, or sessions without one; None for any."""
        if self._exempt(address):
            return None
        return self.rules.limits.websockets_per_address or None

    # Calls

    async def admit(
        self,
        visitor: Visitor,
        grant: Grant,
        to: str,
        *,
        caller: str | None,
    ) -> Admission:
        """Let a call in, to a parsed target, or say why not.

        Parameters
        ----------
        caller
            Whom the page wants shown.

        Raises
        ------
        TokenError, StoppedError, ForbiddenError, LimitError, UnavailableError
        """
        shown = grant.caller or caller
        note: Note = partial(self.note, visitor=visitor, grant=grant, to=to, from_=shown)
        try:
            number = self.counted_as(to)
            self._check(visitor, grant, to)
            _check_caller(grant, caller)
            lease = self.limits.take(visitor, grant, number)
            meter = None
            try:
                meter = self.caps.take(number)
                if grant.once:
                    await self._use_up(grant)
                    # The disk has taken its time; perhaps an operator was faster
                    self._check(visitor, grant, to)
            except BaseException:
                lease.release()
                if meter is not None:
                    meter.end()
                raise
        except GatewayError as error:
            note("call-refused", **why_of(error))
            raise
        note("call-admitted")
        admission = Admission(self.rules, self.caps, note, lease, meter)
        admission.caller = shown
        if grant.max_duration is not None:
            admission.max_duration = min(admission.max_duration, grant.max_duration)
        return admission

    def counted_as(self, to: str) -> str:
        """Return the one name under which a number is counted and priced: its dearest."""
        names = names_of(to, self.rules.policy.country)
        return names[0] if self.rules.rates is None else self.rules.rates.dearest(names)

    def _check(self, visitor: Visitor, grant: Grant, to: str) -> None:
        self.check_grant(grant)
        if self.stopped is not None:
            raise StoppedError("the gateway takes no new calls now; try again later")
        self.check_blocks(visitor, grant, to)
        self.rules.policy.admit(to)
        if grant.to is not None and not matches(grant.to, to, self.rules.policy.country):
            why = f"{to} may not be called: the token does not grant it"
            raise ForbiddenError(why, rule="token")

    def check_grant(self, grant: Grant) -> None:
        """Ask whether what a session was granted, perhaps hours ago, still stands."""
        if grant.expires is not None and time() > grant.expires + LEEWAY:
            raise TokenError("the token has expired: a new one is needed", reason="expired")
        if self.rules.tokens is not None and not self.rules.tokens.stand_by(grant):
            raise TokenError(
                "the key of the token counts no more: a new token is needed", reason="revoked"
            )

    def check_blocks(self, visitor: Visitor, grant: Grant, to: str | None) -> None:
        refusal = self._blocks.refused(visitor, grant, to, self.rules.policy.country)
        if refusal is not None:
            raise ForbiddenError(refusal, rule="blocked")

    async def _use_up(self, grant: Grant) -> None:
        """Remember a token that is good for one call, before that call goes out."""
        if grant.token is not None and not await self._store.use_token(grant.token, grant.expires):
            raise TokenError("the token was good for one call, which was asked for", reason="used")

    # Money

    def used_today(self) -> tuple[float, float]:
        """Return the day's minutes and money."""
        return self.caps.used_today()

    def used(self) -> dict[str, tuple[float, float]]:
        """Return how much of each limit of the whole gateway is used, and how much it allows."""
        minutes, spend = self.used_today()
        limits = self.rules.limits
        known = {
            "calls-at-once": (float(self.limits.running), float(limits.calls_at_once)),
            "minutes-per-day": (minutes, float(limits.minutes_per_day)),
            "spend-per-day": (spend, float(limits.spend_per_day)),
        }
        return {name: use for name, use in known.items() if use[1]}

    def _reach_cap(self, limit: str) -> None:
        logger.warning("%s is reached: the calls that run are ended", limit)
        self.note("limit", limit=limit)
        self.on_limit(limit)
        if limit == "spend-per-day" and self.stopped is None:
            why = "admission.limits.spend_per_day is reached"
            self.caps.spawn(self._store.save_switch(self._stop_now(why, by="gateway")))
        self.on_cap("The gateway has reached what it may use on one day.")

    # What the operator does

    def issue(self, claims: Claims) -> str:
        """Sign a call token.

        Raises
        ------
        RequestError
            No secret is configured.
        """
        if self.rules.secrets is None:
            raise RequestError("tokens are signed with admission.token_secret_file: there is none")
        self.note("token-issued", grant=claims.grant(), to=" ".join(claims.call.to))
        if claims.iss is None:
            claims = claims.model_copy(update={"iss": self.rules.issuer})
        return issue(self.rules.secrets.signing, claims, time())

    async def stop(self, why: str, *, by: str) -> bool:
        """Take no new call until `start`; return whether that outlives a restart."""
        return await self._saved(self._store.save_switch(self._stop_now(why, by=by)))

    def _stop_now(self, why: str, *, by: str) -> Stop:
        switch = self._blocks.stop(why, by)
        logger.warning("new calls are stopped: %s", switch.why)
        self.note("stopped", why=switch.why, by=by)
        return switch

    async def start(self, *, by: str) -> bool:
        """Take new calls again; return whether that outlives a restart."""
        if self._blocks.start():
            logger.warning("new calls are taken again")
            self.note("started", by=by)
        return await self._saved(self._store.save_switch(None))

    @property
    def blocks(self) -> list[Block]:
        """Those in force."""
        return self._blocks.current()

    def block(
        self, kind: str, value: str, why: str, *, by: str, until: float | None = None
    ) -> Block:
        """Keep somebody out from now on; calls that run go on. `save_block` lets it outlive us.

        Raises
        ------
        RequestError
            `value` is nothing of that kind, or `until` has passed.
        """
        block = self._blocks.add(kind, value, why, by, until)
        self.note("blocked", kind=block.kind, value=block.value, why=block.why, by=by, until=until)
        return block

    async def save_block(self, block: Block) -> bool:
        """Return whether a block will outlive a restart."""
        return await self._saved(self._store.save_block(block))

    async def unblock(self, kind: str, value: str, *, by: str) -> bool:
        """Let somebody in again; False where nothing has kept them out."""
        block = self._blocks.remove(kind, value)
        if block is None:
            return False
        self.note("unblocked", kind=block.kind, value=block.value, by=by)
        await self._saved(self._store.remove_block(block))
        return True

    async def _saved(self, saving: Awaitable[None]) -> bool:
        """Save what holds already: a disk that fails must not keep an operator from acting."""
        try:
            await saving
        except UnavailableError as error:
            logger.error("this holds, but not over a restart: %s", error)
            return False
        return True

    def is_blocked(self, visitor: Visitor, identity: str | None, to: str) -> bool:
        """Whether a call like this would be kept out now."""
        grant = Grant(identity=identity)
        return self._blocks.find(visitor, grant, to, self.rules.policy.country) is not None

    def note(
        self,
        event: Event,
        visitor: Visitor | None = None,
        grant: Grant | None = None,
        **fields: Value,
    ) -> None:
        """Write an audit line."""
        self._audit.write(event, visitor, grant, **fields)

    def note_refusal(self, event: Event, visitor: Visitor, error: GatewayError) -> int | None:
        """Write who was not let in, and why; one line a minute for who tries it again and again.

        Return how many such lines were left out since the last one, None if this one is.
        """
        why = why_of(error)
        words = (why["error"], why["limit"], why["rule"], why["reason"])
        earlier = self._repeats.add((client_key(visitor.address), event, *words))
        if earlier is not None:
            self.note(event, visitor, None, **why, earlier=earlier or None)
        return earlier

    async def close(self) -> None:
        """Save what has to outlive a restart."""
        await self.caps.close()


def _check_caller(grant: Grant, caller: str | None) -> None:
    """Refuse a caller's number of the page's choice, where tokens say who calls."""
    if caller is not None and grant.caller is None and grant.to is not None:
        raise ForbiddenError(
            f"`from` is {caller}: the token does not grant it (claim `call.from`)",
            rule="token-caller",
        )
