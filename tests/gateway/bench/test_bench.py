"""The load generator against a real gateway, and what its command line says."""

from __future__ import annotations

import asyncio
import json
import sys
from asyncio import create_subprocess_exec
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest

from gateway.bench.calls import Target
from gateway.bench.command import render
from gateway.bench.description import read_wanted, write_offer
from gateway.bench.measure import Way
from gateway.bench.run import Report
from gateway.bench.session import Bench
from gateway.calls.browser_description import BITRATE, read_offer
from gateway.calls.negotiation import Negotiation
from gateway.cli import main
from sdp import SdpError, parse, read_browser_offer
from tests.conftest import StartGateway
from tests.gateway.calls.fakes import LOCAL
from tests.peers.ports import free_port
from tests.peers.process import tree_environment

FINGERPRINT = ("sha-256", ":".join(["CD"] * 32))


def offer() -> str:
    return write_offer(
        session=1, ssrc=2, ice=("abcd", "0123456789012345678901"), fingerprint=FINGERPRINT
    )


def test_its_offer_is_a_browsers_and_its_answer_is_read() -> None:
    names = [codec.name for codec in read_browser_offer(parse(offer())).codecs]
    assert names == ["opus", "telephone-event", "PCMU", "PCMA", "telephone-event"]
    wanted = read_wanted(Negotiation(read_offer(offer()), LOCAL, ("PCMU",)).browser_answer)
    assert (wanted.codec, wanted.payload_type, wanted.passive) == ("OPUS", 111, True)
    assert (wanted.bitrate, wanted.playback_rate) == (BITRATE, 8000)
    assert wanted.level == 1


def test_an_answer_that_is_none_is_refused() -> None:
    with pytest.raises(SdpError):
        read_wanted("v=0\r\n")


@pytest.mark.parametrize(
    ("to", "same", "numbers"),
    [
        ("+15550100008", False, ["+15550100008", "+15550100010"]),
        ("+15550100008", True, ["+15550100008", "+15550100008"]),
        ("echo", False, ["echo", "echo"]),
        ("line0099", False, ["line0099", "line0101"]),
    ],
)
def test_calls_have_numbers_of_their_own(to: str, same: bool, numbers: list[str]) -> None:
    target = Target(to=to, same_number=same)
    assert [target.number(index) for index in (0, 2)] == numbers


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--loss", "1.5"], "a loss of 1.5"),
        (["--calls", "0"], "--calls 0"),
        (["--duration=-1"], "--duration -1"),
    ],
)
def test_options_out_of_range_are_refused(
    options: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", *options]) == 1
    assert words in capsys.readouterr().err


def test_the_table_says_what_failed_and_what_is_not_known() -> None:
    report = Report(5, 3, {"ended by remote: busy": 2}, setup_p50=80.0, setup_p99=95.25)
    report.to_trunk = Way(100, 99, 1, spacing_p99=1.5)
    text = render(report)
    assert "3 of 5" in text
    assert "2 failed" in text
    assert "busy" in text
    assert "80.0, 95.2 ms" in text
    assert "100 sent, 99 received, 1 lost" in text
    assert "1.5 ms" in text
    assert "CPU" not in text


def test_work_that_was_begun_goes_on_while_packets_are_sent() -> None:
    done: list[str] = []

    async def work() -> str:
        await asyncio.sleep(0.01)
        done.append("while they were sent")
        return "result"

    with Bench(None) as bench:
        wait = bench.begin(work())
        assert not done
        bench.play([], [], tail=0.1)
        assert done
        assert wait() == "result"


async def test_calls_through_a_real_gateway(start_gateway: StartGateway, tmp_path: Path) -> None:
    """Four calls: the stock SIP engine carries no more."""
    sip, figures = free_port(), tmp_path / "bench.json"
    trunk = {"name": "bench", "uri": f"sip:127.0.0.1:{sip};transport=udp", "codecs": ["PCMU"]}
    async with start_gateway(trunk) as gateway:
        process = await create_subprocess_exec(
            *(sys.executable, "-m", "gateway", "bench", "--url", gateway.websocket_url),
            *("--listen-sip", f"127.0.0.1:{sip}", "--calls", "4", "--duration", "3"),
            *("--pid", str(gateway.pid), "--json", str(figures)),
            stdout=PIPE,
            env=tree_environment(),
        )
        output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()
    assert "4 of 4" in output.decode()
    report = json.loads(figures.read_text())
    assert (report["calls"], report["up"], report["failures"]) == (4, 4, {})
    for way in (report["to_trunk"], report["to_browser"]):
        assert way["sent"] == 4 * 150
        # None, unless the machine holds the gateway up so long that it has to leave frames out
        assert way["lost"] <= 0.05 * way["sent"]
        assert way["received"] >= 0.95 * way["sent"]
        assert way["measured"] > 100
        assert -1 < way["delay_p50"] < 100
    assert report["cpu_ms"] > 0
