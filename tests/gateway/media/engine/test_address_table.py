"""The table that finds a browser's leg by an address or a user name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.media.engine.address import KeyTable

# The table of keys

KEYS = st.binary(min_size=1, max_size=31).map(lambda key: key + b"!")  # their ends are not zeros
STEPS = st.lists(st.tuples(st.sampled_from(["give", "take"]), st.integers(0, 400)), max_size=1500)
OWNERS = [object() for _ in range(7)]


@given(
    keys=st.lists(KEYS, min_size=1, max_size=60, unique_by=lambda key: key.ljust(32, b"\0")),
    steps=STEPS,
)
def test_the_table_is_like_a_dict(keys: list[bytes], steps: list[tuple[str, int]]) -> None:
    table, model = KeyTable(), {}
    for place, (step, number) in enumerate(steps):
        key = keys[number % len(keys)] if number < 200 else number.to_bytes(4, "big")
        if step == "give":
            owner = OWNERS[place % len(OWNERS)]
            table.give(key, owner)
            model[key] = id(owner)
        else:
            table.take(key)
            model.pop(key, None)
        assert table.owner_id(key) == model.get(key)
    assert len(table) == len(model)
    for key in (*keys, *model):
        assert table.owner_id(key) == model.get(key)


def test_ten_thousand_keys() -> None:
    table = KeyTable()
    for number in range(10000):
        table.give(number.to_bytes(20, "big"), OWNERS[number % 7])
    assert len(table) == 10000
    for number in range(10000):
        assert table.owner_id(number.to_bytes(20, "big")) == id(OWNERS[number % 7])
    assert table.owner_id(bytes(21)) == id(OWNERS[0])  # shorter keys end with zeros
    for number in range(0, 10000, 2):
        table.take(number.to_bytes(20, "big"))
    assert len(table) == 5000
    for number in range(10000):
        expected = id(OWNERS[number % 7]) if number % 2 else None
        assert table.owner_id(number.to_bytes(20, "big")) == expected


def test_keys_that_come_and_go_take_no_room_for_ever() -> None:
    table = KeyTable()
    for number in range(100_000):
        table.give(number.to_bytes(4, "big"), OWNERS[0])
        if number >= 10:
            table.take((number - 10).to_bytes(4, "big"))
    assert len(table) == 10


def test_a_key_that_does_not_fit() -> None:
    with pytest.raises(ValueError, match="32"):
        KeyTable().give(bytes(33), OWNERS[0])
