"""What `eftheory project` says of a trained model: projections, prices, witnesses, Theorem 2, exact instances."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import safetensors.torch
from torch import Tensor

from eftheory.check import check_specification
from eftheory.errors import MisuseError
from eftheory.learn.config import ModelConfig, specification, strings
from eftheory.learn.densities.products import Rows, rows_at
from eftheory.learn.evaluation.evaluate import evaluate
from eftheory.learn.models.model import ENUMERABLE
from eftheory.learn.projection.best import best_gaps
from eftheory.learn.projection.instance import LARGEST, Instance, independent_rows, instance
from eftheory.learn.projection.ladder import ENTRIES, Ladder, ladder
from eftheory.learn.projection.project import KINDS, Knobs, Projections, project
from eftheory.learn.projection.worst import WEIGHTS, WorstRow, worst_rows
from eftheory.learn.runs.atomic import write_whole
from eftheory.learn.runs.store import Store
from eftheory.learn.runs.trained import Trained

SCHEMA = "eftheory.projection/1"
WITNESSES = 4
SEARCHED = 2**22
"""Pairs of a row and a latent among which witnesses and best encoders are searched, at most: about a minute."""
LONG = 2**18
"""Rows times squared latents of an instance of ``thm-2-linear``, at most: it takes recheck half a minute."""
FEWER = 3
"""Rows of that instance, where four are too many."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Examination:
    """best_gap: mean over the first rows of train of `eftheory.learn.projection.best`; None where it is not known.

    witnesses, ladder, instances (by claim): of finite latents. absent: what is not there -> why.
    """

    trained: Trained
    knobs: Knobs
    projections: Projections
    best_gap: float | None
    witnesses: tuple[WorstRow, ...]
    ladder: Ladder | None
    instances: Mapping[str, tuple[Instance, dict[str, Any]]]
    absent: Mapping[str, str]

    def as_dict(self) -> dict[str, Any]:
        """The JSON object, without W, u, v, which `save_parameters` writes."""
        config, found = self.trained.config, self.projections
        return {
            "schema": SCHEMA,
            "run": {
                "name": config.name,
                "seed": config.seed,
                "step": self.trained.step,
                "finished": Store.view(self.trained.folder).result() is not None,
            },
            "model": strings(config.model),
            "conditions": conditions(config.model),
            "data": self.trained.dataset.source,
            "knobs": vars(self.knobs),
            "before": [price.as_dict() for price in found.before],
            "best_gap": self.best_gap,
            "projections": [each.as_dict() for each in found.after],
            "witnesses": [each.as_dict() for each in self.witnesses],
            "ladder": None if self.ladder is None else self.ladder.as_dict(),
            "instances": {
                claim: {"rows": list(each.rows), "latents": each.vae.z.count, "largest_change": each.change}
                for claim, (each, _) in self.instances.items()
            },
            "absent": {**found.absent, **self.absent},
        }


def conditions(model: ModelConfig) -> list[str]:
    """What the consistent set asks of ``f = W psi + u`` under a free prior, by `eftheory.check`; no fit imposes it."""
    answer = check_specification(specification(replace(model, prior="implied")))
    return [each.text for clause in answer.clauses for each in clause.conditions]


def examine(
    trained: Trained,
    *,
    onto: tuple[str, ...] = KINDS,
    knobs: Knobs | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> Examination:
    """Everything about `trained`. progress: told what is being done. Raises MisuseError as `project` does."""
    knobs = knobs or Knobs()
    progress("projecting")
    projections = project(trained, onto=onto, knobs=knobs)
    parts: dict[str, Any] = {"best_gap": None, "witnesses": (), "ladder": None, "instances": {}}
    absent: dict[str, str] = {}
    model = trained.model
    count = model.encoder.points_count
    x = trained.rows("train", knobs.rows)
    if not any(price.prior == "implied" for each in projections.after for price in each.prices):
        why = "need latents that can be enumerated, a known total and a fit in the natural domain"
        absent["price of an exactly tight model"] = f"the implied prior and the affine encoder {why}"
    if count is None or count > ENUMERABLE:
        absent["witnesses, ladder and certificates"] = f"the latents of {model.encoder.family} cannot be enumerated"
    else:
        x = rows_at(x, 0, min(len(x), max(1, ENTRIES // count)))
        parts |= _finite(trained, x, absent, progress)
    return Examination(trained=trained, knobs=knobs, projections=projections, absent=absent, **parts)


def _finite(trained: Trained, x: Rows, absent: dict[str, str], progress: Callable[[str], None]) -> dict[str, Any]:
    model, config = trained.model, trained.config.model
    progress("searching witnesses")
    few = rows_at(x, 0, min(len(x), max(WITNESSES, SEARCHED // len(model.latents()))))
    gap = evaluate(model, few).gap
    best = best_gaps(model, few) if model.encoder.independent_bits else None
    witnesses = worst_rows(model, config, few, gap, best, WITNESSES)
    if all(each.quadruple is None for each in witnesses):
        absent["witnesses"] = "psi ties no four latents together"
    progress("evaluating Theorem 2")
    try:
        found = ladder(model, x)
    except MisuseError as error:
        found, absent["Theorem 2"] = None, str(error)
    instances = _instances(trained, few, witnesses, absent)
    mean = None if best is None else float(best.mean())
    return {"best_gap": mean, "witnesses": witnesses, "ladder": found, "instances": instances}


def _instances(
    trained: Trained, x: Rows, witnesses: tuple[WorstRow, ...], absent: dict[str, str]
) -> dict[str, tuple[Instance, dict[str, Any]]]:
    """The claims' instances on the rows of the witnesses; in `absent` why there are none."""
    model, encoder = trained.model, trained.config.model.encoder
    latents = len(model.latents())
    ranked = sorted(witnesses, key=lambda each: -each.bound)
    rows = independent_rows(model, x, [each.row for each in ranked], max(2, min(WITNESSES, LARGEST // latents)))
    made: dict[str, tuple[Instance, dict[str, Any]]] = {}
    try:
        whole = instance(model, encoder, x, rows)
        made["thm-2"] = whole, whole.fields("thm-2")
        few = whole if len(rows) * latents**2 < LONG else instance(model, encoder, x, rows[:FEWER])
        if len(few.rows) * latents**2 <= LONG:
            made["thm-2-linear"] = few, few.fields("thm-2-linear")
        else:
            absent["certificate of thm-2-linear"] = f"{latents} latents: re-checking it would take minutes"
        if (first := ranked[0]).quadruple is not None and whole.rows[0] == first.row:
            made["witness-gap"] = whole, whole.fields("witness-gap", _weights(whole, model.latents(), first))
    except MisuseError as error:
        absent["certificates"] = str(error)
    except ValueError:  # Python writes no integer of more than 4300 digits, and recheck reads none
        absent["certificates"] = "the odds have thousands of digits: some code is too improbable to be certified"
    return made


def _weights(found: Instance, codes: Tensor, witness: WorstRow) -> list[int]:
    """b over the latents of the instance, in its order."""
    assert witness.quadruple is not None
    weights = [0] * len(codes)
    for code, weight in zip(witness.quadruple.codes, WEIGHTS, strict=True):
        weights[found.places.index(code)] = weight
    return weights


def save_parameters(found: Examination, path: Path) -> None:
    """W, u and v of every projection as safetensors: ``natural.W``, ``natural.u``, ``joint.v``, ..."""
    tensors: dict[str, Tensor] = {}
    for each in found.projections.after:
        tensors |= {f"{each.kind}.W": each.found.W, f"{each.kind}.u": each.found.u}
        tensors |= {} if each.v is None else {f"{each.kind}.v": each.v}
    held = {name: tensor.detach().clone().contiguous() for name, tensor in tensors.items()}
    write_whole(path, safetensors.torch.save(held))
