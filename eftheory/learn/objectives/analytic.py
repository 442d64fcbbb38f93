"""``E_q log p(x|z)`` in closed form, where the decoder is linear in psi(z) and its log-partition allows it.

With ``f(z) = W psi(z) + u`` the first term is ``<nu(x), W E psi + u>``. For the second, ``E_q A(f(z))``, two rules on
the family's own log-partition, found by differentiating it (no family is known here by name):
*quadratic*, ``A = a eta^2 + b eta + c`` for each coordinate: first and second moments of psi under q;
*exponential*, ``A = c e^eta``: ``E_q e^{w'psi} = exp(B(g + w) - B(g))``, the encoder's own log-partition.
"""

from __future__ import annotations

from collections.abc import Callable

import sympy as sp
import torch
from torch import Tensor

from eftheory.errors import MisuseError
from eftheory.learn.densities.density import Density
from eftheory.learn.densities.products import Rows
from eftheory.learn.models.model import VAE
from eftheory.learn.models.networks import Linear


def expected_log_likelihood(model: VAE, x: Rows, eta: Tensor) -> Tensor:
    """``E_q log p(x|z)`` for q with natural parameters eta (N, m): (N,), nats. Raises MisuseError without a rule."""
    W, u = linear_parts(model)
    mean = model.encoder.mean(eta)
    log_partition = _rule(model.decoder)(model, W, u, eta, mean)
    inner = model.decoder.inner(x, mean @ W.T + u)
    return inner - log_partition + model.decoder.log_base(x)


def linear_parts(model: VAE) -> tuple[Tensor, Tensor]:
    """(W, u) of a decoder ``f = W psi(z) + u``, differentiably: (n, m) and (n).

    A linear network is affine in z, so in psi where psi consists of the coordinates of z, and more
    (squares, interactions), whose columns are zero. Raises MisuseError for other networks and statistics.
    """
    first, *more = list(model.f.children()) or [model.f]  # a table has no parts
    scales = _scales(model.decoder)
    if more or not isinstance(first, Linear) or model.scale is not None or scales is None:
        got = f"{type(model.f).__name__} for {model.decoder.family}"
        do = "take decoder_network.kind = 'linear', or another estimator"
        raise MisuseError(wanted="a decoder that is linear in z", got=got, do=do)
    slope, offset = (part.to(first.bias) for part in scales)
    weight, bias = slope[:, None] * first.matrix, slope * first.bias + offset
    places = _coordinates(model.encoder, weight.shape[1])
    full = weight.new_zeros(weight.shape[0], model.encoder.natural_width)
    return full.index_copy(1, torch.tensor(places, device=weight.device), weight), bias


def _scales(density: Density) -> tuple[Tensor, Tensor] | None:
    """(slope, offset) with ``natural(raw) = slope raw + offset`` in each coordinate; None where it is not so."""
    if density.raw_width != density.natural_width:
        return None
    probes = torch.linspace(-2.0, 3.0, 4 * density.raw_width, dtype=torch.float64).reshape(4, -1)
    zero, one = torch.zeros_like(probes[0]), torch.ones_like(probes[0])
    offset = density.natural(zero)
    slope = density.natural(one) - offset
    return (slope, offset) if torch.allclose(density.natural(probes), slope * probes + offset, atol=1e-12) else None


def _coordinates(encoder: Density, width: int) -> list[int]:
    """The place of every coordinate of z among psi(z), found at random points."""
    z = torch.rand(8, width, dtype=torch.float64)
    psi = encoder.statistics(z)
    places = [int((psi == z[:, i, None]).all(0).nonzero().flatten()[:1].sum()) for i in range(width)]
    if any(not torch.equal(psi[:, place], z[:, i]) for i, place in enumerate(places)):
        got = str(encoder.family)
        raise MisuseError(wanted="coordinates of z among the statistics", got=got, do="take another estimator")
    return places


Rule = Callable[[VAE, Tensor, Tensor, Tensor, Tensor], Tensor]


def _rule(decoder: Density) -> Rule:
    unit = decoder.family.unit
    natural, formula = (sp.Symbol("eta", real=True),), None
    if decoder.natural_width == decoder.copies == decoder.width:
        natural, formula = unit.at().natural, unit.at().log_partition
    (symbol,) = natural
    if formula is not None:
        if formula.is_polynomial(symbol) and sp.degree(formula, symbol) <= 2:
            a, b, c = (float(sp.Poly(formula, symbol).coeff_monomial(symbol**k)) for k in (2, 1, 0))
            return lambda model, W, u, eta, mean: _quadratic(model, W, u, eta, mean, (a, b, c))
        ratio = sp.simplify(formula / sp.exp(symbol))
        if ratio.is_number:
            scale = float(ratio)
            return lambda model, W, u, eta, mean: _exponential(model, W, u, eta, scale)
    got = str(decoder.family)
    do = "take the exact, reparameterised or a sampling estimator"
    raise MisuseError(wanted="a decoder whose E_q A(f) has a closed form", got=got, do=do)


def _quadratic(
    model: VAE, W: Tensor, u: Tensor, eta: Tensor, mean: Tensor, coefficients: tuple[float, float, float]
) -> Tensor:
    """``sum_i a E eta_i^2 + b E eta_i + c``; ``sum_i Var eta_i = tr(W' W Cov psi)``, Cov psi the Hessian of B."""
    a, b, c = coefficients
    at = mean @ W.T + u
    gram = W.T @ W
    covariance = torch.vmap(torch.func.jacrev(model.encoder.mean))(eta)
    variance = (covariance * gram).sum((-2, -1))
    return a * (at.square().sum(-1) + variance) + b * at.sum(-1) + c * len(u)


def _exponential(model: VAE, W: Tensor, u: Tensor, eta: Tensor, scale: float) -> Tensor:
    """``sum_i c e^{u_i} exp(B(g + w_i) - B(g))``, w_i the rows of W."""
    encoder = model.encoder
    tilted = encoder.log_partition(eta[:, None, :] + W)
    return scale * (u + tilted - encoder.log_partition(eta)[:, None]).exp().sum(-1)
