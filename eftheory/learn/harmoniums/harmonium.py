"""An exponential-family harmonium in torch: the members of the consistent set as models (theory: section 2, eq. 7).

``log p~(x, z) = log h(x) + log k(z) + nu(x)' W psi(z) + u' nu(x) + v' psi(z)``; one side summed out in closed form,
the other by enumeration where it is finite. Restricted Boltzmann machines and multinomial-Bernoulli RBMs are members.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from eftheory.errors import MisuseError
from eftheory.learn.densities.density import Density
from eftheory.learn.densities.products import Rows, moment_product, partitions

ENUMERABLE = 2**20
"""Sides up to this many points are summed one by one."""
MEMORY = 2**30
"""Bytes that one block of an enumeration may take, about."""
SMALL = 2**10
"""Points of a block whose intermediate results are kept for the gradient."""


@dataclass(frozen=True, eq=False)
class Joint:
    """W: (n, m), u: (n), v: (m), of one dtype; every method is differentiable in them.

    Where the decoder's total varies (counts), everything is conditional on it: x carries it, or `totals` gives it.
    """

    decoder: Density
    encoder: Density
    W: Tensor
    u: Tensor
    v: Tensor

    @property
    def finite(self) -> bool:
        """Whether one side has few enough points to be enumerated."""
        return min(_count(self.decoder), _count(self.encoder)) <= ENUMERABLE

    def double(self) -> Joint:
        """The same in float64; gradients flow back."""
        return replace(self, W=self.W.double(), u=self.u.double(), v=self.v.double())

    def detached(self) -> Joint:
        """The same numbers without gradients."""
        return replace(self, W=self.W.detach(), u=self.u.detach(), v=self.v.detach())

    def encode(self, x: Rows) -> Tensor:
        """``W' nu(x) + v``, the posterior's natural parameters (eq. 6), (N, m)."""
        return moment_product(self.decoder, x, self.W) + self.v

    def decode(self, z: Tensor) -> Tensor:
        """``W psi(z) + u``, the decoder's natural parameters (eq. 5), (..., n)."""
        return self.encoder.statistics(z) @ self.W.T + self.u

    def free_energy(self, x: Rows) -> Tensor:
        """``-log sum_z p~(x, z) = -log h(x) - u'nu(x) - B(W' nu(x) + v)``, (N,), nats."""
        bias = moment_product(self.decoder, x, self.u[:, None])[:, 0]
        return -(self.decoder.log_base(x) + bias + self.encoder.log_partition(self.encode(x)))

    def log_latent_weight(self, z: Tensor, totals: Tensor | None = None) -> Tensor:
        """``log sum_x p~(x, z) = log k(z) + v'psi(z) + A(W psi(z) + u)``: (c,) of z (c, L), or (T, c) for totals (T,).

        Minus log Z this is the implied log-prior.
        """
        weight = self.encoder.log_base(z) + self.encoder.statistics(z) @ self.v
        return weight + partitions(self.decoder, self.decode(z), totals)

    def log_partition(self, totals: Tensor | None = None, *, memory: int = MEMORY) -> Tensor:
        """``log Z``, nats, in float64, by enumerating the smaller finite side: (), or (T,) for totals (T,).

        memory: bytes for a block. Raises MisuseError when neither side has at most `ENUMERABLE` points.
        """
        if (totals is not None) != self.decoder.needs_total:
            got = f"{'totals' if totals is not None else 'none'} for {self.decoder.family}"
            raise MisuseError(wanted="totals exactly where they vary", got=got, do="pass totals= or leave it out")
        self._refuse_infinite()
        exact = self.double()
        totals = None if totals is None else totals.to(self.u.device, torch.float64)
        if _count(self.encoder) <= _count(self.decoder):
            points, width = self.encoder.points(), self.decoder.natural_width + (0 if totals is None else len(totals))
        else:
            points, width = self.decoder.points(), self.encoder.natural_width
        points = points.to(self.u.device, torch.float64)
        step = max(1, memory // (8 * 4 * (width + points.shape[1])))
        blocks = [exact._sum(points[i : i + step], totals) for i in range(0, len(points), step)]
        return torch.stack(blocks).logsumexp(0)

    def _sum(self, points: Tensor, totals: Tensor | None) -> Tensor:
        """A block of `log_partition`; its intermediate results are computed again for the gradient, not kept."""

        def total(block: Tensor, W: Tensor, u: Tensor, v: Tensor) -> Tensor:
            part = replace(self, W=W, u=u, v=v)
            if _count(self.encoder) <= _count(self.decoder):
                return part.log_latent_weight(block, totals).logsumexp(-1)
            return (-part.free_energy(block)).logsumexp(-1)

        if not torch.is_grad_enabled() or len(points) <= SMALL:
            return total(points, self.W, self.u, self.v)
        kept: Tensor = checkpoint(total, points, self.W, self.u, self.v, use_reentrant=False, preserve_rng_state=False)
        return kept

    def log_partition_of(self, x: Rows, *, memory: int = MEMORY) -> Tensor:
        """log Z for each row, (N,) or (): rows of one total share it."""
        totals = self.decoder.total(x)
        if totals is None:
            return self.log_partition(memory=memory)
        distinct, place = totals.unique(return_inverse=True)
        return self.log_partition(distinct, memory=memory)[place]

    def log_likelihood(self, x: Rows, log_partition: Tensor | None = None) -> Tensor:
        """``log p(x)``, (N,), nats; given the total where it varies. log_partition: of each row where it is known."""
        log_z = self.log_partition_of(x) if log_partition is None else log_partition
        return -self.free_energy(x) - log_z.to(self.u.dtype)

    def log_prior(self, z: Tensor) -> Tensor:
        """The implied prior, ``log k(z) + v'psi(z) + A(W psi(z) + u) - log Z``, (c,), nats.

        Raises MisuseError where the total varies: the law of z then depends on it.
        """
        return self.log_latent_weight(z) - self.log_partition().to(self.u.dtype)

    def _refuse_infinite(self) -> None:
        if not self.finite:
            got = f"{self.decoder.family} and {self.encoder.family}"
            do = "estimate log Z with eftheory.learn.harmoniums.ais"
            raise MisuseError(wanted=f"a side of at most {ENUMERABLE} points", got=got, do=do)

    def step(self, x: Rows, totals: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """One Gibbs sweep, ``z ~ p(z|x)`` then ``x ~ p(x|z)``; both drawn from torch's global generator. (x, z)."""
        z = self.encoder.sample(self.encode(x))
        return self.visible(z, totals), z

    def visible(self, z: Tensor, totals: Tensor | None = None) -> Tensor:
        """``x ~ p(x|z)``, given the total where it varies."""
        eta = self.decode(z)
        return self.decoder.sample(eta) if totals is None else self.decoder.sample(eta, totals)


def _count(density: Density) -> float:
    return float("inf") if density.points_count is None else density.points_count
