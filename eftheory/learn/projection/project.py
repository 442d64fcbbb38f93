"""`project`: the three projections of a trained model onto the consistent set, each with its distance and its price.

Theory: section 5. Everything in float64; exact where the latents are enumerated.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any

import torch
from torch import Tensor

from eftheory.errors import MisuseError, unknown
from eftheory.learn.densities.products import Rows
from eftheory.learn.models.model import VAE
from eftheory.learn.projection.affine import outside
from eftheory.learn.projection.blocks import Unit
from eftheory.learn.projection.joint import Joint, joint_projection, matching_prior
from eftheory.learn.projection.likelihood import Likelihood, likelihood_projection
from eftheory.learn.projection.measure import MEASURES, Decoded, Measure, measure_of
from eftheory.learn.projection.natural import METRICS, Natural, border, natural_projection
from eftheory.learn.projection.price import Price, Variant, prices, variants
from eftheory.learn.runs.trained import Trained

KINDS = ("natural", "likelihood", "joint")
Found = Natural | Likelihood | Joint


@dataclass(frozen=True, kw_only=True)
class Knobs:
    """measure, metric: see `measure` and `natural`; rows: of train and of test, at most; samples: of z, where it cannot
    be enumerated, for the projection; iwae_samples: for each x, where a price cannot be enumerated."""

    measure: str = "prior"
    metric: str = "identity"
    rows: int = 2000
    samples: int = 4096
    iwae_samples: int = 256
    seed: int = 0

    def __post_init__(self) -> None:
        for kind, name, known in (("measure", self.measure, MEASURES), ("metric", self.metric, METRICS)):
            if name not in known:
                raise unknown(kind, name, known)


@dataclass(frozen=True, kw_only=True, eq=False)
class Projected:
    """One projection: which, what was found, the implied prior's v (None where z is sampled), prices, a remark.

    Without a price (the fit leaves the natural domain, say) the remark says why. seconds: of the fit alone.
    """

    kind: str
    measure: str
    exact: bool
    found: Found
    v: Tensor | None
    prices: tuple[Price, ...]
    seconds: float
    remark: str = ""

    def as_dict(self) -> dict[str, Any]:
        """For JSON: every number but W, u and v."""
        skip = ("W", "u", "v", "directions")
        facts = {key: value for key, value in vars(self.found).items() if key not in skip}
        if isinstance(self.found, Natural):
            directions = self.found.directions
            facts |= {"rms": self.found.rms, "share": self.found.share}
            facts |= {"directions": None if directions is None else directions.as_dict()}
        unit = "natural parameters, squared" if isinstance(self.found, Natural) else "nats"
        about = {"kind": self.kind, "distance_unit": unit, "measure": self.measure, "exact": self.exact}
        about["shape"] = list(self.found.W.shape)
        after = {"price": [price.as_dict() for price in self.prices], "seconds": self.seconds, "remark": self.remark}
        return {**about, **facts, **after}


@dataclass(frozen=True, kw_only=True, eq=False)
class Projections:
    """before: the model as it is, on each part; after: one `Projected` for each kind asked for, in their order.

    absent: kind -> why it could not be made.
    """

    before: tuple[Price, ...]
    after: tuple[Projected, ...]
    absent: Mapping[str, str]


def project(
    trained: Trained, *, onto: tuple[str, ...] = KINDS, knobs: Knobs | None = None, priced: bool = True
) -> Projections:
    """Project the decoder of `trained`; without `priced` no evidence is computed, before or after.

    Raises MisuseError for an unknown kind, and where none of those asked for can be made.
    """
    knobs = knobs or Knobs()
    for kind in onto:
        if kind not in KINDS:
            raise unknown("projection", kind, KINDS)
    data = {part: rows for part in ("train", "test") if len(rows := trained.rows(part, knobs.rows))}
    maker = _Maker(trained.model, data, knobs, priced)
    after, absent = [], {}
    for kind in onto:
        try:
            after.append(maker.make(kind))
        except MisuseError as error:
            if not after and kind == onto[-1]:
                raise
            absent[kind] = str(error)
    whole = [Variant(trained.model, "own", "own", "own")] if priced else []
    before = prices(whole, data, samples=knobs.iwae_samples, seed=knobs.seed)
    return Projections(before=before, after=tuple(after), absent=absent)


class _Maker:
    """f is evaluated once for all projections; each starts where the one before it ended."""

    def __init__(self, model: VAE, data: Mapping[str, Rows], knobs: Knobs, priced: bool) -> None:
        self.model, self.data, self.knobs, self.priced = model, data, knobs, priced
        some = next(iter(data.values()))
        self.measure = measure_of(model, knobs.measure, x=some, samples=knobs.samples, seed=knobs.seed)
        self.decoded = Decoded(model, self.measure.codes)
        totals = model.decoder.total(some)
        self.total = None if totals is None else float(totals.mean())
        self.joint = self.measure.exact and not model.decoder.needs_total
        self._natural: Natural | None = None
        self._likelihood: Likelihood | None = None

    def make(self, kind: str) -> Projected:
        began = perf_counter()
        makers: dict[str, Callable[[], Found]] = {
            "natural": self.natural, "likelihood": self.likelihood, "joint": self.joint_projection
        }  # fmt: skip
        found = makers[kind]()
        seconds = perf_counter() - began
        v, remark = None, ""
        bought: tuple[Price, ...] = ()
        if place := outside(self.model, found.W, found.u, self.measure.codes):
            remark = f"no price: W psi(z) + u leaves the decoder's natural domain at {place}"
        elif self.priced:
            if self.joint:
                v = found.v if isinstance(found, Joint) else matching_prior(self.model, found.W, found.u)
            after = variants(self.model, found.W, found.u, v)
            bought = prices(after, self.data, samples=self.knobs.iwae_samples, seed=self.knobs.seed)
            if not all(map(_finite, bought)):
                bought = ()
                remark = "no price: W psi(z) + u leaves the decoder's natural domain at some z that the encoder draws"
        measure = "prior" if kind == "joint" else self.measure.name
        return Projected(
            kind=kind, measure=measure, exact=self.measure.exact, found=found, v=v, prices=bought, seconds=seconds,
            remark=remark or _remark(found),
        )  # fmt: skip

    def natural(self) -> Natural:
        if self._natural is None:
            model, metric = self.model, self.knobs.metric
            found = natural_projection(self.decoded, self.measure, model.decoder, model.encoder, metric=metric)
            self._natural = found if self.measure.exact else self._natural_error(found)
        return self._natural

    def likelihood(self) -> Likelihood:
        if self._likelihood is None:
            model, start = self.model, self.natural()
            found = likelihood_projection(
                self.decoded, self.measure, model.decoder, model.encoder, start=(start.W, start.u), total=self.total
            )
            self._likelihood = found if self.measure.exact else self._likelihood_error(found)
        return self._likelihood

    def joint_projection(self) -> Joint:
        model, start = self.model, self.likelihood()
        if not self.measure.exact:
            got, do = str(model.encoder.family), "project onto the others"
            raise MisuseError(wanted="latents that can be enumerated", got=got, do=do)
        v = matching_prior(model, start.W, start.u) if self.joint else start.u.new_zeros(0)
        return joint_projection(self.decoded, model, start=(start.W, start.u, v))

    def _natural_error(self, found: Natural) -> Natural:
        """The distance on a second sample of latents, which the fit has not seen, with its standard error."""
        fresh = self._fresh()
        fit = border(self.model.encoder.statistics(fresh.codes)) @ torch.cat([found.W, found.u[:, None]], 1).T
        values = torch.empty(len(fit), dtype=torch.float64)
        unit = Unit.of(self.model.decoder) if found.metric == "fisher" else None
        for place, eta in Decoded(self.model, fresh.codes):
            rest = eta - fit[place]
            values[place] = rest.square().sum(-1) if unit is None else unit.square(eta, rest)
        return replace(found, distance=float(values.mean()), distance_error=_error(values))

    def _likelihood_error(self, found: Likelihood) -> Likelihood:
        """Likewise. Raises MisuseError where the fit leaves the natural domain there: no divergence is defined."""
        fresh, unit = self._fresh(), Unit.of(self.model.decoder, _total(self.total))
        if where := outside(self.model, found.W, found.u, fresh.codes):
            got, do = f"one that leaves it at {where}", "take the natural projection"
            raise MisuseError(wanted="a fit W psi(z) + u in the decoder's natural domain for every z", got=got, do=do)
        theta, bordered = unit.theta(found.W, found.u), border(self.model.encoder.statistics(fresh.codes))
        values = torch.empty(len(bordered), dtype=torch.float64)
        for place, eta in Decoded(self.model, fresh.codes):
            values[place] = self.model.decoder.kl(eta, unit.affine(theta, bordered[place]), unit.total)
        return replace(found, distance=float(values.mean()), distance_error=_error(values))

    def _fresh(self) -> Measure:
        return measure_of(self.model, "prior", samples=self.knobs.samples, seed=self.knobs.seed + 1)


def _error(values: Tensor) -> float:
    """The standard error of the mean."""
    return float(values.std() / len(values) ** 0.5)


def _finite(price: Price) -> bool:
    return math.isfinite(price.value.mean_evidence) and math.isfinite(price.value.mean_elbo)


def _total(total: float | None) -> Tensor | None:
    return None if total is None else torch.tensor(total, dtype=torch.float64)


def _remark(found: Found) -> str:
    if isinstance(found, Likelihood) and found.at_infinity:
        return f"the optimum lies at infinity for {found.at_infinity} units: (W, u) is a point on the way to it"
    if isinstance(found, Likelihood | Joint) and not found.converged:
        return (
            f"not converged after {found.steps} steps: the largest entry of the gradient is {found.gradient:.2g} nats"
        )
    return ""
