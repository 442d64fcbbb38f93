"""Normal equations that fall apart into one block for each unit of the decoder family.

A unit (copy) with s statistics has coefficients ``theta`` (s, m + 1): its natural parameters are
``theta (psi(z), 1)``. All units together: (copies, s, m + 1).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from eftheory.errors import MisuseError
from eftheory.learn.densities.density import Density

LARGEST = 256
"""Coefficients of one unit, at most, for which the block is formed."""


@dataclass(frozen=True)
class Unit:
    """One unit of a decoder family. copies, size: how many there are, and the statistics s of each.

    total: |x| where the normaliser depends on it, the same for all.
    """

    density: Density
    copies: int
    size: int
    total: Tensor | None = None

    @staticmethod
    def of(decoder: Density, total: Tensor | None = None) -> Unit:
        single = decoder if decoder.copies == 1 else Density(replace(decoder.family, copies=1))
        return Unit(single, decoder.copies, single.natural_width, total)

    def split(self, eta: Tensor) -> Tensor:
        """(c, n) as (c, copies, s)."""
        return eta.unflatten(-1, (self.copies, self.size))

    def affine(self, theta: Tensor, bordered: Tensor) -> Tensor:
        """Natural parameters (c, n) from theta (copies, s, m + 1) and (psi, 1), (c, m + 1)."""
        return bordered @ theta.flatten(0, 1).T

    def matrix(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        """W (n, m) and u (n)."""
        flat = theta.flatten(0, 1)
        return flat[:, :-1], flat[:, -1]

    def theta(self, W: Tensor, u: Tensor) -> Tensor:
        """The inverse of `matrix`."""
        return torch.cat([W, u[:, None]], 1).unflatten(0, (self.copies, self.size))

    def mean(self, eta: Tensor) -> Tensor:
        """``E nu``, (c, n)."""
        return self.density.mean(self.split(eta), self.total).flatten(-2)

    def log_partition(self, eta: Tensor) -> Tensor:
        """A of each unit, (c, copies), nats."""
        return self.density.log_partition(self.split(eta), self.total)

    def covariance(self, eta: Tensor) -> Tensor:
        """``Cov nu`` of each unit, (c, copies, s, s): the derivative of the mean."""
        with torch.enable_grad():
            units = self.split(eta.detach()).requires_grad_()
            mean = self.density.mean(units, self.total)
            rows = [
                torch.autograd.grad(mean[..., place].sum(), units, retain_graph=place + 1 < self.size)[0]
                for place in range(self.size)
            ]
        return torch.stack(rows, -2)

    def square(self, at: Tensor, difference: Tensor) -> Tensor:
        """``||difference||^2`` in the Fisher metric at natural parameters `at`, (c,)."""
        parts = self.split(difference)
        return torch.einsum("cka,ckab,ckb->c", parts, self.covariance(at), parts)


@dataclass
class FisherSums:
    """``H = E_mu [M(z) (x) psib psib']`` and ``r = E_mu [M(z) target(z) (x) psib]`` for each unit, summed in blocks."""

    unit: Unit
    width: int
    hessian: Tensor = field(init=False)
    right: Tensor = field(init=False)

    def __post_init__(self) -> None:
        side = self.unit.size * self.width
        if side > LARGEST:
            got = f"{self.unit.density.family} with {side} coefficients"
            do = "take the identity metric"
            raise MisuseError(wanted=f"units of at most {LARGEST} coefficients", got=got, do=do)
        shape = (self.unit.copies, self.unit.size, self.unit.size, self.width, self.width)
        self.hessian = torch.zeros(shape, dtype=torch.float64)
        self.right = torch.zeros(self.unit.copies, self.unit.size, self.width, dtype=torch.float64)

    def add(self, weights: Tensor, bordered: Tensor, at: Tensor, target: Tensor | None) -> None:
        """Codes with these weights (c,), (psi, 1), and natural parameters `at` (c, n), where the metric is taken."""
        metric = self.unit.covariance(at) * weights[:, None, None, None]
        products = (bordered[:, :, None] * bordered[:, None, :]).flatten(1)
        self.hessian += (metric.flatten(1).T @ products).unflatten(1, (self.width, self.width)).view_as(self.hessian)
        if target is not None:
            pulled = torch.einsum("ckab,ckb->cka", metric, self.unit.split(target))
            self.right += (pulled.flatten(1).T @ bordered).view_as(self.right)

    def matrices(self) -> Tensor:
        """H, (copies, s (m + 1), s (m + 1))."""
        return self.hessian.transpose(2, 3).flatten(1, 2).flatten(-2)

    def inverse(self) -> tuple[Tensor, int]:
        """The pseudo-inverse of H, (copies, s (m + 1), s (m + 1)), and the smallest rank of a block."""
        H = self.matrices()
        values, basis = torch.linalg.eigh(H)
        kept = values > H.shape[-1] * torch.finfo(H.dtype).eps * values[:, -1:].clamp(min=0.0)
        inverse = torch.where(kept, 1.0 / values.where(kept, torch.ones_like(values)), torch.zeros_like(values))
        return (basis * inverse[:, None, :]) @ basis.mT, int(kept.sum(-1).min())

    def solve(self, right: Tensor | None = None) -> tuple[Tensor, int]:
        """The solution of smallest norm, (copies, s, m + 1), and the smallest rank of a block."""
        inverse, rank = self.inverse()
        vectors = (self.right if right is None else right).flatten(1)
        return (inverse @ vectors[..., None])[..., 0].unflatten(1, (self.unit.size, self.width)), rank
