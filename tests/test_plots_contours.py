"""Panels of curves and contours: what is drawn is what was given."""

from __future__ import annotations

import math

import pytest
from matplotlib.collections import PathCollection, PolyCollection
from matplotlib.contour import QuadContourSet

from eftheory import plots
from eftheory.plots.contours import LEVELS

CURVES = [
    {"label": "q", "x": [0, 1, 2], "y": [1.0, 2.0, 1.0], "low": [0.5, 1.5, 0.5], "high": [1.5, 2.5, 1.5]},
    {"label": "p", "x": [0, 1, 2], "y": [0.0, 1.0, 0.0], "dashed": True},
]


def test_panels_of_curves() -> None:
    panels = [{"title": "one", "curves": CURVES, "x_label": "z", "y_limits": [-1.0, 3.0]}, {"curves": CURVES[1:]}]
    figure = plots.curve_panels(panels, title="both", columns=2)
    one, two = figure.axes
    assert [line.get_xydata().tolist() for line in one.lines] == [[[0, 1], [1, 2], [2, 1]], [[0, 0], [1, 1], [2, 0]]]
    assert [line.get_linestyle() for line in one.lines] == ["-", "--"] and len(two.lines) == 1
    (band,) = (part for part in one.collections if isinstance(part, PolyCollection))
    assert {(1, 1.5), (1, 2.5)} <= {tuple(map(float, corner)) for corner in band.get_paths()[0].vertices}
    assert (one.get_title(loc="left"), one.get_xlabel(), one.get_ylim()) == ("one", "z", (-1.0, 3.0))
    assert [text.get_text() for text in one.get_legend().get_texts()] == ["q", "p"]
    assert figure._repr_png_().startswith(b"\x89PNG")


def bump(x0: float, y0: float, height: float) -> list[list[float]]:
    axis = [-3 + 0.1 * i for i in range(61)]
    return [[height * math.exp(-((x - x0) ** 2) - (y - y0) ** 2) for x in axis] for y in axis]


def test_contours_stand_round_their_densities_at_shares_of_their_heights() -> None:
    panels = [
        {"title": "a", "densities": {"q": bump(1.0, -1.0, 7.0), "p": bump(0.0, 0.0, 0.1)}, "points": [(0.5, 2.0)]},
        {"densities": {"none": [[0.0, 0.0], [0.0, 0.0]]}},
    ]
    figure = plots.contour_panels(panels, extent=[-3.0, 3.0, -3.0, 3.0], columns=2)
    ax, empty = figure.axes
    first, second = (part for part in ax.collections if isinstance(part, QuadContourSet))
    assert list(first.levels) == list(LEVELS)
    for contours, centre in ((first, (1.0, -1.0)), (second, (0.0, 0.0))):
        for level, path in zip(LEVELS, contours.get_paths(), strict=True):
            for x, y in path.vertices:
                distance = math.hypot(x - centre[0], y - centre[1])
                assert distance == pytest.approx(math.sqrt(-math.log(level)), abs=0.05)
    (points,) = (part for part in ax.collections if isinstance(part, PathCollection))
    assert points.get_offsets().tolist() == [[0.5, 2.0]]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["q", "p"]
    low = plots.contour_panels([{"densities": {"q": bump(0.0, 0.0, 7.0)}, "height": 70.0}], extent=[-3, 3, -3, 3])
    (contours,) = (part for part in low.axes[0].collections if isinstance(part, QuadContourSet))
    lengths = [len(path.vertices) for path in contours.get_paths()]
    assert lengths[0] > 0 and not any(lengths[1:]), "only the lowest level is below a tenth of the height"
    assert not empty.collections and ax.get_xlim() == empty.get_xlim() == (-3.0, 3.0)
