"""Results to text, LaTeX, HTML and JSON. Computes nothing: every formula, number and reason comes with the result."""

from __future__ import annotations

import json
import shlex
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from eftheory.verdict import Clause, Consistency, Status, Witness

if TYPE_CHECKING:
    from eftheory.claims.discovery import Discovery
    from eftheory.claims.summary import ClaimReport, Report

MEANING = {
    "consistent": "any decoder of the form below can have its exact posterior in the encoder family.",
    "constrained": "decoders that use the latents can be exact, under the conditions below only.",
    "collapsed": "only decoders that ignore the latents are exact: tight means posterior collapse.",
    "empty": "no decoder is exact with this prior, not even one that ignores the latents.",
    "undecided": "neither consistency nor inconsistency is shown; the reason is below.",
}
"""One plain sentence for each verdict. "Exact" means: the posterior lies in the encoder family (gap 0)."""

SCREEN = 24
_COLOUR = {"consistent": "32", "constrained": "33", "collapsed": "31", "empty": "31", "undecided": "35"}
_LABEL = 15
_NARROWEST = 40


@dataclass(frozen=True)
class _Row:
    """A label and its text; only `reason`, which ends the text in brackets or after a colon, may be shortened.

    drop: on a small screen, rows go in the order 1, 2, 3; those with 0 stay.
    """

    label: str
    text: str
    reason: str = ""
    close: str = ""
    drop: int = 0

    def lines(self, width: int) -> list[str]:
        room = width - (_LABEL if self.label else 0)
        wrapped = textwrap.wrap(f"{self.text}{self.reason}{self.close}", room, break_on_hyphens=False)
        if not self.label:
            return wrapped
        return [f"{self.label if i == 0 else '':<{_LABEL}}{line}" for i, line in enumerate(wrapped)]


def consistency_text(result: Consistency, *, explain: bool = False, width: int = 100, colour: bool = False) -> str:
    """The answer for a terminal `width` (at least 40) columns wide, verdict first.

    Where 24 lines do not hold it, the least important lines go and reasons are shortened, with a note; formulas,
    conditions and commands are never cut, so that it may be taller. With `explain` everything in full, then each step
    of the derivation with its theorem.
    """
    width = max(width, _NARROWEST)
    rows = _rows(result, explain)
    lines = [line for row in (rows if explain else _fit(rows, width)) for line in row.lines(width)]
    if explain:
        lines += _derivation(result, width)
    if colour:
        bold = f"\x1b[1;{_COLOUR[result.verdict]}m"
        lines[0] = lines[0].replace(result.verdict.upper(), f"{bold}{result.verdict.upper()}\x1b[0m", 1)
    return "\n".join(lines)


def headline(result: Consistency) -> str:
    """The verdict and what it means, in one sentence."""
    return f"{result.verdict.upper()}: {MEANING[result.verdict]}"


def model(result: Consistency) -> str:
    return f"decoder {result.decoder}, encoder {result.encoder}, prior {result.prior}, inputs {result.inputs}"


def failing(result: Consistency) -> tuple[Clause, ...]:
    """The clauses that do not hold as they stand: refuted or undecided."""
    return tuple(c for c in result.clauses if c.status in (Status.REFUTED, Status.UNDECIDED))


def _rows(result: Consistency, explain: bool) -> list[_Row]:
    rows = [
        _Row("", headline(result)),
        _Row("status", result.status.value, drop=1),
        _Row("model", model(result)),
        _Row("p(x,z)", result.joint.text),
        _Row("decoder", result.decoder_form.text),
        _Row("encoder", result.encoder_form.text),
        _Row("implied prior", result.implied_prior.text),
    ]
    counts = [("free parameters", result.dimension), ("usable latents", result.usable_latents)]
    rows.append(_Row("size", "; ".join(f"{name}: {formula.text}" for name, formula in counts if formula is not None)))
    rows += [_clause_row(clause, explain) for clause in result.clauses]
    if result.witness is not None:
        rows.append(_Row("witness", witness_line(result.witness), drop=3))
    rows += [_Row("repair", f"{repair.description}{_repair_spec(repair.spec)}") for repair in result.repairs]
    return [row for row in rows if row.text]


def _clause_row(clause: Clause, explain: bool) -> _Row:
    """Conditions of a clause that holds; the reason where one fails or is not decided."""
    conditions = "; ".join(formula.text for formula in clause.conditions)
    if clause.status in (Status.REFUTED, Status.UNDECIDED):
        word = "fails" if clause.status is Status.REFUTED else "undecided"
        return _Row(clause.clause, f"{word}: ", clause.reason, f" (conditions: {conditions})" if conditions else "")
    if not conditions:
        return _Row(clause.clause, "holds: ", clause.reason) if explain else _Row(clause.clause, "holds", drop=2)
    if not clause.reason:
        return _Row(clause.clause, f"requires {conditions}")
    return _Row(clause.clause, f"requires {conditions} (", clause.reason, ")")


def witness_line(witness: Witness) -> str:
    """What the certified number is about: one decoder that the answer excludes."""
    number = f"a number in [{witness.lower}, {witness.upper}], not 0 ({witness.precision} bits)"
    return f"a random decoder outside the set: {witness.meaning}: {number}"


def _repair_spec(spec: Mapping[str, str] | None) -> str:
    return (
        ""
        if spec is None
        else "; try: eftheory check " + " ".join(f"--{key} {shlex.quote(value)}" for key, value in spec.items())
    )


def _fit(rows: list[_Row], width: int) -> list[_Row]:
    """Rows that go first are dropped, then reasons shortened, the longest first, until one screen holds the rest."""
    if _height(rows, width) <= SCREEN:
        return rows
    note = _Row("", "(shortened; --explain shows everything, --json the data)")
    room = SCREEN - len(note.lines(width))
    whole = rows
    for level in (1, 2, 3):
        if _height(rows, width) > room:
            rows = [row for row in rows if row.drop != level]
    while _height(rows, width) > room:
        longest = max(rows, key=lambda row: len(row.reason))
        if len(longest.reason) <= width:
            break
        shorter = textwrap.shorten(longest.reason, len(longest.reason) - width // 2, placeholder=" ...")
        rows = [replace(row, reason=shorter) if row is longest else row for row in rows]
    return rows if rows == whole else [*rows, note]


def _height(rows: list[_Row], width: int) -> int:
    return sum(len(row.lines(width)) for row in rows)


def _derivation(result: Consistency, width: int) -> list[str]:
    lines = ["", "derivation"]
    for number, step in enumerate(result.steps, 1):
        lines += textwrap.wrap(f"{number}. {step.title}  [{step.source}]", width, break_on_hyphens=False)
        for paragraph in step.text.splitlines():
            lines += _indented(paragraph, width)
    if result.witness is not None:
        lines += ["", "witness, to be re-checked by anyone"]
        for point, weight in zip(result.witness.points, result.witness.weights, strict=True):
            lines += _indented(f"weight {weight:>6}  at z = ({', '.join(point)})", width)
        for key, value in result.witness.model.items():
            lines += _indented(f"{key}: {value}", width)
    return lines


def _indented(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, initial_indent="   ", subsequent_indent="   ", break_on_hyphens=False)


def consistency_json(result: Consistency) -> str:
    """One JSON object, indented, ASCII only."""
    return json.dumps(result.as_dict(), indent=2, allow_nan=False)


def consistency_latex(result: Consistency) -> str:
    """An ``align*`` environment (amsmath) for papers and notebooks: forms, then conditions, clause by clause."""
    rows = [
        rf"&\textbf{{{result.verdict}}}\text{{ ({escape_latex(result.status.value)})}}",
        rf"&\text{{{escape_latex(model(result))}}}",
    ]
    forms = [result.joint, result.decoder_form, result.encoder_form, result.implied_prior]
    rows += [f"&{formula.latex}" for formula in forms if formula.latex]
    if result.dimension is not None:
        rows.append(rf"&\text{{free parameters: }} {result.dimension.latex}")
    for clause in result.clauses:
        rows += [rf"&\text{{{clause.clause}: }} {formula.latex}" for formula in clause.conditions]
    rows += [rf"&\text{{{c.clause} ({c.status.name.lower()}): {escape_latex(c.reason)}}}" for c in failing(result)]
    if result.witness is not None:
        rows.append(rf"&\text{{witness: {escape_latex(witness_line(result.witness))}}}")
    body = " \\\\\n".join(f"  {row}" for row in rows)
    return f"\\begin{{align*}}\n{body}\n\\end{{align*}}"


def escape_latex(text: str) -> str:
    """Plain text for LaTeX's text mode."""
    special = {"\\": r"\textbackslash{}", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}"}
    special |= {char: f"\\{char}" for char in "&%$#_{}"}
    special |= {"<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}"}
    return "".join(special.get(char, char) for char in text)


_HTML = """\
<div class="eftheory-consistency">
<p><b>{{ result.verdict }}</b>: {{ meaning }}<br><small>{{ result.status.value }}; {{ model }}</small></p>
<table>
{%- for label, formula in forms %}
<tr><th style="text-align:left">{{ label }}</th><td style="text-align:left">\\({{ formula.latex }}\\)</td></tr>
{%- endfor %}
{%- for clause in result.clauses %}
<tr><th style="text-align:left">{{ clause.clause }}</th><td style="text-align:left">{{ clause.status.name | lower }}
{%- for formula in clause.conditions %}{{ ": " if loop.first else ", " }}\\({{ formula.latex }}\\){% endfor %}
{%- if clause.reason %}<br><small>{{ clause.reason }}</small>{% endif %}</td></tr>
{%- endfor %}
{%- if witness %}
<tr><th style="text-align:left">witness</th><td style="text-align:left">{{ witness }}</td></tr>
{%- endif %}
{%- for repair in result.repairs %}
<tr><th style="text-align:left">repair</th><td style="text-align:left">{{ repair.description }}</td></tr>
{%- endfor %}
</table>
</div>"""


def consistency_html(result: Consistency) -> str:
    """A table for notebooks; formulas as MathJax, everything escaped."""
    from jinja2 import Environment, StrictUndefined

    named = [
        ("joint", result.joint),
        ("decoder", result.decoder_form),
        ("encoder", result.encoder_form),
        ("implied prior", result.implied_prior),
        ("free parameters", result.dimension),
        ("usable latents", result.usable_latents),
    ]
    template = Environment(autoescape=True, undefined=StrictUndefined).from_string(_HTML)
    return template.render(
        result=result,
        meaning=MEANING[result.verdict],
        model=model(result),
        forms=[(label, formula) for label, formula in named if formula is not None],
        witness=None if result.witness is None else witness_line(result.witness),
    )


_CLAIM_COLOUR = {"holds": "32", "refuted": "32", "supported": "33", "undecided": "35"}


def claim_line(claim: ClaimReport, *, width: int = 0, colour: bool = False) -> str:
    """A claim or control in one line: word, id, instances, tightest ratio, precision, seconds; below it the reason."""
    word = f"{claim.status:<9}"
    if colour:
        word = f"\x1b[1;{_CLAIM_COLOUR.get(claim.status, '31')}m{word}\x1b[0m"
    ratio = "" if claim.tightest is None else f"ratio {claim.tightest['ratio']:.6g}"
    bits = f"{claim.precision} bits" if claim.precision else "exact" if claim.status in ("holds", "refuted") else ""
    facts = f"{claim.instances:>6} instances  {ratio:<20} {bits:<10}{claim.seconds:>8.1f} s"
    line = f"{word} {claim.id:<{width}} {facts}"
    return line if claim.good and not claim.reason else f"{line}\n          {claim.reason}"


def verification_summary(report: Report, *, resumed_from: str = "") -> str:
    """The last line of a run: how many claims and controls came out how, and how much work it was."""
    totals = report.totals
    shown = [f"{totals['holds']} of {totals['claims']} claims hold"]
    shown += [f"{totals[word]} {word}" for word in ("supported", "undecided", "failed") if totals[word]]
    shown += [f"{totals['refuted']} of {totals['controls']} controls are refuted"]
    shown += [f"{totals[word]} {text}" for word, text in (("passed", "passed"), ("error", "raised")) if totals[word]]
    kept = f" ({report.resumed} of them from {resumed_from})" if report.resumed else ""
    work = [f"{totals['instances']} instances{kept}", f"{totals['certificates']} certificates"]
    return f"{report.status}: {', '.join([*shown, *work])}, {report.seconds:.1f} s"


def claims_table(found: Discovery, report: Mapping[str, Any]) -> str:
    """Markdown table of the claims for the README, from a report of ``--json``.

    Columns: id, statement, status with the number of instances, largest value/bound, and for each control on how many
    of its instances it is refuted. A claim without a relation leaves no certificate, and says so.
    """
    entries = {entry["id"]: entry for entry in report["claims"]}
    heads = ("claim", "statement", "status (instances)", "largest value/bound", "controls, refuted on")
    rows = [f"| {' | '.join(heads)} |", "|---|---|---|---|---|"]
    for claim in (each for each in found.claims if each.kind == "claim"):
        breaks = [each.id for each in found.claims if each.kind == "control" and each.subject == claim.id]
        controls = ", ".join(f"`{id.partition('#')[2]}`: {_refuted(entries.get(id))}" for id in breaks) or "none"
        entry = entries.get(claim.id)
        count = "" if entry is None else f" ({entry['instances']})"
        count += "" if claim.relation else ", no certificate"
        cells = (f"`{claim.id}`", claim.statement, _status(entry) + count, _ratio(entry), controls)
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(rows) + "\n"


def _status(entry: Mapping[str, Any] | None) -> str:
    return "not run" if entry is None else str(entry["status"])


def _refuted(control: Mapping[str, Any] | None) -> str:
    if control is None or control["status"] != "refuted":
        return _status(control)
    return f"{control['counts']['REFUTED']} of {control['instances']}"


def _ratio(entry: Mapping[str, Any] | None) -> str:
    tightest = None if entry is None else entry["tightest"]
    return "" if not tightest or tightest["ratio"] is None else f"{tightest['ratio']:.5f}"
