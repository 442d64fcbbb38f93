"""Harmoniums that learn: restricted Boltzmann machines of any two families, fitted by maximum likelihood.

The consistent-set baseline of the experiments (vae-error section 4): their posteriors lie in the encoder family.
"""

from __future__ import annotations

from typing import final

import sympy as sp
import torch
from torch import Tensor, nn

from eftheory.errors import MisuseError
from eftheory.learn.densities.density import Density
from eftheory.learn.densities.products import Rows
from eftheory.learn.harmoniums.harmonium import MEMORY, Joint


@final
class Harmonium(nn.Module):
    """``p(x, z) prop h(x) k(z) exp(nu(x)'W psi(z) + u'nu(x) + v'psi(z))`` (eq. 7) with parameters W (n, m), u, v.

    decoder, encoder: densities of x and of z; one has finitely many points, and every natural parameter is allowed on
    both sides: then every (W, u, v) has finite mass. W starts as normal noise of standard deviation `scale` from
    torch's global generator, u and v at 0. Raises MisuseError for other families.
    """

    def __init__(self, decoder: Density, encoder: Density, *, scale: float = 0.01) -> None:
        super().__init__()
        _refuse_others(decoder, encoder)
        self.decoder, self.encoder = decoder, encoder
        self.W = nn.Parameter(scale * torch.randn(decoder.natural_width, encoder.natural_width))
        self.u = nn.Parameter(torch.zeros(decoder.natural_width))
        self.v = nn.Parameter(torch.zeros(encoder.natural_width))

    def joint(self) -> Joint:
        """The present parameters as a `Joint`, which has every function of them."""
        return Joint(self.decoder, self.encoder, self.W, self.u, self.v)

    def encode(self, x: Rows) -> Tensor:
        """``W' nu(x) + v``, the posterior's natural parameters (eq. 6), (N, m)."""
        return self.joint().encode(x)

    def decode(self, z: Tensor) -> Tensor:
        """``W psi(z) + u``, the decoder's natural parameters (eq. 5), (..., n)."""
        return self.joint().decode(z)

    def free_energy(self, x: Rows) -> Tensor:
        """``-log sum_z p~(x, z)``, (N,), nats."""
        return self.joint().free_energy(x)

    def log_partition(self, totals: Tensor | None = None, *, memory: int = MEMORY) -> Tensor:
        """``log Z`` by enumeration in float64, () or (T,) for totals (T,). Raises MisuseError: see `Joint`."""
        return self.joint().log_partition(totals, memory=memory)

    def log_likelihood(self, x: Rows, log_partition: Tensor | None = None) -> Tensor:
        """``log p(x)``, (N,), nats: exact, or with an estimate of log Z (`eftheory.learn.harmoniums.ais`)."""
        return self.joint().log_likelihood(x, log_partition)

    def log_prior(self, z: Tensor) -> Tensor:
        """The implied prior, ``log p(z)``, (c,), nats."""
        return self.joint().log_prior(z)

    def latents(self) -> Tensor:
        """Every z of a finite latent space, (K, L), with the dtype of the parameters."""
        return self.encoder.points().to(self.u)

    @torch.no_grad()
    def gibbs(self, x: Rows, sweeps: int) -> tuple[Tensor, Tensor]:
        """(x, z) after `sweeps` Gibbs sweeps from rows x, which keep their totals; torch's global generator."""
        if sweeps < 1:
            raise MisuseError(wanted="at least one sweep", got=str(sweeps), do="raise sweeps")
        joint, totals = self.joint(), self.decoder.total(x)
        moved, z = joint.step(x, totals)
        for _ in range(sweeps - 1):
            moved, z = joint.step(moved, totals)
        return moved, z


def _refuse_others(decoder: Density, encoder: Density) -> None:
    for density in (decoder, encoder):
        size = density.natural_width // density.copies
        relations = density.family.unit.domain(sp.symbols(f"eta1:{size + 1}", real=True))
        if relations:
            got = f"{density.family}, which needs {relations[0]}"
            do = "take families such as bernoulli, categorical, multinomial, normal of fixed variance"
            raise MisuseError(wanted="families whose natural domain is everything", got=got, do=do)
    if decoder.points_count is None and encoder.points_count is None:
        got = f"{decoder.family} and {encoder.family}"
        raise MisuseError(wanted="one side with finitely many points", got=got, do="take bits or classes on one side")
    if encoder.needs_total:
        raise MisuseError(wanted="counts as the decoder only", got=str(encoder.family), do="exchange the sides")
