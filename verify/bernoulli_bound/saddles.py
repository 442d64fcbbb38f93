r"""Every other stationary point of the bound is a saddle, with an explicit direction of descent.

Stationary W are ``2 U_J diag(g) Q`` for a set J of eigenvectors with ``l_j > 1``, ``g_j^2 = l_j - 1``, or zero columns
(as for probabilistic PCA: `linear-vae/all-stationary-points`). Unless J holds the largest, an eigenvalue ``l_out`` is
missing and some column has ``l_out > 1 + g_into^2``: along ``u_out q_into'`` (q the rows of the rotation Q) L has
negative curvature, and its gradient vanishes. Decided in Q.
Reference: "A lower bound for the ELBO of the Bernoulli Variational Autoencoder", section 3.1 ("other candidate points
represent saddle points", after Tipping and Bishop 1999); theory: section 8.
"""

from __future__ import annotations

from itertools import combinations
from typing import Any

from flint import fmpq

from eftheory.analytic.bernoulli_bound import curvature_of_moments
from eftheory.claims import Instances, claim, control
from eftheory.claims.definitions import where
from eftheory.exact.finite import text
from eftheory.verdict import Verdict

from ._curvature import COMMON, FLAT, closed_form, direction, drawn, is_flat, read, stationary
from ._design import DESIGN, INVERSE
from ._exactly import EXACT, ZERO, Instance, decided, marginal

STATIONARY = ("all(g[i] == 0 or g[i]**2 == l[pick[i]] - 1 for i in each(g)) and all(g[i] >= 0 for i in each(g))",)
ELSEWHERE = (
    *DESIGN,
    *STATIONARY,
    "all(pick[i] != pick[j] for i in each(g) for j in each(g) if i < j)",
    INVERSE[0],
    "all(implies(pick[i] == out, g[i] == 0) for i in each(g)) and l[out] > 1 + g[into]**2",
)
SADDLE = f"{FLAT} and hessian(out, into, out, into) < 0"
SADDLE_QUANTITIES = ("hessian(out, into, out, into)",)


def saddle_keys(quick: bool) -> list[str]:
    """Every set J of the eigenvalues above 1 other than the largest k; as many latents as fit."""
    found = []
    for d, k, above in ((2, 1, 1), (2, 1, 2), (3, 2, 2), (3, 2, 3), (4, 2, 3), (4, 3, 3), (4, 2, 4)):
        best = tuple(range(min(k, above)))
        sets = [J for size in range(k + 1) for J in combinations(range(above), size) if best != J]
        found += [f"random/{d}x{k}/{above}/{''.join(map(str, J)) or 'none'}" for J in sets]
    return found[:: 2 if quick else 1]


def build_saddle(key: str) -> dict[str, Any]:
    """The stationary point of the set J in the key; `out`: the largest eigenvector missing, for the weakest column."""
    *_, above, J = key.split("/")
    found = drawn(key.rpartition("/")[0], int(above))
    U, R, k, roots = found["U"], found["Q"], found["k"], found["roots"]
    chosen = [] if J == "none" else [int(j) for j in J]
    spare = [i for i in range(found["d"]) if i not in chosen]
    pick = [*chosen, *reversed(spare)][:k]
    g = [*(roots[j] for j in chosen), *[ZERO] * k][:k]
    fields = {name: text(found[name].tolist()) for name in ("U", "Q")} | {"l": text(found["l"]), "g": text(g)}
    fields |= {"pick": text(pick), "out": str(spare[0]), "into": str(g.index(min(g)))}
    return {**fields, "K": text(marginal(stationary(U, pick, g, R)).inv().tolist())}


def along(instance: Instance) -> tuple[bool, fmpq]:
    """Whether the point is stationary, and the curvature along ``u_out r_into'``."""
    U, R, W, S = read(instance)
    V = direction(U, R, int(instance["out"]), int(instance["into"]))
    return is_flat(W, S), curvature_of_moments(S.tolist(), W.tolist(), V, V, on=EXACT).rational


@claim(
    "bernoulli-bound/saddles",
    instances=Instances(keys=saddle_keys, build=build_saddle),
    where=where(*ELSEWHERE, SADDLE, *SADDLE_QUANTITIES, own=COMMON),
    given=ELSEWHERE,
    relation=SADDLE,
    quantities=SADDLE_QUANTITIES,
)
def saddles(instance: Instance) -> Verdict:
    """At the stationary point of every other set of eigenvectors an explicit direction leads down."""
    flat, curvature = along(instance)
    quantities = {SADDLE_QUANTITIES[0]: EXACT.number(curvature)}
    return decided(flat and curvature < 0, reason="gradient and curvature, in Q", quantities=quantities)


TOP = (*DESIGN, *STATIONARY, "all(pick[i] == i for i in each(g))", INVERSE[0], "all(pick[i] != out for i in each(g))")


def top_keys(quick: bool) -> list[str]:
    return ["random/2x1/1", "random/2x1/2", "random/3x2/2", "random/3x2/3", "random/4x2/3"]


def build_top(key: str) -> dict[str, Any]:
    """The closed form, and the next eigenvector."""
    found = closed_form(key)
    return {**found, "out": str(len(found["g"])), "into": str(len(found["g"]) - 1)}


@control(
    "bernoulli-bound/saddles",
    "also-the-largest",
    instances=Instances(keys=top_keys, build=build_top),
    where=where(*TOP, SADDLE, *SADDLE_QUANTITIES, own=COMMON),
    given=TOP,
    relation=SADDLE,
    quantities=SADDLE_QUANTITIES,
)
def also_the_largest(instance: Instance) -> Verdict:
    """The closed form is a saddle too: the next eigenvector leads down."""
    return saddles(instance)
