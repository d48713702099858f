"""A CAPTCHA or a proof of work before anonymous calls, checked by whoever poses it.

The page solves it and sends the answer in `hello`; the service says whether the answer is good, in
the way that reCAPTCHA, hCaptcha and Turnstile share ("siteverify"): a form with `secret`,
`response` and `remoteip`, answered by JSON with `success`. A service of one's own does the same.
"""

from __future__ import annotations

import logging
from typing import Any

from gateway.errors import ForbiddenError, UnavailableError

logger = logging.getLogger(__name__)

CHECK_TIMEOUT = 5.0  # seconds
MAX_ANSWER = 4096  # characters; theirs have below 2,048


class Challenge:
    """The service that checks answers.

    Parameters
    ----------
    secret
        What the service knows this site by.
    """

    def __init__(self, url: str, secret: str) -> None:
        self._url = url
        self._secret = secret

    def __repr__(self) -> str:
        return f"<Challenge {self._url}>"

    async def check(self, answer: str | None, address: str) -> None:
        """Let a visitor pass who has solved it.

        Raises
        ------
        ForbiddenError
            There is no answer, or it is wrong or used up.
        UnavailableError
            The service does not say. Nobody passes then: the trunk costs money.
        """
        if not answer or len(answer) > MAX_ANSWER:
            raise ForbiddenError(
                "`hello` needs `challenge`, the answer that the page's CAPTCHA gives",
                rule="challenge",
            )
        if not await self._ask(answer, address):
            raise ForbiddenError("the answer to the challenge does not count", rule="challenge")

    async def _ask(self, answer: str, address: str) -> bool:
        import httpx  # not everybody poses a challenge, and it takes a while to load

        form = {"secret": self._secret, "response": answer, "remoteip": address}
        try:
            async with httpx.AsyncClient(timeout=CHECK_TIMEOUT) as client:
                response = await client.post(self._url, data=form)
                response.raise_for_status()
                said: Any = response.json()
        except (httpx.HTTPError, ValueError) as error:
            logger.warning("the service that checks challenges does not answer: %r", error)
            why = "the challenge cannot be checked now; try again later"
            raise UnavailableError(why, said=why) from None
        return isinstance(said, dict) and said.get("success") is True
