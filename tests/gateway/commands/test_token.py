from __future__ import annotations

import time
from pathlib import Path

import pytest

from gateway.admission.grant import Grant
from gateway.admission.token import SharedSecrets, Tokens
from gateway.cli import main
from gateway.errors import TokenError

SECRET, OLD = "n" * 32, "o" * 32
TOKENS = (
    '[http]\nlisten = "0.0.0.0:443"\n'
    '[admission]\nmode = "token"\ntoken_secret_file = "secrets"\nissuer = "shop"\n'
)


@pytest.fixture
def printed(capsys: pytest.CaptureFixture[str]) -> str:
    """A token for one number."""
    return print_token(capsys, "--to", "+15551234567")


def print_token(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    Path("secrets").write_text(f"# the newer first\n{SECRET}\n{OLD}\n")
    Path("gateway.toml").write_text(TOKENS)
    assert main(["token", *arguments]) == 0
    token, end = capsys.readouterr().out.split("\n")
    assert end == ""
    return token


async def grant(token: str, secret: str = SECRET, *, later: float = 0) -> Grant:
    tokens = Tokens(SharedSecrets([secret]), lambda: time.time() + later, issuer="shop")
    return await tokens.verify(token)


async def test_it_lets_one_call_and_little_else(printed: str) -> None:
    given = await grant(printed)
    assert given.to == ("+15551234567",)
    assert (given.identity, given.origins, given.caller) == ("gateway-token", None, None)
    assert (given.once, given.incoming) == (False, False)


async def test_it_is_good_for_a_minute(printed: str) -> None:
    await grant(printed, later=59)
    with pytest.raises(TokenError, match="expired"):
        await grant(printed, later=60 + 11)


async def test_it_may_live_for_a_week(capsys: pytest.CaptureFixture[str]) -> None:
    week = print_token(capsys, "--to", "600", "--expires", "604800")
    await grant(week, later=604_800 - 60)


async def test_the_first_secret_signs(printed: str) -> None:
    with pytest.raises(TokenError, match="not signed"):
        await grant(printed, OLD)


async def test_every_option_is_in_it(capsys: pytest.CaptureFixture[str]) -> None:
    token = print_token(
        capsys,
        *("--to", "+1*", "--to", "600", "--from", "+15550001", "--origin", "https://a.example"),
        *("--sub", "alice", "--max-duration", "300", "--max-calls", "1", "--expires", "3600"),
        *("--once", "--incoming", "--transfer-to", "sales"),
    )
    given = await grant(token, later=3500)
    assert given == Grant(
        key=given.key,
        identity="alice",
        token=given.token,
        to=("+1*", "600"),
        caller="+15550001",
        origins=("https://a.example",),
        max_duration=300,
        max_calls=1,
        once=True,
        incoming=True,
        transfer_to=("sales",),
        expires=given.expires,
    )


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ([], "--to: neither a number in `to` nor `incoming`: such a token lets nobody call"),
        (["--to", "foo bar"], "--to: it is 'foo bar': a number (E.164"),
        (["--to", "foo bar*"], "--to: how a number or a SIP user begins is needed"),
        (["--to", "1", "--origin", "shop.example"], "--origin: an origin is a scheme and a host"),
        (["--to", "1", "--expires", "604801"], "--expires 604801: more than 0 seconds are needed"),
        (["--to", "1", "--expires", "1e9"], "--expires 1e+09: more than 0 seconds are needed"),
        (["--to", "1", "--expires", "inf"], "--expires inf: more than 0 seconds are needed"),
        (["--to", "1", "--expires=-inf"], "--expires -inf: more than 0 seconds are needed"),
        (["--to", "1", "--max-duration", "nan"], "--max-duration: Input should be"),
        (["--to", "1", "--expires", "0"], "--expires 0: more than 0 seconds are needed"),
        (["--to", "1", "--expires", "nan"], "--expires nan: more than 0 seconds are needed"),
        (["--to", "1", "--max-calls", "0"], "--max-calls: Input should be greater than"),
        (["--to", "1", "--max-duration", "0"], "--max-duration: Input should be greater than"),
        (["--to", "1", "--sub", ""], "--sub: String should have at least 1 character"),
        (["--to", "1", "--from", "1" * 65], "--from: String should have at most 64 characters"),
    ],
)
def test_what_is_no_grant_is_one_line(
    arguments: list[str], line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("secrets").write_text(SECRET)
    Path("gateway.toml").write_text(TOKENS)
    assert main(["token", *arguments]) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"gateway: {line}")
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("admission", "line"),
    [
        ("", 'gateway: admission.mode: tokens are for mode = "token"'),
        (
            '[admission]\nmode = "token"\njwks_url = "https://a.example/"',
            "gateway: admission.jwks_url: tokens are signed by the service that has the private",
        ),
    ],
)
def test_a_gateway_without_a_secret_signs_nothing(
    admission: str, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("other.toml").write_text(admission)
    assert main(["token", "--to", "600", "--config", "other.toml"]) == 1
    assert capsys.readouterr().err.startswith(line)
