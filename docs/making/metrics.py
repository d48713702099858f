"""The metrics, from the registry that `/metrics` is written from."""

from __future__ import annotations

from collections.abc import Iterator

from docs.making.markdown import code, table
from gateway.metrics import (
    Metrics,
    Ports,
    Reading,
    RecordReading,
    TrunkReading,
    Use,
    WebhookReading,
)

# With one of everything, so that each series is there and shows its labels
EVERYTHING = Reading(
    active=0,
    capacity=0,
    placed=0,
    answered=0,
    ended={"hangup": 1},
    media={"sessions": 0, "packets": 1},
    media_load=0.0,
    overloaded=False,
    strangers={("OPTIONS", "403"): 1},
    received_ended={"hangup": 1},
    trunks={"lab": TrunkReading(ended={"hangup": 1}, answers={"200": 1}, up=True)},
    capacities={"engine": 1},
    last_answered=0.0,
    ports=Ports(free=0, total=0),
    webhooks=WebhookReading(sent=0, failed=0, lost=0, waiting=0, dead=0, shut=False),
    limits={"spend-per-day": Use(0.0, 0.0)},
    records=RecordReading(written=0, queued=0, lost=0, up=True),
)

_SUFFIX = {"counter": "_total", "info": "_info"}


def series() -> str:
    """Write every series with its kind, its labels and what it tells."""
    rows = sorted(_rows())
    return table(("metric", "kind", "by", "what"), rows)


def _rows() -> Iterator[tuple[str, str, str, str]]:
    metrics = Metrics()
    metrics.watch(lambda: EVERYTHING)
    labels = _labels_of_counted(metrics)
    for family in metrics.registry.collect():
        if not family.name.startswith("gateway_"):
            continue
        named = {label for sample in family.samples for label in sample.labels}
        named = (named | labels.get(family.name, set())) - {"le"}
        told = ", ".join(map(code, sorted(named)))
        name = code(family.name + _SUFFIX.get(family.type, ""))
        yield name, family.type, told, family.documentation


def _labels_of_counted(metrics: Metrics) -> dict[str, set[str]]:
    """Return the labels of what has not been counted yet, and has no sample that shows them."""
    collectors = {id(each): each for each in vars(metrics).values() if hasattr(each, "_labelnames")}
    return {each._name: set(each._labelnames) for each in collectors.values()}
