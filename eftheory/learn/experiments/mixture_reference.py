"""What is known about the mixture without training: figures by quadrature, distances, the verdict and its witnesses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from eftheory.check import check
from eftheory.learn.config import TrainConfig, strings
from eftheory.learn.experiments.plane import Truth, elbo_optimum, figures
from eftheory.learn.experiments.shapes import PAIRINGS, nearest_parallelogram, nearest_rectangle
from eftheory.witness import consistency_witness

Points = Sequence[Sequence[float]]


def reference(truth: Truth) -> dict[str, Any]:
    """What needs no training: figures with the best bits at the truth and at the optimum of the ELBO, by quadrature.

    labellings: the truth for each choice of the components that are opposite on the square of codes.
    """
    optimum = elbo_optimum(truth)
    labelled = {
        f"{first}{last} {second}{third}": figures(truth, truth.centres[[first, second, third, last]])
        for first, second, third, last in PAIRINGS
    }
    return {
        "truth": figures(truth, truth.centres) | {"distance": distances(truth.centres)},
        "optimum": figures(truth, optimum) | {"distance": distances(optimum), "centres": optimum.tolist()},
        "labellings": labelled,
    }


def distances(centres: Tensor) -> dict[str, Any]:
    """To the nearest parallelogram and rectangle, over the labellings, and with the codes as they are (`own_codes`)."""
    points = centres.tolist()
    shapes = {"parallelogram": nearest_parallelogram, "rectangle": nearest_rectangle}
    free = {name: nearest(points).distance for name, nearest in shapes.items()}
    return free | {"own_codes": {name: near(points, any_labels=False).distance for name, near in shapes.items()}}


def verdict(config: TrainConfig, truth: Truth, learned: Mapping[str, Points]) -> dict[str, Any]:
    """What `eftheory.check` says of the model, and certified witnesses: at the truth and at learned centres."""
    asked = strings(config.model)
    answer = check(**asked)
    conditions = [formula.text for clause in answer.clauses for formula in clause.conditions]
    tables = {"truth": truth.centres.tolist(), **learned}
    witnesses = {name: _witness(config, truth, centres) for name, centres in tables.items()}
    return {"model": asked, "verdict": answer.verdict, "conditions": conditions, "witnesses": witnesses}


def _witness(config: TrainConfig, truth: Truth, centres: Points) -> dict[str, Any]:
    codes = [(0, 0), (0, 1), (1, 0), (1, 1)]
    table = {z: [c / truth.variance for c in centre] for z, centre in zip(codes, centres, strict=True)}
    model = config.model
    answer = consistency_witness(
        decoder=table, decoder_family=model.decoder, encoder=model.encoder, prior=model.prior, x=(0, 0)
    )
    shown = None if answer.witness is None else answer.witness.as_dict()
    return {"status": answer.status.name, "reason": answer.reason, "witness": shown}
