from __future__ import annotations

import pytest

from gateway.admission.origin import parse_origin


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ("https://shop.example", "https://shop.example"),
        ("https://Shop.Example", "https://shop.example"),
        ("http://localhost:8080", "http://localhost:8080"),
        ("http://my_host:8080", "http://my_host:8080"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        ("https://shop.example:443", "https://shop.example"),  # as browsers leave it out
        ("http://shop.example:080", "http://shop.example"),
        ("https://shop.example:80", "https://shop.example:80"),
    ],
)
def test_it_is_written_as_browsers_send_it(text: str, sent: str) -> None:
    assert parse_origin(text) == sent


@pytest.mark.parametrize(
    "text",
    [
        *("", "*", "null", "shop.example", "https://", "https://shop.example/", "ftp://a"),
        *("https://shop.example/page", "https://me@shop.example", "https://a b", "https://*.a"),
    ],
)
def test_what_no_browser_sends(text: str) -> None:
    with pytest.raises(ValueError, match="an origin is a scheme and a host"):
        parse_origin(text)
