"""Raw parameters of normal units, whose h and L determine eta (see `Quadratic`).

They are mean and log variance, the mean alone, or the mean and a Cholesky factor of the precision. Draws and
divergences are taken from them directly, in a handful of operations: `rsample` maps (..., copies, raw_width) to
(..., copies * d), and `kl` adds over copies.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import sympy as sp
import torch
from torch import Tensor

from eftheory.learn.densities.program import Program
from eftheory.learn.densities.quadratic import Quadratic
from eftheory.learn.densities.translate import translate


@dataclass(frozen=True)
class MeanAndVariance:
    """raw = (mean, log variance)."""

    quadratic: Quadratic
    forward: Program
    backward: Program
    raw_width: int = 2

    def natural(self, raw: Tensor) -> Tensor:
        return self.forward(raw)

    def raw(self, eta: Tensor) -> Tensor:
        return self.backward(eta)

    def rsample(self, raw: Tensor) -> Tensor:
        mean, log_variance = raw.unbind(-1)
        return torch.addcmul(mean, torch.randn_like(mean), (0.5 * log_variance).exp())

    def kl(self, raw: Tensor, eta_p: Tensor) -> Tensor:
        mean, log_variance = raw.unbind(-1)
        return self.quadratic.kl_scalar(mean, log_variance.exp(), log_variance, eta_p)


@dataclass(frozen=True)
class MeanAlone:
    """raw = mean, the variance being fixed."""

    quadratic: Quadratic
    forward: Program
    backward: Program
    variance: float
    raw_width: int = 1

    def natural(self, raw: Tensor) -> Tensor:
        return self.forward(raw)

    def raw(self, eta: Tensor) -> Tensor:
        return self.backward(eta)

    def rsample(self, raw: Tensor) -> Tensor:
        mean = raw.squeeze(-1)
        return mean + self.variance**0.5 * torch.randn_like(mean)

    def kl(self, raw: Tensor, eta_p: Tensor) -> Tensor:
        variance = raw.new_full((), self.variance)
        return self.quadratic.kl_scalar(raw.squeeze(-1), variance, variance.log(), eta_p)


@dataclass(frozen=True)
class MeanAndFactor:
    """raw = (mean (d), C row by row (d(d+1)/2)), precision ``L = C C'``, the diagonal of C as logarithms."""

    quadratic: Quadratic
    inverse: Program

    @property
    def raw_width(self) -> int:
        d = self.quadratic.d
        return d + d * (d + 1) // 2

    def parts(self, raw: Tensor) -> tuple[Tensor, Tensor]:
        """mean (..., d) and C (..., d, d)."""
        d = self.quadratic.d
        rows, columns = torch.tril_indices(d, d, device=raw.device)
        C = raw.new_zeros(*raw.shape[:-1], d, d)
        C[..., rows, columns] = raw[..., d:]
        return raw[..., :d], C.tril(-1) + torch.diag_embed(C.diagonal(dim1=-2, dim2=-1).exp())

    def natural(self, raw: Tensor) -> Tensor:
        mean, C = self.parts(raw)
        L = C @ C.mT
        h = (L @ mean.unsqueeze(-1)).squeeze(-1)
        return self.inverse(torch.cat([h, L.flatten(-2)], -1))

    def raw(self, eta: Tensor) -> Tensor:
        d = self.quadratic.d
        C = self.quadratic.factor(eta)
        mean = torch.cholesky_solve(self.quadratic.linear(eta).unsqueeze(-1), C).squeeze(-1)
        logs = C.tril(-1) + torch.diag_embed(C.diagonal(dim1=-2, dim2=-1).log())
        rows, columns = torch.tril_indices(d, d, device=eta.device)
        return torch.cat([mean, logs[..., rows, columns]], -1)

    def rsample(self, raw: Tensor) -> Tensor:
        mean, C = self.parts(raw)
        scaled = torch.linalg.solve_triangular(C.mT, torch.randn_like(mean).unsqueeze(-1), upper=True)
        return (mean + scaled.squeeze(-1)).flatten(-2)

    def kl(self, raw: Tensor, eta_p: Tensor) -> Tensor:
        return self.quadratic.kl_factor(*self.parts(raw), eta_p).sum(-1)


NormalMap: TypeAlias = MeanAndVariance | MeanAlone | MeanAndFactor


def normal_map(quadratic: Quadratic) -> NormalMap | None:
    """The map of a normal unit; None where eta does not follow from the mean and the precision."""
    n, d = len(quadratic.natural), quadratic.d
    mean, log_variance = sp.symbols("mean log_variance", real=True)
    h, L = quadratic.h[0], quadratic.L[0]
    if d == 1 and n == 2:
        precision = sp.exp(-log_variance)
        eta = _solved(quadratic, [mean * precision], [precision])
        back = [h / L, -sp.log(L)]
        raw = (mean, log_variance)
        return (
            None if eta is None else MeanAndVariance(quadratic, translate(eta, raw), translate(back, quadratic.natural))
        )
    if d == 1 and n == 1 and L.is_number:
        eta = _solved(quadratic, [mean * L], [])
        if eta is None:
            return None
        return MeanAlone(quadratic, translate(eta, (mean,)), translate([h / L], quadratic.natural), float(1 / L))
    if d > 1 and n == d + d * (d + 1) // 2:
        hs, Ls = sp.symbols(f"h1:{d + 1}", real=True), sp.symbols(f"L1:{d * d + 1}", real=True)
        eta = _entrywise(quadratic, hs, Ls)
        return None if eta is None else MeanAndFactor(quadratic, translate(eta, (*hs, *Ls)))
    return None


def _solved(quadratic: Quadratic, h: Sequence[sp.Expr], L: Sequence[sp.Expr]) -> list[sp.Expr] | None:
    """eta with the given h and L, where there is exactly one."""
    equations = [a - b for a, b in zip([*quadratic.h[: len(h)], *quadratic.L[: len(L)]], [*h, *L], strict=True)]
    solution = sp.linsolve(equations, quadratic.natural)
    if not isinstance(solution, sp.FiniteSet) or len(solution) != 1:
        return None
    (eta,) = solution
    return None if any(e.free_symbols & set(quadratic.natural) for e in eta) else [sp.expand(e) for e in eta]


def _entrywise(quadratic: Quadratic, h: Sequence[sp.Symbol], L: Sequence[sp.Symbol]) -> list[sp.Expr] | None:
    """eta_k from the entry of h or L that it alone determines; None where entries mix several."""
    eta: dict[sp.Symbol, sp.Expr] = {}
    for entry, symbol in zip([*quadratic.h, *quadratic.L], [*h, *L], strict=True):
        used = entry.free_symbols
        if len(used) != 1:
            return None
        (k,) = used
        slope = entry.coeff(k, 1)
        eta.setdefault(k, sp.expand((symbol - (entry - slope * k)) / slope))
    return [eta[k] for k in quadratic.natural] if len(eta) == len(quadratic.natural) else None
