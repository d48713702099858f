"""The table of causes: complete, stable in form, and specific where it can be."""

from __future__ import annotations

import re

import pytest

from gateway.trunk.status import CODES, Q850, Local, meaning

MEANINGS = [*CODES.values(), *Q850.values(), *(local.value for local in Local)]


@pytest.mark.parametrize(("cause", "sentence"), MEANINGS)
def test_form(cause: str, sentence: str) -> None:
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", cause)
    assert re.fullmatch(r"[A-Z].*\.", sentence)


def test_every_code_means_something() -> None:
    assert all(meaning(code).cause for code in range(-1, 800))


@pytest.mark.parametrize(
    ("code", "q850", "cause"),
    [
        (486, None, "busy"),
        (486, 16, "busy"),
        (404, 17, "not-found"),  # a clear code needs no ISUP cause
        (480, None, "unavailable"),
        (480, 19, "no-answer"),
        (503, 34, "congestion"),
        (500, 1, "not-found"),
        (200, 16, "hangup"),
        (200, 38, "network-failure"),
        (603, 21, "rejected"),
        (499, None, "rejected"),
        (599, None, "trunk-error"),
        (305, None, "redirected"),
    ],
)
def test_cause(code: int, q850: int | None, cause: str) -> None:
    assert meaning(code, q850).cause == cause
