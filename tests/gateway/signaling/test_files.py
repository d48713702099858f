"""The client's files travel compressed, and are not sent again where they are held."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from httpx import ASGITransport, AsyncClient

from gateway.signaling.files import CompressedFiles

SCRIPT = "export const text = 'again and again';\n" * 50


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "client.js").write_text(SCRIPT)
    (tmp_path / "client.d.ts").write_text(SCRIPT)
    (tmp_path / "picture.png").write_bytes(b"\x89PNG")
    return tmp_path


@pytest_asyncio.fixture
async def client(folder: Path) -> AsyncIterator[AsyncClient]:
    transport = ASGITransport(CompressedFiles(directory=folder))
    headers = {"Accept-Encoding": "br;q=1.0, gzip;q=0.8"}
    async with AsyncClient(
        transport=transport, base_url="http://gateway.test", headers=headers
    ) as client:
        yield client


async def test_a_script_is_compressed(client: AsyncClient) -> None:
    response = await client.get("/client.js")
    assert response.headers["Content-Encoding"] == "gzip"
    assert int(response.headers["Content-Length"]) < len(SCRIPT) / 10
    assert response.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert response.headers["Vary"] == "Accept-Encoding"
    assert response.text == SCRIPT


@pytest.mark.parametrize("accepted", ["identity", "", "br", "gzip; q=0", "gzip;q=0.0, br"])
async def test_who_does_not_take_it_gets_the_plain_file(client: AsyncClient, accepted: str) -> None:
    response = await client.get("/client.js", headers={"Accept-Encoding": accepted})
    assert "Content-Encoding" not in response.headers
    assert response.headers["Vary"] == "Accept-Encoding"
    assert response.text == SCRIPT


@pytest.mark.parametrize("accepted", ["gzip", "identity"])
async def test_what_is_held_is_not_sent_again(client: AsyncClient, accepted: str) -> None:
    tag = (await client.get("/client.js")).headers["ETag"]
    held = await client.get(
        "/client.js", headers={"If-None-Match": tag, "Accept-Encoding": accepted}
    )
    assert (held.status_code, held.content, held.headers["ETag"]) == (304, b"", tag)


async def test_a_file_that_has_changed_is_sent_anew(client: AsyncClient, folder: Path) -> None:
    tag = (await client.get("/client.js")).headers["ETag"]
    (folder / "client.js").write_text("export default 1;\n")
    response = await client.get("/client.js", headers={"If-None-Match": tag})
    assert (response.status_code, response.text) == (200, "export default 1;\n")
    assert response.headers["ETag"] != tag


async def test_a_part_of_a_file_is_of_the_plain_one(client: AsyncClient) -> None:
    response = await client.get("/client.js", headers={"Range": "bytes=0-5"})
    assert (response.status_code, response.text) == (206, SCRIPT[:6])
    assert "Content-Encoding" not in response.headers


async def test_types_are_text(client: AsyncClient) -> None:
    response = await client.get("/client.d.ts")
    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert response.headers["Content-Encoding"] == "gzip"


async def test_a_picture_goes_as_it_is(client: AsyncClient) -> None:
    response = await client.get("/picture.png")
    assert response.content == b"\x89PNG"
    assert "Content-Encoding" not in response.headers
    assert response.headers["ETag"].startswith('"')


async def test_a_head_has_the_length_and_no_body(client: AsyncClient) -> None:
    size = len(gzip.compress(SCRIPT.encode(), mtime=0))
    response = await client.head("/client.js")
    assert (response.headers["Content-Length"], response.content) == (str(size), b"")
