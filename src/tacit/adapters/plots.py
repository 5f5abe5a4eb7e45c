"""Plots of a comparison, as PNG and SVG; the same comparison gives the same files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

PLOT_NAME = "experiments_comparison"
_METRICS = ("ndcg@10", "precision@10")
_COSTS = (("seconds", "seconds of training"), ("factors_mib", "MiB of factors"))
_CHOSEN, _OTHERS = "#b3261e", "#1f5fa8"
_MOST_NAMES = 16
"""Of more runs than that only the chosen one is named."""


def draw_comparison(title: str, rows: Sequence[Mapping[str, Any]], folder: Path) -> tuple[Path, Path]:
    """Draw accuracy against cost, the chosen run marked, as `experiments_comparison.png` and `.svg`.

    Args:
        title: Above the plots.
        rows: Of `Comparison.rows`; those that are not complete, or met the hold-out, are left out.
        folder: Where the files go; files of these names are replaced.
    """
    with mpl.rc_context({"svg.hashsalt": "tacit", "svg.fonttype": "none", "font.size": 9}):
        figure = Figure(figsize=(10, 7), layout="constrained")
        FigureCanvasAgg(figure)
        panels = figure.subplots(len(_METRICS), len(_COSTS), squeeze=False)
        for line, metric in enumerate(_METRICS):
            for column, (cost, label) in enumerate(_COSTS):
                _panel(panels[line][column], rows, metric=metric, cost=cost)
                panels[line][column].set_xlabel(label)
        figure.suptitle(title, parse_math=False)
        paths = folder / f"{PLOT_NAME}.png", folder / f"{PLOT_NAME}.svg"
        figure.savefig(paths[0], dpi=120, metadata={"Software": None})
        figure.savefig(paths[1], metadata={"Date": None})
    return paths


def _panel(axes: Axes, rows: Sequence[Mapping[str, Any]], *, metric: str, cost: str) -> None:
    shown = [
        row for row in rows if row["state"] == "complete" and row["fold"] == "validation" and row[metric] is not None
    ]
    middle = (min((row[cost] for row in shown), default=0) + max((row[cost] for row in shown), default=0)) / 2
    for row in shown:
        place, is_chosen = (row[cost], row[metric]), bool(row["chosen"])
        axes.scatter(
            [place[0]],
            [place[1]],
            s=180 if is_chosen else 40,
            marker="*" if is_chosen else "o",
            color=_CHOSEN if is_chosen else _OTHERS,
            zorder=3,
        )
        if is_chosen or len(shown) <= _MOST_NAMES:
            _name(axes, row, place, is_left=row[cost] <= middle)
    axes.set_ylabel(metric)
    axes.grid(visible=True, alpha=0.3)
    axes.margins(0.15)


def _name(axes: Axes, row: Mapping[str, Any], place: tuple[float, float], *, is_left: bool) -> None:
    """Write a run's name beside it, towards the middle; the chosen one's below, where no other stands."""
    text = f"{row['name']} (chosen)" if row["chosen"] else str(row["name"])
    axes.annotate(
        text,
        place,
        xytext=(7 if is_left else -7, -14 if row["chosen"] else 6),
        textcoords="offset points",
        ha="left" if is_left else "right",
        parse_math=False,  # a name is no formula, whatever signs are in it
    )
