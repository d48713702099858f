"""How far a call has come, for a client that comes back to it; learned from what is told."""

from __future__ import annotations

from dataclasses import dataclass, field
from time import monotonic
from typing import Literal

from gateway.calls import news
from gateway.calls.end import By
from gateway.signaling import messages

State = Literal["trying", "ringing", "answered"]


@dataclass(slots=True)
class Progress:
    """One call as its client knows it; `answered` of time.monotonic."""

    state: State = "trying"
    early_media: bool = False
    answered: float | None = None
    codec: messages.Codecs | None = None
    held: set[Literal["local", "remote"]] = field(default_factory=set)

    def learn(self, event: news.News) -> None:
        """Take what the client is told."""
        match event:
            case news.Ringing(early_media=early) if self.answered is None:
                self.state, self.early_media = "ringing", early or self.early_media
            case news.Answered(browser_codec=browser, trunk_codec=trunk):
                self.state = "answered"
                self.answered = self.answered or monotonic()
                self.codec = messages.Codecs(browser=browser, trunk=trunk)
            case news.Redirected(browser_codec=browser, trunk_codec=trunk):
                self.codec = messages.Codecs(browser=browser, trunk=trunk)
            case news.Held(by=by):
                self.held.add(side(by))
            case news.Resumed(by=by):
                self.held.discard(side(by))

    @property
    def answered_ms(self) -> int | None:
        """How long ago the call was answered, None if it is not."""
        return None if self.answered is None else round((monotonic() - self.answered) * 1000)


def side(by: By) -> Literal["local", "remote"]:
    """Say who, as a client sees it."""
    return "local" if by is By.LOCAL else "remote"
