"""Plots of the results, SVG and PNG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
from matplotlib.axes import Axes

from tests.bench.report import RESULTS

mpl.use("Agg")  # no display

Points = Sequence[tuple[float, float]]

# One color for each, in all plots, that color-blind people can tell apart (Okabe and Ito); the
# gateway's is the strongest
_COLORS = {
    "gateway": "#0072B2",
    "ideal": "#000000",
    "ideal, fullband": "#888888",
    "rtpengine": "#D55E00",
    "G.711": "#CC79A7",
    "libopus alone": "#000000",
}
_DASHED = ("ideal", "ideal, fullband", "libopus alone")
_STYLE = {
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e4e4e4",
    "axes.axisbelow": True,
    "svg.fonttype": "none",
    "svg.hashsalt": "bench",  # the same result gives the same file
}


@dataclass(frozen=True)
class Labels:
    """What stands around a plot."""

    title: str
    x: str
    y: str


def draw_lines(
    name: str,
    curves: Mapping[str, Points],
    labels: Labels,
    *,
    y_range: tuple[float | None, float | None] = (None, None),
    folder: Path = RESULTS,
) -> list[Path]:
    """Draw a line for each of `curves`, named at its end; the color is whose it is."""
    with plt.rc_context(_STYLE):
        figure, axes = _open(labels)
        ends = []
        for who, points in curves.items():
            x, y = zip(*sorted(points), strict=True)
            color = _COLORS.get(who) or _COLORS[who.partition(", ")[0]]
            style = "--" if who in _DASHED else "-"
            axes.plot(x, y, style, color=color, marker="o", markersize=4, linewidth=2)
            ends.append((x[-1], y[-1], who, color))
        axes.set_ylim(*y_range)
        _name_ends(axes, ends)
        return _save(figure, name, folder)


def draw_distribution(
    name: str,
    delays: Mapping[str, Sequence[float]],
    shares: Sequence[float],
    labels: Labels,
    *,
    x_range: tuple[float, float],
    folder: Path = RESULTS,
) -> list[Path]:
    """Draw which of `shares` (in per cent) of a stream is below which of its delays.

    One color for each who is named before the comma; the way to the browser is dashed.
    """
    with plt.rc_context(_STYLE):
        figure, axes = _open(labels)
        for name_of, values in delays.items():
            if values:
                who, _, way = name_of.partition(", ")
                style = "--" if "browser" in way else "-"
                axes.plot(values, shares, style, color=_COLORS[who], linewidth=2, label=name_of)
        axes.set_xlim(*x_range)
        axes.set_ylim(0, 100.5)
        axes.legend(frameon=False, loc="lower right")
        return _save(figure, name, folder)


def _open(labels: Labels) -> tuple[plt.Figure, Axes]:
    figure, axes = plt.subplots(figsize=(7.2, 4.4), layout="constrained")
    axes.set_title(labels.title, loc="left", fontsize=11, fontweight="bold")
    axes.set_xlabel(labels.x)
    axes.set_ylabel(labels.y)
    return figure, axes


def _name_ends(axes: Axes, ends: list[tuple[float, float, str, str]]) -> None:
    """Write each line's name at its right end, no two over each other."""
    low, high = axes.get_ylim()
    least = (high - low) * 0.048
    placed = low - least
    for x, y, who, color in sorted(ends, key=lambda end: end[1]):
        placed = max(y, placed + least)
        axes.annotate(
            who,
            (x, placed),
            xytext=(8, 0),
            textcoords="offset points",
            color=color,
            va="center",
            annotation_clip=False,
        )


def _save(figure: plt.Figure, name: str, folder: Path) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / f"{name}.{kind}" for kind in ("svg", "png")]
    for file in files:
        figure.savefig(file, dpi=150, metadata={"Date": None} if file.suffix == ".svg" else None)
    plt.close(figure)
    return files
