"""The pull: distance to the consistent set, evidence, ELBO and gap at every saved step of a run (theory: section 5).

Along ELBO training the distance shrinks, along likelihood training from the same start (`likelihood_twin`) it does not.
The encoder of the twin is never trained, so that its gap says nothing; `best`, beside this file, says what the best
encoder of the family could reach, one x at a time.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from eftheory.errors import MisuseError
from eftheory.learn.config import Phase, TrainConfig
from eftheory.learn.evaluation.evaluate import evaluate
from eftheory.learn.projection.best import best_gaps
from eftheory.learn.projection.project import Knobs, project
from eftheory.learn.runs.trained import Trained, load


@dataclass(frozen=True, kw_only=True)
class PullPoint:
    """One saved step. natural: root mean square distance of f; share: of the spread of f; likelihood: distance, nats.

    evidence, elbo, gap: means over the rows, nats. best_gap: see the module; None where z is no independent bits.
    """

    step: int
    natural: float
    share: float
    likelihood: float
    evidence: float
    elbo: float
    gap: float
    best_gap: float | None

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def pull_curve(
    run_dir: Path | str, *, rows: int = 500, measure: str = "prior", best: bool = True, part: str = "train"
) -> tuple[PullPoint, ...]:
    """A `PullPoint` for every step whose weights were kept, on the same rows of `part`. Raises MisuseError as `load`.

    best: whether to look for the best encoder too, which takes most of the time.
    """
    return tuple(_point(at, rows, measure, best, part) for at in load(run_dir).all_steps())


def _point(trained: Trained, rows: int, measure: str, best: bool, part: str) -> PullPoint:
    x = trained.rows(part, rows)
    value = evaluate(trained.model, x)
    found = project(trained, onto=("natural", "likelihood"), knobs=Knobs(rows=rows, measure=measure), priced=False)
    natural, likelihood = (each.found for each in found.after)
    with_best = best and trained.model.encoder.independent_bits
    return PullPoint(
        step=trained.step,
        natural=natural.rms,  # type: ignore[union-attr]
        share=natural.share,  # type: ignore[union-attr]
        likelihood=likelihood.distance,
        evidence=value.mean_evidence,
        elbo=value.mean_elbo,
        gap=value.mean_gap,
        best_gap=float(best_gaps(trained.model, x).mean()) if with_best else None,
    )


def likelihood_twin(config: TrainConfig) -> TrainConfig:
    """The same run with the likelihood, enumerated, in place of the ELBO: same seed, same start, same order of data.

    Phases that train the encoder alone are left out: they change no decoder. Raises MisuseError where none is left.
    """
    phases = tuple(_likelihood(phase) for phase in config.phases if phase.trains != "encoder")
    if not phases:
        raise MisuseError(wanted="a phase that trains the decoder", got="none", do="project another run")
    return replace(config, name=f"{config.name}-likelihood", phases=phases)


def _likelihood(phase: Phase) -> Phase:
    return replace(phase, objective="likelihood", estimator="exact", samples=1, trains="decoder")
