"""Starting a VAE of bits from the closed form of the Bernoulli bound (theory: section 8): ``init``.

With (W*, b*), ``mu*(x) = gain x + offset`` and ``diag(Sigma*)`` from the training part, W* with orthogonal columns:

- ``bernoulli-bound``, as bernoulli-bound 3.2: the last layer of the decoder from (W*, b*), the last mean layer of the
  encoder from mu*, as if the layer below it gave z or x itself; what is surplus (latents with an eigenvalue of at most
  1, inputs beyond the first k or d) starts at zero and may grow. Hidden layers stay random, so only networks without
  hidden layers start at the bound. Its last encoder layer needs d inputs: a narrower one is refused.
- ``bernoulli-bound-through``, not in the paper: hidden layers hand the closed form on, so that networks of any depth
  start at it exactly. The first layer computes ``t = mu*(x)`` (or z) and -t in its first 2k units, each further one
  takes them apart and together again, by ``a(t) - a(-t) = c t`` (relu, silu: c = 1; leaky-relu: 1 + slope; identity:
  2). All other units stay random and are not read by the last layer. Hidden layers need 2k units; tanh has no such c.

The variances start at ``diag(Sigma*)`` for every x; with ``encoder_scale = "fixed"`` they stay there, as in the paper.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from eftheory.analytic.bernoulli_fit import BernoulliOptimum
from eftheory.errors import MisuseError
from eftheory.learn.config import ModelConfig
from eftheory.learn.datasets.data import Dataset
from eftheory.learn.evaluation.bound_monitor import BoundMonitor, misfit
from eftheory.learn.models.model import VAE
from eftheory.learn.models.networks import GlobalScale, Linear


def bound_start(model: VAE, config: ModelConfig, dataset: Dataset) -> BoundMonitor | None:
    """Put `model` where ``init`` says; the monitor of the bound for this data, or None for a model without the bound.

    Raises MisuseError for a model that the bound does not describe, and for layers that are too narrow.
    """
    reason = (
        misfit(model)
        if isinstance(model, VAE)
        else MisuseError(
            wanted="a VAE with a network as its decoder for init from the Bernoulli bound",
            got=type(model).__name__,
            do="take init = 'random'",
        )
    )
    if config.init == "random":
        return None if reason is not None else BoundMonitor(dataset.train, model.encoder.width)
    if reason is not None:
        raise reason
    if model.frequencies:
        raise MisuseError(wanted="inputs 'x' for init from the Bernoulli bound", got="frequencies", do="change one")
    monitor = BoundMonitor(dataset.train, model.encoder.width)
    put(model, monitor.optimum, through=config.init == "bernoulli-bound-through")
    return monitor


def put(model: VAE, best: BernoulliOptimum, *, through: bool) -> None:
    """Overwrite the layers that the closed form determines. Raises MisuseError, before anything is changed."""
    like = next(model.parameters()).detach()
    W, b, gain, offset, variance = (
        torch.as_tensor(part).to(like) for part in (best.W, best.b, best.gain, best.offset, best.variance)
    )
    k = len(offset)
    one, zero = torch.eye(k).to(like), torch.zeros(k).to(like)
    scaled = isinstance(model.g, GlobalScale)
    network = model.g.mean if isinstance(model.g, GlobalScale) else model.g
    means = one if scaled else torch.stack([one, 0 * one], 1).flatten(0, 1)  # the network gives (mean, log variance)
    rest = zero if scaled else torch.stack([zero, variance.log()], 1).flatten()
    write = _through if through else _last
    written = [
        *write(_layers(network, "encoder"), (gain, offset), (means, rest), "encoder"),
        *write(_layers(model.f, "decoder"), (one, zero), (W, b), "decoder"),
    ]
    with torch.no_grad():
        for layer, rows, matrix, bias in written:
            layer.matrix[rows] = matrix
            layer.bias[rows] = bias
        if isinstance(model.g, GlobalScale):
            model.g.log_variance.copy_(variance.log())


Affine = tuple[Tensor, Tensor]
"""A matrix and an offset."""
Written = tuple[Linear, slice, Tensor, Tensor]
"""A layer, which of its rows, and what these become: weights and biases."""


def _last(layers: list[nn.Module], first: Affine, last: Affine, role: str) -> list[Written]:
    """The last layer as ``last o first`` of the first of its inputs, whatever comes before."""
    (P, p), (R, r) = first, last
    layer = layers[-1]
    assert isinstance(layer, Linear)
    width = layer.matrix.shape[1]
    if width < P.shape[1]:
        wanted = f"at least {P.shape[1]} units before the last layer of the {role} for init 'bernoulli-bound'"
        do = "widen the last hidden layer, or take 'bernoulli-bound-through'"
        raise MisuseError(wanted=wanted, got=str(width), do=do)
    return [(layer, slice(None), _padded(R @ P, width), R @ p + r)]


def _through(layers: list[nn.Module], first: Affine, last: Affine, role: str) -> list[Written]:
    """``t = first(inputs)`` and -t through the first units of every hidden layer, then ``last(t)``."""
    if len(layers) == 1:
        return _last(layers, first, last, role)
    (P, p), (R, r), slope = first, last, _slope(layers[1])
    linear = [layer for layer in layers if isinstance(layer, Linear)]
    k, narrowest = len(p), min(len(layer.bias) for layer in linear[:-1])
    if narrowest < 2 * k:
        wanted = f"hidden layers of at least {2 * k} units in the {role} for init 'bernoulli-bound-through'"
        raise MisuseError(wanted=wanted, got=str(narrowest), do="widen them, or take fewer latents")
    both = torch.cat([P, -P]), torch.cat([p, -p])
    apart = torch.cat([torch.eye(k), -torch.eye(k)], 1).to(P) / slope  # t from the units a(t), a(-t)
    some, zero = slice(0, 2 * k), torch.zeros(2 * k).to(P)
    written: list[Written] = [(linear[0], some, *both)]
    for layer in linear[1:-1]:
        written.append((layer, some, _padded(torch.cat([apart, -apart]), layer.matrix.shape[1]), zero))
    return [*written, (linear[-1], slice(None), _padded(R @ apart, linear[-1].matrix.shape[1]), r)]


def _padded(matrix: Tensor, width: int) -> Tensor:
    """The matrix with columns of zeros on its right, up to `width`."""
    return nn.functional.pad(matrix, (0, width - matrix.shape[1]))


def _slope(activation: nn.Module) -> float:
    """c with ``a(t) - a(-t) = c t`` for all t, found at some. Raises MisuseError where there is none."""
    t = torch.tensor([1.0, 0.1, 2.0, 5.0, 20.0], dtype=torch.float64)
    ratios = (activation(t) - activation(-t)) / t
    if not torch.allclose(ratios, ratios[:1].expand_as(ratios)):
        wanted = "an activation with a(t) - a(-t) = c t for init 'bernoulli-bound-through'"
        raise MisuseError(wanted=wanted, got=type(activation).__name__, do="take relu, leaky-relu, silu or identity")
    return float(ratios[0])


def _layers(network: nn.Module, role: str) -> list[nn.Module]:
    """Linear layers with activations between. Raises MisuseError for other networks."""
    layers = list(network.children())
    if not layers or any(isinstance(layer, Linear) != (i % 2 == 0) for i, layer in enumerate(layers)):
        got = type(network).__name__
        raise MisuseError(wanted=f"an mlp or linear {role} for init from the Bernoulli bound", got=got, do="take one")
    return layers
