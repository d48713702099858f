"""What people read: each error has its sentence, in each language."""

from __future__ import annotations

import json
import re
import subprocess
from typing import Any

import pytest

from tests.peers.requirement import require
from tests.web.fake_gateway import WEB
from tests.web.test_endings import TABLE, said_by_the_gateway

pytestmark = pytest.mark.peer

SDK = WEB / "sdk"
PLACE = re.compile(r"\{([a-z]+)\}")
THROWN = re.compile(r'new CallError\("([a-z-]+)"')
LITERAL = re.compile(
    r"""["'`]((?:error|advice|warning|state|button|preflight)\.[a-z0-9.-]+)["'`]"""
)
TOOL = re.compile(r'\b(?:tool|main|second)\("([a-z-]+)"')  # each has the text button.<its name>
BEGUN = re.compile(r"`((?:warning|button|preflight)\.[a-z-]*)\$\{")


def evaluate(expression: str) -> Any:
    """Evaluate JavaScript that may await, with all that the module of texts exports in `texts`."""
    module = (SDK / "texts" / "index.js").as_uri()
    program = f"import * as texts from {json.dumps(module)};\n"
    program += f"console.log(JSON.stringify({expression}));"
    ran = subprocess.run(
        [require("node"), "--input-type=module", "--eval", program],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


@pytest.fixture(scope="module")
def texts() -> dict[str, dict[str, str]]:
    """Each language's own texts, without English for what it lacks."""
    loaded: dict[str, dict[str, str]] = evaluate(
        "Object.fromEntries(await Promise.all(Object.entries(texts.LANGUAGES).map("
        "async ([code, language]) => [code, (await language.load()).default])))"
    )
    return loaded


def test_every_error_has_a_sentence(texts: dict[str, dict[str, str]]) -> None:
    names = said_by_the_gateway() | set(TABLE) | set(THROWN.findall(_sources(".")))
    # Where a pre-flight is refused, it may say so in words of its own
    said = {
        key.partition(".")[2] for key in texts["en"] if key.startswith(("error.", "preflight."))
    }
    assert names - said == set()


def test_advice_is_about_an_error_that_exists(texts: dict[str, dict[str, str]]) -> None:
    advised = {key.removeprefix("advice.") for key in texts["en"] if key.startswith("advice.")}
    assert {name for name in advised if f"error.{name}" not in texts["en"]} == set()


def test_every_warning_has_a_sentence(texts: dict[str, dict[str, str]]) -> None:
    told = set(re.findall(r'#warn\("([a-z-]+)"', _sources("voice")))
    told |= set(re.findall(r'"((?:high|no)-[a-z-]+)"', (SDK / "voice/quality.js").read_text()))
    assert {"microphone-lost", "high-jitter"} <= told
    assert {f"warning.{name}" for name in told} - set(texts["en"]) == set()


def test_every_key_that_a_source_names_is_there(texts: dict[str, dict[str, str]]) -> None:
    assert set(LITERAL.findall(_sources("."))) - set(texts["en"]) == set()


def test_every_text_is_said_somewhere(texts: dict[str, dict[str, str]]) -> None:
    """What nobody reads, nobody has to translate. Errors are the gateway's words as well."""
    sources = _sources(".") + "\n".join(
        path.read_text() for path in (WEB / "preflight").iterdir() if path.suffix != ".svg"
    )
    said = set(LITERAL.findall(sources)) | {f"button.{key}" for key in TOOL.findall(sources)}
    begun, words = set(BEGUN.findall(sources)) - {"button."}, set(re.findall(r"[\w-]+", sources))
    said |= {begin + word for begin in begun for word in words}
    keys = {key for key in texts["en"] if not key.startswith(("error.", "advice."))}
    assert keys - said == set()


def test_each_file_of_a_language_is_in_the_table(texts: dict[str, dict[str, str]]) -> None:
    assert {path.stem for path in (SDK / "texts").glob("*.js")} - {"index"} == set(texts)


def test_each_language_has_the_same_keys_and_places(texts: dict[str, dict[str, str]]) -> None:
    wanted = _places(texts["en"])
    for code, own in texts.items():
        assert _places(own) == wanted, code
        assert all(text.strip() == text != "" for text in own.values()), code


def test_a_language_is_chosen_by_its_tag() -> None:
    wishes = [["de-AT"], ["zh-Hans-HK"], ["tlh", "PT_br"], ["tlh"], [], ["constructor", ""]]
    chosen = evaluate(f"{json.dumps(wishes)}.map(texts.chooseLanguage)")
    assert chosen == ["de", "zh", "pt", "en", "en", "en"]
    # No texts in traditional characters: the next language that somebody reads, or English
    wishes = [["zh-TW"], ["zh_Hant"], ["zh-Hant-TW", "ja"], ["zh-yue-HK"], ["zh-CN"], ["zh"]]
    chosen = evaluate(f"{json.dumps(wishes)}.map(texts.chooseLanguage)")
    assert chosen == ["en", "en", "ja", "en", "zh", "zh"]


def test_a_language_that_cannot_be_fetched_is_english() -> None:
    lost = "texts.LANGUAGES.de.load = async () => { throw new Error('offline'); }"
    read = "Promise.all(['de', 'toString', 'fr'].map(texts.loadTexts))"
    loaded = evaluate(f"({lost}, await {read})")
    busy = ["The line is busy.", "The line is busy.", "La ligne est occupée."]
    assert [own["error.busy"] for own in loaded] == busy


def test_each_language_says_how_its_script_runs() -> None:
    directions = evaluate("Object.entries(texts.LANGUAGES).map(([c, l]) => [c, l.direction])")
    assert {code for code, direction in directions if direction == "rtl"} == {"ar"}


def test_places_are_filled() -> None:
    texts = "'{name} is calling {name} by {toString} in {s} s'"
    filled = evaluate(f"texts.fill({texts}, {{name: 'A$&', s: 2}})")
    assert filled == "A$& is calling A$& by {toString} in 2 s"


def _places(texts: dict[str, str]) -> dict[str, list[str]]:
    return {key: sorted(PLACE.findall(text)) for key, text in texts.items()}


def _sources(folder: str) -> str:
    """All that is written by hand in a folder, but for the texts themselves."""
    files = (SDK / folder).rglob("*.js")
    return "\n".join(
        path.read_text()
        for path in files
        if path.parent.name != "texts" and ".min." not in path.name
    )
