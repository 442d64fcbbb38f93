"""What the mixture experiment found, as JSON, as lines of text, and as the six panels of Figure 2 of vae-error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Any

from eftheory.learn.config import TrainConfig
from eftheory.learn.config_file import as_tree
from eftheory.learn.experiments import Drawing

FIGURES = ("evidence", "elbo", "gap")
SHAPES = ("parallelogram", "rectangle")
WHERE = ("sample", "quadrature")
ORDER = (0, 1, 3, 2)
"""Codes 00, 01, 11, 10: round the quadrilateral."""


@dataclass(frozen=True, kw_only=True)
class MixtureResult:
    """found: for each finished seed its stages (the phases in order, then ``rbm``), maps and versions, see `mixture`.

    reference: by quadrature, without training; verdict: of `eftheory.check`, with witnesses; shares: the truth's
    posterior at the pixels of the maps, (rows from below, columns, 4), within `extent`. Figures in nats, per x.
    """

    config: TrainConfig
    seeds: tuple[int, ...]
    found: Mapping[int, Mapping[str, Any]]
    reference: Mapping[str, Any]
    verdict: Mapping[str, Any]
    extent: tuple[float, float, float, float]
    shares: Sequence[Sequence[Sequence[float]]]

    @property
    def stages(self) -> tuple[str, ...]:
        """Names of the stages that have figures."""
        return tuple(next(iter(self.found.values()))["stages"]) if self.found else ()

    def values(self, stage: str, group: str, name: str) -> list[float]:
        """One number for each finished seed. group: ``sample``, ``quadrature`` or ``distance``."""
        return [float(each["stages"][stage][group][name]) for each in self.found.values()]

    def summary(self) -> dict[str, Any]:
        """stage -> group -> name -> mean and standard deviation over the seeds (None for one seed)."""
        groups = {**dict.fromkeys(WHERE, FIGURES), "distance": SHAPES}
        return {
            stage: {
                group: {name: spread(self.values(stage, group, name)) for name in names}
                for group, names in groups.items()
            }
            for stage in self.stages
        }

    def as_dict(self) -> dict[str, Any]:
        runs = {
            f"seed-{seed}": {key: value for key, value in each.items() if key != "maps"}
            for seed, each in self.found.items()
        }
        return {
            "experiment": "mixture",
            "config": as_tree(self.config),
            "seeds": list(self.seeds),
            "not_run": [seed for seed in self.seeds if seed not in self.found],
            "unit": "nats",
            "reference": dict(self.reference),
            "summary": self.summary(),
            "runs": runs,
            "check": dict(self.verdict),
        }

    def lines(self) -> list[str]:
        """A table of the stages, the verdict and the witnesses."""
        head = f"{'':<22}{'evidence':>17}{'ELBO':>17}{'gap':>17}{'parallelogram':>17}{'rectangle':>17}"
        data = self.config.data
        lines = [
            f"mixture: {len(self.found)} of {len(self.seeds)} seeds, {data.train} samples; nats, mean (sd) over seeds;"
            " distances of the centres",
            "",
            f"{'by quadrature':<22}{head[22:]}",
        ]
        lines.append(_row("truth, best bits", self.reference["truth"], self.reference["truth"]["distance"]))
        summary = self.summary()
        for stage in self.stages:
            lines.append(_row(f"after {stage}" if stage != "rbm" else "RBM", *_two(summary[stage], "quadrature")))
        lines.append(_row("ELBO optimum", self.reference["optimum"], self.reference["optimum"]["distance"]))
        lines += ["", f"{'on the sample':<22}{head[22:73]}"]
        for stage in self.stages:
            lines.append(_row(f"after {stage}" if stage != "rbm" else "RBM", summary[stage]["sample"], {}))
        lines += ["", *self._labelling_lines(), *self._verdict_lines()]
        missing = [seed for seed in self.seeds if seed not in self.found]
        return lines + ([f"not run: seeds {', '.join(map(str, missing))}"] if missing else [])

    def _labelling_lines(self) -> list[str]:
        """The codes of the components matter: which of them are opposite."""
        parts = []
        for opposite, at in self.reference["labellings"].items():
            first, second = opposite.split()
            pairs = f"{first[0]} with {first[1]} and {second[0]} with {second[1]}"
            parts.append(f"{number(at['gap'])} for {pairs}")
        return [f"gap at the truth by which components are opposite codes: {'; '.join(parts)}"]

    def _verdict_lines(self) -> list[str]:
        about = self.verdict
        lines = [f"check: {about['verdict']}: {'; '.join(about['conditions'])}"]
        for name, each in about["witnesses"].items():
            shown = each["witness"]
            text = each["reason"] if shown is None else f"Delta in [{shown['lower']}, {shown['upper']}] nats"
            lines.append(f"can an encoder of two independent bits be exact at {name}? {each['status']}: {text}")
        return lines

    def pictures(self) -> dict[str, Drawing]:
        """One figure of six panels, of the first seed."""
        if not self.found:
            return {}
        seed, first = next(iter(self.found.items()))
        stages, maps = first["stages"], first["maps"]
        last = [name for name in self.stages if name != "rbm"][-1]
        truth = [list(centre) for centre in self.config.data.centres or ()]
        learned, rbm = stages[last]["centres"], stages["rbm"]
        code_of = [rbm["component"].index(component) for component in range(len(truth))]
        left, right, bottom, top = self.extent
        near = [left + 1.2, right - 1.2, bottom + 1.2, top - 1.2]
        panels = [
            {"title": "(a) truth: posterior", "shares": self.shares, "points": truth},
            {"title": "(b) truth: decisions", "regions": maps["truth"], "points": truth},
            {"title": "(c) encoder after joint training", "regions": maps["encoder"], "points": learned},
            {"title": "(d) posterior after joint training", "regions": maps["posterior"], "points": learned},
            {"title": "(e) RBM: posterior", "regions": maps["rbm"], "points": [rbm["centres"][z] for z in code_of]},
            {
                "title": "(f) truth to learned; parallelogram",
                "extent": near,
                "points": truth,
                "arrows": [[*pair] for pair in zip(truth, learned, strict=True)],
                "polygon": [stages[last]["nearest"][code] for code in ORDER],
            },
        ]
        return {"figure_2": Drawing("plane_panels", {"panels": panels, "extent": self.extent, "title": f"seed {seed}"})}


def spread(values: Sequence[float]) -> dict[str, float | None]:
    """Mean and standard deviation (n - 1), None for one value."""
    return {"mean": fmean(values), "sd": stdev(values) if len(values) > 1 else None}


def _two(stage: Mapping[str, Any], group: str) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    return stage[group], stage["distance"]


def _row(name: str, figures: Mapping[str, Any], distance: Mapping[str, Any]) -> str:
    cells = [_cell(figures[key]) for key in FIGURES] + [_cell(distance[key]) for key in SHAPES if key in distance]
    return f"{name:<22}" + "".join(f"{cell:>17}" for cell in cells)


def _cell(value: Any) -> str:
    if isinstance(value, Mapping):
        sd = value["sd"]
        return number(value["mean"]) + (" " * 9 if sd is None else f" ({number(sd)})")
    return number(value) + " " * 9


def number(value: float) -> str:
    """Four decimals, zero without a sign."""
    return f"{round(value, 4) + 0.0:.4f}"
