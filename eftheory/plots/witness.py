"""The witness of an inconsistency: signed points, and the enclosure of their sum."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from matplotlib.axes import Axes
from matplotlib.axis import Axis

from eftheory.plots.picture import MINUS, PLUS, Picture, axes
from eftheory.verdict import Witness

MINUS_SIGN = "\N{MINUS SIGN}"
SMALLEST, LARGEST = 450.0, 900.0
"""Areas of markers, in square points."""
SHORT = 16
"""Longest text that stands beside a point, in characters."""


def witness_picture(witness: Witness, *, parameters: bool = False, names: Sequence[str] | None = None) -> Picture:
    """The latent points z_i of a witness with their weights b_i and parameters f(z_i), under the enclosure of Delta.

    parameters: draw the decoder's natural parameters f(z_i) in place of the points z_i. names: of the coordinates.
    Theory: section 2, "Witness"; Delta in nats.
    """
    rows = [tuple(map(str, row)) for row in witness.model.get("parameters", ())]
    points, letter = (rows, "f") if parameters else (list(witness.points), "z")
    notes = [f"$f$ = {row[0] if len(row) == 1 else '(' + ', '.join(row) + ')'}" for row in rows]
    return signed_points(
        points,
        witness.weights,
        names=names or [rf"${letter}_{{{j + 1}}}$" for j in range(len(points[0]))],
        title=f"$\\Delta\\,\\in$ [{_minus(witness.lower)},\n       {_minus(witness.upper)}] nats, not 0",
        notes=() if parameters else notes,
    )


def signed_points(
    points: Sequence[Sequence[str]],
    weights: Sequence[str],
    *,
    names: Sequence[str],
    title: str = "",
    notes: Sequence[str] = (),
) -> Picture:
    """Points with signed weights. points: (r, n) and weights: (r,), exact numbers as text; names: (n,).

    One or two coordinates that differ become axes, more become labels. notes: (r,), beside the points if all are short.
    """
    columns = list(zip(*points, strict=True))
    differ = [j for j, column in enumerate(columns) if len(set(column)) > 1]
    drawable = len(differ) in (1, 2) and all(_is_rational(entry) for j in differ for entry in columns[j])
    beside = list(map(_minus, notes)) if notes and max(map(len, notes)) <= SHORT else [""] * len(points)
    figure, ax = axes((4.8, 3.7), title)
    if not drawable:
        _stems(ax, list(map(float, range(len(points)))), weights, beside)
        ax.set_xticks(range(len(points)), [_minus(f"({', '.join(point)})") for point in points], rotation=20)
        ax.set_xlabel(f"({', '.join(names)})")
    else:
        first, *second = differ
        fixed = ", ".join(f"{names[j]} = {_minus(c[0])}" for j, c in enumerate(columns) if j not in differ)
        x = list(map(_float, columns[first]))
        if second:
            _plane(ax, x, list(map(_float, columns[second[0]])), weights, beside)
            ax.set_ylabel(names[second[0]], rotation=0, labelpad=14, fontsize=12)
            _exact_ticks(ax.yaxis, columns[second[0]])
        else:
            _stems(ax, x, weights, beside)
        _exact_ticks(ax.xaxis, columns[first])
        ax.set_xlabel(names[first] + (f"   ({fixed})" if fixed else ""), fontsize=12)
    return figure


def _plane(ax: Axes, x: Sequence[float], y: Sequence[float], weights: Sequence[str], notes: Sequence[str]) -> None:
    """Markers in the plane, equal scales; of two points against two each pair is joined: diagonals can be compared."""
    values = list(map(_float, weights))
    signs = [[i for i, value in enumerate(values) if (value > 0) == positive] for positive in (True, False)]
    for same in signs if list(map(len, signs)) == [2, 2] else ():
        ends = [x[i] for i in same], [y[i] for i in same]
        ax.plot(*ends, color=_colour(values[same[0]]), linewidth=1.2, linestyle="--", zorder=1)
    top = max(map(abs, values))
    sizes = [SMALLEST + (LARGEST - SMALLEST) * abs(value) / top for value in values]
    ax.scatter(x, y, s=sizes, c=list(map(_colour, values)), edgecolors="white", linewidths=1.5, zorder=2)
    for at, weight, note in zip(zip(x, y, strict=True), weights, notes, strict=True):
        ax.annotate(_signed(weight), at, color="white", ha="center", va="center", fontweight="bold")
        ax.annotate(
            note,
            at,
            (0, -18),
            textcoords="offset points",
            ha="center",
            va="top",
            fontsize=8,
            color="0.25",
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5},
        )
    room = 0.28 * max(max(x) - min(x), max(y) - min(y))
    ax.set(xlim=(min(x) - room, max(x) + room), ylim=(min(y) - 1.2 * room, max(y) + room), aspect="equal")
    ax.grid(color="0.9", zorder=0)


def _stems(ax: Axes, x: Sequence[float], weights: Sequence[str], notes: Sequence[str]) -> None:
    """One coordinate: the weight is the height."""
    values = list(map(_float, weights))
    ax.axhline(0.0, color="0.5", linewidth=0.8)
    ax.vlines(x, 0.0, values, colors=list(map(_colour, values)), linewidth=2.5)
    ax.scatter(x, values, s=45, c=list(map(_colour, values)), zorder=2)
    for at, value, weight, note in zip(x, values, weights, notes, strict=True):
        up = value > 0
        text = "\n".join([note, _signed(weight)] if up else [_signed(weight), note]).strip()
        ax.annotate(
            text,
            (at, value),
            (0, 8 if up else -8),
            textcoords="offset points",
            ha="center",
            va="bottom" if up else "top",
            fontsize=9,
            color=_colour(value),
        )
    ax.margins(0.15, 0.3)
    ax.set_ylabel("weight $b$")


def _exact_ticks(axis: Axis, column: Sequence[str]) -> None:
    """Ticks at the coordinates themselves, where these are few and short."""
    texts = sorted(set(column), key=_float)
    if len(texts) <= 7 and max(map(len, texts)) <= 5:
        axis.set_ticks(list(map(_float, texts)), list(map(_minus, texts)))


def _colour(value: float) -> str:
    return PLUS if value > 0 else MINUS


def _signed(weight: str) -> str:
    return _minus(weight) if weight.startswith("-") else f"+{weight}"


def _minus(text: str) -> str:
    return text.replace("-", MINUS_SIGN)


def _is_rational(text: str) -> bool:
    """False for exact numbers such as ``pi/6``."""
    try:
        Fraction(text)
    except ValueError:
        return False
    return True


def _float(text: str) -> float:
    return float(Fraction(text))
