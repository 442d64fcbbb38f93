r"""Linear VAE: at the maximum a latent collapses exactly when its eigenvalue is at most the noise.

.. math:: \mathrm{KL}_j := E_x \mathrm{KL}(q(z_j|x) \| p(z_j)) = \tfrac12 \log \max(\lambda_j/\sigma^2, 1),

so that the number of collapsed latents is k less that of the eigenvalues above s2 (among the k largest), and grows with
s2. Where :math:`\lambda_j \le \sigma^2` a free column growing along :math:`u_j`, the encoder following, only loses,

.. math:: \tfrac12 [\log(1 + t/\sigma^2) - \lambda_j t/(\sigma^2(\sigma^2 + t))] > 0 \text{ at squared length } t > 0.

Hypotheses: the parameters are at the maximum (`max_elbo`, `elbo_maximum`), s2 fixed. Lucas, Tucker, Grosse, Norouzi
(2019), section 4.3; theory: section 7 (iii). The divergences are exact, the loss is certified for all t in a range.
"""

from __future__ import annotations

from typing import Any

from flint import fmpq

from eftheory.analytic import linear_vae
from eftheory.claims import Instances, claim, control
from eftheory.claims.definitions import where
from eftheory.verdict import Verdict

from ._design import DATA, ORTHOGONAL, POSITIVE, SAME, Design, at, columns, draw, keys, place, sized, top
from ._exactly import EXACT, Instance, decided, matrix, sign

GIVEN = (
    POSITIVE,
    ORTHOGONAL,
    "all(l[j] <= l[i] for i in each(l) for j in each(l) if i < j)",
    # J: those above the noise, among the first, as many as there are latents
    "all(J[j]*(1 - J[j]) == 0 and (J[j] == 1 or j >= width or l[j] <= s2) for j in each(l))",
    "all(J[j] == 0 or j < width and l[j] > s2 and a[j]**2 == l[j] - s2 for j in each(l))",
    "all(sum(T[j][c]**2 for c in each(T[j])) == J[j] for j in each(l))",
    "all(T[j][c]*(1 - T[j][c]**2) == 0 and (T[i][c] == 0 or T[j][c] == 0 or i == j)"
    " for i in each(l) for j in each(l) for c in each(T[j]))",
)
OWN = (
    SAME,
    "width = sum(1 for c in each(T[0]))",
    DATA,
    "W(i, c) = sum(U[i][j]*a[j]*T[j][c] for j in each(l))",
    "V(c, i) = sum(T[j][c]*a[j]/l[j]*U[i][j] for j in each(l))",
    "D(c) = s2/(sum(W(i, c)**2 for i in each(l)) + s2)",
    "VSV(c) = sum(V(c, i)*S(i, j)*V(c, j) for i in each(l) for j in each(l))",
    "latent(c) = (VSV(c) + D(c) - 1 - log(D(c)))/2",
    "loss(j, t) = (log(1 + t/s2) - l[j]*t/(s2*(s2 + t)))/2",
)
EACH = (
    "all(implies(T[j][c] != 0, latent(c) == log(l[j]/s2)/2 and latent(c) > 0) for j in each(l) for c in each(T[j]))"
    " and all(implies(all(T[j][c] == 0 for j in each(l)), latent(c) == 0) for c in each(T[0]))"
)
COUNT = "sum(1 for c in each(T[0]) if D(c) == 1) == width - sum(1 for j in each(l) if j < width and l[j] > s2)"
LOSES = "all(loss(j, t) > 0 for j in each(l) if l[j] <= s2 for t in reals(s2/10, 100*s2))"
RELATION = f"{EACH} and {COUNT} and {LOSES}"
NUMBERS = ("sum(latent(c) for c in each(T[0]))", "sum(1 for c in each(T[0]) if D(c) == 1)", "S(0, 0)")


def build(key: str) -> dict[str, Any]:
    """The maximum; fewer/: with latents to spare; edge/: with an eigenvalue equal to s2 among the first k."""
    rng, d, k = sized(key)
    kind = key.partition("/")[0]
    above = rng.randint(0, k - 1) if kind in ("fewer", "edge") else rng.randint(min(k, d), d)
    design = draw(rng, d, above=above)
    if kind == "edge":
        design.eigenvalues[above] = design.s2
    return at(design, place(rng, top(design, k), d, k))


def divergences(instance: Instance) -> tuple[Design, list[Any], list[int | None]]:
    """The mean KL of each latent, and the eigenpair that it carries."""
    design, T = Design.read(instance), matrix(instance["T"])
    W = columns(design, T)
    found = linear_vae.divergences(design.S, *linear_vae.optimum(W, design.s2, on=EXACT), on=EXACT)
    carried = [next((j for j, row in enumerate(T) if row[c] != 0), None) for c in range(len(T[0]))]
    return design, found, carried


def loses(design: Design, value: fmpq) -> bool:
    """Whether the loss is positive for all t from s2/10 on: it is at s2/10, and from there on it grows.

    Its derivative is ``(s2 + t - l)/(2 (s2 + t)^2)``.
    """
    s2, t = design.s2, design.s2 / 10
    start = EXACT.log(1 + t / s2) - value * t / (s2 * (s2 + t))
    return sign(start) > 0 and s2 + t - value > 0


def numbers(design: Design, found: list[Any]) -> dict[str, Any]:
    together = found[0]
    for other in found[1:]:
        together = together + other
    values = (together, fmpq(sum(sign(each) == 0 for each in found)), design.S[0][0])
    return dict(zip(NUMBERS, values, strict=True))


@claim(
    "linear-vae/collapse",
    instances=Instances(keys=keys(1, 10, kinds=("maximum", "fewer", "edge")), build=build),
    where=where(*GIVEN, RELATION, *NUMBERS, own=OWN),
    given=GIVEN,
    relation=RELATION,
    quantities=NUMBERS,
)
def collapse(instance: Instance) -> Verdict:
    """At the maximum latent j has KL 1/2 log max(l_j/s2, 1): it collapses exactly when l_j <= s2."""
    design, found, carried = divergences(instance)
    s2, values, k = design.s2, design.eigenvalues, len(carried)
    true = all(
        sign(each) == 0 if j is None else sign(each - EXACT.log(values[j] / s2) / 2) == 0 and sign(each) > 0
        for each, j in zip(found, carried, strict=True)
    )
    answers = linear_vae.collapsed(values, s2, k, on=EXACT)
    true = true and sum(sign(each) == 0 for each in found) == sum(answer is True for answer in answers)
    true = true and all(loses(design, value) for value in values if value <= s2)
    return decided(true, reason="divergences exactly", quantities=numbers(design, found), exact=False)


USED = "all(latent(c) > 0 for c in each(T[0]))"


@control(
    "linear-vae/collapse",
    "noise-above-an-eigenvalue",
    instances=Instances(keys=keys(1, 3, kinds=("fewer", "edge")), build=build),
    where=where(*GIVEN, USED, *NUMBERS, own=OWN),
    given=GIVEN,
    relation=USED,
    quantities=NUMBERS,
)
def noise_above_an_eigenvalue(instance: Instance) -> Verdict:
    """With s2 fixed above one of the k largest eigenvalues no latent collapses."""
    design, found, _ = divergences(instance)
    true = all(sign(each) > 0 for each in found)
    return decided(true, reason="divergences exactly", quantities=numbers(design, found), exact=False)


TWICE = "all(iff(latent(c) == 0, all(T[j][c] == 0 or l[j] <= 2*s2 for j in each(l))) for c in each(T[0]))"


def build_small(key: str) -> dict[str, Any]:
    """The maximum where all active eigenvalues lie between s2 and 2 s2."""
    rng, d, k = sized(key)
    design = draw(rng, d, above=k)
    square = max(a * a for a in design.a)
    larger = (square / design.s2).ceil() + 1
    scale = next(n for n in range(1, 1000) if n * n > larger)
    a = [entry / scale for entry in design.a]
    values = [design.s2 + x * x if x else value for x, value in zip(a, design.eigenvalues, strict=True)]
    small = Design(design.U, values, design.s2, a)
    return at(small, place(rng, top(small, k), d, k))


@control(
    "linear-vae/collapse",
    "at-twice-the-noise",
    instances=Instances(keys=keys(1, 3), build=build_small),
    where=where(*GIVEN, TWICE, *NUMBERS, own=OWN),
    given=GIVEN,
    relation=TWICE,
    quantities=NUMBERS,
)
def at_twice_the_noise(instance: Instance) -> Verdict:
    """A latent collapses where its eigenvalue is at most 2 s2."""
    design, found, carried = divergences(instance)
    true = all(
        (sign(each) == 0) == (j is None or design.eigenvalues[j] <= 2 * design.s2)
        for each, j in zip(found, carried, strict=True)
    )
    return decided(true, reason="divergences exactly", quantities=numbers(design, found))
