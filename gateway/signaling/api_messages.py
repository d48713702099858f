"""What the operator's API takes and gives: JSON, camelCase on the wire."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from pydantic_core import from_json

from gateway.admission.blocks import MAX_TEXT, Block, Kind
from gateway.admission.issuing import IssuedClaim
from gateway.admission.token import Name
from gateway.calls.record import CallRecord
from gateway.calls.trunks import TrunkCalls
from gateway.signaling.seam import DeadWebhook

LONGEST_TOKEN = 86_400  # seconds: a page that stays open for longer asks for another one

BlockText = Annotated[str, Field(min_length=1, max_length=MAX_TEXT)]


class Wire(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True)


class Closed(Wire):
    model_config = ConfigDict(extra="forbid")


class Problem(Wire):
    """`error` is a word for programs, `message` a sentence for people."""

    error: str
    message: str


class Misfit(BaseModel):
    """A value that breaks a rule: where it stands, the rule in words, and its name for programs."""

    loc: list[str]
    msg: str
    type: str


class Invalid(Problem):
    """What was sent is not repeated: it may be a key, or no text."""

    detail: list[Misfit]


class Codecs(Wire):
    """`fallback` is the other trunk's, of a call that has gone to a fallback; it has no browser."""

    browser: str | None
    trunk: str | None
    fallback: str | None


class Mos(Wire):
    """Means over the call, null before two seconds of it; `fallback` as of `codec`."""

    browser: float | None
    trunk: float | None
    fallback: float | None


class HolderView(Wire):
    """Who has a call, where that is another one than who began it, or that one from elsewhere."""

    identity: str | None
    address: str | None
    session: str | None


class CallView(Wire):
    """A call that runs or rings. Times are ISO 8601, UTC; `sipCallId` is the Call-ID at the trunk.

    `direction` is the page's view. While a call from a trunk rings, `session` is empty. The far end
    has handed the page over to `redirectedTo`, by the trunk `redirectedTrunk`.
    """

    id: str
    direction: Literal["outgoing", "incoming"]
    state: Literal["trying", "ringing", "answered", "ended"]
    to: str
    from_: Annotated[str | None, Field(alias="from")]
    trunk: str
    identity: str | None
    address: str
    origin: str | None
    session: str
    call: str
    started_at: str
    answered_at: str | None
    codec: Codecs
    mos: Mos
    sip_call_id: str
    fallback: str | None
    fallback_trunk: str | None
    redirected_to: str | None
    redirected_trunk: str | None
    holder: HolderView | None

    @classmethod
    def of(cls, record: CallRecord) -> CallView:
        """Write what is known of a call."""
        request = record.request
        visitor, holder = request.visitor, record.holder
        return cls.model_validate(
            {
                "id": record.id,
                "direction": record.direction,
                "state": record.state,
                "to": request.to,
                "from": request.caller,
                "trunk": record.trunk,
                "identity": request.identity,
                "address": visitor.address,
                "origin": visitor.origin,
                "session": visitor.session,
                "call": request.page_call,
                "started_at": written(record.started),
                "answered_at": None if record.answered is None else written(record.answered),
                "codec": Codecs(
                    browser=record.browser_codec,
                    trunk=record.trunk_codec,
                    fallback=record.fallback_codec,
                ),
                "mos": Mos(**{leg: each.mos.value for leg, each in record.legs.items()}),
                "sip_call_id": record.sip_call_id,
                "fallback": record.fallback,
                "fallback_trunk": record.fallback_trunk,
                "redirected_to": record.redirected_to,
                "redirected_trunk": record.redirected_trunk,
                "holder": None
                if holder is None
                else HolderView(
                    identity=holder.identity,
                    address=holder.visitor.address,
                    session=holder.visitor.session,
                ),
            }
        )


class CallList(Wire):
    """Calls, the oldest first. `next` is the `cursor` of the next page, null on the last one."""

    calls: list[CallView]
    next: str | None


class EndedCount(Wire):
    """How many calls were ended; their pages are told, and BYE is on its way."""

    ended: int


class DrainView(Wire):
    """`seconds` are left to the `active` calls that still run; null while new ones are taken."""

    draining: bool
    active: int
    seconds: int | None


class WebhooksView(Wire):
    """`gone`: it has answered 410, and nothing is sent until dead events are sent again.

    `failed` are attempts; `lost` are events for which there was no room.
    """

    url: str
    gone: bool
    last_error: str | None
    sent: int
    failed: int
    lost: int
    waiting: int
    dead: int


class DeadWebhookView(Wire):
    """`payload` is what was sent; `id` its webhook-id."""

    id: str
    type: str
    attempts: int
    why: str
    died_at: str
    payload: Any

    @classmethod
    def of(cls, dead: DeadWebhook) -> DeadWebhookView:
        """Write what is known of it."""
        event = dead.event
        return cls(
            id=event.id,
            type=event.kind,
            attempts=dead.attempts,
            why=dead.why or "there was no attempt in time",
            died_at=written(dead.died),
            payload=from_json(event.body),
        )


class DeadWebhooks(Wire):
    dead: list[DeadWebhookView]


class RetryWebhooks(Closed):
    """`ids` as of the list; null for all."""

    ids: Annotated[list[BlockText], Field(max_length=1000)] | None = None


class EventCount(Wire):
    events: int


class TokenRequest(Closed, IssuedClaim):
    """What the token is to grant; see the claims of a call token. `expires` in seconds from now."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    sub: Name
    iss: Annotated[str | None, Field(max_length=256)] = None
    expires: Annotated[int, Field(ge=1, le=LONGEST_TOKEN)] = 60


class Token(Wire):
    """`expires` in seconds since the epoch."""

    token: str
    expires: int


class Switch(Closed):
    """The kill switch: with `open` false no new call is taken; those that run go on."""

    open: bool
    why: Annotated[str, Field(max_length=200)] = ""


class AdmissionView(Wire):
    """`why` says why new calls are stopped, `saved` whether that outlives a restart.

    Money and minutes are those of the day (UTC).
    """

    open: bool
    why: str | None
    active: int
    minutes_today: float
    spend_today: float
    saved: bool = True


class TrunkView(Wire):
    """A trunk. `up` is null while nobody has asked it; `why` is what was last seen of it."""

    name: str
    up: bool | None
    why: str
    active: int
    capacity: int
    placed: int
    answered: int
    answers: dict[str, int]

    @classmethod
    def of(cls, state: TrunkCalls) -> TrunkView:
        """Write what is known of a trunk."""
        return cls(
            name=state.name,
            up=state.up,
            why=state.why,
            active=state.active,
            capacity=state.capacity,
            placed=state.placed,
            answered=state.answered,
            answers=dict(state.answers),
        )


class TrunkList(Wire):
    trunks: list[TrunkView]


class NewBlock(Closed):
    """`seconds` for how long, null for good; `endCalls` ends the calls that it hits, too."""

    kind: Kind
    value: BlockText
    why: Annotated[str, Field(max_length=MAX_TEXT)] = ""
    seconds: Annotated[int | None, Field(ge=1, le=366 * 86_400)] = None
    end_calls: bool = True


class BlockView(Wire):
    """A block as it holds: an IPv6 address counts by its /64."""

    kind: Kind
    value: str
    why: str
    by: str
    at: str
    until: str | None

    @classmethod
    def of(cls, block: Block) -> BlockView:
        """Write its times."""
        until = None if block.until is None else written(block.until)
        return cls(
            kind=block.kind,
            value=block.value,
            why=block.why,
            by=block.by,
            at=written(block.at),
            until=until,
        )


class BlockList(Wire):
    blocks: list[BlockView]


class BlockAdded(Wire):
    """`ended` is how many calls it has ended, `saved` whether it outlives a restart."""

    block: BlockView
    ended: int
    saved: bool


def written(at: float) -> str:
    """Write a time as all of the API does: to the nearest millisecond, as records have it."""
    moment = datetime.fromtimestamp(round(at, 3), UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
