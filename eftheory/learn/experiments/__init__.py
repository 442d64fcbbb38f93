"""The experiments of `vae-error` as named configurations: ``eftheory experiment NAME``.

The protocol. An experiment is a module with one function, `Run`::

    run(config, folder, *, seeds, parts, device, resume, report) -> Result

config: a `TrainConfig`, of the file ``configs/NAME.toml``, small with ``--smoke``; variants by `dataclasses.replace`.
folder: exists; the experiment keeps everything below it. It consists of named parts (``seed-0``, ``d0-e1-64``), each a
folder of its own below `folder`; a part that is finished is kept by `keep` and found again by `finished`, so that with
``--resume`` it is not repeated (`eftheory.learn.experiments.parts`). seeds: one run for each. parts: patterns such as
``d0-*``: only these are run, what else is finished is shown, the rest is marked as not run (`parts.chosen`).
report: `say` prints a line, `show(done, total)` moves the bar.

A `Result` computes nothing any more and needs no torch: `as_dict` for JSON (a key ``experiment`` with its name),
`lines` for the terminal, `pictures`: name of a PNG -> `Drawing`. The command line draws them, as `learn` may not:
a `Drawing` names a function of `eftheory.plots` and its arguments, lists of plain numbers.

To plug in: add a line to `EXPERIMENTS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from eftheory.errors import unknown
from eftheory.learn.config import TrainConfig


@dataclass(frozen=True)
class Drawing:
    """A picture that is yet to be drawn: ``getattr(eftheory.plots, plot)(**arguments)``."""

    plot: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


class Report(Protocol):
    """What a run tells while it lasts; `eftheory.cli.output.Bar` is one."""

    def say(self, line: str) -> None: ...

    def show(self, done: int, total: int) -> None: ...


class Silent:
    """A `Report` that tells nothing."""

    def say(self, line: str) -> None:
        pass

    def show(self, done: int, total: int) -> None:
        pass


class Result(Protocol):
    """What an experiment found."""

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON."""

    def lines(self) -> Sequence[str]:
        """For the terminal."""

    def pictures(self) -> Mapping[str, Drawing]:
        """File name without suffix -> what to draw."""


class Run(Protocol):
    """An experiment: see the module's docstring."""

    def __call__(
        self,
        config: TrainConfig,
        folder: Path,
        *,
        seeds: Sequence[int],
        parts: Sequence[str] = (),
        device: str = "auto",
        resume: bool = False,
        report: Report = ...,
    ) -> Result: ...


@dataclass(frozen=True)
class Experiment:
    """about: one line. seeds: those of the full figures. load: imports torch and gives the function."""

    about: str
    seeds: tuple[int, ...]
    load: Callable[[], Run]


def _mixture() -> Run:
    from eftheory.learn.experiments.mixture import run

    return run


def _image() -> Run:
    from eftheory.learn.experiments.image import run

    return run


def _text() -> Run:
    from eftheory.learn.experiments.text import run

    return run


def _infovae_two_points() -> Run:
    from eftheory.learn.experiments.infovae_two_points import run

    return run


def _infovae_mnist() -> Run:
    from eftheory.learn.experiments.infovae_mnist import run

    return run


def _infovae_pixelcnn() -> Run:
    from eftheory.learn.experiments.infovae_pixelcnn import run

    return run


def _bernoulli_bound() -> Run:
    from eftheory.learn.experiments.bernoulli_bound import run

    return run


def _linear_vae() -> Run:
    from eftheory.learn.experiments.linear_vae import run

    return run


EXPERIMENTS: Mapping[str, Experiment] = {
    "mixture": Experiment(
        "vae-error 4.1: four normal components, two independent bits for the encoder", (0, 1, 2, 3, 4), _mixture
    ),
    "image": Experiment(
        "vae-error 4.2: a Gaussian image VAE trained from the truth, ELBO against samples", (0,), _image
    ),
    "text": Experiment("vae-error 4.3: semantic hashing of the 20 Newsgroups, a grid of 36 cells", (0,), _text),
    "linear-vae": Experiment(
        "linear-vae: the ELBO against probabilistic PCA, four encoders, collapse", (0, 1, 2), _linear_vae
    ),
    "infovae-two-points": Experiment(
        "infovae 5.1.1, Figure 1: two points, the ELBO against InfoVAE", (0, 1, 2), _infovae_two_points
    ),
    "infovae-mnist": Experiment(
        "infovae 5.1.2: covariances of q(z) by training size, true posteriors, and the pull of each objective",
        (0, 1, 2),
        _infovae_mnist,
    ),
    "infovae-pixelcnn": Experiment(
        "infovae 5.2: five regularisers with a PixelCNN decoder, reduced", (0, 1, 2), _infovae_pixelcnn
    ),
    "bernoulli-bound": Experiment(
        "bernoulli-bound 4: nine simulated settings, two architectures, three starts", (0, 1, 2, 3, 4), _bernoulli_bound
    ),
    "bernoulli-bound-mnist": Experiment("the same on binarised MNIST", (0, 1, 2), _bernoulli_bound),
    "bernoulli-bound-20news": Experiment("the same on words present in 20 Newsgroups", (0, 1, 2), _bernoulli_bound),
}
"""Name, which is also the name of its configuration -> experiment."""


def experiment(name: str) -> Experiment:
    """Raises MisuseError for a name that is not known."""
    if name not in EXPERIMENTS:
        raise unknown("experiment", name, EXPERIMENTS)
    return EXPERIMENTS[name]
