"""What the gateway counts, as Prometheus reads it."""

from __future__ import annotations

import asyncio
import os
import platform
import subprocess
from dataclasses import replace

import pytest

from gateway.media.events import LegQuality
from gateway.metrics import (
    Metrics,
    Ports,
    Reading,
    RecordReading,
    TrunkReading,
    Use,
    WebhookReading,
)
from tests.peers.requirement import require

SILENT = LegQuality(mos=None, loss=0.0, jitter_ms=0.0, rtt_ms=None, level=None, packets=0)


NOTHING = Reading(0, 0, 0, 0, {}, {}, 0.0, False)
BUSY = replace(
    NOTHING,
    strangers={("REGISTER", "405"): 2, ("other", "501"): 7},
    stray_answers=3,
    trunks={
        "london": TrunkReading(2, 30, 9, 5, {"busy": 2, "hangup": 4}, {"200": 5, "486": 2}),
        "lab": TrunkReading(capacity=4, placed=1, ended={"unreachable": 1}, answers={"none": 1}),
    },
    capacities={"engine": 2000, "trunks": 34, "ports": 50},
    last_answered=12.5,
    ports=Ports(free=96, total=100),
    ready=False,
    draining=True,
    admitting=False,
    blocks=3,
    limits={"spend-per-day": Use(40.5, 50)},
    records=RecordReading(written=5, queued=2, lost=1, up=False),
    webhooks=WebhookReading(sent=5, failed=2, lost=1, waiting=4, dead=3, shut=True),
)


def lines(reading: Reading = NOTHING, metrics: Metrics | None = None) -> list[str]:
    metrics = metrics or Metrics()
    metrics.watch(lambda: reading)
    return metrics.text().decode().splitlines()


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(f"gateway_leg_{name}", labels)


def test_quality_is_counted_by_leg_in_seconds() -> None:
    metrics = Metrics()
    for mos, loss, jitter in ((4.4, 0.0, 3.0), (2.0, 0.2, 45.0)):
        heard = LegQuality(mos, loss, jitter_ms=jitter, rtt_ms=120.0, level=20, packets=100)
        metrics.observe_quality("browser", heard)
    assert value(metrics, "mos_count", leg="browser") == 2
    assert value(metrics, "mos_bucket", leg="browser", le="2.0") == 1
    assert value(metrics, "mos_bucket", leg="browser", le="4.34") == 1
    assert value(metrics, "loss_ratio_bucket", leg="browser", le="0.0") == 1
    assert value(metrics, "loss_ratio_sum", leg="browser") == pytest.approx(0.2)
    assert value(metrics, "jitter_seconds_sum", leg="browser") == pytest.approx(0.048)
    assert value(metrics, "rtt_seconds_sum", leg="browser") == pytest.approx(0.24)
    assert value(metrics, "mos_count", leg="trunk") == 0


def test_what_is_not_known_is_not_counted() -> None:
    """A leg on hold sends nothing: it has neither lost a packet nor kept one."""
    metrics = Metrics()
    metrics.observe_quality("trunk", SILENT)
    for name in ("mos", "loss_ratio", "jitter_seconds", "rtt_seconds"):
        assert value(metrics, f"{name}_count", leg="trunk") == 0


def test_a_leg_that_lost_everything_is_counted() -> None:
    metrics = Metrics()
    lost = LegQuality(mos=1.0, loss=1.0, jitter_ms=0.0, rtt_ms=None, level=None, packets=0)
    metrics.observe_quality("trunk", lost)
    assert value(metrics, "loss_ratio_sum", leg="trunk") == 1
    assert value(metrics, "jitter_seconds_count", leg="trunk") == 0


@pytest.mark.parametrize(
    "line",
    [
        'gateway_sip_strangers_total{answer="405",method="REGISTER"} 2.0',
        'gateway_sip_strangers_total{answer="501",method="other"} 7.0',
        "gateway_sdp_stray_answers_total 3.0",
        'gateway_trunk_calls_active{trunk="london"} 2.0',
        'gateway_trunk_calls_capacity{trunk="lab"} 4.0',
        'gateway_trunk_calls_placed_total{trunk="london"} 9.0',
        'gateway_trunk_calls_answered_total{trunk="lab"} 0.0',
        'gateway_trunk_calls_ended_total{cause="hangup",trunk="london"} 4.0',
        'gateway_trunk_final_answers_total{code="486",trunk="london"} 2.0',
        'gateway_trunk_final_answers_total{code="none",trunk="lab"} 1.0',
        'gateway_part_capacity{part="ports"} 50.0',
        "gateway_last_answered_age_seconds 12.5",
        "gateway_media_ports 100.0",
        "gateway_media_ports_free 96.0",
        "gateway_ready 0.0",
        "gateway_draining 1.0",
        "gateway_admission_open 0.0",
        "gateway_admission_blocks 3.0",
        'gateway_limit_used{limit="spend-per-day"} 40.5',
        'gateway_limit_allowed{limit="spend-per-day"} 50.0',
        "gateway_webhooks_sent_total 5.0",
        "gateway_webhooks_failed_total 2.0",
        "gateway_webhooks_lost_total 1.0",
        "gateway_webhooks_waiting 4.0",
        "gateway_webhooks_dead 3.0",
        "gateway_webhooks_gone 1.0",
    ],
)
def test_what_others_count_is_read(line: str) -> None:
    assert line in lines(BUSY)


def test_what_nobody_knows_has_no_sample() -> None:
    """An age of 0 would say that a call has just been answered, 0 ports that none is left."""
    said = lines()
    for name in (
        "gateway_last_answered_age_seconds",
        "gateway_media_ports_free",
        "gateway_trunk_calls_placed_total",
        "gateway_webhooks",
    ):
        assert not [line for line in said if line.startswith(name)]
    for line in ("gateway_ready 1.0", "gateway_draining 0.0", "gateway_admission_open 1.0"):
        assert line in said


def test_durations_are_counted_by_trunk() -> None:
    metrics = Metrics()
    for seconds in (0.4, 61, 7200):
        metrics.observe_duration("london", seconds)
    name, labels = "gateway_call_duration_seconds", {"trunk": "london"}
    sample = metrics.registry.get_sample_value
    assert sample(f"{name}_sum", labels) == pytest.approx(7261.4)
    assert sample(f"{name}_bucket", {**labels, "le": "60.0"}) == 1
    assert sample(f"{name}_bucket", {**labels, "le": "120.0"}) == 2
    assert sample(f"{name}_count", labels) == 3


def test_what_is_refused_is_counted_by_its_reason() -> None:
    metrics = Metrics()
    metrics.websockets_refused.labels("not-allowed").inc()
    metrics.admission_refused.labels("premium").inc()
    metrics.limits_reached.labels("calls-at-once").inc()
    metrics.tokens_refused.labels("expired").inc()
    metrics.tokens_issued.inc()
    said = lines(metrics=metrics)
    for line in (
        'gateway_websockets_refused_total{reason="not-allowed"} 1.0',
        'gateway_admission_refused_total{rule="premium"} 1.0',
        'gateway_limits_reached_total{limit="calls-at-once"} 1.0',
        'gateway_tokens_refused_total{reason="expired"} 1.0',
        "gateway_tokens_issued_total 1.0",
    ):
        assert line in said


def test_what_is_expected_begins_at_nothing() -> None:
    metrics = Metrics()
    metrics.expect(limits=["calls-at-once"], trunks=["london"])
    said = lines(metrics=metrics)
    assert 'gateway_limits_reached_total{limit="calls-at-once"} 0.0' in said
    assert 'gateway_call_duration_seconds_count{trunk="london"} 0.0' in said


def test_the_build_is_described() -> None:
    metrics = Metrics()
    metrics.describe_build(engine='pjsua2 2.15 ("own" build)')
    (line,) = (line for line in lines(metrics=metrics) if line.startswith("gateway_build_info"))
    assert 'engine="pjsua2 2.15 (\\"own\\" build)"' in line
    assert f'python="{platform.python_version()}"' in line
    assert 'version="' in line


def test_the_process_is_measured() -> None:
    sample = Metrics().registry.get_sample_value
    resident, descriptors = sample("process_resident_memory_bytes"), sample("process_open_fds")
    assert resident is not None
    assert resident > 1_000_000
    assert descriptors is not None
    assert 3 <= descriptors <= 2 * len(os.listdir("/proc/self/fd"))
    assert sample("process_cpu_seconds_total") is not None
    assert sample("process_start_time_seconds") is not None


def test_two_gateways_in_one_process_count_apart() -> None:
    first, second = Metrics(), Metrics()
    first.tokens_issued.inc()
    assert second.registry.get_sample_value("gateway_tokens_issued_total") == 0


@pytest.mark.parametrize("reading", [NOTHING, BUSY], ids=["nothing", "busy"])
def test_names_and_units_are_as_prometheus_wants_them(reading: Reading) -> None:
    promtool = require("promtool")
    text = "\n".join(lines(reading)) + "\n"
    checked = subprocess.run(
        [promtool, "check", "metrics"], input=text, capture_output=True, text=True
    )
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")


async def test_tasks_are_those_of_the_event_loop() -> None:
    metrics = Metrics()
    assert "gateway_tasks 1.0" in lines(metrics=metrics)
    other = asyncio.create_task(asyncio.sleep(60))
    assert "gateway_tasks 2.0" in lines(metrics=metrics)
    other.cancel()


def test_without_an_event_loop_there_are_no_tasks() -> None:
    assert "gateway_tasks 0.0" in lines()
