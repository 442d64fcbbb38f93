"""Curves with their bands and levels: what is drawn is what was given."""

from __future__ import annotations

import pytest
from matplotlib.collections import PolyCollection

from eftheory import plots

CURVES = [
    {"label": "trained", "x": [1, 2, 4], "y": [3.0, 5.0, 4.0], "low": [2.5, 4.5, 3.0], "high": [3.5, 5.5, 5.0]},
    {"label": "optimum", "x": [1, 2, 4], "y": [3.5, 5.5, 6.0], "dashed": True},
]


def test_curves_bands_and_levels_are_where_they_were_given() -> None:
    figure = plots.lines(curves=CURVES, x_label="k", y_label="nats", title="both", levels={"limit": 7.0})
    (ax,) = figure.axes
    trained, optimum, level = ax.lines
    assert trained.get_xydata().tolist() == [[1, 3], [2, 5], [4, 4]]
    assert optimum.get_xydata().tolist() == [[1, 3.5], [2, 5.5], [4, 6]]
    assert set(level.get_ydata()) == {7.0}
    (band,) = (part for part in ax.collections if isinstance(part, PolyCollection))
    corners = {tuple(map(float, corner)) for corner in band.get_paths()[0].vertices}
    assert {(1, 2.5), (1, 3.5), (2, 4.5), (2, 5.5), (4, 3.0), (4, 5.0)} <= corners
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["trained", "optimum", "limit"]
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_title(loc="left")) == ("k", "nats", "both")
    assert figure._repr_png_().startswith(b"\x89PNG")


def test_a_reference_is_dashed_and_no_two_curves_look_alike() -> None:
    many = [{"label": str(i), "x": [0, 1], "y": [0, i]} for i in range(14)]
    first = plots.lines(curves=CURVES, x_label="", y_label="").axes[0].lines
    assert [line.get_linestyle() for line in first] == ["-", "--"]
    looks = [
        (line.get_color(), line.get_linestyle())
        for line in plots.lines(curves=many, x_label="", y_label="").axes[0].lines
    ]
    assert len(set(looks)) == len(many)


def test_points_of_long_curves_are_not_marked() -> None:
    long = {"label": "long", "x": list(range(100)), "y": [0.0] * 100}
    short, other = plots.lines(curves=[CURVES[0], long], x_label="", y_label="").axes[0].lines
    assert short.get_marker() == "o" and other.get_marker() == ""


@pytest.mark.parametrize("which", ["", "x", "y", "xy"])
def test_axes_are_logarithmic_where_asked(which: str) -> None:
    (ax,) = plots.lines(curves=CURVES, x_label="", y_label="", logarithmic=which).axes
    assert (ax.get_xscale() == "log", ax.get_yscale() == "log") == ("x" in which, "y" in which)
