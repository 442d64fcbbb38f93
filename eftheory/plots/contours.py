"""Panels of densities: curves on a line, contours in the plane."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil
from typing import Any

from matplotlib.axes import Axes

from eftheory.plots.picture import HUES, Picture

LEVELS = (0.05, 0.2, 0.4, 0.6, 0.8)
"""Contours at these shares of a density's largest value."""
SIDE = 2.9
"""Inches of a panel."""


def curve_panels(panels: Sequence[Mapping[str, Any]], *, title: str = "", columns: int = 3) -> Picture:
    """Panels of named curves, row by row.

    Each panel is a mapping with ``curves`` (``label``, ``x``, ``y``; ``low`` and ``high`` of a band; ``dashed``), and
    any of ``title``, ``x_label``, ``y_label`` and ``y_limits``, beyond which nothing is shown.
    """
    figure = _figure(len(panels), columns, title)
    for ax, panel in _drawn(figure, panels, columns):
        for number, curve in enumerate(panel["curves"]):
            colour, style = HUES[number % len(HUES)], "--" if curve.get("dashed") else "-"
            ax.plot(curve["x"], curve["y"], label=curve["label"], color=colour, linestyle=style, linewidth=1.4)
            if "low" in curve:
                ax.fill_between(curve["x"], curve["low"], curve["high"], color=colour, alpha=0.25, linewidth=0)
        ax.set(xlabel=panel.get("x_label", ""), ylabel=panel.get("y_label", ""))
        if "y_limits" in panel:
            ax.set_ylim(*panel["y_limits"])
        ax.legend(fontsize=7, frameon=False)
    return figure


def contour_panels(
    panels: Sequence[Mapping[str, Any]], *, extent: Sequence[float], title: str = "", columns: int = 3
) -> Picture:
    """Panels of densities in the plane as contours, at shares (`LEVELS`) of their largest values, or of ``height``.

    extent: left, right, bottom, top of all panels. Each panel is a mapping with ``densities``, label -> rows from below
    of values at equally spaced points, the corners of `extent` among them; and any of ``title``, ``points``, (x, y),
    and ``height``, a number, which makes panels comparable.
    """
    figure = _figure(len(panels), columns, title)
    left, right, bottom, top = extent
    for ax, panel in _drawn(figure, panels, columns):
        for number, (label, rows) in enumerate(panel["densities"].items()):
            colour, largest = HUES[number % len(HUES)], panel.get("height", max(map(max, rows)))
            xs, ys = _spaced(left, right, len(rows[0])), _spaced(bottom, top, len(rows))
            if largest > 0:
                shares = [[value / largest for value in row] for row in rows]
                ax.contour(xs, ys, shares, levels=list(LEVELS), colors=[colour], linewidths=0.9)
            ax.plot([], [], color=colour, label=label)
        points = panel.get("points", ())
        if points:
            x, y = zip(*points, strict=True)
            ax.scatter(x, y, s=3, c="0.4", linewidths=0, zorder=1)
        ax.set(xlim=(left, right), ylim=(bottom, top), aspect="equal")
        ax.legend(fontsize=7, frameon=False, loc="upper right")
    return figure


def _figure(count: int, columns: int, title: str) -> Picture:
    rows = ceil(count / columns)
    figure = Picture(figsize=(SIDE * 1.25 * columns, SIDE * rows + 0.3), layout="constrained")
    figure.suptitle(title, fontsize=9)
    return figure


def _drawn(figure: Picture, panels: Sequence[Mapping[str, Any]], columns: int) -> list[tuple[Axes, Mapping[str, Any]]]:
    rows, found = ceil(len(panels) / columns), []
    for number, panel in enumerate(panels):
        ax = figure.add_subplot(rows, columns, number + 1)
        ax.set_title(panel.get("title", ""), fontsize=9, loc="left")
        ax.spines[["top", "right"]].set_visible(False)
        found.append((ax, panel))
    return found


def _spaced(start: float, end: float, count: int) -> list[float]:
    return [start + (end - start) * i / (count - 1) for i in range(count)]
