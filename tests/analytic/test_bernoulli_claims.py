"""The claims of the Bernoulli bound: their quadrature against Arb's, their arithmetics, spoilt instances."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from flint import acb, arb, ctx, fmpq

from eftheory import recheck
from eftheory.analytic import bernoulli_bound as bb
from eftheory.claims import Claim
from eftheory.claims.certificate import certificate
from eftheory.claims.discovery import discover
from eftheory.claims.outcome import decide
from eftheory.errors import MisuseError

FOLDER = Path(__file__).parents[2] / "verify" / "bernoulli_bound"
CLAIMS: dict[str, Claim] = {claim.id: claim for claim in discover([FOLDER]).claims}


@pytest.fixture(scope="module")
def helpers() -> Iterator[Any]:
    """The helper modules of the claim folder, by name."""
    package = ModuleType("bernoulli_bound_helpers")
    package.__path__ = [str(FOLDER)]
    sys.modules[package.__name__] = package
    yield lambda name: importlib.import_module(f"{package.__name__}.{name}")
    for name in [name for name in sys.modules if name.startswith(package.__name__)]:
        del sys.modules[name]


def integral(f: Any) -> arb:
    """``E f(Z)``, Z standard normal, by Arb's adaptive integration on [-12, 12]; the rest is below 1e-29."""
    found = acb.integral(lambda u, _: f(u) * (-u * u / 2).exp(), -12, 12) / (2 * acb.pi()).sqrt()
    return found.real + arb(0, 1e-29)


@pytest.mark.parametrize(("m", "variance"), [("0", "1/10"), ("7/3", "1"), ("-4", "9/4"), ("1/2", "9")])
def test_the_quadrature_encloses_what_arb_integrates(helpers: Any, m: str, variance: str) -> None:
    quadrature = helpers("_quadrature")
    mean, spread = fmpq(*map(int, (m + "/1").split("/")[:2])), fmpq(*map(int, (variance + "/1").split("/")[:2]))
    with ctx.workprec(128):
        scale = arb(spread).sqrt()
        rule = quadrature.Rule(quadrature.grid(quadrature.largest_scale([spread])))
        below, above = rule.mean_softplus(mean, spread)
        exact = integral(lambda u: ((acb(arb(mean)) + acb(scale) * u).exp() + 1).log())
        assert below < exact < above
        assert above - below < arb("1e-11")
        low, high = rule.mean_product([(mean, fmpq(1, 3)), (-mean, fmpq(1, 5))])
        value = integral(lambda u: 1 / ((1 + (-acb(mean) - u / 3).exp()) * (1 + (acb(mean) - u / 5).exp())))
        assert low < value < high


def test_a_strip_that_is_too_wide_breaks_the_error_bound(helpers: Any) -> None:
    """The control: with a step that is too large for the strip the stated error is seen to be large."""
    quadrature = helpers("_quadrature")
    rule = quadrature.Rule({"strip": "1/2", "h": "2", "reach": "8", "node": [str(j) for j in range(-4, 5)]})
    below, above = rule.mean_softplus(fmpq(0), fmpq(9))
    assert above - below > 1


def test_exact_numbers_decide_equality(helpers: Any) -> None:
    on = helpers("_exactly").EXACT
    half = on.log(on.number(fmpq(1, 2)))
    assert (half + on.log(on.number(8))).equals(2 * on.log(on.number(2)))
    assert not half.equals(-1)
    assert on.sqrt(on.number(fmpq(9, 16))).rational == fmpq(3, 4)
    for wrong in (lambda: on.sqrt(on.number(2)), lambda: half * half, lambda: 1 / half, lambda: on.log(on.number(-1))):
        with pytest.raises(MisuseError, match="wanted"):
            wrong()


def test_rational_functions_decide_identities(helpers: Any) -> None:
    on = helpers("_field").Functions("a", "b")
    a, b = on.symbols["a"], on.symbols["b"]
    assert ((a * a - b * b) / (a - b) - a - b).is_zero
    assert (on.log(a * b) - on.log(a) - on.log(b)).is_zero
    assert not (on.log(a * b) - on.log(a) + on.log(b)).is_zero
    assert not (bb.quadratic(0, on=on) - bb.offset(1, on=on)).is_zero
    assert bb.bernoulli_bound([[1]], [[a]], [b], on=on).rational.denom != 1
    with pytest.raises(MisuseError, match="wanted"):
        on.exp(a)


@pytest.mark.parametrize("id", sorted(CLAIMS))
def test_the_first_instances_are_decided_and_rechecked(id: str) -> None:
    claim = CLAIMS[id]
    key = claim.instances.keys(True)[-1 if claim.kind == "claim" else 0]
    if claim.subject.endswith(("second-order", "saddles")):
        key = "random/2x1/2/none" if id.endswith("saddles") else claim.instances.keys(True)[1]
    outcome = decide(claim, key)
    assert outcome.status in ("PROVED", "CERTIFIED", "REFUTED"), outcome.reason
    if claim.kind == "claim":
        assert outcome.status != "REFUTED"
    made = certificate(claim, outcome)
    if made is None:
        assert not claim.relation or (claim.kind == "control" and outcome.status != "REFUTED")
    else:
        assert recheck.check(made).verdict in (outcome.status, "PROVED")


def spoilt(id: str, key: str, name: str, change: Any) -> str:
    """The status of an instance with one field changed."""
    claim = CLAIMS[id]
    instance = dict(claim.instances.build(key))
    instance[name] = change(instance[name])
    return str(claim.decide(instance).status.name)


def test_a_wrong_closed_form_fails() -> None:
    bent = [str(Fraction(7, 5))]
    assert spoilt("bernoulli-bound/optimum", "random/2x1/0", "g", lambda g: bent) == "REFUTED"
    assert spoilt("bernoulli-bound/second-order", "random/2x1/1", "g", lambda g: bent) == "REFUTED"
    assert spoilt("bernoulli-bound/usable-latents", "random/8x3/0", "usable", lambda n: "3") == "REFUTED"
    found = spoilt("bernoulli-bound/best-encoder", "random/2x1/0", "m", lambda m: [m[1], *m[1:]])
    assert found == "REFUTED", "the first encoder is no longer the best"
