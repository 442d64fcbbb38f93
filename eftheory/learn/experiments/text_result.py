"""What the text experiment found, beside the paper's table: JSON, lines and pictures. No torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mean, stdev
from typing import Any

from eftheory.learn.experiments import Drawing
from eftheory.learn.experiments.text_grid import ABOUT, BITS, CELLS, DECODERS, ENCODERS, Cell

NOT_RUN = "not run"
Found = tuple[Cell, int, Mapping[str, Any]]


@dataclass(frozen=True)
class TextResult:
    """found: (cell, seed, what its run found), of those that are finished; verdicts: encoder -> question and answer;
    phases: the schedule; source: of the documents."""

    found: Sequence[Found]
    seeds: Sequence[int]
    verdicts: Mapping[str, Mapping[str, Any]]
    phases: Sequence[Mapping[str, Any]]
    source: str

    def values(self, cell: Cell, part: str, when: str, convention: str = "smoothed") -> list[float]:
        """Of each seed that is finished, nats a document. when: ``lowest`` or ``last``."""
        entries = [found[when][part][convention] for mine, _, found in self.found if mine == cell]
        return [entry["value"] if when == "lowest" else entry for entry in entries]

    def entry(self, cell: Cell, part: str, when: str) -> float | None:
        """The mean over the seeds, None where the cell is not run."""
        values = self.values(cell, part, when)
        return mean(values) if values else None

    def orders(self, when: str) -> dict[str, bool]:
        """Row of the table (``d0-8``) -> whether e1 < e2 < e3 in test NELBO, where all three are run."""
        rows = {}
        for decoder in DECODERS:
            for bits in BITS:
                three = [self.entry(Cell(decoder, encoder, bits), "test", when) for encoder in ENCODERS]
                if None not in three:
                    e1, e2, e3 = three
                    rows[f"{decoder}-{bits}"] = bool(e1 < e2 < e3)  # type: ignore[operator]
        return rows

    def as_dict(self) -> dict[str, Any]:
        return {
            "experiment": "text",
            "unit": "nats a document",
            "data": self.source,
            "phases": list(self.phases),
            "seeds": list(self.seeds),
            "verdicts": {encoder: dict(answer) for encoder, answer in self.verdicts.items()},
            "e1_below_e2_below_e3_in_test": {when: self.orders(when) for when in ("lowest", "last")},
            "cells": [self._cell(cell) for cell in CELLS],
        }

    @classmethod
    def from_dict(cls, body: Mapping[str, Any]) -> TextResult:
        """What `as_dict` gave, for figures that were recorded elsewhere."""
        named = {cell.name: cell for cell in CELLS}
        runs = [(named[each["cell"]], run) for each in body["cells"] if each["runs"] != NOT_RUN for run in each["runs"]]
        return cls(
            found=tuple((cell, run["seed"], {k: v for k, v in run.items() if k != "seed"}) for cell, run in runs),
            seeds=tuple(body["seeds"]),
            verdicts=body["verdicts"],
            phases=tuple(body["phases"]),
            source=body["data"],
        )

    def _cell(self, cell: Cell) -> dict[str, Any]:
        body: dict[str, Any] = {"cell": cell.name, "paper": {part: cell.paper(part) for part in ("train", "test")}}
        runs = [{"seed": seed, **found} for mine, seed, found in self.found if mine == cell]
        return body | ({"runs": runs} if runs else {"runs": NOT_RUN})

    def lines(self) -> list[str]:
        ran = len({cell for cell, _, _ in self.found})
        lines = [
            f"vae-error 4.3, text: {ran} of {len(CELLS)} cells, seeds {', '.join(map(str, self.seeds))}",
            f"data: {self.source}",
            *(f"phase {number}: {describe(phase)}" for number, phase in enumerate(self.phases)),
            *(f"{encoder}, {ABOUT[encoder]}: {_answer(self.verdicts[encoder])}" for encoder in ENCODERS),
        ]
        for part in ("test", "train"):
            for decoder in DECODERS:
                lines += self._table(part, decoder)
        for when, text in (("lowest", "lowest over the epochs"), ("last", "after the last epoch")):
            orders = self.orders(when)
            if orders:
                lines.append(f"e1 < e2 < e3 in test, {text}: {sum(orders.values())} of {len(orders)} rows")
        return lines

    def _table(self, part: str, decoder: str) -> list[str]:
        """Lowest / last / the paper's, smoothed; nothing where no cell is run."""
        rows = []
        for bits in BITS:
            cells = [Cell(decoder, encoder, bits) for encoder in ENCODERS]
            rows.append(f"{bits:>4}  " + "  ".join(f"{self._text(cell, part):>23}" for cell in cells))
        if all(self.entry(Cell(decoder, e, bits), part, "last") is None for bits in BITS for e in ENCODERS):
            return [f"{part}, {decoder} ({ABOUT[decoder]}): {NOT_RUN}"]
        convention = "above the document's own word entropy, smoothed, nats"
        head = f"{part} NELBO {convention}; decoder {decoder} ({ABOUT[decoder]}):"
        head += " lowest (one sample of q) / last epoch / paper (lowest)"
        return [head, "bits  " + "  ".join(f"{encoder:>23}" for encoder in ENCODERS), *rows]

    def _text(self, cell: Cell, part: str) -> str:
        shown = [_number(self.values(cell, part, when)) for when in ("lowest", "last")]
        return " / ".join([*([NOT_RUN] if shown[0] is None else map(str, shown)), str(cell.paper(part))])

    def pictures(self) -> dict[str, Drawing]:
        """The table of each part as a grid, and how the test values went, a curve for each cell that is run."""
        drawn = {f"{part}-table": Drawing("text_table", self._grid(part)) for part in ("test", "train")}
        curves = {
            cell.name: (found["curve"]["epoch"], found["curve"]["test"])
            for cell, seed, found in self.found
            if seed == self.seeds[0] and cell.bits == max(BITS)
        }
        if curves:
            labels = {"x": "epochs", "y": "test NELBO, nats a document", "logarithmic": "x"}
            drawn["curves"] = Drawing("points_and_curves", {"points": {}, "curves": curves, **labels})
        return drawn

    def _grid(self, part: str) -> dict[str, Any]:
        columns = [(decoder, encoder) for decoder in DECODERS for encoder in ENCODERS]
        return {
            "columns": [f"{decoder} {encoder}" for decoder, encoder in columns],
            "notes": [str(self.verdicts[encoder]["verdict"]) for _, encoder in columns],
            "rows": [f"{bits} bits" for bits in BITS],
            "ours": [[self.entry(Cell(*column, bits), part, "lowest") for column in columns] for bits in BITS],
            "theirs": [[float(Cell(*column, bits).paper(part)) for column in columns] for bits in BITS],
            "title": f"{part} NELBO, nats a document: here (above), in the paper (below)",
        }


def describe(phase: Mapping[str, Any]) -> str:
    """A phase of the schedule in one line."""
    codes = phase["samples"] * (2 if phase["estimator"] == "arm" else 1)
    rest = f"{codes} codes a document, batch {phase['batch']}, Adam {phase['learning_rate']:g}"
    return f"{phase['epochs']} epochs, {phase['estimator']} with {rest}"


def _answer(verdict: Mapping[str, Any]) -> str:
    return f"check says {verdict['verdict']} ({verdict['status']}), with inputs {verdict['inputs']}"


def _number(values: Sequence[float]) -> str | None:
    """The mean, with the standard deviation of several."""
    if not values:
        return None
    spread = f"±{stdev(values):.1f}" if len(values) > 1 else ""
    return f"{mean(values):.1f}{spread}"
