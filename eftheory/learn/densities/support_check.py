"""Whether data lie in a support; the error names the first entry that does not."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from eftheory.errors import MisuseError
from eftheory.families.support import Bits, Circle, Counts, Integers, Interval, OneHot, Points, Reals, Simplex, Support
from eftheory.learn.datasets.sparse import SparseRows

SIMPLEX_ERROR = 1e-4
"""How far the components of a point of the simplex may be from summing to one (float32 data)."""
ANGLE_ERROR = 1e-6
"""How far beyond pi an angle may lie."""

Rule = Callable[[Tensor], Tensor]

ADVICE: Mapping[type[Support], str] = {
    Bits: "binarise the data, or take another decoder family",
    Integers: "binarise or count the data, or take another decoder family",
    Interval: "rescale the data into the open interval, or take another decoder family",
    Counts: "give word counts, not frequencies",
}


def check_support(support: Support, x: Tensor | SparseRows, what: str, p: int, copies: int) -> None:
    """x: (N, copies * p), units of p components.

    Raises MisuseError naming row, column, value and what is wanted: shape, finite numbers, each entry, sums of units.
    """
    shape, width = tuple(x.shape), copies * p
    if len(shape) != 2 or shape[1] != width:
        raise MisuseError(
            wanted=f"{what} of shape (N, {width})", got=f"shape {shape}", do="change the data or the sizes"
        )
    wanted, fits = _rule(support)
    if isinstance(x, SparseRows):
        _check_sparse(x, what, wanted, fits, support)
        return
    _check_entries(x, fits(x), what, wanted, support)
    _check_sums(support, x.unflatten(-1, (copies, p)), what)


def _check_entries(x: Tensor, inside: Tensor, what: str, wanted: str, support: Support) -> None:
    inside = inside & x.isfinite()
    if bool(inside.all()):
        return
    bad = (~inside).nonzero()
    row, column = (int(i) for i in bad[0])
    raise _entry(what, wanted, float(x[row, column]), row, column, len(bad), support)


def _check_sparse(x: SparseRows, what: str, wanted: str, fits: Rule, support: Support) -> None:
    """The entries that are kept, and that zero fits too."""
    inside = fits(x.values) & x.values.isfinite()
    if not bool(inside.all()):
        bad = (~inside).nonzero()[:, 0]
        entry = int(bad[0])
        row, column = int(x.rows()[entry]), int(x.indices[entry])
        raise _entry(what, wanted, float(x.values[entry]), row, column, len(bad), support)
    if not bool(fits(x.values.new_zeros(1)).all()) or isinstance(support, OneHot | Simplex):
        raise MisuseError(wanted=f"{what}: {wanted}", got="sparse rows, which hold zeros", do="give dense rows")
    if isinstance(support, Counts):
        _check_sums(support, x.totals()[:, None, None], what)


def _entry(what: str, wanted: str, value: float, row: int, column: int, count: int, support: Support) -> MisuseError:
    more = f" ({count} such entries)" if count > 1 else ""
    got = f"{value:g} in row {row}, column {column}{more}"
    do = ADVICE.get(type(support), "change the data or the family")
    return MisuseError(wanted=f"{what}: {wanted}", got=got, do=do)


def _rule(support: Support) -> tuple[str, Rule]:
    """What each entry should be, and the test."""
    if isinstance(support, Integers):
        lo, hi = float(support.lo), float(support.hi)
        wanted = (
            f"whole numbers from {support.lo} to {support.hi}" if support.finite else f"whole numbers from {lo:g} on"
        )
        return wanted, lambda x: (x == x.floor()) & (x >= lo) & (x <= hi)
    if isinstance(support, Bits | OneHot):
        return "0 or 1", lambda x: (x == 0) | (x == 1)
    if isinstance(support, Counts):
        return "counts 0, 1, ...", lambda x: (x == x.floor()) & (x >= 0)
    if isinstance(support, Points):
        values = [float(v) for v in support.values]
        return support.text, lambda x: (x.unsqueeze(-1) == x.new_tensor(values)).any(-1)
    if isinstance(support, Interval):
        low, high = float(support.lo), float(support.hi)
        whole = low == -float("inf") and high == float("inf")
        wanted = "finite numbers" if whole else f"numbers inside ({support.lo}, {support.hi})"
        return wanted, lambda x: (x > low) & (x < high)
    if isinstance(support, Circle):
        return "angles from -pi to pi", lambda x: x.abs() <= torch.pi + ANGLE_ERROR
    if isinstance(support, Simplex):
        return "positive numbers", lambda x: x > 0
    assert isinstance(support, Reals)
    return "finite numbers", lambda x: x.isfinite()


def _check_sums(support: Support, units: Tensor, what: str) -> None:
    """One-hot, counts of a known total, simplex: what the components of a unit add up to. units: (N, copies, p)."""
    sums = units.sum(-1)
    if isinstance(support, OneHot):
        wanted, error = 1.0, 0.0
    elif isinstance(support, Simplex):
        wanted, error = 1.0, SIMPLEX_ERROR
    elif isinstance(support, Counts) and support.total is not None:
        wanted, error = float(support.total), 0.0
    else:
        return
    bad = ((sums - wanted).abs() > error).nonzero()
    if len(bad):
        row, unit = (int(i) for i in bad[0])
        where = f"row {row}" + (f", unit {unit}" if units.shape[-2] > 1 else "")
        got, do = f"a sum of {float(sums[row, unit]):g} in {where}", "change the data or the family"
        raise MisuseError(wanted=f"{what} whose components sum to {wanted:g}", got=got, do=do)
