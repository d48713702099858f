"""The page of the configuration: each key is there, with what it takes, its default and why."""

from __future__ import annotations

import re

import pytest

from docs.making.keys import Key, all_sections, keys, section, tables
from gateway.config import Settings

TABLES = tables()


def test_every_table_has_a_heading() -> None:
    headings = re.findall(r"^### `(.+)`$", all_sections(), re.MULTILINE)
    assert headings == list(TABLES)
    named = {heading.strip("[]").partition(".")[0] for heading in headings}
    assert named == set(Settings.model_fields)


@pytest.mark.parametrize("table", TABLES)
def test_every_key_has_a_reason(table: str) -> None:
    found = keys(TABLES[table])
    assert [key.names for key in found if not key.reason] == []
    names = [name for key in found for name in key.names]
    assert len(names) == len(set(names))
    tables_within = {
        name for name in TABLES[table].model_fields if f"[{table.strip('[]')}.{name}]" in TABLES
    }
    wanted = {field.alias or name for name, field in TABLES[table].model_fields.items()}
    assert set(names) == wanted - tables_within


def entry(table: str, name: str) -> Key:
    (found,) = [key for key in keys(TABLES[table]) if name in key.names]
    return found


def test_a_reason_is_the_comment_above() -> None:
    reason = entry("[media]", "ports").reason
    assert reason.startswith("UDP, two for each call: RTP and RTCP of the trunk. Below")


def test_keys_below_one_comment_share_it() -> None:
    assert entry("[admission]", "satellite").names == ("premium", "satellite", "shared_cost")


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("[http]", '`"host:port"`; default: `"127.0.0.1:8080"`'),
        ("[media]", "a whole number, 0 to 64; default: `0`"),
        ("[media]", "a list of 2: a whole number; default: `[20000, 29999]`"),
        ("[[trunks]]", '`"off"`, `"optional"`, `"required"`; default: `"off"`'),
        ("[[trunks]]", "text; needed"),
        ("[[trunks]]", '<a id="trunks.register"></a>`register`'),
        ("[admission.limits]", "a whole number, 0 to 1000000; default: `20`"),
        ("[records]", '`"full"`, `"masked"`; default: `"full"`'),
    ],
)
def test_a_section_says(table: str, words: str) -> None:
    assert words in section(table)


def test_an_asterisk_of_a_comment_is_no_emphasis() -> None:
    assert "With \\* and #" in section("[admission]")
