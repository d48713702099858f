"""What the peer and the process that runs it say to each other."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from io import StringIO

import pytest

from gateway.peer import parent
from gateway.peer.parent import Parent


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reader, writer = os.pipe()
    yield reader, writer
    os.close(reader)
    os.close(writer)


async def test_one_question_serves_all_who_ask(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    output = StringIO()
    asked = Parent(output, asyncio.Event(), reader)
    asking = [asyncio.create_task(asked.registered()) for _ in range(2)]
    await asyncio.sleep(0)
    for piece in (b"\nno number\n-1\n1", b"2\n", b"7\n"):
        os.write(writer, piece)
        asked.read()
    assert await asyncio.gather(*asking) == [12, 12]
    assert output.getvalue() == "registered?\n"


async def test_whoever_says_nothing_is_not_waited_for(
    pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parent, "PATIENCE", 0.01)
    reader, writer = pipe
    asked = Parent(StringIO(), asyncio.Event(), reader)
    assert await asked.registered() is None
    os.write(writer, b"3\n")  # late
    asked.read()
    waiting = asyncio.create_task(asked.registered())
    await asyncio.sleep(0)
    os.write(writer, b"4\n")
    asked.read()
    assert await waiting == 4
