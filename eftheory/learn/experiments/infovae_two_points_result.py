"""What the two-point experiment found: rows "paper / here", the closed-form sequence, and the panels of Figure 1."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eftheory.learn.config import TrainConfig
from eftheory.learn.config_file import as_tree
from eftheory.learn.experiments import Drawing
from eftheory.learn.experiments.mixture_result import spread

VARIANTS = ("elbo", "infovae", "infovae-scratch")
ABOUT = {
    "elbo": "ELBO",
    "infovae": "InfoVAE after a phase of the ELBO",
    "infovae-scratch": "InfoVAE from the start",
}
PAPER = {
    "decoder_deviation": "ELBO: p(x|z) tends to a point mass",
    "separation": "ELBO: q(z|x) are pushed apart and shrink",
    "q(z) deviation": "ELBO: over-estimated; InfoVAE: as the prior's, 1",
    "KL(q(z)||p(z))": "InfoVAE: nearly none",
    "gap": "ELBO: tends to infinity; InfoVAE: small",
    "elbo": "ELBO: tends to infinity",
}
"""Figure 1 and Proposition 1 say this in words and pictures; no number is printed there."""


@dataclass(frozen=True, kw_only=True)
class TwoPointsResult:
    """found: (variant, seed) -> ``path``, the figures at every kept step, and ``curves`` at the end; sequence: the rows
    of Proposition 1. All in nats, per x, by quadrature."""

    config: TrainConfig
    seeds: tuple[int, ...]
    found: Mapping[tuple[str, int], Mapping[str, Any]]
    sequence: Sequence[Mapping[str, float]]

    @classmethod
    def from_dict(cls, body: Mapping[str, Any], config: TrainConfig) -> TwoPointsResult:
        """What `as_dict` gave, for figures that were recorded elsewhere; config: that of the run."""
        names = {name: name.rsplit("-seed-", 1) for name in body["runs"]}
        found = {(variant, int(seed)): body["runs"][name] for name, (variant, seed) in names.items()}
        return cls(config=config, seeds=tuple(body["seeds"]), found=found, sequence=body["sequence"])

    def values(self, variant: str, name: str) -> list[float]:
        """The final figure of each finished seed."""
        ends = [each["path"][-1] for (mine, _), each in self.found.items() if mine == variant]
        return [_figure(end, name) for end in ends]

    def summary(self) -> dict[str, dict[str, Any]]:
        """figure -> variant -> mean and standard deviation over the seeds, with what the paper says."""
        return {
            name: {
                "paper": said,
                **{variant: spread(values) for variant in VARIANTS if (values := self.values(variant, name))},
            }
            for name, said in PAPER.items()
        }

    @property
    def missing(self) -> list[str]:
        wanted = [(variant, seed) for seed in self.seeds for variant in VARIANTS]
        return [f"{variant}-seed-{seed}" for variant, seed in wanted if (variant, seed) not in self.found]

    @property
    def exceeded(self) -> float | None:
        """The widest l of the sequence whose InfoVAE value is above that of everything InfoVAE's training found."""
        values = [self._objective(end) for end in self._ends("infovae")]
        return next((row["l"] for row in self.sequence if values and row["infovae"] > max(values)), None)

    def _ends(self, variant: str) -> list[Mapping[str, Any]]:
        return [each["path"][-1] for (mine, _), each in self.found.items() if mine == variant]

    def _objective(self, end: Mapping[str, Any]) -> float:
        weight = self.config.phases[-1].weight - 1.0
        return float(end["elbo"] - weight * end["aggregate"]["mmd"])

    def as_dict(self) -> dict[str, Any]:
        return {
            "experiment": "infovae-two-points",
            "config": as_tree(self.config),
            "unit": "nats",
            "seeds": list(self.seeds),
            "not_run": self.missing,
            "summary": self.summary(),
            "objective_found": [self._objective(end) for end in self._ends("infovae")],
            "sequence": [dict(row) for row in self.sequence],
            "sequence_is_above_from_l": self.exceeded,
            "runs": {f"{variant}-seed-{seed}": dict(each) for (variant, seed), each in self.found.items()},
        }

    def lines(self) -> list[str]:
        weight = self.config.phases[-1].weight
        head = f"{'':<22}" + "".join(f"{ABOUT[variant]:>36}" for variant in VARIANTS) + "  paper (qualitative)"
        lines = [
            f"infovae 5.1.1, two points: lambda = {weight:g}, seeds {', '.join(map(str, self.seeds))};"
            " mean (sd over seeds), by quadrature, nats",
            head,
        ]
        for name, row in self.summary().items():
            cells = "".join(f"{_cell(row.get(variant)):>36}" for variant in VARIANTS)
            lines.append(f"{name:<22}{cells}  {row['paper']}")
        lines += ["", f"without training, q(z|x) = N(x, l^2) and Proposition 1's decoder; InfoVAE with {weight:g}:"]
        for at in self.sequence:
            figures = f"ELBO {at['elbo']:>10.2f}  gap {at['gap']:>6.2f}  MMD^2 {at['mmd']:.4f}"
            lines.append(f"  l = {at['l']:<5g} {figures}  InfoVAE {at['infovae']:>10.2f}")
        if self.exceeded is not None:
            found = max(self._objective(end) for end in self._ends("infovae"))
            lines.append(
                f"MMD^2 is at most 2, so InfoVAE is unbounded here too: training ends at {found:.2f}, which"
                f" the sequence passes by l = {self.exceeded:g}"
            )
        return lines + ([f"not run: {', '.join(self.missing)}"] if self.missing else [])

    def pictures(self) -> dict[str, Drawing]:
        """Figure 1 of the first seed that is finished, and how ELBO and gap went."""
        first = {variant: each for (variant, seed), each in reversed(list(self.found.items()))}
        shown = {variant: first[variant] for variant in VARIANTS if variant in first}
        if not shown:
            return {}
        panels = [panel for row in (_codes, _decoders, _likelihoods) for panel in map(row, shown, shown.values())]
        ends = {"panels": panels, "columns": len(shown), "title": "infovae, Figure 1: data -1 and 1"}
        paths = [
            {"label": f"{ABOUT[variant]}, {name}", "x": [at["step"] for at in each["path"]],
             "y": [at[name] for at in each["path"]], "dashed": name == "gap"}
            for variant, each in shown.items() for name in ("elbo", "gap")
        ]  # fmt: skip
        steps = {"curves": paths, "x_label": "step", "y_label": "nats", "title": "ELBO and gap"}
        return {"figure_1": Drawing("curve_panels", ends), "path": Drawing("lines", steps)}


def _codes(variant: str, found: Mapping[str, Any]) -> dict[str, Any]:
    at = found["curves"]
    curves = [{"label": f"q(z|x={x:+g})", "x": at["z"], "y": q} for x, q in zip(at["x"], at["q"], strict=True)]
    prior = {"label": "p(z)", "x": at["z"], "y": at["prior"], "dashed": True}
    return {"title": ABOUT[variant], "curves": [*curves, prior], "x_label": "z", "y_label": "density"}


def _decoders(variant: str, found: Mapping[str, Any]) -> dict[str, Any]:
    at = found["curves"]
    both = list(zip(at["decoder_mean"], at["decoder_deviation"], strict=True))
    band = {"low": [m - d for m, d in both], "high": [m + d for m, d in both]}
    curve = {"label": "mean of p(x|z), +- one sd", "x": at["z"], "y": at["decoder_mean"], **band}
    return {"curves": [curve], "x_label": "z", "y_label": "x", "y_limits": [-2.0, 2.0]}


def _likelihoods(variant: str, found: Mapping[str, Any]) -> dict[str, Any]:
    at = found["curves"]
    curves = [
        {"label": f"log p(x={x:+g}|z)", "x": at["z"], "y": values}
        for x, values in zip(at["x"], at["log_likelihood"], strict=True)
    ]
    return {"curves": curves, "x_label": "z", "y_label": "nats", "y_limits": [-20.0, 10.0]}


def _figure(end: Mapping[str, Any], name: str) -> float:
    """One number of an end: of several x their mean."""
    where = {"q(z) deviation": "deviation", "KL(q(z)||p(z))": "kl"}
    if name in where:
        return float(end["aggregate"][where[name]])
    value = end[name]
    return float(sum(value) / len(value)) if isinstance(value, list) else float(value)


def _cell(value: Mapping[str, Any] | None) -> str:
    if value is None:
        return "not run"
    sd = "" if value["sd"] is None else f" ({value['sd']:.2g})"
    return f"{value['mean']:.4g}{sd}"
