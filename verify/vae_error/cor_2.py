r"""Corollary 2: an affine decoder and an encoder with all affine maps: zero error, if the prior is the implied one.

*Holds* with the prior tied to the implied one (the models are the harmoniums): for $f(z) = W\psi(z) + u$ the encoder
$g(x) = W^T\nu(x) + v$ is the posterior, so that every decoder, the optimal one included, attains gap 0 and the ELBO is
the log-evidence. Decided exactly on finite instances (paper: Corollary 2; theory: section 2; hypotheses: minimal
statistics, the encoder family contains all affine maps).

*Fails* with a fixed prior and with one that is learned separately, both controls: four normal components in the plane
on a parallelogram with $a \cdot b \ne 0$, known variance, factorised Bernoulli encoder, data from the model. Mixtures
of normals with known common variance are identifiable, weights included (Teicher, Ann. Math. Stat. 34 (1963) 1265-1269;
Yakowitz and Spragins, Ann. Math. Stat. 39 (1968) 209-214: not proved here), so a likelihood maximiser is the true
mixture under one of the 24 labellings. The affine decoder allows those where the diagonals have equal sums, the
factorised encoder those where the posterior's interaction is 0 at every x, slope and offset. None does both, so no
maximiser is tight and the largest ELBO is below the largest likelihood. (A stationary point of lower likelihood could
be tight; the gap at the best ELBO found by optimisation, in `cor_2_gap`, is not zero either, but that is a number, no
proof.)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

from flint import fmpq

from eftheory.claims import Instances, claim, control
from eftheory.claims.definitions import where
from eftheory.exact.draws import SIDES, distribution, odds, random_side
from eftheory.exact.finite import FiniteVAE, harmonium, text
from eftheory.exact.loglinear import LOGS
from eftheory.exact.mixed import proved
from eftheory.exact.mixture import LABELLINGS, Parallelogram
from eftheory.exact.side import Side, Vector, family_side, to_rational
from eftheory.verdict import Verdict

# --- the prior tied to the implied one --------------------------------------------------------------------------------

GIVEN = (
    "sum(pd[x] for x in each(pd)) == 1",
    "all(pd[x] >= 0 for x in each(pd))",
    "all(theta[z][i] == u[i]*prod(w[i][j]**psi[z][j] for j in each(v)) for z in each(prior) for i in each(u))",
    "all(gamma[x][j] == v[j]*prod(w[i][j]**nu[x][i] for i in each(u)) for x in each(pd) for j in each(v))",
    "all(prior[z] == implied(z)/whole for z in each(prior))",
)
OWN = (
    "implied(z) = k[z]*prod(v[j]**psi[z][j] for j in each(v))*partition(z)",
    "whole = sum(implied(z) for z in each(prior))",
    "fit = sum(pd[x]*log(evidence(x)) for x in each(pd))",
)
RELATION = "gap == 0 and all(q(x, z) == post(x, z) for x in each(pd) for z in each(prior))"
QUANTITIES = ("gap", "fit")


def keys(quick: bool) -> list[str]:
    order = [f"{x} x {z}" for x in SIDES for z in SIDES]
    Random("corollary 2").shuffle(order)
    drawn = [f"random/{pair}/{i}" for i, pair in enumerate(order * (1 if quick else 3))]
    return ["fixed/rbm", "fixed/collapsed"] + (drawn[:20] if quick else drawn)


def build(key: str) -> dict[str, Any]:
    """A harmonium with its odds w = exp(W), u, v."""
    if key.startswith("fixed/"):
        x = z = family_side("bernoulli(2)")
        one = fmpq(1)
        rows = [(2 * one, one / 3), (5 * one, one)] if key == "fixed/rbm" else [(one, one), (one, one)]
        return as_instance(x, z, rows, (fmpq(1, 2), fmpq(3)), (fmpq(2), fmpq(1, 5)), (fmpq(1, 4),) * 4)
    rng = Random(key)
    x, z = (random_side(rng, notation) for notation in key.split("/")[1].split(" x "))
    w = [odds(rng, z.width) for _ in range(x.width)]
    return as_instance(x, z, w, odds(rng, x.width), odds(rng, z.width), distribution(rng, x.count))


def as_instance(x: Side, z: Side, w: Sequence[Vector], u: Vector, v: Vector, data: Vector) -> dict[str, Any]:
    bordered = [(*row, entry) for row, entry in zip(w, u, strict=True)] + [(*v, fmpq(1))]
    return {**harmonium(x, z, bordered, data).as_dict(), "w": text(w), "u": text(u), "v": text(v)}


@claim(
    "vae-error/cor-2",
    instances=Instances(keys=keys, build=build),
    where=where(*GIVEN, RELATION, *QUANTITIES, own=OWN),
    given=GIVEN,
    relation=RELATION,
    quantities=QUANTITIES,
)
def cor_2(instance: Mapping[str, Any]) -> Verdict:
    """Corollary 2, prior tied to the implied one: every affine decoder has an affine encoder with zero error."""
    vae = FiniteVAE.from_dict(instance)
    true = vae.gap(LOGS).is_zero and vae.encoder == vae.posterior
    exact: dict[str, fmpq | int] = {"gap": 0} if true else {}
    return proved(true, reason="encoder and posterior agree", exact=exact, balls=lambda: {"fit": vae.log_evidence()})


# --- a fixed prior, a learned prior -----------------------------------------------------------------------------------

PARALLELOGRAM = (
    "0 < s2 and a[0]*b[1] - a[1]*b[0] != 0 and sum(a[i]*b[i] for i in each(a)) != 0",
    "all(bits[c][0] == 0 or bits[c][0] == 1 for c in each(bits))",
    "all(bits[c][1] == 0 or bits[c][1] == 1 for c in each(bits))",
    "sum(1 for c in each(bits)) == 4 and "
    "all(bits[c][0] != bits[d][0] or bits[c][1] != bits[d][1] for c in each(bits) for d in each(bits) if c < d)",
    "sum(1 for n in each(labels)) == 24 and all(sum(1 for c in each(labels[n])) == 4 for n in each(labels))",
    "all(any(labels[n][c] == d for c in each(labels[n])) for n in each(labels) for d in each(bits))",
    "all(any(labels[m][c] != labels[n][c] for c in each(bits)) for m in each(labels) for n in each(labels) if m < n)",
    "sum(mixing[c] for c in each(mixing)) == 1 and all(mixing[c] > 0 for c in each(mixing))",
)
"""All 24 labellings, each once."""
UNIFORM = "all(mixing[c] == 1/4 for c in each(mixing))"
MIXTURE_OWN = (
    "centre(c, i) = base[i] + bits[c][0]*a[i] + bits[c][1]*b[i]",
    "square(c) = sum(centre(c, i)**2 for i in each(base))",
    "slope(n, i) = (centre(labels[n][0], i) - centre(labels[n][1], i) - centre(labels[n][2], i)"
    " + centre(labels[n][3], i))/s2",
    "bend(n) = (square(labels[n][0]) - square(labels[n][1]) - square(labels[n][2]) + square(labels[n][3]))/(2*s2)",
    "tilt(n) = log(mixing[labels[n][0]]*mixing[labels[n][3]]/(mixing[labels[n][1]]*mixing[labels[n][2]]))",
)
TIGHT = "any(all(slope(n, i) == 0 for i in each(base)) and tilt(n) - bend(n) == 0 for n in each(labels))"
SIZES = ("sum(a[i]*b[i] for i in each(a))",)
FIXED: dict[str, tuple[Any, Any, Any, Any]] = {
    "plain": ((0, 0), (2, 0), (1, 2), 1),
    "flat": ((-1, 0), (3, 1), (2, fmpq(1, 2)), fmpq(1, 2)),
    "obtuse": ((1, 1), (2, 1), (-2, 1), 2),
}


def mixture_keys(quick: bool) -> list[str]:
    return [f"fixed/{name}" for name in FIXED] + [f"random/{i}" for i in range(2 if quick else 20)]


def parallelogram(key: str) -> Parallelogram:
    """A parallelogram that is no rectangle."""
    kind, _, name = key.partition("/")
    if kind == "fixed":
        base, a, b, s2 = FIXED[name]
        return Parallelogram(_point(*base), _point(*a), _point(*b), fmpq(s2))
    rng = Random(f"corollary 2 {key}")
    while True:
        base, a, b = ([fmpq(rng.randint(-6, 6), rng.randint(1, 3)) for _ in range(2)] for _ in range(3))
        if a[0] * b[1] != a[1] * b[0] and a[0] * b[0] + a[1] * b[1] != 0:
            return Parallelogram(_point(*base), _point(*a), _point(*b), fmpq(rng.randint(1, 4), rng.randint(1, 4)))


def _point(x: Any, y: Any) -> tuple[fmpq, fmpq]:
    return fmpq(x), fmpq(y)


def mixture(key: str, weights: Vector) -> dict[str, Any]:
    model = parallelogram(key)
    return {
        "base": text(model.base),
        "a": text(model.a),
        "b": text(model.b),
        "s2": str(model.s2),
        "bits": [["0", "0"], ["0", "1"], ["1", "0"], ["1", "1"]],
        "labels": [[str(c) for c in labelling] for labelling in LABELLINGS],
        "mixing": text(weights),
    }


def no_labelling(instance: Mapping[str, Any]) -> Verdict:
    """Whether some labelling makes the interaction vanish at every x, all 24 decided in Q."""
    sides = [_point(*map(to_rational, instance[name])) for name in ("base", "a", "b")]
    model = Parallelogram(sides[0], sides[1], sides[2], to_rational(instance["s2"]))
    weights = [to_rational(weight) for weight in instance["mixing"]]
    tight = any(model.factorises([int(c) for c in labelling], weights) for labelling in instance["labels"])
    exact: dict[str, fmpq | int] = {SIZES[0]: model.side_product}
    return proved(tight, reason=f"{'some' if tight else 'none'} of 24 labellings is tight", exact=exact)


@control(
    "vae-error/cor-2",
    "fixed-prior",
    instances=Instances(keys=mixture_keys, build=lambda key: mixture(key, (fmpq(1, 4),) * 4)),
    where=where(*PARALLELOGRAM, UNIFORM, TIGHT, *SIZES, own=MIXTURE_OWN),
    given=(*PARALLELOGRAM, UNIFORM),
    relation=TIGHT,
    quantities=SIZES,
)
def fixed_prior(instance: Mapping[str, Any]) -> Verdict:
    """Corollary 2 with the uniform prior: some likelihood maximiser is tight."""
    return no_labelling(instance)


def learned(key: str) -> dict[str, Any]:
    """Weights that a factorised prior can learn: uniform ones, or another product."""
    s, t = (fmpq(1, 2), fmpq(1, 2)) if key.startswith("fixed/") else (fmpq(1, 3), fmpq(3, 4))
    return mixture(key, ((1 - s) * (1 - t), (1 - s) * t, s * (1 - t), s * t))


@control(
    "vae-error/cor-2",
    "learned-prior",
    instances=Instances(keys=mixture_keys, build=learned),
    where=where(*PARALLELOGRAM, TIGHT, *SIZES, own=MIXTURE_OWN),
    given=PARALLELOGRAM,
    relation=TIGHT,
    quantities=SIZES,
)
def learned_prior(instance: Mapping[str, Any]) -> Verdict:
    """Corollary 2 with a prior learned separately (at a maximiser it gives the components their weights)."""
    return no_labelling(instance)
