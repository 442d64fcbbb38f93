"""Rule: statistics that span every function of a finite latent space absorb whatever the decoder adds."""

from __future__ import annotations

import sympy as sp

from eftheory.derive.rules.outcome import Outcome
from eftheory.derive.setting import Setting


def all_functions(setting: Setting) -> Outcome | None:
    """Every function of psi lies in `span{1, psi, tau}`: the conjugation equation holds for every W and u.

    Either the span holds all functions on Z, or psi has affinely independent values and the prior fits.
    """
    if setting.points is None:
        return None
    points, variables = setting.points, setting.space.variables
    rows = [
        [g.xreplace(dict(zip(variables, point, strict=True))).doit() for point in points]
        for g in (sp.Integer(1), *setting.span)
    ]
    matrix = sp.Matrix(rows)
    if matrix.free_symbols:
        return None
    values = {tuple(matrix[i, j] for i in range(1, 1 + len(setting.psi))) for j in range(len(points))}
    everything = matrix.rank() == len(points)
    if not everything and not (len(values) == 1 + len(setting.psi) and setting.fits):
        return None
    return Outcome(
        kind="all",
        rule="finite table",
        proper=False,
        reason=f"every function of the encoder's statistics is affine in them ({len(values)} values): "
        "whatever the decoder adds is absorbed",
    )
