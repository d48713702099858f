"""The harnesses of `make fuzz`, in every test run on a bounded number of hypothesis's bytes."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.harnesses import HARNESSES

EXAMPLES = 200

# Bytes that parsers look at twice: versions, types, marks of lengths and ends
INTERESTING = st.sampled_from(
    [b"\x00", b"\x01", b"\x80", b"\xff", b"\x80\xc8", b"\xbe\xde", b"\x10\x00", b"\xfc", b"\x0b"]
)
BYTES = st.binary(max_size=1500) | st.lists(INTERESTING | st.binary(max_size=12)).map(b"".join)


def test_every_harness_is_run() -> None:
    modules = {path.stem for path in Path(__file__).parent.glob("*.py")}
    others = {"__init__", "__main__", "harnesses", "test_fuzz"}
    assert modules - others == set(HARNESSES)


@pytest.mark.parametrize("name", HARNESSES)
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=BYTES)
def test_any_bytes(name: str, data: bytes) -> None:
    import_module(f"tests.fuzz.{name}").one_input(data)
