r"""Section 3.1, all cases: the symbolic verdict of `eftheory.check` is that of exact instances of the same model.

*consistent*: a generic admissible coupling is tight; *constrained*: it is not, but one that uses the code is;
*collapsed*: neither. Shekhovtsov, Schlesinger, Flach (2022), section 3.1; theory: section 2, Verdict. The instances are
decided in Q, by routes that share nothing with the derivation; the verdict itself is symbolic, for one size of the
model, so that this claim stands in the report and has no certificate.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

from flint import fmpq, fmpq_mat

from eftheory.claims import Instances, claim, control
from eftheory.exact.decide import exactly
from eftheory.exact.draws import distribution, odds
from eftheory.exact.finite import FiniteVAE, harmonium
from eftheory.exact.loglinear import LogSum
from eftheory.exact.side import family_side
from eftheory.exact.tables import posterior_in_family
from eftheory.verdict import Verdict

from ._documents import coupling, logits, varying_total
from ._exactly import ZERO, Instance, with_prior

Evidence = tuple[bool, bool]
"""Whether a generic admissible coupling is tight; whether one that uses the code is."""


def drawn(x_name: str, z_name: str, *, sparse: bool) -> FiniteVAE:
    """A harmonium with its implied prior; sparse: each pixel, or all words, coupled to one bit of the code only."""
    rng = Random(f"{x_name} {z_name}")
    x, z = family_side(x_name), family_side(z_name)
    bordered = [odds(rng, z.width + 1) for _ in range(x.width + 1)]
    if sparse:
        one = fmpq(1)
        bordered = [tuple(o if j in (0, z.width) else one for j, o in enumerate(row)) for row in bordered]
    return harmonium(x, z, bordered, distribution(rng, x.count))


def finite(x_name: str, z_name: str, *, uniform: bool) -> Evidence:
    """Two harmoniums under the prior in question: does the posterior lie in the encoder family?"""
    found = []
    for sparse in (False, True):
        vae = drawn(x_name, z_name, sparse=sparse)
        vae = with_prior(vae, [fmpq(1)] * vae.z.count) if uniform else vae
        uses = len(set(vae.theta)) > 1
        found.append(uses and posterior_in_family(vae.joint, vae.z.statistics, vae.z.base))
    return found[0], found[1]


def documents(*, frequencies: bool) -> Evidence:
    """Documents of one or two words under the uniform prior, on counts or on frequencies."""
    code, found = family_side("bernoulli(2)"), []
    for sparse in (False, True):
        rng = Random(f"documents {sparse}")
        expW, expu = coupling(rng, 3, 2)
        used = [(a, fmpq(1)) for a, _ in expW] if sparse else expW
        vae = varying_total(rng, [logits(used, expu, z) for z in code.statistics], 2, (1, 2))
        inside = posterior_in_family(vae.joint, code.statistics, code.base)
        found.append(inside and len(set(vae.theta)) > 1 and not (frequencies and _tells_lengths_apart(vae)))
    return found[0], found[1]


def _tells_lengths_apart(vae: FiniteVAE) -> bool:
    """Whether the posterior differs between two documents of the same frequencies."""
    shares = [tuple(entry / sum(x, ZERO) for entry in x) for x in vae.x.statistics]
    seen: dict[tuple[fmpq, ...], list[fmpq]] = {}
    return any(seen.setdefault(share, row) != row for share, row in zip(shares, vae.posterior, strict=True))


def gaussian(*, standard: bool) -> Evidence:
    """``x = W z + noise`` with prior N(0, I), or with the implied one, for a generic W and for orthogonal columns."""
    found = []
    for columns in ([[1, 2], [3, -1]], [[1, 2], [2, -1]]):
        W = fmpq_mat(columns)
        if standard:
            posterior = (fmpq_mat([[1, 0], [0, 1]]) + W.transpose() * W).inv()
        else:
            height = fmpq(40)  # the joint precision [[I, -W], [-W', 40 I]] is positive definite
            rows = [[fmpq(int(i == j)) for j in range(2)] + [-W[i, j] for j in range(2)] for i in range(2)]
            rows += [[-W[i, j] for i in range(2)] + [height * (i == j) for i in range(2)] for j in range(2)]
            covariance = fmpq_mat(rows).inv().tolist()
            xx, xz = (fmpq_mat([row[part] for row in covariance[:2]]) for part in (slice(2), slice(2, 4)))
            zz = fmpq_mat([row[2:] for row in covariance[2:]])
            posterior = zz - xz.transpose() * xx.inv() * xz
        found.append(bool(posterior[0, 1] == 0))
    return found[0], found[1]


def predicted_variance() -> Evidence:
    """Scalar normal decoder with a variance: a joint with x^2 z^2, and a linear one, under the prior N(0, 1)."""
    half = fmpq(-1, 2)
    bilinear = [[ZERO, ZERO, half], [ZERO, fmpq(1), ZERO], [half, ZERO, half]]
    linear = [[ZERO, ZERO, fmpq(-1)], [ZERO, fmpq(1), ZERO], [half, ZERO, ZERO]]
    return _standard_normal(bilinear), _standard_normal(linear)


def _standard_normal(m: Sequence[Sequence[fmpq]]) -> bool:
    """Whether the implied prior ``exp(c(z) - b(z)^2/4a(z)) / sqrt(-a(z))`` of ``sum m_ij x^i z^j`` is N(0, 1).

    ``2 log p(z)/p(0) + z^2`` is a rational number plus the logarithm of one, so zero is decided in Q.
    """

    def twice_log(z: int) -> LogSum:
        c, b, a = (row[0] + row[1] * z + row[2] * z * z for row in m)
        return LogSum(2 * c - b * b / (2 * a), {-a: fmpq(-1)})

    return all((twice_log(z) - twice_log(0) + LogSum(fmpq(z * z))).is_zero for z in (1, -1, 2, 3, 5))


NORMAL = "normal(2, mean=0, variance=1)"
MODELS: dict[str, tuple[tuple[str, str, str, str], Callable[[], Evidence]]] = {
    "gaussian-vae": (("normal(2, variance=1)", "normal(2)", NORMAL, "x"), lambda: gaussian(standard=True)),
    "gaussian-vae-free-prior": (("normal(2, variance=1)", "normal(2)", "free", "x"), lambda: gaussian(standard=False)),
    "predicted-variance": (
        ("normal(1)", "normal(1)", "normal(1, mean=0, variance=1)", "x"),
        predicted_variance,
    ),
    "bernoulli-vae": (
        ("bernoulli(2)", "bernoulli(2)", "uniform", "x"),
        lambda: finite("bernoulli(2)", "bernoulli(2)", uniform=True),
    ),
    "rbm": (
        ("bernoulli(2)", "bernoulli(2)", "free", "x"),
        lambda: finite("bernoulli(2)", "bernoulli(2)", uniform=False),
    ),
    "bernoulli-mrf-vae": (
        ("bernoulli(2)", "boltzmann(1+2)", "uniform", "x"),
        lambda: finite("bernoulli(2)", "boltzmann(1+2)", uniform=True),
    ),
    "bernoulli-mrf-vae-free-prior": (
        ("bernoulli(2)", "boltzmann(1+2)", "free", "x"),
        lambda: finite("bernoulli(2)", "boltzmann(1+2)", uniform=False),
    ),
    "bernoulli-mrf-vae-two-bits": (
        ("bernoulli(2)", "boltzmann(1+1)", "uniform", "x"),
        lambda: finite("bernoulli(2)", "boltzmann(1+1)", uniform=True),
    ),
    "semantic-hashing-known-total": (
        ("multinomial(3, trials=2)", "bernoulli(2)", "free", "x"),
        lambda: finite("multinomial(3, trials=2)", "bernoulli(2)", uniform=False),
    ),
    "semantic-hashing-known-total-uniform": (
        ("multinomial(3, trials=2)", "bernoulli(2)", "uniform", "x"),
        lambda: finite("multinomial(3, trials=2)", "bernoulli(2)", uniform=True),
    ),
    "semantic-hashing-counts": (
        ("multinomial(3)", "bernoulli(2)", "uniform", "x"),
        lambda: documents(frequencies=False),
    ),
    "semantic-hashing-frequencies": (
        ("multinomial(3)", "bernoulli(2)", "uniform", "frequencies"),
        lambda: documents(frequencies=True),
    ),
}
"""By name: decoder, encoder, prior and inputs as `check` takes them, and the evidence of exact instances."""


def expected(name: str) -> str:
    generic, some = MODELS[name][1]()
    return "consistent" if generic else "constrained" if some else "collapsed"


def build(key: str) -> Instance:
    name, _, other = key.removeprefix("check/").partition(" as ")
    decoder, encoder, prior, inputs = MODELS[other or name][0]
    return {"exact": name, "decoder": decoder, "encoder": encoder, "prior": prior, "inputs": inputs}


def compared(instance: Instance) -> Verdict:
    from eftheory.check import check

    asked = {name: instance[name] for name in ("decoder", "encoder", "prior", "inputs")}
    found, exact = check(**asked).verdict, expected(instance["exact"])
    return exactly(found == exact, reason=f"derived: {found}; exact instances: {exact}")


@claim("vae-error/sec-3-1-check", instances=Instances(keys=lambda quick: [f"check/{n}" for n in MODELS], build=build))
def sec_3_1_check(instance: Instance) -> Verdict:
    """The symbolic verdict on every case of section 3.1 is that of its exact instances."""
    return compared(instance)


SWAPPED = (
    "check/semantic-hashing-counts as semantic-hashing-known-total",
    "check/semantic-hashing-frequencies as semantic-hashing-counts",
    "check/bernoulli-vae as rbm",
)


@control(
    "vae-error/sec-3-1-check",
    "another-model",
    instances=Instances(keys=lambda quick: SWAPPED, build=build),
)
def another_model(instance: Instance) -> Verdict:
    """Neighbouring models have other verdicts: total known or not, counts or frequencies, prior free or uniform."""
    return compared(instance)
