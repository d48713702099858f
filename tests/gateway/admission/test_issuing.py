"""What is signed here can fit; a token of a site's own back end may say whatever it likes."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from gateway.admission.issuing import IssuedClaim
from gateway.admission.policy import matches


@pytest.mark.parametrize(
    ("pattern", "written", "fits"),
    [
        ("*", "*", "600"),
        ("+1 (555) 123-4567", "+15551234567", "+15551234567"),
        ("tel:+15551234567", "+15551234567", "+15551234567"),
        ("+1 555 *", "+1555*", "+15551234567"),
        ("+*", "+*", "+15551234567"),
        ("600", "600", "600"),
        ("*21*", "*21*", "*21#"),
        ("support", "support", "support"),
        ("support-*", "support-*", "support-2"),
    ],
)
def test_whom_a_token_may_name(pattern: str, written: str, fits: str) -> None:
    claim = IssuedClaim(to=(pattern,))
    assert claim.to == (written,)
    assert matches(claim.to, fits)


@pytest.mark.parametrize(
    ("call", "place", "rule"),
    [
        ({}, (), "neither a number in `to` nor `incoming`"),
        ({"to": []}, (), "neither a number in `to` nor `incoming`"),
        ({"transferTo": ["sales"]}, (), "neither a number in `to` nor `incoming`"),
        ({"to": ["600", "foo bar"]}, ("to", 1), "it is 'foo bar': a number (E.164 such as"),
        ({"to": ["+1"]}, ("to", 0), '"*" at the end is for all that begin so'),
        ({"to": ["sip:a@b"]}, ("to", 0), "it is 'sip:a@b': a URI or a host is not accepted"),
        ({"to": ["+44 020 7946 0000"]}, ("to", 0), "write +442079460000"),
        ({"to": ["foo bar*"]}, ("to", 0), "how a number or a SIP user begins is needed"),
        ({"to": [" *"]}, ("to", 0), "how a number or a SIP user begins is needed"),
        ({"to": ["+0*"]}, ("to", 0), "how a number or a SIP user begins is needed"),
        ({"to": ["\u0665*"]}, ("to", 0), "how a number or a SIP user begins is needed"),
        ({"to": ["600"], "origins": ["https://a.example/"]}, ("origins", 0), "an origin is a"),
        ({"to": ["600"], "origins": ["a.example"]}, ("origins", 0), "an origin is a scheme"),
    ],
)
def test_what_fits_nothing_is_not_signed(
    call: dict[str, Any], place: tuple[str | int, ...], rule: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        IssuedClaim.model_validate(call)
    (problem,) = refused.value.errors()
    assert problem["loc"] == place
    assert rule in problem["msg"]


def test_calls_in_are_enough() -> None:
    assert IssuedClaim(incoming=True).to == ()


def test_its_pages_are_written_as_browsers_name_them() -> None:
    origins = ("https://Shop.example:443", "http://[::1]:8080")
    claim = IssuedClaim(to=("600",), origins=origins)
    assert claim.origins == ("https://shop.example", "http://[::1]:8080")
