"""The two experiments of infovae 5.1: closed forms and quadrature, cells, figures, resuming; small versions run."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from learn.small import LINEAR, model
from scipy.stats import norm

from eftheory import plots
from eftheory.errors import MisuseError
from eftheory.learn.config import TrainConfig
from eftheory.learn.config_file import load_config, smoke_table
from eftheory.learn.evaluation.iwae import iwae
from eftheory.learn.experiments import EXPERIMENTS, infovae_mnist, infovae_two_points
from eftheory.learn.experiments import infovae_mnist_figures as mnist_figures
from eftheory.learn.experiments.infovae_line import figures
from eftheory.learn.experiments.infovae_mnist_result import PULLS, MnistResult
from eftheory.learn.experiments.infovae_two_points_result import VARIANTS, TwoPointsResult
from eftheory.learn.objectives.divergences import mmd
from eftheory.learn.objectives.infovae import InfoVAE
from eftheory.learn.objectives.objectives import elbo_exact

LINE = np.linspace(-12.0, 12.0, 1201)
STEP = LINE[1] - LINE[0]


# --- two points -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def two_points(tmp_path_factory: pytest.TempPathFactory) -> tuple[TrainConfig, Path, TwoPointsResult]:
    overrides = [f"phases.{i}.epochs={n}" for i, n in enumerate((120, 40, 10, 10))] + ["run.save_every=0"]
    config = load_config("infovae-two-points", overrides, smoke=True)
    folder = tmp_path_factory.mktemp("two-points")
    return config, folder, infovae_two_points.run(config, folder, seeds=(0,))


def test_mmd_of_two_normals_is_that_of_quadrature_and_of_draws() -> None:
    for c, width in ((1.0, 0.5), (0.3, 1.1)):
        difference = (0.5 * (norm.pdf(LINE, c, width) + norm.pdf(LINE, -c, width)) - norm.pdf(LINE)) * STEP
        by_quadrature = difference @ np.exp(-((LINE[:, None] - LINE) ** 2) / 2) @ difference
        assert infovae_two_points.mmd_of(c, width) == pytest.approx(by_quadrature, abs=1e-9)
    generator = torch.Generator().manual_seed(0)
    z = torch.randn(3000, 1, generator=generator) * 0.5 + torch.tensor([[1.0], [-1.0]]).repeat(1500, 1)
    drawn = float(mmd(z, torch.randn(3000, 1, generator=generator)))
    assert drawn == pytest.approx(infovae_two_points.mmd_of(1.0, 0.5), abs=0.004)


def test_along_the_sequence_every_weight_is_outgrown() -> None:
    """MMD^2 stays below 2, and the ELBO does not: no lambda keeps InfoVAE with MMD bounded on this data."""
    for weight in (1.0, 500.0, 5000.0):
        rows = infovae_two_points.sequence(weight)
        assert [row["l"] for row in rows] == sorted((row["l"] for row in rows), reverse=True)
        assert all(0.0 < row["mmd"] < 2.0 for row in rows)
        assert rows[-1]["infovae"] > 100.0 and rows[-1]["elbo"] > rows[0]["elbo"] + 100.0
        assert rows[-1]["infovae"] == pytest.approx(rows[-1]["elbo"] - (weight - 1) * rows[-1]["mmd"])
        assert [row["gap"] for row in rows] == sorted(row["gap"] for row in rows)


def test_the_line_against_importance_sampling() -> None:
    vae, x = model("normal(1)", "normal(1)", "normal(1, mean=0, variance=1)"), torch.tensor([[-1.0], [1.0]]).double()
    vae.requires_grad_(False)
    found = figures(vae, x)
    sampled = iwae(vae, x, samples=4000, repeats=10)
    assert found["mass"] == pytest.approx(1.0, abs=1e-9)
    assert found["evidence"] == pytest.approx(sampled.mean_evidence, abs=0.01)
    assert found["elbo"] == pytest.approx(sampled.mean_elbo, abs=5 * sampled.elbo_error + 1e-6)
    assert found["gap"] > 0 and found["rate"] == pytest.approx(
        float(vae.encoder.kl(vae.encode(x), vae.prior.eta).mean()), abs=1e-9
    )
    raw = vae.encode_raw(x).detach().numpy()
    mixture = np.mean([norm.pdf(LINE, m, math.exp(v / 2)) for m, v in raw], axis=0)
    second = float((mixture * LINE**2).sum() * STEP) - float((mixture * LINE).sum() * STEP) ** 2
    assert found["aggregate"]["deviation"] == pytest.approx(math.sqrt(second), abs=1e-6)
    kl = float((mixture * (np.log(mixture) - norm.logpdf(LINE))).sum() * STEP)
    assert found["aggregate"]["kl"] == pytest.approx(kl, abs=1e-6)


def test_the_elbo_separates_and_a_heavy_weight_keeps_the_prior(
    two_points: tuple[TrainConfig, Path, TwoPointsResult],
) -> None:
    *_, result = two_points
    elbo, info, scratch = ({name: result.values(variant, name)[0] for name in ("decoder_deviation", "separation",
                            "KL(q(z)||p(z))", "q(z) deviation", "elbo")} for variant in VARIANTS)  # fmt: skip
    assert elbo["separation"] > info["separation"] > scratch["separation"] + 1.0
    assert elbo["KL(q(z)||p(z))"] > 5 * info["KL(q(z)||p(z))"]
    assert elbo["decoder_deviation"] < 0.3 < scratch["decoder_deviation"]
    assert elbo["elbo"] > info["elbo"] > -2.0 and scratch["q(z) deviation"] == pytest.approx(1.0, abs=0.1)


def test_a_result_is_json_lines_and_pictures(two_points: tuple[TrainConfig, Path, TwoPointsResult]) -> None:
    config, _, result = two_points
    tree = json.loads(json.dumps(result.as_dict(), allow_nan=False))
    assert tree["experiment"] == "infovae-two-points" and tree["not_run"] == []
    assert tree["summary"]["elbo"]["infovae"]["mean"] == result.values("infovae", "elbo")[0]
    assert TwoPointsResult.from_dict(tree, config).lines() == result.lines()
    text = "\n".join(result.lines())
    assert "lambda = 500" in text and "unbounded" in text and f"l = {result.exceeded:g}" in text
    pictures = result.pictures()
    assert set(pictures) == {"figure_1", "path"} and len(pictures["figure_1"].arguments["panels"]) == 9
    for drawing in pictures.values():
        assert getattr(plots, drawing.plot)(**drawing.arguments)._repr_png_().startswith(b"\x89PNG")
    assert infovae_two_points.variant_of(config, "elbo").phases[-1].weight == 1.0
    assert infovae_two_points.variant_of(config, "infovae-scratch").phases[0].weight == 500.0


def test_what_is_finished_is_not_repeated(
    two_points: tuple[TrainConfig, Path, TwoPointsResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    config, folder, result = two_points

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("trained again")

    monkeypatch.setattr(infovae_two_points, "train", refuse)
    again = infovae_two_points.run(config, folder, seeds=(0, 1), parts=["*-seed-0"], resume=True)
    assert again.found["elbo", 0] == json.loads(json.dumps(result.found["elbo", 0]))
    assert again.missing == [f"{variant}-seed-1" for variant in VARIANTS]


@pytest.mark.parametrize("override", ["data.name=mixture", "model.encoder=normal(2)", "phases.3.weight=1"])
def test_other_questions_are_refused(override: str, tmp_path: Path) -> None:
    with pytest.raises(MisuseError):
        infovae_two_points.run(load_config("infovae-two-points", [override]), tmp_path, seeds=(0,))


# --- MNIST ------------------------------------------------------------------------------------------------------------

PARTS = ("n500-elbo-*", "n500-mmd-*", "plane-mmd-*", "pull-start-*", "pull-kl-10-*", "pull-likelihood-*")


@pytest.fixture(scope="module")
def mnist(tmp_path_factory: pytest.TempPathFactory, data_folder: Path) -> MnistResult:
    overrides = ["phases.0.epochs=5", "phases.1.epochs=8", "run.save_every=0", "data.test=100"]
    config = load_config("infovae-mnist", overrides, smoke=True)
    return infovae_mnist.run(config, tmp_path_factory.mktemp("mnist"), seeds=(0,), parts=PARTS)


def test_parts_train_what_they_say() -> None:
    config = load_config("infovae-mnist")
    every = {part.name: infovae_mnist.config_of(config, part) for part in infovae_mnist.parts_of(config, (0, 1))}
    assert len(every) == 2 * (4 * 2 + 2 + 1 + len(PULLS))
    small, large = (every[f"n{size}-mmd-seed-1"] for size in (500, 50000))
    assert small.data.train == 500 and large.data.train == 50000
    assert small.phases[0].epochs * 500 == large.phases[0].epochs * 50000
    assert small.phases[0].weight == 1000 and every["n500-elbo-seed-0"].phases[0].weight == 1.0
    assert every["plane-elbo-seed-0"].model.encoder == "normal(2)"
    assert every["pull-likelihood-seed-0"].phases[0].objective == "likelihood"
    for name, (alpha, weight, divergence) in PULLS.items():
        *alone, phase = every[f"pull-{name}-seed-0"].phases
        assert [each.trains for each in alone] == ([] if name == "likelihood" else ["encoder"])
        assert every[f"pull-{name}-seed-0"].model.encoder == "bernoulli(8)"
        if name != "likelihood":
            assert (phase.alpha, phase.weight, phase.divergence) == (alpha, weight, divergence)
            InfoVAE(phase)  # within the hypotheses


def test_the_covariance_of_the_aggregate_is_that_of_its_draws() -> None:
    vae = model("bernoulli(4)", "normal(3)", "normal(3, mean=0, variance=1)")
    x = torch.randint(0, 2, (40, 4), generator=torch.Generator().manual_seed(0)).double()
    torch.manual_seed(1)
    raw = 3 * vae.encode_raw(x).detach()
    vae.g[-1].weight.data *= 3
    vae.g[-1].bias.data *= 3
    z = vae.encoder.rsample_raw(raw.expand(4000, *raw.shape)).flatten(0, 1)
    found = mnist_figures.aggregate_covariance(vae, x)
    assert torch.allclose(found, torch.cov(z.T), rtol=0.03, atol=0.03)
    assert mnist_figures.aggregate_figures(vae, x, 0)["log_det"] == pytest.approx(
        float(torch.linalg.slogdet(torch.cov(z.T)).logabsdet), abs=0.03
    )


def test_posteriors_on_the_plane_against_importance_sampling() -> None:
    vae = model("bernoulli(4)", "normal(2)", "normal(2, mean=0, variance=1)")
    x = torch.randint(0, 2, (3, 4), generator=torch.Generator().manual_seed(0)).double()
    found, sampled = mnist_figures.posterior_figures(vae, x, 2, 0), iwae(vae, x, samples=4000, repeats=10)
    assert found["evidence"] == pytest.approx(sampled.mean_evidence, abs=0.02)
    assert found["elbo"] == pytest.approx(sampled.mean_elbo, abs=0.03)
    assert found["gap"] == pytest.approx(found["evidence"] - found["elbo"]) and found["gap_error"] < 0.05
    area = (2 * mnist_figures.REACH / 80) ** 2
    for name in ("posterior", "encoder"):
        assert (len(found[name]), len(found[name][0])) == (81, 81)
        assert sum(map(sum, found[name])) * area == pytest.approx(2.0, abs=0.01), "two densities, added"


def test_posteriors_far_narrower_than_the_grid_against_a_closed_form() -> None:
    """``x = W z + b + e``: evidence N(b, W W' + s2 I). Deviations of 0.01 and less: a plain sum is wrong."""
    vae = model("normal(2, variance=1/10000)", "normal(2)", "normal(2, mean=0, variance=1)",
                decoder_network=LINEAR, encoder_network=LINEAR).requires_grad_(False)  # fmt: skip
    (layer,), inverse = vae.f.children(), torch.eye(2, dtype=torch.float64) / 1.3
    layer.weight.data, layer.bias.data = 1.3 * torch.eye(2).double(), torch.tensor([0.2, -0.1]).double()
    (code,) = vae.g.children()  # rows: mean, log variance of each latent; q is the posterior, but half as wide
    code.weight.data = torch.zeros(4, 2).double()
    code.weight.data[::2] = inverse
    code.bias.data[::2], code.bias.data[1::2] = -(inverse @ layer.bias), 2 * math.log(0.01 / 1.3 / 2)
    x = torch.tensor([[0.33, 0.71], [-1.2, 0.4], [2.0, -1.0]], dtype=torch.float64)
    found = mnist_figures.posterior_figures(vae, x, 1, 0)
    covariance = 1.69 * torch.eye(2).double() + 1e-4 * torch.eye(2).double()
    evidence = torch.distributions.MultivariateNormal(layer.bias, covariance).log_prob(x).mean()
    assert found["narrowest"] < 0.005 and found["gap_error"] < 0.1
    assert found["evidence"] == pytest.approx(float(evidence), abs=5 * found["gap_error"])
    # KL of normals with one mean and half the deviation, in two dimensions
    assert found["gap"] == pytest.approx(2 * (math.log(2) - 3 / 8), abs=5 * found["gap_error"])
    z, step = mnist_figures.plane(mnist_figures.CELLS), 2 * mnist_figures.REACH / (mnist_figures.CELLS - 1)
    table = torch.stack([vae.log_likelihood(row.expand(len(z), -1), z) + vae.log_prior(z) for row in x])
    on_the_grid = (table.logsumexp(-1) + 2 * math.log(step)).mean()
    assert abs(float(on_the_grid - evidence)) > 1.0, "control"


def test_finite_figures_add_up() -> None:
    """``E KL(q(z|x) || p) = I(x;z) + KL(q(z) || p)``."""
    vae = model("bernoulli(4)", "bernoulli(3)", "bernoulli(3, probs=1/3)")
    vae.requires_grad_(False)
    x = torch.randint(0, 2, (9, 4), generator=torch.Generator().manual_seed(0)).double()
    found, rate = mnist_figures.finite_figures(vae, x), vae.encoder.kl(vae.encode(x), vae.prior.eta).mean()
    assert found["information"] + found["kl"] == pytest.approx(float(rate), abs=1e-9)
    assert min(found.values()) > 1e-6 and elbo_exact(vae, x).shape == (9,)


def test_the_parts_find_their_figures(mnist: MnistResult) -> None:
    assert set(mnist.found) == {f"{pattern[:-2]}-seed-0" for pattern in PARTS}
    assert abs(mnist.log_det("n500", "mmd", "test")[0]) < 5
    (plane,) = mnist.of("plane", "mmd")
    assert plane["posterior"]["gap"] > 0 and plane["posterior"]["effective"] > 0
    (pull,), (twin,) = mnist.of("pull", "kl-10"), mnist.of("pull", "likelihood")
    assert pull["pull"][0]["natural"] == twin["pull"][0]["natural"], "the same start"
    (start,) = mnist.of("pull", "start")
    assert start["pull"][-1]["natural"] == pull["pull"][0]["natural"] == pull["pull"][1]["natural"], "the encoder alone"
    assert start["pull"][-1]["evidence"] > start["pull"][0]["evidence"] and pull["train"]["kl"] < math.log(256)


def test_a_pull_needs_its_start(tmp_path: Path) -> None:
    config = load_config("infovae-mnist", smoke=True)
    with pytest.raises(MisuseError, match="pull-start-seed-0 finished"):
        infovae_mnist.start_of(config, infovae_mnist.Part("pull", "elbo", 0), tmp_path)
    assert infovae_mnist.start_of(config, infovae_mnist.Part("plane", "elbo", 0), tmp_path) is None


def test_the_mnist_result_is_json_lines_and_pictures(mnist: MnistResult) -> None:
    tree = json.loads(json.dumps(mnist.as_dict(), allow_nan=False))
    assert tree["experiment"] == "infovae-mnist" and "pull-elbo-seed-0" in tree["not_run"] and tree["reduced"]
    rows = {(row["what"], row["objective"]): row for row in tree["rows"]}
    row = rows["log det Cov q(z), 500 images, test", "mmd"]
    assert row["here"]["mean"] == mnist.log_det("n500", "mmd", "test")[0] and "about 0" in row["paper"]
    assert MnistResult.from_dict(tree, mnist.config).rows() == mnist.rows()
    text = "\n".join(mnist.lines())
    assert "kl-10" in text and "not run: " in text and "reduced" in text
    pictures = mnist.pictures()
    assert set(pictures) == {"figure_2", "pull_share", "pull_gap"}
    labels = [curve["label"] for curve in pictures["pull_gap"].arguments["curves"]]
    assert labels == ["kl-10"], "the twin's encoder is never trained: its gap says nothing"
    for drawing in pictures.values():
        assert getattr(plots, drawing.plot)(**drawing.arguments)._repr_png_().startswith(b"\x89PNG")
    twice = replace(mnist, found={**mnist.found, "plane-elbo-seed-0": mnist.of("plane", "mmd")[0]})
    assert len(twice.pictures()["figures_3_and_4"].arguments["panels"]) == 5


def test_both_are_registered_and_small_versions_change_numbers_only() -> None:
    for name in ("infovae-two-points", "infovae-mnist"):
        assert name in EXPERIMENTS and callable(EXPERIMENTS[name].load())
        for key, value in smoke_table(name).items():
            assert isinstance(value, int | float), key
