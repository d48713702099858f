"""What an operator reads where a file or a connection is not what it should be."""

from __future__ import annotations

import asyncio
import errno
import ssl
from pathlib import Path

import pytest

from gateway.system_words import why
from tests.peers.authority import Authority
from tests.peers.ports import free_port


async def test_a_refused_connection_is_the_kernels_word() -> None:
    with pytest.raises(OSError, match="Connect call failed") as caught:
        await asyncio.open_connection("127.0.0.1", free_port())
    assert why(caught.value) == "Connection refused"


async def test_an_unknown_name_keeps_the_resolvers_word() -> None:
    with pytest.raises(OSError, match="Errno -") as caught:
        await asyncio.open_connection("nobody.invalid", 1)
    assert "Unknown error" not in why(caught.value)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.EADDRINUSE, "while attempting to bind"), "Address already in use"),
        (OSError("nobody is there to type it"), "nobody is there to type it"),
        (ssl.SSLError(1, "[SSL] something new (_ssl.c:1)"), "[SSL] something new (_ssl.c:1)"),
    ],
)
def test_words(error: OSError, words: str) -> None:
    assert why(error) == words


def test_files_of_certificates(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    mine, other = authority.issue("mine"), authority.issue("other")
    nothing = tmp_path / "nothing"
    nothing.write_text("no PEM")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with pytest.raises(ssl.SSLError) as caught:
        context.load_verify_locations(nothing)
    assert why(caught.value) == "there is no certificate in PEM in it"
    with pytest.raises(ssl.SSLError) as caught:
        context.load_cert_chain(nothing, mine.key)
    assert why(caught.value).startswith("one of them does not hold in PEM what it should")
    with pytest.raises(ssl.SSLError) as caught:
        context.load_cert_chain(mine.certificate, other.key)
    assert why(caught.value) == "the key is not that of the certificate"
