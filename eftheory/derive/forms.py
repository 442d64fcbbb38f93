"""The equations of Theorem 1 for the model at hand: joint (7), decoder (5), encoder (6) and the implied prior."""

from __future__ import annotations

import sympy as sp

from eftheory.derive.setting import Setting
from eftheory.families.base import XI, XJ, Family, X
from eftheory.verdict import Formula


def statistics_text(family: Family, name: str, index: str) -> tuple[str, str]:
    """The statistics of one coordinate as text and LaTeX, e.g. ``(z_j, z_j**2)``."""
    block = not family.unit.support.scalar
    scalar = sp.Symbol(f"{name}_{index}")
    names = {X: scalar, XI: sp.Symbol(f"{name}_a"), XJ: sp.Symbol(f"{name}_b")}
    templates = [s.expr.xreplace(names) for s in family.unit.statistics]
    ranges = {"i<j": "a<b", "i<=j": "a<=b", "across": "a, b in different groups", "i<last": "a<last", "i": "all a"}
    texts, latex = [], []
    for statistic, expr in zip(family.unit.statistics, templates, strict=True):
        where = f" [{ranges[statistic.pattern]}]" if block and statistic.pattern in ranges else ""
        texts.append(f"{expr}{where}")
        latex.append(sp.latex(expr))
    return ", ".join(texts), ", ".join(latex)


def joint(setting: Setting, collapsed: bool) -> Formula:
    """Equation (7)."""
    nu, nu_latex = statistics_text(setting.spec.decoder, "x", "i")
    psi, psi_latex = statistics_text(setting.spec.encoder, "z", "j")
    coupling = "" if collapsed else " + nu(x)' W psi(z)"
    coupling_latex = "" if collapsed else r" + \nu(x)^\top W\,\psi(z)"
    return Formula(
        text=f"log p(x,z) = log h(x) + log k(z){coupling} + u' nu(x) + v' psi(z) + c,  nu: {nu};  psi: {psi}",
        latex=rf"\log p(x,z) = \log h(x) + \log k(z){coupling_latex} + u^\top\nu(x) + v^\top\psi(z) + c,"
        rf"\quad \nu = ({nu_latex}),\ \psi = ({psi_latex})",
    )


def decoder_form(collapsed: bool) -> Formula:
    """Equation (5)."""
    if collapsed:
        return Formula(text="f(z) = u", latex="f(z) = u")
    return Formula(text="f(z) = W psi(z) + u", latex=r"f(z) = W\psi(z) + u")


def encoder_form(collapsed: bool) -> Formula:
    """Equation (6)."""
    if collapsed:
        return Formula(text="g(x) = v", latex="g(x) = v")
    return Formula(text="g(x) = W' nu(x) + v", latex=r"g(x) = W^\top\nu(x) + v")


def implied_prior(setting: Setting, collapsed: bool) -> Formula:
    """The prior that Theorem 1 fixes; for a varying total the decoder is normalised and A = 0."""
    if collapsed or setting.varying_total:
        return Formula(text="log p(z) = log k(z) + v' psi(z) + c", latex=r"\log p(z) = \log k(z) + v^\top\psi(z) + c")
    return Formula(
        text="log p(z) = log k(z) + v' psi(z) + A(W psi(z) + u) + c",
        latex=r"\log p(z) = \log k(z) + v^\top\psi(z) + A(W\psi(z)+u) + c",
    )
