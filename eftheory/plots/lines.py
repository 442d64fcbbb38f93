"""Named curves, with bands of error where there are any, and named levels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from eftheory.plots.picture import DASHES, HUES, Picture, axes

POINTS = 30
"""Curves of at most so many points show each of them."""


def lines(
    *,
    curves: Sequence[Mapping[str, Any]],
    x_label: str,
    y_label: str,
    title: str = "",
    logarithmic: str = "",
    levels: Mapping[str, float] | None = None,
) -> Picture:
    """Curves in the order given, each with its name in the legend, and horizontal dotted lines at named `levels`.

    Each curve is a mapping with ``label``, ``x`` and ``y``, equally long; ``low`` and ``high``, both or neither, are
    the ends of a band of error; ``dashed``: whether it is drawn so, as a reference. logarithmic: which axes are, "",
    "x", "y" or "xy"; there only positive values are drawn.
    """
    figure, ax = axes((6.4, 4.2), title)
    for i, curve in enumerate(curves):
        colour, xs, ys = HUES[i % len(HUES)], curve["x"], curve["y"]
        style = "--" if curve.get("dashed") else DASHES[i // len(HUES) % len(DASHES)]
        marker = "o" if len(xs) <= POINTS else ""
        ax.plot(xs, ys, label=curve["label"], color=colour, linestyle=style, linewidth=1.6, marker=marker, markersize=4)
        if "low" in curve:
            ax.fill_between(xs, curve["low"], curve["high"], color=colour, alpha=0.2, linewidth=0)
    for name, level in (levels or {}).items():
        ax.axhline(level, label=name, color="0.35", linestyle=":", linewidth=1.2)
    ax.set(
        xlabel=x_label,
        ylabel=y_label,
        xscale="log" if "x" in logarithmic else "linear",
        yscale="log" if "y" in logarithmic else "linear",
    )
    ax.grid(color="0.92")
    ax.set_axisbelow(True)
    ax.legend(fontsize=8, frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure
