"""What the bernoulli-bound experiments found, beside the paper's tables: JSON, lines and pictures. No torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mean, median_low, stdev
from typing import Any

from eftheory.learn.experiments import Drawing
from eftheory.learn.experiments.bernoulli_bound_grid import ARCHITECTURES, Cell, Paper

NOT_RUN = "not run"
PARTS = ("train", "test")
VIEWS = (*PARTS, "centred")
"""``centred``: the test part, from the bound at W* and its own mean, as the paper's values at N = 100 seem to be."""
WITHIN = (1.0, 0.1)
"""Percent above the bound; how soon a run is there to stay is recorded."""
Found = tuple[Cell, int, Mapping[str, Any]]
ABOUT: Mapping[str, str] = {
    "random": "started at random",
    "init": "started as in the paper, variances fixed",
    "through": "hidden layers hand the start on (not in the paper), variances fixed",
}


@dataclass(frozen=True)
class BernoulliBoundResult:
    """cells: of the experiment; found: (cell, seed, what its run found) of those that are finished; config: the
    configuration as tables; source: of the data."""

    cells: Sequence[Cell]
    found: Sequence[Found]
    seeds: Sequence[int]
    config: Mapping[str, Any]
    source: str

    def runs(self, cell: Cell) -> list[Mapping[str, Any]]:
        """What the finished seeds of a cell found."""
        return [found for mine, _, found in self.found if mine == cell]

    def deviations(self, cell: Cell, view: str, when: str = "last") -> list[float]:
        """Of the NELBO from the bound, percent, for each finished seed. view: of `VIEWS`; when: ``last``, ``start``."""
        nelbos = [float(found[when][_part(view)]["nelbo"]) for found in self.runs(cell)]
        return [100 * (nelbo / bound - 1) for nelbo, bound in zip(nelbos, self.bounds(cell, view), strict=True)]

    def bounds(self, cell: Cell, view: str) -> list[float]:
        """The bound of the evaluated rows, nats, for each finished seed."""
        runs = self.runs(cell)
        return [float(found["centred"] if view == "centred" else found["last"][view]["bound"]) for found in runs]

    def reached(self, cell: Cell, part: str, within: float) -> int | None:
        """Updates until the NELBO is within so many percent of the bound to stay: the lower median over the seeds, of
        those that get there; None where fewer than half do."""
        runs = [found["reached"][part][f"{within:g}"] for found in self.runs(cell)]
        there = [step for step in runs if step is not None]
        return median_low(sorted(there)) if runs and 2 * len(there) >= len(runs) else None

    def groups(self) -> list[list[Cell]]:
        """The cells that differ in their start only."""
        names = dict.fromkeys(cell.group for cell in self.cells)
        return [[cell for cell in self.cells if cell.group == name] for name in names]

    def as_dict(self) -> dict[str, Any]:
        return {
            "experiment": self.config["name"],
            "unit": "nats for a row; deviations from the bound in percent",
            "data": self.source,
            "config": dict(self.config),
            "seeds": list(self.seeds),
            "rows": [row for group in self.groups() for row in self._rows(group)],
            "runs": [{"part": cell.name, "seed": seed, **found} for cell, seed, found in self.found],
        }

    @classmethod
    def from_dict(cls, body: Mapping[str, Any], cells: Sequence[Cell]) -> BernoulliBoundResult:
        """What `as_dict` gave, for figures that were recorded elsewhere; cells: of its configuration."""
        named = {cell.name: cell for cell in cells}
        found = tuple(
            (named[run["part"]], run["seed"], {k: v for k, v in run.items() if k not in ("part", "seed")})
            for run in body["runs"]
        )
        return cls(tuple(cells), found, tuple(body["seeds"]), body["config"], body["data"])

    def _rows(self, group: Sequence[Cell]) -> list[dict[str, Any]]:
        rows = []
        for view in VIEWS:
            paper = _paper(group[0].paper(_part(view)))
            row: dict[str, Any] = {"setting": group[0].group, "part": view, "paper": paper}
            values = [value for cell in group for value in self.bounds(cell, view)]
            row["bound"] = mean(values) if values else NOT_RUN
            row["here"] = {cell.start: _spread(self.deviations(cell, view)) or NOT_RUN for cell in group}
            if view in PARTS:
                row["updates_until_within_percent"] = {
                    cell.start: {f"{within:g}": self.reached(cell, view, within) for within in WITHIN} for cell in group
                }
            rows.append(row)
        return rows

    def lines(self) -> list[str]:
        phases = "; then ".join(
            f"{p['epochs']} epochs of the largest setting, batch {p['batch']}, Adam {p['learning_rate']:g}"
            for p in self.config["phases"]
        )
        networks = {part: self.config["model"][f"{part}_network"]["hidden"] for part in ("encoder", "decoder")}
        lines = [
            f"{self.config['name']}: {len({cell for cell, _, _ in self.found})} of {len(self.cells)} parts,"
            f" seeds {', '.join(map(str, self.seeds))}",
            f"data: {self.source}",
            f"phases: {phases}; hidden layers {networks['encoder']} and {networks['decoder']}",
            *(f"{start}: {text}" for start, text in ABOUT.items()),
            "deviation of the NELBO from the bound, percent: mean [least; largest], over the seeds; own mean: from the",
            "bound at W* and the test part's own mean; updates: until the training part is within 1 % to stay",
        ]
        for architecture in dict.fromkeys(cell.architecture for cell in self.cells):
            lines += ["", *self.table(architecture)]
        return lines

    def table(self, architecture: str) -> list[str]:
        """Lines for one architecture: the bounds of each setting, then a row for each start."""
        columns = ("train: here", "paper", "test: here", "paper")
        head = f"{'':<12}" + "".join(f"{name:>24}" for name in columns) + f"{'own mean':>11}{'updates':>9}"
        lines = [f"{architecture}: {ARCHITECTURES[architecture]}", head]
        for group in self.groups():
            if group[0].architecture == architecture:
                lines += [self._bounds(group), *map(self._row, group)]
        return lines

    def _bounds(self, group: Sequence[Cell]) -> str:
        shown = {}
        for view in VIEWS:
            values = [value for cell in group for value in self.bounds(cell, view)]
            shown[view] = f"{mean(values):.2f}" if values else NOT_RUN
        papers = {part: group[0].paper(part) for part in PARTS}
        theirs = "; ".join(f"{part} {paper.bound:.2f}" for part, paper in papers.items() if paper is not None)
        name = group[0].group.removeprefix(f"{group[0].architecture}-")
        here = f"train {shown['train']}, test {shown['test']}, at its own mean {shown['centred']}"
        return f"{name}: bound: {here}" + (f"; paper: {theirs}" if theirs else "")

    def _row(self, cell: Cell) -> str:
        if not self.runs(cell):
            return f"  {cell.start:<10}{NOT_RUN:>24}"
        shown = ""
        for part in PARTS:
            paper, values = cell.paper(part), self.deviations(cell, part)
            entry = None if paper is None else {"init": paper.init, "random": paper.random}.get(cell.start)
            theirs = "-" if entry is None else _entry(entry[2], entry[0], entry[1])
            shown += f"{_entry(mean(values), min(values), max(values)):>24}{theirs:>24}"
        step = self.reached(cell, "train", WITHIN[0])
        centred = _percent(mean(self.deviations(cell, "centred")))
        return f"  {cell.start:<10}{shown}{centred:>11}{'never' if step is None else step:>9}"

    def pictures(self) -> dict[str, Drawing]:
        """Deviation from the bound against updates: a picture for each architecture, of the middle setting."""
        drawn = {}
        for architecture in dict.fromkeys(cell.architecture for cell in self.cells):
            groups = [group for group in self.groups() if group[0].architecture == architecture]
            ran = [group for group in groups if any(self.runs(cell) for cell in group)]
            if ran:
                group = ran[len(ran) // 2]
                drawn[f"curves-{group[0].group}"] = Drawing("lines", self.curves(group))
        return drawn

    def curves(self, group: Sequence[Cell]) -> dict[str, Any]:
        """The arguments of `eftheory.plots.lines`: means over the seeds, the band from the least to the largest."""
        drawn = []
        for cell in group:
            for part in PARTS:
                runs = [found["curve"] for found in self.runs(cell)]
                if runs:
                    columns = list(zip(*(run[part]["deviation"] for run in runs), strict=True))
                    drawn.append(
                        {
                            "label": f"{cell.start}, {part}",
                            "x": runs[0]["step"],
                            "y": [mean(column) for column in columns],
                            "low": [min(column) for column in columns],
                            "high": [max(column) for column in columns],
                            "dashed": part == "test",
                        }
                    )
        labels = {"x_label": "updates", "y_label": "NELBO above the bound, percent"}
        return {"curves": drawn, "title": group[0].group, "levels": {"bound": 0.0}, **labels}


def _part(view: str) -> str:
    return view if view in PARTS else "test"


def _spread(values: Sequence[float]) -> dict[str, float | None] | None:
    if not values:
        return None
    sd = stdev(values) if len(values) > 1 else None
    return {"mean": mean(values), "least": min(values), "largest": max(values), "sd": sd}


def _entry(middle: float, least: float, largest: float) -> str:
    return f"{_percent(middle)} [{_percent(least)}; {_percent(largest)}]"


def _percent(value: float) -> str:
    """Two decimals, zero without a sign."""
    return f"{round(value, 2) + 0.0:.2f}"


def _paper(paper: Paper | None) -> dict[str, Any] | None:
    if paper is None:
        return None
    keys = ("least", "largest", "mean", "sd")
    found: dict[str, Any] = {"bound": paper.bound}
    return found | {start: dict(zip(keys, getattr(paper, start), strict=True)) for start in ("init", "random")}
