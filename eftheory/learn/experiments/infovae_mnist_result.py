"""What the MNIST experiment of infovae found: rows "paper / here" with their spread, and pictures. No torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eftheory.learn.config import TrainConfig
from eftheory.learn.config_file import as_tree
from eftheory.learn.experiments import Drawing
from eftheory.learn.experiments.mixture_result import spread

SIZES = (500, 2000, 10000, 50000)
"""Training images, of the paper's 500 to 50000."""
REGULARISERS = ("elbo", "mmd")
PULLS: Mapping[str, tuple[float, float, str]] = {
    "elbo": (0.0, 1.0, "kl"),
    "beta-4": (-3.0, 4.0, "kl"),
    "kl-10": (0.0, 10.0, "kl"),
    "mmd-1000": (0.0, 1000.0, "mmd"),
    "mmd-1000-alpha-1": (1.0, 1000.0, "mmd"),
    "js-alpha-1": (1.0, 1.0, "adversarial"),
    "likelihood": (0.0, 1.0, "kl"),
}
"""(alpha, lambda, divergence) of each objective whose pull is followed; the last is the twin that trains no encoder."""
START = "start"
"""The objective of the part that trains the common start of the pulls, by the likelihood."""
PAPER = {
    "log_det": {"elbo": "over-estimated, most of all for few images", "mmd": "about 0 at every size"},
    "gap": {"elbo": "q(z|x) far from the true posterior", "mmd": "mostly accurate"},
    "plane": {"elbo": "q(z) very far from p(z)", "mmd": "almost identical to p(z)"},
}
"""Figures 2 to 4 are plots without printed numbers."""


@dataclass(frozen=True, kw_only=True)
class MnistResult:
    """parts: names of all; found: of the finished ones their figures, see `infovae_mnist`. Nats, per image."""

    config: TrainConfig
    seeds: tuple[int, ...]
    parts: tuple[str, ...]
    found: Mapping[str, Mapping[str, Any]]

    @classmethod
    def from_dict(cls, body: Mapping[str, Any], config: TrainConfig) -> MnistResult:
        """What `as_dict` gave, for figures that were recorded elsewhere; config: that of the run."""
        parts = (*body["runs"], *body["not_run"])
        return cls(config=config, seeds=tuple(body["seeds"]), parts=parts, found=body["runs"])

    def of(self, kind: str, objective: str) -> list[Mapping[str, Any]]:
        """What the finished seeds found."""
        names = (f"{kind}-{objective}-seed-{seed}" for seed in self.seeds)
        return [self.found[name] for name in names if name in self.found]

    @property
    def kinds(self) -> list[str]:
        return [f"n{size}" for size in SIZES if f"n{size}-elbo-seed-{self.seeds[0]}" in self.parts]

    def log_det(self, kind: str, objective: str, where: str) -> list[float]:
        return [float(each[where]["log_det"]) for each in self.of(kind, objective)]

    def rows(self) -> list[dict[str, Any]]:
        """Figures 2 to 4: what, objective, the paper's words, and here mean and sd over the seeds."""
        rows = []
        for objective in REGULARISERS:
            for kind in self.kinds:
                for where in ("train", "test"):
                    rows.append(_row(f"log det Cov q(z), {kind[1:]} images, {where}", objective, "log_det",
                                     self.log_det(kind, objective, where)))  # fmt: skip
                mmds = [float(each["test"]["mmd"]) for each in self.of(kind, objective)]
                rows.append(_row(f"MMD^2 of q(z) and p(z), {kind[1:]} images, test", objective, None, mmds))
            planes = self.of("plane", objective)
            test = [float(each["test"]["log_det"]) for each in planes]
            rows.append(_row("two latents: log det Cov q(z), test", objective, "plane", test))
            for name in ("gap", "evidence"):
                values = [float(each["posterior"][name]) for each in planes]
                said = "gap" if name == "gap" else None
                title = "KL(q(z|x) || p(z|x))" if name == "gap" else "log p(x)"
                rows.append(_row(f"two latents: {title}, test", objective, said, values))
        return rows

    def pulls(self) -> dict[str, dict[str, Any]]:
        """objective -> first and last figures of its pull, mean and sd over the seeds."""
        found = {}
        for objective in PULLS:
            runs = self.of("pull", objective)
            if not runs:
                continue
            ends = {key: [run["pull"][place] for run in runs] for key, place in (("start", 0), ("end", -1))}
            found[objective] = {
                **{
                    f"{name} at {key}": spread([float(point[name]) for point in points])
                    for key, points in ends.items()
                    for name in ("natural", "share", "likelihood", "evidence", "gap")
                },
                **{name: spread([float(run["train"][name]) for run in runs]) for name in ("kl", "mmd", "information")},
            }
        return found

    @property
    def missing(self) -> list[str]:
        return [name for name in self.parts if name not in self.found]

    def as_dict(self) -> dict[str, Any]:
        return {
            "experiment": "infovae-mnist",
            "config": as_tree(self.config),
            "unit": "nats",
            "seeds": list(self.seeds),
            "reduced": "an MLP in place of DCGAN; a fixed number of steps; pull: 8 bits, 4000 images at most",
            "posteriors": "importance sampling; gap_error: its standard error, not that of the choice of images",
            "not_run": self.missing,
            "rows": self.rows(),
            "pulls": self.pulls(),
            "objectives": {name: list(weights) for name, weights in PULLS.items()},
            "runs": {name: dict(each) for name, each in self.found.items()},
        }

    def lines(self) -> list[str]:
        lines = [
            f"infovae 5.1.2, MNIST: {len(self.found)} of {len(self.parts)} parts, seeds {self.seeds}; reduced: an MLP,"
            f" {self._steps()} steps; nats, mean (sd)",
            f"{'':<48}{'objective':<10}{'here':>20}  paper",
        ]
        for row in self.rows():
            if row["here"] is not None:
                lines.append(f"{row['what']:<48}{row['objective']:<10}{_cell(row['here']):>20}  {row['paper']}")
        pulls = self.pulls()
        if pulls:
            lines += [
                "",
                "the pull, 8 bits, from a decoder trained by the likelihood: distance from the consistent set (rms of",
                "natural parameters; share of their spread; nats of likelihood), and q(z) on the training rows",
            ]
            heads = ("rms", "share", "distance", "evidence", "gap", "KL(q(z)||p)", "I(x;z)")
            lines.append(f"{'':<20}" + "".join(f"{head:>15}" for head in heads))
            start = next(iter(pulls.values()))
            lines.append(f"{'at the start':<20}" + "".join(f"{_cell(start[f'{name} at start']):>15}" for name in ENDS))
        for objective, row in pulls.items():
            cells = [row[f"{name} at end"] for name in ENDS]
            if objective == "likelihood":  # its encoder is never trained
                cells = cells[:4]
            else:
                cells += [row["kl"], row["information"]]
            lines.append(f"{objective:<20}" + "".join(f"{_cell(cell):>15}" for cell in cells))
        return lines + ([f"not run: {', '.join(self.missing)}"] if self.missing else [])

    def _steps(self) -> str:
        return "/".join(sorted({str(each["steps"]) for name, each in self.found.items() if name.startswith("n")}))

    def pictures(self) -> dict[str, Drawing]:
        """Figure 2, Figures 3 and 4 of the first seed, and the pull curves."""
        drawn = {}
        if all(self.of(kind, objective) for kind in self.kinds for objective in REGULARISERS):
            drawn["figure_2"] = Drawing("lines", self._sizes())
        planes = {objective: self.of("plane", objective) for objective in REGULARISERS}
        if all(planes.values()):
            drawn["figures_3_and_4"] = Drawing("contour_panels", _planes({k: v[0] for k, v in planes.items()}))
        pulled = {objective: self.of("pull", objective) for objective in PULLS}
        pulled = {objective: runs for objective, runs in pulled.items() if runs}
        if pulled:
            for name, label in (
                ("share", "distance / spread of the decoder's natural parameters"),
                ("gap", "gap, nats"),
            ):
                shown = [_curve(objective, runs, name) for objective, runs in pulled.items()
                         if (name, objective) != ("gap", "likelihood")]  # fmt: skip
                drawn[f"pull_{name}"] = Drawing(
                    "lines", {"curves": shown, "x_label": "step", "y_label": label, "title": "the pull, 8 bits"}
                )
        return drawn

    def _sizes(self) -> dict[str, Any]:
        sizes, curves = [float(kind[1:]) for kind in self.kinds], []
        for objective in REGULARISERS:
            for where in ("train", "test"):
                found = [spread(self.log_det(kind, objective, where)) for kind in self.kinds]
                curve = {"label": f"{objective}, {where}", "x": sizes, "dashed": where == "test"}
                curves.append(curve | _band(found))
        labels = {"x_label": "training images", "y_label": "log det Cov q(z)", "title": "infovae, Figure 2"}
        return {"curves": curves, "logarithmic": "x", "levels": {"prior": 0.0}, **labels}


ENDS = ("natural", "share", "likelihood", "evidence", "gap")


def _row(what: str, objective: str, said: str | None, values: Sequence[float]) -> dict[str, Any]:
    paper = "" if said is None else PAPER[said][objective]
    return {"what": what, "objective": objective, "paper": paper, "here": spread(values) if values else None}


def _planes(found: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    panels = [{"title": "prior", "densities": {"p(z)": found["elbo"]["prior"]}}]
    height = max(map(max, found["elbo"]["prior"]))  # the levels of the prior: a spike is not the only thing to be seen
    panels += [
        {"title": f"{name}: aggregate", "densities": {"q(z)": at["density"]}, "height": height}
        for name, at in found.items()
    ]
    for name, at in found.items():
        densities = {"true posteriors": at["posterior"]["posterior"], "encoder": at["posterior"]["encoder"]}
        panels.append({"title": f"{name}: test images", "densities": densities})
    title = "infovae, Figures 3 and 4: two latents, 500 training images"
    return {"panels": panels, "extent": [-6.0, 6.0, -6.0, 6.0], "title": title}


def _curve(objective: str, runs: Sequence[Mapping[str, Any]], name: str) -> dict[str, Any]:
    steps = [float(point["step"]) for point in runs[0]["pull"]]
    found = [spread([float(run["pull"][i][name]) for run in runs]) for i in range(len(steps))]
    return {"label": objective, "x": steps, "dashed": objective == "likelihood"} | _band(found)


def _band(found: Sequence[Mapping[str, Any]]) -> dict[str, list[float]]:
    """Means, with one standard deviation on either side where there are several seeds."""
    y = [each["mean"] for each in found]
    if any(each["sd"] is None for each in found):
        return {"y": y}
    return {
        "y": y,
        "low": [each["mean"] - each["sd"] for each in found],
        "high": [each["mean"] + each["sd"] for each in found],
    }


def _cell(value: Mapping[str, Any]) -> str:
    sd = "" if value["sd"] is None else f" ({value['sd']:.2g})"
    return f"{value['mean']:.4g}{sd}"
