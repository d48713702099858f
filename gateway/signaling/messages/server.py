"""What the server says: one closed union, and how it is written."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from gateway.errors import GatewayError
from gateway.signaling.messages.wire import Wire


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

    `identity` is the token's `sub`, and is left out without a token.
    `resumeToken` brings the client back to this session on another socket, for `resumeWindow`
    seconds after it has lost this one; null where sessions end with theirs. `resume` says what
    became of the `hello`'s: "resumed", or a new session since the old one is "over" or "unknown";
    null where none was asked for. `calls` are those that are alive. The next `missed` messages are
    those of calls that the client has not taken, in order, and `received` is the number of those
    before them; `lost` ones of these are gone. `heard` is the number of the client's messages with
    a `call` that the session has had: a dead socket has swallowed those that it sent since.
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
    heard: int = 0
    received: int = 0
    missed: int = 0
    lost: int = 0
    calls: tuple[LiveCall, ...] = ()

    @model_serializer(mode="wrap")
    def _known_fields(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        fields: dict[str, Any] = serialize(self)
        if self.identity is None:
            del fields["identity"]
        return fields


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
    """`id` is that of the `restart` which is answered, if it has one.

    `ports` is there in a pre-flight: the UDP ports that browsers send to, for a firewall.
    """

    type: Literal["answer"] = "answer"
    call: str
    answer: AnswerDescription
    id: str | None = None
    ports: tuple[int, ...] | None = None

    @model_serializer(mode="wrap")
    def _known_fields(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {name: value for name, value in serialize(self).items() if value is not None}


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
    """Both legs of a call, or the browser's of a pre-flight with `echo` in place of `trunk`.

    `echo` is what the browser reports of the sound that it gets back.
    """

    type: Literal["quality"] = "quality"
    call: str
    browser: LegQuality
    trunk: LegQuality | None = None
    echo: LegQuality | None = None

    @model_serializer(mode="wrap")
    def _known_legs(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {name: value for name, value in serialize(self).items() if value is not None}


class FeedbackTaken(Wire):
    """What the page has said of a call is kept."""

    type: Literal["feedbackTaken"] = "feedbackTaken"
    call: str


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
    """With `fatal` and a call, that call is over; with `fatal` alone, the session is.

    `id` is that of the `restart` which it is about, if it is about one that has an id.
    """

    type: Literal["error"] = "error"
    code: int
    name: str
    message: str
    fatal: bool = False
    call: str | None = None
    id: str | None = None

    @model_serializer(mode="wrap")
    def _known_fields(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {name: value for name, value in serialize(self).items() if value is not None}


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
    | FeedbackTaken
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


def error_of(
    error: GatewayError,
    *,
    call: str | None = None,
    fatal: bool = False,
    restart_id: str | None = None,
) -> Error:
    """Say a refusal in the words of the protocol."""
    return Error(
        code=error.sip_code,
        name=error.name,
        message=error.said,
        call=call,
        fatal=fatal,
        id=restart_id,
    )
