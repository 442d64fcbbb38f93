"""A table of numbers beside those of a paper, coloured by size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.patches import Rectangle

from eftheory.plots.picture import Picture, axes

PALE, DARK = (0.93, 0.97, 1.0), (0.27, 0.53, 0.75)
"""Colours of the smallest and of the largest number; black text can be read on both."""
MISSING = "0.94"
NOT_RUN = "not run"


def text_table(
    *,
    columns: Sequence[str],
    notes: Sequence[str],
    rows: Sequence[str],
    ours: Sequence[Sequence[float | None]],
    theirs: Sequence[Sequence[float]],
    title: str = "",
) -> Picture:
    """One box for each entry: ours above theirs, coloured by ours within its row; grey where there is none (None).

    notes: a word under the name of each column. Columns whose names begin alike (``d0 e1``, ``d0 e2``) stand together.
    """
    figure, ax = axes((0.9 + 0.82 * len(columns), 0.9 + 0.62 * len(rows)), title)
    for i, (line, paper) in enumerate(zip(ours, theirs, strict=True)):
        known = [value for value in line if value is not None]
        for j, (value, other) in enumerate(zip(line, paper, strict=True)):
            colour = MISSING if value is None else _between(value, min(known), max(known))
            ax.add_patch(Rectangle((j, i), 1, 1, facecolor=colour, edgecolor="white", linewidth=2))
            mine: dict[str, Any] = (
                {"fontsize": 6.5, "color": "0.45"} if value is None else {"fontsize": 9, "fontweight": "bold"}
            )
            ax.text(j + 0.5, i + 0.36, NOT_RUN if value is None else f"{value:.1f}", ha="center", va="center", **mine)
            ax.text(j + 0.5, i + 0.74, f"{other:g}", ha="center", va="center", fontsize=8, color="0.3")
    for j in range(1, len(columns)):
        if columns[j].split()[0] != columns[j - 1].split()[0]:
            ax.axvline(j, color="0.25", linewidth=1.2)
    labels = [f"{name}\n{note}" for name, note in zip(columns, notes, strict=True)]
    ax.set_xticks([j + 0.5 for j in range(len(columns))], labels, fontsize=7.5)
    ax.set_yticks([i + 0.5 for i in range(len(rows))], list(rows), fontsize=8)
    ax.tick_params(length=0)
    ax.spines[["left", "bottom"]].set_visible(False)
    ax.set(xlim=(0, len(columns)), ylim=(len(rows), 0))
    return figure


def _between(value: float, least: float, largest: float) -> tuple[float, float, float]:
    share = (value - least) / (largest - least) if largest > least else 0.0
    red, green, blue = (a + share * (b - a) for a, b in zip(PALE, DARK, strict=True))
    return red, green, blue
