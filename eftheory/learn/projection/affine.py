"""A model with an affine decoder or encoder in place of its own: ``W psi + u`` (eq. 5), ``W'nu + v`` (eq. 6)."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor, nn

from eftheory.errors import MisuseError
from eftheory.learn.densities.density import Density
from eftheory.learn.densities.products import Rows, moment_product
from eftheory.learn.models.model import VAE
from eftheory.learn.models.priors import Implied

ENTRIES = 2**23
"""Natural parameters that `outside` looks at together."""


@final
class AffineDecoder(nn.Module):
    """From z (..., L) to the raw parameters whose natural ones are ``W psi(z) + u``."""

    def __init__(self, decoder: Density, encoder: Density, W: Tensor, u: Tensor) -> None:
        super().__init__()
        self._decoder, self._encoder = decoder, encoder
        self.register_buffer("W", W)
        self.register_buffer("u", u)

    def forward(self, z: Tensor) -> Tensor:
        W, u = (getattr(self, name) for name in ("W", "u"))
        eta = self._encoder.statistics(z) @ W.T + u
        return self._decoder.raw(eta)


@final
class AffineEncoder(nn.Module):
    """From rows x to the raw parameters whose natural ones are ``W' nu(x) + v``."""

    def __init__(self, decoder: Density, encoder: Density, W: Tensor, v: Tensor) -> None:
        super().__init__()
        self._decoder, self._encoder = decoder, encoder
        self.register_buffer("W", W)
        self.register_buffer("v", v)

    def forward(self, x: Rows) -> Tensor:
        W, v = (getattr(self, name) for name in ("W", "v"))
        return self._encoder.raw(moment_product(self._decoder, x, W) + v)


def with_affine_decoder(model: VAE, W: Tensor, u: Tensor) -> VAE:
    """`model` with ``f = W psi + u``, its own prior and encoder."""
    f = AffineDecoder(model.decoder, model.encoder, W, u)
    return _changed(model, f=f, scale=None)


def with_affine_encoder(model: VAE, W: Tensor, v: Tensor) -> VAE:
    """`model` with ``g = W' nu + v``, which sees x itself."""
    made = _changed(model, g=AffineEncoder(model.decoder, model.encoder, W, v), scale=model.scale)
    made.frequencies = False
    return made


def with_implied_prior(model: VAE, v: Tensor) -> VAE:
    """`model` with the prior that v implies (finite latents, a known total). Raises MisuseError for others."""
    if model.encoder.points_count is None or model.decoder.needs_total:
        got, do = f"{model.encoder.family}, {model.decoder.family}", "keep the model's own prior"
        raise MisuseError(wanted="finite latents and a known total", got=got, do=do)
    prior = Implied(model.encoder).double()
    prior.v = nn.Parameter(v.clone(), requires_grad=False)
    return _changed(model, prior=prior, scale=model.scale)


def _changed(model: VAE, *, scale: Tensor | None, **parts: nn.Module) -> VAE:
    """A new model with some parts exchanged; the others are shared."""
    given = {"f": model.f, "g": model.g, "prior": model.prior, **parts}
    made = VAE(decoder=model.decoder, encoder=model.encoder, scale=scale, **given)  # type: ignore[arg-type]
    made.frequencies = model.frequencies
    return made.double().eval().requires_grad_(False)


def outside(model: VAE, W: Tensor, u: Tensor, codes: Tensor) -> str:
    """Where ``W psi(z) + u`` leaves the decoder's natural domain: the first such z of codes (c, L) in words, or ''."""
    decoder = model.decoder
    for block in codes.split(max(1, ENTRIES // len(u))):
        eta = model.encoder.statistics(block) @ W.T + u
        total = torch.ones(len(block), dtype=torch.float64) if decoder.needs_total else None
        bad = ~torch.isfinite(decoder.log_partition(eta, total)) | ~torch.isfinite(decoder.raw(eta)).all(-1)
        if bool(bad.any()):
            return f"z = {block[bad][0].tolist()}"
    return ""
