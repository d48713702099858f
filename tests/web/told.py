"""How an error is told on a page with the element: what a person sees and hears there."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from playwright.async_api import Page

from tests.web.fake_gateway import WEB

TEXT = re.compile(r'^  ("[a-z.-]+"): (".+"),$', re.MULTILINE)

LOOK = """
window.look = () => {
  const { shadowRoot: root } = document.querySelector("click-to-call");
  const read = (part) => {
    const found = root.querySelector(`[part=${part}]`);
    return found && !found.hidden ? found.textContent : "";
  };
  return {
    title: read("status"),
    advice: read("advice"),
    notice: read("notice"),
    live: root.querySelector("[role=status]").textContent,
    direction: getComputedStyle(root.querySelector(".panel")).direction,
    whole: root.textContent,
  };
};
window.later = window.setTimeout;
const tick = () => new Promise((resolve) => later(resolve));
window.speak = async (language) => {
  const element = document.querySelector("click-to-call");
  element.lang = language;
  while (element.shadowRoot.querySelector(".panel").lang !== language) await tick();
  return look();
};
window.over = (element) => new Promise((resolve, reject) => {
  const late = later(reject, 9000, new Error("the call does not end"));
  element.addEventListener("click-to-call:ended", ({ detail: { end, error } }) => {
    clearTimeout(late);
    resolve({ ...look(), reason: (end ?? error).reason });
  }, { once: true });
});
"""

# One microphone for all calls: the browser takes longest to open it
ONE_MICROPHONE = """() => {
  const { mediaDevices } = navigator;
  const opened = mediaDevices.getUserMedia({ audio: true });
  mediaDevices.getUserMedia = async () => (await opened).clone();
}"""

# One call after the other, each of which ends by itself: how each was told
DIAL = """async ([calls, languages]) => {
  const element = document.querySelector("click-to-call"), told = [];
  for (const parameters of calls) {
    const ended = over(element);
    element.dial(parameters);
    told.push({ en: await ended });
    for (const language of languages) told.at(-1)[language] = await speak(language);
    if (languages.length) await speak("en");
  }
  return told;
}"""


def read_texts(language: str) -> dict[str, str]:
    lines = TEXT.findall((WEB / "sdk/texts" / f"{language}.js").read_text())
    return {json.loads(key): json.loads(text) for key, text in lines}


TEXTS = {language: read_texts(language) for language in ("en", "de", "ar")}


@dataclass(frozen=True)
class Told:
    """What has happened, and the status that stands beside it."""

    name: str
    code: int

    def said(self, kind: str, language: str = "en") -> str:
        # The gateway that has no time is no busy line
        word = "no-capacity" if (self.name, self.code) == ("busy", 503) else self.name
        return TEXTS[language].get(f"{kind}.{word}", "")

    def both(self, language: str = "en") -> str:
        return f"{self.said('error', language)} {self.said('advice', language)}".strip()

    def matches(self, shown: dict[str, Any], language: str = "en") -> bool:
        """Whether it is seen, and heard of the live region."""
        title, advice = self.said("error", language), self.said("advice", language)
        return bool(title) and [shown[key] for key in ("title", "advice", "live")] == [
            title,
            advice,
            self.both(language),
        ]


async def dial(
    page: Page, calls: list[dict[str, Any]], languages: tuple[str, ...] = ()
) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = await page.evaluate(DIAL, [calls, languages])
    return told
