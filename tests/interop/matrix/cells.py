"""What a column is: a peer, the trunks by which the gateway reaches it, and a story per row."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from tests.interop.matrix.rows import ROWS
from tests.peers.asterisk import AsteriskLab
from tests.peers.authority import Authority, Pair


class Result(StrEnum):
    """What is said of a cell."""

    PASS = "pass"
    FAIL = "fail"
    NOT_APPLICABLE = "n/a"


@dataclass(frozen=True, slots=True)
class Cell:
    """A result, and why it is no pass."""

    result: Result
    why: str = ""


Name = tuple[str, str]  # row, column
Table = dict[Name, Cell]


@dataclass(frozen=True, slots=True)
class NotApplicable:
    """In place of a story: why there is none."""

    why: str


@dataclass(frozen=True)
class Site:
    """Where a peer is started: a folder of its own, and the lab, which runs already."""

    folder: Path
    lab: AsteriskLab
    tone: Path  # what callers play
    authority: Authority  # that signs the certificates of peers

    def pair(self) -> Pair:
        """Return a certificate for loopback, and its key."""
        return self.authority.issue("127.0.0.1")


@dataclass(frozen=True)
class Way:
    """A trunk that leads to a peer, as in the gateway's configuration; name and numbers left out.

    Attributes
    ----------
    then
        Names of the ways that are tried one after the other, where this is none itself.
    numbers
        Those that lead there as they are, beside the ones that it is given.
    """

    keys: Mapping[str, object] = field(default_factory=dict)
    then: Sequence[str] = ()
    numbers: Sequence[str] = ()


# Takes the house (`house.House`) and what the column's `open` gave
Tell = Callable[[Any, Any], Awaitable[None]]


@dataclass(frozen=True)
class Column:
    """A peer.

    Attributes
    ----------
    open
        Starts it. What it yields has the attribute `ways`: for each name a `Way`.
    cells
        For each row a story, or why there is none.
    at_once
        How many calls it takes beside each other.
    """

    name: str
    title: str
    open: Callable[[Site], AbstractAsyncContextManager[Any]]
    cells: Mapping[str, Tell | NotApplicable]
    at_once: int = 4

    def __post_init__(self) -> None:
        if list(self.cells) != list(ROWS):
            odd = set(self.cells).symmetric_difference(ROWS)
            raise ValueError(f"{self.name}: not a cell for each row, in order: {odd or 'order'}")

    def stories(self) -> dict[str, Tell]:
        """Return the stories by row."""
        return {
            row: tell for row, tell in self.cells.items() if not isinstance(tell, NotApplicable)
        }
