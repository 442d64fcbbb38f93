"""The rows "paper / here" of the linear-vae experiment. The paper's summary has plots only: its side is in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Any

from eftheory.learn.experiments.linear_vae_grid import ENCODERS, NOISES, SIZES, latents_of, linear_encoder

if TYPE_CHECKING:
    from eftheory.learn.experiments.linear_vae_result import LinearVAEResult


def rows_of(result: LinearVAEResult) -> list[dict[str, Any]]:
    """what, paper, here (a sentence), values (name -> the number of each seed) and their means and deviations."""
    made = [_reached(result), _estimators(result), _encoders(result), _gram(result), *_collapse(result)]
    return [row for row in made if row is not None]


def _row(what: str, paper: str, here: str, values: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    figures = {name: _figure(each) for name, each in values.items()}
    return {"what": what, "paper": f"qualitative: {paper}", "here": here, "figures": figures}


def _figure(values: Sequence[float]) -> dict[str, Any]:
    return {"values": list(values), "mean": fmean(values), "sd": stdev(values) if len(values) > 1 else None}


def _reached(result: LinearVAEResult) -> dict[str, Any] | None:
    short = {f"k{k}": result.shortfall(f"k{k}-analytic", int(k)) for k in result.reference["sizes"]}
    short = {name: values for name, values in short.items() if values}
    if not short:
        return None
    here = ", ".join(f"{fmean(values):.2f} ({name[1:]} latents)" for name, values in short.items())
    return _row(
        "(i), (iv) the ELBO's maximum is the likelihood's",
        "the final ELBO lies on pPCA's maximum for every latent size (Figure 1)",
        f"the trained ELBO is below it by {here} nats",
        short,
    )


def _estimators(result: LinearVAEResult) -> dict[str, Any] | None:
    apart = {}
    for k in result.reference["sizes"]:
        both = [[run["train"]["elbo"] for run in result.runs(f"k{k}-{how}")] for how in ("analytic", "stochastic")]
        if both[0] and len(both[0]) == len(both[1]):
            apart[f"k{k}"] = [a - b for a, b in zip(*both, strict=True)]
    if not apart:
        return None
    here = ", ".join(f"{fmean(values):+.2f} ({name[1:]} latents)" for name, values in apart.items())
    return _row(
        "(iv) stochastic and analytic training",
        "almost identical in the replication (Figure 3); in the original the stochastic one is slower",
        f"analytic less stochastic ELBO after the same steps: {here} nats",
        apart,
    )


def _encoders(result: LinearVAEResult) -> dict[str, Any] | None:
    k = latents_of(result.config)
    parts = {name: linear_encoder(result.config) if name == "linear" else f"encoder-{name}" for name in ENCODERS}
    short = {name: result.shortfall(part, k) for name, part in parts.items()}
    short = {name: values for name, values in short.items() if values}
    if not short:
        return None
    here = ", ".join(f"{name} {fmean(values):.2f}" for name, values in short.items())
    return _row(
        f"(v) four encoders, a linear decoder, {k} latents",
        "all match pPCA; non-linear best in the replication, linear best in the original (Figure 4)",
        f"nats below the maximum, which none exceeds: {here}",
        short,
    )


def _gram(result: LinearVAEResult) -> dict[str, Any] | None:
    runs = result.runs(linear_encoder(result.config))
    if not runs:
        return None
    known = result.reference["gram"]
    off = [run["gram"]["off_diagonal"] for run in runs]
    turned, gain = known["pPCA, turned"]["off_diagonal"], [run["rotation_gap"] for run in runs]
    return _row(
        "(i) the columns of W are orthogonal",
        "the Gram matrices of pPCA and of the linear VAE are very similar (Figure 2)",
        f"squares off the diagonal of W'W: {100 * fmean(off):.1f} %; turning W would gain {fmean(gain):.3f} nats; pPCA "
        f"turned at random: {100 * turned:.1f} %, {result.reference['turned_gap']:.3f} nats",
        {
            "off the diagonal": off,
            "nats by turning W": gain,
            "mean |cosine|": [fmean(run["alignment"]) for run in runs],
        },
    )


def _collapse(result: LinearVAEResult) -> list[dict[str, Any]]:
    papers = {
        "linear-fixed": ("(iii) collapse, linear, s2 fixed", "larger s2, more collapse (theory)"),
        "deep-fixed": ("(vi) collapse, deep, s2 fixed", "the smaller s2, the smaller the share (Figure 5)"),
        "deep-learned": ("(vi) collapse, deep, s2 learned", "where s2 starts still has an effect (Figure 6)"),
    }
    rows = []
    for kind, (what, paper) in papers.items():
        shares = {f"{s2:g}": result.shares(f"{kind}-{s2:g}") for s2 in NOISES}
        shares = {name: values for name, values in shares.items() if values}
        if not shares:
            continue
        parts = []
        for name, values in shares.items():
            rule = f" (rule {100 * result.reference['collapse'][name]['rule']:.0f})" if kind == "linear-fixed" else ""
            parts.append(f"{100 * fmean(values):.0f}{rule} at {name}")
        figures = dict(shares)
        here = f"% of {SIZES[-1]} latents collapsed: {', '.join(parts)}"
        if kind.endswith("learned"):
            ends = [run["s2"] for s2 in NOISES for run in result.runs(f"{kind}-{s2:g}")]
            here += f"; s2 ends between {min(ends):.3f} and {max(ends):.3f}"
        rows.append(_row(what, paper, here, figures))
    return rows
