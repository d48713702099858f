"""What a client says: one closed union, and the place where a frame is judged.

What passes has every field in range, and what does not is a `MessageError` that says which field
broke which rule. Fields that we do not know are ignored, so that a newer page can talk to an older
gateway.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    SecretStr,
    TypeAdapter,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails, PydanticCustomError, from_json

from gateway.admission.fields import (
    MAX_DISPLAY_NAME,
    MAX_HEADER_BYTES,
    MAX_HEADER_NAME,
    MAX_HEADERS,
    MAX_IDENTITY,
)
from gateway.admission.target import MAX_CHARACTERS, TARGET
from gateway.errors import GatewayError
from gateway.signaling.messages.wire import Wire

MAX_FRAME = 64 * 1024  # bytes
LONGEST_GAP = 6000  # ms
# Entries of getStats: a call with one audio track has some 20, with video and many candidates 100
MOST_STATS = 256
MAX_SECRET = 128  # characters of a resume token; ours have 43
MAX_ISSUE = 1000  # characters: what somebody writes into a small box

# What the gate judges, by rules that no schema has; the page of the protocol tells them
HEADERS = (
    f"at most {MAX_HEADERS}, of {MAX_HEADER_BYTES} bytes in all; a name is `X-` and "
    f"1 to {MAX_HEADER_NAME} letters, digits and hyphens"
)
Identity = Annotated[
    str | None, Field(description=f"1 to {MAX_IDENTITY} characters, each of which can be seen")
]

CallId = Annotated[str, Field(pattern=r"^[\x21-\x7e]{1,64}$")]
RestartId = Annotated[str, Field(pattern=r"^[\x21-\x7e]{1,64}$")]


class ClientWire(Wire):
    # No "5" for 5: a page that sends the wrong type hears of it on its first try
    model_config = ConfigDict(strict=True, extra="ignore", validate_by_name=False)

    @model_validator(mode="before")
    @classmethod
    def _null_is_absent(cls, frame: Any) -> Any:
        """Take null for what need not be there: many a client writes all the names that it has."""
        if not isinstance(frame, dict):
            return frame
        fields = cls.model_fields.items()
        optional = {field.alias or name for name, field in fields if not field.is_required()}
        return {
            name: value
            for name, value in frame.items()
            if value is not None or name not in optional
        }


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
    resume: Annotated[SecretStr | None, Field(max_length=MAX_SECRET)] = None
    received: Annotated[int | None, Field(ge=0, le=2**53)] = None
    challenge: SecretStr | None = None


class PlaceCall(ClientWire):
    """Call a number, or a SIP user; `trying` follows, or `error` with this `call`.

    `from` is the number that the phone shows. With tokens the token's `call.from` stands in its
    place, and a call with `from` is refused (`not-allowed`) where the token has none. `displayName`
    and `headers` are the page's own and need no grant; `headers` go into the INVITE as far as the
    trunk's `headers` lets them. None of them has a control character or an angle bracket.
    """

    type: Literal["call"]
    call: CallId
    to: Annotated[str, Field(description=f"{TARGET}, at most {MAX_CHARACTERS} characters")]
    offer: Offer
    from_: Annotated[str | None, Field(alias="from", description="by the rules of `to`")] = None
    display_name: Annotated[
        str | None, Field(description=f"at most {MAX_DISPLAY_NAME} characters")
    ] = None
    headers: Annotated[dict[str, str], Field(description=HEADERS)] = Field(default_factory=dict)


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
    identity: Identity = None


class Unregister(ClientWire):
    type: Literal["unregister"]
    identity: Identity = None


class Candidate(ClientWire):
    type: Literal["candidate"]
    call: CallId
    candidate: IceCandidate | None


class Restart(ClientWire):
    """Another media path for a call: a new RTCPeerConnection, or an ICE restart; `answer` follows.

    It is used once it is up; candidates that follow are for it. `error` with the name
    `restart-failed` says that it has not come up: the call goes on as it was. `id` comes back in
    both, and in the `error` of one that is refused: a page that asks again, or is loaded again,
    knows by it which one they are about.
    """

    type: Literal["restart"]
    call: CallId
    offer: Offer
    id: RestartId | None = None


class StartPreflight(ClientWire):
    """Try the way to the gateway: the browser hears itself, and nobody is called.

    `answer`, `quality` every two seconds and `ended` follow as for a call; `candidate` and `hangup`
    are all that it takes. It ends by itself after 30 s.
    """

    type: Literal["preflight"]
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
    to: Annotated[str | None, Field(description="by the rules of `call`")] = None
    replaces: CallId | None = None
    identity: Identity = None

    @model_validator(mode="after")
    def _one_of_all(self) -> Self:
        if sum(each is not None for each in (self.to, self.replaces, self.identity)) != 1:
            raise PydanticCustomError(
                "transfer", "one of `to`, `replaces` and `identity` is needed"
            )
        return self


class SendDigits(ClientWire):
    """`duration` and `gap` in ms; without them W3C's defaults for RTCDTMFSender hold.

    A longer gap than 6000 is one of 6000, as there.

    A comma in `digits` is a pause of 2 s, as there, and `w` one of 0.5 s, as Asterisk has it.
    """

    type: Literal["dtmf"]
    call: CallId
    digits: Annotated[str, Field(pattern=r"^[0-9A-Da-d*#,Ww]{1,64}$")]
    duration: Annotated[int, Field(ge=40, le=6000)] = 100
    gap: Annotated[int, Field(ge=30), AfterValidator(lambda gap: min(gap, LONGEST_GAP))] = 70


class Stats(ClientWire):
    """A sample of the browser's getStats: its entries, as a list or by their ids.

    The entries of `inbound-rtp`, `remote-inbound-rtp` and the nominated `candidate-pair` are what
    counts; every ten seconds is enough.
    """

    type: Literal["stats"]
    call: CallId
    report: (
        Annotated[list[dict[str, Any]], Field(max_length=MOST_STATS)]
        | Annotated[dict[str, dict[str, Any]], Field(max_length=MOST_STATS)]
    )

    @property
    def entries(self) -> list[dict[str, Any]]:
        """The entries of the report, in whatever form it came."""
        report = self.report
        return report if isinstance(report, list) else list(report.values())


class Feedback(ClientWire):
    """How the call was, 1 (bad) to 5, and what was wrong in words, while it runs or afterwards.

    `feedbackTaken` follows. A second one takes the first one's place.
    """

    type: Literal["feedback"]
    call: CallId
    score: Annotated[int, Field(ge=1, le=5)]
    issue: Annotated[str | None, Field(max_length=MAX_ISSUE)] = None


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
    | StartPreflight
    | Hangup
    | Hold
    | Resume
    | Transfer
    | SendDigits
    | Stats
    | Feedback
    | Ping,
    Field(discriminator="type"),
]

# Messages whose `call` is a new one: it is over if the message cannot be read
_BEGINS = ("call", "preflight")

_CLIENT: TypeAdapter[ClientMessage] = TypeAdapter(ClientMessage)


class MessageError(GatewayError):
    """A frame that is no message.

    `call` is the call it spoke of, and `places` whether it asked for one; `restart_id` is that of
    the restart it asked for. `to` is whom a `call` message wanted, empty where that is no text;
    None for all others.
    """

    sip_code = 400
    name = "bad-message"

    def __init__(
        self,
        rule: str,
        *,
        call: str | None = None,
        restart_id: str | None = None,
        places: bool = False,
        to: str | None = None,
    ) -> None:
        super().__init__(rule)
        self.call = call
        self.restart_id = restart_id
        self.places = places
        self.to = to


def parse(text: str, most: int = MAX_FRAME) -> ClientMessage:
    """Read one text frame of at most so many bytes.

    Raises
    ------
    MessageError
        The frame is too long, or no JSON object, its type is unknown, or a field breaks a rule.
    """
    try:
        data = text.encode()  # with a lone surrogate it is no text
        frame: Any = from_json(data)
    except ValueError as error:
        raise MessageError(f"the frame is not JSON: {error}") from None
    if not isinstance(frame, dict):
        raise MessageError("the frame is not a JSON object")
    kind, call = frame.get("type"), _id(frame, "call")
    restart_id = _id(frame, "id") if kind == "restart" else None
    try:
        if len(data) <= most:
            return _CLIENT.validate_python(frame)
        rule = f"the frame has {len(data)} bytes: at most {most} are allowed"
    except ValidationError as error:
        rule = _first_problem(error, kind)
    places, to = kind in _BEGINS, _text(frame, "to") if kind == "call" else None
    raise MessageError(rule, call=call, restart_id=restart_id, places=places, to=to)


def _id(frame: dict[str, Any], field: str) -> str | None:
    """Return what a client knows a call or a restart by, if it may be repeated to it."""
    found = frame.get(field)
    return found if isinstance(found, str) and len(found) <= 64 else None


def _text(frame: dict[str, Any], field: str) -> str:
    found = frame.get(field)
    return found if isinstance(found, str) else ""


def _first_problem(error: ValidationError, kind: object) -> str:
    """Name the field and the rule; a value is not repeated, as it may be a token or a whole SDP."""
    problem = error.errors(include_url=False, include_input=False)[0]
    if problem["type"].startswith("union_tag"):
        return f"`type` is {str(kind)[:40]!r}: that message is unknown"
    # A part may be the name of a header, which is the page's own
    field = ".".join(str(part)[:80] for part in problem["loc"][1:])
    where = f", field `{field}`" if field else ""  # a rule of several fields has none
    return f"`{kind}` message{where}: {_in_words(problem)}"


def _in_words(problem: ErrorDetails) -> str:
    """Say a rule; of a length in our words, as pydantic's speak of items and of validation."""
    most = problem.get("ctx", {}).get("max_length")
    if problem["type"] == "string_too_long" or (problem["type"], most) == ("too_long", MAX_SECRET):
        return f"at most {most} characters are allowed"
    if problem["type"] == "too_long":
        return f"at most {most} entries are allowed"
    return problem["msg"]
