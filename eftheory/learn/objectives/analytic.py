"""``E_q log p(x|z)`` in closed form, where the decoder is linear in psi(z) and its log-partition allows it.

With ``f(z) = W psi(z) + u`` the first term is ``<nu(x), W E psi + u>``. For the second, ``E_q A(f(z))``, two rules on
the family's own log-partition, found by differentiating it (no family is known here by name):
*quadratic*, ``A = a eta^2 + b eta + c`` for each coordinate: first and second moments of psi under q;
*exponential*, ``A = c e^eta``: ``E_q e^{w'psi} = exp(B(g + w) - B(g))``, the encoder's own log-partition.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar
from weakref import WeakKeyDictionary

import sympy as sp
import torch
from torch import Tensor

from eftheory.errors import MisuseError
from eftheory.learn.densities.density import Density
from eftheory.learn.densities.products import Rows
from eftheory.learn.models.model import VAE
from eftheory.learn.models.networks import Linear

Fact = TypeVar("Fact")


def _once(find: Callable[[Density], Fact]) -> Callable[[Density], Fact]:
    """`find`, asked once for each density: training asks at every step."""
    known: WeakKeyDictionary[Density, Fact] = WeakKeyDictionary()

    def found(density: Density) -> Fact:
        if density not in known:
            known[density] = find(density)
        return known[density]

    return found


def expected_log_likelihood(model: VAE, x: Rows, eta: Tensor) -> Tensor:
    """``E_q log p(x|z)`` for q with natural parameters eta (N, m): (N,), nats. Raises MisuseError without a rule."""
    mean = model.encoder.mean(eta)
    if model.scale is not None:
        return _global_scale(model, x, eta, mean)
    W, u = linear_parts(model)
    log_partition = _rule(model.decoder)(model, W, u, eta, mean)
    inner = model.decoder.inner(x, mean @ W.T + u)
    return inner - log_partition + model.decoder.log_base(x)


def linear_parts(model: VAE) -> tuple[Tensor, Tensor]:
    """(W, u) of a decoder ``f = W psi(z) + u``, differentiably: (n, m) and (n).

    A linear network is affine in z, so in psi where psi consists of the coordinates of z, and more
    (squares, interactions), whose columns are zero. Raises MisuseError for other networks and statistics.
    """
    first, scales = _linear(model), _scales(model.decoder)
    if model.scale is not None or scales is None:
        raise _not_linear(model)
    slope, offset = (part.to(first.bias) for part in scales)
    return _in_psi(model, slope[:, None] * first.matrix), slope * first.bias + offset


def _linear(model: VAE) -> Linear:
    first, *more = list(model.f.children()) or [model.f]  # a table has no parts
    if more or not isinstance(first, Linear):
        raise _not_linear(model)
    return first


def _not_linear(model: VAE) -> MisuseError:
    got = f"{type(model.f).__name__} for {model.decoder.family}"
    do = "take decoder_network.kind = 'linear', or another estimator"
    return MisuseError(wanted="a decoder that is linear in z", got=got, do=do)


def _in_psi(model: VAE, weight: Tensor) -> Tensor:
    """The matrix that maps psi(z) to ``weight z``: (n, L) to (n, m), with columns of zeros."""
    places = _coordinates(model.encoder)
    full = weight.new_zeros(weight.shape[0], model.encoder.natural_width)
    return full.index_copy(1, torch.tensor(places, device=weight.device), weight)


@_once
def _scales(density: Density) -> tuple[Tensor, Tensor] | None:
    """(slope, offset) with ``natural(raw) = slope raw + offset`` in each coordinate; None where it is not so."""
    if density.raw_width != density.natural_width:
        return None
    probes = torch.linspace(-2.0, 3.0, 4 * density.raw_width, dtype=torch.float64).reshape(4, -1)
    zero, one = torch.zeros_like(probes[0]), torch.ones_like(probes[0])
    offset = density.natural(zero)
    slope = density.natural(one) - offset
    return (slope, offset) if torch.allclose(density.natural(probes), slope * probes + offset, atol=1e-12) else None


@_once
def _coordinates(encoder: Density) -> list[int]:
    """The place of every coordinate of z among psi(z), found at random points."""
    width = encoder.width
    z = torch.rand(8, width, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    psi = encoder.statistics(z)
    places = [int((psi == z[:, i, None]).all(0).nonzero().flatten()[:1].sum()) for i in range(width)]
    if any(not torch.equal(psi[:, place], z[:, i]) for i, place in enumerate(places)):
        got = str(encoder.family)
        raise MisuseError(wanted="coordinates of z among the statistics", got=got, do="take another estimator")
    return places


Rule = Callable[[VAE, Tensor, Tensor, Tensor, Tensor], Tensor]


@_once
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
    return a * (at.square().sum(-1) + _variance(model, W, eta)) + b * at.sum(-1) + c * len(u)


def _global_scale(model: VAE, x: Rows, eta: Tensor, mean: Tensor) -> Tensor:
    """A normal decoder of one learned variance s2: ``log N(x; W E psi + b, s2 I) - tr(W'W Cov psi) / (2 s2)``.

    Its natural parameters are not affine in z, its mean is.
    """
    first, log_variance = _linear(model), model.scale
    assert log_variance is not None
    W = _in_psi(model, first.matrix)
    at = mean @ W.T + first.bias
    raw = torch.stack([at, log_variance.expand_as(at)], -1).flatten(-2)
    likelihood = model.decoder.log_prob(x, model.decoder.natural(raw))
    return likelihood - 0.5 * (-log_variance).exp() * _variance(model, W, eta)


def _variance(model: VAE, W: Tensor, eta: Tensor) -> Tensor:
    """``tr(W'W Cov psi)``, (N,). W: (n, m), with columns that are zero but for those of z."""
    encoder = model.encoder
    if encoder.has_scale:  # independent normals: the covariance of z is diagonal
        columns = W.square().sum(0)[_coordinates(encoder)]
        return (encoder.raw(eta).unflatten(-1, (-1, 2))[..., 1].exp() * columns).sum(-1)
    covariance = torch.vmap(torch.func.jacrev(encoder.mean))(eta)
    return (covariance * (W.T @ W)).sum((-2, -1))


def _exponential(model: VAE, W: Tensor, u: Tensor, eta: Tensor, scale: float) -> Tensor:
    """``sum_i c e^{u_i} exp(B(g + w_i) - B(g))``, w_i the rows of W."""
    encoder = model.encoder
    tilted = encoder.log_partition(eta[:, None, :] + W)
    return scale * (u + tilted - encoder.log_partition(eta)[:, None]).exp().sum(-1)
