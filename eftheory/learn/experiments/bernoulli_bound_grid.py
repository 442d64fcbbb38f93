"""The runs of the bernoulli-bound experiments: settings, architectures, starts; and what the paper's tables say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from eftheory.errors import MisuseError
from eftheory.learn.config import DataConfig, ModelConfig, NetworkConfig, TrainConfig

STARTS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "random": ("random", "predicted"),
        "init": ("bernoulli-bound", "fixed"),
        "through": ("bernoulli-bound-through", "fixed"),
    }
)
"""Name of a start -> ``model.init`` and ``model.encoder_scale``. ``random`` and ``init`` are the paper's two nets."""
ARCHITECTURES: Mapping[str, str] = MappingProxyType(
    {
        "linear": "linear decoder, linear encoder",
        "canonical": "linear decoder, encoder with hidden layers of which the last has d units",
        "deep": "decoder and encoder with hidden layers",
    }
)
SIMULATED = "sparse-components"
WIDTHS, ROWS = (5, 5 / 2, 1), (100, 2, 1)
"""The settings are the largest d and N of the configuration divided by these: 200, 400, 1000 and 100, 5000, 10000."""
Entry = tuple[float, float, float, float]
"""Deviation from the bound, percent: least, largest, mean, standard deviation over 50 starts."""


@dataclass(frozen=True)
class Paper:
    """A line of the paper's tables: the bound, nats, and both nets after training."""

    bound: float
    init: Entry
    random: Entry


def _table(*rows: tuple[float, ...]) -> Mapping[tuple[int, int], Paper]:
    """A row: the bound, then least, largest, mean, deviation of the net with and of the net without the start."""
    settings = [(d, n) for d in (200, 400, 1000) for n in (100, 5000, 10000)]
    found = {}
    for setting, (bound, a, b, c, e, f, g, h, i) in zip(settings, rows, strict=True):
        found[setting] = Paper(bound, (a, b, c, e), (f, g, h, i))
    return MappingProxyType(found)


PAPER: Mapping[tuple[str, str], Mapping[tuple[int, int], Paper]] = MappingProxyType(
    {
        ("deep", "test"): _table(
            (139.34, 5.66, 12.66, 8.6, 1.37, 9.02, 22.08, 14.7, 2.34),
            (138.48, 0.01, 0.11, 0.06, 0.02, 0.1, 0.2, 0.14, 0.02),
            (138.45, -0.01, 0.05, 0.02, 0.01, 0.02, 0.07, 0.05, 0.01),
            (279.08, 5.69, 12.68, 8.64, 1.46, 7.97, 17.19, 12.04, 1.76),
            (277.22, 0.04, 0.09, 0.07, 0.01, 0.24, 0.31, 0.26, 0.01),
            (277.11, 0.02, 0.05, 0.04, 0.01, 0.02, 0.11, 0.09, 0.02),
            (694.80, 5.55, 11.81, 8.73, 1.4, 6.92, 15.33, 10.58, 1.82),
            (693.25, 0.08, 0.13, 0.09, 0.01, 0.02, 0.35, 0.18, 0.08),
            (693.12, 0.02, 0.04, 0.03, 0.0, 0.0, 0.02, 0.01, 0.0),
        ),
        ("deep", "train"): _table(
            (134.52, -16.02, -11.58, -14.36, 0.88, -25.76, -21.81, -23.45, 0.77),
            (138.35, -0.09, -0.03, -0.06, 0.01, -0.13, -0.06, -0.1, 0.01),
            (138.39, -0.04, -0.01, -0.03, 0.01, -0.06, -0.02, -0.04, 0.01),
            (269.59, -22.43, -17.28, -19.89, 1.08, -29.72, -24.42, -27.44, 0.96),
            (276.91, -0.25, -0.14, -0.19, 0.02, -0.41, -0.3, -0.36, 0.02),
            (276.99, -0.06, -0.03, -0.05, 0.01, -0.1, 0.01, -0.07, 0.02),
            (674.44, -27.56, -22.05, -24.71, 1.08, -32.76, -27.03, -30.23, 1.19),
            (692.54, -0.59, -0.44, -0.51, 0.03, -0.55, 0.0, -0.24, 0.14),
            (692.75, -0.19, -0.04, -0.14, 0.02, 0.02, 0.05, 0.04, 0.01),
        ),
        ("canonical", "test"): _table(
            (138.94, 1.71, 2.47, 2.02, 0.15, -0.2, -0.05, -0.12, 0.03),
            (138.49, -0.03, 0.05, 0.01, 0.02, -0.01, 0.07, 0.03, 0.02),
            (138.46, -0.02, 0.04, 0.01, 0.01, -0.01, 0.06, 0.02, 0.01),
            (278.53, 1.22, 1.61, 1.4, 0.08, -0.49, -0.38, -0.43, 0.02),
            (277.21, 0.0, 0.04, 0.03, 0.01, 0.0, 0.09, 0.02, 0.01),
            (277.13, 0.0, 0.02, 0.01, 0.01, 0.01, 0.03, 0.02, 0.01),
            (695.35, 1.11, 1.29, 1.19, 0.03, -0.31, -0.24, -0.28, 0.02),
            (693.29, 0.02, 0.03, 0.02, 0.0, 0.01, 0.04, 0.02, 0.0),
            (693.13, 0.0, 0.02, 0.01, 0.0, 0.0, 0.03, 0.01, 0.0),
        ),
        ("canonical", "train"): _table(
            (134.83, -1.52, -0.95, -1.24, 0.1, 2.47, 2.67, 2.55, 0.04),
            (138.35, -0.06, 0.0, -0.03, 0.01, -0.03, 0.05, 0.02, 0.01),
            (138.40, -0.04, 0.0, -0.02, 0.01, -0.03, 0.03, 0.0, 0.01),
            (268.46, -1.39, -1.16, -1.26, 0.04, 2.8, 2.98, 2.92, 0.04),
            (276.90, -0.04, -0.01, -0.02, 0.01, -0.02, 0.05, 0.0, 0.01),
            (276.99, -0.02, 0.0, -0.01, 0.0, -0.02, 0.01, -0.01, 0.0),
            (674.50, -1.27, -1.17, -1.23, 0.02, 2.1, 2.25, 2.17, 0.03),
            (692.55, -0.03, -0.01, -0.02, 0.0, -0.01, 0.01, 0.0, 0.01),
            (692.76, -0.02, -0.01, -0.01, 0.0, -0.01, 0.01, -0.01, 0.0),
        ),
    }
)
"""(architecture, part) -> (d, N) -> tables 1 and 2 and those of appendix A.4."""


@dataclass(frozen=True)
class Cell:
    """architecture: of `ARCHITECTURES`; setting: (d, N) of the simulation, or None for a data set, whose name is
    `data`; start: of `STARTS`."""

    architecture: str
    data: str
    setting: tuple[int, int] | None
    start: str

    @property
    def group(self) -> str:
        """Without the start: ``canonical-d200-n100``, ``deep-mnist``."""
        where = self.data if self.setting is None else f"d{self.setting[0]}-n{self.setting[1]}"
        return f"{self.architecture}-{where}"

    @property
    def name(self) -> str:
        return f"{self.group}-{self.start}"

    def paper(self, part: str) -> Paper | None:
        """The paper's line, where it has one. part: ``train`` or ``test``."""
        known = PAPER.get((self.architecture, part), {})
        return None if self.setting is None else known.get(self.setting)

    def config(self, base: TrainConfig, seed: int) -> TrainConfig:
        """The run: as many updates in every setting, so the more epochs the fewer rows there are."""
        data, phases = base.data, base.phases
        if self.setting is not None:
            d, n = self.setting
            most = data.train or n
            phases = tuple(
                replace(p, epochs=p.epochs * -(-most // min(p.batch, most)) // -(-n // min(p.batch, n))) for p in phases
            )
            data = replace(data, width=d, train=n)
        name = f"{base.name}-{self.name}"
        return replace(base, name=name, seed=seed, data=data, model=self._model(base.model, data), phases=phases)

    def _model(self, model: ModelConfig, data: DataConfig) -> ModelConfig:
        init, scale = STARTS[self.start]
        d = data.width or data.vocabulary
        linear, encoder = NetworkConfig(kind="linear"), model.encoder_network
        if self.architecture == "canonical":
            encoder = replace(encoder, hidden=(*encoder.hidden[:-1], d or encoder.hidden[-1]))
        return replace(
            model,
            decoder=model.decoder if d is None else f"bernoulli({d})",
            decoder_network=model.decoder_network if self.architecture == "deep" else linear,
            encoder_network=linear if self.architecture == "linear" else encoder,
            init=init,
            encoder_scale=scale,
        )


def cells(config: TrainConfig, width: int) -> list[Cell]:
    """Every run of the experiment. width: of the data, d.

    The simulation has the paper's two architectures in nine settings; a data set has a linear model and a deep one. The
    start ``init`` is left out where the last hidden layer is too narrow for it, ``through`` where nothing is hidden.
    Raises MisuseError for a configuration without hidden layers, or of a simulation without its sizes.
    """
    data, hidden = config.data, config.model.encoder_network.hidden
    if not hidden or not config.model.decoder_network.hidden:
        raise MisuseError(wanted="hidden layers, of the deep model", got="none", do="change numbers only")
    if data.name != SIMULATED:
        return [
            Cell(architecture, data.name, None, start)
            for architecture in ("linear", "deep")
            for start in STARTS
            if start != ("through" if architecture == "linear" else "init" if hidden[-1] < width else "")
        ]
    if data.width is None or data.train is None:
        got = f"width {data.width}, train {data.train}"
        raise MisuseError(wanted="data.width and data.train, the largest setting", got=got, do="give both")
    return [
        Cell(architecture, data.name, setting, start)
        for architecture in ("canonical", "deep")
        for setting in settings(data.width, data.train)
        for start in STARTS
        if start != "init" or architecture == "canonical" or hidden[-1] >= setting[0]
    ]


def settings(width: int, rows: int) -> Sequence[tuple[int, int]]:
    """The nine (d, N) below the largest."""
    return [(round(width / over), max(2, rows // fewer)) for over in WIDTHS for fewer in ROWS]
