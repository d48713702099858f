"""The messages of `/v1/ws`: one closed union each way, camelCase on the wire.

A frame is judged here and nowhere else: what passes has every field in range, and what does not is
a `MessageError` that says which field broke which rule. Fields that we do not know are ignored, so
that a newer page can talk to an older gateway.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    SerializerFunctionWrapHandler,
    TypeAdapter,
    ValidationError,
    model_serializer,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError, from_json

from gateway.errors import GatewayError

CallId = Annotated[str, Field(pattern=r"^[\x21-\x7e]{1,64}$")]


class Wire(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True, frozen=True)


# Client to server


class ClientWire(Wire):
    # No "5" for 5: a page that sends the wrong type hears of it on its first try
    model_config = ConfigDict(strict=True, extra="ignore", validate_by_name=False)


class Offer(ClientWire):
    type: Literal["offer"]
    sdp: str


class IceCandidate(ClientWire):
    """RTCIceCandidateInit, of which only the candidate counts: all media is one bundle."""

    candidate: Annotated[str, Field(max_length=1024, pattern=r"^[^\x00-\x1f\x7f]*$")]


class Hello(ClientWire):
    """The first message, and again with a new token. `challenge` answers the page's CAPTCHA.

    `resume` is the token of a session that has lost its socket, or is to leave it; `received` how
    many messages of calls the client has taken in that session, `quality` not counted. Without it
    whatever has gone out on a socket counts as taken.
    """

    type: Literal["hello"]
    token: SecretStr | None = None
    resume: Annotated[SecretStr | None, Field(max_length=128)] = None
    received: Annotated[int | None, Field(ge=0, le=2**53)] = None
    challenge: SecretStr | None = None


class PlaceCall(ClientWire):
    type: Literal["call"]
    call: CallId
    to: str
    offer: Offer
    from_: Annotated[str | None, Field(alias="from")] = None
    display_name: str | None = None
    headers: dict[str, str] = {}


class Accept(ClientWire):
    """Take a call that rings; it rings on where the offer cannot be used."""

    type: Literal["accept"]
    call: CallId
    offer: Offer


class Reject(ClientWire):
    """Stop the ringing here. `code` is what the trunk hears if no page takes the call."""

    type: Literal["reject"]
    call: CallId
    code: Literal[480, 486, 603] = 603


class Register(ClientWire):
    """Let calls from trunks ring here. The token's `sub` counts where there are tokens."""

    type: Literal["register"]
    identity: str | None = None


class Unregister(ClientWire):
    type: Literal["unregister"]
    identity: str | None = None


class Candidate(ClientWire):
    type: Literal["candidate"]
    call: CallId
    candidate: IceCandidate | None


class Restart(ClientWire):
    """Another media path for a call: a new RTCPeerConnection, or an ICE restart; `answer` follows.

    It is used once it is up; candidates that follow are for it. `error` with the name
    `restart-failed` says that it has not come up: the call goes on as it was.
    """

    type: Literal["restart"]
    call: CallId
    offer: Offer


class Hangup(ClientWire):
    type: Literal["hangup"]
    call: CallId


class Hold(ClientWire):
    """Put the far end on hold; `held` follows, or `error` with the name `hold-refused`."""

    type: Literal["hold"]
    call: CallId


class Resume(ClientWire):
    """Hold it no longer; `resumed` follows, or `error` with the name `resume-refused`."""

    type: Literal["resume"]
    call: CallId


class Transfer(ClientWire):
    """Hand the far end over to a number, or to the far end of another call (`replaces`, its id).

    With `identity` the pages that are registered under it ring, and the first `accept` has the
    call: the far end is not asked. `transferProgress` and then `transferred` or `transferFailed`
    follow.
    """

    type: Literal["transfer"]
    call: CallId
    to: str | None = None
    replaces: CallId | None = None
    identity: str | None = None

    @model_validator(mode="after")
    def _one_of_all(self) -> Self:
        if sum(each is not None for each in (self.to, self.replaces, self.identity)) != 1:
            raise PydanticCustomError(
                "transfer", "one of `to`, `replaces` and `identity` is needed"
            )
        return self


class SendDigits(ClientWire):
    """`duration` and `gap` in ms; without them W3C's defaults for RTCDTMFSender hold.

    A comma in `digits` is a pause of 2 s, as there, and `w` one of 0.5 s, as Asterisk has it.
    """

    type: Literal["dtmf"]
    call: CallId
    digits: Annotated[str, Field(pattern=r"^[0-9A-Da-d*#,Ww]{1,64}$")]
    duration: Annotated[int, Field(ge=40, le=6000)] = 100
    gap: Annotated[int, Field(ge=30, le=6000)] = 70


class Ping(ClientWire):
    type: Literal["ping"]


ClientMessage = Annotated[
    Hello
    | PlaceCall
    | Accept
    | Reject
    | Register
    | Unregister
    | Candidate
    | Restart
    | Hangup
    | Hold
    | Resume
    | Transfer
    | SendDigits
    | Ping,
    Field(discriminator="type"),
]

# Messages of the protocol that this version does not serve yet
NOT_SERVED = frozenset({"stats", "feedback"})

_CLIENT: TypeAdapter[ClientMessage] = TypeAdapter(ClientMessage)


class MessageError(GatewayError):
    """A frame that is no message; `call` is the call it spoke of, and `places` whether it asked for
    one.
    """

    sip_code = 400
    name = "bad-message"

    def __init__(self, rule: str, *, call: str | None = None, places: bool = False) -> None:
        super().__init__(rule)
        self.call = call
        self.places = places


class NotSupportedError(MessageError):
    """A message of the protocol that this version does not serve."""

    sip_code = 501
    name = "not-supported"


def parse(text: str) -> ClientMessage:
    """Read one text frame.

    Raises
    ------
    MessageError
        The frame is no JSON object, its type is unknown, or a field breaks a rule.
    """
    try:
        frame: Any = from_json(text.encode())
    except ValueError as error:
        raise MessageError(f"the frame is not JSON: {error}") from None
    if not isinstance(frame, dict):
        raise MessageError("the frame is not a JSON object")
    kind, call = frame.get("type"), frame.get("call")
    if not isinstance(call, str) or len(call) > 64:
        call = None
    if isinstance(kind, str) and kind in NOT_SERVED:
        raise NotSupportedError(f"`{kind}` is not supported by this version", call=call)
    try:
        return _CLIENT.validate_python(frame)
    except ValidationError as error:
        rule = _first_problem(error, kind)
        raise MessageError(rule, call=call, places=kind == "call") from None


def _first_problem(error: ValidationError, kind: object) -> str:
    """Name the field and the rule; a value is not repeated, as it may be a token or a whole SDP."""
    problem = error.errors(include_url=False, include_input=False)[0]
    if problem["type"].startswith("union_tag"):
        return f"`type` is {str(kind)[:40]!r}: that message is unknown"
    # A part may be the name of a header, which is the page's own
    field = ".".join(str(part)[:80] for part in problem["loc"][1:])
    return f"`{kind}` message, field `{field}`: {problem['msg']}"


# Server to client


class Codecs(Wire):
    browser: str
    trunk: str


class LiveCall(Wire):
    """A call of a session that has been resumed. `held` is who holds the other: both may at once.

    `to` is there for a call of one's own, `from`, `to` and perhaps `displayName` for one that came
    in; in state "ringing" such a call waits for `accept` or `reject`.
    """

    call: str
    state: Literal["trying", "ringing", "answered"]
    direction: Literal["outgoing", "incoming"]
    to: str | None = None
    from_: Annotated[str | None, Field(serialization_alias="from")] = None
    display_name: str | None = None
    early_media: bool = False
    answered_ms: int | None = None
    held: tuple[Literal["local", "remote"], ...] = ()
    codec: Codecs | None = None

    @model_serializer(mode="wrap")
    def _known_fields(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        fields: dict[str, Any] = serialize(self)
        for name in ("to", "from", "from_", "displayName", "display_name", "codec"):
            if fields.get(name, ...) is None:
                del fields[name]
        return fields


class Welcome(Wire):
    """`expires` is the token's end in seconds since the epoch, null where there is none.

    `resumeToken` brings the client back to this session on another socket, for `resumeWindow`
    seconds after it has lost this one; null where sessions end with theirs. `resume` says what
    became of the `hello`'s: "resumed", or a new session since the old one is "over" or "unknown";
    null where none was asked for. `calls` are those that are alive. The next `missed` messages are
    those of calls that the client has not taken, in order, and `received` is the number of those
    before them; `lost` ones of these are gone.
    """

    type: Literal["welcome"] = "welcome"
    session: str
    resume_token: str | None = None
    resume_window: float = 0
    ice_servers: tuple[dict[str, Any], ...] = ()
    ice_transport_policy: Literal["all", "relay"] = "all"
    expires: float | None = None
    identity: str | None = None
    resume: Literal["resumed", "over", "unknown"] | None = None
    received: int = 0
    missed: int = 0
    lost: int = 0
    calls: tuple[LiveCall, ...] = ()


class TokenWillExpire(Wire):
    """A new token in another `hello` keeps the session able to call; running calls go on."""

    type: Literal["tokenWillExpire"] = "tokenWillExpire"
    expires: float


class Draining(Wire):
    """No new call is taken; those that run may go on for `seconds`, then they are ended."""

    type: Literal["draining"] = "draining"
    seconds: int


class Trying(Wire):
    type: Literal["trying"] = "trying"
    call: str


class Ringing(Wire):
    type: Literal["ringing"] = "ringing"
    call: str
    early_media: bool


class AnswerDescription(Wire):
    type: Literal["answer"] = "answer"
    sdp: str


class Answer(Wire):
    type: Literal["answer"] = "answer"
    call: str
    answer: AnswerDescription


class ServerCandidate(Wire):
    """Never sent so far: our candidates stand in the answer."""

    type: Literal["candidate"] = "candidate"
    call: str
    candidate: dict[str, Any] | None


class Answered(Wire):
    type: Literal["answered"] = "answered"
    call: str
    codec: Codecs


class Incoming(Wire):
    """A call from a trunk rings. `from` may be "anonymous"; `displayName` is there if it is known.

    `accept` or `reject` follows; `ended` has the cause `answered-elsewhere` where another page was
    first.
    """

    type: Literal["incoming"] = "incoming"
    call: str
    from_: Annotated[str, Field(serialization_alias="from")]
    to: str
    display_name: str | None = None
    headers: dict[str, str] | None = None

    @model_serializer(mode="wrap")
    def _known_fields(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {name: value for name, value in serialize(self).items() if value is not None}


class Registered(Wire):
    type: Literal["registered"] = "registered"
    identity: str


class Unregistered(Wire):
    """Nothing rings here any more: the page has wished so, or its token has run out."""

    type: Literal["unregistered"] = "unregistered"
    identity: str


class Digit(Wire):
    """`duration` in ms."""

    type: Literal["dtmf"] = "dtmf"
    call: str
    digit: str
    duration: int


class Held(Wire):
    """`by` is who holds the other: both may at once."""

    type: Literal["held"] = "held"
    call: str
    by: Literal["local", "remote"]


class Resumed(Wire):
    type: Literal["resumed"] = "resumed"
    call: str
    by: Literal["local", "remote"]


class TransferProgress(Wire):
    """A stage of the new call: what the trunk reports of it, such as 180."""

    type: Literal["transferProgress"] = "transferProgress"
    call: str
    sip_code: int
    reason: str


class Transferred(Wire):
    """The new phone has answered; `ended` with the cause `transferred` follows."""

    type: Literal["transferred"] = "transferred"
    call: str
    sip_code: int
    reason: str


class TransferFailed(Wire):
    """The call goes on as it was."""

    type: Literal["transferFailed"] = "transferFailed"
    call: str
    sip_code: int
    reason: str


class Redirecting(Wire):
    """The far end hands the page over to `to`; this is a stage of the call there, such as 180.

    The call goes on as it was until `redirected`. `to` is a number or a SIP user.
    """

    type: Literal["redirecting"] = "redirecting"
    call: str
    to: str
    sip_code: int
    reason: str


class Redirected(Wire):
    """The page talks to `to` now; the call goes on under its id."""

    type: Literal["redirected"] = "redirected"
    call: str
    to: str
    codec: Codecs


class RedirectFailed(Wire):
    """Nobody answered there, or it may not be called: the call goes on as it was."""

    type: Literal["redirectFailed"] = "redirectFailed"
    call: str
    to: str
    sip_code: int
    reason: str


class LegQuality(Wire):
    """The last two seconds of one leg; null where nothing is known.

    `mos` 1 to 4.5 (ITU-T G.107), `loss` 0 to 1, `level` in -dBov (RFC 6464: 0 is the loudest).
    """

    mos: float | None
    loss: float
    jitter_ms: float
    rtt_ms: float | None
    level: int | None
    packets: int


class Quality(Wire):
    type: Literal["quality"] = "quality"
    call: str
    browser: LegQuality
    trunk: LegQuality


class Ended(Wire):
    type: Literal["ended"] = "ended"
    call: str
    by: Literal["local", "remote", "gateway"]
    cause: str
    sip_code: int
    reason: str
    message: str
    duration_ms: int


class Pong(Wire):
    type: Literal["pong"] = "pong"


class Error(Wire):
    """With `fatal` and a call, that call is over; with `fatal` alone, the session is."""

    type: Literal["error"] = "error"
    code: int
    name: str
    message: str
    fatal: bool = False
    call: str | None = None

    @model_serializer(mode="wrap")
    def _without_absent_call(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        fields: dict[str, Any] = serialize(self)
        if self.call is None:
            del fields["call"]
        return fields


ServerMessage = Annotated[
    Welcome
    | TokenWillExpire
    | Draining
    | Trying
    | Ringing
    | Answer
    | ServerCandidate
    | Answered
    | Incoming
    | Registered
    | Unregistered
    | Digit
    | Held
    | Resumed
    | TransferProgress
    | Transferred
    | TransferFailed
    | Redirecting
    | Redirected
    | RedirectFailed
    | Quality
    | Ended
    | Pong
    | Error,
    Field(discriminator="type"),
]


def render(message: ServerMessage) -> str:
    """Write one text frame."""
    return message.model_dump_json(by_alias=True)


def is_kept(message: ServerMessage) -> bool:
    """Whether a client that comes back is told: all that is about a call, but a passing reading."""
    return getattr(message, "call", None) is not None and not isinstance(message, Quality)


def error_of(error: GatewayError, *, call: str | None = None, fatal: bool = False) -> Error:
    """Say a refusal in the words of the protocol."""
    return Error(code=error.sip_code, name=error.name, message=str(error), call=call, fatal=fatal)
