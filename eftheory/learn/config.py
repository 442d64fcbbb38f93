"""What a run is: one frozen `TrainConfig`, read from TOML. No torch is needed to read, check or print one.

Modelling choices have no defaults; knobs have. Unknown keys, wrong types and numbers out of range raise MisuseError
with the key's full name; nothing in a file is executed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from eftheory.errors import MisuseError

OBJECTIVES = ("elbo", "likelihood", "conditional", "iwae", "infovae")
ESTIMATORS = ("exact", "analytic", "reparameterised", "arm", "disarm", "reinforce-loo")
NETWORKS = ("mlp", "linear", "table", "conv")
TRAINS = ("both", "encoder", "decoder")
DIVERGENCES = ("kl", "mmd", "stein", "adversarial")
KERNELS = ("rbf", "inverse-multiquadric", "laplace", "polynomial")
ACTIVATIONS = ("relu", "tanh", "silu", "leaky-relu", "identity")
ENCODER_SCALES = ("predicted", "global", "fixed")
INITS = ("random", "bernoulli-bound", "bernoulli-bound-through")
PRECISIONS = ("32-true", "64-true", "16-mixed", "bf16-mixed")


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """Which data. name: see `eftheory.learn.datasets.data.NAMES`; path: of a user's own ``npz``.

    train, test: how many rows (all where not given). binarise: ``threshold`` or ``sample`` for images in [0, 1], else
    left grey; ``presence`` for counts of words. vocabulary: the first so many words. centres (K, D), variance: of a
    sampled mixture. width: of simulated rows.
    """

    name: str
    path: str | None = None
    train: int | None = None
    test: int | None = None
    binarise: str | None = None
    vocabulary: int | None = None
    centres: tuple[tuple[float, ...], ...] | None = None
    variance: float | None = None
    width: int | None = None


@dataclass(frozen=True, kw_only=True)
class NetworkConfig:
    """kind: ``mlp`` (hidden: widths), ``linear``, ``table`` (finite latents: one row each) or ``conv`` (DCGAN-like).

    channels: of a convolution, from the image side to the latent side, each halving the resolution.
    start: ``random``, or ``truth``: the parameters that generated the data, for a table.
    """

    kind: str
    hidden: tuple[int, ...] = ()
    channels: tuple[int, ...] = ()
    activation: str = "relu"
    start: str = "random"


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """The specification that `eftheory.check` takes, and the networks.

    decoder, encoder: families with explicit sizes. prior: ``uniform``, a family with values, ``same`` (the encoder's
    family, learned), a family without values (learned), or ``implied`` (the harmonium's: finite latents).
    inputs: ``x`` or ``frequencies``. decoder_scale: for decoders with a scale, ``predicted`` by the
    network or ``global`` (one learned number, started at scale_start, a standard deviation). encoder_scale, of
    normal(k): the variances ``predicted`` by the network, ``global`` (one learned diagonal for all x) or ``fixed`` (the
    same, not trained); the last two start at 1. init: ``random``, or from the closed form of the Bernoulli bound, the
    last layers alone (``bernoulli-bound``) or with hidden layers that pass it through: see `runs.bound_start`.
    """

    decoder: str
    encoder: str
    prior: str
    inputs: str
    decoder_network: NetworkConfig
    encoder_network: NetworkConfig
    decoder_scale: str = "predicted"
    scale_start: float = 1.0
    encoder_scale: str = "predicted"
    init: str = "random"


@dataclass(frozen=True, kw_only=True)
class Phase:
    """One stretch of training. objective: elbo, likelihood, conditional (``E log q(z|x)`` on pairs from the model) or
    iwae; estimator: of the ELBO's gradient; samples: of z for each x; trains: both, encoder or decoder.

    Of infovae: alpha, weight (the paper's lambda), divergence of q(z) from p(z) (kl, mmd, stein or adversarial), kernel
    of mmd and stein; force: train although a hypothesis of the theory fails, and record which."""

    objective: str
    estimator: str
    epochs: int
    batch: int
    learning_rate: float
    samples: int = 1
    trains: str = "both"
    name: str = ""
    alpha: float = 0.0
    weight: float = 1.0
    divergence: str = "mmd"
    kernel: str = "rbf"
    force: bool = False


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """Knobs that change no model. save_every, evaluate_every, log_every: steps (0: only at the end of each phase).

    evaluate_rows: of train and of test, at most. evaluate_samples: of z for each x where it is not enumerated.
    """

    save_every: int = 1000
    evaluate_every: int = 0
    log_every: int = 50
    evaluate_rows: int = 2000
    evaluate_samples: int = 64
    precision: str = "32-true"
    compile: bool = False
    cuda_graphs: bool = False
    devices: int = 1


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """A run: data, model, phases in order, knobs, and the seed that everything random starts from."""

    name: str
    seed: int
    data: DataConfig
    model: ModelConfig
    phases: tuple[Phase, ...]
    run: RunConfig = field(default_factory=RunConfig)

    def __post_init__(self) -> None:
        check(self)


def check(config: TrainConfig) -> None:
    """Raise MisuseError for words that are not known and numbers that no run can have."""
    model = config.model
    for role, network in (("decoder_network", model.decoder_network), ("encoder_network", model.encoder_network)):
        where = f"model.{role}"
        _one_of(f"{where}.kind", network.kind, NETWORKS)
        _one_of(f"{where}.activation", network.activation, ACTIVATIONS)
        _one_of(f"{where}.start", network.start, ("random", "truth"))
        for key in ("hidden", "channels"):
            for width in getattr(network, key):
                _at_least(f"{where}.{key}", width, 1)
        if (network.kind == "mlp") != bool(network.hidden):
            raise MisuseError(
                wanted=f"{where}.hidden exactly for kind mlp",
                got=f"kind {network.kind!r} with hidden {list(network.hidden)}",
                do="give hidden widths, or take kind linear",
            )
        if (network.kind == "conv") != bool(network.channels):
            got = f"kind {network.kind!r} with channels {list(network.channels)}"
            raise MisuseError(wanted=f"{where}.channels exactly for kind conv", got=got, do="correct one of them")
    _one_of("model.decoder_scale", model.decoder_scale, ("predicted", "global"))
    _above("model.scale_start", model.scale_start, 0.0)
    _one_of("model.encoder_scale", model.encoder_scale, ENCODER_SCALES)
    _one_of("model.init", model.init, INITS)
    _one_of("run.precision", config.run.precision, PRECISIONS)
    for key in ("save_every", "evaluate_every"):
        _at_least(f"run.{key}", getattr(config.run, key), 0)
    for key in ("log_every", "evaluate_rows", "evaluate_samples", "devices"):
        _at_least(f"run.{key}", getattr(config.run, key), 1)
    for key in ("train", "test", "vocabulary", "width"):
        if getattr(config.data, key) is not None:
            _at_least(f"data.{key}", getattr(config.data, key), 1)
    if not 0 <= config.seed < 2**63:
        raise MisuseError(wanted="seed from 0 to 2^63 - 1", got=str(config.seed), do="choose another")
    if not config.phases:
        raise MisuseError(wanted="at least one phase", got="none", do="add [[phases]]")
    for number, phase in enumerate(config.phases):
        _check_phase(f"phases.{number}", phase)
        _check_infovae(f"phases.{number}", phase, config.run)


def _check_phase(where: str, phase: Phase) -> None:
    _one_of(f"{where}.objective", phase.objective, OBJECTIVES)
    _one_of(f"{where}.estimator", phase.estimator, ESTIMATORS)
    _one_of(f"{where}.trains", phase.trains, TRAINS)
    _at_least(f"{where}.epochs", phase.epochs, 1)
    _at_least(f"{where}.batch", phase.batch, 1)
    _at_least(f"{where}.samples", phase.samples, 1)
    _above(f"{where}.learning_rate", phase.learning_rate, 0.0)
    wanted = {"likelihood": "decoder", "conditional": "encoder"}.get(phase.objective)
    if wanted is not None and phase.trains != wanted:
        got = f"{phase.objective} with trains {phase.trains!r}"
        do = f"write trains = {wanted!r}: the other part has no gradient"
        raise MisuseError(wanted=f"{where}.trains = {wanted!r} for {phase.objective}", got=got, do=do)
    if phase.estimator in ("disarm", "reinforce-loo") and phase.samples < 2:
        do = f"set {where}.samples to 2 or more"
        raise MisuseError(wanted=f"at least two samples for {phase.estimator}", got=str(phase.samples), do=do)
    if phase.estimator == "disarm" and phase.samples % 2:
        got = str(phase.samples)
        raise MisuseError(wanted="an even number of samples for disarm (pairs)", got=got, do="set it to 2, 4, ...")


def _check_infovae(where: str, phase: Phase, run: RunConfig) -> None:
    _one_of(f"{where}.divergence", phase.divergence, DIVERGENCES)
    _one_of(f"{where}.kernel", phase.kernel, KERNELS)
    if phase.objective != "infovae":
        for key in INFOVAE:
            if getattr(phase, key) != getattr(Phase, key):
                got = f"it with {phase.objective}"
                raise MisuseError(wanted=f"{where}.{key} only with infovae", got=got, do="leave it out")
        return
    for key in ("alpha", "weight"):
        if not abs(getattr(phase, key)) < float("inf"):
            raise MisuseError(wanted=f"{where}.{key} finite", got=str(getattr(phase, key)), do="correct it")
    mixed = run.devices > 1 or run.compile or run.cuda_graphs or run.precision == "16-mixed"
    if phase.divergence == "adversarial" and mixed:
        got, do = "several devices, compile, cuda_graphs or 16-mixed", "leave these out, or take mmd"
        raise MisuseError(wanted="one device and eager training for a discriminator", got=got, do=do)


INFOVAE = ("alpha", "weight", "divergence", "kernel", "force")
"""Keys of a phase that only infovae reads."""


def _one_of(key: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        from eftheory.errors import unknown

        error = unknown(key, value, known)
        raise MisuseError(wanted=f"{key} as one of {', '.join(known)}", got=repr(value), do=error.do)


def _at_least(key: str, value: int, least: int) -> None:
    if value < least:
        raise MisuseError(wanted=f"{key} of at least {least}", got=str(value), do="raise it")


def _above(key: str, value: float, bound: float) -> None:
    if not bound < value < float("inf"):
        raise MisuseError(wanted=f"{key} above {bound:g} and finite", got=str(value), do="correct it")


def specification(model: ModelConfig) -> Any:
    """The question that `eftheory.check` answers about this model; ``implied`` is check's ``free``."""
    from eftheory.spec import specification as ask

    prior = "free" if model.prior == "implied" else model.prior
    return ask(decoder=model.decoder, encoder=model.encoder, prior=prior, inputs=model.inputs)


def strings(model: ModelConfig) -> Mapping[str, str]:
    """decoder, encoder, prior and inputs, as `eftheory.check` takes them."""
    return {str(key): str(value) for key, value in specification(model).strings().items()}
