"""`eftheory project` on normal decoders: what cannot be certified or priced is said, and nothing else is lost."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from learn.small import mlp, model_config

from eftheory.__main__ import main
from eftheory.learn.config import DataConfig, ModelConfig, Phase, RunConfig, TrainConfig
from eftheory.learn.runs.train import train

N = "normal(2, mean=0, variance=1)"


def project(tmp_path: Path, model: ModelConfig, estimator: str, spread: float) -> dict[str, object]:
    rng = np.random.default_rng(0)
    path = tmp_path / "rows.npz"
    np.savez(path, train=spread * rng.normal(size=(60, 6)), test=spread * rng.normal(size=(20, 6)))
    phase = Phase(objective="elbo", estimator=estimator, epochs=2, batch=20, learning_rate=1e-3)
    data = DataConfig(name="npz", path=str(path))
    run = RunConfig(evaluate_samples=4)
    config = TrainConfig(name="gauss", seed=0, data=data, model=model, phases=(phase,), run=run)
    train(config, tmp_path / "run", device="cpu")
    assert main(["project", str(tmp_path / "run"), "--quiet", "--rows", "20"]) == 0
    found: dict[str, object] = json.loads((tmp_path / "run" / "projection" / "report.json").read_text())
    return found


@pytest.mark.parametrize("scale", ["predicted", "global"])
@pytest.mark.parametrize("spread", [1.0, 1000.0])
def test_normal_pixels_and_bits(scale: str, spread: float, tmp_path: Path) -> None:
    found = project(tmp_path, model_config("normal(6)", "bernoulli(3)", decoder_scale=scale), "exact", spread)
    kinds = [each["kind"] for each in found["projections"]]  # type: ignore[index, attr-defined]
    assert "natural" in kinds
    certified = [each for each in found["certificates"] if each["file"]]  # type: ignore[attr-defined]
    if spread > 1.0:  # posteriors of e^-1000000
        assert not certified and "log-odds within 2500 nats" in json.dumps(found["absent"])
    else:
        assert certified


def test_a_gaussian_vae_is_told_what_the_set_asks_for_besides(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = model_config("normal(6, variance=1)", "normal(2)", N, encoder_network=mlp(4), decoder_network=mlp(4))
    found = project(tmp_path, model, "reparameterised", 1.0)
    assert any("z**2" in condition for condition in found["conditions"])  # type: ignore[attr-defined]
    assert "price of an exactly tight model" in found["absent"]  # type: ignore[operator]
    capsys.readouterr()
    assert main(["project", str(tmp_path / "run"), "--rows", "20"]) == 0
    text = capsys.readouterr().out
    assert "the consistent set asks for more" in text and "affine encoder: g" not in text
