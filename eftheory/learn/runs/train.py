"""Training, read from top to bottom: data, model, phases, epochs, batches; saved, logged, and resumed bit for bit.

Randomness: torch's global generator, whose state is saved; the order of the data is a function of (seed, epoch). So a
run that is killed and resumed does on a CPU what it would have done, to the last bit.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from eftheory import __version__
from eftheory.errors import EftheoryError, MisuseError
from eftheory.learn.config import Phase, TrainConfig
from eftheory.learn.config_file import config_text, digest
from eftheory.learn.datasets import data as datasets
from eftheory.learn.densities.products import Rows, converted, taken
from eftheory.learn.evaluation.evaluate import evaluate
from eftheory.learn.models.model import VAE, build
from eftheory.learn.objectives.infovae import InfoVAE, forced
from eftheory.learn.objectives.objectives import Objective, objective_of
from eftheory.learn.runs.bound_start import bound_start
from eftheory.learn.runs.flat import flatten, unflatten
from eftheory.learn.runs.interrupt import interrupts
from eftheory.learn.runs.start import check_data, check_phases, start_at, start_at_truth
from eftheory.learn.runs.store import Checkpoint, Store

Measure = Callable[..., Mapping[str, Any]]
"""``measure(model, rows, samples=..., seed=...)``: figures of a part of the data, by name."""


class Diverged(EftheoryError):
    """The loss or a parameter is no longer finite; the message names the step and the checkpoint that is kept."""


@dataclass(frozen=True)
class Progress:
    """Where a run is: steps done of all, the last logged loss (nats a row) and gap (None before the first)."""

    step: int
    steps: int
    loss: float | None
    gap: float | None


@dataclass(frozen=True)
class TrainResult:
    """What a run leaves: its configuration, versions, every logged record, and the final parameters."""

    config: TrainConfig
    seed: int
    versions: Mapping[str, str]
    history: tuple[Mapping[str, Any], ...]
    state: Mapping[str, Tensor]
    folder: Path


@dataclass(frozen=True)
class Place:
    """One step: its number from 1, its phase, its epoch within the run and within the phase, its rows."""

    step: int
    phase: int
    epoch: int
    rows: Tensor
    last_of_phase: bool


class Loss(nn.Module):
    """Minus the mean objective of the rows at `index`: one module, for Fabric and torch.compile to wrap."""

    def __init__(self, model: VAE, objective: Objective, rows: Rows) -> None:
        super().__init__()
        self.model, self._objective, self._rows = model, objective, rows

    def forward(self, index: Tensor) -> Tensor:
        return -self._objective(self.model, taken(self._rows, index)).mean()


def train(
    config: TrainConfig,
    folder: str | Path,
    *,
    device: str = "auto",
    resume: bool = False,
    progress: Callable[[Progress], None] = lambda _: None,
    measure: Measure | None = None,
    dataset: datasets.Dataset | None = None,
    start: Mapping[str, Tensor] | None = None,
    make: Callable[..., VAE] = build,
) -> TrainResult:
    """Run `config` in `folder` (made if absent). device: auto, cpu or cuda. resume: go on after the last checkpoint.
    measure: what is logged of train and test at each evaluation; None: `measured`. dataset: in place of loading
    `config.data`; start: parameters by name, all or some, to begin from; make: builds the model, in place of `build`.
    To resume the caller passes these again: the folder knows `config` only.

    Raises MisuseError (data outside the decoder's support, a device that is absent, a folder of another run) before
    anything is written, and `Diverged` with the last good checkpoint kept.
    """
    fabric = _fabric(config, device)
    torch.manual_seed(config.seed + fabric.global_rank)
    dataset = datasets.load(config.data, config.seed) if dataset is None else dataset
    with torch.random.fork_rng():  # all processes start from one model
        torch.manual_seed(config.seed)
        model = make(config.model, shape=dataset.shape, sparse=not isinstance(dataset.train, Tensor))
    start_at_truth(model, config.model, dataset)
    check_data(model, dataset)
    monitor = bound_start(model.to(dtype=_dtype(config)), config.model, dataset)
    start_at(model, start or {})
    check_phases(model, config, dataset)
    with _store(fabric, config, Path(folder), resume) as store:
        model = model.to(device=fabric.device, dtype=_dtype(config))
        rows = converted(dataset.train, next(model.parameters()))
        found_by = measure or measured
        found_by = found_by if monitor is None else monitor.beside(found_by)
        run = Run(fabric, config, dataset, model, rows, store, found_by)
        run.restore(store.latest())
        with interrupts() as asked:
            run.go(progress, asked if fabric.world_size == 1 else lambda: False)
        found = versions(fabric.device)
        if fabric.is_global_zero:
            result = {"name": config.name, "seed": config.seed, "steps": run.steps, "versions": found}
            store.finish(result | ({"forced": forced(config)} if forced(config) else {}))
        fabric.barrier()
        history = tuple(store.read_metrics())
    return TrainResult(config, config.seed, found, history, model.state_dict(), Path(folder))


class Run:
    """The loop and its state: model, optimiser of the current phase, steps done, the loss summed since the last log."""

    def __init__(
        self,
        fabric: Fabric,
        config: TrainConfig,
        dataset: datasets.Dataset,
        model: VAE,
        rows: Rows,
        store: Store,
        measure: Measure,
    ) -> None:
        self.measure = measure
        self.fabric, self.config, self.dataset, self.model = fabric, config, dataset, model
        self.rows, self.store = rows, store
        self.done, self.total, self.counted = 0, torch.zeros((), device=fabric.device), 0
        self.optimiser: Any = None
        self.objective: Any = None
        self.gap: float | None = None
        self.loss: float | None = None
        self.steps = sum(phase.epochs * self._batches(phase) for phase in config.phases)

    def go(self, progress: Callable[[Progress], None], asked: Callable[[], bool]) -> None:
        """Every step that is not yet done; where it is asked to stop, what is done is saved first."""
        current = -1
        if self.done == 0:
            self.save(weights_only=True)
            self.evaluate(Place(0, 0, 0, torch.empty(0), False))
        loss_of: Any = None
        for place in self.places():
            if place.phase != current:
                current, loss_of = place.phase, self.set_up(self.config.phases[place.phase])
            with self._sampling(place.rows):
                loss = loss_of(place.rows)
            self.fabric.backward(loss)
            self.optimiser.step()
            self.optimiser.zero_grad(set_to_none=True)
            self.done = place.step
            self.total += loss.detach()
            self.counted += 1
            if self._due(place, self.config.run.log_every):
                self.log(place)
            if self._due(place, self.config.run.evaluate_every) or place.last_of_phase:
                self.evaluate(place)
            if self._due(place, self.config.run.save_every) or place.last_of_phase:
                self.save()
            progress(Progress(self.done, self.steps, self.loss, self.gap))
            if asked():
                self.save()
                raise KeyboardInterrupt

    def places(self) -> Iterator[Place]:
        """The steps after `done`, in order, with the rows of this process."""
        step = epochs = 0
        for number, phase in enumerate(self.config.phases):
            batches = self._batches(phase)
            for epoch in range(phase.epochs):
                if step + batches > self.done:
                    order = self._order(epochs)
                    for batch in range(max(0, self.done - step), batches):
                        last = epoch == phase.epochs - 1 and batch == batches - 1
                        yield Place(step + batch + 1, number, epochs, self._mine(order, batch, phase.batch), last)
                step, epochs = step + batches, epochs + 1

    def set_up(self, phase: Phase) -> Any:
        """The loss of a phase as a callable on row indices; its optimiser, restored where a phase goes on."""
        for part, parameters in parts(self.model).items():
            for parameter in parameters:
                parameter.requires_grad_(phase.trains in ("both", part))
        kept, self.optimiser = self.optimiser, None
        learned, self.objective = self.objective, objective_of(phase, self.config.seed)
        if isinstance(learned, dict):
            self.objective.load_state_dict(learned)
        trained = [parameter for parameter in self.model.parameters() if parameter.requires_grad]
        optimiser = torch.optim.Adam(trained, lr=phase.learning_rate, fused=True)
        if isinstance(kept, dict):
            optimiser.load_state_dict(kept)
        loss: nn.Module = Loss(self.model, self.objective, self.rows)
        if self.config.run.compile or self.config.run.cuda_graphs:
            loss = torch.compile(loss, mode="reduce-overhead" if self.config.run.cuda_graphs else "default")  # type: ignore[assignment]
        wrapped, self.optimiser = self.fabric.setup(loss, optimiser)
        return wrapped

    def log(self, place: Place) -> None:
        """One line of metrics: the mean loss since the last one. Raises `Diverged` where it is not finite."""
        mean = self.fabric.all_reduce(self.total / self.counted)
        self.loss = float(mean)  # type: ignore[arg-type]
        if not torch.isfinite(torch.tensor(self.loss)):
            self._diverged(f"the loss is {self.loss}")
        self.total, self.counted = torch.zeros_like(self.total), 0
        if self.fabric.is_global_zero:
            self.store.log({"kind": "loss", "step": self.done, **self._where(place), "loss": self.loss})

    def evaluate(self, place: Place) -> None:
        """One line each for train and test: evidence, ELBO and gap, without touching the training's randomness."""
        if not self.fabric.is_global_zero:
            return
        self._refuse_infinite()
        run = self.config.run
        for part in ("train", "test"):
            rows = getattr(self.dataset, part)
            if len(rows) == 0:
                continue
            some = slice(0, run.evaluate_rows)
            chosen = (rows[some] if isinstance(rows, Tensor) else rows.take(some)).to(self.fabric.device)
            with torch.random.fork_rng():
                found = self.measure(self.model, chosen, samples=run.evaluate_samples, seed=self.config.seed)
            if part == "train":
                self.gap = found.get("gap")
            self.store.log({"kind": "evaluation", "step": self.done, **self._where(place), "part": part, **found})

    @contextmanager
    def _sampling(self, index: Tensor) -> Iterator[None]:
        """Where torch refuses to draw from parameters that are not finite, training has diverged."""
        try:
            yield
        except RuntimeError:
            self._refuse_infinite()
            with torch.no_grad():
                if not bool(torch.isfinite(self.model.encode(taken(self.rows, index))).all()):
                    self._diverged("the encoder's output is not finite")
            raise

    def _refuse_infinite(self) -> None:
        for name, parameter in self.model.named_parameters():
            if not bool(torch.isfinite(parameter).all()):
                self._diverged(f"the parameter {name} is not finite")

    def save(self, *, weights_only: bool = False) -> None:
        """A checkpoint, whole or not at all, after a check that every parameter is finite."""
        states = self.fabric.all_gather(torch.get_rng_state()) if self.fabric.world_size > 1 else torch.get_rng_state()
        if not self.fabric.is_global_zero:
            return
        self._refuse_infinite()
        self.store.save_weights(self.done, self.model.state_dict())
        if weights_only:
            return
        # what an objective learns itself (infovae's discriminator) is a part of the state
        learned = self.objective.state_dict() if isinstance(self.objective, InfoVAE) else {}
        tensors, facts = flatten(
            {
                "model": self.model.state_dict(),
                "optimiser": self.optimiser.state_dict(),
                "random": states,
                "cuda": torch.cuda.get_rng_state_all() if self.fabric.device.type == "cuda" else [],
                "total": self.total,
                "counted": self.counted,
                "phase": self._phase_of(self.done),
                "gap": self.gap,
                "loss": self.loss,
                **({"objective": learned} if learned else {}),
            },
            "run",
        )
        self.store.save(self.done, tensors, {"run": facts})

    def restore(self, checkpoint: Checkpoint | None) -> None:
        """Go back to where a checkpoint was made; None: to the start."""
        if checkpoint is None:
            return
        state = unflatten(checkpoint.tensors, checkpoint.facts["run"])
        self.model.load_state_dict(state["model"])
        self.done, self.counted, self.gap, self.loss = (
            checkpoint.step, state["counted"], state["gap"], state["loss"]
        )  # fmt: skip
        self.total = state["total"].to(self.fabric.device)
        random = state["random"]
        torch.set_rng_state(random if random.ndim == 1 else random[self.fabric.global_rank])
        if state["cuda"]:
            torch.cuda.set_rng_state_all(state["cuda"])
        if self._phase_of(self.done + 1) == state["phase"]:
            self.optimiser = state["optimiser"]  # `set_up` gives it to the optimiser of the phase that goes on
            self.objective = state.get("objective")

    def _due(self, place: Place, every: int) -> bool:
        return every > 0 and place.step % every == 0

    def _where(self, place: Place) -> dict[str, Any]:
        phase = self.config.phases[place.phase]
        return {"phase": phase.name or str(place.phase), "epoch": place.epoch}

    def _batches(self, phase: Phase) -> int:
        rows = len(self.rows)
        batch = min(phase.batch, rows)
        whole, rest = divmod(rows, batch)
        return whole + (rest >= self.fabric.world_size)

    def _order(self, epoch: int) -> Tensor:
        """A permutation of the rows that depends on (seed, epoch) alone."""
        generator = torch.Generator().manual_seed((self.config.seed * 1_000_003 + epoch) % 2**63)
        return torch.randperm(len(self.rows), generator=generator).to(self.fabric.device)

    def _mine(self, order: Tensor, batch: int, size: int) -> Tensor:
        rows = order[batch * size : (batch + 1) * size]
        count, world = len(rows), self.fabric.world_size
        return rows if world == 1 else rows[: count - count % world][self.fabric.global_rank :: world]

    def _phase_of(self, step: int) -> int:
        """The phase of step number `step` (from 1)."""
        end = 0
        for number, phase in enumerate(self.config.phases):
            end += phase.epochs * self._batches(phase)
            if step <= end:
                return number
        return len(self.config.phases)

    def _diverged(self, what: str) -> None:
        steps = self.store.steps()
        kept = f"step {steps[-1]}" if steps else "none"
        raise Diverged(f"training stopped at step {self.done}: {what}; the last good checkpoint, {kept}, is kept")


def measured(model: VAE, rows: Rows, *, samples: int, seed: int) -> dict[str, float]:
    """Evidence, ELBO and gap, means in nats; with standard errors where they are estimates."""
    found = evaluate(model, rows, samples=samples, seed=seed)
    means = {"evidence": found.mean_evidence, "elbo": found.mean_elbo, "gap": found.mean_gap}
    errors = {"evidence_error": found.evidence_error, "elbo_error": found.elbo_error}
    return means | (errors if found.evidence_error else {})


def parts(model: VAE) -> dict[str, list[nn.Parameter]]:
    """The parameters of the encoder, and those of the decoder with its scale and the prior."""
    encoder = list(model.g.parameters())
    known = {id(parameter) for parameter in encoder}
    return {"encoder": encoder, "decoder": [p for p in model.parameters() if id(p) not in known]}


def versions(device: torch.device) -> dict[str, str]:
    """What the figures of a run depend on."""
    where = torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
    return {
        "eftheory": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "lightning-fabric": metadata.version("lightning-fabric"),
        "device": where,
    }


def _store(fabric: Fabric, config: TrainConfig, folder: Path, resume: bool) -> Store:
    """Open for the first process to write, for the others to read."""
    store = Store.open(folder, config_text(config), digest(config), resume=resume) if fabric.is_global_zero else None
    fabric.barrier()
    return store or Store.view(folder)


def _dtype(config: TrainConfig) -> torch.dtype:
    return torch.float64 if config.run.precision == "64-true" else torch.float32


def _fabric(config: TrainConfig, device: str) -> Fabric:
    if device not in ("auto", "cpu", "cuda"):
        raise MisuseError(wanted="a device auto, cpu or cuda", got=repr(device), do="name one")
    if device == "cuda" and not torch.cuda.is_available():
        raise MisuseError(wanted="a CUDA device", got="none that torch can use", do="take --device cpu")
    accelerator = "cuda" if device == "cuda" or (device == "auto" and torch.cuda.is_available()) else "cpu"
    if accelerator == "cpu" and config.run.precision == "16-mixed":
        do = "take bf16-mixed or 32-true"
        raise MisuseError(wanted="a precision that a CPU has", got="16-mixed", do=do)
    present = torch.cuda.device_count() if accelerator == "cuda" else os.cpu_count() or 1
    if config.run.devices > present:
        got, do = f"run.devices = {config.run.devices}", "lower it"
        raise MisuseError(wanted=f"at most the {present} devices or cores that there are", got=got, do=do)
    fabric = Fabric(accelerator=accelerator, devices=config.run.devices, precision=config.run.precision)  # type: ignore[arg-type]
    fabric.launch()
    return fabric
