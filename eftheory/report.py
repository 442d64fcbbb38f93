"""Results to text, LaTeX, HTML and JSON. Computes nothing: every formula, number and reason comes with the result."""

from __future__ import annotations

import json
import shlex
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass

from eftheory.verdict import Clause, Consistency, Status, Witness

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
_LABEL = 12


@dataclass(frozen=True)
class _Block:
    """A label and its lines; `fixed` lines are never shortened."""

    label: str
    lines: list[str]
    fixed: bool = False


def consistency_text(result: Consistency, *, explain: bool = False, width: int = 100, colour: bool = False) -> str:
    """The answer for a terminal `width` columns wide, verdict first.

    At most 24 lines, long formulas shortened with a note; with `explain` everything in full, then each step of the
    derivation with its theorem.
    """
    blocks = [_block(label, text, width, fixed=label == "") for label, text in _rows(result, explain)]
    if not explain:
        blocks = _fit(blocks, SCREEN)
    lines = [line for block in blocks for line in _labelled(block)]
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


def _rows(result: Consistency, explain: bool) -> list[tuple[str, str]]:
    rows = [
        ("", headline(result)),
        ("status", result.status.value),
        ("model", model(result)),
        ("joint", result.joint.text),
        ("decoder", result.decoder_form.text),
        ("encoder", result.encoder_form.text),
        ("prior", result.implied_prior.text),
    ]
    counts = [("free parameters", result.dimension), ("usable latents", result.usable_latents)]
    rows.append(("size", "; ".join(f"{name}: {formula.text}" for name, formula in counts if formula is not None)))
    rows += [(clause.clause, _clause_line(clause, explain)) for clause in result.clauses]
    if result.witness is not None:
        rows.append(("witness", witness_line(result.witness)))
    rows += [("repair", f"{repair.description}{_repair_spec(repair.spec)}") for repair in result.repairs]
    return [(label, text) for label, text in rows if text]


def _clause_line(clause: Clause, explain: bool) -> str:
    """Conditions of a clause that holds; the reason where one fails or is not decided."""
    conditions = "; ".join(formula.text for formula in clause.conditions)
    if clause.status in (Status.REFUTED, Status.UNDECIDED):
        word = "fails" if clause.status is Status.REFUTED else "undecided"
        return f"{word}: {clause.reason}" + (f" (conditions: {conditions})" if conditions else "")
    if not conditions:
        return f"holds: {clause.reason}" if explain else "holds"
    return f"requires {conditions}" + (f" ({clause.reason})" if clause.reason else "")


def witness_line(witness: Witness) -> str:
    return f"{witness.meaning}: a number in [{witness.lower}, {witness.upper}], not 0 ({witness.precision} bits)"


def _repair_spec(spec: Mapping[str, str] | None) -> str:
    return (
        ""
        if spec is None
        else "; try: eftheory check " + " ".join(f"--{key} {shlex.quote(value)}" for key, value in spec.items())
    )


def _block(label: str, text: str, width: int, *, fixed: bool = False) -> _Block:
    room = max(width - (0 if fixed else _LABEL), 20)
    return _Block(label, textwrap.wrap(text, room, break_on_hyphens=False) or [""], fixed)


def _labelled(block: _Block) -> list[str]:
    if block.fixed:
        return block.lines
    labels = [block.label] + [""] * (len(block.lines) - 1)
    return [f"{label:<{_LABEL}}{line}" for label, line in zip(labels, block.lines, strict=True)]


def _fit(blocks: list[_Block], height: int) -> list[_Block]:
    """Take lines from the longest blocks, then whole blocks from the end (further repairs), until `height` holds."""
    if _height(blocks) <= height:
        return blocks
    note = _Block("", ["(shortened; --explain shows everything, --json the data)"], fixed=True)
    while _height(blocks) > height - 1:
        longest = max((b for b in blocks if not b.fixed), key=lambda block: len(block.lines))
        at = blocks.index(longest)
        if len(longest.lines) == 1:
            blocks = blocks[:-1]
        else:
            kept = [*longest.lines[:-2], longest.lines[-2][:-4] + " ..."]
            blocks = [*blocks[:at], _Block(longest.label, kept), *blocks[at + 1 :]]
    return [*blocks, note]


def _height(blocks: list[_Block]) -> int:
    return sum(len(block.lines) for block in blocks)


def _derivation(result: Consistency, width: int) -> list[str]:
    lines = ["", "derivation"]
    for number, step in enumerate(result.steps, 1):
        lines += textwrap.wrap(f"{number}. {step.title}  [{step.source}]", width, break_on_hyphens=False)
        for paragraph in step.text.splitlines():
            lines += textwrap.wrap(
                paragraph, width, initial_indent="   ", subsequent_indent="   ", break_on_hyphens=False
            )
    if result.witness is not None:
        lines += ["", "witness, to be re-checked by anyone"]
        for point, weight in zip(result.witness.points, result.witness.weights, strict=True):
            lines.append(f"   weight {weight:>6}  at z = ({', '.join(point)})")
        lines += [f"   {key}: {value}" for key, value in result.witness.model.items()]
    return lines


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
