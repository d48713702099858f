"""What a pre-flight makes of its findings: one verdict, its reasons in words, a firewall's list."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

from tests.peers.requirement import require
from tests.web.fake_gateway import WEB

pytestmark = pytest.mark.peer

GOOD = {
    "url": "wss://voice.example/v1/ws",
    "stopped": False,
    "microphone": {"error": None, "label": "", "level": -20, "peak": -14, "clipped": 0},
    "signaling": {"error": None, "reason": "", "openMs": 30, "welcomeMs": 60},
    "ways": {},
    "relayOnly": False,
    "tone": None,
}
SAMPLE = {
    "rttMs": 40,
    "lossUp": 0,
    "lossDown": 0,
    "jitterUpMs": 2,
    "jitterDownMs": 2,
    "sent": 250,
    "received": 250,
}
DIRECT = {"kind": "direct", "candidate": "host", "protocol": "udp", "rttMs": 40}
RELAYED = {"kind": "relay", "candidate": "relay", "protocol": "tls", "rttMs": 40}
ECHO = {"error": None, "path": DIRECT, "hosts": ["192.0.2.1"], "ports": [20000], "sample": SAMPLE}
RELAYS = {
    "relay-udp": {"state": "failed", "servers": ["turn:turn.example"], "error": "701"},
    "relay-tls": {"state": "passed", "servers": ["turns:turn.example:443?transport=tcp"]},
}


def findings(*, echo: Any = ECHO, **changed: Any) -> dict[str, Any]:
    return {**GOOD, "echo": echo, **changed}


def heard(**changed: Any) -> dict[str, Any]:
    return findings(echo={**ECHO, "sample": {**SAMPLE, **changed}})


def voice(**changed: Any) -> dict[str, Any]:
    microphone: Any = GOOD["microphone"]
    return findings(microphone={**microphone, **changed})


def ended(name: str) -> dict[str, Any]:
    return findings(echo={**ECHO, "error": name, "path": None, "sample": None})


SIGNALING: Any = GOOD["signaling"]
REFUSED = voice(error="microphone-refused", level=None, peak=None)["microphone"]
CASES: dict[str, tuple[dict[str, Any], str, list[str]]] = {
    "good": (findings(), "good", []),
    "stopped": (findings(stopped=True), "failed", ["stopped"]),
    "silent": (voice(level=-99, peak=-95), "poor", ["level-silent"]),
    "quiet": (voice(level=-50, peak=-47), "fair", ["level-low"]),
    "loud": (voice(clipped=0.01), "fair", ["level-clipping"]),
    "unknown level": (voice(level=None, peak=None), "good", []),
    "refused": (voice(error="microphone-refused"), "failed", ["microphone-refused"]),
    "some loss": (heard(lossUp=0.02), "fair", ["loss-high"]),
    "much loss": (heard(lossDown=0.05), "poor", ["loss-high"]),
    "slow": (heard(rttMs=250), "fair", ["round-trip-high"]),
    "moon": (heard(rttMs=2600), "poor", ["round-trip-high"]),
    "uneven": (heard(jitterDownMs=30), "fair", ["jitter-high"]),
    "all": (
        heard(jitterUpMs=90, lossUp=0.02, rttMs=900),
        "poor",
        ["jitter-high", "round-trip-high", "loss-high"],
    ),
    "nothing known": (heard(rttMs=None, lossUp=None, lossDown=None), "good", []),
    "no sound back": (heard(received=0), "failed", ["echo-missing"]),
    "nothing sent": (heard(sent=0, received=0), "failed", ["echo-missing"]),
    "noise alone": (heard(sent=0), "failed", ["echo-missing"]),
    "nothing to send": (
        {**heard(sent=0, received=0), "microphone": REFUSED},
        "failed",
        ["microphone-refused"],
    ),
    "no microphone, lossy": (
        {**heard(sent=0, lossDown=0.06), "microphone": REFUSED},
        "failed",
        ["microphone-refused", "loss-high"],
    ),
    "neither voice nor echo": (
        {**heard(received=0), "microphone": REFUSED},
        "failed",
        ["microphone-refused", "echo-missing"],
    ),
    "detour": (findings(echo={**ECHO, "path": RELAYED}, ways=RELAYS), "fair", ["udp-blocked"]),
    "wanted relay": (findings(echo={**ECHO, "path": RELAYED}, relayOnly=True), "good", []),
    "no path": (ended("no-media-path"), "failed", ["no-media-path"]),
    "too many": (ended("limit-reached"), "failed", ["limit-reached"]),
    "draining": (ended("draining"), "failed", ["draining"]),
    "a word of tomorrow": (ended("of-tomorrow"), "failed", ["of-tomorrow"]),
    "no token": (
        findings(echo=None, signaling={**SIGNALING, "error": "bad-token"}),
        "failed",
        ["bad-token"],
    ),
    "blocked": (
        findings(echo=None, signaling={**SIGNALING, "error": "socket-blocked", "openMs": None}),
        "failed",
        ["socket-blocked"],
    ),
}


@pytest.fixture(scope="module")
def judged() -> dict[str, dict[str, Any]]:
    """What comes of each case, in English."""
    verdict, texts = (
        json.dumps((WEB / "sdk" / path).as_uri())
        for path in ("voice/preflight/verdict.js", "texts/index.js")
    )
    program = f"""
        import {{ judge, ranges }} from {verdict};
        import {{ ENGLISH }} from {texts};
        const cases = {json.dumps({name: case for name, (case, _, _) in CASES.items()})};
        const found = Object.entries(cases).map(([name, case_]) => [name, judge(case_, ENGLISH)]);
        console.log(JSON.stringify({{ ...Object.fromEntries(found),
            ranges: [ranges([]), ranges([5]), ranges([4, 3, 9, 5])] }}));
    """
    ran = subprocess.run(
        [require("node"), "--input-type=module", "--eval", program],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert ran.returncode == 0, ran.stderr
    found: dict[str, dict[str, Any]] = json.loads(ran.stdout)
    return found


@pytest.mark.parametrize("name", CASES)
def test_a_verdict_has_its_reasons(judged: dict[str, dict[str, Any]], name: str) -> None:
    _, verdict, names = CASES[name]
    found = judged[name]
    assert (found["verdict"], [each["name"] for each in found["reasons"]]) == (verdict, names)
    assert found["message"].endswith(".")
    for reason in found["reasons"]:
        assert reason["message"].endswith((".", "?")), reason
        assert "{" not in reason["message"] + reason["advice"], reason
        if name not in ("stopped", "a word of tomorrow"):
            assert reason["advice"].endswith((".", "?")), reason


def test_readings_are_told_as_people_say_them(judged: dict[str, dict[str, Any]]) -> None:
    assert "(2 %)" in judged["some loss"]["reasons"][0]["message"]
    assert "(2600 ms)" in judged["moon"]["reasons"][0]["message"]


def test_nothing_sent_is_no_fault_of_the_network(judged: dict[str, dict[str, Any]]) -> None:
    advice = [judged[case]["reasons"][0]["advice"] for case in ("nothing sent", "no sound back")]
    assert "microphone" in advice[0]
    assert "network" in advice[1]


def test_administrators_are_told_hosts_ports_and_protocols(
    judged: dict[str, dict[str, Any]],
) -> None:
    rules = [
        (each["name"], each["message"], each["works"]) for each in judged["detour"]["administrator"]
    ]
    assert rules == [
        ("socket", "Allow secure WebSocket connections to voice.example, port 443.", True),
        ("udp", "Allow UDP to 192.0.2.1, ports 20000.", False),
        ("relay", "Allow the relay turn.example:3478 (UDP), or UDP in general.", False),
        ("relay", "Allow the relay turn.example:443 (TLS), or UDP in general.", True),
    ]
    assert [each["works"] for each in judged["blocked"]["administrator"]] == [False]


def test_ports_are_told_as_ranges(judged: dict[str, Any]) -> None:
    assert judged["ranges"] == ["", "5", "3\N{EN DASH}5, 9"]
