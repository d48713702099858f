"""What `gateway check` says of settings that may be read, and that no call would come of."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.check import sense
from gateway.config import Settings

TRUNK = {"name": "t", "uri": "sip:127.0.0.1:5070", "max_calls": 100}
GOOD: dict[str, Any] = {
    "media": {"ports": [20_000, 20_200], "browser_port": 20_000, "threads": 1},
    "trunks": [TRUNK],
    "admission": {"allow": ["+1"], "deny": ["+1900"]},
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


@pytest.mark.parametrize("denied", ["+", "+1", "+1*", "+ 1", "*"])
def test_what_is_allowed_may_be_denied_again(denied: str) -> None:
    (line,) = said(admission={"deny": ["+44", denied]})
    assert line == f"admission.allow: '+1' allows nothing, as admission.deny has {denied!r}"


def test_ports_may_be_too_few_for_max_calls() -> None:
    assert said(media={"ports": [20_000, 20_200]}) == [], "one for browsers, two for each call"
    (line,) = said(media={"ports": [20_000, 20_199]})
    assert line == (
        "media.ports = [20000, 20199]: they are enough for 99 calls, and trunks may have 100 "
        "(max_calls): a call takes 2"
    )


def test_a_browser_port_elsewhere_takes_none_of_them() -> None:
    assert said(media={"ports": [20_000, 20_199], "browser_port": 443}) == []


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
