"""A gate with all that stands behind it, for the tests of each part of what it decides."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from time import time
from typing import TYPE_CHECKING, Any

from gateway.admission.audit import Audit
from gateway.admission.gate import Gate, Rules
from gateway.admission.grant import EVERYBODY, Grant, Visitor
from gateway.admission.policy import Policy
from gateway.admission.store import MemoryStore, Store
from gateway.admission.token import CallClaim, Claims, SharedSecrets, Tokens, issue, new_id

if TYPE_CHECKING:
    from pathlib import Path


SECRET = "s" * 32
SHOP = Visitor("192.0.2.7", "https://shop.example", "s1")
OPEN = Rules(policy=Policy(allow=("+1",)))
TOKENS = replace(
    OPEN, tokens=Tokens(SharedSecrets((SECRET,)), time), secrets=SharedSecrets((SECRET,))
)
TO = "+15551234567"


def token(sub: str = "visitor", expires: float = 60, **call: Any) -> str:
    call = {"to": ["+1555*"], **call}
    claims = Claims(
        sub=sub, exp=time() + expires, jti=new_id(), call=CallClaim.model_validate(call)
    )
    return issue(SECRET, claims, time())


class Door:
    """A gate, and the file that it writes."""

    def __init__(self, rules: Rules, file: Path, store: Store | None = None) -> None:
        self.file = file
        self._audit = Audit(file, "full", time)
        self.gate = Gate(rules, store or MemoryStore(time), self._audit)
        self.ended: asyncio.Queue[str] = asyncio.Queue()
        self.gate.on_cap = self.ended.put_nowait

    def lines(self) -> list[dict[str, Any]]:
        assert self._audit.flush()
        return [json.loads(line) for line in self.file.read_text().splitlines()]

    def events(self) -> list[str]:
        return [line["event"] for line in self.lines()]

    async def admit(
        self,
        grant: Grant = EVERYBODY,
        to: str = TO,
        visitor: Visitor = SHOP,
        caller: str | None = None,
    ) -> Any:
        return await self.gate.admit(visitor, grant, to, caller=caller)
