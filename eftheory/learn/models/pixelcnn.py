"""A PixelCNN decoder of binary images, and the model that it makes with a normal encoder.

``p(x|z) = prod_i Bernoulli(x_i | x_<i, z)``, the pixels in raster order: van den Oord et al. (2016), *Conditional image
generation with PixelCNN decoders*, in the simplified form of InfoVAE, appendix C (one stack, no gates; so the blind
spot of the first PixelCNN remains). Given z the pixels depend on each other: this is no exponential family with
parameters f(z), and what `eftheory.check` says of Bernoulli decoders does not hold for it.
"""

from __future__ import annotations

import math
from typing import final

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, linear, logsigmoid

from eftheory.errors import MisuseError
from eftheory.learn.config import ModelConfig, specification
from eftheory.learn.densities.density import Density
from eftheory.learn.densities.products import Rows
from eftheory.learn.models.networks import ACTIVATIONS, encoder_network
from eftheory.learn.models.priors import Prior, prior_of

FIRST, LATER = 7, 5
"""Sides of the masked kernels: of the layer that sees the pixels, and of those after it."""
LEAST, MOST = 0.01, 2.0
"""Between which standard deviations of q(z|x) lie: with alpha = 1 nothing else keeps them from 0 (InfoVAE, section 4),
and where a discriminator pushes, nothing keeps them small."""
START = -2.0
"""The logit of an untrained deviation within these bounds: about 0.25. At 1, q(z) = p(z) from the start with means that
tell nothing: no divergence of q(z) then asks for more, and hardly a gradient does."""
SAMPLED = 256
"""Images that are drawn at a time."""


@final
class MaskedConv(nn.Module):
    """A convolution of odd side that sees what comes before its place in raster order; `own`: its own place too."""

    mask: Tensor

    def __init__(self, before: int, after: int, side: int, *, own: bool) -> None:
        super().__init__()
        seen = side * side // 2 + own
        bound = 1.0 / math.sqrt(before * seen)  # torch's own rule, counting only what is seen
        self.weight = nn.Parameter(torch.empty(after, before, side, side).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(after).uniform_(-bound, bound))
        self.side = side
        mask = (torch.arange(side * side) < seen).float().reshape(side, side)
        self.register_buffer("mask", mask, persistent=False)

    def forward(self, maps: Tensor) -> Tensor:
        """(N, before, H, W) to (N, after, H, W)."""
        return conv2d(maps, self.weight * self.mask, self.bias, padding=self.side // 2)

    def at(self, padded: Tensor, row: int, column: int) -> Tensor:
        """One place of `forward`, (N, after), from maps with side // 2 zeros all round."""
        patch = padded[:, :, row : row + self.side, column : column + self.side]
        return linear(patch.flatten(1), (self.weight * self.mask).flatten(1), self.bias)


@final
class PixelCNN(nn.Module):
    """The logit of every pixel from those before it and z. shape: (1, H, W); channels: of every one of `layers` layers.

    A masked layer on the pixels; residual masked layers; a logit. z is in the bias of every layer, the same at every
    place (their conditioning that is independent of location): what varies over the image must come from the pixels.
    """

    def __init__(self, shape: tuple[int, ...], *, latents: int, channels: int, layers: int, activation: str) -> None:
        super().__init__()
        if len(shape) != 3 or shape[0] != 1:
            raise MisuseError(wanted="images (1, H, W) for a PixelCNN", got=f"shape {shape}", do="take grey images")
        _, self.height, self.width = shape
        self.channels = channels
        self.first = MaskedConv(1, channels, FIRST, own=False)
        self.layers = nn.ModuleList(MaskedConv(channels, channels, LATER, own=True) for _ in range(layers - 1))
        self.biases = nn.ModuleList(nn.Linear(latents, channels) for _ in range(layers))
        self.head = MaskedConv(channels, 1, 1, own=True)
        self.activation = ACTIVATIONS[activation]()

    def logits(self, x: Tensor, z: Tensor) -> Tensor:
        """``log p(x_i = 1 | x_<i, z) / p(x_i = 0 | x_<i, z)``, (..., N, D). x: (N, D); z: (..., N, L)."""
        flat, many = z.reshape(-1, z.shape[-1]), z.shape[:-1]
        seen = self.first(self._signs(x).reshape(len(x), 1, self.height, self.width))
        hidden = seen.expand(*many, *seen.shape[1:]).reshape(-1, *seen.shape[1:])
        *biases, last = (bias(flat)[..., None, None] for bias in self.biases)
        for layer, bias in zip(self.layers, biases, strict=True):
            hidden = hidden + layer(self.activation(hidden + bias))
        out: Tensor = self.head(self.activation(hidden + last))
        return out.reshape(*many, -1)

    def log_likelihood(self, x: Tensor, z: Tensor) -> Tensor:
        """``log p(x|z) = sum_i log p(x_i | x_<i, z)``, (..., N), nats. x: (N, D) of 0 and 1; z: (..., N, L)."""
        return logsigmoid(self._signs(x) * self.logits(x, z)).sum(-1)

    @torch.no_grad()
    def sample(self, z: Tensor) -> Tensor:
        """A draw of p(x|z) for each z, (N, D), pixel by pixel from torch's global generator. z: (N, L)."""
        return torch.cat([self._draw(block) for block in z.split(SAMPLED)])

    def _draw(self, z: Tensor) -> Tensor:
        """Every layer is computed at the current pixel alone, from what it kept of the earlier ones."""
        *biases, last = (bias(z) for bias in self.biases)
        seen = self._kept(z, 1, FIRST)
        kept = [self._kept(z, self.channels, LATER) for _ in self.layers]
        pixels = z.new_zeros(len(z), self.height, self.width)
        for row in range(self.height):
            for column in range(self.width):
                hidden = self.first.at(seen, row, column)
                for layer, bias, before in zip(self.layers, biases, kept, strict=True):
                    before[:, :, row + LATER // 2, column + LATER // 2] = self.activation(hidden + bias)
                    hidden = hidden + layer.at(before, row, column)  # type: ignore[operator]
                logit = self.head.at(self.activation(hidden + last)[..., None, None], 0, 0)[:, 0]
                pixels[:, row, column] = torch.bernoulli(torch.sigmoid(logit))
                seen[:, 0, row + FIRST // 2, column + FIRST // 2] = self._signs(pixels[:, row, column])
        return pixels.flatten(1)

    def _kept(self, like: Tensor, channels: int, side: int) -> Tensor:
        return like.new_zeros(len(like), channels, self.height + side - 1, self.width + side - 1)

    @staticmethod
    def _signs(x: Tensor) -> Tensor:
        """0 and 1 as -1 and 1: beyond the edge, where there are zeros, is neither."""
        return 2.0 * x - 1.0


@final
class PixelVAE(nn.Module):
    """A PixelCNN, a normal encoder with deviations from `LEAST` to `MOST`, and a prior; all that `train` asks of a VAE.

    decoder: of the support of x alone (its width, its check of the data). x: (N, D); z: (..., L). Built by `build`.
    """

    def __init__(self, *, decoder: Density, encoder: Density, f: PixelCNN, g: nn.Module, prior: Prior) -> None:
        super().__init__()
        self.decoder, self.encoder, self.f, self.g, self.prior = decoder, encoder, f, g, prior

    def encode_raw(self, x: Rows) -> Tensor:
        """(mean, log variance) of each latent in turn, (N, 2 L)."""
        mean, wide = self.g(x).unflatten(-1, (-1, 2)).unbind(-1)
        deviation = LEAST + (MOST - LEAST) * torch.sigmoid(wide + START)
        return torch.stack([mean, 2.0 * deviation.log()], -1).flatten(-2)

    def encode(self, x: Rows) -> Tensor:
        """The encoder's natural parameters, (N, m)."""
        return self.encoder.natural(self.encode_raw(x))

    def log_likelihood(self, x: Tensor, z: Tensor) -> Tensor:
        """``log p(x|z)``, (..., N), nats. x: (N, D), z: (..., N, L)."""
        return self.f.log_likelihood(x, z)

    def log_prior(self, z: Tensor) -> Tensor:
        """``log p(z)``, nats, (...)."""
        return self.prior.log_prob(z, self)  # type: ignore[arg-type]

    def draw_prior(self, count: int) -> Tensor:
        """Draws of p(z), (count, L)."""
        return self.prior.sample(count, self)  # type: ignore[arg-type]

    def sample(self, count: int) -> tuple[Tensor, Tensor]:
        """Pairs (x, z) from the joint, (count, D) and (count, L)."""
        z = self.draw_prior(count)
        return self.f.sample(z), z


def build(config: ModelConfig, *, shape: tuple[int, ...] | None = None, sparse: bool = False) -> PixelVAE:
    """A model from its configuration, parameters drawn from torch's global generator.

    decoder_network: kind ``conv``; one masked layer for each of `channels`, which are all the same number.
    Raises MisuseError: other images than ``bernoulli(D)`` of shape (1, H, W), another encoder than ``normal(L)``.
    """
    asked, channels = specification(config), set(config.decoder_network.channels)
    decoder, encoder = Density(asked.decoder), Density(asked.encoder)
    if config.decoder_network.kind != "conv" or len(channels) != 1:
        got = f"kind {config.decoder_network.kind!r}, channels {list(config.decoder_network.channels)}"
        raise MisuseError(wanted="decoder_network of kind conv with equal channels", got=got, do="as in [24, 24, 24]")
    if not decoder.independent_bits or not encoder.has_scale or asked.inputs.kind != "x":
        got = f"decoder {decoder.family}, encoder {encoder.family}, inputs {asked.inputs}"
        wanted = "decoder bernoulli(D), encoder normal(L) and inputs x for a PixelCNN"
        raise MisuseError(wanted=wanted, got=got, do="change them")
    if sparse or shape is None or math.prod(shape) != decoder.width:
        got = f"data of shape {shape} for {decoder.family}"
        raise MisuseError(wanted="dense images, a pixel for each bit", got=got, do="match the decoder and the data")
    f = PixelCNN(
        shape,
        latents=encoder.width,
        channels=channels.pop(),
        layers=len(config.decoder_network.channels),
        activation=config.decoder_network.activation,
    )
    g = encoder_network(
        config.encoder_network, inputs=decoder.width, outputs=encoder.raw_width, shape=shape, sparse=False
    )
    return PixelVAE(decoder=decoder, encoder=encoder, f=f, g=g, prior=prior_of(asked.prior, encoder, decoder))
