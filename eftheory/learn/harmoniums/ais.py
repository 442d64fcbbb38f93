"""Annealed importance sampling for the log-partition of a harmonium (Neal 2001; Salakhutdinov & Murray 2008).

From a base ``(0, u0, v0)``, where x and z are independent and log Z is known, along the straight line to ``(W, u, v)``:
every model on the way is a harmonium with finite mass, because the admissible set is convex (log Z is convex).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import torch
from torch import Tensor

from eftheory.errors import MisuseError
from eftheory.learn.densities.products import moment_product
from eftheory.learn.densities.seeding import seeded
from eftheory.learn.harmoniums.harmonium import Joint


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """log_partition: nats, () or (T,) for totals, as are the others. standard_error: of it, by the delta method.

    effective_samples: ``(sum w)^2 / sum w^2`` of the chains. The mean weight is unbiased, so its logarithm is too low
    on average (Jensen) and a likelihood computed with it too high; far too low when few samples are effective, and the
    standard error then does not show it.
    """

    log_partition: Tensor
    standard_error: Tensor
    effective_samples: Tensor
    chains: int
    temperatures: int


@torch.no_grad()
def ais(
    joint: Joint,
    *,
    chains: int,
    temperatures: int,
    totals: Tensor | None = None,
    base: tuple[Tensor, Tensor] | None = None,
    seed: int = 0,
) -> Estimate:
    """Estimate ``log Z`` of `joint` in float64, for each of `totals` (T,) where they vary.

    temperatures: steps from the base to the model, evenly spaced; between any two one Gibbs sweep. base: (u0, v0), the
    joint's own (u, v) unless given; `mean_bias` of the data is a good u0. All chains of all totals move together: they
    take chains x T x (n + m) numbers. Raises MisuseError for fewer than 2 chains, no step, or a base of infinite mass.
    """
    if chains < 2 or temperatures < 1:
        got = f"{chains} chains and {temperatures} steps"
        raise MisuseError(wanted="at least 2 chains and 1 step", got=got, do="raise them")
    if (totals is not None) != joint.decoder.needs_total:
        got = f"{'totals' if totals is not None else 'none'} for {joint.decoder.family}"
        raise MisuseError(wanted="totals exactly where they vary", got=got, do="pass totals= or leave it out")
    path = _Path.between(joint.double().detached(), base)
    start = path.log_partition(totals)
    if not bool(torch.isfinite(start).all()):
        do = "pass base=(u0, v0) in the natural domains"
        raise MisuseError(wanted="a base of finite mass", got="(u0, v0) outside a natural domain", do=do)
    count = 1 if totals is None else len(totals)
    each = None if totals is None else totals.to(joint.u.device, torch.float64).repeat(chains)
    betas = torch.linspace(0.0, 1.0, temperatures + 1, dtype=torch.float64).tolist()
    with seeded(seed, joint.u.device):
        x = path.first(chains * count, each)
        log_weights = torch.zeros(len(x), dtype=torch.float64, device=x.device)
        for low, high in pairwise(betas):
            terms = path.terms(x)
            log_weights += path.log_weight(terms, high) - path.log_weight(terms, low)
            if high < 1.0:
                x = path.sweep(terms, high, each)
    log_weights = log_weights.reshape(chains, count) + start
    return _estimate(log_weights if totals is not None else log_weights[:, 0], temperatures)


@dataclass(frozen=True, eq=False)
class _Path:
    """The models between the base, ``beta = 0``, and the joint, ``beta = 1``."""

    end: Joint
    u: Tensor
    v: Tensor

    @classmethod
    def between(cls, end: Joint, base: tuple[Tensor, Tensor] | None) -> _Path:
        u, v = (end.u, end.v) if base is None else (part.detach().to(end.u) for part in base)
        if u.shape != end.u.shape or v.shape != end.v.shape:
            got = f"{tuple(u.shape)} and {tuple(v.shape)}"
            wanted = f"a base of shapes {tuple(end.u.shape)} and {tuple(end.v.shape)}"
            raise MisuseError(wanted=wanted, got=got, do="match the harmonium")
        return cls(end, u, v)

    def at(self, beta: float) -> Joint:
        end = self.end
        u, v = (1 - beta) * self.u + beta * end.u, (1 - beta) * self.v + beta * end.v
        return replace(end, W=beta * end.W, u=u, v=v)

    def log_partition(self, totals: Tensor | None) -> Tensor:
        """Of the base: ``A(u0) + B(v0)``, () or (T,)."""
        latent = self.end.encoder.log_partition(self.v)
        if totals is None:
            return latent + self.end.decoder.log_partition(self.u)
        return latent + self.end.decoder.log_partition(self.u, totals.to(self.u))

    def first(self, count: int, totals: Tensor | None) -> Tensor:
        """(count, D): draws from the base."""
        eta = self.u.expand(count, -1)
        return self.end.decoder.sample(eta) if totals is None else self.end.decoder.sample(eta, totals)

    def terms(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """``nu(x) W``, ``u'nu(x)``, ``u0'nu(x)``: what every temperature shares; the base measure cancels."""
        columns = torch.cat([self.end.W, self.end.u[:, None], self.u[:, None]], 1)
        product = moment_product(self.end.decoder, x, columns)
        return product[:, :-2], product[:, -2], product[:, -1]

    def posterior(self, terms: tuple[Tensor, Tensor, Tensor], beta: float) -> Tensor:
        return beta * (terms[0] + self.end.v) + (1 - beta) * self.v

    def log_weight(self, terms: tuple[Tensor, Tensor, Tensor], beta: float) -> Tensor:
        """``log sum_z p~_beta(x, z) - log h(x)``, (chains)."""
        latent = self.end.encoder.log_partition(self.posterior(terms, beta))
        return beta * terms[1] + (1 - beta) * terms[2] + latent

    def sweep(self, terms: tuple[Tensor, Tensor, Tensor], beta: float, totals: Tensor | None) -> Tensor:
        """x after a Gibbs sweep that leaves the model at beta as it is."""
        z = self.end.encoder.sample(self.posterior(terms, beta))
        return self.at(beta).visible(z, totals)


def _estimate(log_weights: Tensor, temperatures: int) -> Estimate:
    """From (chains) or (chains, T) log-weights; shifted by the largest, so that no weight overflows."""
    chains = len(log_weights)
    largest = log_weights.amax(0)
    weights = (log_weights - largest).exp()
    mean = weights.mean(0)
    return Estimate(
        log_partition=largest + mean.log(),
        standard_error=weights.std(0) / (mean * chains**0.5),
        effective_samples=weights.sum(0).square() / weights.square().sum(0),
        chains=chains,
        temperatures=temperatures,
    )
