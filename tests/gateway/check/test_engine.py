"""What `gateway check` says of a fresh clone's SIP engine."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError
from typing import Any

import pytest

from gateway import check
from gateway.check import engine
from gateway.check.finding import Finding
from gateway.config import Settings
from gateway.trunk import EndpointConfig, TrunkEndpoint, TrunkError, stack

TLS = [{"name": "t", "uri": "sip:127.0.0.2;transport=tls"}]


def settings(listen: str, **tables: Any) -> Settings:
    media = {"address": listen.rpartition(":")[0].strip("[]")}
    return Settings.model_validate({"sip": {"listen": listen}, "media": media, **tables})


def wrong(found: list[Finding]) -> list[str]:
    return [each.text for each in found if not each.ok]


@pytest.mark.parametrize("listen", ["0.0.0.0:5060", "192.0.2.7:5060"])
async def test_the_stock_engine_beyond_loopback(
    listen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What stops the start is found before it, and with what to do about it."""
    (text,) = wrong(engine.examine(settings(listen), "stock"))
    assert text.startswith(f"sip.listen = '{listen}': the stock SIP engine does not start beyond")
    assert "`make engine`" in text
    monkeypatch.setattr(stack, "STOCK_CALLS", 2000)
    with pytest.raises(TrunkError, match="must not listen beyond loopback"):
        await TrunkEndpoint(EndpointConfig(address=listen.partition(":")[0], port=0)).start()


def test_what_the_stock_engine_does_not_have() -> None:
    assert wrong(engine.examine(settings("127.0.0.1:0"), "stock")) == []
    (found,) = engine.examine(settings("127.0.0.1:0"), "stock")
    assert found.doubtful
    for word in ("4 calls", "no hold", "no transfer", "`make engine`"):
        assert word in found.text
    (text,) = wrong(engine.examine(settings("[::1]:5060"), "stock"))
    assert "has no IPv6" in text
    (text,) = wrong(engine.examine(settings("127.0.0.1:0", trunks=TLS), "stock"))
    assert text.startswith("trunks[0].uri: the stock SIP engine has no safe TLS")


def test_our_own_engine_has_it_all() -> None:
    assert engine.examine(settings("127.0.0.1:0", trunks=TLS), "own") == []
    assert engine.examine(settings("0.0.0.0:5060"), "own") == []


def test_no_engine_at_all() -> None:
    (text,) = wrong(engine.examine(settings("127.0.0.1:0"), "none"))
    assert "none is installed; `make engine` builds it" in text


def _no_package(name: str) -> str:
    raise PackageNotFoundError(name)


def test_which_engine_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    for version, kind in (("2.17+gateway6", "own"), ("2.16.1", "stock")):
        monkeypatch.setattr(engine, "version", lambda _, version=version: version)
        assert engine.installed() == kind
    monkeypatch.setattr(engine, "version", _no_package)
    assert engine.installed() == "stock", "pjsua2 may come from elsewhere"
    monkeypatch.setattr(engine, "find_spec", lambda _: None)
    assert engine.installed() == "none"


async def test_it_is_one_of_the_findings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "installed", lambda: "stock")
    found = await check.examine(settings("127.0.0.1:0", records={"database": ""}))
    assert any("the stock one" in each.text for each in found)
