"""What stands in the spool: a line for each change of a call, and what follows from all. Pure.

A call is opened, may change, and is done or forgotten. Whatever is open at the end of the file was
running when its gateway was killed. The last line may be torn, and any line may be damaged: each is
read by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from gateway.records.row import Row, interrupted, paid_number
from gateway.records.toll import Paid, Price, resumed

MAX_LINE = 64 * 1024  # bytes; a row with every field at its longest has a tenth of that


class Running(msgspec.Struct, frozen=True, omit_defaults=True, tag="running", tag_field="line"):
    """A call as it is known now, not over yet.

    `paid` is for who asks later what it has cost; none where the number in `row`, as it may be
    masked, does not say.
    """

    row: Row
    paid: Paid | None = None


class Done(msgspec.Struct, frozen=True, tag="done", tag_field="line"):
    """A call that is over: what the database is to get."""

    row: Row


class Forgotten(msgspec.Struct, frozen=True, tag="forgotten", tag_field="line"):
    """A call whose row does not come from here: the database has it already, or is to have none."""

    id: str


class Rated(msgspec.Struct, frozen=True, tag="rated", tag_field="line"):
    """What is said of a call that has ended: it goes to the row that the database has by then."""

    id: str
    score: int
    issue: str | None = None


class Alive(msgspec.Struct, frozen=True, tag="alive", tag_field="line"):
    """The gateway ran at that time (seconds since the epoch), and so did the calls."""

    at: float


Line = Running | Done | Forgotten | Rated | Alive
Delivery = Done | Rated  # what the database is to get

_decoder: msgspec.json.Decoder[Line] = msgspec.json.Decoder(Line)
_encode = msgspec.json.Encoder().encode


def write_line(line: Line) -> bytes:
    """Return a line with its end."""
    return _encode(line) + b"\n"


def read_line(text: bytes) -> Line | None:
    """Return what a line says, None if it is damaged."""
    if len(text) > MAX_LINE:
        return None
    try:
        return _decoder.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


@dataclass(frozen=True, slots=True)
class Journal:
    """What a whole spool says.

    `open` are calls that have not ended, each as it was known last, the oldest first. `done` is how
    many lines the database is to get. `alive_at` is the latest time at which the gateway ran.
    `damaged` are whole lines that cannot be read, `size` is where the last whole line ends: what
    comes after it is torn.
    """

    open: Sequence[Running]
    done: int
    alive_at: float
    damaged: Sequence[bytes]
    size: int


def read(text: bytes) -> Journal:
    """Read a spool, whatever has become of it."""
    size = text.rfind(b"\n") + 1
    running: dict[str, Running] = {}
    damaged: list[bytes] = []
    done, alive_at = 0, 0.0
    for each in text[:size].split(b"\n"):
        match read_line(each):
            case Running(row=row) as line:
                running[row.id] = line
                alive_at = max(alive_at, row.started, row.answered or 0.0)
            case Done(row=row):
                running.pop(row.id, None)
                done += 1
                alive_at = max(alive_at, row.ended or 0.0)
            case Forgotten(id=call_id):
                running.pop(call_id, None)
            case Rated():
                done += 1
            case Alive(at=at):
                alive_at = max(alive_at, at)
            case None if each.strip():
                damaged.append(each)
    return Journal(tuple(running.values()), done, alive_at, damaged, size)


def closed(journal: Journal, price: Price) -> list[Row]:
    """Return the rows of the calls that were running when the gateway was killed."""
    return [_closed(line, journal.alive_at, price) for line in journal.open]


def _closed(line: Running, alive_at: float, price: Price) -> Row:
    row, cost = interrupted(line.row, alive_at), None
    # What it had cost when the line was written is no more than the first step
    if line.paid is not None:
        toll = resumed(price, paid_number(row), line.paid)
        cost = toll.cost(row.duration_ms)
    return msgspec.structs.replace(row, cost=cost)
