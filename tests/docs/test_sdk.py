"""The page of the browser client: what its sources say, and all that a browser would find."""

from __future__ import annotations

import json
import re
import subprocess

import pytest

from docs.making.sdk import (
    INTERNAL,
    SDK,
    classes,
    members,
    read_comment,
    reference,
    typedefs,
    types,
)
from tests.peers.requirement import require

# Prints the names that a page finds on each class
NAMES = """
const found = {};
globalThis.addEventListener ??= () => {};
const module = await import(process.argv[1]);
for (const name of process.argv.slice(2)) {
  const made = module[name];
  const own = (of) => Object.getOwnPropertyNames(of).filter((each) => !each.startsWith("_"));
  found[name] = [...own(made.prototype), ...own(made)];
}
console.log(JSON.stringify(found));
"""
NO_MEMBERS = {"length", "name", "prototype", "constructor"}


def test_every_name_that_a_page_finds_is_there() -> None:
    command = [
        str(require("node")),
        "--input-type=module",
        "-e",
        NAMES,
        str(SDK / "voice-client.js"),
        *classes(),
    ]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    for name, found in json.loads(ran.stdout).items():
        source = classes()[name].read_text(encoding="utf-8")
        told = {member.name for member in members(source, name)} - {"constructor"}
        assert told == set(found) - NO_MEMBERS - INTERNAL.get(name, set())


def test_the_page_has_classes_events_and_types() -> None:
    page = reference()
    for heading in (
        "## Device",
        "### `transfer(target)` {#call-transfer}",
        "### Events of Call",
        "### `CallEnd` {#type-callend}",
    ):
        assert f"\n{heading}\n" in f"\n{page}\n"
    assert "\n### `new Device(" in page
    assert "import(" not in page


def test_the_minified_client_shortens_no_name_of_a_page() -> None:
    build = (SDK.parents[2] / ".ci" / "web").read_text(encoding="utf-8")
    shortened = re.search(r"--mangle-props=([^\s\"]+)", build)
    assert shortened is not None
    shown = [
        member
        for name, file in classes().items()
        for member in members(file.read_text(encoding="utf-8"), name)
    ]
    comments = [*types().values(), *(member.comment for member in shown)]
    fields = [
        tag.name for each in comments for word in ("property", "param") for tag in each.of(word)
    ]
    names = {member.name for member in shown} | {
        field.strip("[]").split(".")[-1] for field in fields
    }
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
