from __future__ import annotations

import io
import resource
import signal
import stat
from pathlib import Path

import pytest

from gateway.cli import main
from gateway.config_sources import load

SHOP = ["init", "--site", "https://shop.example", "--trunk", "sip:sip.provider.example"]
ACCOUNT = ["--username", "4711", "--caller-id", "+15550100", "--allow", "+1202"]


def modes() -> dict[str, int]:
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in Path().iterdir()}


def test_the_gateway_takes_what_it_writes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("correct horse\n"))
    assert main([*SHOP, *ACCOUNT]) == 0
    settings = load(Path("gateway.toml"), {})
    (trunk,) = settings.trunks
    assert (trunk.username, trunk.caller_id) == ("4711", "+15550100")
    assert settings.admission.mode == "token"
    assert not settings.http.serves_demo, "the proxy would show it to the world"
    assert settings.admission.origins == ("https://shop.example",)
    assert settings.admission.allow == ("+1202",)
    assert Path("trunk-password").read_text() == "correct horse\n"
    private = {name: mode for name, mode in modes().items() if name != "gateway.toml"}
    assert private == {"token-secret": 0o600, "trunk-password": 0o600}
    said = capsys.readouterr().out
    assert "correct horse" not in said + Path("gateway.toml").read_text()
    assert "gateway check" in said


def test_it_leaves_alone_what_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    Path("token-secret").write_text("x" * 40)
    assert main(SHOP) == 0
    assert Path("token-secret").read_text() == "x" * 40
    written = Path("gateway.toml").read_text()
    assert main([*SHOP, "--allow", "+1"]) == 1
    assert Path("gateway.toml").read_text() == written
    assert capsys.readouterr().err == (
        f"gateway: {Path('gateway.toml').resolve()} is there already, and stays as it is\n"
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--site", "shop.example"], "admission.origins[1] = 'shop.example'"),
        (["--trunk", "provider"], "trunks[0].uri = 'provider'"),
        (["--caller-id", "two words"], "trunks[0].caller_id = 'two words'"),
        (["--folder", "nowhere"], "cannot be made: No such file or directory"),
    ],
)
def test_a_wrong_word_leaves_nothing_to_clean_up(
    arguments: list[str],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("secret\n"))
    assert main([*SHOP, "--username", "4711", *arguments]) == 1
    assert said in capsys.readouterr().err
    assert set(modes()) <= {"token-secret"}


def test_an_account_without_a_password(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert main([*SHOP, "--username", "4711"]) == 1
    assert "none was given" in capsys.readouterr().err
    assert "gateway.toml" not in modes()


def test_a_file_that_takes_nothing_is_not_kept(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A limit of the file's size stands for a disk that is full."""
    monkeypatch.setattr("sys.stdin", io.StringIO("correct horse\n"))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        assert main([*SHOP, *ACCOUNT]) == 1
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert "token-secret cannot be written: File too large" in capsys.readouterr().err
    assert modes() == {}
