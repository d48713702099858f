"""The other parts of pages that are made: requests, metrics, endings; and included texts."""

from __future__ import annotations

import gzip
import re

import pytest

from docs.making import endings, http_api, metrics, readmes
from docs.making.declarations import SDK
from docs.making.markdown import table
from tests.examples.test_operating import served
from tests.gateway.test_metrics import BUSY, lines


def test_every_request_has_a_heading() -> None:
    page = http_api.requests()
    for method, path in served():
        told = path.replace("{id}", "{call_id}")
        if path not in ("/", "/docs"):
            assert f"### {method} {told}\n" in page


def test_a_request_says_what_it_takes_and_gives() -> None:
    page = http_api.requests()
    token = page.partition("### POST /v1/tokens")[2].partition("\n### ")[0]
    assert "Its body is [TokenRequest](#tokenrequest)." in token
    assert "It answers 201 with [Token](#token)." in token
    assert "| `expires` | integer | without it `60`; 1 to 86400 |" in page
    assert "| 401 | The API key is missing or unknown |" in http_api.refusals()
    rule = "A value breaks a rule, or the body is no JSON"
    assert f"| 422 | {rule} | [Invalid](#invalid) |" in http_api.refusals()
    assert "| `detail` | list of [Misfit](#misfit) |" in page


def test_every_metric_is_there() -> None:
    page = metrics.series()
    families = {line.split()[2] for line in lines(BUSY) if line.startswith("# TYPE gateway_")}
    missing = {
        name for name in families if f"`{name}`" not in page and not name.endswith("_created")
    }
    assert missing == set()
    assert "| `gateway_trunk_final_answers_total` | counter | `code`, `trunk` |" in page


def test_every_ending_is_there_with_words_for_people() -> None:
    rows = endings.endings().splitlines()[2:]
    assert len(rows) > 50
    assert [row for row in rows if not row.split("|")[4].strip()] == []
    assert any(row.startswith("| `busy` | 486 | refused | The line is busy. |") for row in rows)


def test_the_readme_and_sizing_have_the_same_figures() -> None:
    """The one beside others' figures, the other to reckon with."""
    readme, sizing = (
        (readmes.TREE / path).read_text(encoding="utf-8")
        for path in ("README.md", "docs/sizing.md")
    )
    ours = re.findall(r"^\| [^|]+ \| (\d+) \| \d+, rtpengine \|$", readme, re.MULTILINE)
    assert len(ours) == 3
    assert set(ours) <= set(re.findall(r" ms \| (\d+) \|$", sizing, re.MULTILINE))


def test_the_client_is_as_small_as_the_readme_says() -> None:
    page = (readmes.TREE / "README.md").read_text(encoding="utf-8")
    (most,) = re.findall(r"what a page loads for calls, gzipped \| under (\d+) kB", page)
    client = (SDK / "voice-client.min.js").read_bytes()
    assert len(gzip.compress(client)) < int(most) * 1000


TEXT = """# Top

## First

one

### Below

```sh
## no heading
```

## Second

two
"""


@pytest.mark.parametrize(
    ("heading", "begins", "ends"),
    [("First", "## First", "## no heading\n```\n\n"), ("Second", "## Second", "two\n")],
)
def test_a_section_ends_where_the_next_one_begins(heading: str, begins: str, ends: str) -> None:
    found = readmes.section(TEXT, heading)
    assert found.startswith(begins)
    assert found.endswith(ends)


def test_a_section_that_is_not_there_is_empty() -> None:
    assert readmes.section(TEXT, "Third") == ""


@pytest.mark.parametrize(
    ("path", "text", "wanted"),
    [
        ("README.md", "[a](docs/trunks.md#tls)", "[a](trunks.md#tls)"),
        ("README.md", "![a](docs/pictures/b.png)", "![a](pictures/b.png)"),
        ("README.md", "[a](gateway/web/README.md)", "[a](sdk.md)"),
        ("README.md", "[`a`](sdp/README.md)", "`a`"),
        ("examples/README.md", "[a](react/README.md)", "[a](react.md)"),
        ("docs/trunks.md", "[a](../examples/deploy/README.md)", "[a](deploy.md)"),
        ("examples/deploy/README.md", "[a](../container/README.md)", "[a](container.md)"),
        ("examples/deploy/README.md", "[a](../tokens)", "[a](tokens.md)"),
        ("docs/trunks.md", "[a](https://example.com) [b](#c)", "[a](https://example.com) [b](#c)"),
        ("docs/trunks.md", "```\n[a](sdp/b.md)\n```", "```\n[a](sdp/b.md)\n```"),
    ],
)
def test_a_link_leads_to_a_page(path: str, text: str, wanted: str) -> None:
    assert readmes.on_the_site(text, path) == wanted


def test_each_example_has_a_page() -> None:
    """Its row in the table of examples would lead nowhere else."""
    shown = {text.path for text in readmes.PAGES.values()}
    there = {
        str(path.relative_to(readmes.TREE)) for path in readmes.TREE.glob("examples/*/README.md")
    }
    assert there <= shown


def test_a_pipe_ends_no_cell() -> None:
    assert table(("a",), [("b|c `d | e`",)]) == "| a |\n|---|\n| b&#124;c `d | e` |"
