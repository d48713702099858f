"""How the legs of all calls do, as distributions."""

from __future__ import annotations

from typing import Protocol

from prometheus_client import CollectorRegistry, Histogram

# Text and upper bounds of what is known of a leg. Of the MOS, the bounds of ITU-T G.107 annex B
# between bad and very satisfied; of the others, from a wire to what a person no longer bears
_QUALITY: dict[str, tuple[str, tuple[float, ...]]] = {
    "mos": ("Mean opinion score by the E-model", (1.5, 2.0, 2.58, 3.1, 3.6, 3.8, 4.03, 4.2, 4.34)),
    "loss_ratio": ("Packets lost, 0 to 1", (0.0, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)),
    "jitter_seconds": ("Interarrival jitter", (0.001, 0.005, 0.01, 0.02, 0.04, 0.08, 0.16)),
    "rtt_seconds": ("Round trip", (0.01, 0.02, 0.05, 0.1, 0.15, 0.3, 0.5, 1.0)),
}

_LEGS = ("browser", "trunk")


class LegQuality(Protocol):
    """One leg of a call in its last interval; None where nothing is known."""

    @property
    def mos(self) -> float | None: ...
    @property
    def loss(self) -> float: ...
    @property
    def jitter_ms(self) -> float: ...
    @property
    def rtt_ms(self) -> float | None: ...
    @property
    def packets(self) -> int: ...


class QualityOfLegs:
    """One histogram for each value, by leg."""

    def __init__(self, registry: CollectorRegistry) -> None:
        quality = {
            name: Histogram(
                f"gateway_leg_{name}",
                f"{text}, of each leg and interval of two seconds",
                ["leg"],
                buckets=buckets,
                registry=registry,
            )
            for name, (text, buckets) in _QUALITY.items()
        }
        # Looked up once: every call observes eight values every two seconds
        self._of = {
            leg: {name: each.labels(leg) for name, each in quality.items()} for leg in _LEGS
        }

    def observe(self, leg: str, quality: LegQuality) -> None:
        """Count one interval of one leg; what is not known is left out."""
        into = self._of[leg]
        if quality.mos is not None:
            into["mos"].observe(quality.mos)
        if quality.packets or quality.loss:
            into["loss_ratio"].observe(quality.loss)
        if quality.packets:
            into["jitter_seconds"].observe(quality.jitter_ms / 1000)
        if quality.rtt_ms is not None:
            into["rtt_seconds"].observe(quality.rtt_ms / 1000)
