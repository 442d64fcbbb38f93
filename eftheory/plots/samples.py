"""Grids of images side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil
from typing import Any

from eftheory.plots.picture import Picture

GAP = 2
"""White pixels between images."""
WHITE = 255


def sample_grids(
    grids: Mapping[str, Sequence[str]], *, shape: Sequence[int], columns: int = 5, title: str = ""
) -> Picture:
    """A grid for each name, images in rows of `columns`, in the order given.

    An image is its bytes in hexadecimal, pixel by pixel from the top left, 0 black to 255 white; shape: (C, H, W), one
    byte a pixel for C = 1, red, green and blue for C = 3.
    """
    figure = Picture(figsize=(2.7 * len(grids), 3.0 + (0.3 if title else 0.0)), layout="constrained")
    figure.suptitle(title, fontsize=9, x=0.01, ha="left")
    for number, (name, images) in enumerate(grids.items()):
        ax = figure.add_subplot(1, len(grids), number + 1)
        ax.set_title(name, fontsize=9, loc="left")
        ax.imshow(mosaic(images, shape, columns), cmap="gray", vmin=0, vmax=WHITE, interpolation="nearest")
        ax.set_axis_off()
    return figure


def mosaic(images: Sequence[str], shape: Sequence[int], columns: int) -> list[list[Any]]:
    """One large image: rows of numbers, or of (red, green, blue)."""
    colours, height, width = shape
    blank: Any = WHITE if colours == 1 else (WHITE,) * colours
    rows: list[list[Any]] = []
    for first in range(0, columns * ceil(len(images) / columns), columns):
        line = [_pixels(image, shape) for image in images[first : first + columns]]
        line += [[[blank] * width] * height] * (columns - len(line))
        if rows:
            rows += [[blank] * len(rows[0])] * GAP
        for y in range(height):
            joined = [[*image[y], *[blank] * GAP] for image in line]
            rows.append([pixel for part in joined for pixel in part][:-GAP])
    return rows


def _pixels(image: str, shape: Sequence[int]) -> list[list[Any]]:
    colours, height, width = shape
    flat: list[Any] = list(bytes.fromhex(image))
    if colours > 1:
        flat = [tuple(flat[i : i + colours]) for i in range(0, len(flat), colours)]
    return [flat[y * width : (y + 1) * width] for y in range(height)]
