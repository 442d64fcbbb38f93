"""Projections where the latents are sampled: too many to list, or continuous with a decoder of restricted domain."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from learn.small import LINEAR, mixture, model, model_config

from eftheory.errors import MisuseError
from eftheory.learn.datasets.data import Dataset
from eftheory.learn.projection.examine import examine
from eftheory.learn.projection.project import Knobs, project
from eftheory.learn.runs.trained import Trained
from eftheory.report_projection import projection_latex, projection_text

KNOBS = Knobs(rows=6, samples=300, iwae_samples=8)


def trained(decoder: str, encoder: str, prior: str, rows: torch.Tensor, *, slope: float = 1.0) -> Trained:
    """A random model with raw parameters linear in z, `slope` times as steep."""
    made = model(decoder, encoder, prior, decoder_network=LINEAR).eval().requires_grad_(False)
    for parameter in made.f.parameters():
        parameter.mul_(slope)
    config = replace(mixture(), model=model_config(decoder, encoder, prior, decoder_network=LINEAR))
    data = Dataset("made", rows, rows[:0], None, None, tuple(rows.shape[1:]), "made here")
    return Trained(config, made, data, 0, Path("no such run"))


@pytest.mark.parametrize("bits", [22, 70])
def test_more_latents_than_can_be_listed(bits: int) -> None:
    rows = torch.tensor([[0.0, 1.0, 1.0], [1.0, 0.0, 0.0]])
    found = examine(trained("bernoulli(3)", f"bernoulli({bits})", "uniform", rows), knobs=KNOBS)
    natural, likelihood = found.projections.after
    assert natural.kind == "natural" and natural.found.rms < 1e-6, "the decoder is affine"
    assert likelihood.kind == "likelihood" and not likelihood.exact and likelihood.v is None
    for price in (*natural.prices, *likelihood.prices):
        assert price.value.method == "iwae"
    assert set(found.absent) == {"witnesses, ladder and certificates", "price of an exactly tight model"}
    assert set(found.projections.absent) == {"joint"}


def test_a_fit_that_leaves_the_natural_domain_is_said_to() -> None:
    """Exponential rates -e^(3 z) are approximated by a line, which is positive somewhere."""
    run = trained("exponential(2)", "normal(1)", "normal(1, mean=0, variance=1)", torch.ones(6, 2), slope=4.0)
    found = examine(run, knobs=KNOBS)
    (natural,) = found.projections.after
    assert natural.prices == () and "leaves the decoder's natural domain at z = " in natural.remark
    assert "natural domain for every z" in found.projections.absent["likelihood"]
    with pytest.raises(MisuseError, match="leaves it at z = "):
        project(run, onto=("likelihood",), knobs=KNOBS)
    mild = trained("exponential(2)", "normal(1)", "normal(1, mean=0, variance=1)", torch.ones(6, 2), slope=0.05)
    for each in project(mild, onto=("natural", "likelihood"), knobs=KNOBS).after:
        assert each.prices and each.remark == ""
        json.dumps(each.as_dict(), allow_nan=False)


def test_latents_that_only_the_encoder_draws_are_looked_at_too() -> None:
    """The encoder sits far out, where the line has left the domain; draws from the prior stay inside."""
    family = "normal(1, variance=1)"
    run = trained("exponential(2)", family, "normal(1, mean=0, variance=1)", torch.ones(6, 2), slope=0.05)
    met = set()
    for far in (0.0, -1000.0, 1000.0):
        for parameter in run.model.g.parameters():
            parameter.copy_(torch.full_like(parameter, far if parameter.shape == (1,) else 0.0))
        (natural,) = project(run, onto=("natural",), knobs=KNOBS).after
        outside = bool((natural.found.W[:, 0] * far + natural.found.u > 0).any())
        assert outside == (natural.prices == ()) == ("some z that the encoder draws" in natural.remark)
        met.add(outside)
    assert met == {False, True}


def test_no_cell_is_minus_zero() -> None:
    value = {"mean": -1e-17, "standard_error": 0.0}
    price = {"part": "train", "prior": "own", "encoder": "own", "rows": 2, "method": "enumerated"}
    price |= {"evidence": value, "elbo": value, "gap": value}
    tree = {
        "run": {"name": "a", "seed": 0, "step": 1, "finished": True},
        "model": {},
        "before": [price],
        "projections": [],
        "conditions": [],
        "best_gap": None,
        "witnesses": [],
        "ladder": None,
        "absent": {},
        "certificates": [],
    }
    assert "-0.0" not in projection_latex(tree) and "0.000" in projection_latex(tree)
    assert "-0.0" not in projection_text(tree) and "0.0000" in projection_text(tree)
