"""The phones and the proxy of the matrix by themselves: they start, and say so when they cannot."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.end_to_end.odd_trunk import odd_trunk
from tests.peers.authority import Authority, Pair
from tests.peers.baresip import run_baresip
from tests.peers.linphone import run_linphone
from tests.peers.pjsua import run_pjsua
from tests.peers.ports import free_port
from tests.peers.process import PeerError, poll
from tests.peers.proxy import run_kamailio
from tests.peers.requirement import require_own_engine
from tests.peers.sipp import run_caller

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.peer


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    return Authority(tmp_path).issue("127.0.0.1")


async def asked(port: int, folder: Path) -> None:
    """Ask a port by OPTIONS, which is answered with 200."""
    async with run_caller("caller-options", folder / "caller", target=port, number="") as sipp:
        await sipp.finish()


async def test_pjsua(tmp_path: Path, pair: Pair) -> None:
    require_own_engine()
    async with run_pjsua(tmp_path, pair) as phone:
        await asked(phone.port, tmp_path)


async def test_baresip(tmp_path: Path, pair: Pair) -> None:
    async with run_baresip(tmp_path, pair) as phone:
        await phone.do("nonsense")
        place = await phone.wait(0, response=True)
        assert phone.events[place]["ok"] is False
        with pytest.raises(PeerError, match=r"no \{'type': 'CALL_INCOMING'\} within 0\.1 s"):
            await phone.wait(0, limit=0.1, type="CALL_INCOMING")


async def test_linphone(tmp_path: Path) -> None:
    async with run_linphone(tmp_path) as phone:
        await asked(phone.port, tmp_path)
        with pytest.raises(PeerError, match=r"says 'incoming': not within 0\.1 s"):
            await phone.hear("incoming", limit=0.1)


async def test_kamailio(tmp_path: Path, pair: Pair) -> None:
    """It answers for itself, and watches somebody."""
    watched = free_port()
    async with odd_trunk(port=watched) as gateway:
        there = run_kamailio(tmp_path / "proxy", phones=(9, 9), gateway=watched, pair=pair)
        async with there as proxy:
            await asked(proxy.port, tmp_path)

            async def came() -> bool:
                return any(each.method == "OPTIONS" for each in gateway.strays)

            await poll(came, limit=5, what="Kamailio asks whom it watches")


async def test_a_configuration_that_is_wrong(tmp_path: Path, pair: Pair) -> None:
    """What Kamailio says of it is what the error says."""
    there = run_kamailio(tmp_path / "proxy", phones=(9, 9), gateway=9, pair=pair, algorithm="ROT13")
    with pytest.raises(PeerError, match=re.compile("ended at once.*algorithm", re.S)):
        async with there:
            pass
