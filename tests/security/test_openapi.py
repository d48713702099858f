"""schemathesis: whatever is asked of the HTTP API, what comes is what its OpenAPI document says."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Ok

from tests.security.attack import attack
from tests.security.conftest import faults

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.security.house import House

TITLE = "The OpenAPI document"
EXAMPLES = 20  # of each operation

pytestmark = [pytest.mark.asyncio(loop_scope="module")]

# A schema says what a value looks like, and not whether there is such a number or network
UNFIT = [schemathesis.checks.positive_data_acceptance]

# It does what it says: nothing could be asked after it. tests/end_to_end/test_drain.py asks it
LAST = ("post", "/v1/drain")

# The same ones in each run, as a test must not find today what it missed yesterday
BOUNDED = settings(
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def _broken(document: dict[str, Any], url: str, headers: dict[str, str]) -> Iterator[str]:
    """Ask for everything; yield what does not conform."""
    schema = schemathesis.openapi.from_dict(document)
    for found in schema.get_all_operations():
        assert isinstance(found, Ok), found
        operation = found.ok()
        if headers and (operation.method.lower(), operation.path) == LAST:
            continue

        @BOUNDED
        @given(case=operation.as_strategy())
        def ask(case: schemathesis.Case[Any]) -> None:
            case.call_and_validate(base_url=url, headers=headers, excluded_checks=UNFIT)

        try:
            ask()
        except FailureGroup as group:
            for failure in group.exceptions:
                yield f"{operation.method.upper()} {operation.path}: {failure}".replace("\n", "; ")


@attack("some 20 requests for each operation, without a key", "401 for all of /v1; no 5xx")
async def test_without_a_key(house: House) -> None:
    _, text = await house.gateway.get("/openapi.json")
    broken = await asyncio.to_thread(lambda: list(_broken(json.loads(text), house.gateway.url, {})))
    assert not broken, "\n".join(broken)
    assert faults(house) == []


@attack("the same with the API key", "what the document says; no 5xx")
async def test_with_the_key(house: House) -> None:
    headers = {"Authorization": f"Bearer {house.key}"}
    _, text = await house.gateway.get("/openapi.json")
    broken = await asyncio.to_thread(
        lambda: list(_broken(json.loads(text), house.gateway.url, headers))
    )
    assert not broken, "\n".join(broken)
    assert faults(house) == []
