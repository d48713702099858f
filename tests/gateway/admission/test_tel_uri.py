from __future__ import annotations

import re

import pytest

from gateway.admission.target import parse_target
from gateway.errors import TargetError


@pytest.mark.parametrize(
    ("uri", "number"),
    [
        ("tel:+44-20-7946-0000", "+442079460000"),
        ("TEL:+1(202)555.0123", "+12025550123"),
        ("tel:+1%20202%20555%200123", "+12025550123"),
        ("tel:%2B12025550123", "+12025550123"),
        ("tel:+1%E2%80%91202%E2%80%915550123", "+12025550123"),
        ("tel://+12025550123", "+12025550123"),
        ("\u200etel:+12025550123 ", "+12025550123"),
        ("tel: 600", "600"),
        ("tel:*72%23", "*72#"),
        ("tel:+44(0)20-7946-0000", "+442079460000"),
        ("tel:2079460000;phone-context=+44", "+442079460000"),
        ("tel:020-7946-0000;phone-context=+44", "+442079460000"),
        ("tel:555-0123;Phone-Context=+1-202", "+12025550123"),
        ("tel:06-12345678;phone-context=+39", "+390612345678"),
        ("tel:+12025550123;phone-context=+44", "+12025550123"),  # + says it already
    ],
)
def test_a_link_names_a_number(uri: str, number: str) -> None:
    assert parse_target(uri) == number


@pytest.mark.parametrize(
    ("uri", "sentence"),
    [
        ("tel:", "there is no number in it"),
        ("tel:alice", "there is no number in it"),
        ("tel:tel:600", "there is no number in it"),
        ("tel:600@example.com", "there is no number in it"),
        ("tel:600%0d%0aX-Evil:1", "there is no number in it"),
        ("tel:6%0000", "there is no number in it"),
        ("tel:%2531%2532", "there is no number in it"),  # decoded once, and not again
        ("tel:1%FF", "not UTF-8"),
        ("tel:+4402079460000", "write +442079460000"),
        ("tel:%D9%A1", "Arabic-Indic digits"),
        ("tel:911;phone-context=+1", "+1 and 911 make no number"),
        ("tel:*72;phone-context=+1", "+1 and *72 make no number"),
        ("tel:7042;phone-context=example.com", "a phone-context is +"),
        ("tel:7042;phone-context=+x", "a phone-context is +"),
        ("tel:+12025550123;ext=22", "send '22' as digits once it is answered"),
        ("tel:+12025550123;postd=pp22", "send 'pp22' as digits"),
        ("tel:+12025550123;isub=1", "the parameter 'isub' would be lost"),
        ("tel:+12025550123;rn=+12125550123", "the parameter 'rn' would be lost"),
        ("tel:+12025550123;", "the parameter '' would be lost"),
    ],
)
def test_what_a_call_cannot_keep_is_refused(uri: str, sentence: str) -> None:
    with pytest.raises(TargetError, match=re.escape(sentence)):
        parse_target(uri)
