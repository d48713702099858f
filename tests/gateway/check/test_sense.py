"""What `gateway check` says of settings that may be read, and that no call would come of."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.check import sense
from gateway.config import Settings

# What shares +1 with the US and Canada, and has prices of its own
DEAR = [
    *("+1242", "+1246", "+1264", "+1268", "+1284", "+1345", "+1441", "+1473", "+1649", "+1658"),
    *("+1664", "+1721", "+1758", "+1767", "+1784", "+1809", "+1829", "+1849", "+1868", "+1869"),
    "+1876",
]
TRUNK = {"name": "t", "uri": "sip:127.0.0.1:5070", "max_calls": 100}
GOOD: dict[str, Any] = {
    "media": {"ports": [20_000, 20_200], "browser_port": 20_000, "threads": 1},
    "trunks": [TRUNK],
    "admission": {"allow": ["+1"], "deny": ["+1900", *DEAR]},
}
JWKS = {"mode": "token", "jwks_url": "https://login.example/keys", "issuer": "shop"}


def said(**tables: dict[str, Any]) -> list[str]:
    """Return what is wrong or doubtful in settings that are good but for these tables."""
    values = {**GOOD, **{name: {**GOOD.get(name, {}), **table} for name, table in tables.items()}}
    findings = sense.examine(Settings.model_validate(values))
    return [found.text for found in findings if not found.ok or found.doubtful]


def test_good_settings_are_good() -> None:
    assert said() == []


def test_an_empty_dial_plan_allows_no_call() -> None:
    (line,) = said(admission={"allow": []})
    assert line.startswith("admission.allow: it is empty, so no call is possible")


def test_a_gateway_that_is_only_called_needs_no_dial_plan() -> None:
    tables = {"admission": {"allow": []}, "incoming": [{"to": "*", "identity": "sales"}]}
    (found,) = (
        each
        for each in sense.examine(Settings.model_validate({**GOOD, **tables}))
        if not each.ok or each.doubtful
    )
    assert found.ok
    assert found.text.startswith("admission.allow: it is empty, so calls come in only; ")


@pytest.mark.parametrize("denied", ["+", "+1", "+1*", "+ 1", "*"])
def test_what_is_allowed_may_be_denied_again(denied: str) -> None:
    (line,) = said(admission={"deny": ["+44", denied]})
    assert line == f"admission.allow: '+1' allows nothing, as admission.deny has {denied!r}"


@pytest.mark.parametrize("allowed", ["+1", "+1*", "+ 1"])
def test_north_america_has_dear_neighbours(allowed: str) -> None:
    (line,) = said(admission={"allow": [allowed], "deny": []})
    assert line.startswith(f"admission.allow: {allowed!r} includes countries of the Caribbean")
    assert line.endswith(" or add to admission.deny: " + ", ".join(f'"{each}"' for each in DEAR))


@pytest.mark.parametrize(
    ("allow", "deny", "left"),
    [
        (["+18"], [], ["+1809", "+1829", "+1849", "+1868", "+1869", "+1876"]),
        (["+18"], ["+186", "+1 (8)0*", "+1876"], ["+1829", "+1849"]),
        (["+1876"], [], []),
        (["+1876*"], [], []),
        (["+1876555"], [], []),
        (["+1202", "+1787", "+1671"], [], []),
        (["+44", "*"], [], []),
    ],
)
def test_an_area_that_is_named_is_meant(allow: list[str], deny: list[str], left: list[str]) -> None:
    lines = said(admission={"allow": allow, "deny": deny})
    assert [line.partition("deny: ")[2] for line in lines] == (
        [", ".join(f'"{each}"' for each in left)] if left else []
    )


@pytest.mark.parametrize("key", ["allow", "deny"])
@pytest.mark.parametrize(
    ("prefix", "why"),
    [
        ("+44*7", "after + there are only digits"),
        ("+44*7*", "after + there are only digits"),
        ("+44#", "after + there are only digits"),
        ("+44abc", "after + there are only digits"),
        ("+0044", "after + there is a country's code"),
        ("+1234567890123456", "at most 15 digits"),
        ("+4420+44", "after + there are only digits"),
        ("+44020", "write '+4420'"),
        ("a/b", "no number begins so, and no SIP user"),
        (".a", "no number begins so, and no SIP user"),
    ],
)
def test_some_prefixes_match_nothing(key: str, prefix: str, why: str) -> None:
    (line,) = said(admission={"allow": ["+44"], "deny": [], key: ["+44161", prefix]})
    assert line.startswith(f"admission.{key}: {prefix!r} matches nothing: ")
    assert why in line


@pytest.mark.parametrize("prefix", ["*5*", "*5", "44*7", "#31#", "**"])
def test_a_star_that_is_not_at_the_end_is_one_that_is_dialled(prefix: str) -> None:
    (line,) = said(admission={"allow": ["+44", prefix], "deny": []})
    assert line.startswith(f"admission.allow: {prefix!r} allows nothing: codes that begin so need")
    assert "only at the end" in line
    assert said(admission={"allow": ["+44", prefix], "deny": [], "feature_codes": True}) == []
    assert said(admission={"allow": ["+44"], "deny": [prefix]}) == []


@pytest.mark.parametrize(
    "prefix", ["+", "+44*", "+44 (0)20", "+3906", "*", "0", "00", "600", "sales", "al*ce", "_x.y-z"]
)
def test_other_prefixes_are_good(prefix: str) -> None:
    assert said(admission={"allow": [prefix], "deny": []}) == []


def test_ports_may_be_too_few_for_max_calls() -> None:
    assert said(media={"ports": [20_000, 20_200]}) == [], "one for browsers, two for each call"
    (line,) = said(media={"ports": [20_000, 20_199]})
    assert line == (
        "media.ports = [20000, 20199]: they are enough for 99 calls, and trunks may have 100 "
        "(max_calls): a call takes 2"
    )


def test_a_browser_port_elsewhere_takes_none_of_them() -> None:
    assert said(media={"ports": [20_000, 20_199], "browser_port": 443}) == []


@pytest.mark.parametrize("srtp", ["optional", "required"])
@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_keys_that_anybody_on_the_way_reads(transport: str, srtp: str) -> None:
    trunk = {**TRUNK, "uri": f"sip:127.0.0.1:5070;transport={transport}", "srtp": srtp}
    found = sense.examine(Settings.model_validate({**GOOD, "trunks": [trunk]}))
    (line,) = [each.text for each in found if not each.ok or each.doubtful]
    assert line.startswith(
        f"trunks[0].srtp = {srtp!r}: the keys go by SIP over {transport.upper()}"
    )


@pytest.mark.parametrize("uri", ["sip:127.0.0.1:5071;transport=tls", "sips:127.0.0.1:5071"])
def test_keys_that_tls_hides(uri: str) -> None:
    trunk = {**TRUNK, "uri": uri, "srtp": "required"}
    found = sense.examine(Settings.model_validate({**GOOD, "trunks": [trunk]}))
    assert not [each.text for each in found if not each.ok or each.doubtful]


def test_tokens_of_a_login_service_need_an_issuer() -> None:
    assert said(admission=JWKS) == []
    (line,) = said(admission={**JWKS, "issuer": None})
    assert line.startswith("admission.issuer: none is set")


@pytest.mark.parametrize("listen", ["0.0.0.0:80", "[::]:80", "192.0.2.1:80"])
def test_a_public_address_needs_tls_or_a_proxy(listen: str) -> None:
    (line,) = said(admission=JWKS, http={"listen": listen})
    assert line.startswith(f"http.listen = '{listen}': without TLS browsers give a page no micro")
    assert said(admission=JWKS, http={"listen": listen, "trusted_proxies": ["192.0.2.9"]}) == []
    assert said(admission=JWKS, http={"listen": "[::1]:80"}) == []


def test_pages_elsewhere_come_by_a_proxy() -> None:
    origins = {"origins": ["https://shop.example"]}
    (line,) = said(admission=origins)
    assert line.startswith("http.trusted_proxies: none is named")
    assert said(admission=origins, http={"trusted_proxies": ["127.0.0.1"]}) == []


def test_the_demo_page_is_not_for_everybody() -> None:
    proxied = {"trusted_proxies": ["127.0.0.1"]}
    assert said(http=proxied) == said(http={"demo": True}) == []
    (line,) = said(http={**proxied, "demo": True})
    assert line.startswith("http.demo: everybody who finds the gateway finds the demo page")


@pytest.mark.parametrize("ip", ["192.0.2.7", "[2001:db8::7]"])
def test_sound_comes_over_one_kind_of_ip(ip: str) -> None:
    told = "2001:db8::1" if ip == "192.0.2.7" else "192.0.2.1"
    values = {
        **GOOD,
        "sip": {"listen": "[::]:5060"},
        "media": {**GOOD["media"], "address": told},
        "trunks": [{**TRUNK, "uri": f"sip:{ip}"}],
    }
    doubts = [each for each in sense.examine(Settings.model_validate(values)) if each.doubtful]
    assert [each.text for each in doubts] == [
        f"trunks[0].uri = 'sip:{ip}:5060;transport=udp': it is told to send its sound to {told} "
        f"(media.address), which few do that speak IPv{4 if ip == '192.0.2.7' else 6}"
    ]
