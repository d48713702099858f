"""`[[incoming]]`: whom a call from a trunk rings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gateway.config_sip import IncomingSettings
from gateway.config_sources import BadConfigError, load
from tests.gateway.config_files import OTHER, TRUNK, problems, read

if TYPE_CHECKING:
    from pathlib import Path

SALES = 'to = "+1 (555) 0100*"\nidentity = " sales "\n'


def incoming(tmp_path: Path, text: str) -> tuple[IncomingSettings, ...]:
    return read(tmp_path, text).incoming


def test_none_by_default() -> None:
    assert load(None, {}).incoming == ()


def test_a_number_rings_an_identity(tmp_path: Path) -> None:
    (sales,) = incoming(tmp_path, f"{TRUNK}[[incoming]]\n{SALES}")
    assert (sales.to, sales.trunk, sales.identity, sales.ring) == ("+15550100*", None, "sales", 30)


def test_a_fallback(tmp_path: Path) -> None:
    text = f'{TRUNK}[[incoming]]\n{SALES}fallback = "+1 (555) 0199"\n[[incoming]]\n{SALES}'
    first, second = incoming(tmp_path, text)
    assert (first.fallback, second.fallback) == ("+15550199", None)


def test_of_one_trunk(tmp_path: Path) -> None:
    text = f'{TRUNK}{OTHER}[[incoming]]\n{SALES}trunk = "other"\nring = 5\n[[incoming]]\n'
    first, second = incoming(tmp_path, f'{text}to = "*"\nidentity = "desk"')
    assert (first.trunk, first.ring) == ("other", 5)
    assert (second.to, second.identity) == ("*", "desk")


def test_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_INCOMING__0__IDENTITY", "night")
    (sales,) = incoming(tmp_path, f"{TRUNK}[[incoming]]\n{SALES}")
    assert (sales.to, sales.identity) == ("+15550100*", "night")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('identity = "a"', "incoming[0].to: this key is needed"),
        ('to = "*"', "incoming[0].identity: this key is needed"),
        ('to = ""\nidentity = "a"', "incoming[0].to = '': a number or a SIP user"),
        ('to = "a b@c"\nidentity = "a"', "incoming[0].to = '…@c': a number or a SIP user"),
        (
            'to = "*"\nidentity = " "',
            "incoming[0].identity = ' ': an identity has 1 to 128 characters",
        ),
        ('to = "*"\nidentity = "a\\u0007"', "each of which can be seen"),
        ('to = "*"\nidentity = "a"\nfallback = "+1*"', "incoming[0].fallback = '+1*'"),
        ('to = "*"\nidentity = "a"\nfallback = "a@b"', "incoming[0].fallback"),
        ('to = "*"\nidentity = "a"\nring = 0', "incoming[0].ring = 0: Input should be greater"),
        ('to = "*"\nidentity = "a"\nring = 601', "incoming[0].ring = 601: Input should be less"),
        (
            'to = "*"\nidentity = "a"\ntrunk = "la"',
            "incoming[0].trunk = 'la': there is no such trunk; the nearest one is lab",
        ),
        ('to = "*"\nidentity = "a"\nsound = "x"', "incoming[0].sound = 'x': unknown key"),
    ],
)
def test_what_breaks_a_rule(tmp_path: Path, text: str, line: str) -> None:
    (problem,) = problems(tmp_path, f"{TRUNK}[[incoming]]\n{text}")
    assert line in problem


def test_a_trunk_is_needed_for_its_name(tmp_path: Path) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text('[[incoming]]\nto = "*"\nidentity = "a"\ntrunk = "lab"')
    with pytest.raises(
        BadConfigError, match=r"incoming\[0\]\.trunk = 'lab': there is no such trunk"
    ):
        load(file, {})
