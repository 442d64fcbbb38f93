"""What the PixelCNN comparison found, as JSON, as a table beside the paper's, as curves and as grids of samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from statistics import fmean, stdev
from typing import Any

from eftheory.learn.config import TrainConfig
from eftheory.learn.config_file import as_tree
from eftheory.learn.experiments import Drawing

FIGURES: Mapping[str, tuple[str, ...]] = {
    "mmd": ("mmd",),
    "log_det": ("log_det",),
    "information": ("information",),
    "class_cross_entropy": ("classes", "cross_entropy"),
    "error_linear": ("error", "linear"),
    "error_neighbours": ("error", "neighbours"),
    "nll": ("nll", "mean"),
    "nll_error": ("nll", "standard_error"),
    "elbo": ("elbo",),
    "seconds_per_epoch": ("seconds_per_epoch",),
}
"""Name -> where it stands in what a part found."""
PAPER: Mapping[str, float] = {"elbo": 82.75, "mmd": 80.76, "stein": 81.47, "adversarial": 82.21}
"""Table 1 of InfoVAE: importance-sampled -log p(x), nats, 28 x 28 pixels; of fewer pixels only the order compares."""
ELBO, NONE, MMD = "elbo", "none", "mmd"
LABELS: Mapping[str, str] = {
    "elbo": "ELBO",
    "none": "no regulariser",
    "mmd": "MMD",
    "stein": "Stein",
    "adversarial": "adversarial",
}
CURVES = ("mmd", "log_det")


@dataclass(frozen=True, kw_only=True)
class PixelResult:
    """found: for each phase, for each finished seed, its figures (see `infovae_pixelcnn_figures`) and curve. Nats."""

    config: TrainConfig
    seeds: tuple[int, ...]
    found: Mapping[str, Mapping[int, Mapping[str, Any]]]

    @property
    def done(self) -> tuple[str, ...]:
        """Phases with a finished seed, in order."""
        return tuple(name for name, runs in self.found.items() if runs)

    def values(self, phase: str, figure: str) -> list[float]:
        """One number for each finished seed; a time that was not taken is left out."""
        values = [_at(each, FIGURES[figure]) for each in self.found[phase].values()]
        return [float(value) for value in values if value is not None]

    def summary(self) -> dict[str, Any]:
        """phase -> figure -> mean and standard deviation over the seeds (None for one seed or none)."""
        return {phase: {name: _spread(self.values(phase, name)) for name in FIGURES} for phase in self.done}

    def findings(self) -> dict[str, bool]:
        """What the paper says, as far as the phases are there, whether it holds in every seed that has them.

        elbo_tells_least: its mutual information is the smallest of all; elbo_worst_for_labels: and so its latents know
        least of the classes. elbo_matches_prior: its MMD is the smallest, trivially, as it tells least.
        free_is_farthest: without regulariser the MMD is the largest. mmd_likelier: -log p(x) is below the ELBO's.
        """
        runs = [runs for runs in self._by_seed() if len(runs) > 1]
        found: dict[str, bool] = {}
        with_elbo = [run for run in runs if ELBO in run]
        if with_elbo:
            found["elbo_tells_least"] = all(_lowest(run, ELBO, "information") for run in with_elbo)
            found["elbo_worst_for_labels"] = all(_lowest(run, ELBO, "error_linear", -1.0) for run in with_elbo)
            found["elbo_matches_prior"] = all(_lowest(run, ELBO, "mmd") for run in with_elbo)
        if free := [run for run in runs if NONE in run]:
            found["free_is_farthest"] = all(_lowest(run, NONE, "mmd", -1.0) for run in free)
        if both := [run for run in runs if ELBO in run and MMD in run]:
            found["mmd_likelier"] = all(run[MMD]["nll"]["mean"] < run[ELBO]["nll"]["mean"] for run in both)
        return found

    def order(self) -> dict[str, list[str]]:
        """The phases of the paper's table 1 from the likeliest on, there and here (by the mean over seeds)."""
        shared = [name for name in self.done if name in PAPER]
        return {
            "paper": sorted(shared, key=lambda name: PAPER[name]),
            "here": sorted(shared, key=lambda name: fmean(self.values(name, "nll"))),
        }

    def as_dict(self) -> dict[str, Any]:
        return {
            "experiment": "infovae-pixelcnn",
            "config": as_tree(self.config),
            "seeds": list(self.seeds),
            "not_run": self.missing(),
            "unit": "nats, for each image; MMD squared has none; CPU seconds",
            "summary": self.summary(),
            "findings": self.findings(),
            "order": self.order(),
            "paper": {"nll": dict(PAPER), "pixels": 784},
            "reduced": self._reduced(),
            "runs": {
                name: {f"seed-{seed}": _without(run, "samples") for seed, run in runs.items()}
                for name, runs in self.found.items()
            },
            "check": "does not apply: given z the pixels of a PixelCNN depend on each other",
        }

    def missing(self) -> list[str]:
        """Parts that were not run."""
        return [f"{name}-seed-{seed}" for seed in self.seeds for name in self.found if seed not in self.found[name]]

    def lines(self) -> list[str]:
        """The table, the paper's column, what follows, and what bounds the figures."""
        some = len(self.seeds) > 1
        lines = [
            f"infovae-pixelcnn (REDUCED: {self._reduced()}); nats, mean{' (sd) over seeds' if some else ''}",
            "",
            f"{'':<16}{'alpha':>6}{'lambda':>8}{'MMD^2':>20}{'log det':>16}{'I(x; z)':>16}{'classes':>18}"
            f"{'error: linear':>17}{'neighbours':>17}{'-log p(x)':>17}{'paper':>8}{'s/epoch':>15}",
        ]
        lines += [self._row(phase) for phase in self.done]
        if self.done:
            lines += ["", *self._about_lines(), *self._finding_lines()]
        return lines + ([f"not run: {', '.join(self.missing())}"] if self.missing() else [])

    def pictures(self) -> dict[str, Drawing]:
        """Of the first seed: MMD against steps (figure 6 D), and samples of every model."""
        if not self.done:
            return {}
        firsts = {name: next(iter(self.found[name].items())) for name in self.done}
        curves = {
            LABELS.get(name, name): [[each["step"] for each in run["curve"]], [each["mmd"] for each in run["curve"]]]
            for name, (_, run) in firsts.items()
        }
        seed, some = next(iter(firsts.values()))
        arguments = {"points": {}, "curves": curves, "x": "steps", "y": "MMD^2 to the prior", "logarithmic": "y"}
        grids = {LABELS.get(name, name): run["samples"] for name, (_, run) in firsts.items()}
        title = f"seed {seed}: samples, {some['shape'][1]} x {some['shape'][2]} pixels"
        return {
            "mmd": Drawing("points_and_curves", {**arguments, "title": f"seed {seed}, test images"}),
            "samples": Drawing("sample_grids", {"grids": grids, "shape": some["shape"], "title": title}),
        }

    def _reduced(self) -> str:
        data = self.config.data
        shape = next((run["shape"] for runs in self.found.values() for run in runs.values()), None)
        size = f"{shape[1]} x {shape[2]} pixels, " if shape else ""
        return f"{size}{data.train} images of {data.name}, {self.config.phases[0].epochs} epochs, small networks"

    def _row(self, phase: str) -> str:
        about = next(iter(self.found[phase].values()))["objective"]
        cells = [
            _text(self.values(phase, "mmd"), 5).rjust(20),
            _text(self.values(phase, "log_det"), 2).rjust(16),
            _text(self.values(phase, "information"), 2).rjust(16),
            _text(self.values(phase, "class_cross_entropy"), 4).rjust(18),
            _text([100 * value for value in self.values(phase, "error_linear")], 1, " %").rjust(17),
            _text([100 * value for value in self.values(phase, "error_neighbours")], 1, " %").rjust(17),
            _text(self.values(phase, "nll"), 2).rjust(17),
            (f"{PAPER[phase]:.2f}" if phase in PAPER else "-").rjust(8),
            _text(self.values(phase, "seconds_per_epoch"), 1).rjust(15),
        ]
        return f"{LABELS.get(phase, phase):<16}{about['alpha']:>6g}{about['lambda']:>8g}{''.join(cells)}"

    def _about_lines(self) -> list[str]:
        runs = [run for each in self.found.values() for run in each.values()]
        scatter = max(abs(run["mmd_of_prior"]) for run in runs)
        real = max(run["classes"]["real"] for run in runs)
        right = min(run["classes"]["accuracy"] for run in runs)
        lines = [
            f"prior against prior: MMD^2 up to {scatter:.5f}; classes of real test images up to {real:.4f},"
            f" by a classifier that is right on {100 * right:.1f} %; paper: 784 pixels, so only its order compares",
        ]
        for name in self.done:
            run = next(iter(self.found[name].values()))
            nll = run["nll"]
            text = f"-log p(x) +- {nll['standard_error']:.2f} (images), {nll['sampling_error']:.3f} (z)"
            text += f", effective share of the draws {nll['effective']:.2f}; -ELBO {-run['elbo']:.2f}"
            reason = run["forced"]
            lines.append(f"{LABELS.get(name, name)}: {text}" + (f"; forced: {reason}" if reason else ""))
        most = max(run["information_most"] for run in runs)
        lines.append(f"-log p(x) is an upper bound, loose where the share is small; I(x; z) is at most {most:.2f} here")
        return lines

    def _finding_lines(self) -> list[str]:
        words = {True: "yes", False: "no"}
        lines = [f"{name.replace('_', ' ')}: {words[holds]}" for name, holds in self.findings().items()]
        order = self.order()
        return [*lines, f"likeliest first: {', '.join(order['here'])}; paper: {', '.join(order['paper'])}"]

    def _by_seed(self) -> list[dict[str, Mapping[str, Any]]]:
        return [
            {name: self.found[name][seed] for name in self.found if seed in self.found[name]} for seed in self.seeds
        ]


def short(run: Mapping[str, Any]) -> str:
    """One line while the experiment lasts."""
    nll, error = run["nll"], run["error"]
    return (
        f"-log p(x) {nll['mean']:.2f} +- {nll['standard_error']:.2f}, MMD^2 {run['mmd']:.5f}, log det"
        f" {run['log_det']:.2f}, I(x; z) {run['information']:.2f}, error {100 * error['linear']:.1f} %"
    )


def _lowest(run: Mapping[str, Mapping[str, Any]], phase: str, figure: str, sign: float = 1.0) -> bool:
    """Whether the figure of a phase is the smallest of all (sign -1: the largest)."""
    values = {name: sign * float(_at(each, FIGURES[figure])) for name, each in run.items()}
    return all(values[phase] < value for name, value in values.items() if name != phase)


def _without(run: Mapping[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in run.items() if name != key}


def _at(tree: Any, path: Sequence[str]) -> Any:
    for key in path:
        tree = tree[key]
    return tree


def _spread(values: Sequence[float]) -> dict[str, float | None]:
    """None where nothing was measured; an infinite value has no spread."""
    sd = stdev(values) if len(values) > 1 and all(map(isfinite, values)) else None
    return {"mean": fmean(values) if values else None, "sd": sd}


def _text(values: Sequence[float], digits: int, unit: str = "") -> str:
    found = _spread(values)
    mean, sd = found["mean"], found["sd"]
    if mean is None:
        return "-"
    return f"{mean:.{digits}f}{unit}" + ("" if sd is None else f" ({sd:.{digits}f})")
