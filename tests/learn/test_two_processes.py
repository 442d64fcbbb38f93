"""Two CPU processes train what one trains: Fabric's own launch, and torchrun."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from learn.small import mixture

from eftheory.learn.config import Phase
from eftheory.learn.config_file import config_text
from eftheory.learn.runs.store import Store
from eftheory.learn.runs.train import train

ROOT = Path(__file__).parents[2]
PHASE = Phase(objective="elbo", estimator="exact", epochs=2, batch=20, learning_rate=1e-2)


def weights(folder: Path) -> dict[str, torch.Tensor]:
    store = Store.view(folder)
    return store.weights_at(store.steps()[-1]).tensors


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> dict[str, torch.Tensor]:
    folder = tmp_path_factory.mktemp("alone") / "run"
    train(mixture(phases=(PHASE,)), folder, device="cpu")
    return weights(folder)


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="needs two cores")
@pytest.mark.parametrize("launch", ["fabric", "torchrun"])
def test_two_processes_train_the_same_model_as_one(launch: str, alone: dict[str, torch.Tensor], tmp_path: Path) -> None:
    """The mean of two halves of a batch is the mean of the batch, up to rounding; another seed is not (the control)."""
    (tmp_path / "tiny.toml").write_text(config_text(mixture(phases=(PHASE,))))
    command = ["-m", "eftheory", "train", "tiny.toml", "--out", "run", "--device", "cpu", "--set", "run.devices=2"]
    start = {"fabric": [], "torchrun": ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]}[launch]
    done = subprocess.run(
        [sys.executable, *start, *command],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("6 steps on cpu") == 1, "one process speaks"
    both = weights(tmp_path / "run")
    assert all(torch.allclose(both[name], tensor, atol=1e-5) for name, tensor in alone.items())
    other = {name: tensor + 1e-3 for name, tensor in alone.items()}
    assert not any(torch.allclose(both[name], tensor, atol=1e-5) for name, tensor in other.items())
