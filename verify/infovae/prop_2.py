r"""Proposition 2: at fixed mutual information the InfoVAE objective is largest where the model is exact.

On finite X and Z, for any encoder and any decoder,

.. math:: E\log p(x|z) - (1-\alpha) E\,KL(q(z|x)\|p(z)) - (\alpha+\lambda-1) D(q(z)\|p(z))
          = E_{p_D}\log p_D + \alpha I_q(x;z) - \Delta,

.. math:: \Delta = E_{q(z)} KL(q(x|z)\|p(x|z)) + (1-\alpha) KL(q(z)\|p(z)) + (\alpha+\lambda-1) D(q(z)\|p(z)).

With I fixed, only Delta varies; Delta >= 0, and zero exactly where q(x,z) = p(x,z): then p(x) = pd(x) and q(z|x) is the
posterior. Hypotheses: D = KL: lambda > 0. D another strict divergence (here MMD with a strictly positive definite
kernel, and Jensen-Shannon): alpha <= 1, alpha + lambda >= 1, lambda > 0. The paper asks for alpha < 1 and lambda > 0
only and concludes alpha + lambda - 1 > 0 in its proof, which does not follow: that is a control. The decoder is free;
whether a family contains the optimum is another matter. `prop_2_optimum` compares models of equal information.
Zhao, Song, Ermon, InfoVAE (2019), Proposition 2 and appendix A; theory: section 9.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

from flint import fmpq

from eftheory.analytic.infovae import Tables, jensen_shannon
from eftheory.claims import Instances, claim, control
from eftheory.claims.definitions import where
from eftheory.exact.loglinear import LOGS, LogSum
from eftheory.exact.side import to_rational
from eftheory.verdict import Verdict

from ._kernels import STRICT, discrepancy, is_strict, line, moments, multiquadric, with_factors
from ._tables import (
    MODEL,
    OWN,
    SIZES,
    Instance,
    as_instance,
    columns,
    decided,
    exact_model,
    random_tables,
    read,
    sign_of,
    sizes_of,
)

MMD = (
    "other = sum((aggregate(y) - prior[y])*kernel[y][z]*(aggregate(z) - prior[z])"
    " for y in each(prior) for z in each(prior))"
)
JENSEN = (
    "middle(z) = (aggregate(z) + prior[z])/2",
    "other = sum(aggregate(z)*log(aggregate(z)/middle(z)) for z in each(prior) if aggregate(z) != 0)/2"
    " + sum(prior[z]*log(prior[z]/middle(z)) for z in each(prior))/2",
)
EXACT = "all(code(x, z) == model(x, z) for x in each(pd) for z in each(prior))"
QUANTITIES = ("value", "info", "deficit")
KL_WEIGHT = ("lam > 0",)
WEIGHTS = ("alpha <= 1", "alpha + lam >= 1", "lam > 0")
PAPER_WEIGHTS = ("alpha < 1", "lam > 0")


def objective(other: str) -> tuple[str, ...]:
    return (
        f"value = recon - (1 - alpha)*rate - (alpha + lam - 1)*{other}",
        f"deficit = inverse + (1 - alpha)*beyond + (alpha + lam - 1)*{other}",
    )


RELATION = f"value == known + alpha*info - deficit and deficit >= 0 and iff(deficit == 0, {EXACT})"
NEVER_NEGATIVE = "deficit >= 0"
ONLY_EXACT = f"iff(deficit == 0, {EXACT})"
KL_OWN = (*OWN, *objective("beyond"))
MMD_OWN = (*OWN, MMD, *objective("other"))
JENSEN_OWN = (*OWN, *JENSEN, *objective("other"))
SEMIDEFINITE = (STRICT[0], STRICT[1].replace("pivots[y] > 0", "pivots[y] >= 0"), *STRICT[2:])

KINDS = ("exact", "inverse", "matched", "free")
"""q = p; a decoder that inverts the encoder; q(z) = p(z) alone; neither."""


def listed(label: str) -> Callable[[bool], list[str]]:
    def keys(quick: bool) -> list[str]:
        count = 12 if quick else 200
        return [f"random/{x}x{z}/{KINDS[i % 4]}/{label}{i}" for i, (x, z) in ((i, SIZES[i % 5]) for i in range(count))]

    return keys


def draw(key: str) -> Tables:
    """Tables of the kind that the key names."""
    kind, sizes = key.split("/")[2], sizes_of(key)
    exact, free = exact_model(Random(key), sizes), random_tables(key, sizes)
    if kind == "matched":
        return replace(exact, decoder=free.decoder)
    if kind == "inverse":
        return inverted(replace(free, encoder=random_positive(key, sizes)))
    return exact if kind == "exact" else free


def random_positive(key: str, sizes: tuple[int, int]) -> list[list[fmpq]]:
    return columns(random_tables(f"{key} encoder", (sizes[1], sizes[0])).decoder)


def inverted(tables: Tables) -> Tables:
    """With the decoder ``q(x|z)``."""
    total = tables.aggregate
    return replace(
        tables, decoder=[[code / weight for code, weight in zip(row, total, strict=True)] for row in tables.code]
    )


def weights(key: str, *, kl: bool = False) -> dict[str, fmpq]:
    """Admissible (alpha, lambda); among others alpha = 1, and alpha + lambda = 1."""
    rng = Random(f"weights {key}")
    if kl:
        return {"alpha": fmpq(rng.randint(-8, 8), 4), "lam": fmpq(rng.randint(1, 20), 4)}
    alpha = fmpq(rng.choice((4, 4, 0, rng.randint(-8, 3))), 4)
    spare = fmpq(rng.randint(0, 9), 3) if alpha != 1 else fmpq(rng.randint(1, 9), 3)
    return {"alpha": alpha, "lam": 1 - alpha + spare}


def build_kl(key: str) -> Instance:
    return as_instance(draw(key), **weights(key, kl=True))


def build_mmd(key: str) -> Instance:
    tables, rng = draw(key), Random(f"kernel {key}")
    matrix = multiquadric(line(rng, len(tables.prior)), fmpq(rng.randint(1, 8), 2))
    return as_instance(tables, **weights(key), **with_factors(matrix))


def build_jensen(key: str) -> Instance:
    return as_instance(draw(key), **weights(key))


Divergence = Callable[[Tables, Instance], LogSum | None]


def no_other(tables: Tables, instance: Instance) -> None:
    return None


def mmd(tables: Tables, instance: Instance) -> LogSum:
    return discrepancy(tables.aggregate, tables.prior, instance)


def jensen(tables: Tables, instance: Instance) -> LogSum:
    value: LogSum = jensen_shannon(tables.aggregate, tables.prior, on=LOGS)
    return value


def decide(
    instance: Instance, divergence: Divergence, *, parts: tuple[str, ...] = ("identity", "sign", "only")
) -> Verdict:
    """Which `parts` of the proposition hold: the identity, Delta >= 0, Delta = 0 only where q = p."""
    tables, alpha, weight = read(instance), to_rational(instance["alpha"]), to_rational(instance["lam"])
    other = divergence(tables, instance)
    value = tables.objective(alpha, weight, LOGS, other)
    deficit, info = tables.deficit(alpha, weight, LOGS, other), tables.information(LOGS)
    sign, same = sign_of(deficit), list(tables.code) == list(tables.model)
    rest = value - tables.negative_entropy(LOGS) - LogSum(alpha) * info + deficit
    holds = {"identity": rest.is_zero, "sign": sign >= 0, "only": (sign == 0) == same}
    reason = f"Delta is {('zero', 'positive', 'negative')[sign]}, q(x,z) {'=' if same else '!='} p(x,z)"
    numbers = dict(zip(QUANTITIES, (value, info, deficit), strict=True))
    return decided(all(holds[part] for part in parts), reason=reason, quantities=numbers, exact=sign == 0)


def stated(relation: str, given: tuple[str, ...], own: tuple[str, ...]) -> dict[str, Any]:
    definitions = where(*MODEL, *given, relation, *QUANTITIES, own=own)
    return {"where": definitions, "given": (*MODEL, *given), "relation": relation, "quantities": QUANTITIES}


@claim("infovae/prop-2", instances=Instances(keys=listed("kl-"), build=build_kl), **stated(RELATION, KL_WEIGHT, KL_OWN))
def prop_2(instance: Instance) -> Verdict:
    """KL, lambda > 0: at fixed mutual information the objective is largest exactly where q(x,z) = p(x,z)."""
    return decide(instance, no_other)


@claim(
    "infovae/prop-2-mmd",
    instances=Instances(keys=listed("mmd-"), build=build_mmd),
    **stated(RELATION, (*WEIGHTS, *STRICT), MMD_OWN),
)
def prop_2_mmd(instance: Instance) -> Verdict:
    """The same for MMD, strictly positive definite kernel, alpha <= 1, alpha + lambda >= 1, lambda > 0."""
    assert is_strict(instance)
    return decide(instance, mmd)


@claim(
    "infovae/prop-2-js",
    instances=Instances(keys=listed("js-"), build=build_jensen),
    **stated(RELATION, WEIGHTS, JENSEN_OWN),
)
def prop_2_js(instance: Instance) -> Verdict:
    """The same for Jensen-Shannon, what an adversary estimates; alpha = lambda = 1: the adversarial autoencoder."""
    return decide(instance, jensen)


# --- controls ---------------------------------------------------------------------------------------------------------


def inverse_keys(label: str) -> Callable[[bool], list[str]]:
    """Models whose decoder inverts the encoder, so that the mismatch of q(z) and p(z) alone counts."""
    return lambda quick: [f"random/{x}x{z}/inverse/{label}{i}" for i, (x, z) in enumerate(SIZES)]


@control(
    "infovae/prop-2",
    "negative-lambda",
    instances=Instances(
        keys=inverse_keys("kl-"), build=lambda key: as_instance(draw(key), alpha=fmpq(2), lam=fmpq(-1, 2))
    ),
    **stated(NEVER_NEGATIVE, (), KL_OWN),
)
def negative_lambda(instance: Instance) -> Verdict:
    """KL with a negative lambda: a mismatch of q(z) and p(z) is rewarded."""
    return decide(instance, no_other, parts=("sign",))


def build_paper(key: str) -> Instance:
    """alpha = 0, lambda = 1/1000: weight -0.999, as a well-known library has it, on a sum of kernels of ten scales."""
    tables = draw(key)
    matrix = multiquadric(line(Random(f"kernel {key}"), len(tables.prior)), *(fmpq(1, 2**i) for i in range(10)))
    return as_instance(tables, alpha=fmpq(0), lam=fmpq(1, 1000), **with_factors(matrix))


@control(
    "infovae/prop-2-mmd",
    "paper-hypotheses",
    instances=Instances(keys=inverse_keys("mmd-"), build=build_paper),
    **stated(NEVER_NEGATIVE, (*PAPER_WEIGHTS, *STRICT), MMD_OWN),
)
def paper_hypotheses(instance: Instance) -> Verdict:
    """alpha < 1 and lambda > 0, all that the paper asks for: the weight on MMD may be negative and reward mismatch."""
    return decide(instance, mmd, parts=("sign",))


def build_polynomial(key: str) -> Instance:
    """q(z) and p(z) with equal means and variances on four points; alpha = 1, lambda = 2, a decoder that inverts q."""
    shift = fmpq(int(key.rpartition("/")[2]), 40)
    data, one = [fmpq(1, 2)] * 2, fmpq(1, 4)
    aggregate = [one + shift, one - 3 * shift, one + 3 * shift, one - shift]  # orthogonal to 1, z, z^2 at 0, 1, 2, 3
    lean = [fmpq(1, 20), fmpq(0), fmpq(0), fmpq(-1, 20)]
    encoder = [[a + sign * b for a, b in zip(aggregate, lean, strict=True)] for sign in (1, -1)]
    tables = inverted(Tables(data, [one] * 4, [[one] * 4] * 2, encoder))
    matrix = moments([[fmpq(z)] for z in range(4)], 2)
    return as_instance(tables, alpha=fmpq(1), lam=fmpq(2), **with_factors(matrix))


@control(
    "infovae/prop-2-mmd",
    "polynomial-kernel",
    instances=Instances(keys=lambda quick: [f"fixed/{i}" for i in (1, 2, -1)], build=build_polynomial),
    **stated(ONLY_EXACT, (*WEIGHTS, *SEMIDEFINITE), MMD_OWN),
)
def polynomial_kernel(instance: Instance) -> Verdict:
    """MMD with a quadratic kernel: q(z) may have another shape than p(z) at no cost."""
    return decide(instance, mmd, parts=("only",))


@control(
    "infovae/prop-2-js",
    "negative-weight",
    instances=Instances(
        keys=inverse_keys("js-"), build=lambda key: as_instance(draw(key), alpha=fmpq(1), lam=fmpq(-999, 1000))
    ),
    **stated(NEVER_NEGATIVE, (), JENSEN_OWN),
)
def negative_weight(instance: Instance) -> Verdict:
    """A negative weight on a divergence other than KL, whatever the other one: mismatch is rewarded."""
    return decide(instance, jensen, parts=("sign",))
