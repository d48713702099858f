"""A scripted gateway that keeps the calls of a page whose WebSocket is lost."""

from __future__ import annotations

from typing import Any

from playwright.async_api import Page

from tests.web.conftest import OpenPage
from tests.web.fake_gateway import FakeGateway, Session, answer_call
from tests.web.test_call_stories import KEEP_CONNECTIONS, open_call


class Lossy:
    """A gateway that keeps calls: it loses the socket of each one, and tells what follows next."""

    def __init__(self, gateway: FakeGateway, window: float = 60) -> None:
        gateway.greeting = self.greet
        gateway.story = answer_call
        self.gateway = gateway
        self.window = window
        self.resume = "resumed"
        self.calls: list[dict[str, Any]] | None = None  # those alive; None: the one that was
        self.missed: list[dict[str, Any]] = []
        self.call = ""
        self.heard: int | None = 0  # frames with a call; None as of a gateway that does not count

    async def greet(self, session: Session) -> None:
        hello = await session.wait_for("hello")
        fields: dict[str, Any] = {"resumeToken": "secret", "resumeWindow": self.window}
        if self.heard is not None:
            fields["heard"] = self.heard
        if "resume" in hello:
            alive = [{"call": self.call, "state": "answered", "direction": "outgoing"}]
            fields |= {
                "resume": self.resume,
                "calls": alive if self.calls is None else self.calls,
                "received": hello["received"],
                "missed": len(self.missed),
            }
        await session.send("welcome", session="s1", iceServers=[], **fields)
        for frame in self.missed if "resume" in hello else ():
            await session.send(**{"type_": frame["type"], "call": self.call, **without_type(frame)})

    async def lose(self, page: Page, code: int = 1011) -> Session:
        """Close the page's socket in mid-call, and return the session."""
        session = await self.gateway.session()
        await self.cut(session, code)
        return session

    async def cut(self, session: Session, code: int = 1011, swallowed: int = 0) -> None:
        """Close a page's socket, as if the last frames with a call had never come."""
        self.call = session.call.get("call", self.call)
        if self.heard is not None:
            self.heard += sum("call" in frame for frame in session.received) - swallowed
        await session.socket.close(code)


async def talking(fake_gateway: FakeGateway, open_page: OpenPage) -> tuple[Lossy, Page, Session]:
    """Open a page that has a call, and keeps its connections."""
    lossy = Lossy(fake_gateway)
    page = await open_page()
    await page.evaluate(KEEP_CONNECTIONS)
    await open_call(page)
    return lossy, page, await fake_gateway.session()


def without_type(frame: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in frame.items() if name != "type"}
