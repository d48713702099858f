"""The operator's HTTP API: who is calling, who may, and how to stop it.

Each request needs an API key (`Authorization: Bearer …`). The door in front of it looks at the key
before a byte of the body is read, so that strangers have nothing to send.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from time import time
from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Path, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.security import HTTPBearer
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.admission.blocks import MAX_TEXT, Kind
from gateway.admission.token import CallClaim, Claims, new_id
from gateway.errors import GatewayError
from gateway.signaling.api_messages import (
    AdmissionView,
    BlockAdded,
    BlockList,
    BlockView,
    CallList,
    CallView,
    DeadWebhooks,
    DeadWebhookView,
    DrainView,
    EndedCount,
    EventCount,
    Invalid,
    Misfit,
    NewBlock,
    Problem,
    RetryWebhooks,
    Switch,
    Token,
    TokenRequest,
    TrunkList,
    TrunkView,
    WebhooksView,
)
from gateway.signaling.call_search import CallSearch, page_of
from gateway.signaling.record_messages import RecordPage, RecordSearch, RecordView
from gateway.signaling.room import Room
from gateway.signaling.seam import Records, Webhooks

PREFIX = "/v1/"
KEY_NAME = "gateway.key"  # in the scope: which key has opened the door
MAX_BODY = 64 * 1024  # bytes; a token for a hundred numbers takes two thousand

_CALL_ID = re.compile(r"[0-9a-f]{1,32}", re.ASCII)
_BEARER = re.compile(r"bearer[ ]+([\x21-\x7e]{1,200})", re.ASCII | re.IGNORECASE)


async def _room_of(request: Request) -> Room:
    room: Room = request.app.state.room
    return room


async def _call_id_of(call_id: Annotated[str, Path(description="the call's id")]) -> str:
    """Whatever cannot be an id is no call's; a database need not be asked for it."""
    if _CALL_ID.fullmatch(call_id) is None:
        raise HTTPException(404, "no call has such an id")
    return call_id


async def _caller_of(request: Request) -> str:
    name: str = request.scope[KEY_NAME]
    return name


async def _drain_of(request: Request) -> Callable[[], None]:
    drain: Callable[[], None] = request.app.state.drain
    return drain


async def _webhooks_of(request: Request) -> Webhooks:
    room: Room = request.app.state.room
    if room.webhooks is None:
        raise HTTPException(404, "no webhooks are configured: see webhooks.url")
    return room.webhooks


CallName = Annotated[str, Depends(_call_id_of)]
AnyRoom = Annotated[Room, Depends(_room_of)]
Caller = Annotated[str, Depends(_caller_of)]
Drain = Annotated[Callable[[], None], Depends(_drain_of)]
AnyWebhooks = Annotated[Webhooks, Depends(_webhooks_of)]
BlockValue = Annotated[str, Query(min_length=1, max_length=MAX_TEXT)]

# Says in the OpenAPI document that a key is needed; the door has looked at it by then
_KEY = HTTPBearer(auto_error=False, description="an API key, as `gateway key` makes it")
_REFUSALS: dict[int | str, dict[str, object]] = {
    400: {
        "model": Problem,
        "description": "A value is well formed and cannot be used, like a number that is none",
    },
    401: {"model": Problem, "description": "The API key is missing or unknown"},
    403: {"model": Problem, "description": "The API is closed: no key is configured"},
    413: {"model": Problem, "description": "The body is too big"},
    422: {"model": Invalid, "description": "A value breaks a rule, or the body is no JSON"},
}
_UNKNOWN: dict[int | str, dict[str, object]] = {
    404: {"model": Problem, "description": "There is no such call"}
}

_AWAY: dict[int | str, dict[str, object]] = {
    503: {"model": Problem, "description": "The database of records is away"}
}

_NO_WEBHOOKS: dict[int | str, dict[str, object]] = {
    404: {"model": Problem, "description": "No webhooks are configured"}
}

router = APIRouter(prefix="/v1", dependencies=[Depends(_KEY)], responses=_REFUSALS)


@router.get("/calls", summary="The calls that run")
async def calls(room: AnyRoom, wanted: Annotated[CallSearch, Query()]) -> CallList:
    shown, after = page_of(room.calls.records(), wanted.search())
    return CallList(calls=[CallView.of(record) for record in shown], next=after)


@router.get("/calls/{call_id}", summary="One call", responses=_UNKNOWN)
async def call(room: AnyRoom, call_id: CallName) -> CallView:
    for record in room.calls.records():
        if record.id == call_id:
            return CallView.of(record)
    raise _no_such_call(call_id)


@router.get(
    "/calls/{call_id}/report",
    summary="The record of one call, with the quality of its legs, while it runs and afterwards",
    responses=_UNKNOWN | _AWAY,
)
async def report(room: AnyRoom, call_id: CallName) -> RecordView:
    records = _records_of(room)
    for record in room.calls.records():
        if record.id == call_id:
            return RecordView.of(records.row_of(record))
    found = await records.find(call_id)
    if found is None:
        raise HTTPException(404, f"there is no record of a call {call_id!r}")
    return RecordView.of(found)


@router.get(
    "/records",
    summary="The records of calls that have ended or were refused",
    responses=_UNKNOWN | _AWAY,
)
async def search_records(room: AnyRoom, wanted: Annotated[RecordSearch, Query()]) -> RecordPage:
    return RecordPage.of(await _records_of(room).search(wanted.search()))


def _records_of(room: Room) -> Records:
    if room.records is None:
        raise HTTPException(404, "no records are kept: records.database is empty")
    return room.records


@router.delete("/calls/{call_id}", summary="End one call", responses=_UNKNOWN)
async def end_call(room: AnyRoom, by: Caller, call_id: CallName) -> EndedCount:
    ended = room.calls.stop([call_id], "The operator ended the call.")
    if not ended:
        raise _no_such_call(call_id)
    room.gate.note("call-stopped", call=call_id, by=by)
    return EndedCount(ended=ended)


@router.post("/tokens", summary="Make a call token", status_code=201)
async def make_token(room: AnyRoom, wanted: TokenRequest) -> Token:
    expires = int(time()) + wanted.expires
    call = CallClaim.model_validate(
        wanted.model_dump(by_alias=True, exclude={"sub", "iss", "expires"})
    )
    claims = Claims(sub=wanted.sub, iss=wanted.iss, exp=expires, jti=new_id(), call=call)
    token = room.gate.issue(claims)
    room.metrics.tokens_issued.inc()
    return Token(token=token, expires=expires)


@router.get("/admission", summary="Whether new calls are taken, and what the day has used")
async def admission(room: AnyRoom) -> AdmissionView:
    gate = room.gate
    minutes, spend = gate.used_today()
    return AdmissionView(
        open=gate.stopped is None,
        why=gate.stopped,
        active=room.calls.active,
        minutes_today=minutes,
        spend_today=spend,
    )


@router.put("/admission", summary="The kill switch: stop new calls, or take them again")
async def switch(room: AnyRoom, by: Caller, wanted: Switch) -> AdmissionView:
    if wanted.open:
        saved = await room.gate.start(by=by)
    else:
        saved = await room.gate.stop(wanted.why or "the operator has stopped new calls", by=by)
    return (await admission(room)).model_copy(update={"saved": saved})


@router.get("/drain", summary="Whether the gateway goes out of service")
async def draining(room: AnyRoom) -> DrainView:
    left = room.draining.left
    return DrainView(
        draining=room.calls.draining,
        active=room.calls.active,
        seconds=None if left is None else round(left),
    )


@router.post("/drain", summary="Go out of service, as at SIGTERM", status_code=202)
async def begin_drain(room: AnyRoom, by: Caller, drain: Drain) -> DrainView:
    """Take no new calls; once those that run have ended, or their time is up, end the process."""
    room.gate.note("drain", by=by)
    drain()
    return (await draining(room)).model_copy(update={"draining": True})


@router.get("/trunks", summary="Each trunk now")
async def trunks(room: AnyRoom) -> TrunkList:
    return TrunkList(trunks=[TrunkView.of(state) for state in room.calls.trunks.values()])


@router.get("/webhooks", summary="How events get to the operator's server", responses=_NO_WEBHOOKS)
async def webhooks(found: AnyWebhooks) -> WebhooksView:
    counts = found.counts
    return WebhooksView(
        url=found.url,
        gone=found.shut,
        last_error=found.why or None,
        sent=counts.sent,
        failed=counts.failed,
        lost=counts.lost,
        waiting=found.waiting,
        dead=found.dead_count,
    )


@router.get("/webhooks/dead", summary="Events that are not sent any more", responses=_NO_WEBHOOKS)
async def dead_webhooks(
    found: AnyWebhooks, limit: Annotated[int, Query(ge=1, le=1000)] = 100
) -> DeadWebhooks:
    return DeadWebhooks(dead=[DeadWebhookView.of(each) for each in await found.dead(limit)])


@router.post("/webhooks/dead/retry", summary="Send them again", responses=_NO_WEBHOOKS)
async def retry_webhooks(found: AnyWebhooks, wanted: RetryWebhooks) -> EventCount:
    """Those that are named, or all. A server that has said 410 Gone is asked again."""
    return EventCount(events=await found.revive(wanted.ids))


@router.delete("/webhooks/dead", summary="Throw them away", responses=_NO_WEBHOOKS)
async def forget_webhooks(found: AnyWebhooks) -> EventCount:
    return EventCount(events=await found.forget())


@router.get("/blocks", summary="Who is kept out")
async def blocks(room: AnyRoom) -> BlockList:
    return BlockList(blocks=[BlockView.of(block) for block in room.gate.blocks])


@router.post("/blocks", summary="Keep somebody out from now on", status_code=201)
async def add_block(room: AnyRoom, by: Caller, wanted: NewBlock) -> BlockAdded:
    """An address or network, an origin, an identity or a number; "*" at the end for a prefix."""
    gate, calls = room.gate, room.calls
    until = None if wanted.seconds is None else time() + wanted.seconds
    block = gate.block(wanted.kind, wanted.value, wanted.why, by=by, until=until)
    ended = 0
    if wanted.end_calls:
        hit = [
            record.id
            for record in calls.records()
            if any(
                gate.is_blocked(holder.visitor, holder.identity, number)
                for holder in record.holders
                for number in record.numbers
            )
        ]
        ended = calls.stop(hit, "The operator ended the call.")
    # After the calls are on their way down: a disk may hang
    saved = await gate.save_block(block)
    return BlockAdded(block=BlockView.of(block), ended=ended, saved=saved)


@router.delete(
    "/blocks",
    summary="Let somebody in again",
    responses={404: {"model": Problem, "description": "There is no such block"}},
)
async def remove_block(room: AnyRoom, by: Caller, kind: Kind, value: BlockValue) -> BlockList:
    if not await room.gate.unblock(kind, value, by=by):
        raise HTTPException(404, f"nothing keeps this {kind} out")
    return await blocks(room)


def _no_such_call(call_id: str) -> HTTPException:
    return HTTPException(404, f"there is no call {call_id!r}; it may have ended")


def add_api(app: FastAPI) -> None:
    """Add the routes, and have every refusal written in the same way."""
    app.include_router(router)
    app.add_exception_handler(StarletteHTTPException, _http_problem)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(GatewayError, _gateway_problem)


class ApiDoor:
    """Lets nobody past without a key, and no body that is too big."""

    def __init__(self, app: ASGIApp, room: Room) -> None:
        self._app = app
        self._room = room

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(PREFIX):
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope, Headers(scope=scope))
        if refusal is not None:
            await refusal(scope, receive, send)
            return
        await self._app(scope, _limited(receive), send)

    def _refusal(self, scope: Scope, headers: Headers) -> Response | None:
        keys = self._room.gate.rules.keys
        if not keys:
            return _problem(403, "closed", "no API key is configured: see http.api_keys_file")
        match = _BEARER.fullmatch(headers.get("authorization", ""))
        name = None if match is None else keys.find(match[1])
        if name is None:
            response = _problem(401, "bad-key", "an API key is needed: Authorization: Bearer KEY")
            response.headers["WWW-Authenticate"] = "Bearer"
            return response
        scope[KEY_NAME] = name
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length[:9]) > MAX_BODY:
            return _problem(413, "too-big", f"at most {MAX_BODY} bytes are taken")
        return None


def _limited(receive: Receive) -> Receive:
    """Stop reading a body that does not say how long it is, once it is too long."""
    left = MAX_BODY

    async def receive_limited() -> Message:
        nonlocal left
        message = await receive()
        left -= len(message.get("body", b""))
        if left < 0:
            raise HTTPException(413, f"at most {MAX_BODY} bytes are taken")
        return message

    return receive_limited


def _problem(status: int, error: str, message: str) -> Response:
    return JSONResponse({"error": error, "message": message}, status_code=status)


_WORDS = {
    400: "bad-request",
    404: "not-found",
    405: "method-not-allowed",
    409: "conflict",
    413: "too-big",
}


async def _http_problem(request: Request, error: Exception) -> Response:
    if not isinstance(error, StarletteHTTPException):
        raise error
    word = _WORDS.get(error.status_code, "refused")
    response = _problem(error.status_code, word, str(error.detail))
    response.headers.update(error.headers or {})
    return response


async def _invalid(request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    detail = [
        Misfit(loc=[str(part) for part in each["loc"]], msg=each["msg"], type=each["type"])
        for each in error.errors()
    ]
    first = detail[0]
    message = f"{' '.join(first.loc)}: {first.msg}"
    if len(detail) > 1:
        message += f"; and {len(detail) - 1} more in `detail`"
    invalid = Invalid(error="bad-request", message=message, detail=detail)
    return JSONResponse(invalid.model_dump(), status_code=422)


async def _gateway_problem(request: Request, error: Exception) -> Response:
    if not isinstance(error, GatewayError):
        raise error
    status = error.sip_code if error.sip_code in (400, 403, 404, 503) else 409
    return _problem(status, error.name, str(error))
