"""An exponential-family VAE: two densities, two networks and a prior (theory: section 1).

``p(x|z) = h(x) exp(<nu(x), f(z)> - A(f(z)))``, ``q(z|x) = k(z) exp(<psi(z), g(x)> - B(g(x)))``, prior p(z).
"""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor, nn

from eftheory.errors import MisuseError
from eftheory.learn.config import ModelConfig, specification
from eftheory.learn.datasets.sparse import SparseRows
from eftheory.learn.densities.density import Density
from eftheory.learn.densities.products import Rows, latent_table
from eftheory.learn.models import networks
from eftheory.learn.models.count_head import count_head
from eftheory.learn.models.priors import Prior, prior_of

ENUMERABLE = 2**20
"""Latent spaces up to this many points may be written down whole."""


@final
class VAE(nn.Module):
    """decoder, encoder: `Density`; f, g: networks with outputs of raw parameters, mapped into the natural domains.

    x: (N, D) or `SparseRows`; z: (..., L); natural parameters (..., n) and (N, m). Built by `build`.
    """

    def __init__(
        self, *, decoder: Density, encoder: Density, f: nn.Module, g: nn.Module, prior: Prior, scale: Tensor | None
    ) -> None:
        super().__init__()
        self.decoder, self.encoder, self.f, self.g, self.prior = decoder, encoder, f, g, prior
        self.scale = None if scale is None else nn.Parameter(scale)
        self.frequencies = False
        self.head = count_head(decoder, f)
        codes = encoder.points() if (encoder.points_count or ENUMERABLE + 1) <= ENUMERABLE else None
        self.register_buffer("codes", codes, persistent=False)

    def decode(self, z: Tensor) -> Tensor:
        """``f(z)``, the decoder's natural parameters, (..., n)."""
        raw = self.f(z)
        if self.scale is not None:  # one learned scale: the raw parameters of a unit are (location, scale)
            raw = torch.stack([raw, self.scale.expand_as(raw)], -1).flatten(-2)
        return self.decoder.natural(raw)

    def last_layer(self, z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """``f(z) = W h + b`` in its parts, where f ends in a linear layer: h (..., d), W (n, d), b (n)."""
        layers = list(self.f.children())
        last = layers.pop()
        assert isinstance(last, networks.Linear), "asked only of a model with a head"
        for layer in layers:
            z = layer(z)
        return z, last.matrix, last.bias

    def encode(self, x: Rows) -> Tensor:
        """``g(x)``, the encoder's natural parameters, (N, m)."""
        return self.encoder.natural(self.encode_raw(x))

    def encode_raw(self, x: Rows) -> Tensor:
        """The encoder's raw parameters, which `Density.natural` maps into the natural domain, (N, raw_width)."""
        raw: Tensor = self.g(self.inputs(x))
        return raw

    def inputs(self, x: Rows) -> Rows:
        """What the encoder network sees: x, or its frequencies ``x / |x|``."""
        if not self.frequencies:
            return x
        if isinstance(x, SparseRows):
            return x.scaled()
        return x / x.sum(-1, keepdim=True).clamp(min=1.0)  # of counts: only rows of zeros, which stay so, have less

    def log_likelihood(self, x: Rows, z: Tensor) -> Tensor:
        """``log p(x|z)``, nats. x: (N, D), z: (..., N, L); (..., N)."""
        if self.head is not None:  # counts behind a linear layer: the natural parameters are never written down
            return self.head.log_prob(x, *self.last_layer(z))
        return self.decoder.log_prob(x, self.decode(z))

    def log_prior(self, z: Tensor) -> Tensor:
        """``log p(z)``, nats, (...)."""
        return self.prior.log_prob(z, self)

    def latents(self) -> Tensor:
        """Every z of finite latents, (K, L). Raises MisuseError for others and for more than `ENUMERABLE`."""
        codes: Tensor | None = self.codes  # type: ignore[assignment]
        if codes is None:
            got = f"{self.encoder.family}"
            do = "take an estimator that samples"
            raise MisuseError(wanted=f"at most {ENUMERABLE} latent points", got=got, do=do)
        return codes

    def table(self, x: Rows, codes: Tensor | None = None) -> Tensor:
        """``log p(x|z)`` for all z (or for `codes`), (N, K), nats."""
        eta = self.decode(self.latents() if codes is None else codes)
        return latent_table(self.decoder, x, eta) + self.decoder.log_base(x)[:, None]

    def sample(self, count: int) -> tuple[Tensor, Tensor]:
        """Pairs (x, z) from the joint, (count, D) and (count, L)."""
        z = self.prior.sample(count, self)
        return self.decoder.sample(self.decode(z)), z


def build(config: ModelConfig, *, shape: tuple[int, ...] | None = None, sparse: bool = False) -> VAE:
    """A model from its configuration, parameters drawn from torch's global generator.

    shape: of images, for convolutions. sparse: the data come as `SparseRows`. Raises MisuseError.
    """
    asked = specification(config)
    decoder, encoder = Density(asked.decoder), Density(asked.encoder)
    if asked.inputs.kind not in ("x", "frequencies"):
        raise MisuseError(wanted="inputs x or frequencies", got=str(asked.inputs), do="train on one of these")
    outputs, scale = _outputs(config, decoder)
    codes = encoder.points() if (encoder.points_count or ENUMERABLE + 1) <= ENUMERABLE else None
    f = networks.decoder_network(
        config.decoder_network, inputs=encoder.width, outputs=outputs, shape=shape, codes=codes
    )
    g = networks.encoder_network(
        config.encoder_network,
        inputs=decoder.width,
        outputs=_encoder_outputs(config, encoder),
        shape=shape,
        sparse=sparse,
    )
    if config.encoder_scale != "predicted":
        g = networks.GlobalScale(g, encoder.width, learned=config.encoder_scale == "global")
    prior = prior_of(asked.prior, encoder, decoder)
    model = VAE(decoder=decoder, encoder=encoder, f=f, g=g, prior=prior, scale=scale)
    model.frequencies = asked.inputs.kind == "frequencies"
    return model


def _outputs(config: ModelConfig, decoder: Density) -> tuple[int, Tensor | None]:
    """How many numbers the decoder network gives, and the global scale (a raw parameter), if there is one."""
    if config.decoder_scale == "predicted":
        return decoder.raw_width, None
    if decoder.raw_width != 2 * decoder.width or not decoder.has_scale:
        do = "write normal(d), whose parameters are mean and variance"
        raise MisuseError(wanted="a decoder with a scale", got=str(decoder.family), do=do)
    return decoder.width, torch.tensor(2.0 * torch.log(torch.tensor(config.scale_start)).item())


def _encoder_outputs(config: ModelConfig, encoder: Density) -> int:
    """How many numbers the encoder network gives: means only where the scale is no matter of x."""
    if config.encoder_scale == "predicted":
        return encoder.raw_width
    if encoder.raw_width != 2 * encoder.width or not encoder.has_scale:
        got, do = f"encoder {encoder.family}", "write normal(k), or encoder_scale = 'predicted'"
        raise MisuseError(wanted=f"an encoder with a scale for encoder_scale {config.encoder_scale!r}", got=got, do=do)
    return encoder.width
