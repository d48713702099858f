"""The page of the browser client: what its sources say, and all that a browser would find."""

from __future__ import annotations

import json
import re
import subprocess

import pytest

from docs.making.declarations import SDK, declarations_of
from docs.making.jsdoc import read_comment, typedefs
from docs.making.sdk import INTERNAL, aliases, public, reference, shown
from tests.peers.requirement import require

# Prints the names that a page finds on each class, and the other names of calls and devices
NAMES = """
const found = {};
globalThis.addEventListener ??= () => {};
for (const [name, file] of Object.entries(JSON.parse(process.argv[1]))) {
  const made = (await import(file))[name];
  const own = (of) => Object.getOwnPropertyNames(of).filter((each) => !each.startsWith("_"));
  found[name] = [...own(made.prototype), ...own(made)];
}
const { CALL_NAMES, DEVICE_NAMES } = await import(process.argv[2]);
const others = { Call: Object.keys(CALL_NAMES), Device: Object.keys(DEVICE_NAMES) };
console.log(JSON.stringify([found, others]));
"""
NO_MEMBERS = {"length", "name", "prototype", "constructor"}

DECLARED = re.compile(r"^ {4}(?:static |get |readonly )*(\w+)\??[(:<]", re.MULTILINE)


def section(title: str) -> str:
    """Return what the page says below a heading."""
    return reference().partition(f"## {title}\n")[2].partition("\n## ")[0]


def test_every_name_that_a_page_finds_is_there() -> None:
    files = {name: str(owner.source) for name, owner in public().items()}
    names_of_others = SDK / "voice" / "names.js"
    node = [str(require("node")), "--input-type=module", "-e", NAMES]
    command = [*node, json.dumps(files), str(names_of_others)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    found, others = json.loads(ran.stdout)
    for name, names in found.items():
        owner = public()[name]
        told = {member.name for member in shown(owner)} - {"constructor"}
        assert set(names) - NO_MEMBERS - INTERNAL.get(name, set()) - told <= hidden(name)
        source = owner.source.read_text(encoding="utf-8")
        for member in told - set(names) - {"name"}:  # a field, then
            assert re.search(rf"^ +(?:this\.)?{member}\b", source, re.MULTILINE), member
    for name, names in others.items():
        kind = aliases(public()[name])
        assert kind is not None
        assert {tag.name for tag in kind.comment.of("property")} == set(names)
        rows = section(name).partition(f"### Other names of {name}")[2]
        assert [each for each in names if f"| `{each}` | `(" not in rows] == []


def hidden(name: str) -> set[str]:
    """Return what is `@protected`."""
    text = declarations_of(public()[name].source).read_text(encoding="utf-8")
    return set(re.findall(r"^ {4}protected (\w+)", text, re.MULTILINE))


@pytest.mark.parametrize("name", public())
def test_all_that_is_declared_is_told(name: str) -> None:
    """By the declarations that an editor reads: fields as well as methods, each with its type."""
    text = declarations_of(public()[name].source).read_text(encoding="utf-8")
    body = text.partition(f"export declare class {name}")[2].partition("\n}\n")[0]
    declared = set(DECLARED.findall(body)) - INTERNAL.get(name, set())
    assert declared
    page = section(name)
    for member in declared:
        heading = f"{{#{name.lower()}-{member.lower()}}}"
        row = re.search(rf"^\| `(?:{name}\.)?{member}` \| \[?`", page, re.MULTILINE)
        assert heading in page or row, member


def test_the_page_has_classes_events_and_types() -> None:
    page = reference()
    for heading in (
        "## Device",
        "## AudioDevices",
        "### `transfer(target)` {#call-transfer}",
        "### Events of Call",
        "### Events of AudioDevices",
        "### `CallEnd` {#type-callend}",
    ):
        assert f"\n{heading}\n" in f"\n{page}\n"
    assert "\n### `new Device(" in page
    assert "import(" not in page
    assert "| `sipCode` | `number | null` |" in section("CallError")
    assert "| `name` | `string` | A word of `ENDINGS`" in section("CallError")
    assert "| `audio` | [`AudioDevices`](#audiodevices) |" in section("Device")


def test_each_type_that_is_named_is_explained() -> None:
    page = reference()
    for name in (
        *("DigitOptions", "EchoResult", "FetchToken", "MicrophoneResult", "Reason", "Rule", "Way"),
        *("PreflightReport", "Codecs", "Kind"),
    ):
        assert f"\n### `{name}` {{#type-{name.lower()}}}\n" in page
    anchors = re.findall(r"\{#([\w-]+)\}", page)
    assert len(anchors) == len(set(anchors))
    headings = {name.lower() for name in re.findall(r"^## (\w+)$", page, re.MULTILINE)}
    assert set(re.findall(r"\]\(#([\w-]+)\)", page)) <= {*anchors, *headings}


def test_the_minified_client_shortens_no_name_of_a_page() -> None:
    build = (SDK.parents[2] / ".ci" / "web").read_text(encoding="utf-8")
    shortened = re.search(r"--mangle-props=([^\s\"]+)", build)
    assert shortened is not None
    names = set(re.findall(r"\w+", reference()))
    assert {"connect", "fetchToken"} <= names
    assert not [name for name in names if re.search(shortened[1], name)]


def test_a_comment_is_taken_apart() -> None:
    comment = read_comment(
        """
   * Sends it.
   * Twice.
   *
   * @param {{ a?: { b: string } }} [options] what
   *   it takes
   * @returns {Promise<import("./call.js").Call>} soon
   * @throws {CallError}
   """
    )
    assert comment.text == "Sends it.\nTwice."
    (parameter,) = comment.of("param")
    assert (parameter.kind, parameter.name) == ("{ a?: { b: string } }", "[options]")
    assert parameter.text == "what it takes"
    assert comment.of("returns")[0].kind == "Promise<Call>"
    assert comment.of("throws")[0].kind == "CallError"


def test_a_brace_that_stays_open_is_said() -> None:
    with pytest.raises(ValueError, match="a brace is open"):
        read_comment("\n * @param {string name\n")


def test_a_type_of_another_file_is_not_taken_for_its_definition() -> None:
    source = '/** @typedef {import("./b.js").End} End */\n/** @typedef {"a" | "b"} Kind */\n'
    assert list(typedefs(source)) == ["Kind"]
