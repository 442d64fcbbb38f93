"""The consistency witness: points, rational weights and one certified number that no encoder of the family can match.

Theory: section 2, "Witness of inconsistency" (new). If ``sum b = 0``, ``sum b psi(z_i) = 0`` and
``Delta = sum_i b_i [log p(x, z_i) - log k(z_i)]`` is not zero for one x, the posterior at x is not in the family.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sympy as sp
from flint import arb, ctx, fmpq

from eftheory.errors import MisuseError
from eftheory.exact import given
from eftheory.exact.ball_eval import evaluate
from eftheory.exact.compare import PRECISIONS, outward, sign
from eftheory.exact.density import SUM_LIMIT, FiniteSum, Model, Normaliser, Observation, combine, dot, is_varying
from eftheory.exact.exponential import ExpSum
from eftheory.exact.points import sample, size_of
from eftheory.exact.prior import prior_terms
from eftheory.exact.product import Product, annihilating_weights, explicit, integer_weights, is_rational, sizes
from eftheory.exact.values import Value, exact
from eftheory.families.base import Explicit, Family
from eftheory.families.support import Point
from eftheory.spec import Specification, specification
from eftheory.verdict import Status, Verdict, Witness

__all__ = ["annihilating_weights", "certify_inputs", "certify_nonmember", "consistency_witness"]

FREE_MEANING = "sum_i b_i [log p(x|z_i) - log p(x'|z_i)] in nats: the prior cancels"
MEANING = "sum_i b_i [log p(x, z_i) - log k(z_i)] in nats"
INPUTS_MEANING = "log p(z_1|x)/p(z_2|x) - log p(z_1|x')/p(z_2|x') in nats, although the encoder's inputs agree"
OTHERS = 64
"""Observations near the given one that are tried when it shows nothing."""
OPERATIONS = 200_000
"""Products that the search over observations may cost, about."""
WHOLE = 64
"""Latent spaces up to this many points are taken whole by `certify_nonmember`."""
GENERIC = (2, 3, 5, 7, 11, 13)
"""Numbers for the hyperparameters that a specification leaves as symbols, in alphabetical order."""


@dataclass(frozen=True)
class ClosedForm:
    """The normaliser of one unit by the family's own log-partition."""

    unit: Explicit
    formula: sp.Expr

    def ball(self, eta: Sequence[arb], total: int) -> arb:
        return evaluate(self.formula, dict(zip(self.unit.natural, eta, strict=True)))

    def factor(self, eta: Sequence[Value], total: int) -> tuple[ExpSum, Value] | None:
        values = {symbol: value.expr() for symbol, value in zip(self.unit.natural, eta, strict=True)}
        return {fmpq(0): fmpq(1)}, exact(self.formula.xreplace(values))


@dataclass(frozen=True)
class Finding:
    """The weights with the largest certain |Delta| / |b|_1 at one observation, and its enclosure at `bits`."""

    weights: Sequence[int]
    seen: Observation
    ball: arb
    bits: int


def consistency_witness(
    *,
    decoder: Any,
    decoder_family: str | Family,
    encoder: str | Family,
    prior: Any,
    x: Any,
    z_points: Sequence[Any] | None = None,
    rounding: int = 1024,
) -> Verdict:
    """Whether a given decoder lies in the consistent set of an encoder family, as far as exact points can tell.

    decoder: a callable from a tuple of numbers to natural parameters, a table {z: parameters}, or a pair (W, u) for
    ``W psi(z) + u``; parameters are flattened (copies, statistics). Columns of W: latent unit by latent unit, for each
    its statistics in the family's order (for ``normal(2)``: z_1, z_1^2, z_2, z_2^2).
    decoder_family, encoder: families with explicit sizes. prior: ``free`` (x is then a pair of observations, and
    the prior cancels), ``same``, ``uniform``, or a family with values. x: an observation. z_points: latent points,
    chosen here by default. rounding: units in the last place by which floats returned by a *callable* may be off;
    tables and affine pairs are taken as the numbers they are.

    REFUTED: no encoder of the family, however deep, has the posterior (witness attached; should x itself show nothing,
    observations near it are tried). PROVED: finite latents, every equation holds exactly. SUPPORTED: nothing found.
    UNDECIDED: a tie. Raises MisuseError for NaN, wrong lengths, points outside a support, or too few points.

    Example: four Gaussian components whose means form a parallelogram, not a rectangle.

    >>> verdict = consistency_witness(
    ...     decoder=([[1, 1], [0, 2]], [0, 0]), decoder_family="normal(2, variance=1)", encoder="bernoulli(2)",
    ...     prior="uniform", x=(0, 0),
    ... )
    >>> verdict.status.name, verdict.witness.points, verdict.witness.weights
    ('REFUTED', (('0', '0'), ('0', '1'), ('1', '0'), ('1', '1')), ('1', '-1', '-1', '1'))
    """
    spec = specification(decoder=decoder_family, encoder=encoder, prior=prior)
    outputs, latents = (explicit(family, *sizes(family), {}) for family in (spec.decoder, spec.encoder))
    terms = prior_terms(spec.prior.kind, spec.prior.family, latents, sizes(spec.encoder)[0], {})
    observed = _observations(x, outputs, free=terms.free)
    points, complete = _latent_points(decoder, latents, z_points)
    f, radius = given.read(decoder, latents, points, outputs.copies * outputs.n_statistics, rounding)
    model = Model(outputs, _normaliser(spec.decoder, outputs, {}), tuple(points), f, terms.logs(points), radius)
    _check_domain(model)
    scope = f"{spec.decoder} decoder, {spec.encoder} encoder, {spec.prior} prior, {len(points)} latent points"
    weights = integer_weights(latents, points, terms.statistics)
    if not weights and not complete:
        raise MisuseError(
            wanted="points at which some weights annihilate 1 and the encoder's statistics",
            got=f"{len(points)} points without such weights",
            do="give more z_points (where logarithms occur: fractions of powers of 2 and 3)",
        )
    about = {key: text for key, text in spec.strings().items() if key != "inputs"}
    limit = max(2, min(OTHERS, OPERATIONS // (len(points) * len(f[0]))))
    ladder = PRECISIONS if radius == 0 else ()
    found = _search(model, weights, _nearby(observed, outputs, limit), (128,))
    found = found or _search(model, weights, [observed], ladder)
    if found is not None:
        return _refuted(model, found, scope, about, observed)
    return _not_refuted(model, weights, scope, complete and is_rational(latents, points), observed)


def certify_nonmember(
    spec: Specification,
    decoder_groups: tuple[int, ...],
    decoder_copies: int,
    encoder_groups: tuple[int, ...],
    encoder_copies: int,
    W: Any,
    u: Any,
    *,
    values: Mapping[sp.Symbol, sp.Expr] | None = None,
) -> Witness | None:
    """A certified violation of the conjugation equation (theory: section 2(c)) by the decoder ``W psi(z) + u``.

    ``Delta = -sum_i b_i [sum_pixels A(f(z_i)) + log k(z_i) - log k0(z_i)]``, b annihilating 1, psi, and the
    statistics of a learned prior; for varying totals ``-(|x|-|x'|) sum_i b_i lse f(z_i)``. W: (decoder copies * n,
    statistics of the encoder), u: (decoder copies * n), exact. values: for symbols left in the families; generic
    integers by default.
    None: nothing certified at the points tried, which shows nothing.
    """
    numbers = _generic(spec) if values is None else values
    outputs = explicit(spec.decoder, decoder_groups, decoder_copies, numbers)
    latents = explicit(spec.encoder, encoder_groups, encoder_copies, numbers)
    terms = prior_terms(spec.prior.kind, spec.prior.family, latents, encoder_groups, numbers)
    width = outputs.copies * outputs.n_statistics
    normaliser = _normaliser(spec.decoder, outputs, numbers)
    if normaliser is None or (terms.free and not is_varying(outputs)):
        return None
    rows = [(p, *given.affine(W, u, latents, [p], width)) for p in latents.sample(whole=WHOLE)]
    inside = [(p, row) for p, row in rows if not _outside(outputs, row)]
    if not inside:
        return None
    points, f = zip(*inside, strict=True)
    contrast = is_varying(outputs)  # two observations of different totals: every prior cancels
    model = Model(outputs, normaliser, points, f, None if contrast else terms.logs(points))
    start = _start(outputs)
    observed = (start, _nearest(start, outputs)) if contrast else (start,)
    weights = integer_weights(latents, points, None if contrast else terms.statistics)
    seen = list(_nearby(observed, outputs, limit=2 if is_varying(outputs) else 0))
    found = _search(model, weights, seen, PRECISIONS[:3])
    shapes = {"decoder": (decoder_groups, decoder_copies), "encoder": (encoder_groups, encoder_copies)}
    about: dict[str, Any] = {**spec.strings()}
    about |= {f"{key} sizes": {"groups": list(groups), "copies": copies} for key, (groups, copies) in shapes.items()}
    about |= {str(symbol): str(value) for symbol, value in sorted(numbers.items(), key=str)}
    return None if found is None else _witness(model, found, about)


def certify_inputs(
    spec: Specification,
    decoder_groups: tuple[int, ...],
    encoder_groups: tuple[int, ...],
    encoder_copies: int,
    W: Any,
    u: Any,
    pair: tuple[Point, Point],
) -> Witness | None:
    """A certified violation of clause (d): x and x' with T(x) = T(x') whose posteriors differ under ``W psi(z) + u``.

    ``Delta = (nu(x) - nu(x'))' (f(z_1) - f(z_2))``, which is ``log p(z_1|x)/p(z_2|x)`` minus the same at x': prior,
    normalisers and base measures cancel. W, u: for one decoder unit, which is put where x and x' differ first; pair:
    all coordinates of one or more decoder units. None: nothing certified at the points tried.
    """
    numbers = _generic(spec)
    unit = explicit(spec.decoder, decoder_groups, 1, numbers)
    latents = explicit(spec.encoder, encoder_groups, encoder_copies, numbers)
    parts = [[x[i : i + unit.width] for i in range(0, len(x), unit.width)] for x in pair]
    change = next(
        (
            [a - b for a, b in zip(unit.unit_statistics(p), unit.unit_statistics(q), strict=True)]
            for p, q in zip(*parts, strict=True)
            if p != q
        ),
        None,
    )
    points = latents.sample(whole=WHOLE)
    if change is None or len(points) < 2:
        return None
    rows = given.affine(W, u, latents, points, unit.n_statistics)
    for point, row in zip(points[1:], rows[1:], strict=True):
        delta = dot(change, [a - b for a, b in zip(rows[0], row, strict=True)])
        for bits in PRECISIONS[:3]:
            with ctx.workprec(bits):
                if sign(delta.ball()) is None:
                    continue
                lower, upper = outward(delta.ball())
            return Witness(
                points=tuple(tuple(map(str, p)) for p in (points[0], point)),
                weights=("1", "-1"),
                lower=lower,
                upper=upper,
                precision=bits,
                meaning=INPUTS_MEANING,
                model={
                    **spec.strings(),
                    "x": [[str(v) for v in x] for x in pair],
                    "parameters": [[str(v.expr()) for v in r] for r in (rows[0], row)],
                    "parameters_radius": "0",
                },
            )
    return None


def _search(
    model: Model, weights: Sequence[Sequence[int]], seen: Iterable[tuple[Point, ...]], precisions: Sequence[int]
) -> Finding | None:
    """At the first precision and observation where some Delta is certainly not zero: the largest |Delta| / |b|_1.

    That quotient is what bounds the gap from below (theory: section 2).
    """
    tried = list(seen)
    for bits in precisions:
        with ctx.workprec(bits):
            for points in tried:
                observation = model.observe(*points)
                logs = model.log_densities(observation)
                deltas = [(combine(b, logs), b) for b in weights]
                certain = [(d, b) for d, b in deltas if sign(d) is not None and float(d.mid()) != 0.0]
                if certain:
                    ball, b = max(certain, key=lambda pair: abs(float(pair[0].mid())) / sum(map(abs, pair[1])))
                    return Finding(b, observation, ball, bits)
    return None


def _refuted(
    model: Model, found: Finding, scope: str, about: Mapping[str, Any], observed: tuple[Point, ...]
) -> Verdict:
    witness = _witness(model, found, about)
    where = "at x" if found.seen.points == observed else f"not at the given x, but at {_text(found.seen.points)}"
    reason = f"no encoder of the family has this posterior: Delta in [{witness.lower}, {witness.upper}] nats {where}"
    if model.radius == 0 and abs(float(witness.lower)) < 1e-12:
        reason += "; if that is rounding of float entries, give them as exact rationals"
    return Verdict(
        status=Status.REFUTED,
        scope=scope,
        reason=reason,
        witness=witness,
        statistics={
            "method": "annihilating weights, ball arithmetic",
            "precision": found.bits,
            "margin": witness.lower if float(witness.lower) > 0 else witness.upper.removeprefix("-"),
            "rounding": str(model.radius),
        },
    )


def _not_refuted(
    model: Model, weights: Sequence[Sequence[int]], scope: str, complete: bool, observed: tuple[Point, ...]
) -> Verdict:
    bits = 128 if model.radius else PRECISIONS[-1]
    statistics = {"method": "annihilating weights", "precision": bits, "weights": len(weights)}
    if complete and model.radius == 0:
        if all(model.vanishes(b) is True for b in weights):
            reason = "in the consistent set: every annihilating combination vanishes exactly, for every x"
            statistics["method"] = "exact arithmetic"
            return Verdict(status=Status.PROVED, scope=scope, reason=reason, statistics=statistics)
        reason = "a tie: some combination contains zero in balls, and is not decided in exact arithmetic"
        return Verdict(status=Status.UNDECIDED, scope=scope, reason=reason, statistics=statistics)
    if model.normaliser is None and model.prior is not None:
        reason = "the decoder family has no log-partition to evaluate: ask with prior='free' and two observations"
        return Verdict(status=Status.UNDECIDED, scope=scope, reason=reason, statistics=statistics)
    if any(not value.is_finite() for value in model.log_densities(model.observe(*observed))):
        reason = "the log-density is not finite in ball arithmetic at some point: check the decoder's natural domain"
        return Verdict(status=Status.UNDECIDED, scope=scope, reason=reason, statistics=statistics)
    reason = "no combination at these points is certainly different from zero"
    return Verdict(status=Status.SUPPORTED, scope=scope, reason=reason, statistics=statistics)


def _witness(model: Model, found: Finding, about: Mapping[str, Any]) -> Witness:
    used = [i for i, weight in enumerate(found.weights) if weight]
    lower, upper = outward(found.ball)
    return Witness(
        points=tuple(tuple(str(v) for v in model.points[i]) for i in used),
        weights=tuple(str(found.weights[i]) for i in used),
        lower=lower,
        upper=upper,
        precision=found.bits,
        meaning=MEANING if len(found.seen.points) == 1 else FREE_MEANING,
        model={
            **about,
            "x": [[str(v) for v in point] for point in found.seen.points],
            "parameters": [[str(v.expr()) for v in model.f[i]] for i in used],
            "parameters_radius": str(model.radius),
        },
    )


def _normaliser(family: Family, space: Product, values: Mapping[sp.Symbol, sp.Expr]) -> Normaliser | None:
    """A finite sum where the support allows one, else the family's log-partition, else None."""
    count = size_of(space.unit.support, space.width)
    if is_varying(space) or (count is not None and count <= SUM_LIMIT):
        return FiniteSum(space)
    formula = space.unit.log_partition
    return None if formula is None else ClosedForm(space.unit, formula.subs(dict(values)))


def _observations(x: Any, space: Product, *, free: bool) -> tuple[Point, ...]:
    if not free:
        return (given.observation(x, space),)
    if isinstance(x, str) or not hasattr(x, "__len__") or len(x) != 2:
        raise MisuseError(wanted="x = (x1, x2), two observations", got=repr(x), do="a free prior cancels in a contrast")
    return tuple(given.observation(each, space) for each in x)


def _latent_points(decoder: Any, latents: Product, z_points: Sequence[Any] | None) -> tuple[list[Point], bool]:
    """The points, and whether they are the whole latent space."""
    if z_points is not None:
        if isinstance(z_points, str | Mapping) or not hasattr(z_points, "__len__") or not len(z_points):
            do = "list latent points, or leave z_points out"
            raise MisuseError(wanted="z_points as a list of latent points", got=repr(z_points), do=do)
        points = list(dict.fromkeys(given.latent_point(point, latents) for point in z_points))
    else:
        points = given.table_points(decoder, latents) or latents.sample()
    return points, len(points) == latents.count()


def _check_domain(model: Model) -> None:
    for point, row in zip(model.points, model.f, strict=True):
        if _outside(model.decoder, row):
            raise MisuseError(
                wanted="natural parameters in the decoder's natural domain",
                got=f"{[str(v.expr()) for v in row]} at z = {_text([point])}",
                do=f"keep {', '.join(map(str, model.decoder.unit.domain))}",
            )


def _outside(space: Product, row: Sequence[Value]) -> bool:
    """Whether the parameters certainly violate the natural domain."""
    n = space.n_statistics
    for copy in range(space.copies if space.unit.domain else 0):
        balls = dict(zip(space.unit.natural, (v.ball() for v in row[copy * n : (copy + 1) * n]), strict=True))
        for relation in space.unit.domain:
            margin = evaluate(relation.gts - relation.lts, balls)
            strict = isinstance(relation, sp.StrictGreaterThan | sp.StrictLessThan)
            if sign(margin) == -1 or (strict and margin.is_zero()):
                return True
    return False


def _nearby(observed: tuple[Point, ...], space: Product, limit: int) -> Iterator[tuple[Point, ...]]:
    """The given observation(s), then those that differ from the first in one unit."""
    yield observed
    width, first = space.width, observed[0]
    changed = (
        first[: c * width] + part + first[(c + 1) * width :]
        for part in sample(space.unit.support, width)
        for c in range(space.copies)
    )
    for _, point in zip(range(limit), (p for p in changed if p != first), strict=False):
        yield (first, point) if len(observed) == 2 else (point,)


def _start(space: Product) -> Point:
    return tuple(v for _ in range(space.copies) for v in sample(space.unit.support, space.width)[0])


def _nearest(start: Point, space: Product) -> Point:
    return next(points[0] for points in _nearby((start,), space, 2) if points[0] != start)


def _generic(spec: Specification) -> dict[sp.Symbol, sp.Expr]:
    """Numbers for the hyperparameters that are symbols; sizes are explicit already."""
    families = [family for family in (spec.decoder, spec.encoder, spec.prior.family) if family is not None]
    sized = {s for family in families for s in (family.copies, *family.unit.groups) if isinstance(s, sp.Symbol)}
    held = [v for family in families for v in (*family.arguments.values(), *family.values.values())]
    found = set().union(*(v.free_symbols for v in held if isinstance(v, sp.Expr))) - sized
    return dict(zip(sorted(found, key=str), map(sp.Integer, GENERIC), strict=False))


def _text(points: Sequence[Point]) -> str:
    return "; ".join("(" + ", ".join(map(str, point)) + ")" for point in points)
