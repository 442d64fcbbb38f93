"""The grid of vae-error table 2: its cells as configurations, and what the paper's table says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from eftheory.errors import MisuseError
from eftheory.learn.config import ModelConfig, NetworkConfig, TrainConfig

BITS = (8, 16, 32, 64)
DECODERS = ("d0", "d1", "d2")
ENCODERS = ("e1", "e2", "e3")
ABOUT: Mapping[str, str] = MappingProxyType(
    {
        "d0": "linear",
        "d1": "one hidden ReLU layer",
        "d2": "two hidden ReLU layers",
        "e1": "linear, on counts",
        "e2": "two hidden ReLU layers, on frequencies",
        "e3": "linear, on frequencies",
    }
)
PAPER: Mapping[str, Mapping[int, tuple[int, ...]]] = MappingProxyType(
    {
        "train": {
            8: (419, 429, 439, 321, 390, 415, 325, 370, 421),
            16: (382, 398, 419, 201, 329, 407, 164, 269, 413),
            32: (337, 358, 412, 165, 189, 403, 132, 159, 411),
            64: (296, 324, 407, 171, 189, 398, 134, 149, 409),
        },
        "test": {
            8: (423, 429, 435, 413, 421, 424, 418, 423, 427),
            16: (409, 417, 421, 404, 422, 420, 410, 416, 422),
            32: (396, 413, 416, 399, 413, 418, 406, 416, 421),
            64: (392, 411, 414, 398, 413, 417, 406, 417, 422),
        },
    }
)
"""Table 2, lowest over the epochs; columns d0 e1, d0 e2, d0 e3, d1 e1, ..."""


@dataclass(frozen=True)
class Cell:
    """decoder: d0, d1, d2, so many hidden layers; encoder: e1, e2, e3; bits of the code."""

    decoder: str
    encoder: str
    bits: int

    @property
    def name(self) -> str:
        return f"{self.decoder}-{self.encoder}-{self.bits}"

    def paper(self, part: str) -> int:
        """The paper's entry. part: ``train`` or ``test``."""
        column = len(ENCODERS) * DECODERS.index(self.decoder) + ENCODERS.index(self.encoder)
        return PAPER[part][self.bits][column]

    def config(self, base: TrainConfig, seed: int) -> TrainConfig:
        """The run of this cell, made from the configuration of d2-e2. Raises MisuseError for one that is not."""
        model, data = base.model, base.data
        deep = (model.decoder_network, model.encoder_network)
        if data.vocabulary is None or any(len(network.hidden) != 2 for network in deep):
            got = f"data.vocabulary {data.vocabulary}, hidden {[list(network.hidden) for network in deep]}"
            do = "change numbers of the configuration 'text' only"
            raise MisuseError(wanted="data.vocabulary and two hidden layers each", got=got, do=do)
        return replace(base, name=f"{base.name}-{self.name}", seed=seed, model=self._model(model, data.vocabulary))

    def _model(self, model: ModelConfig, vocabulary: int) -> ModelConfig:
        return replace(
            model,
            decoder=f"multinomial({vocabulary})",
            encoder=f"bernoulli({self.bits})",
            inputs="x" if self.encoder == "e1" else "frequencies",
            decoder_network=_first(model.decoder_network, DECODERS.index(self.decoder)),
            encoder_network=_first(model.encoder_network, 2 if self.encoder == "e2" else 0),
        )


def _first(network: NetworkConfig, layers: int) -> NetworkConfig:
    """The network with its first hidden layers only; without any it is linear."""
    return replace(network, kind="mlp" if layers else "linear", hidden=network.hidden[:layers])


CELLS = tuple(Cell(d, e, bits) for d in DECODERS for bits in BITS for e in ENCODERS)
"""All 36, row by row of the table, a decoder after the other: stopped early, whole rows are compared."""
