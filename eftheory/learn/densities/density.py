"""One exponential family in torch, everything from the family's own expressions (theory: section 1).

``log p(x; eta) = log h(x) + <nu(x), eta> - A(eta)`` in nats, over `copies` independent units. Points x (..., width) and
natural parameters eta (..., natural_width) are flattened unit by unit, in the family's order; leading axes broadcast.
"""

from __future__ import annotations

from typing import final

import sympy as sp
import torch
from torch import Tensor

from eftheory.errors import MisuseError
from eftheory.families.base import XI, Family, X
from eftheory.families.support import Bits, Integers
from eftheory.learn.datasets.sparse import SparseRows
from eftheory.learn.densities import sampling, support_check
from eftheory.learn.densities.domain_maps import DomainMap, Identity, domain_map
from eftheory.learn.densities.normal_maps import MeanAndVariance, NormalMap
from eftheory.learn.densities.quadratic import quadratic_of
from eftheory.learn.densities.sampling_laws import Sampler
from eftheory.learn.densities.tensor_functions import bits_log_prob
from eftheory.learn.densities.unit_functions import gradient, log_base_of, normaliser_of, sizes_of, terms_of

MOST_POINTS = 2**22
"""Points that are written down at once."""
WIDEST = 2**26
"""Components and natural parameters of a density, at most."""


@final
class Density:
    """width, natural_width: lengths of x and eta. points_count: the number of points of a finite family, else None.

    needs_total: the normaliser depends on |x| (multinomial of varying total); log-probabilities are then given |x|.
    independent_bits: whether the points are bits, independent of each other, with eta their logits.
    Raises MisuseError for sizes or hyperparameters that are symbols, and without a closed log-partition.
    """

    def __init__(self, family: Family) -> None:
        groups, copies = sizes_of(family)
        unit = family.unit
        self.family, self.copies = family, copies
        self._support = unit.support
        self._p = 1 if unit.support.scalar else sum(groups)
        self.width = copies * self._p
        pairs = any(s.pattern in ("i<j", "i<=j", "across") for s in unit.statistics)
        _refuse_wide(family, max(self.width, self._p**2 if pairs else 0))
        self._terms = terms_of(unit, self._p, groups)
        self._n = sum(len(s.indices(groups or (1,))) for s in unit.statistics)
        self._log_base = log_base_of(unit)
        self._quadratic = quadratic_of(unit, groups)
        self._normaliser = normaliser_of(family, groups, self._quadratic)
        self._map: DomainMap | MisuseError
        try:
            self._map = domain_map(unit, self._n, self._quadratic)
        except MisuseError as missing:
            self._map = missing
        self._sampler: Sampler | None = None
        self.natural_width = copies * self._n
        _refuse_wide(family, self.natural_width)
        count = unit.support.count(self._p)
        self.points_count = None if count is None else int(count) ** copies
        self.needs_total = self._normaliser.needs_total
        self.independent_bits = self._independent_bits()

    def __repr__(self) -> str:
        return f"Density({self.family})"

    # --- the five facts -----------------------------------------------------------------------------------------------

    def statistics(self, x: Tensor) -> Tensor:
        """``nu(x)``, (..., natural_width)."""
        if len(self._terms) == 1 and self._terms[0].identity and self._n == self._p:
            return x
        units = self._units(x, self._p)
        parts = [term(units) for term in self._terms]
        whole = parts[0] if len(parts) == 1 else torch.cat(parts, -1)
        return whole.flatten(-2)

    def log_base(self, x: Tensor | SparseRows) -> Tensor:
        """``log h(x)``, (...), nats."""
        if isinstance(x, SparseRows):
            return self._sparse_log_base(x)
        if self._log_base is None:
            return x.new_zeros(()).expand(x.shape[:-1])
        return self._log_base(x.unsqueeze(-1)).squeeze(-1).sum(-1)

    def inner(self, x: Tensor | SparseRows, eta: Tensor) -> Tensor:
        """``<nu(x), eta>``, (...). Sparse rows x (N) match the last axis but one of eta."""
        if isinstance(x, SparseRows):
            return self._sparse_inner(x, eta)
        return (self.statistics(x) * eta).sum(-1)

    def log_partition(self, eta: Tensor, total: Tensor | None = None) -> Tensor:
        """``A(eta)``, (...), nats, summed over copies; total: |x|, (...), where the normaliser depends on it."""
        value = self._normaliser.log_partition(self._units(eta, self._n), self._total(total))
        return value.flatten(-2).sum(-1) if self.copies > 1 else value.squeeze(-1).squeeze(-1)

    def log_prob(self, x: Tensor | SparseRows, eta: Tensor) -> Tensor:
        """``log p(x; eta)``, (...), nats; given |x| where the total varies."""
        if self._quadratic is not None and isinstance(x, Tensor):
            return self._quadratic.log_prob(self._units(x, self._p), self._units(eta, self._n)).sum(-1)
        if self.independent_bits and isinstance(x, Tensor):
            return bits_log_prob(x, eta)
        value = self.inner(x, eta) - self.log_partition(eta, self.total(x))
        return value if self._log_base is None else value + self.log_base(x)

    def mean(self, eta: Tensor, total: Tensor | None = None) -> Tensor:
        """``grad A(eta) = E nu``, (..., natural_width), differentiable."""
        units, totals = self._units(eta, self._n), self._total(total)
        if totals is not None:
            units = units.expand(*torch.broadcast_shapes(units.shape[:-1], totals.shape[:-1]), self._n)
        written = self._normaliser.mean
        if written is not None:
            return written(units, totals).expand(units.shape).flatten(-2)
        return gradient(self._normaliser.log_partition, units, totals).flatten(-2)

    def kl(self, eta_q: Tensor, eta_p: Tensor, total: Tensor | None = None) -> Tensor:
        """KL(q || p) = ``<eta_q - eta_p, E_q nu> - A(eta_q) + A(eta_p)`` (Bregman), (...), nats."""
        if self._quadratic is not None:
            return self._quadratic.kl(self._units(eta_q, self._n), self._units(eta_p, self._n))
        linear = ((eta_q - eta_p) * self.mean(eta_q, total)).sum(-1)
        return linear - self.log_partition(eta_q, total) + self.log_partition(eta_p, total)

    def total(self, x: Tensor | SparseRows) -> Tensor | None:
        """``|x|``, (...), where the normaliser depends on it, else None."""
        if not self.needs_total:
            return None
        return x.totals() if isinstance(x, SparseRows) else x.sum(-1)

    # --- raw parameters -----------------------------------------------------------------------------------------------

    @property
    def raw_width(self) -> int:
        return self.copies * self._domain_map().raw_width

    @property
    def has_scale(self) -> bool:
        """Whether the raw parameters of a unit are (mean, log variance)."""
        return isinstance(self._domain_map(), MeanAndVariance)

    def natural(self, raw: Tensor) -> Tensor:
        """Natural parameters from any real numbers (..., raw_width): smooth, onto the domain's interior.

        See `domain_maps` beside this file; zero is a sensible member. Raises MisuseError for a domain without a rule.
        """
        found = self._domain_map()
        return raw if isinstance(found, Identity) else found.natural(self._units(raw, found.raw_width)).flatten(-2)

    def raw(self, eta: Tensor) -> Tensor:
        """The inverse of `natural`, (..., raw_width)."""
        found = self._domain_map()
        return eta if isinstance(found, Identity) else found.raw(self._units(eta, self._n)).flatten(-2)

    def rsample_raw(self, raw: Tensor) -> Tensor:
        """``rsample(natural(raw))``, without the way there and back."""
        found = self._normal_map()
        return found.rsample(self._units(raw, found.raw_width))

    def kl_raw(self, raw_q: Tensor, eta_p: Tensor) -> Tensor:
        """``kl(natural(raw_q), eta_p)``, without the way there and back where q is normal."""
        found = self._domain_map()
        if not isinstance(found, NormalMap):
            return self.kl(self.natural(raw_q), eta_p)
        return found.kl(self._units(raw_q, found.raw_width), self._units(eta_p, self._n))

    # --- draws --------------------------------------------------------------------------------------------------------

    def sample(self, eta: Tensor, total: Tensor | None = None) -> Tensor:
        """A draw for each eta, (..., width), from torch's global generator. Raises MisuseError without a rule."""
        if self._sampler is None:
            self._sampler = sampling.sampler_of(self.family, self._quadratic)
        with torch.no_grad():
            return self._sampler(self._units(eta, self._n), self._total(total)).flatten(-2)

    def rsample(self, eta: Tensor) -> Tensor:
        """A draw, differentiable in eta: normals only, else MisuseError."""
        if self._quadratic is None:
            raise self._not_normal()
        return self._quadratic.rsample(self._units(eta, self._n)).flatten(-2)

    # --- the support --------------------------------------------------------------------------------------------------

    def points(self) -> Tensor:
        """Every point of a finite family, (K, width), lexicographic; one-hot points by their class."""
        count = self.points_count
        if count is None or count > MOST_POINTS:
            got = f"{self.family}, {'infinitely many' if count is None else count}"
            raise MisuseError(wanted=f"at most {MOST_POINTS} points", got=got, do="sample instead of enumerating")
        unit = sampling.unit_points(self._support, self._p)
        index = torch.arange(count)
        places = [index // len(unit) ** power % len(unit) for power in reversed(range(self.copies))]
        return unit[torch.stack(places, 1)].flatten(1)

    def check_support(self, x: Tensor | SparseRows, what: str = "data") -> None:
        """Raises MisuseError where x (N, width) does not lie in the support, naming the first such entry."""
        support_check.check_support(self._support, x, what, self._p, self.copies)

    # --- inside -------------------------------------------------------------------------------------------------------

    def _units(self, a: Tensor, size: int) -> Tensor:
        """(..., copies * size) as (..., copies, size)."""
        return a.unflatten(-1, (self.copies, size))

    def _total(self, total: Tensor | None) -> Tensor | None:
        if not self.needs_total:
            return None
        if total is None:
            raise MisuseError(wanted=f"the total |x| for {self.family}", got="none", do="pass total=")
        return total.unsqueeze(-1).unsqueeze(-1)

    def _domain_map(self) -> DomainMap:
        if isinstance(self._map, MisuseError):
            raise self._map
        return self._map

    def _normal_map(self) -> NormalMap:
        found = self._domain_map()
        if not isinstance(found, NormalMap):
            raise self._not_normal()
        return found

    def _not_normal(self) -> MisuseError:
        do = "take an estimator for discrete latents, or the exact one"
        return MisuseError(wanted="a normal family to reparameterise", got=str(self.family), do=do)

    def _independent_bits(self) -> bool:
        bits = isinstance(self._support, Bits) or self._support == Integers(sp.Integer(0), sp.Integer(1))
        return bits and self._n == self._p and self._terms[0].identity and self._log_base is None

    def _sparse_log_base(self, x: SparseRows) -> Tensor:
        self._zero_stays_zero()
        if self._log_base is None:
            return x.values.new_zeros(len(x))
        entries = self._log_base(x.values.unsqueeze(-1)).squeeze(-1)
        return x.values.new_zeros(len(x)).index_add_(0, x.rows(), entries)

    def _sparse_inner(self, x: SparseRows, eta: Tensor) -> Tensor:
        """Only the entries that are not zero: nu(0) = 0."""
        self._zero_stays_zero()
        rows, columns, n = x.rows(), x.indices, self.natural_width
        weights = self._terms[0].program(x.values.unsqueeze(-1), x.values.unsqueeze(-1)).squeeze(-1)
        if n < self.width:  # the last component has no statistic of its own
            weights, columns = weights * (columns < n), columns.clamp(max=n - 1)
        entries = eta.flatten(-2).index_select(-1, rows * n + columns) * weights
        return entries.new_zeros(*entries.shape[:-1], len(x)).index_add(-1, rows, entries)

    def _zero_stays_zero(self) -> None:
        unit = self.family.unit
        zero = {X: 0, XI: 0}
        one = len(unit.statistics) == 1 and unit.statistics[0].pattern in ("", "i", "i<last")
        aligned = self._n == self._p or self.copies == 1
        if not (one and aligned) or unit.statistics[0].expr.subs(zero) != 0 or unit.base.subs(zero) != 1:
            do = "give dense rows: x.dense()"
            raise MisuseError(wanted="a family with one statistic that is 0 at 0", got=str(self.family), do=do)


def _refuse_wide(family: Family, width: int) -> None:
    """Before anything of that size is made."""
    if width > WIDEST:
        got = f"{family}, with about {width}"
        raise MisuseError(wanted=f"a family of at most {WIDEST} natural parameters", got=got, do="make it smaller")
