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
