"""What the image experiment found, as JSON, as a table beside the paper's, and as grids of samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import hypot
from statistics import fmean, stdev
from typing import Any

from eftheory.learn.config import TrainConfig
from eftheory.learn.config_file import as_tree
from eftheory.learn.experiments import Drawing

FIGURES: Mapping[str, tuple[str, ...]] = {
    "elbo": ("elbo", "mean"),
    "iwae": ("iwae", "mean"),
    "evidence": ("evidence", "mean"),
    "gap": ("gap",),
    "noise": ("noise",),
    "frechet": ("frechet", "samples", "distance"),
    "frechet_images": ("frechet", "images", "distance"),
}
"""Name -> where it stands in the figures of a stage."""
PAPER: Mapping[str, tuple[float, float]] = {
    "encoder": (-364513.78, 0.13),
    "fixed": (-5898.94, 77.10),
    "learned": (9035.69, 117.87),
}
"""Table 1 of vae-error, ELBO and FID: CelebA at 64 x 64, a GAN, Inception features; only the directions compare."""
START = "encoder"
"""The stage whose decoder is the truth."""
LABELS: Mapping[str, str] = {
    "encoder": "truth, trained encoder",
    "complete-data": "likelihood, true z",
    "fixed": "ELBO, noise fixed",
    "learned": "ELBO, learned",
}


@dataclass(frozen=True, kw_only=True)
class ImageResult:
    """found: for each finished seed its stages, floor, pictures and so on, see `image`; verdict: of `eftheory.check`.

    Bounds in nats per image; Frechet distances (squared) in the features of the run's own classifier.
    """

    config: TrainConfig
    seeds: tuple[int, ...]
    found: Mapping[int, Mapping[str, Any]]
    verdict: Mapping[str, Any]

    @property
    def stages(self) -> tuple[str, ...]:
        """In the order of the phases."""
        return tuple(next(iter(self.found.values()))["stages"]) if self.found else ()

    def values(self, stage: str, figure: str) -> list[float]:
        """One number for each finished seed; figure: a key of `FIGURES`."""
        return [_at(each["stages"][stage], FIGURES[figure]) for each in self.found.values()]

    def floors(self, kind: str) -> list[float]:
        """Distances of independent samples of the truth, of all seeds; kind: ``samples`` or ``images``."""
        return [replica[kind]["distance"] for each in self.found.values() for replica in each["floor"]]

    def summary(self) -> dict[str, Any]:
        """stage -> figure -> mean and standard deviation over the seeds (None for one seed)."""
        table = {stage: {name: _spread(self.values(stage, name)) for name in FIGURES} for stage in self.stages}
        return {**table, "floor": {kind: _spread(self.floors(kind)) for kind in ("samples", "images")} if table else {}}

    def findings(self) -> dict[str, dict[str, bool]]:
        """For each stage after the encoder's, whether in every seed: the ELBO rose, the evidence fell (by more than
        three standard errors of the estimates), the samples are worse (`farther`)."""
        found: dict[str, dict[str, bool]] = {}
        for stage in self.stages[1:]:
            each = [(run, run["stages"][START], run["stages"][stage]) for run in self.found.values()]
            found[stage] = {
                "elbo_rose": all(clearly_above(b["elbo"], a["elbo"]) for _, a, b in each),
                "evidence_fell": all(clearly_above(a["evidence"], b["evidence"]) for _, a, b in each),
                "samples_worse": all(farther(b["frechet"]["samples"]["distance"], run) for run, _, b in each),
            }
        return found

    def as_dict(self) -> dict[str, Any]:
        runs = {f"seed-{seed}": {k: v for k, v in run.items() if k != "pictures"} for seed, run in self.found.items()}
        return {
            "experiment": "image",
            "config": as_tree(self.config),
            "seeds": list(self.seeds),
            "not_run": [seed for seed in self.seeds if seed not in self.found],
            "unit": "nats per image; Frechet distances squared",
            "summary": self.summary(),
            "findings": self.findings(),
            "runs": runs,
            "paper": {stage: {"elbo": elbo, "fid": fid} for stage, (elbo, fid) in PAPER.items()},
            "check": dict(self.verdict),
        }

    def lines(self) -> list[str]:
        """The table of stages beside the paper's, the floor, and what follows."""
        data = self.config.data
        lines = [
            f"image: {len(self.found)} of {len(self.seeds)} seeds; {data.train} images of a generator trained on"
            f" {data.name}; nats per image, mean{' (sd) over seeds' if len(self.found) > 1 else ''}",
            "Frechet: to the truth in the features of the run's classifier; paper: CelebA, a GAN, Inception features",
            "",
            f"{'':<24}{'ELBO':>20}{'IWAE':>20}{'evidence':>20}{'noise':>9}{'Frechet':>18}"
            f"{'without noise':>18}{'paper: ELBO':>14}{'FID':>8}",
        ]
        lines += [self._row(stage) for stage in self.stages]
        if self.found:
            lines += [self._floor_row(), "", *self._finding_lines(), *self._about_lines()]
        lines.append(f"check: {self.verdict['verdict']}: {'; '.join(self.verdict['conditions'])}")
        missing = [seed for seed in self.seeds if seed not in self.found]
        return lines + ([f"not run: seeds {', '.join(map(str, missing))}"] if missing else [])

    def pictures(self) -> dict[str, Drawing]:
        """Of the first seed: real images, the truth's, and those of each trained model, from the same z and noise."""
        if not self.found:
            return {}
        seed, first = next(iter(self.found.items()))
        grids = {self._caption(name, first): images for name, images in first["pictures"].items()}
        title = f"seed {seed}: the same z and pixel noise in all but the first; F: Frechet distance to the truth"
        return {"samples": Drawing("sample_grids", {"grids": grids, "shape": first["shape"], "title": title})}

    def _caption(self, name: str, run: Mapping[str, Any]) -> str:
        if name in run["stages"]:
            stage = run["stages"][name]
            return f"{LABELS.get(name, name)}, F = {stage['frechet']['samples']['distance']:.2f}"
        return "real images" if name == "real" else "truth"

    def _row(self, stage: str) -> str:
        cells = [_text(self.values(stage, name), 2) for name in ("elbo", "iwae", "evidence")]
        far = [_text(self.values(stage, name), 3) for name in ("frechet", "frechet_images")]
        noise = f"{fmean(self.values(stage, 'noise')):.4f}"
        wide = "".join(f"{cell:>20}" for cell in cells)
        row = f"{LABELS.get(stage, stage):<24}{wide}{noise:>9}{far[0]:>18}{far[1]:>18}"
        if stage not in PAPER:
            return f"{row}{'-':>14}{'-':>8}"
        elbo, fid = PAPER[stage]
        return f"{row}{elbo:>14.2f}{fid:>8.2f}"

    def _floor_row(self) -> str:
        far = [_text(self.floors(kind), 3) for kind in ("samples", "images")]
        return f"{'truth against truth':<93}{far[0]:>18}{far[1]:>18}"

    def _finding_lines(self) -> list[str]:
        words = {True: "yes", False: "no"}
        return [
            f"{LABELS.get(stage, stage)}: ELBO up: {words[each['elbo_rose']]}; evidence down:"
            f" {words[each['evidence_fell']]}; samples worse: {words[each['samples_worse']]}"
            for stage, each in self.findings().items()
        ]

    def _about_lines(self) -> list[str]:
        """What bounds the figures: the errors of the estimates, the classifier, and how real the truth looks."""
        lines = []
        for seed, run in self.found.items():
            stages = run["stages"].values()
            error = max(stage[name]["standard_error"] for stage in stages for name in ("elbo", "iwae", "evidence"))
            slack = run["stages"][START]["evidence"]["slack"]
            lines.append(
                f"seed {seed}: classifier {100 * run['classifier']['test']:.1f} % right on real test images;"
                f" real images are {run['real']:.1f} from the truth; standard errors of the bounds at most {error:.2f};"
                f" the truth's evidence is at most {slack:.2f} above its bound; {run['seconds']:.0f} s"
            )
        return lines


def clearly_above(b: Mapping[str, float], a: Mapping[str, float]) -> bool:
    """Whether the estimate b is above a by more than three standard errors of their difference."""
    return b["mean"] - a["mean"] > 3.0 * hypot(b["standard_error"], a["standard_error"])


def farther(distance: float, run: Mapping[str, Any]) -> bool:
    """Whether samples are farther from the truth's than independent samples of the truth itself, by more than these
    differ among each other: the distance of finite samples of one law is not 0, and scatters."""
    own = [replica["samples"]["distance"] for replica in run["floor"]]
    own.append(run["stages"][START]["frechet"]["samples"]["distance"])
    return distance > max(own) + (max(own) - min(own))


def _at(tree: Any, path: Sequence[str]) -> float:
    for key in path:
        tree = tree[key]
    return float(tree)


def _spread(values: Sequence[float]) -> dict[str, float | None]:
    return {"mean": fmean(values), "sd": stdev(values) if len(values) > 1 else None}


def _text(values: Sequence[float], digits: int) -> str:
    mean = f"{fmean(values):.{digits}f}"
    return f"{mean} ({stdev(values):.{digits}f})" if len(values) > 1 else mean
