"""Results as figures. Computes nothing: whatever is drawn, and every number that is printed, comes with the result.

One kind of figure, one file; all are reached from here, ``from eftheory import plots``.
"""

from __future__ import annotations

from eftheory.plots.contours import contour_panels, curve_panels
from eftheory.plots.curves import frontier_picture, points_and_curves
from eftheory.plots.lines import lines
from eftheory.plots.maps import plane_panels
from eftheory.plots.picture import Picture, Series
from eftheory.plots.samples import sample_grids
from eftheory.plots.table import text_table
from eftheory.plots.witness import signed_points, witness_picture

__all__ = [
    "Picture",
    "Series",
    "contour_panels",
    "curve_panels",
    "frontier_picture",
    "lines",
    "plane_panels",
    "points_and_curves",
    "sample_grids",
    "signed_points",
    "text_table",
    "witness_picture",
]
