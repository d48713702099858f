"""What the log says of a session and its calls, whoever is at fault."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Iterator

import pytest
from websockets.frames import Frame, Opcode

from gateway import log
from gateway.admission.mask import mask
from gateway.calls import news
from tests.gateway.log_fields import fields
from tests.gateway.signaling.conftest import Gateway, placed, soon


class Lines(logging.Handler):
    """Puts each line of the log into a queue."""

    def __init__(self) -> None:
        super().__init__()
        self.queue: asyncio.Queue[str] = asyncio.Queue()
        self.setFormatter(log.LineFormatter())

    def emit(self, record: logging.LogRecord) -> None:
        self.queue.put_nowait(self.format(record))


@pytest.fixture
def lines() -> Iterator[asyncio.Queue[str]]:
    """The log as `gateway serve` sets it up."""
    root = logging.getLogger()
    before, root.handlers, level = root.handlers, [], root.level
    log.set_up("info")
    handler = Lines()
    root.handlers = [handler]
    yield handler.queue
    root.handlers = before
    root.setLevel(level)
    logging.captureWarnings(False)


@pytest.mark.parametrize(
    ("frame", "code", "why"),
    [
        (Frame(Opcode.TEXT, b'{"type": "\xff"}'), 1007, "a text frame is not UTF-8"),
        (Frame(Opcode.CONT, b"x"), 1002, "a frame breaks the WebSocket protocol"),
        (Frame(Opcode.TEXT, b"x" * 1024 * 1025), 1009, "a frame is too big"),
    ],
    ids=["no UTF-8", "no beginning", "too big"],
)
async def test_a_fault_of_the_client_is_one_plain_line(
    gateway: Gateway, lines: asyncio.Queue[str], frame: Frame, code: int, why: str
) -> None:
    async with gateway.client() as client:
        assert "session opened" in await soon(lines)
        client.connection.transport.write(frame.serialize(mask=True))
        assert (await client.closed())[0] == code
        assert f"session closed: {why} ({code})" in await soon(lines)


async def test_one_line_joins_the_names_of_a_call(
    gateway: Gateway, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "gateway")
    async with gateway.raw() as client:
        await client.send(type="hello")
        session = (await client.receive())["session"]
        call = await placed(gateway, client, "page-7")
        call.tell(news.Trying())
        await client.receive()
        await client.place("page-8", to="")
        await client.receive()
    joined = {"session": session, "page_call": "page-7", "call": call.id}
    assert [fields(it) for it in caplog.records if it.message == "call placed"] == [joined]
    refused = [fields(it) for it in caplog.records if it.message.startswith("call refused")]
    assert refused == [{"session": session, "page_call": "page-8"}]


@pytest.mark.parametrize(
    "to",
    [
        *("+1.202.555.01.23 x22", "+44\u2011(0)20\u20117946\u20110000x", "12.34.56.78.90 x2"),
        *(
            "+1\u200b202\u200b5550123 x2",
            "\uff11\uff12\uff10\uff12\uff15\uff15\uff15\uff10\uff11\uff12\uff13 x2",
        ),
        *("+44 0 20 7946 0000", "+1 202 555 0123@example.com", "+4420\u00a07946\u2009" + "0" * 12),
    ],
)
async def test_a_refusal_shows_no_full_number(
    gateway: Gateway, caplog: pytest.LogCaptureFixture, to: str
) -> None:
    caplog.set_level(logging.INFO, "gateway")
    object.__setattr__(gateway.room, "shown", mask)  # as wiring makes it by default
    async with gateway.raw() as client:
        await client.send(type="hello")
        await client.receive()
        await client.place("page-9", to=to)
        await client.receive()
    (line,) = [it.getMessage() for it in caplog.records if it.msg.startswith("call refused")]
    shown = line.replace("+15551234567", "").partition(" address=")[0]  # the sentence's example
    assert "*" in shown
    assert re.search(r"\d(?:[^*\w]*\d){6}", shown) is None
