"""InfoVAE: ``E_q log p(x|z) - (1 - alpha) KL(q(z|x) || p(z)) - (alpha + lambda - 1) D(q(z) || p(z))`` (infovae, eq. 6).

alpha = 0, lambda = 1: the ELBO; alpha + lambda = 1: beta-VAE with beta = 1 - alpha; alpha = lambda = 1 with the
adversarial divergence: the adversarial autoencoder. Where a weight is zero its term is left out, with its draws.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any, final

import torch
from torch import Tensor

from eftheory.analytic.infovae import admissible
from eftheory.errors import MisuseError
from eftheory.learn.config import Phase, TrainConfig
from eftheory.learn.densities.products import Rows
from eftheory.learn.models.model import VAE
from eftheory.learn.objectives import divergences
from eftheory.learn.objectives.adversary import Adversary


@final
class InfoVAE:
    """The objective of a phase: a function of a model and rows x, (N,) nats; D, of the whole batch, is in every entry.

    Finite latents (estimator ``exact``): everything is a finite sum, the aggregate is that of the batch, and
    ``adversarial`` is Jensen-Shannon itself, the value at the best discriminator. Normal latents (``reparameterised``):
    D from the draws of the batch, S N of them, and as many of the prior; MMD without bias for draws that are
    independent. Raises MisuseError: a hypothesis of Proposition 2 that fails without ``force`` (`broken_hypothesis`),
    other estimators, ``stein`` without a score, draws of a learned prior.
    """

    def __init__(self, phase: Phase, seed: int = 0) -> None:
        reason = broken_hypothesis(phase)
        if reason is not None and not phase.force:
            wanted, do = "weights and a divergence within the hypotheses of InfoVAE", "change them, or set force = true"
            raise MisuseError(wanted=wanted, got=reason, do=f"{do} (train --force), which is recorded in the result")
        if phase.estimator not in ("exact", "reparameterised"):
            wanted, do = "estimator 'exact' or 'reparameterised' for infovae", "take the one that fits the latents"
            raise MisuseError(wanted=wanted, got=repr(phase.estimator), do=do)
        if phase.estimator == "exact" and phase.divergence == "stein" and divergence_weight(phase):
            got, do = "finite latents", "take kl or mmd"
            raise MisuseError(wanted="latents with a score, grad log p(z), for stein", got=got, do=do)
        self.phase, self.weight = phase, divergence_weight(phase)
        adversarial = phase.divergence == "adversarial" and phase.estimator != "exact" and self.weight != 0.0
        self.adversary = Adversary(learning_rate=phase.learning_rate, seed=seed) if adversarial else None

    def __call__(self, model: VAE, x: Rows) -> Tensor:
        return self._exact(model, x) if self.phase.estimator == "exact" else self._drawn(model, x)

    def state_dict(self) -> dict[str, Any]:
        """What it has learned itself: the discriminator, or nothing."""
        return {} if self.adversary is None else self.adversary.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        if self.adversary is not None:
            self.adversary.load_state_dict(state)

    def _exact(self, model: VAE, x: Rows) -> Tensor:
        codes, encoder, eta = model.latents(), model.encoder, model.encode(x)
        log_q = eta @ encoder.statistics(codes).T + encoder.log_base(codes) - encoder.log_partition(eta)[:, None]
        log_p, q = model.log_prior(codes), log_q.exp()
        value = (q * model.table(x)).sum(-1)
        if self.phase.alpha != 1.0:
            value = value - (1.0 - self.phase.alpha) * (q * (log_q - log_p)).sum(-1)
        if self.weight == 0.0:
            return value
        return value - self.weight * self._finite(divergences.aggregate(log_q), log_p, codes)

    def _finite(self, log_q: Tensor, log_p: Tensor, codes: Tensor) -> Tensor:
        if self.phase.divergence == "kl":
            return divergences.kl_finite(log_q, log_p)
        if self.phase.divergence == "adversarial":
            return divergences.js_finite(log_q, log_p)
        return divergences.mmd_finite(log_q, log_p, codes, kernel=self.phase.kernel)

    def _drawn(self, model: VAE, x: Rows) -> Tensor:
        raw, encoder, samples = model.encode_raw(x), model.encoder, self.phase.samples
        z = encoder.rsample_raw(raw if samples == 1 else raw.expand(samples, *raw.shape))
        value = model.log_likelihood(x, z)
        if self.phase.alpha != 1.0:
            prior = model.prior.eta
            own = encoder.kl_raw(raw, prior) if prior is not None else _log_ratio(model, raw, z)
            value = value - (1.0 - self.phase.alpha) * own
        value = value if samples == 1 else value.mean(0)
        if self.weight == 0.0:
            return value
        return value - self.weight * self._sampled(model, raw, z.flatten(0, -2))

    def _sampled(self, model: VAE, raw: Tensor, z: Tensor) -> Tensor:
        """D from draws z (M, L) of the aggregate."""
        if self.phase.divergence == "kl":
            pairs = model.encoder.log_prob(z[:, None, :], model.encoder.natural(raw))
            return divergences.kl_minibatch(pairs, model.log_prior(z))
        _refuse_learned(model, self.phase.divergence)
        if self.phase.divergence == "stein":
            return divergences.stein_surrogate(z, score(model, z), kernel=self.phase.kernel)
        prior = model.prior.sample(len(z), model)
        if self.adversary is not None:
            return self.adversary.divergence(z, prior)
        return divergences.mmd(z, prior, kernel=self.phase.kernel)


def divergence_weight(phase: Phase) -> float:
    """``alpha + lambda - 1``, the weight of D(q(z) || p(z)), of the decimals as they are written: -0.7 + 1.7 is 1."""
    return float(Fraction(str(phase.alpha)) + Fraction(str(phase.weight)) - 1)


def broken_hypothesis(phase: Phase) -> str | None:
    """Why the optimum at fixed mutual information need not match q(z) and p(z), or None (infovae, proposition 2)."""
    if phase.objective != "infovae":
        return None
    reason = admissible(phase.alpha, phase.weight, phase.divergence)
    compared = phase.divergence in ("mmd", "stein") and divergence_weight(phase) != 0.0
    if reason is None and compared and phase.kernel == "polynomial":
        return f"{phase.divergence} with a polynomial kernel is not strict: it compares finitely many moments"
    return reason


def forced(config: TrainConfig) -> dict[str, str]:
    """Phase -> the hypothesis that fails there, of what was trained all the same because of ``force``."""
    reasons = {phase.name or str(number): broken_hypothesis(phase) for number, phase in enumerate(config.phases)}
    return {name: reason for name, reason in reasons.items() if reason is not None}


def score(model: VAE, z: Tensor) -> Tensor:
    """``grad log p(z)``, like z, of the prior."""
    with torch.enable_grad():
        here = z.detach().requires_grad_()
        (slope,) = torch.autograd.grad(model.log_prior(here).sum(), here)
    return slope


def _log_ratio(model: VAE, raw: Tensor, z: Tensor) -> Tensor:
    """``log q(z|x) - log p(z)`` at the draws: KL where the prior is outside the encoder's family."""
    return model.encoder.log_prob(z, model.encoder.natural(raw)) - model.log_prior(z)


def _refuse_learned(model: VAE, divergence: str) -> None:
    """Draws of the prior carry no gradient to its parameters."""
    if any(True for _ in model.prior.parameters()):
        got, do = f"a learned prior with {divergence}", "fix the prior, or take divergence kl"
        raise MisuseError(wanted="a prior without parameters for a divergence from draws", got=got, do=do)
