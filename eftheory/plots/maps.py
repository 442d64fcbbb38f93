"""Maps of the plane: which code is decided where, posteriors as mixtures of colours, and points with polygons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil
from typing import Any

from matplotlib.axes import Axes
from matplotlib.colors import to_rgb

from eftheory.plots.picture import MINUS, Picture

CODES = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#f0e442", "#d55e00", "#999999")
"""Colours of codes, told apart in any colour vision; they start again past the last."""
Pixels = Sequence[Sequence[tuple[float, ...]]]


def plane_panels(
    panels: Sequence[Mapping[str, Any]],
    *,
    extent: Sequence[float],
    title: str = "",
    columns: int = 3,
) -> Picture:
    """Panels of a part of the plane, extent = left, right, bottom, top, which a panel can replace by its own.

    Each panel is a mapping with any of: ``title``; ``regions``, rows from below of one digit a pixel, its code; or
    ``shares``, rows from below of the share of each code at each pixel; ``points``, one (x, y) for each code;
    ``arrows``, pairs of points; ``polygon``, corners in order.
    """
    rows = ceil(len(panels) / columns)
    figure = Picture(figsize=(2.9 * columns, 3.05 * rows + 0.3), layout="constrained")
    figure.suptitle(title, fontsize=9)
    for number, panel in enumerate(panels):
        ax = figure.add_subplot(rows, columns, number + 1)
        ax.set_title(panel.get("title", ""), fontsize=9, loc="left")
        left, right, bottom, top = panel.get("extent", extent)
        _draw(ax, panel, (left, right, bottom, top))
        ax.set(xlim=(left, right), ylim=(bottom, top), aspect="equal", xticks=[], yticks=[])
    return figure


def _draw(ax: Axes, panel: Mapping[str, Any], extent: tuple[float, float, float, float]) -> None:
    pixels = _decided(panel["regions"]) if "regions" in panel else _blended(panel.get("shares", ()))
    if pixels:
        ax.imshow(pixels, extent=extent, origin="lower", interpolation="nearest")
    if "polygon" in panel:
        x, y = zip(*panel["polygon"], panel["polygon"][0], strict=True)
        ax.plot(x, y, color=MINUS, linewidth=1.4, linestyle="--", zorder=2)
    for start, end in panel.get("arrows", ()):
        ax.annotate(
            "", end, start, arrowprops={"arrowstyle": "->", "color": "0.3", "shrinkA": 4, "shrinkB": 0}, zorder=3
        )
    points = panel.get("points", ())
    if points:
        colours = [_colour(code) for code in range(len(points))]
        x, y = zip(*points, strict=True)
        ax.scatter(x, y, s=34, c=colours, edgecolors="black", linewidths=1.0, zorder=4)


def _decided(regions: Sequence[str]) -> Pixels:
    return [[_colour(int(code)) for code in row] for row in regions]


def _blended(shares: Sequence[Sequence[Sequence[float]]]) -> Pixels:
    """Each pixel in the mixture of the codes' colours that its shares give."""
    return [
        [
            tuple(min(1.0, sum(share * _colour(code)[c] for code, share in enumerate(pixel))) for c in range(3))
            for pixel in row
        ]
        for row in shares
    ]


def _colour(code: int) -> tuple[float, float, float]:
    return to_rgb(CODES[code % len(CODES)])
