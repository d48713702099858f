"""What `gateway check` says of routes, of the trunks behind them, and of rules for numbers."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from gateway import check
from gateway.check import routes
from gateway.config import Settings
from gateway.config_sources import load
from tests.gateway.check.test_examination import answering
from tests.peers.ports import free_port

NAMES = ("london", "lab", "spare")


def settings(*ways: tuple[str, list[str]], **tables: Any) -> Settings:
    trunks = [{"name": name, "uri": "sip:127.0.0.1:5070"} for name in NAMES]
    table = [{"to": to, "trunks": names} for to, names in ways]
    values = {"trunks": trunks, "routes": table, "admission": {"allow": ["*"]}, **tables}
    return Settings.model_validate(values)


def said(*ways: tuple[str, list[str]], **tables: Any) -> list[tuple[bool, str]]:
    """Return what is wrong (False) or doubtful (True)."""
    found = routes.examine(settings(*ways, **tables))
    assert all(each.doubtful for each in found if each.ok)
    return [(each.ok, each.text) for each in found]


ALL = list(NAMES)


def test_good_routes_are_good() -> None:
    assert said() == [], "without routes every trunk is used"
    assert said(("+44*", ["london", "lab"]), ("112", ["lab"]), ("*", ["spare", "lab"])) == []


def test_weights_and_priorities_of_any_kind_are_good() -> None:
    trunks = [
        {"name": name, "uri": "sip:127.0.0.1", "priority": priority, "weight": 10 * priority}
        for priority, name in enumerate(NAMES, 1)
    ]
    assert said(trunks=trunks) == []


def test_a_trunk_that_no_route_names() -> None:
    assert said(("*", ["london", "lab"])) == [
        (True, "trunks[2].name = 'spare': no call goes there, as no route names it")
    ]


@pytest.mark.parametrize(
    ("first", "second", "hidden"),
    [
        ("*", "+44*", True),
        ("*", "sales", True),
        ("+4*", "+44*", True),
        ("+44*", "+44*", True),
        ("+44*", "+442079460000", True),
        ("112", "112", True),
        ("112", "112*", False),
        ("112", "1123", False),
        ("+44*", "+4*", False),
        ("+44*", "*", False),
    ],
)
def test_a_route_that_another_hides(first: str, second: str, hidden: bool) -> None:
    line = f"routes[1].to = '{second}': no call comes here, as routes[0] takes '{first}' before"
    assert said((first, ALL), (second, ALL)) == [(False, line)] * hidden


def test_a_prefix_without_its_star() -> None:
    assert said(("+1900", ALL), ("*", ALL)) == [
        (
            True,
            "routes[0].to = '+1900': it is for this number alone, and none is so short; "
            "'+1900*' is for all that begin so",
        )
    ]
    assert said(("+15551234567", ALL), ("*", ALL)) == []


@pytest.mark.parametrize("allow", ["*", "+44", "+4", "+44 20*", "+", "112", "11", "+1 555 1234567"])
def test_what_is_allowed_and_leads_somewhere(allow: str) -> None:
    ways = ("+44*", ALL), ("112", ALL), ("+15551234567", ALL)
    assert said(*ways, admission={"allow": [allow]}) == []


@pytest.mark.parametrize("allow", ["+1", "+49", "020", "1123"])
def test_what_is_allowed_and_leads_nowhere(allow: str) -> None:
    ways = ("+44*", ALL), ("112", ALL)
    line = f"admission.allow: '{allow}' allows nothing, as no route leads there"
    assert said(*ways, admission={"allow": ["+44", allow]}) == [(False, line)]
    assert said(*ways, admission={"allow": ["+44", allow], "country": "GB"}) == []


def test_a_rule_for_numbers_that_another_hides() -> None:
    def trunk(*rules: tuple[str, str]) -> list[dict[str, object]]:
        return [{"name": "lab", "uri": "sip:127.0.0.1", "numbers": rules}]

    assert said(trunks=trunk(("+1", ""), ("+", "00"))) == []
    assert said(trunks=trunk(("+", "00"), ("0", "1"), ("+1", ""))) == [
        (
            False,
            "trunks[0].numbers: the rule for '+1' changes nothing, as the one for '+' comes before",
        )
    ]


def test_a_route_to_dead_trunks() -> None:
    ways = ("+44*", ["london", "lab"]), ("+1*", ["london"]), ("*", ["lab"])
    assert list(routes.reach(settings(*ways), [])) == []
    partly, wholly = routes.reach(settings(*ways), ["london"])
    assert partly.doubtful
    assert partly.text == (
        "routes[0].to = '+44*': 'london' cannot take calls now; they go to 'lab'"
    )
    assert not wholly.ok
    assert wholly.text == "routes[1].to = '+1*': these calls fail: 'london' cannot take any now"


async def test_each_trunk_is_asked_and_its_routes_are_told() -> None:
    async with answering(b"SIP/2.0 200 OK\r\n\r\n") as (answerer, port):
        trunks = [
            {"name": "lab", "uri": f"sip:127.0.0.1:{port}"},
            {"name": "dead", "uri": f"sip:127.0.0.1:{free_port()}"},
        ]
        values = {
            "http": {"listen": "127.0.0.1:0"},
            "sip": {"listen": "127.0.0.1:0"},
            "media": {"browser_port": free_port(), "threads": 1},
            "admission": {"allow": ["+1"]},
            "records": {"database": ""},
            "trunks": trunks,
            "routes": [{"to": "*", "trunks": ["dead", "lab"]}],
        }
        *_, lab, dead, route = await check.examine(load(None, values))
    assert len(answerer.requests) == 1
    assert (lab.ok, dead.ok, route.ok, route.doubtful) == (True, False, True, True)
    assert lab.text.startswith(f"trunk 'lab' at sip:127.0.0.1:{port};transport=udp: answered")
    assert dead.text.startswith("trunk 'dead' at ")
    assert route.text == "routes[0].to = '*': 'dead' cannot take calls now; they go to 'lab'"


async def test_dead_trunks_are_waited_for_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.check.trunk.ANSWER_TIMEOUT", 0.3)
    async with answering(b"", ignore=99) as (answerer, port):
        trunks = [{"name": f"t{n}", "uri": f"sip:127.0.0.1:{port}"} for n in range(20)]
        values = {"http": {"listen": "127.0.0.1:0"}, "sip": {"listen": "127.0.0.1:0"}}
        async with asyncio.timeout(5):  # 0.3 s each are 6 s in turn
            findings = await check.examine(load(None, {**values, "trunks": trunks}))
    silent = [each for each in findings if "no answer to OPTIONS within 0.3 s" in each.text]
    assert len(silent) == len(answerer.requests) == 20


@pytest.mark.parametrize(
    ("first", "second", "hidden"),
    [
        ({"to": "*"}, {"to": "+1*"}, True),
        ({"to": "*", "trunk": "lab"}, {"to": "+1*", "trunk": "lab"}, True),
        ({"to": "*"}, {"to": "+1*", "trunk": "lab"}, True),
        ({"to": "*", "trunk": "lab"}, {"to": "+1*"}, False),
        ({"to": "*", "trunk": "london"}, {"to": "+1*", "trunk": "lab"}, False),
        ({"to": "+1*"}, {"to": "*"}, False),
    ],
)
def test_an_incoming_that_another_hides(
    first: dict[str, str], second: dict[str, str], hidden: bool
) -> None:
    incoming = [{"identity": "a", **first}, {"identity": "b", **second}]
    line = "incoming[1].to = '+1*': no call comes here, as incoming[0] takes '*' before"
    assert said(incoming=incoming) == [(False, line)] * hidden


@pytest.mark.parametrize(
    ("fallback", "line"),
    [
        ("+15550199", None),
        ("+15550100", "it is the called number, whose calls would go round"),
        (
            "+445550199",
            "these calls end with 480, as +445550199 may not be called: no prefix in "
            "admission.allow matches it",
        ),
        ("+4930123456", "these calls end with 480, as no route leads there"),
    ],
)
def test_a_fallback_that_cannot_be_called(fallback: str, line: str | None) -> None:
    incoming = [{"to": "+15550100", "identity": "a", "fallback": fallback}]
    lines = said(("+1*", ALL), ("+44*", ALL), incoming=incoming, admission={"allow": ["+1", "+49"]})
    found = [text for ok, text in lines if not ok and text.startswith("incoming[0].fallback")]
    assert found == ([] if line is None else [f"incoming[0].fallback = {fallback!r}: {line}"])


def test_an_incoming_without_a_trunk() -> None:
    incoming = [{"to": "*", "identity": "a"}]
    line = "incoming: no call comes, as there are no [[trunks]]"
    assert said(incoming=incoming, trunks=[]) == [(False, line)]
