"""What the linear-vae experiment found, beside the theory and the paper: JSON, lines and pictures. No torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Any

from eftheory.errors import MisuseError
from eftheory.learn.config import TrainConfig
from eftheory.learn.config_file import as_tree
from eftheory.learn.experiments import Drawing
from eftheory.learn.experiments.linear_vae_grid import (
    ENCODERS,
    ESTIMATORS,
    KINDS,
    NOISES,
    SIZES,
    linear_encoder,
    parts_of,
)
from eftheory.learn.experiments.linear_vae_grid import latents_of as latents
from eftheory.learn.experiments.linear_vae_reference import DELTA, EPSILON, share_of_collapsed
from eftheory.learn.experiments.linear_vae_rows import rows_of

EPSILONS = (1e-4, 3e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
WHITE = 255


@dataclass(frozen=True, kw_only=True)
class LinearVAEResult:
    """found: (part, seed) -> what its run found, of those that are finished; reference: pPCA's, without training;
    source: of the images. Nats an image."""

    config: TrainConfig
    seeds: tuple[int, ...]
    found: Mapping[tuple[str, int], Mapping[str, Any]]
    reference: Mapping[str, Any]
    source: str

    @property
    def names(self) -> list[str]:
        """All parts, in order."""
        return [part.name for part in parts_of(self.config)]

    def runs(self, part: str) -> list[Mapping[str, Any]]:
        """Of the seeds that are finished."""
        return [self.found[part, seed] for seed in self.seeds if (part, seed) in self.found]

    def shortfall(self, part: str, k: int) -> list[float]:
        """By how much each run's ELBO is below the maximum of the likelihood with k latents: never negative."""
        best = self.reference["sizes"][str(k)]["log_likelihood"]
        return [best - run["train"]["elbo"] for run in self.runs(part)]

    def shares(self, part: str, epsilon: float = EPSILON) -> list[float]:
        """Of collapsed latents, for each run."""
        return [share_of_collapsed(run["levels"], epsilon) for run in self.runs(part)]

    def as_dict(self) -> dict[str, Any]:
        return {
            "experiment": "linear-vae",
            "unit": "nats an image",
            "data": self.source,
            "config": as_tree(self.config),
            "seeds": list(self.seeds),
            "epsilon": EPSILON,
            "delta": DELTA,
            "not_run": [name for name in self.names if len(self.runs(name)) < len(self.seeds)],
            "rows": rows_of(self),
            "reference": dict(self.reference),
            "runs": {name: self._by_seed(name) for name in self.names},
        }

    def _by_seed(self, part: str) -> dict[str, Any]:
        """What was found, without the Gram matrices that no picture shows."""
        whole = part == linear_encoder(self.config)
        runs = {seed: self.found[part, seed] for seed in self.seeds if (part, seed) in self.found}
        return {f"seed-{seed}": dict(run) if whole else _without_matrix(run) for seed, run in runs.items()}

    @classmethod
    def from_dict(cls, body: Mapping[str, Any], config: TrainConfig) -> LinearVAEResult:
        """What `as_dict` gave, for figures that were recorded elsewhere. Raises MisuseError for another `config`."""
        if body["config"] != as_tree(config):
            got, do = "another", "pass that of the run"
            raise MisuseError(wanted="the configuration of the recorded result", got=got, do=do)
        runs = (
            (part, int(seed.removeprefix("seed-")), run)
            for part, of in body["runs"].items()
            for seed, run in of.items()
        )
        return cls(
            config=config,
            seeds=tuple(body["seeds"]),
            found={(part, seed): run for part, seed, run in runs},
            reference=body["reference"],
            source=body["data"],
        )

    def lines(self) -> list[str]:
        finished = len(self.found)
        lines = [
            f"linear-vae: {finished} of {len(self.names) * len(self.seeds)} runs, seeds "
            f"{', '.join(map(str, self.seeds))}; nats an image, mean (sd) over seeds",
            f"data: {self.source}; {self.config.data.train} images",
            "",
            f"{'latents':>7}{'max log-likelihood':>20}{'s2':>9}"
            + "".join(f"{f'ELBO {how}':>24}" for how in ESTIMATORS)
            + f"{'s2 of the largest':>20}",
        ]
        for k, known in self.reference["sizes"].items():
            trained = [spread([r["train"]["elbo"] for r in self.runs(f"k{k}-{how}")]) for how in ESTIMATORS]
            lines.append(
                f"{k:>7}{known['log_likelihood']:>20.2f}{known['s2']:>9.4f}"
                + "".join(f"{text(each):>24}" for each in trained)
                + f"{known['log_likelihood_with_s2_of_largest']:>20.2f}"
            )
        lines += ["", *self._collapse_lines(), ""]
        for row in rows_of(self):
            lines += [f"{row['what']}", f"  paper: {row['paper']}", f"  here:  {row['here']}"]
        missing = self.as_dict()["not_run"]
        return lines + ([f"not run for all seeds: {', '.join(missing)}"] if missing else [])

    def _collapse_lines(self) -> list[str]:
        head = f"collapsed of {SIZES[-1]} latents, %"
        lines = [f"{head:<26}{'rule l <= s2':>14}{'optimum':>10}" + "".join(f"{kind:>16}" for kind in KINDS)]
        for noise in NOISES:
            known = self.reference["collapse"][f"{noise:g}"]
            shares = [spread([100 * share for share in self.shares(f"{kind}-{noise:g}")]) for kind in KINDS]
            lines.append(
                f"{f's2 = {noise:g}':<26}{100 * known['rule']:>14.0f}{100 * known['share']:>10.0f}"
                + "".join(f"{text(each, 0):>16}" for each in shares)
            )
        return [*lines, "deep-learned: s2 is where it starts"]

    # --- pictures -----------------------------------------------------------------------------------------------------

    def pictures(self) -> dict[str, Drawing]:
        drawn: dict[str, Drawing | None] = {
            "latent_sizes": self._sizes(),
            "gram": self._gram(),
            "collapse": self._collapse(),
        }
        ways = {how: f"k{latents(self.config)}-{how}" for how in ESTIMATORS}
        encoders = {name: linear_encoder(self.config) if name == "linear" else f"encoder-{name}" for name in ENCODERS}
        drawn["stochastic"] = self._curves(ways, "the ELBO in closed form and by one sample")
        drawn["encoders"] = self._curves(encoders, "four encoders, one linear decoder")
        drawn["collapse_epsilon"] = self._epsilons()
        return {name: drawing for name, drawing in drawn.items() if drawing is not None}

    def _sizes(self) -> Drawing:
        known = self.reference["sizes"]
        x = [int(k) for k in known]
        curves: list[dict[str, Any]] = [
            {"label": "pPCA, maximum", "x": x, "y": [each["log_likelihood"] for each in known.values()]},
            {
                "label": f"pPCA, s2 of {SIZES[-1]} latents",
                "x": x,
                "y": [each["log_likelihood_with_s2_of_largest"] for each in known.values()],
                "dashed": True,
            },
        ]
        for how in ESTIMATORS:
            values = {k: [run["train"]["elbo"] for run in self.runs(f"k{k}-{how}")] for k in x}
            curves += band(f"ELBO, {how}", {k: found for k, found in values.items() if found})
        labels = {"x_label": "latents", "y_label": "nats an image"}
        return Drawing("lines", {"curves": curves, "title": "the ELBO reaches the likelihood's maximum", **labels})

    def _curves(self, parts: Mapping[str, str], title: str) -> Drawing | None:
        """How far below pPCA's maximum, over the steps."""
        best = self.reference["sizes"][str(latents(self.config))]["log_likelihood"]
        curves = []
        for label, part in parts.items():
            runs = [{step: value for step, value in run["curve"]} for run in self.runs(part)]
            steps = sorted(set.intersection(*map(set, runs))) if runs else []
            curves += band(label, {step: [best - run[step] for run in runs] for step in steps if step > 0})
        if not curves:
            return None
        labels = {"x_label": "steps", "y_label": "nats below the maximum", "logarithmic": "y"}
        return Drawing("lines", {"curves": curves, "title": title, **labels})

    def _gram(self) -> Drawing:
        """Grey levels: |W'W|, white 0, black the largest entry of each matrix, at the power 1/2."""
        grams = {name: known["matrix"] for name, known in self.reference["gram"].items()}
        runs = self.runs(linear_encoder(self.config))
        if runs:
            grams["ELBO, trained"] = runs[0]["gram"]["matrix"]
        size = latents(self.config)
        arguments = {"grids": {name: [shades(gram)] for name, gram in grams.items()}, "shape": [1, size, size]}
        return Drawing("sample_grids", {**arguments, "columns": 1, "title": "|W'W|, square root as grey"})

    def _collapse(self) -> Drawing:
        known = self.reference["collapse"]
        x = list(NOISES)
        curves: list[dict[str, Any]] = [
            {"label": "rule: l <= s2", "x": x, "y": [100 * known[f"{s2:g}"]["rule"] for s2 in x], "dashed": True}
        ]
        for kind in KINDS:
            shares = {s2: [100 * share for share in self.shares(f"{kind}-{s2:g}")] for s2 in x}
            curves += band(kind.replace("-", ", "), {s2: found for s2, found in shares.items() if found})
        labels = {"x_label": "s2 (learned: at the start)", "y_label": "collapsed latents, %", "logarithmic": "x"}
        title = f"of {SIZES[-1]} latents, epsilon = {EPSILON:g}, delta = {DELTA:g}"
        return Drawing("lines", {"curves": curves, "title": title, **labels})

    def _epsilons(self) -> Drawing | None:
        """The share as a function of epsilon, of the deep model with fixed variances."""
        curves = []
        for s2 in NOISES:
            part = f"deep-fixed-{s2:g}"
            if self.runs(part):
                shares = {e: [100 * share for share in self.shares(part, e)] for e in EPSILONS}
                curves += band(f"s2 = {s2:g}", shares)
        if not curves:
            return None
        labels = {"x_label": "epsilon, nats", "y_label": "collapsed latents, %", "logarithmic": "x"}
        return Drawing("lines", {"curves": curves, "title": f"deep, s2 fixed, delta = {DELTA:g}", **labels})


def _without_matrix(run: Mapping[str, Any]) -> dict[str, Any]:
    gram = run.get("gram")
    return {**run, "gram": {"off_diagonal": gram["off_diagonal"]}} if gram else dict(run)


def band(label: str, values: Mapping[float, Sequence[float]]) -> list[dict[str, Any]]:
    """One curve of means, from the smallest to the largest seed; none without values."""
    if not values:
        return []
    curve: dict[str, Any] = {"label": label, "x": list(values), "y": [fmean(v) for v in values.values()]}
    return [curve | {"low": [min(v) for v in values.values()], "high": [max(v) for v in values.values()]}]


def shades(gram: Sequence[Sequence[float]]) -> str:
    """Bytes in hexadecimal: white for 0, black for the largest entry in size."""
    top = max(abs(entry) for row in gram for entry in row) or 1.0
    return "".join(f"{round(WHITE * (1.0 - (abs(entry) / top) ** 0.5)):02x}" for row in gram for entry in row)


def spread(values: Sequence[float]) -> tuple[float, float | None] | None:
    """Mean and standard deviation (None for one value); None without values."""
    return (fmean(values), stdev(values) if len(values) > 1 else None) if values else None


def text(found: tuple[float, float | None] | None, digits: int = 2) -> str:
    if found is None:
        return "not run"
    mean, sd = found
    return f"{mean:.{digits}f}" + ("" if sd is None else f" ({sd:.{digits}f})")
