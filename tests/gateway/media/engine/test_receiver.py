"""What a receiver is told about the payload types that may come."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.gateway.media.engine.rig import Rig, Trunk


@pytest.fixture
def trunk() -> Iterator[Trunk]:
    rig = Rig()
    yield Trunk(rig)
    rig.close()


@pytest.mark.parametrize("number", [-1, 128, 1000])
def test_payload_types_have_seven_bits(trunk: Trunk, number: int) -> None:
    receiver = trunk.leg.receiver
    with pytest.raises(ValueError, match="0 to 127"):
        receiver.set_formats({number: "PCMU"})
    with pytest.raises(ValueError, match="0 to 127"):
        receiver.set_formats({0: "PCMU"}, events=(number,))
    with pytest.raises(ValueError, match="0 to 127"):
        receiver.set_formats({0: "PCMU"}, noise=number)
    assert receiver.codec == "PCMU"


def test_the_codec_is_the_expected_one_until_something_comes(trunk: Trunk) -> None:
    receiver = trunk.leg.receiver
    receiver.set_formats({8: "PCMA", 9: "G722"})
    assert receiver.codec == "PCMA"
    trunk.say(bytes(160), payload_type=9)
    trunk.rig.tick()
    assert receiver.codec == "G722"
    receiver.set_formats({8: "PCMA"})
    assert receiver.codec == "PCMA"
