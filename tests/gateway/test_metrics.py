"""What is observed of each leg's quality, in Prometheus' words."""

from __future__ import annotations

import pytest

from gateway.media.events import LegQuality
from gateway.metrics import Metrics, Reading

SILENT = LegQuality(mos=None, loss=0.0, jitter_ms=0.0, rtt_ms=None, level=None, packets=0)


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


def test_strangers_are_counted_by_method_and_answer() -> None:
    metrics = Metrics()
    strangers = {("REGISTER", "405"): 2, ("other", "501"): 7}
    metrics.watch(lambda: Reading(0, 0, 0, 0, {}, {}, 0.0, False, strangers))
    assert b'gateway_sip_strangers_total{answer="405",method="REGISTER"} 2.0' in metrics.text()
    assert b'gateway_sip_strangers_total{answer="501",method="other"} 7.0' in metrics.text()
