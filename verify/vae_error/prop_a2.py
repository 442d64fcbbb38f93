r"""Proposition A.2: an eps-tight VAE has nearly the log-probabilities of its encoder; a ladder of bounds on R_z.

For finite X and Z, ``alpha > 0`` below every q(z|x) and p(z|x), and gap ``eps = E_pd KL(q(.|x) || p(.|x))``,

    R_z = E_pd (log p(z|x) - log q(z|x))^2  <=  bound(eps, alpha, K),        K = |Z|, for every z.

The bounds are those of `eftheory.bounds`, each with a sketch of its proof there. The paper's is *partition*; *trivial*
and *pinsker* are elementary; *linear* and *envelope* are new and sharp: the constant of *linear* is optimal as
eps -> 0, and no bound that depends on (eps, alpha, K) only is below *envelope*.

Reference: Shekhovtsov, Schlesinger, Flach, VAE Approximation Error (ICLR 2022), Proposition A.2.
"""

from collections.abc import Mapping
from typing import Any

from eftheory import bounds
from eftheory.claims import claim, control
from eftheory.claims.definitions import where
from eftheory.exact.arithmetic import Arithmetic, Number
from eftheory.exact.finite import FiniteVAE
from eftheory.exact.side import to_rational
from eftheory.verdict import Verdict

from ._ladder import (
    BINARY,
    GIVEN,
    LINE,
    POSTERIOR_ONLY,
    RESIDUAL,
    STATES,
    Bound,
    carried_alpha,
    carried_line,
    decide,
    envelope,
    linear,
    linear_of_smallest,
    linear_shortened,
    partition,
    partition_envelope,
    partition_halved,
    partition_of_gap,
    pinsker,
    posterior_alpha,
    residual,
    suite,
    trivial,
    with_line,
)

QUANTITIES = ("gap", RESIDUAL)


def below(bound: str) -> str:
    return f"all(R(z) <= {bound} for z in each(prior))"


def stated(relation: str, *, given: tuple[str, ...] = GIVEN, own: tuple[str, ...] = ()) -> dict[str, Any]:
    """What a claim says, as the decorators want it."""
    definitions = where(relation, *given, *QUANTITIES, own=own)
    return {"where": definitions, "given": given, "relation": relation, "quantities": QUANTITIES}


def on_ladder(label: str, bound: Bound, **options: Any) -> Any:
    return suite(label, residual, bound, **options).instances()


@claim(
    "vae-error/prop-a2-trivial",
    instances=on_ladder("a2-trivial", trivial),
    **stated(below("log((1 - (states - 1)*alpha)/alpha)**2"), own=(STATES,)),
)
def prop_a2_trivial(instance: Mapping[str, Any]) -> Verdict:
    r"""R_z <= log^2((1 - (K-1) alpha)/alpha): both probabilities lie in [alpha, 1 - (K-1) alpha]."""
    return decide(instance, residual, trivial, RESIDUAL)


def one_state_more(vae: FiniteVAE, on: Arithmetic) -> Number:
    ends = on.log((1 - vae.z.count * on.number(vae.alpha)) / on.number(vae.alpha))
    return ends * ends


@control(
    "vae-error/prop-a2-trivial",
    "one-state-more",
    instances=on_ladder("a2-trivial-control", trivial, random=(0, 0)),
    **stated(below("log((1 - states*alpha)/alpha)**2"), own=(STATES,)),
)
def prop_a2_trivial_one_state_more(instance: Mapping[str, Any]) -> Verdict:
    r"""R_z <= log^2((1 - K alpha)/alpha)."""
    return decide(instance, residual, one_state_more, RESIDUAL)


@claim("vae-error/prop-a2-pinsker", instances=on_ladder("a2-pinsker", pinsker), **stated(below("gap/(2*alpha**2)")))
def prop_a2_pinsker(instance: Mapping[str, Any]) -> Verdict:
    r"""R_z <= eps/(2 alpha^2), by Pinsker's inequality."""
    return decide(instance, residual, pinsker, RESIDUAL)


@control(
    "vae-error/prop-a2-pinsker",
    "wrong-exponent",
    instances=on_ladder("a2-pinsker-exponent", linear, random=(40, 40)),
    **stated(below("gap/(2*alpha)")),
)
def prop_a2_pinsker_wrong_exponent(instance: Mapping[str, Any]) -> Verdict:
    r"""R_z <= eps/(2 alpha)."""
    return decide(instance, residual, lambda vae, on: vae.gap(on) / (2 * on.number(vae.alpha)), RESIDUAL)


@control(
    "vae-error/prop-a2-pinsker",
    "smaller-constant",
    instances=on_ladder("a2-pinsker-constant", pinsker, random=(0, 0)),
    **stated(below("gap/(2.1*alpha**2)")),
)
def prop_a2_pinsker_smaller_constant(instance: Mapping[str, Any]) -> Verdict:
    r"""R_z <= eps/(2.1 alpha^2)."""
    return decide(instance, residual, lambda vae, on: on.number(to_rational("20/21")) * pinsker(vae, on), RESIDUAL)


PARTITION = "log(1 + t) + t/(exp(1) - 1)"


@claim(
    "vae-error/prop-a2-partition",
    instances=on_ladder("a2-partition", partition),
    **stated(below(PARTITION), own=("t = sqrt(2*gap)/alpha",)),
)
def prop_a2_partition(instance: Mapping[str, Any]) -> Verdict:
    r"""R_z <= log(1+t) + t/(e-1) with t = sqrt(2 eps)/alpha, the paper's bound."""
    return decide(instance, residual, partition, RESIDUAL)


@control(
    "vae-error/prop-a2-partition",
    "wrong-exponent",
    instances=on_ladder("a2-partition-exponent", linear, random=(40, 40)),
    **stated(below(PARTITION), own=("t = gap/alpha",)),
)
def prop_a2_partition_wrong_exponent(instance: Mapping[str, Any]) -> Verdict:
    r"""The paper's bound with t = eps/alpha in place of sqrt(2 eps)/alpha."""
    return decide(instance, residual, partition_of_gap, RESIDUAL)


@claim(
    "vae-error/prop-a2-partition-halved",
    instances=on_ladder("a2-partition-halved", partition_halved),
    **stated(below(PARTITION), own=("t = sqrt(gap/2)/alpha",)),
)
def prop_a2_partition_halved(instance: Mapping[str, Any]) -> Verdict:
    r"""The paper's bound with t = sqrt(eps/2)/alpha: for one z the total variation takes the place of the l1 norm."""
    return decide(instance, residual, partition_halved, RESIDUAL)


def quartered(vae: FiniteVAE, on: Arithmetic) -> Number:
    return bounds.partition(vae.gap(on) / 4, vae.alpha, halved=True, on=on)


@control(
    "vae-error/prop-a2-partition-halved",
    "quartered",
    instances=on_ladder("a2-partition-quartered", quartered, random=(0, 0)),
    **stated(below(PARTITION), own=("t = sqrt(gap/8)/alpha",)),
)
def prop_a2_partition_quartered(instance: Mapping[str, Any]) -> Verdict:
    r"""The paper's bound with t = sqrt(eps/8)/alpha."""
    return decide(instance, residual, quartered, RESIDUAL)


@claim(
    "vae-error/prop-a2-partition-envelope",
    instances=on_ladder("a2-partition-envelope", partition_envelope),
    **stated(below("min(0.6477*s, log(1 + max(s, 4))**2)"), own=("s = sqrt(gap/2)/alpha",)),
)
def prop_a2_partition_envelope(instance: Mapping[str, Any]) -> Verdict:
    r"""R_z <= the concave envelope of log^2(1+s) at s = sqrt(eps/2)/alpha: the same route without loss."""
    return decide(instance, residual, partition_envelope, RESIDUAL)


def halfway(vae: FiniteVAE, on: Arithmetic) -> Number:
    return bounds.partition_envelope(vae.gap(on) / 4, vae.alpha, on=on)


@control(
    "vae-error/prop-a2-partition-envelope",
    "quartered",
    instances=on_ladder("a2-partition-envelope-control", halfway, random=(0, 0)),
    **stated(below("min(0.6477*s, log(1 + max(s, 4))**2)"), own=("s = sqrt(gap/8)/alpha",)),
)
def prop_a2_partition_envelope_quartered(instance: Mapping[str, Any]) -> Verdict:
    r"""The same with s = sqrt(eps/8)/alpha."""
    return decide(instance, residual, halfway, RESIDUAL)


@claim(
    "vae-error/prop-a2-linear",
    instances=on_ladder("a2-linear", linear),
    **stated(below("2*(1 - alpha)/alpha*gap")),
)
def prop_a2_linear(instance: Mapping[str, Any]) -> Verdict:
    r"""R_z <= 2 (1 - alpha)/alpha eps: order 1/alpha, with the optimal constant as eps -> 0 (new)."""
    return decide(instance, residual, linear, RESIDUAL)


@control(
    "vae-error/prop-a2-linear",
    "smaller-constant",
    instances=on_ladder("a2-linear-constant", linear, random=(0, 0)),
    **stated(below("1.99*(1 - alpha)/alpha*gap")),
)
def prop_a2_linear_smaller_constant(instance: Mapping[str, Any]) -> Verdict:
    r"""R_z <= 1.99 (1 - alpha)/alpha eps."""
    return decide(instance, residual, linear_shortened, RESIDUAL)


@control(
    "vae-error/prop-a2-linear",
    "minimum-for-expectation",
    instances=on_ladder("a2-linear-minimum", linear, random=(40, 40)),
    **stated(below("2*(1 - alpha)/alpha*min(kl(x) for x in each(pd))")),
)
def prop_a2_linear_minimum(instance: Mapping[str, Any]) -> Verdict:
    r"""The same with the smallest divergence of any x in place of its expectation."""
    return decide(instance, residual, linear_of_smallest, RESIDUAL)


@control(
    "vae-error/prop-a2-linear",
    "encoder-below-alpha",
    instances=on_ladder("a2-linear-encoder", linear, random=(200, 200), fields=posterior_alpha),
    **stated(below("2*(1 - alpha)/alpha*gap"), given=POSTERIOR_ONLY),
)
def prop_a2_linear_encoder_below_alpha(instance: Mapping[str, Any]) -> Verdict:
    r"""The same where alpha bounds the posterior only and the encoder may be smaller."""
    return decide(instance, residual, carried_alpha(instance), RESIDUAL)


@claim(
    "vae-error/prop-a2-envelope",
    instances=on_ladder("a2-envelope", envelope, fields=with_line, random=(30, 300)),
    **stated(below("slope*gap + height"), given=(*GIVEN, *LINE), own=BINARY),
)
def prop_a2_envelope(instance: Mapping[str, Any]) -> Verdict:
    r"""R_z <= the concave envelope at eps of max{log^2(q/p): kl(q,p) <= t}, p and q within alpha (new)."""
    return decide(instance, residual, carried_line(instance), RESIDUAL)


@control(
    "vae-error/prop-a2-envelope",
    "two-percent-lower",
    instances=on_ladder("a2-envelope-control", envelope, fields=with_line, random=(0, 0)),
    **stated(below("0.98*(slope*gap + height)"), given=(*GIVEN, *LINE), own=BINARY),
)
def prop_a2_envelope_lower(instance: Mapping[str, Any]) -> Verdict:
    r"""The same, two per cent lower."""
    return decide(instance, residual, carried_line(instance, "49/50"), RESIDUAL)
