"""Figures show what the result says: points, weights and the enclosure, digit for digit."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import matplotlib.image
import pytest
from matplotlib.collections import PathCollection

import eftheory as eft
from eftheory import plots

SQUARE = eft.Witness(
    points=(("0", "0"), ("0", "1"), ("1", "0"), ("1", "1")),
    weights=("1", "-1", "-1", "1"),
    lower="-0.250000000000000001",
    upper="-0.249999999999999999",
    precision=64,
    meaning="sum_i b_i [log p(x, z_i) - log k(z_i)] in nats",
    model={"parameters": [["0"], ["1/2"], ["1/2"], ["1"]]},
)
ROW = (("-3/2", "7"), ("-1/2", "7"), ("1/2", "7"), ("3/2", "7"))
THIRD = replace(SQUARE, points=ROW, weights=("-1", "3", "-3", "1"))


def texts(figure: plots.Picture) -> list[str]:
    return [ascii_minus(text.get_text()) for text in figure.axes[0].texts if text.get_text()]


def ascii_minus(text: str) -> str:
    return text.replace("\N{MINUS SIGN}", "-")


def marks(figure: plots.Picture) -> list[tuple[float, float]]:
    scatter = next(part for part in figure.axes[0].collections if isinstance(part, PathCollection))
    return [tuple(map(float, point)) for point in scatter.get_offsets()]


def test_a_plane_shows_points_weights_parameters_and_the_whole_enclosure() -> None:
    figure = plots.witness_picture(SQUARE)
    assert marks(figure) == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert texts(figure) == ["+1", "$f$ = 0", "-1", "$f$ = 1/2", "-1", "$f$ = 1/2", "+1", "$f$ = 1"]
    title = ascii_minus(figure.axes[0].get_title(loc="left"))
    assert SQUARE.lower in title and SQUARE.upper in title


def test_signs_are_told_apart_and_diagonals_are_drawn() -> None:
    figure = plots.witness_picture(SQUARE)
    scatter = next(part for part in figure.axes[0].collections if isinstance(part, PathCollection))
    first, second, third, fourth = map(tuple, scatter.get_facecolors())
    assert first == fourth != second == third
    assert [line.get_xydata().tolist() for line in figure.axes[0].lines] == [[[0, 0], [1, 1]], [[0, 1], [1, 0]]]


def test_one_coordinate_that_differs_becomes_stems_and_the_fixed_one_is_named() -> None:
    figure = plots.witness_picture(THIRD)
    assert marks(figure) == [(-1.5, -1), (-0.5, 3), (0.5, -3), (1.5, 1)]
    assert "$z_{2}$ = 7" in figure.axes[0].get_xlabel()


def test_parameters_are_drawn_when_asked_for() -> None:
    centres = replace(SQUARE, model={"parameters": [["0", "0"], ["1", "1"], ["2", "0"], ["3", "1"]]})
    figure = plots.witness_picture(centres, parameters=True, names=["a", "b"])
    assert marks(figure) == [(0, 0), (1, 1), (2, 0), (3, 1)]
    assert figure.axes[0].get_xlabel() == "a" and figure.axes[0].get_ylabel() == "b"


@pytest.mark.parametrize(
    "points",
    [
        [("0", "0", "0"), ("1", "0", "1"), ("0", "1", "1")],  # three coordinates that differ
        [("0",), ("pi/6",), ("pi",)],  # exact, but no rational
    ],
)
def test_what_has_no_plane_is_listed(points: list[tuple[str, ...]]) -> None:
    figure = plots.signed_points(points, ["1", "-2", "1"], names=[f"z{j}" for j in range(len(points[0]))])
    labels = [label.get_text() for label in figure.axes[0].get_xticklabels()]
    assert labels == [f"({', '.join(point)})" for point in points]
    assert [height for _, height in marks(figure)] == [1, -2, 1]


def offsets(figure: plots.Picture, label: str) -> list[list[float]]:
    found = [part for part in figure.axes[0].collections if part.get_label() == label]
    return [list(map(float, point)) for part in found for point in part.get_offsets()]


CLOUDS = {"many": ([1.0, 10.0, 100.0], [0.1, 0.2, 0.3]), "few": ([2.0], [5.0])}
CURVES = {f"curve {n}": ([1.0, 10.0, 100.0], [float(n), n + 1.0, n + 2.0]) for n in range(1, 8)}


def test_points_and_curves_are_drawn_where_they_are_and_named() -> None:
    figure = plots.points_and_curves(CLOUDS, CURVES, x="gap", y="distance", title="ladder")
    ax = figure.axes[0]
    assert offsets(figure, "many") == [[1, 0.1], [10, 0.2], [100, 0.3]] and offsets(figure, "few") == [[2, 5]]
    assert {line.get_label(): line.get_xydata().T.tolist() for line in ax.lines} == {
        name: [list(x), list(y)] for name, (x, y) in CURVES.items()
    }
    assert [text.get_text() for text in ax.get_legend().get_texts()] == [*CLOUDS, *CURVES]
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_title(loc="left")) == ("gap", "distance", "ladder")


def test_every_curve_looks_different() -> None:
    lines = plots.points_and_curves({}, CURVES, x="", y="").axes[0].lines
    assert len(lines) == 7 and len({(line.get_color(), line.get_linestyle()) for line in lines}) == 7


@pytest.mark.parametrize("logarithmic", ["", "x", "y", "xy"])
def test_axes_are_logarithmic_as_asked(logarithmic: str) -> None:
    ax = plots.points_and_curves({}, CURVES, x="", y="", logarithmic=logarithmic).axes[0]
    assert {"x": ax.get_xscale(), "y": ax.get_yscale()} == {a: "log" if a in logarithmic else "linear" for a in "xy"}


def test_the_frontier_has_a_line_for_each_bound_top_down() -> None:
    rows = {"trivial": ([0.1, 0.2], [0.9]), "linear": ([0.5], [0.99, 1.0])}
    figure = plots.frontier_picture(rows, x="value / bound", least=0.01)
    ax = figure.axes[0]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["trivial", "linear"]
    assert offsets(figure, "random") == [[0.1, 0], [0.2, 0]] and offsets(figure, "adversary") == [[0.9, 0]]
    drawn = [list(map(float, point)) for part in ax.collections for point in part.get_offsets()]
    assert len(drawn) == 6 and [0.99, 1] in drawn and [1.0, 1] in drawn
    assert ax.yaxis_inverted() and ax.get_xscale() == "log" and ax.get_xlim()[0] == 0.01


SQUARE_CENTRES = [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)]


def test_panels_show_regions_shares_points_and_polygons() -> None:
    panels = [
        {"title": "a", "regions": ["01", "23"], "points": SQUARE_CENTRES},
        {"title": "b", "shares": [[[1.0, 0.0], [0.5, 0.5]]]},
        {"title": "c", "polygon": SQUARE_CENTRES, "arrows": [((0.0, 0.0), (1.0, 1.0))], "extent": (0.0, 1.0, 0.0, 1.0)},
    ]
    figure = plots.plane_panels(panels, extent=(-1.0, 2.0, -1.0, 2.0), title="seed 0")
    a, b, c = figure.axes
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["a", "b", "c"]
    (image,) = a.images
    pixels = image.get_array()
    colours = {tuple(map(float, pixels[i, j])) for i in range(2) for j in range(2)}
    assert len(colours) == 4 and image.origin == "lower" and tuple(image.get_extent()) == (-1.0, 2.0, -1.0, 2.0)
    (points,) = a.collections
    assert {tuple(map(float, colour[:3])) for colour in points.get_facecolors()} == colours, "points as their regions"
    assert marks_of(points) == SQUARE_CENTRES
    (row,) = b.images[0].get_array()
    pure, even = (list(map(float, pixel)) for pixel in row)
    other = [float(v) for v in pixels[0, 1]]
    assert pure == [float(v) for v in pixels[0, 0]]
    assert even == pytest.approx([(x + y) / 2 for x, y in zip(pure, other, strict=True)], abs=1e-6)
    (line,) = c.lines
    assert line.get_xydata().tolist() == [list(corner) for corner in [*SQUARE_CENTRES, SQUARE_CENTRES[0]]]
    assert not c.images and len(c.texts) == 1
    assert (a.get_xlim(), c.get_xlim()) == ((-1.0, 2.0), (0.0, 1.0))


def marks_of(points: PathCollection) -> list[tuple[float, ...]]:
    return [tuple(map(float, point)) for point in points.get_offsets()]


def test_a_picture_shows_itself_as_png(tmp_path) -> None:
    file = tmp_path / "witness.png"
    file.write_bytes(plots.witness_picture(SQUARE)._repr_png_())
    pixels = matplotlib.image.imread(file)
    assert pixels.shape[0] > 200 and pixels.shape[1] > 200
    assert pixels[..., :3].std() > 0.05, "something is drawn"


def test_pictures_need_no_pyplot() -> None:
    code = "import eftheory.plots, sys; print('matplotlib.pyplot' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
