"""Networks by their specification: an MLP, a linear map, a table, or a DCGAN-like convolution.

Each maps (..., inputs) to (..., outputs). The first layer of an MLP or a linear map also takes `SparseRows`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import final

import torch
from torch import Tensor, nn

from eftheory.errors import MisuseError
from eftheory.learn.config import NetworkConfig
from eftheory.learn.datasets.sparse import SparseRows

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "tanh": nn.Tanh,
    "silu": nn.SiLU,
    "leaky-relu": lambda: nn.LeakyReLU(0.2),
    "identity": nn.Identity,
}
Shape = tuple[int, ...]


@final
class Linear(nn.Module):
    """``W t + b``; for `SparseRows` the sum runs over the entries that are there.

    The weight of a layer that reads sparse rows is kept (inputs, outputs), so that an entry finds its row at once.
    """

    def __init__(self, inputs: int, outputs: int, *, sparse: bool = False) -> None:
        super().__init__()
        bound = 1.0 / math.sqrt(inputs)  # as torch's own Linear
        shape = (inputs, outputs) if sparse else (outputs, inputs)
        self.weight = nn.Parameter(torch.empty(shape).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(outputs).uniform_(-bound, bound))
        self.sparse = sparse

    @property
    def matrix(self) -> Tensor:
        """W, (outputs, inputs)."""
        return self.weight.T if self.sparse else self.weight

    def forward(self, inputs: Tensor | SparseRows) -> Tensor:
        if isinstance(inputs, SparseRows):
            weight = self.weight if self.sparse else self.weight.T
            return inputs.times(weight) + self.bias
        return nn.functional.linear(inputs, self.matrix, self.bias)


class Table(nn.Module):
    """One row of outputs for each latent: a free function of a finite z. z: bits, or a unit vector."""

    def __init__(self, codes: Tensor, outputs: int) -> None:
        super().__init__()
        if len(codes) > 2**20:
            raise MisuseError(wanted="a table of at most 2^20 rows", got=str(len(codes)), do="take a network")
        self.rows = nn.Parameter(torch.randn(len(codes), outputs))
        width = codes.shape[1]
        unit = bool((codes.sum(-1) == 1).all()) and len(codes) == width
        places = torch.arange(width) if unit else 2 ** torch.arange(width - 1, -1, -1)
        if not torch.equal((codes * places).sum(-1).long().sort().values, torch.arange(len(codes))):
            raise MisuseError(wanted="latent bits or one category for a table", got="other latents", do="take an mlp")
        self.register_buffer("places", places.to(codes.dtype), persistent=False)

    def forward(self, z: Tensor) -> Tensor:
        places: Tensor = self.places  # type: ignore[assignment]
        return self.rows[(z @ places).round().long()]


class GlobalScale(nn.Module):
    """Means from a network, and log variances that are the same for all inputs: (..., d) to (..., 2d), in pairs.

    learned: whether the log variances, which start at 0, are trained. Both kinds are saved with the model.
    """

    def __init__(self, mean: nn.Module, width: int, *, learned: bool) -> None:
        super().__init__()
        self.mean = mean
        self.log_variance: Tensor
        if learned:
            self.log_variance = nn.Parameter(torch.zeros(width))
        else:
            self.register_buffer("log_variance", torch.zeros(width))

    def forward(self, inputs: Tensor | SparseRows) -> Tensor:
        mean: Tensor = self.mean(inputs)
        return torch.stack([mean, self.log_variance.expand_as(mean)], -1).flatten(-2)


class Encoder(nn.Module):
    """Convolutions of stride 2 from an image (C, H, W), then a linear map."""

    def __init__(self, shape: Shape, channels: Sequence[int], outputs: int, activation: str) -> None:
        super().__init__()
        c, h, w = _image(shape, channels)
        layers: list[nn.Module] = []
        for before, after in pairwise([c, *channels]):
            layers += [nn.Conv2d(before, after, 4, stride=2, padding=1), ACTIVATIONS[activation]()]
        self.shape, self.convolutions = shape, nn.Sequential(*layers)
        self.head = nn.Linear(channels[-1] * (h >> len(channels)) * (w >> len(channels)), outputs)

    def forward(self, x: Tensor) -> Tensor:
        maps = self.convolutions(x.reshape(-1, *self.shape))
        out: Tensor = self.head(maps.flatten(1))
        return out.reshape(*x.shape[:-1], -1)


class Decoder(nn.Module):
    """A linear map, then transposed convolutions of stride 2 to `each` numbers for every entry of (C, H, W)."""

    def __init__(self, inputs: int, shape: Shape, channels: Sequence[int], each: int, activation: str) -> None:
        super().__init__()
        c, h, w = _image(shape, channels)
        self.start = (channels[-1], h >> len(channels), w >> len(channels))
        self.first = nn.Sequential(nn.Linear(inputs, math.prod(self.start)), ACTIVATIONS[activation]())
        layers: list[nn.Module] = []
        for before, after in pairwise([*reversed(channels), c * each]):
            layers += [nn.ConvTranspose2d(before, after, 4, stride=2, padding=1), ACTIVATIONS[activation]()]
        self.convolutions, self.shape, self.each = nn.Sequential(*layers[:-1]), shape, each

    def forward(self, z: Tensor) -> Tensor:
        flat = z.reshape(-1, z.shape[-1])
        maps: Tensor = self.convolutions(self.first(flat).reshape(-1, *self.start))
        # (copies, statistics): the numbers of one entry stand side by side
        c, h, w = self.shape
        entries = maps.reshape(-1, self.each, c * h * w).transpose(1, 2)
        return entries.reshape(*z.shape[:-1], -1)


def mlp(inputs: int, outputs: int, hidden: Sequence[int], activation: str, *, sparse: bool = False) -> nn.Sequential:
    """Linear layers with an activation between; without `hidden` one linear map."""
    widths = [inputs, *hidden, outputs]
    layers: list[nn.Module] = []
    for number, (before, after) in enumerate(pairwise(widths)):
        layers += [Linear(before, after, sparse=sparse and number == 0), ACTIVATIONS[activation]()]
    return nn.Sequential(*layers[:-1])


def encoder_network(
    config: NetworkConfig, *, inputs: int, outputs: int, shape: Shape | None, sparse: bool
) -> nn.Module:
    """g, from (N, inputs) to (N, outputs). shape: of an image, for convolutions. Raises MisuseError."""
    if config.kind == "table":
        raise MisuseError(wanted="an encoder network", got="kind 'table'", do="take mlp, linear or conv")
    if config.kind == "conv":
        return Encoder(_shape(shape), config.channels, outputs, config.activation)
    return mlp(inputs, outputs, config.hidden, config.activation, sparse=sparse)


def decoder_network(
    config: NetworkConfig, *, inputs: int, outputs: int, shape: Shape | None, codes: Tensor | None
) -> nn.Module:
    """f, from (..., inputs) to (..., outputs). codes: the finite latents (K, inputs), for a table."""
    if config.kind == "table":
        if codes is None:
            raise MisuseError(wanted="finite latents for a table", got="a continuous encoder", do="take an mlp")
        return Table(codes, outputs)
    if config.kind == "conv":
        image = _shape(shape)
        each, rest = divmod(outputs, math.prod(image))
        if rest:
            got = f"{outputs} outputs for an image of shape {image}"
            raise MisuseError(wanted="a whole number of outputs for each entry", got=got, do="match decoder and data")
        return Decoder(inputs, image, config.channels, each, config.activation)
    return mlp(inputs, outputs, config.hidden, config.activation)


def _shape(shape: Shape | None) -> Shape:
    if shape is None:
        raise MisuseError(wanted="images for kind conv", got="data without an image shape", do="take kind mlp")
    return shape


def _image(shape: Shape, channels: Sequence[int]) -> Shape:
    step = 2 ** len(channels)
    if len(shape) != 3 or shape[1] % step or shape[2] % step:
        got = f"{shape}"
        do = "use fewer channels"
        raise MisuseError(wanted=f"images (C, H, W) with H and W divisible by {step}", got=got, do=do)
    return shape
