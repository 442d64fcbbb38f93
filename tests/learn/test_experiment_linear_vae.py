"""The linear-vae experiment: its figures against other ways to compute them, its parts, and its smoke version."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from learn.small import LINEAR, mlp, model
from scipy.stats import multivariate_normal

from eftheory.analytic.ppca_fit import fit
from eftheory.errors import MisuseError
from eftheory.learn.config import TrainConfig, specification
from eftheory.learn.config_file import load_config, smoke_table
from eftheory.learn.experiments import EXPERIMENTS, linear_vae, linear_vae_figures
from eftheory.learn.experiments.linear_vae_figures import divergences, figures, measure, variance_of
from eftheory.learn.experiments.linear_vae_grid import ENCODERS, NOISES, SIZES, linear_encoder, parts_of
from eftheory.learn.experiments.linear_vae_reference import (
    DELTA,
    alignment,
    gram_facts,
    levels_of,
    maximum,
    reference,
    rotation_gap,
    share_of_collapsed,
)
from eftheory.learn.experiments.linear_vae_result import LinearVAEResult, band, shades
from eftheory.learn.models.model import VAE
from eftheory.learn.objectives.objectives import elbo_analytic

PARTS = ("k2-*", "k10-analytic", "encoder-deep-linear", "linear-fixed-1", "deep-fixed-1", "deep-learned-1")


def data(count: int = 300, width: int = 6) -> np.ndarray:
    random = np.random.default_rng(5)
    spread = np.diag([3.0, 2.0, 1.2, 0.8, 0.5, 0.3][:width]) ** 0.5
    turn, _ = np.linalg.qr(random.standard_normal((width, width)))
    return random.standard_normal((count, width)) @ spread @ turn + random.standard_normal(width)


def at_optimum(x: np.ndarray, k: int, *, s2: float | None = None, turn: np.ndarray | None = None) -> VAE:
    """A linear VAE with pPCA's W, turned, and the best encoder for it (theory: section 7)."""
    best = fit(x, k, s2=s2)
    W = best.W if turn is None else best.W @ turn
    M = W.T @ W + best.s2 * np.eye(k)
    V, D = np.linalg.solve(M, W.T), best.s2 / np.diag(M)
    prior = f"normal({k}, mean=0, variance=1)"
    given = {"decoder_network": LINEAR, "encoder_network": LINEAR, "encoder_scale": "global"}
    made = model(f"normal({x.shape[1]})", f"normal({k})", prior, decoder_scale="global", **given)
    parts = {
        "f.0.weight": W, "f.0.bias": best.mean, "g.mean.0.weight": V, "g.mean.0.bias": -V @ best.mean,
        "g.log_variance": np.log(D), "scale": np.array(math.log(best.s2)),
    }  # fmt: skip
    made.load_state_dict({name: torch.from_numpy(np.asarray(value)) for name, value in parts.items()})
    return made.requires_grad_(False)


def turned(k: int, seed: int = 2) -> np.ndarray:
    return np.linalg.qr(np.random.default_rng(seed).standard_normal((k, k)))[0]


# --- what is measured -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("turn", [False, True])
def test_the_measure_at_the_optimum_is_the_theorys(turn: bool) -> None:
    x, k = data(), 3
    R = turned(k) if turn else None
    made, best = at_optimum(x, k, turn=R), fit(x, k)
    found = measure(made, torch.from_numpy(x), samples=1, seed=0)
    C = best.W @ best.W.T + best.s2 * np.eye(6)
    assert found["evidence"] == pytest.approx(multivariate_normal(best.mean, C).logpdf(x).mean(), abs=1e-9)
    assert found["evidence"] == pytest.approx(best.log_likelihood, abs=1e-9)
    gap = rotation_gap(best.W @ turned(k) if turn else best.W, best.s2)
    assert found["gap"] == pytest.approx(gap, abs=1e-9) and (gap > 0.05) is turn
    moved = at_optimum(x, k, turn=R)
    moved.get_parameter("f.0.weight").data += 0.05 * torch.randn(6, k, generator=torch.Generator().manual_seed(0))
    worse = measure(moved, torch.from_numpy(x), samples=1, seed=0)
    assert worse["elbo"] < found["elbo"] - 1e-3 and worse["evidence"] < best.log_likelihood


def test_the_elbo_of_networks_is_an_estimate_that_repeats() -> None:
    made = model(
        "normal(4)", "normal(2)", "normal(2, mean=0, variance=1)", decoder_scale="global", decoder_network=mlp(3)
    )
    x = torch.from_numpy(data(50, 4))
    first, again, other = (measure(made, x, samples=4, seed=seed) for seed in (1, 1, 2))
    assert first == again != other and set(first) == {"elbo"}
    assert first["elbo"] == pytest.approx(other["elbo"], abs=1.0)


def test_the_noise_is_read_off_learned_and_fixed_decoders() -> None:
    k = {"decoder_network": LINEAR, "encoder_network": LINEAR}
    fixed = model("normal(4, variance=3/10)", "normal(2)", "normal(2, mean=0, variance=1)", **k)
    learned = model(
        "normal(4)", "normal(2)", "normal(2, mean=0, variance=1)", decoder_scale="global", scale_start=0.5, **k
    )
    assert variance_of(fixed) == pytest.approx(0.3) and variance_of(learned) == pytest.approx(0.25)


def test_divergences_of_latents_add_up_to_the_kl() -> None:
    made = model("normal(4)", "normal(3)", "normal(3, mean=0, variance=1)", decoder_scale="global")
    x = torch.from_numpy(data(20, 4))
    kl = divergences(made, x)
    assert kl.shape == (20, 3) and bool((kl >= 0).all())
    assert torch.allclose(kl.sum(-1), made.encoder.kl(made.encode(x), made.prior.eta).detach(), atol=1e-12)


@pytest.mark.parametrize("seed", [0, 1])
def test_maximising_the_elbo_from_anywhere_reaches_ppca_and_its_directions(seed: int) -> None:
    x, k = data(), 3
    prior = "normal(3, mean=0, variance=1)"
    given = {"decoder_network": LINEAR, "encoder_network": LINEAR, "encoder_scale": "global"}
    made, rows, best = (
        model("normal(6)", "normal(3)", prior, seed=seed, decoder_scale="global", **given),
        torch.from_numpy(x),
        fit(x, k),
    )
    optimiser = torch.optim.LBFGS(
        made.parameters(), max_iter=1000, tolerance_change=1e-15, line_search_fn="strong_wolfe"
    )

    def closure() -> torch.Tensor:
        optimiser.zero_grad()
        loss = -elbo_analytic(made, rows).mean()
        loss.backward()
        return loss

    optimiser.step(closure)
    found, seen = measure(made, rows, samples=1, seed=0), figures(made, rows, best.directions)
    assert found["elbo"] == pytest.approx(best.log_likelihood, abs=1e-7) and found["gap"] == pytest.approx(0, abs=1e-7)
    assert seen["s2"] == pytest.approx(best.s2, rel=1e-3) and min(seen["alignment"]) > 0.999


# --- collapse and the reference ---------------------------------------------------------------------------------------


def test_levels_decide_collapse_for_every_epsilon() -> None:
    kl = np.random.default_rng(0).exponential(0.02, (237, 40)) * np.linspace(0.05, 5.0, 40)
    for epsilon in (0.001, 0.01, 0.03, 0.1):
        by_definition = (kl < epsilon).mean(0) >= 1.0 - DELTA
        assert share_of_collapsed(levels_of(kl), epsilon) == pytest.approx(by_definition.mean())
    assert 0.0 < share_of_collapsed(levels_of(kl), 0.03) < 1.0
    hundred = np.concatenate([np.zeros((99, 1)), np.ones((1, 1))])
    assert share_of_collapsed(levels_of(hundred)) == 1.0, "one row in a hundred may differ"
    assert share_of_collapsed(levels_of(np.concatenate([hundred[1:], np.ones((1, 1))]))) == 0.0


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    random = np.random.default_rng(1)
    return random.standard_normal((400, 60)) * np.geomspace(3.0, 0.05, 60) ** 0.5 + 1.0


def test_the_reference_is_that_of_models_at_the_optimum(images: np.ndarray) -> None:
    known = reference(images, 5, seed=0)
    for k, each in known["sizes"].items():
        best = fit(images, int(k))
        assert each["log_likelihood"] == pytest.approx(best.log_likelihood, abs=1e-9) and each["s2"] == pytest.approx(
            best.s2
        )
    least = known["sizes"]["2"]
    assert least["log_likelihood_with_s2_of_largest"] < least["log_likelihood"] - 1.0
    for noise in NOISES:
        optimum = at_optimum(images, SIZES[-1], s2=noise)
        levels = levels_of(divergences(optimum, torch.from_numpy(images)).numpy())
        expected = known["collapse"][f"{noise:g}"]
        assert np.allclose(sorted(levels), sorted(expected["levels"]), atol=1e-9)
        assert expected["rule"] == np.mean(fit(images, SIZES[-1]).eigenvalues[: SIZES[-1]] <= noise)
        assert expected["share"] >= expected["rule"], "collapsed latents have no divergence at all"
    rules = [known["collapse"][f"{noise:g}"]["rule"] for noise in NOISES]
    assert rules == sorted(rules) and rules[0] < rules[-1]
    assert known["collapse_learned"]["rule"] == 0.0


def test_a_turned_solution_is_as_likely_but_not_orthogonal(images: np.ndarray) -> None:
    known = reference(images, 5, seed=0)
    assert known["gram"]["pPCA"]["off_diagonal"] < 1e-20 < 0.005 < known["gram"]["pPCA, turned"]["off_diagonal"]
    assert known["turned_gap"] > 0.005
    values = fit(images, 50).eigenvalues.tolist()
    assert maximum(values, values[2], 5) < maximum(values, known["sizes"]["5"]["s2"], 5)


def test_gram_facts_and_alignment() -> None:
    W = np.array([[0.0, 2.0], [1.0, 0.0], [0.0, 0.0]])
    assert gram_facts(W) == {"matrix": [[4.0, 0.0], [0.0, 1.0]], "off_diagonal": 0.0}
    assert gram_facts(np.ones((2, 2)))["off_diagonal"] == pytest.approx(0.5)
    assert alignment(-W, np.eye(3)) == [1.0, 1.0]
    assert alignment(W[:, ::-1] @ turned(2), np.eye(3)) != [1.0, 1.0]


def test_figures_see_the_directions() -> None:
    x = data()
    best = fit(x, 3)
    found = figures(at_optimum(x, 3), torch.from_numpy(x), best.directions)
    assert np.allclose(found["alignment"], 1.0) and found["gram"]["off_diagonal"] < 1e-20
    assert found["rotation_gap"] == pytest.approx(0.0, abs=1e-12) and found["s2"] == pytest.approx(best.s2)
    other = figures(at_optimum(x, 3, turn=turned(3)), torch.from_numpy(x), best.directions)
    assert min(other["alignment"]) < 0.9 and other["gram"]["off_diagonal"] > 0.01


# --- parts ------------------------------------------------------------------------------------------------------------


def test_every_part_is_a_run_of_its_own_model() -> None:
    base = load_config("linear-vae")
    parts = {part.name: part.config(base, 7) for part in parts_of(base)}
    assert len(parts) == len(SIZES) * 2 + len(ENCODERS) - 1 + 3 * len(NOISES) and linear_encoder(base) in parts
    assert parts[linear_encoder(base)] == replace(base, seed=7)
    for name, config in parts.items():
        assert config.seed == 7 and specification(config.model) is not None
        assert {phase.estimator for phase in config.phases} == {
            "reparameterised" if name.startswith("deep") or name.endswith("stochastic") else "analytic"
        }
    assert parts["linear-fixed-0.3"].model.decoder == "normal(784, variance=3/10)"
    assert parts["deep-learned-0.3"].model.scale_start == pytest.approx(0.3**0.5)
    assert parts["deep-fixed-1"].model.decoder_network.kind == "mlp"
    assert parts["encoder-deep-linear"].model.encoder_network.activation == "identity"
    assert parts["encoder-diagonal"].model.encoder_scale == "predicted"
    assert parts["linear-fixed-1"].phases[0].epochs == base.phases[0].epochs // 2


def test_smoke_differs_in_numbers_only() -> None:
    assert all(isinstance(value, int | float) for value in smoke_table("linear-vae").values())
    assert load_config("linear-vae", smoke=True).model == load_config("linear-vae").model
    assert EXPERIMENTS["linear-vae"].load() is linear_vae.run


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("model.decoder=bernoulli(784)", "normal(d)"),
        ("model.encoder_scale=predicted", "global scales"),
        ("model.prior=same", "standard normal"),
        ("data.train=50", "more than 50"),
    ],
)
def test_another_model_is_refused_before_anything_is_written(key: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(MisuseError, match=said.replace("(", r"\(").replace(")", r"\)")):
        linear_vae.run(load_config("linear-vae", [key], smoke=True), tmp_path, seeds=(0,))
    assert list(tmp_path.iterdir()) == []


# --- the run ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def config(data_folder: Path) -> TrainConfig:
    return load_config("linear-vae", smoke=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("linear-vae")


@pytest.fixture(scope="module")
def result(config: TrainConfig, folder: Path) -> LinearVAEResult:
    return linear_vae.run(config, folder, seeds=(3,), parts=PARTS, device="cpu")


def test_training_raises_the_elbo_and_none_exceeds_the_likelihood(result: LinearVAEResult) -> None:
    for name in ("k2-analytic", "k2-stochastic", "k10-analytic", "encoder-deep-linear"):
        (run,) = result.runs(name)
        (short,) = result.shortfall(name, 2 if name.startswith("k2") else 10)
        assert short > 0.0
        assert run["train"]["gap"] == pytest.approx(run["train"]["evidence"] - run["train"]["elbo"])
        assert run["train"]["gap"] >= run["rotation_gap"] > 0.0, "that of the best linear encoder"
        curve = dict(map(tuple, run["curve"]))
        assert curve[max(curve)] == run["train"]["elbo"] > curve[0] + 50.0
    for name in ("linear-fixed-1", "deep-fixed-1", "deep-learned-1"):
        (run,) = result.runs(name)
        assert len(run["levels"]) == SIZES[-1] and (run["s2"] == pytest.approx(1.0)) is ("fixed" in name)


def test_a_result_is_json_lines_and_pictures(result: LinearVAEResult) -> None:
    tree = json.loads(json.dumps(result.as_dict(), allow_nan=False))
    assert tree["experiment"] == "linear-vae" and "k5-analytic" in tree["not_run"]
    assert len(tree["rows"]) == 7 and all(row["paper"].startswith("qualitative: ") for row in tree["rows"])
    said = "\n".join(result.lines())
    assert f"{result.runs('k2-analytic')[0]['train']['elbo']:.2f}" in said and "not run for all seeds" in said
    assert f"{result.shortfall('encoder-deep-linear', 10)[0]:.2f}" in said
    plots = pytest.importorskip("eftheory.plots")
    drawn = {name: getattr(plots, d.plot)(**d.arguments) for name, d in result.pictures().items()}
    assert set(drawn) == {"latent_sizes", "gram", "collapse", "stochastic", "encoders", "collapse_epsilon"}
    assert all(figure._repr_png_().startswith(b"\x89PNG") for figure in drawn.values())


def test_what_is_finished_is_not_repeated(
    result: LinearVAEResult, config: TrainConfig, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("trained again")

    monkeypatch.setattr(linear_vae, "train", refuse)
    again = linear_vae.run(config, folder, seeds=(3,), parts=PARTS, resume=True)
    assert again.as_dict() == json.loads(json.dumps(result.as_dict()))
    assert again.found == {place: json.loads(json.dumps(run)) for place, run in result.found.items()}
    with pytest.raises(AssertionError, match="trained again"):
        linear_vae.run(config, folder, seeds=(3,), parts=["k5-analytic"], resume=True)


def test_a_recorded_result_says_the_same(result: LinearVAEResult, config: TrainConfig) -> None:
    body = json.loads(json.dumps(result.as_dict()))
    recorded = LinearVAEResult.from_dict(body, config)
    assert recorded.lines() == result.lines() and recorded.as_dict() == body
    assert recorded.pictures() == result.pictures()
    with pytest.raises(MisuseError, match="configuration"):
        LinearVAEResult.from_dict(body, replace(config, seed=1))


def test_spread_over_seeds(result: LinearVAEResult) -> None:
    other = json.loads(json.dumps(result.found["k2-analytic", 3]))
    other["train"]["elbo"] += 2.0
    both = replace(result, seeds=(3, 4), found={**result.found, ("k2-analytic", 4): other})
    first, second = both.shortfall("k2-analytic", 2)
    assert first - second == pytest.approx(2.0)
    figure = both.as_dict()["rows"][0]["figures"]["k2"]
    assert figure["sd"] == pytest.approx(math.sqrt(2.0)) and figure["mean"] == pytest.approx((first + second) / 2)


def test_bands_and_shades() -> None:
    (curve,) = band("a", {1: [2.0, 4.0], 2: [3.0]})
    assert curve == {"label": "a", "x": [1, 2], "y": [3.0, 3.0], "low": [2.0, 3.0], "high": [4.0, 3.0]}
    assert band("none", {}) == []
    assert shades([[4.0, -1.0], [0.0, 4.0]]) == "00" + f"{round(255 * 0.5):02x}" + "ff" + "00"
    assert linear_vae_figures.linear_map(model("normal(3)", "normal(2)", "same", decoder_network=mlp(2))) is None
