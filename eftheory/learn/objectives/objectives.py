"""What is maximised: each a function of a model and rows x, one number of nats for each row, (N,).

``ELBO = E_q log p(x|z) - KL(q(z|x) || p(z))`` (vae-error eq. 1); ``L_S`` is the multi-sample bound (IWAE);
`log_evidence` is the likelihood itself, by enumeration.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from eftheory.errors import MisuseError
from eftheory.learn.config import Phase
from eftheory.learn.densities.products import Rows
from eftheory.learn.models.model import VAE
from eftheory.learn.objectives import analytic, estimators

Objective = Callable[[VAE, Rows], Tensor]


def log_evidence(model: VAE, x: Rows) -> Tensor:
    """``log p(x) = log sum_z p(z) p(x|z)``, finite latents."""
    return (model.table(x) + model.log_prior(model.latents())).logsumexp(-1)


def elbo_exact(model: VAE, x: Rows) -> Tensor:
    """The ELBO with ``E_q`` a finite sum."""
    codes, eta = model.latents(), model.encode(x)
    log_q = eta_table(model, eta)
    return (log_q.exp() * (model.table(x) + model.log_prior(codes) - log_q)).sum(-1)


def eta_table(model: VAE, eta: Tensor) -> Tensor:
    """``log q(z|x)`` for every z, (N, K), from the encoder's natural parameters (N, m)."""
    codes, encoder = model.latents(), model.encoder
    return eta @ encoder.statistics(codes).T + encoder.log_base(codes) - encoder.log_partition(eta)[:, None]


def elbo_analytic(model: VAE, x: Rows) -> Tensor:
    """The ELBO with ``E_q log p(x|z)`` in closed form (`analytic`, beside this file), which needs a linear decoder."""
    eta = model.encode(x)
    return analytic.expected_log_likelihood(model, x, eta) - kl_to_prior(model, eta)


def elbo_reparameterised(model: VAE, x: Rows, samples: int) -> Tensor:
    """The ELBO with z a differentiable function of noise and the encoder's raw parameters."""
    raw, encoder = model.encode_raw(x), model.encoder
    z = encoder.rsample_raw(raw if samples == 1 else raw.expand(samples, *raw.shape))
    likelihood = model.log_likelihood(x, z)
    prior = model.prior.eta
    if prior is not None:
        value = likelihood - encoder.kl_raw(raw, prior)
    else:
        value = likelihood + model.log_prior(z) - encoder.log_prob(z, encoder.natural(raw))
    return value if samples == 1 else value.mean(0)


def elbo_discrete(model: VAE, x: Rows, estimator: str, samples: int) -> Tensor:
    """The ELBO with ARM, DisARM or REINFORCE leave-one-out for the gradient in the encoder."""
    eta = model.encode(x)
    encoder = model.encoder
    prior = model.prior.eta
    if prior is not None:  # KL in closed form; only the reconstruction is sampled

        def value(z: Tensor) -> Tensor:
            return model.log_likelihood(x, z)

        rest = -encoder.kl(eta, prior)
    else:
        fixed = eta.detach()  # E_q of the score is zero: -log q(z|x) inside needs no gradient of its own

        def value(z: Tensor) -> Tensor:
            return model.log_likelihood(x, z) + model.log_prior(z) - encoder.log_prob(z, fixed)

        rest = torch.zeros((), device=eta.device, dtype=eta.dtype)
    if estimator == "reinforce-loo":
        estimate = estimators.reinforce_loo(encoder, eta, value, samples)
    else:
        _refuse_unless_bits(model, estimator)
        estimate = {"arm": estimators.arm, "disarm": estimators.disarm}[estimator](eta, value, samples)
    return estimate.differentiable() + rest


def iwae(model: VAE, x: Rows, samples: int) -> Tensor:
    """``log 1/S sum_s p(x, z_s) / q(z_s|x)``, reparameterised. Burda et al. (2016), eq. 8."""
    eta = model.encode(x)
    z = model.encoder.rsample(eta.expand(samples, *eta.shape))
    weights = model.log_likelihood(x, z) + model.log_prior(z) - model.encoder.log_prob(z, eta)
    return weights.logsumexp(0) - math.log(samples)


def conditional(model: VAE, x: Rows) -> Tensor:
    """``log q(z|x)`` on pairs drawn from the model itself; of x only the number of rows is used."""
    if model.decoder.needs_total:
        got, do = f"{model.decoder.family}", "fix it, as in multinomial(20, trials=5), or take the objective elbo"
        raise MisuseError(wanted="a decoder of known total for the objective conditional", got=got, do=do)
    with torch.no_grad():
        observed, z = model.sample(len(x))
    return model.encoder.log_prob(z, model.encode(observed))


def kl_to_prior(model: VAE, eta: Tensor) -> Tensor:
    """``KL(q || p(z))`` in closed form, (N,). Raises MisuseError for a prior outside the encoder family."""
    prior = model.prior.eta
    if prior is None:
        got = f"encoder {model.encoder.family}"
        do = "take the exact estimator, or one that samples"
        raise MisuseError(wanted="a prior in the encoder family for a closed-form KL", got=got, do=do)
    return model.encoder.kl(eta, prior)


def _refuse_unless_bits(model: VAE, estimator: str) -> None:
    if not model.encoder.independent_bits:
        got = f"{model.encoder.family}"
        raise MisuseError(wanted=f"independent bits for {estimator}", got=got, do="take reinforce-loo or exact")


def objective_of(phase: Phase, seed: int = 0) -> Objective:
    """The function that a phase maximises. seed: of what an objective learns itself (infovae's discriminator).

    Raises MisuseError for an estimator that its objective cannot use.
    """
    if phase.objective == "infovae":
        from eftheory.learn.objectives.infovae import InfoVAE

        return InfoVAE(phase, seed)
    samples = phase.samples
    if phase.objective == "likelihood":
        _wants(phase, "exact")
        return log_evidence
    if phase.objective == "conditional":
        return conditional
    if phase.objective == "iwae":
        _wants(phase, "reparameterised")
        return lambda model, x: iwae(model, x, samples)
    if phase.estimator == "exact":
        return elbo_exact
    if phase.estimator == "analytic":
        return elbo_analytic
    if phase.estimator == "reparameterised":
        return lambda model, x: elbo_reparameterised(model, x, samples)
    return lambda model, x: elbo_discrete(model, x, phase.estimator, samples)


def _wants(phase: Phase, estimator: str) -> None:
    if phase.estimator != estimator:
        wanted = f"estimator {estimator!r} for the objective {phase.objective}"
        raise MisuseError(wanted=wanted, got=repr(phase.estimator), do=f"write estimator = {estimator!r}")
