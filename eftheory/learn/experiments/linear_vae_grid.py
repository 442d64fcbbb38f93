"""The parts of the linear-vae experiment: what each changes in the configuration. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction

from eftheory.learn.config import NetworkConfig, Phase, TrainConfig

SIZES = (2, 5, 10, 20, 50)
"""Latent sizes; the last one is that of the parts about collapse."""
ESTIMATORS = {"analytic": "analytic", "stochastic": "reparameterised"}
HIDDEN = (128,)
"""Widths of the hidden layers, wherever there are any."""
LINEAR = NetworkConfig(kind="linear")
MLP = NetworkConfig(kind="mlp", hidden=HIDDEN, activation="tanh")
ENCODERS: Mapping[str, tuple[NetworkConfig, str]] = {
    "linear": (LINEAR, "global"),
    "deep-linear": (NetworkConfig(kind="mlp", hidden=HIDDEN, activation="identity"), "global"),
    "diagonal": (LINEAR, "predicted"),
    "non-linear": (MLP, "predicted"),
}
"""Name -> network, and where the variances come from. diagonal: the mean is affine in x, and so are log variances."""
ABOUT = {
    "linear": "mean affine in x, one diagonal for all x",
    "deep-linear": "the same through a hidden layer without activation",
    "diagonal": "mean and log variances affine in x",
    "non-linear": "mean and log variances from a tanh network",
}
NOISES = (0.03, 0.1, 0.3, 1.0, 3.0)
"""Variances of the decoder: fixed, or where learning starts."""
KINDS = ("linear-fixed", "deep-fixed", "deep-learned")


@dataclass(frozen=True)
class Part:
    """family: ``size``, ``encoder``, or one of `KINDS`; k: latents; noise: of the last three kinds."""

    name: str
    family: str
    k: int
    estimator: str = "analytic"
    encoder: str = "linear"
    noise: float | None = None

    @property
    def deep(self) -> bool:
        return self.family.startswith("deep")

    def config(self, base: TrainConfig, seed: int) -> TrainConfig:
        """The run of this part. `base`: the configuration of the experiment."""
        network, scale = ENCODERS[self.encoder]
        width = base.model.decoder.removeprefix("normal(").removesuffix(")")
        fixed = self.noise is not None and not self.family.endswith("learned")
        model = replace(
            base.model,
            decoder=f"normal({width}, variance={Fraction(str(self.noise))})" if fixed else base.model.decoder,
            decoder_scale="predicted" if fixed else "global",
            scale_start=self.noise**0.5 if self.noise and not fixed else base.model.scale_start,
            encoder=f"normal({self.k})",
            prior=f"normal({self.k}, mean=0, variance=1)",
            encoder_network=MLP if self.deep else network,
            decoder_network=MLP if self.deep else LINEAR,
            encoder_scale="predicted" if self.deep else scale,
        )
        return replace(base, seed=seed, model=model, phases=tuple(map(self._phase, base.phases)))

    def _phase(self, phase: Phase) -> Phase:
        shorter = max(1, phase.epochs // 2) if self.noise is not None else phase.epochs
        return replace(phase, estimator=ESTIMATORS[self.estimator], epochs=shorter)


def parts_of(base: TrainConfig) -> list[Part]:
    """All parts, in the order they run: sizes, encoders, collapse."""
    latents = latents_of(base)
    sizes = [Part(f"k{k}-{how}", "size", k, how) for k in sorted({*SIZES, latents}) for how in ESTIMATORS]
    encoders = [Part(f"encoder-{name}", "encoder", latents, encoder=name) for name in ENCODERS if name != "linear"]
    collapse = [
        Part(f"{kind}-{noise:g}", kind, SIZES[-1], "stochastic" if kind.startswith("deep") else "analytic", noise=noise)
        for kind in KINDS
        for noise in NOISES
    ]
    return sizes + encoders + collapse


def latents_of(base: TrainConfig) -> int:
    """k of the configuration's encoder ``normal(k)``."""
    return int(base.model.encoder.removeprefix("normal(").removesuffix(")"))


def linear_encoder(base: TrainConfig) -> str:
    """The part that stands for the linear encoder among the four."""
    return f"k{latents_of(base)}-analytic"
