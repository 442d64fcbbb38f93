"""Results as figures. Computes nothing: whatever is drawn, and every number that is printed, comes with the result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from io import BytesIO
from typing import final

from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure

from eftheory.verdict import Witness

PLUS, MINUS = "#0072b2", "#d55e00"
"""Positive and negative weights: told apart in any colour vision, and by the sign in the marker."""
MINUS_SIGN = "\N{MINUS SIGN}"
SMALLEST, LARGEST = 450.0, 900.0
"""Areas of markers, in square points."""
SHORT = 16
"""Longest text that stands beside a point, in characters."""
HUES = ("#0072b2", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000")
"""Colours of curves, told apart in any colour vision; past them the dashes change too."""
DASHES = ("-", "--", ":")
Series = Mapping[str, tuple[Sequence[float], Sequence[float]]]
"""Name -> (x, y) of points or of a curve, or another pair of lists."""


@final
class Picture(Figure):
    """A figure that shows itself in a notebook whatever the backend, without pyplot and its global state."""

    def _repr_png_(self) -> bytes:
        stream = BytesIO()
        self.savefig(stream, format="png", dpi=96)
        return stream.getvalue()


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
    figure, ax = _axes((4.8, 3.7), title)
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


def points_and_curves(
    points: Series, curves: Series, *, x: str, y: str, title: str = "", logarithmic: str = "xy"
) -> Picture:
    """Clouds of points (the first in grey, others in orange in front of all) and curves, each named in the legend.

    x, y: labels of the axes. logarithmic: which axes are, "", "x", "y" or "xy"; there only positive values are drawn.
    """
    figure, ax = _axes((6.4, 4.2), title)
    for i, (name, (xs, ys)) in enumerate(points.items()):
        colour, marker, size, layer = (MINUS, "D", 16.0, 4) if i else ("0.6", "o", 4.0, 2)
        ax.scatter(xs, ys, label=name, c=colour, marker=marker, s=size, linewidths=0, zorder=layer)
    for i, (name, (xs, ys)) in enumerate(curves.items()):
        style = DASHES[i // len(HUES) % len(DASHES)]
        ax.plot(xs, ys, label=name, color=HUES[i % len(HUES)], linestyle=style, linewidth=1.6, zorder=3)
    ax.set(
        xlabel=x,
        ylabel=y,
        xscale="log" if "x" in logarithmic else "linear",
        yscale="log" if "y" in logarithmic else "linear",
    )
    ax.grid(color="0.92")
    ax.set_axisbelow(True)
    ax.legend(fontsize=8, frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5), markerscale=1.5)
    return figure


def frontier_picture(rows: Series, *, x: str, title: str = "", least: float = 1e-4) -> Picture:
    """For each name one line, top down: the ratios that chance reached (ticks) and those of an adversary (diamonds).

    A ratio of 1, the bound attained, is the line at the right; the axis is logarithmic and begins at `least`.
    """
    figure, ax = _axes((6.4, 0.7 + 0.42 * len(rows)), title)
    for i, (chance, adversary) in enumerate(rows.values()):
        ax.scatter(chance, [i] * len(chance), marker="|", s=90, c="0.55", zorder=1, label="" if i else "random")
        ax.scatter(adversary, [i] * len(adversary), marker="D", s=36, c=MINUS, zorder=2, label="" if i else "adversary")
    ax.axvline(1.0, color="0.2", linewidth=1.0, zorder=0)
    ax.set_yticks(range(len(rows)), list(rows))
    ax.set(xscale="log", xlabel=x, xlim=(least, 2.0), ylim=(len(rows) - 0.5, -0.5))
    ax.legend(fontsize=8, frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def _axes(size: tuple[float, float], title: str) -> tuple[Picture, Axes]:
    figure = Picture(figsize=size, layout="constrained")
    ax = figure.add_subplot()
    ax.set_title(title, fontsize=9, loc="left")
    ax.spines[["top", "right"]].set_visible(False)
    return figure, ax


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
