"""Grids of images: every pixel where it belongs."""

from __future__ import annotations

import pytest

from eftheory import plots
from eftheory.plots.samples import GAP, mosaic


def test_images_stand_in_rows_from_the_top_left() -> None:
    found = mosaic(["0001", "0203", "0405"], (1, 1, 2), 2)
    gap = [255] * GAP
    assert found[0] == [0, 1, *gap, 2, 3]
    assert found[1 : 1 + GAP] == [[255] * (4 + GAP)] * GAP
    assert found[1 + GAP] == [4, 5, *gap, 255, 255], "what is missing is white"
    assert len(found) == 2 + GAP


def test_rows_of_an_image_stay_rows() -> None:
    assert mosaic(["00010203"], (1, 2, 2), 1) == [[0, 1], [2, 3]]
    assert mosaic(["00010203"], (1, 2, 2), 1) != mosaic(["00020103"], (1, 2, 2), 1)


def test_colours_are_those_of_the_bytes() -> None:
    assert mosaic(["ff0000" + "00ff10"], (3, 1, 2), 1) == [[(255, 0, 0), (0, 255, 16)]]


@pytest.mark.parametrize("colours", [1, 3])
def test_a_panel_for_each_grid(colours: int) -> None:
    image = "00" * (4 * colours)
    grids = {"truth": [image] * 3, "learned": [image]}
    figure = plots.sample_grids(grids, shape=(colours, 2, 2), columns=2, title="two")
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["truth", "learned"]
    assert figure.axes[0].images[0].get_array().shape[:2] == (2 * 2 + GAP, 2 * 2 + GAP)
    assert figure._repr_png_().startswith(b"\x89PNG")
