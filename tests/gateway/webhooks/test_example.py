"""The receiver of docs/webhooks.md takes what the gateway sends, and nothing else."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from time import time
from typing import TYPE_CHECKING

import httpx

import gateway
from gateway.webhooks.event import make_event
from gateway.webhooks.signature import Signer
from tests.peers.receiver import new_secret

if TYPE_CHECKING:
    import pytest

GUIDE = Path(gateway.__file__).parents[1] / "docs" / "webhooks.md"


async def test_the_example_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A good signature once, a second time silently; a foreign one, and none, not at all."""
    secret = new_secret()
    (tmp_path / "webhook-secret").write_text(f"{secret}\n")
    monkeypatch.chdir(tmp_path)
    code = re.search(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    assert code is not None
    file = tmp_path / "receiver.py"
    file.write_text(code[1])
    spec = importlib.util.spec_from_file_location("receiver", file)
    assert spec is not None
    assert spec.loader is not None
    receiver = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(receiver)
    event = make_event("ended", time(), {"id": "c0ffee"}, key="c0ffee")
    transport = httpx.ASGITransport(receiver.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://crm.example") as client:

        async def post(headers: dict[str, str]) -> int:
            return (await client.post("/calls", content=event.body, headers=headers)).status_code

        headers = Signer([secret]).headers(event, time())
        assert [await post(headers), await post(headers)] == [204, 204]
        assert await post(Signer([new_secret()]).headers(event, time())) == 401
        assert await post({}) == 401
    assert capsys.readouterr().out == "ended {'id': 'c0ffee'}\n"
