"""Multinomial: counts over K words, with the total known or varying. These are different questions (theory: 2(c))."""

from __future__ import annotations

from collections.abc import Sequence

import sympy as sp

from eftheory.families.arguments import notation, probabilities, size
from eftheory.families.arguments import trials as draws
from eftheory.families.base import XI, Family, Statistic, Unit, everywhere
from eftheory.families.support import Counts


def multinomial(K: object, *, trials: object = None) -> Family:
    """Counts over K words: of a known total (trials given), or of a total with a law that no parameter touches.

    Known total n: ``p(x; eta) = prod 1/x_i! exp(sum_{i<K} eta_i x_i - A)`` on counts with sum n,
    ``A(eta) = n log(1 + sum_{i<K} e^eta_i) - log n!``, ``eta_i = log(probs_i / probs_K)``.
    Varying total: ``p(x; eta) = r(|x|) |x|! prod 1/x_i! exp(<eta, x> - |x| log sum_i e^eta_i)`` with r any law of the
    total (vae-error eq. 13); the normaliser depends on |x|, so there is no log-partition (None), all K counts are
    statistics, and ``eta -> eta + a 1`` changes nothing; ``eta_i = log probs_i`` is the representative given.
    The base measure stated leaves out r(|x|) |x|!, which only the total sees. Raises MisuseError for K < 2.
    """
    words = size(K, "K of multinomial(K)", least=2)
    known = trials is not None
    unit = _known_total(words, draws(trials, "trials of multinomial")) if known else _varying_total(words)
    arguments = {"trials": unit.support.total} if known else {}  # type: ignore[attr-defined]
    return Family(name="multinomial", unit=unit, arguments=arguments, spec=notation("multinomial", [words], arguments))


def _known_total(words: int | sp.Symbol, n: sp.Expr) -> Unit:
    # kept unevaluated: n! of a large total is an integer of thousands of digits
    log_factorial = sp.loggamma(n + 1, evaluate=False)

    def log_partition(eta: Sequence[sp.Expr]) -> sp.Expr:
        return n * sp.log(1 + sp.Add(*map(sp.exp, eta))) - log_factorial

    def natural(groups: tuple[int, ...], *, probs: object) -> tuple[sp.Expr, ...]:
        p = probabilities(probs, sum(groups), "probs of multinomial")
        return tuple(sp.log(p_i / p[-1]) for p_i in p[:-1])

    return Unit(
        support=Counts(n),
        statistics=(Statistic(XI, "i<last"),),
        base=1 / sp.factorial(XI),
        domain=everywhere,
        log_partition=log_partition,
        groups=(words,),
        parameters=("probs",),
        natural=natural,
    )


def _varying_total(words: int | sp.Symbol) -> Unit:
    def log_partition(eta: Sequence[sp.Expr]) -> None:
        """None: the normaliser |x| log sum_i e^eta_i is no function of eta alone."""

    def natural(groups: tuple[int, ...], *, probs: object) -> tuple[sp.Expr, ...]:
        return tuple(sp.log(p) for p in probabilities(probs, sum(groups), "probs of multinomial"))

    return Unit(
        support=Counts(None),
        statistics=(Statistic(XI, "i"),),
        base=1 / sp.factorial(XI),
        domain=everywhere,
        log_partition=log_partition,
        groups=(words,),
        parameters=("probs",),
        natural=natural,
    )
