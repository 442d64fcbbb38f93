"""Points, curves and frontiers, each named in a legend."""

from __future__ import annotations

from eftheory.plots.picture import DASHES, HUES, MINUS, Picture, Series, axes


def points_and_curves(
    points: Series, curves: Series, *, x: str, y: str, title: str = "", logarithmic: str = "xy"
) -> Picture:
    """Clouds of points (the first in grey, others in orange in front of all) and curves, each named in the legend.

    x, y: labels of the axes. logarithmic: which axes are, "", "x", "y" or "xy"; there only positive values are drawn.
    """
    figure, ax = axes((6.4, 4.2), title)
    for i, (name, (xs, ys)) in enumerate(points.items()):
        colour, marker, size, layer = (MINUS, "D", 16.0, 4) if i else ("0.6", "o", 4.0, 2)
        ax.scatter(xs, ys, label=name, c=colour, marker=marker, s=size, linewidths=0, zorder=layer)
    for i, (name, (xs, ys)) in enumerate(curves.items()):
        style = DASHES[i // len(HUES) % len(DASHES)]
        ax.plot(xs, ys, label=name, color=HUES[i % len(HUES)], linestyle=style, linewidth=1.6, zorder=3)
    ax.set(
        xlabel=x,
        ylabel=y,
        xscale="log" if "x" in logarithmic else "linear",
        yscale="log" if "y" in logarithmic else "linear",
    )
    ax.grid(color="0.92")
    ax.set_axisbelow(True)
    ax.legend(fontsize=8, frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5), markerscale=1.5)
    return figure


def frontier_picture(rows: Series, *, x: str, title: str = "", least: float = 1e-4) -> Picture:
    """For each name one line, top down: the ratios that chance reached (ticks) and those of an adversary (diamonds).

    A ratio of 1, the bound attained, is the line at the right; the axis is logarithmic and begins at `least`.
    """
    figure, ax = axes((6.4, 0.7 + 0.42 * len(rows)), title)
    for i, (chance, adversary) in enumerate(rows.values()):
        ax.scatter(chance, [i] * len(chance), marker="|", s=90, c="0.55", zorder=1, label="" if i else "random")
        ax.scatter(adversary, [i] * len(adversary), marker="D", s=36, c=MINUS, zorder=2, label="" if i else "adversary")
    ax.axvline(1.0, color="0.2", linewidth=1.0, zorder=0)
    ax.set_yticks(range(len(rows)), list(rows))
    ax.set(xscale="log", xlabel=x, xlim=(least, 2.0), ylim=(len(rows) - 0.5, -0.5))
    ax.legend(fontsize=8, frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure
