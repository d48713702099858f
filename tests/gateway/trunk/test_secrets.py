"""No password and no digest response reaches a log, however loud the log is."""

from __future__ import annotations

import logging

import pytest

from gateway.trunk import Answered, EndpointConfig, Secret, Trunk, TrunkEndpoint
from tests.gateway.trunk.conftest import Phone
from tests.peers.asterisk import AsteriskLab


@pytest.mark.peer
async def test_loudest_log(lab: AsteriskLab, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    secret = Secret(lab.secret)
    trunk = Trunk("lab", lab.uri(), username="trunk-digest", password=secret)
    endpoint = TrunkEndpoint(EndpointConfig(port=0, log_level=5))
    await endpoint.start()
    try:
        leg, ear = await Phone(endpoint).dial(trunk, "600")
        await ear.hear(Answered)
        await leg.hangup()
        await ear.end()
    finally:
        await endpoint.close()
    assert "Authorization: ***" in caplog.text
    assert "response=" not in caplog.text
    assert lab.secret not in caplog.text
    assert lab.secret not in repr(trunk)
    assert secret == Secret(lab.secret)
