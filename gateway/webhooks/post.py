"""One attempt: a POST, and what its answer means."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    import httpx

# A receiver that first does its work is one that loses events; 10 s are long for who only takes it
TIMEOUT = 10.0  # seconds for all of it
MOST_READ = 64 * 1024  # bytes of an answer, so that the connection can be used again

GONE = 410
# It is not there, is full, or what stands before it cannot reach it
_AWAY = frozenset({408, 425, 429, 502, 503, 504})


class Verdict(Enum):
    """What an attempt has come to."""

    TAKEN = "taken"
    REFUSED = "refused"  # this event, for now
    AWAY = "away"  # the server, for whatever event
    GONE = "gone"  # it wants no events any more


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to an attempt; `why` says in words what was wrong, `retry_after` when to come."""

    verdict: Verdict
    why: str = ""
    retry_after: float | None = None


def read_answer(status: int, retry_after: str | None) -> Answer:
    """Say what a status means. Redirects are not followed: the event was for this URL alone."""
    if 200 <= status < 300:
        return Answer(Verdict.TAKEN)
    if status == GONE:
        return Answer(Verdict.GONE, "410 Gone: it wants no events")
    after = (retry_after or "").strip()
    seconds = float(after) if after.isascii() and after.isdecimal() and len(after) < 10 else None
    verdict = Verdict.AWAY if status in _AWAY else Verdict.REFUSED
    return Answer(verdict, f"it answers {status}", seconds)


class Poster:
    """The client. It verifies TLS, keeps a few connections, and believes no more than a status."""

    def __init__(self, url: str, timeout: float = TIMEOUT) -> None:
        import httpx  # not everybody has webhooks, and it takes a while to load

        self._url = url
        self._timeout = timeout
        # What is not by TLS is on this machine, where no proxy leads to
        self._client = httpx.AsyncClient(
            timeout=timeout, follow_redirects=False, trust_env=url.startswith("https:")
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._client.aclose()

    async def post(self, body: str, headers: Mapping[str, str]) -> Answer:
        """Send it once; what is wrong with the server or the way to it is an answer, too."""
        import httpx

        sent = {
            "content-type": "application/json",
            "user-agent": "webrtc-sip-gateway",
            **headers,
        }
        try:
            async with (
                asyncio.timeout(self._timeout),
                self._client.stream("POST", self._url, content=body, headers=sent) as response,
            ):
                await _read_some(response)
                return read_answer(response.status_code, response.headers.get("retry-after"))
        except TimeoutError:
            return Answer(Verdict.AWAY, f"it does not answer within {self._timeout:g} s")
        except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError, OSError) as error:
            return Answer(Verdict.AWAY, f"{type(error).__name__}: {error}"[:200])


async def _read_some(response: httpx.Response) -> None:
    """Read a short answer to its end; of a long one the connection is closed."""
    read = 0
    async for chunk in response.aiter_raw():
        read += len(chunk)
        if read > MOST_READ:
            return
