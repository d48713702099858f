"""What the documentation says of the element, against its sources."""

from __future__ import annotations

import re

from tests.web.fake_gateway import WEB

BUTTON = WEB / "sdk" / "button"
SOURCES = "".join(path.read_text() for path in sorted(BUTTON.glob("*.js")))
SECTION = (WEB.parents[1] / "docs" / "button.md").read_text()


def table(heading: str) -> set[str]:
    """Return the words in code in the first column of one of the section's tables."""
    rows = SECTION.split(f"\n| {heading} ")[1].split("\n\n")[0].splitlines()[2:]
    return {word for row in rows for word in re.findall(r"`([^`]+)`", row.split(" | ")[0])}


def test_each_attribute() -> None:
    read = re.findall(r'(?:get|has)Attribute\("([a-z-]+)"\)', SOURCES)
    read += re.findall(r'\["([a-z-]+)", "[a-zA-Z]+"\]', (BUTTON / "attributes.js").read_text())
    selectors = re.findall(r":host\(\[([a-z]+)", SOURCES)
    own = {*read, *selectors} - {"lang", "hidden", "aria-disabled"}
    assert own == table("attribute") - {"lang"}


def test_each_custom_property() -> None:
    declared = re.findall(r'^  "?([a-z-]+)"?: \["#', SOURCES, re.MULTILINE)
    used = re.findall(r"var\((--ctc-[a-z-]+),", SOURCES)
    assert len(table("custom property")) >= 20
    assert {*used, *(f"--ctc-{name}" for name in declared)} == table("custom property")


def test_each_part_and_slot() -> None:
    parts = set(re.findall(r'part: "([a-z -]+)"', SOURCES))
    tools = set(re.findall(r'tool\("([a-z]+)"', SOURCES))
    words = {word for part in parts for word in part.split()} | {"control"} | tools
    assert words == table("part")
    assert set(re.findall(r'"slot", \{ name: "([a-z]+)"', SOURCES)) == table("slot")


def test_each_event() -> None:
    told = set(re.findall(r'(?:#tell\(|tell\(call, )"([a-z]+)"', SOURCES))
    assert {f"click-to-call:{name}" for name in told} == table("event")


def test_each_state() -> None:
    model = (BUTTON / "model.js").read_text()
    phases = re.search(r"@typedef \{([^}]+)\} Phase", model)
    flags = re.search(r"const flags = \{(.*?)\};", model, re.DOTALL)
    assert phases
    assert flags
    named = re.findall(r'"([a-z]+)"', phases[1]) + re.findall(r"^ +([a-z]+):", flags[1], re.M)
    named += ["quality-good", "quality-fair", "quality-poor"]
    assert [name for name in named if f"`{name}`" not in SECTION] == []
