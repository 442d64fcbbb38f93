"""Units whose energy is quadratic in x: normals of every kind, recognised by their statistics and base, not by name.

``log base(x) + <eta, nu(x)> = c + h'x - x'Lx/2`` with h and L affine in eta. On the whole space that is a normal law of
precision L and mean ``L^-1 h``. Numerically: Cholesky factors instead of determinants and adjugates, and divergences in
coordinates centred at the mean, where nothing cancels (`Quadratic.kl`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import chain

import sympy as sp
import torch
from torch import Tensor

from eftheory.families.base import XI, XJ, Unit, X
from eftheory.families.support import Interval, Reals
from eftheory.learn.densities.program import Program
from eftheory.learn.densities.translate import translate, translate_each

LOG_2PI = math.log(2 * math.pi)


@dataclass(frozen=True)
class Quadratic:
    """h (d) and L (d, d) as affine expressions in the symbols `natural` (n), and the same as programs.

    mean_of: ``E nu_k = c_k + h_k'm - <L_k, E xx'>/2`` from m and E xx', h_k and L_k the coefficients of eta_k.
    """

    natural: tuple[sp.Symbol, ...]
    h: tuple[sp.Expr, ...]
    L: tuple[sp.Expr, ...]
    scalar: bool
    log_base: float
    mean_of: Program
    programs: Program

    @property
    def d(self) -> int:
        return len(self.h)

    def precision(self, eta: Tensor) -> Tensor:
        """L, (..., d, d)."""
        return self._read(eta)[1].unflatten(-1, (self.d, self.d))

    def factor(self, eta: Tensor) -> Tensor:
        """C lower triangular with ``L = C C'``; NaN where L is not positive definite, so that it is noticed."""
        return cholesky(self.precision(eta))

    def linear(self, eta: Tensor) -> Tensor:
        """h, (..., d)."""
        return self._read(eta)[0].expand(*eta.shape[:-1], self.d)

    def _read(self, eta: Tensor) -> tuple[Tensor, Tensor]:
        """h (..., d) or (1), L (..., d*d) or (d*d)."""
        h, L = self.programs.several(eta)
        return h, L

    def log_partition(self, eta: Tensor) -> Tensor:
        """``h'L^-1 h/2 - log det L/2 + d log(2 pi)/2`` and the base's constant, (..., 1), nats."""
        C = self.factor(eta)
        white = torch.linalg.solve_triangular(C, self.linear(eta).unsqueeze(-1), upper=False).squeeze(-1)
        constant = self.log_base + 0.5 * self.d * LOG_2PI
        return 0.5 * white.square().sum(-1, keepdim=True) - log_det(C).unsqueeze(-1) + constant

    def mean(self, eta: Tensor) -> Tensor:
        """``E nu``, (..., n), from the first two moments of x."""
        C = self.factor(eta)
        covariance = torch.cholesky_inverse(C)
        m = (covariance @ self.linear(eta).unsqueeze(-1)).squeeze(-1)
        second = covariance + m.unsqueeze(-1) * m.unsqueeze(-2)
        return self.mean_of(torch.cat([m, second.flatten(-2)], -1))

    def log_prob(self, x: Tensor, eta: Tensor) -> Tensor:
        """``-|C'(x - m)|^2/2 + log det C - d log(2 pi)/2``, (...), nats: a square, where nothing cancels."""
        if self.d == 1:
            h, L = self._read(eta)
            far = (x - h / L).square()
            return 0.5 * (L.log() - L * far - LOG_2PI).squeeze(-1)
        C = self.factor(eta)
        white = torch.linalg.solve_triangular(C, self.linear(eta).unsqueeze(-1), upper=False)
        far = (C.mT @ x.unsqueeze(-1) - white).square().sum((-2, -1))
        return log_det(C) - 0.5 * (far + self.d * LOG_2PI)

    def kl(self, eta_q: Tensor, eta_p: Tensor) -> Tensor:
        """KL(q || p) of units (..., copies, n), added over copies, (...), nats.

        It is the Bregman divergence in coordinates with q's mean at the origin:
        ``(tr(Lp Lq^-1) - d - log det(Lp Lq^-1) + (mq - mp)' Lp (mq - mp)) / 2``.
        """
        if self.d == 1:
            h, L = self._read(eta_q)
            variance = L.reciprocal()
            parts = (h * variance, variance, variance.log())
            mean, variance, logs = (part.expand(*eta_q.shape[:-1], 1).squeeze(-1) for part in parts)
            return self.kl_scalar(mean, variance, logs, eta_p)
        C = self.factor(eta_q)
        h = self.linear(eta_q).unsqueeze(-1)
        return self.kl_factor(torch.cholesky_solve(h, C).squeeze(-1), C, eta_p).sum(-1)

    def kl_scalar(self, mean: Tensor, variance: Tensor, log_variance: Tensor, eta_p: Tensor) -> Tensor:
        """`kl` for d = 1 with q's mean and variance (..., copies) known: (...)."""
        h, L = self._read(eta_p)
        h, L = h.expand(*eta_p.shape[:-1], 1).squeeze(-1), L.expand(*eta_p.shape[:-1], 1).squeeze(-1)
        shift = mean - h / L
        far = 0.5 * L * torch.addcmul(variance, shift, shift)
        return torch.add(far, log_variance, alpha=-0.5).sum(-1) - 0.5 * (L.log() + 1.0).sum(-1)

    def kl_factor(self, mean: Tensor, C: Tensor, eta_p: Tensor) -> Tensor:
        """`kl` of single units with q's mean (..., d) and the factor C of its precision known."""
        h, Cp = self.linear(eta_p).unsqueeze(-1), self.factor(eta_p)
        Cq, Cp = torch.broadcast_tensors(C, Cp)
        A = torch.linalg.solve_triangular(Cq, Cp, upper=False)  # |A|^2 = tr(Lp Lq^-1)
        shift = Cp.mT @ mean.unsqueeze(-1) - torch.linalg.solve_triangular(Cp, h.expand(*Cp.shape[:-1], 1), upper=False)
        return 0.5 * (A.square().sum((-2, -1)) - self.d + shift.square().sum((-2, -1))) - log_det(A)

    def rsample(self, eta: Tensor) -> Tensor:
        """A draw, (..., d), differentiable in eta: mean plus scaled noise."""
        if self.d == 1:
            h, L = self._read(eta)
            variance = L.reciprocal()
            noise = torch.randn(*eta.shape[:-1], 1, dtype=eta.dtype, device=eta.device)
            return torch.addcmul(h * variance, noise, variance.sqrt())
        C = self.factor(eta)
        white = torch.linalg.solve_triangular(C, self.linear(eta).unsqueeze(-1), upper=False)
        z = white + torch.randn_like(white)
        return torch.linalg.solve_triangular(C.mT.expand(*z.shape[:-1], self.d), z, upper=True).squeeze(-1)


def log_det(factor: Tensor) -> Tensor:
    """log of the product of the diagonal, (...)."""
    return factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)


def cholesky(matrix: Tensor) -> Tensor:
    """The lower factor, NaN where the matrix is not positive definite; no host synchronisation."""
    factor, info = torch.linalg.cholesky_ex(matrix)
    return torch.where((info == 0)[..., None, None], factor, torch.nan)


def quadratic_of(unit: Unit, groups: tuple[int, ...]) -> Quadratic | None:
    """The quadratic energy of a unit on the whole line or space; None for any other unit."""
    whole_line = isinstance(unit.support, Interval) and unit.support == Interval()
    if not (whole_line or isinstance(unit.support, Reals)):
        return None
    d = 1 if whole_line else groups[0]
    templates = [_coefficients(s.expr.subs(X, XI)) for s in unit.statistics]
    base = _coefficients(sp.expand(sp.expand_log(sp.log(unit.base.subs(X, XI)), force=True)))
    if base is None or any(t is None for t in templates):
        return None
    rows = [
        _place(t, i, j, d)
        for s, t in zip(unit.statistics, templates, strict=True)
        if t is not None
        for i, j in s.indices((d,))
    ]
    if all(entry == 0 for _, _, L in rows for entry in L):
        offset = _place(base, 0, 0, 1)
        if offset[2][0] <= 0:
            return None  # no curvature from anywhere: not normal
    bases = [_place(base, i, i, d) for i in range(d)]
    eta = sp.symbols(f"eta1:{len(rows) + 1}", real=True)
    h = tuple(_combine(eta, [r[1][i] for r in rows], [b[1][i] for b in bases]) for i in range(d))
    L = tuple(_combine(eta, [r[2][k] for r in rows], [b[2][k] for b in bases]) for k in range(d * d))
    m, xx = sp.symbols(f"m1:{d + 1}", real=True), sp.symbols(f"s1:{d * d + 1}", real=True)
    upper = [xx[min(i, j) * d + max(i, j)] for i in range(d) for j in range(d)]
    means = [_combine((*m, *upper), [*hs, *(-entry / 2 for entry in Ls)], [c]) for c, hs, Ls in rows]
    return Quadratic(
        natural=eta,
        h=h,
        L=L,
        scalar=whole_line,
        log_base=d * float(base[0]),
        mean_of=translate(means, (*m, *xx)),
        programs=translate_each([h, L], eta),
    )


Coefficients = tuple[sp.Expr, ...]
Placed = tuple[sp.Expr, list[sp.Expr], list[sp.Expr]]


def _coefficients(expr: sp.Expr) -> Coefficients | None:
    """(1, XI, XJ, XI^2, XI XJ, XJ^2) of a polynomial of degree at most two with numbers for coefficients."""
    if not expr.is_polynomial(XI, XJ) or expr.free_symbols - {XI, XJ}:
        return None
    poly = sp.Poly(expr, XI, XJ)
    if poly.total_degree() > 2:
        return None
    return tuple(poly.coeff_monomial(m) for m in (1, XI, XJ, XI**2, XI * XJ, XJ**2))


def _place(t: Coefficients, i: int, j: int, d: int) -> Placed:
    """constant, h (d) and L (d*d) of one term at components i and j."""
    constant, a, b, p, q, r = t
    h, L = [sp.S.Zero] * d, [sp.S.Zero] * (d * d)
    h[i] += a
    h[j] += b
    L[i * d + i] -= 2 * p
    L[j * d + j] -= 2 * r
    L[i * d + j] -= q
    L[j * d + i] -= q
    return constant, h, L


def _combine(symbols: tuple[sp.Symbol, ...], slopes: list[sp.Expr], offsets: list[sp.Expr]) -> sp.Expr:
    return sp.Add(*chain((s * e for s, e in zip(slopes, symbols, strict=True) if s != 0), offsets))
