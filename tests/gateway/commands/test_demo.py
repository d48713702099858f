from __future__ import annotations

from pathlib import Path

import pytest

from gateway.check import engine
from gateway.cli import main
from gateway.commands import demo, running
from gateway.config import Address, Settings


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Settings]:
    """The settings that a demo was started with; it does not run."""
    settings: list[Settings] = []
    monkeypatch.setattr(demo, "_serve", lambda given, _: settings.append(given))
    monkeypatch.setattr(running, "run", lambda _: 0)
    monkeypatch.setattr("gateway.log.set_up", lambda *_, **__: None)
    return settings


def test_it_says_that_it_does_not_read_the_file(
    started: list[Settings], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["demo"]) == 0
    assert capsys.readouterr().err == ""
    Path("gateway.toml").write_text("[http]\nlisten = 'nonsense'\n")
    assert main(["demo"]) == 0
    assert capsys.readouterr().err == (
        "The demo does not read gateway.toml; `gateway serve` does.\n"
    )
    assert len(started) == 2


@pytest.mark.parametrize(
    ("arguments", "variable", "port"),
    [
        ([], None, 8080),
        ([], "127.0.0.1:1", 1),
        (["--listen", "127.0.0.1:2"], "127.0.0.1:1", 2),
        (["--port", "3"], "127.0.0.1:1", 3),
    ],
)
def test_where_it_listens(
    started: list[Settings],
    arguments: list[str],
    variable: str | None,
    port: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if variable is not None:
        monkeypatch.setenv("GATEWAY_HTTP__LISTEN", variable)
    assert main(["demo", *arguments]) == 0
    assert started[0].http.listen == Address("127.0.0.1", port)
    assert started[0].http.demo  # whatever GATEWAY_HTTP__ says of proxies


def test_a_site_of_ones_own_is_let_in_with_tokens_alone(started: list[Settings]) -> None:
    site = "http://127.0.0.1:8000"
    assert main(["demo", "--site", site, "--site", "https://shop.example"]) == 0
    admission = started[0].admission
    assert (admission.mode, admission.origins) == ("token", (site, "https://shop.example"))
    assert admission.limits.calls_at_once_per_identity >= 20, "one who tries is several people"
    secret = Path("token-secret")
    assert admission.token_secret_file == secret
    assert secret.stat().st_mode & 0o077 == 0
    written = secret.read_text()
    assert main(["demo", "--site", site]) == 0
    assert secret.read_text() == written, "the site has a copy of it"


def test_without_a_site_nobody_needs_a_token(started: list[Settings]) -> None:
    assert main(["demo"]) == 0
    assert (started[0].admission.mode, started[0].admission.origins) == ("open", ())
    assert not Path("token-secret").exists()


def test_a_site_that_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--site", "127.0.0.1:8000"]) == 1
    assert "an origin is a scheme and a host" in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["own", "stock"])
def test_it_says_what_its_engine_lacks(
    kind: str,
    started: list[Settings],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Else whoever tries to hold a call takes it for a fault."""
    monkeypatch.setattr(engine, "installed", lambda: kind)
    monkeypatch.setattr("gateway.garbage.freeze_gc", lambda: None)
    assert main(["demo"]) == 0
    demo._announce("http://127.0.0.1:8080", started[0])
    _, *more = capsys.readouterr().out.splitlines()
    lacks = (
        "It runs on the stock SIP engine: 4 calls at a time, no hold, no transfer; "
        "`make engine` builds the one that has them"
    )
    assert more == ([lacks] if kind == "stock" else [])
