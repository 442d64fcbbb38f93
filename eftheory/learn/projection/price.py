"""What a projection costs: evidence, ELBO and gap of the model before and after its decoder is replaced, nats a row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from eftheory.learn.densities.products import Rows
from eftheory.learn.evaluation.evaluate import Evaluation, evaluate
from eftheory.learn.models.model import VAE
from eftheory.learn.projection.affine import with_affine_decoder, with_affine_encoder, with_implied_prior


@dataclass(frozen=True, kw_only=True)
class Price:
    """One model on one part of the data. decoder, prior, encoder: whose: ``own``, ``projected``, ``implied`` (by W, u
    and v) or ``affine`` (``W' nu + v``)."""

    part: str
    decoder: str
    prior: str
    encoder: str
    value: Evaluation

    def as_dict(self) -> dict[str, object]:
        who = {"part": self.part, "decoder": self.decoder, "prior": self.prior, "encoder": self.encoder}
        return {**who, **self.value.as_dict()}


@dataclass(frozen=True)
class Variant:
    """A model and whose decoder, prior and encoder it has."""

    model: VAE
    decoder: str
    prior: str
    encoder: str


def variants(model: VAE, W: Tensor, u: Tensor, v: Tensor | None) -> list[Variant]:
    """The model after: its own prior and encoder; and with v, the affine encoder and the implied prior.

    With all three affine parts the joint is a harmonium, and its gap is 0 whatever W, u and v (Theorem 1, converse).
    """
    after = with_affine_decoder(model, W, u)
    found = [Variant(after, "projected", "own", "own")]
    if v is None:
        return found
    affine = with_affine_encoder(after, W, v)
    implied = with_implied_prior(after, v)
    return [
        *found,
        Variant(affine, "projected", "own", "affine"),
        Variant(implied, "projected", "implied", "own"),
        Variant(with_implied_prior(affine, v), "projected", "implied", "affine"),
    ]


def prices(found: list[Variant], data: Mapping[str, Rows], *, samples: int, seed: int) -> tuple[Price, ...]:
    """Each variant on each part of the data."""
    return tuple(
        Price(
            part=part,
            decoder=each.decoder,
            prior=each.prior,
            encoder=each.encoder,
            value=evaluate(each.model, rows, samples=samples, seed=seed),
        )
        for part, rows in data.items()
        for each in found
    )
