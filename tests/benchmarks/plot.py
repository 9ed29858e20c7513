"""The picture of the main README: the medians of `set`, of us, the peers and the floors."""

from math import floor, log10
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from tests.benchmarks.report import plain, seconds
from tests.benchmarks.results import OURS, Results, Row

_PANELS = {
    'set, durability "os"': 'durability "os": survives the death of the process',
    'set, durability "fsync"': 'durability "fsync": survives power loss',
}
_FLOORS = ("the same steps, bare", "os.write", "write + fdatasync")
_OURS, _PEER, _FLOOR = "#d9480f", "#7a8ca3", "#ced4da"
_INK = "#212529"
_STYLE: dict[Any, Any] = {"svg.hashsalt": "journal", "font.size": 10, "text.color": _INK}


def draw(results: Results, path: str) -> None:
    """Write the picture to `path`, whose suffix says how: .svg or .png."""
    rows = {row.name: row for row in results.rows}
    panels = [(title, rows[name]) for name, title in _PANELS.items()]
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(8, 4.6), layout="constrained", facecolor="white")
        heights = [len(row.figures) for _, row in panels]
        axes = figure.subplots(len(panels), height_ratios=heights, squeeze=False)[:, 0]
        for axis, (title, row) in zip(axes, panels, strict=True):
            _panel(axis, title, row)
        axes[-1].set_xlabel("median time of one set, log scale; shorter is faster", color=_INK)
        figure.savefig(path, metadata={"Date": None} if path.endswith(".svg") else None, dpi=160)


def _panel(axis: Any, title: str, row: Row) -> None:
    ranked = sorted(row.figures, key=lambda name: row.figures[name].median)
    medians = [row.figures[name].median for name in ranked]
    bars = axis.barh(ranked, medians, color=[_color(name) for name in ranked], height=0.72)
    axis.bar_label(bars, labels=[seconds(median) for median in medians], padding=4, color=_INK)
    axis.set_title(title, loc="left", fontsize=10, fontweight="bold")
    axis.set_xscale("log")
    axis.set_xlim(10.0 ** floor(log10(min(medians))), max(medians) * 2)
    axis.xaxis.set_major_formatter(lambda value, _: plain(value, "s"))
    axis.xaxis.set_minor_formatter(NullFormatter())
    axis.invert_yaxis()
    axis.tick_params(axis="y", length=0, labelcolor=_INK)
    axis.tick_params(axis="x", labelcolor=_INK)
    for label, name in zip(axis.get_yticklabels(), ranked, strict=True):
        label.set_fontweight("bold" if name == OURS else "normal")
    axis.spines[["top", "right", "left"]].set_visible(False)


def _color(name: str) -> str:
    if name == OURS:
        return _OURS
    return _FLOOR if name in _FLOORS else _PEER
