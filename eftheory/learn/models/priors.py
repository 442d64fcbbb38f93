"""Priors: fixed, learned in a family, uniform, or the one that a harmonium implies (theory: sections 1 and 2)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from eftheory.errors import MisuseError
from eftheory.learn.densities.density import Density
from eftheory.spec import Prior as Asked

if TYPE_CHECKING:
    from eftheory.learn.models.model import VAE


class Prior(nn.Module):
    """``p(z)``. eta: natural parameters (m) where the prior is a member of the encoder family, else None."""

    def log_prob(self, z: Tensor, model: VAE) -> Tensor:
        """``log p(z)``, nats. z: (..., L); (...)."""
        raise NotImplementedError

    def sample(self, count: int, model: VAE) -> Tensor:
        """(count, L)."""
        raise NotImplementedError

    @property
    def eta(self) -> Tensor | None:
        return None


class InFamily(Prior):
    """``p(z; eta)`` of a family on the latent space: fixed natural parameters, or learned raw ones.

    member: whether the family is the encoder's own, so that KL(q || p) has its closed form.
    """

    def __init__(self, density: Density, eta: Tensor | None, *, member: bool) -> None:
        super().__init__()
        self.density, self.member = density, member
        self.register_buffer("fixed", eta, persistent=False)
        self.raw = None if eta is not None else nn.Parameter(torch.zeros(density.raw_width))

    def natural(self) -> Tensor:
        """The natural parameters, (m)."""
        if self.raw is not None:
            return self.density.natural(self.raw)
        fixed: Tensor = self.fixed  # type: ignore[assignment]
        return fixed

    @property
    def eta(self) -> Tensor | None:
        return self.natural() if self.member else None

    def log_prob(self, z: Tensor, model: VAE) -> Tensor:
        return self.density.log_prob(z, self.natural())

    def sample(self, count: int, model: VAE) -> Tensor:
        return self.density.sample(self.natural().expand(count, -1))


class Uniform(Prior):
    """``p(z) = 1/K`` on K points; a member of the encoder family where its base measure is constant (eta = 0)."""

    def __init__(self, encoder: Density) -> None:
        super().__init__()
        if encoder.points_count is None:
            got, do = f"uniform on {encoder.family}", "name a family with values"
            raise MisuseError(wanted="a uniform prior on finitely many points", got=got, do=do)
        self.log_count = math.log(encoder.points_count)
        some = encoder.sample(torch.zeros(32, encoder.natural_width))
        flat = bool((encoder.log_base(some) == 0).all())
        self.register_buffer("zero", torch.zeros(encoder.natural_width) if flat else None, persistent=False)

    @property
    def eta(self) -> Tensor | None:
        zero: Tensor | None = self.zero  # type: ignore[assignment]
        return zero

    def log_prob(self, z: Tensor, model: VAE) -> Tensor:
        return z.new_full(z.shape[:-1], -self.log_count)

    def sample(self, count: int, model: VAE) -> Tensor:
        zero = self.eta
        if zero is not None:
            return model.encoder.sample(zero.expand(count, -1))
        codes = model.latents()
        return codes[torch.randint(len(codes), (count,), device=codes.device)]


class Implied(Prior):
    """``log p(z) = log k(z) + v'psi(z) + A(f(z)) - log Z`` (Theorem 1), v learned, Z enumerated.

    With ``f = W psi + u`` the joint is a harmonium and its posterior is in the encoder family whatever W, u, v.
    """

    def __init__(self, encoder: Density) -> None:
        super().__init__()
        self.v = nn.Parameter(torch.zeros(encoder.natural_width))

    def energy(self, z: Tensor, model: VAE) -> Tensor:
        """``log p(z) + log Z``."""
        encoder = model.encoder
        return encoder.log_base(z) + encoder.inner(z, self.v) + model.decoder.log_partition(model.decode(z))

    def log_prob(self, z: Tensor, model: VAE) -> Tensor:
        return self.energy(z, model) - self.energy(model.latents(), model).logsumexp(-1)

    def sample(self, count: int, model: VAE) -> Tensor:
        codes = model.latents()
        return codes[torch.multinomial(self.energy(codes, model).softmax(-1), count, replacement=True)]


def prior_of(asked: Asked, encoder: Density, decoder: Density) -> Prior:
    """The prior as a specification names it; ``free`` is the implied one. Raises MisuseError."""
    if asked.kind == "free":
        if encoder.points_count is None or decoder.needs_total:
            got = f"encoder {encoder.family}, decoder {decoder.family}"
            do = "take prior same, or a family with values"
            raise MisuseError(wanted="finite latents and a known total for an implied prior", got=got, do=do)
        return Implied(encoder)
    if asked.kind == "uniform":
        return Uniform(encoder)
    assert asked.family is not None
    density = encoder if asked.kind == "same" else Density(asked.family)
    eta = None
    if asked.kind == "fixed":
        values = [float(v) for v in asked.family.natural_values()]
        eta = torch.tensor(values, dtype=torch.float64).repeat(int(density.family.copies)).float()
        if asked.family.listed_values:
            do = "give one value for all coordinates, or learn it"
            raise MisuseError(wanted="a prior alike in every coordinate", got=str(asked), do=do)
    member = asked.kind == "same" or _alike(density, encoder)
    return InFamily(density, eta, member=member)


def _alike(one: Density, other: Density) -> bool:
    """Whether both have the same five facts, whatever they are called."""
    a, b = one.family, other.family
    return (
        a.copies == b.copies
        and a.unit.groups == b.unit.groups
        and (a.unit.support == b.unit.support and a.unit.statistics == b.unit.statistics and a.unit.base == b.unit.base)
    )
