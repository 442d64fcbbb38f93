"""The answer of `eftheory project` to text and LaTeX. Computes nothing: reads the object that its ``--json`` writes."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from eftheory.report import escape_latex

LEGEND = "affine encoder: g = W' nu + v; implied prior: log k + v' psi + A(W psi + u) + c, with v nearest to the prior"


def projection_text(found: Mapping[str, Any]) -> str:
    """For a terminal: a line for each model that was priced, then what is certified."""
    run, parts = found["run"], list(dict.fromkeys(price["part"] for price in found["before"]))
    who = ", ".join(f"{role} {text}" for role, text in found["model"].items())
    counts = ", ".join(f"{price['rows']} rows of {price['part']}" for price in found["before"])
    state = "" if run["finished"] else " (the run is not finished)"
    lines = [f"{run['name']}, seed {run['seed']}, step {run['step']}{state}: {who}", f"in nats a row; {counts}", ""]
    lines += [" " * 32 + "".join(f"{part:>33}" for part in parts)]
    lines += [" " * 32 + f"{'evidence':>13}{'ELBO':>11}{'gap':>9}" * len(parts)]
    lines += [_priced("the model", found["before"])]
    for each in found["projections"]:
        lines += ["", _distance(each)]
        lines += [_priced(f"  {label}", prices) for label, prices in _by_variant(each["price"]).items()]
        lines += [f"  {each['remark']}"] if each["remark"] else []
    tight = any(price["prior"] == "implied" for each in found["projections"] for price in each["price"])
    lines += ["", *([LEGEND] if tight else []), *_conditions(found), *_witnesses(found), *_ladder(found)]
    lines += [f"no {what}: {why}" for what, why in found["absent"].items()]
    written = [each for each in found["certificates"] if each["file"] is not None]
    for each in found["certificates"]:
        lines += [f"{each['claim']}: {each['status']} on {_rows_of(found, each['claim'])}"]
    if written:
        lines += [f"re-check with: eftheory recheck {shlex.quote(found['folder'] + '/certificates')}"]
    lines += ["the earlier answer in that folder was replaced"] if found.get("replaced") else []
    return "\n".join(lines)


def _by_variant(prices: Sequence[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    found: dict[str, list[Mapping[str, Any]]] = {}
    for price in prices:
        found.setdefault(f"{price['prior']} prior, {price['encoder']} encoder", []).append(price)
    return found


def _priced(label: str, prices: Sequence[Mapping[str, Any]]) -> str:
    cells = [_cell(p["evidence"], 13, 3) + _cell(p["elbo"], 11, 3) + _cell(p["gap"], 9, 4) for p in prices]
    errors = [p["evidence"]["standard_error"] for p in prices if p["method"] != "enumerated"]
    note = f"  (by IWAE, standard error {max(errors):.2g})" if errors else ""
    return f"{label:<32}{''.join(cells)}{note}"


def _cell(figure: Mapping[str, float], width: int, digits: int) -> str:
    """Right-aligned; what would not fit with its digits, in powers of ten."""
    text = _plain(figure, digits)
    return f"{text if len(text) < width else format(figure['mean'], '.2e'):>{width}}"


def _plain(figure: Mapping[str, float], digits: int) -> str:
    """Never "-0.000"."""
    return f"{round(figure['mean'], digits) + 0.0:.{digits}f}"


def _distance(each: Mapping[str, Any]) -> str:
    metric = "" if each.get("metric", "identity") == "identity" else f", {each['metric']} metric"
    text = f"{each['kind']} projection ({each['measure']}{metric}, {each['seconds']:.1f} s): distance "
    if each["kind"] == "natural":
        text += f"{each['rms']:.5g} (root mean square), {each['share']:.2%} of the spread of f"
        if each["directions"] is not None:
            top = [f"{p['bits'][0]},{p['bits'][1]}: {p['share']:.1%}" for p in each["directions"]["pairs"][:3]]
            text += f"\n  of the residual, pairs of bits {each['directions']['all_pairs']:.1%} ({', '.join(top)}, ...)"
            text += f", higher interactions {each['directions']['higher']:.1%}"
    else:
        text += f"{max(each['distance'], 0.0):.5g} nats"  # rounding leaves -1e-16 of a model that is tight
    return text + (f" (standard error {each['distance_error']:.2g})" if each.get("distance_error") else "")


def _conditions(found: Mapping[str, Any]) -> list[str]:
    if not found["conditions"]:
        return []
    text = "fitted over every f = W psi + u; the consistent set asks for more, so it is at least as far away: "
    return [text + "; ".join(found["conditions"])]


def _witnesses(found: Mapping[str, Any]) -> list[str]:
    lines = []
    if found["best_gap"] is not None:
        lines += [f"gap of the best encoder found for each row of train alone: {found['best_gap']:.4g} on average"]
    for each in found["witnesses"]:
        text = f"row {each['row']} of train: gap {each['gap']:.4g}"
        text += "" if each["best_gap"] is None else f", at best {each['best_gap']:.4g}"
        if each["delta"] is not None:
            nearest = min((each["delta"]["lower"], each["delta"]["upper"]), key=lambda end: abs(float(end)))
            text += f"; witness |Delta| >= {nearest.removeprefix('-')} (certified)"
            text += f", so that no encoder gets below {each['bound']:.3g}" if each["bound"] else ""
        lines.append(text)
    return lines


def _ladder(found: Mapping[str, Any]) -> list[str]:
    ladder = found["ladder"]
    if ladder is None:
        return []
    values = [f"{name} {_large(each)}" for name, each in ladder["bounds"].items()]
    head = f"Theorem 2 on {ladder['rows']} rows: gap {ladder['gap']:.4g}, log alpha {ladder['log_alpha']:.4g}, "
    head += f"largest R_z {max(ladder['R_z']):.4g}, squared distance to phat {max(ladder['error_z']):.4g}"
    return [head, f"  bounds on both: {', '.join(values)}"]


def _large(each: Mapping[str, Any]) -> str:
    """A number that may be beyond the floats."""
    return f"{each['value']:.4g}" if isinstance(each["value"], float) else f"10^{each['log10']:.0f}"


def _rows_of(found: Mapping[str, Any], claim: str) -> str:
    about = found["instances"][claim.rpartition("/")[2]]
    return (
        f"the model given x in {len(about['rows'])} rows (odds rounded by at most {about['largest_change']:.1e} nats)"
    )


def projection_latex(found: Mapping[str, Any]) -> str:
    """The prices as a ``tabular`` environment: model, then evidence, ELBO and gap on each part of the data."""
    rows = [("the model", found["before"])]
    for each in found["projections"]:
        rows += [(f"{each['kind']}: {label}", prices) for label, prices in _by_variant(each["price"]).items()]
    parts = [price["part"] for price in found["before"]]
    lines = [rf"\begin{{tabular}}{{l{'rrr' * len(parts)}}}"]
    lines += [" & " + " & ".join(f"evidence ({part}) & ELBO & gap" for part in parts) + r" \\ \hline"]
    for label, prices in rows:
        cells = [_plain(p[key], 3) for p in prices for key in ("evidence", "elbo", "gap")]
        lines.append(" & ".join([escape_latex(label), *cells]) + r" \\")
    return "\n".join([*lines, r"\end{tabular}"])
