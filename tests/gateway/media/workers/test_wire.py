"""Frames: every message there and back, and bytes that are no frame."""

from __future__ import annotations

import contextlib
import dataclasses
import types
from typing import Any, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import errors
from gateway.errors import GatewayError, RequestError, UnavailableError
from gateway.media.events import BrowserConnected, LegQuality, Quality
from gateway.media.parameters import BrowserRemote, DtlsRole, EventFormat, LocalMedia, MediaConfig
from gateway.media.workers import messages
from gateway.media.workers.messages import MESSAGES, Message, error_of, refusal
from gateway.media.workers.wire import (
    HEADER,
    MAX_FRAME,
    Frame,
    FrameReader,
    WireError,
    encode,
)

NUMBERS = st.integers(0, 2**32 - 1)
SIGNED = st.integers(-(2**63), 2**63 - 1)


def values_of(hint: Any) -> st.SearchStrategy[Any]:
    """Return every value that a field may have; a type that msgspec reads otherwise fails here."""
    arguments = get_args(hint)
    if dataclasses.is_dataclass(hint):
        return instances_of(hint)  # type: ignore[arg-type]
    if isinstance(hint, types.UnionType):
        return st.one_of(*map(values_of, arguments))
    if get_origin(hint) is tuple:
        if arguments[-1] is ...:
            return st.lists(values_of(arguments[0]), max_size=3).map(tuple)
        return st.tuples(*map(values_of, arguments))
    if get_origin(hint) is dict:
        return st.dictionaries(*map(values_of, arguments), max_size=5)
    if hint is int:
        return SIGNED
    if hint is float:
        return st.floats(allow_nan=False)
    return st.from_type(hint)


def instances_of(kind: type[Message]) -> st.SearchStrategy[Message]:
    fields = {name: values_of(hint) for name, hint in get_type_hints(kind).items()}
    return st.builds(kind, **fields)


MESSAGE = st.one_of(*map(instances_of, MESSAGES))
FRAME = st.builds(Frame, NUMBERS, NUMBERS, MESSAGE)


@pytest.mark.parametrize("kind", MESSAGES, ids=lambda kind: kind.__name__)
def test_every_message_comes_out_as_it_went_in(kind: type[Message]) -> None:
    @given(instances_of(kind))
    def check(message: Message) -> None:
        (frame,) = FrameReader().feed(encode(Frame(7, 2**32 - 1, message)))
        assert frame == Frame(7, 2**32 - 1, message)
        assert type(frame.message) is kind

    check()


def test_every_command_reply_and_event_has_a_kind() -> None:
    named = {kind for kind in vars(messages).values() if dataclasses.is_dataclass(kind)} - {
        BrowserRemote,
        LocalMedia,
        MediaConfig,
    }
    assert {kind for kind in named if kind.__module__ == messages.__name__} <= set(MESSAGES)
    assert {Quality, BrowserConnected} < set(MESSAGES)
    assert len(set(MESSAGES)) == len(MESSAGES)


def test_nested_values_keep_their_types() -> None:
    remote = BrowserRemote(
        "ufrag",
        "password",
        candidates=("1 1 udp 1 127.0.0.1 9 typ host",),
        fingerprints=(("sha-256", "AB:CD"),),
        dtls_role=DtlsRole.CLIENT,
        codec="OPUS",
        payload_type=111,
        event=EventFormat(110, 48000),
    )
    (frame,) = FrameReader().feed(encode(Frame(1, 1, messages.ConnectBrowser(remote))))
    assert isinstance(frame.message, messages.ConnectBrowser)
    assert frame.message.remote.dtls_role is DtlsRole.CLIENT
    assert isinstance(frame.message.remote.fingerprints[0], tuple)
    hash(frame.message)  # lists where tuples should be could not


@given(st.lists(FRAME, max_size=5), st.lists(st.integers(1, 50), min_size=1, max_size=20))
def test_frames_are_found_however_the_stream_was_cut(frames: list[Frame], cuts: list[int]) -> None:
    data = b"".join(map(encode, frames))
    reader, found, turn = FrameReader(), list[Frame](), 0
    while data:
        size = cuts[turn % len(cuts)]
        found += reader.feed(data[:size])
        data, turn = data[size:], turn + 1
    assert found == frames


@given(st.lists(st.binary(max_size=100), max_size=10))
def test_bytes_that_are_no_frame_raise_nothing_else(chunks: list[bytes]) -> None:
    reader = FrameReader()
    try:
        for chunk in chunks:
            for frame in reader.feed(chunk):
                assert isinstance(frame.message, Message)
    except WireError:
        pass


@given(st.integers(0, 255), st.binary(max_size=200))
def test_a_body_that_does_not_fit_its_kind_raises_nothing_else(kind: int, body: bytes) -> None:
    data = HEADER.pack(9 + len(body), kind, 1, 1) + body
    try:
        (frame,) = FrameReader().feed(data)
    except WireError:
        return
    assert isinstance(frame.message, MESSAGES[kind])


@given(FRAME, st.data())
def test_a_damaged_frame_raises_nothing_else(frame: Frame, data: st.DataObject) -> None:
    damaged = bytearray(encode(frame))
    position = data.draw(st.integers(4, len(damaged) - 1))
    damaged[position] ^= data.draw(st.integers(1, 255))
    with contextlib.suppress(WireError):
        list(FrameReader().feed(bytes(damaged)))


@pytest.mark.parametrize("length", [0, 8, MAX_FRAME + 1, 2**32 - 1])
def test_a_length_out_of_range_is_refused_before_anything_is_kept(length: int) -> None:
    with pytest.raises(WireError, match=f"a frame of {length} bytes"):
        list(FrameReader().feed(HEADER.pack(length, 0, 0, 0)))


def test_a_field_that_is_missing_is_named() -> None:
    kind = MESSAGES.index(messages.SetFlow)
    with pytest.raises(WireError, match=r"not a SetFlow: .*`flow`"):
        list(FrameReader().feed(HEADER.pack(10, kind, 1, 1) + b"\x80"))


@pytest.mark.parametrize(
    ("message", "rule"),
    [
        (messages.AddCandidate("\ud800"), "AddCandidate cannot be sent"),
        (messages.SendDigits("1", 2**64, 50), "SendDigits cannot be sent"),
        (messages.AddCandidate("x" * MAX_FRAME), f"a frame at most {MAX_FRAME}"),
    ],
)
def test_what_cannot_be_written_is_refused(message: Message, rule: str) -> None:
    with pytest.raises(WireError, match=rule):
        encode(Frame(1, 1, message))


@pytest.mark.parametrize(
    "kind",
    [
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, GatewayError)
    ],
)
def test_an_error_keeps_its_type_and_text(kind: type[GatewayError]) -> None:
    (frame,) = FrameReader().feed(encode(Frame(1, 1, refusal(kind("the value = 7: the rule")))))
    assert isinstance(frame.message, messages.Refused)
    raised = error_of(frame.message)
    assert (type(raised), str(raised)) == (kind, "the value = 7: the rule")


def test_an_error_of_another_room_is_the_one_that_it_stands_for() -> None:
    class OutOfPortsError(UnavailableError):
        pass

    assert type(error_of(refusal(OutOfPortsError("none")))) is UnavailableError
    assert type(error_of(messages.Refused("bad-request", ""))) is RequestError
    assert type(error_of(messages.Refused("of a later version", ""))) is GatewayError


def test_what_is_not_known_crosses_as_none() -> None:
    leg = LegQuality(None, 0.0, 0.0, None, None, 0)
    (frame,) = FrameReader().feed(encode(Frame(0, 3, Quality(leg, leg))))
    assert frame == Frame(0, 3, Quality(leg, leg))
