"""The report shows what a result holds, in 24 lines, and computes nothing."""

from __future__ import annotations

import ast
import dataclasses
import json
from pathlib import Path

import pytest

from eftheory import report
from eftheory.verdict import VERDICTS, Clause, Consistency, Formula, Repair, Status, Step, Witness

F = Formula(text="log p(x,z) = x' W z", latex=r"\log p(x,z) = x^\top W z")


def a_result(verdict: str = "constrained", **changes: object) -> Consistency:
    """A made-up result: the formulas mean nothing, only their way to the page is tested."""
    undecided = verdict == "undecided"
    prior = Clause(
        clause="prior",
        status=Status.UNDECIDED if undecided else Status.REFUTED if verdict == "collapsed" else Status.PROVED,
        conditions=(Formula(text="a.b = 0", latex="a^\\top b = 0"),),
        reason="the term <softplus> of z_1*z_2 is not in the span & stays",
    )
    holds = Clause(clause="minimality", status=Status.PROVED, conditions=(), reason="determinant 1")
    values = {
        "verdict": verdict,
        "status": Status.UNDECIDED if undecided else Status.PROVED,
        "decoder": "normal(2, variance=s2)",
        "encoder": "bernoulli(2)",
        "prior": "uniform",
        "inputs": "x",
        "joint": F,
        "decoder_form": Formula(text="f(z) = W z + u", latex="f(z) = W z + u"),
        "encoder_form": Formula(text="g(x) = W' x + v", latex=r"g(x) = W^\top x + v"),
        "implied_prior": Formula(
            text="log p(z) = v' z + A(W z + u) + c", latex=r"\log p(z) = v^\top z + A(W z + u) + c"
        ),
        "dimension": Formula(text="7", latex="7"),
        "usable_latents": Formula(text="z_1, z_2", latex="z_1, z_2"),
        "clauses": (holds, prior),
        "witness": Witness(
            points=(("0", "0"), ("1", "1")),
            weights=("1", "-1"),
            lower="0.25",
            upper="0.26",
            precision=64,
            meaning="interaction at x = (1, 0)",
            model={"decoder": "table"},
        ),
        "repairs": (Repair(kind="encoder", description="add z_1*z_2", spec={"encoder": "boltzmann(1+1)"}),),
        "steps": (Step(title="Joint", text="The harmonium.", source="vae-error, Theorem 1"),),
    }
    return Consistency(**(values | changes))


@pytest.mark.parametrize("verdict", VERDICTS)
def test_verdict_and_its_meaning_come_first(verdict: str) -> None:
    first, *_ = report.consistency_text(a_result(verdict), width=200).splitlines()
    assert first == f"{verdict.upper()}: {report.MEANING[verdict]}"


def test_text_shows_every_part() -> None:
    text = report.consistency_text(a_result("collapsed"), width=200)
    for part in ("x' W z", "W z + u", "A(W z + u)", "free parameters: 7", "fails: the term <softplus>", "[0.25, 0.26]"):
        assert part in text
    assert "add z_1*z_2; try: eftheory check --encoder 'boltzmann(1+1)'" in text
    assert "minimality     holds" in text and "determinant 1" not in text


def test_undecided_shows_its_reason() -> None:
    assert "undecided: the term <softplus>" in report.consistency_text(a_result("undecided"))


def test_a_clause_with_conditions_says_what_it_requires_and_why() -> None:
    assert "prior          requires a.b = 0 (the term <softplus>" in report.consistency_text(a_result("constrained"))


def flat(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_formulas_conditions_and_commands_are_never_cut(width: int) -> None:
    long = Formula(text="log p(x,z) = " + " + ".join(f"w_{i} x_{i} z_{i}" for i in range(100)), latex="x")
    clause = dataclasses.replace(a_result().clauses[1], conditions=(long,), reason="because of it " * 200)
    result = a_result(decoder_form=long, clauses=(a_result().clauses[0], clause), repairs=a_result().repairs * 9)
    text = report.consistency_text(result, width=width)
    lines = text.splitlines()
    assert max(map(len, lines)) <= width
    assert lines[0].startswith("CONSTRAINED") and "shortened" in text and " ...)" in flat(text)
    assert flat(text).count(long.text) == 2
    assert flat(text).count("eftheory check --encoder 'boltzmann(1+1)'") == 9
    assert not {"status", "minimality", "witness"} & {line.split()[0] for line in lines}
    full = report.consistency_text(result, width=width, explain=True)
    assert len(full.splitlines()) > len(lines) and "shortened" not in full
    assert {"status", "minimality", "witness"} <= {line.split()[0] for line in full.splitlines() if line}


@pytest.mark.parametrize("repetitions", [40, 80, 400])
def test_one_screen_when_reasons_are_what_is_long(repetitions: int) -> None:
    clause = dataclasses.replace(a_result().clauses[1], reason="because of it " * repetitions)
    lines = report.consistency_text(a_result(clauses=(clause,)), width=80).splitlines()
    assert len(lines) <= 24 and any("a.b = 0" in line for line in lines)
    assert (repetitions > 40) == ("shortened" in lines[-1])


def test_no_label_twice_and_the_witness_says_whose_it_is() -> None:
    text = report.consistency_text(a_result(repairs=()))
    labels = [line[:15].strip() for line in text.splitlines()[1:] if line[:15].strip()]
    assert len(labels) == len(set(labels)) and {"p(x,z)", "decoder", "encoder", "implied prior", "prior"} <= set(labels)
    assert "a random decoder outside the set" in flat(text)


def test_a_short_result_is_not_shortened() -> None:
    assert "shortened" not in report.consistency_text(a_result())


def test_explain_shows_steps_with_sources_reasons_and_the_whole_witness() -> None:
    text = report.consistency_text(a_result(), explain=True)
    assert "1. Joint  [vae-error, Theorem 1]" in text and "The harmonium." in text
    assert "determinant 1" in text
    assert "at z = (1, 1)" in text and "decoder: table" in text


def test_colour_only_on_request() -> None:
    assert "\x1b" not in report.consistency_text(a_result())
    assert "\x1b" in report.consistency_text(a_result(), colour=True)


def test_json_is_the_result() -> None:
    result = a_result()
    assert json.loads(report.consistency_json(result)) == result.as_dict()
    with pytest.raises(ValueError, match="JSON"):
        report.consistency_json(dataclasses.replace(result, seconds=float("nan")))


def test_latex_has_the_formulas_and_escapes_the_prose() -> None:
    latex = report.consistency_latex(a_result("collapsed"))
    assert latex.startswith("\\begin{align*}") and latex.endswith("\\end{align*}")
    assert r"\log p(x,z) = x^\top W z" in latex and r"a^\top b = 0" in latex
    assert r"\textless{}softplus\textgreater{} of z\_1*z\_2" in latex and r"\& stays" in latex
    assert latex.count("{") == latex.count("}")


def test_html_has_the_formulas_and_escapes_the_prose() -> None:
    html = a_result("collapsed")._repr_html_()
    assert r"\(\log p(x,z) = x^\top W z\)" in html
    assert "&lt;softplus&gt;" in html and "<softplus>" not in html


def test_missing_parts_are_left_out() -> None:
    result = a_result(dimension=None, usable_latents=None, witness=None, repairs=())
    for text in (report.consistency_text(result), report.consistency_latex(result), report.consistency_html(result)):
        assert "None" not in text and "witness" not in text and "repair" not in text


def test_the_report_computes_nothing() -> None:
    """No arithmetic library, and no call to float, int or round."""
    tree = ast.parse(Path(report.__file__).read_text(encoding="utf-8"))
    called = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    assert not called & {"float", "int", "round", "eval", "exec"}
