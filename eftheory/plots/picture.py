"""The canvas that all figures share, and colours told apart in any colour vision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import final

from matplotlib.axes import Axes
from matplotlib.figure import Figure

HUES = ("#0072b2", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000")
"""Colours of curves, told apart in any colour vision; past them the dashes change too."""
DASHES = ("-", "--", ":")
PLUS, MINUS = "#0072b2", "#d55e00"
"""Positive and negative; what is pointed out against grey is drawn in the second."""
Series = Mapping[str, tuple[Sequence[float], Sequence[float]]]
"""Name -> (x, y) of points or of a curve, or another pair of lists."""


@final
class Picture(Figure):
    """A figure that shows itself in a notebook whatever the backend, without pyplot and its global state."""

    def _repr_png_(self) -> bytes:
        stream = BytesIO()
        self.savefig(stream, format="png", dpi=96)
        return stream.getvalue()


def axes(size: tuple[float, float], title: str) -> tuple[Picture, Axes]:
    """A picture of one pair of axes; size in inches."""
    figure = Picture(figsize=size, layout="constrained")
    ax = figure.add_subplot()
    ax.set_title(title, fontsize=9, loc="left")
    ax.spines[["top", "right"]].set_visible(False)
    return figure, ax
