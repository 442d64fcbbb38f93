"""Theorem 2 evaluated on a trained model with finite latents: alpha, the gap, R_z, the distance to a harmonium, bounds.

X is the rows of data given, each with weight 1/N (what the theorem says of the gap and of R_z needs no other x). phat
is the harmonium of Proposition A.1, by least squares of ``(g(x), log p(x) - B(g(x)) - log h(x))`` on ``(nu(x), 1)``
over these rows. float64 throughout: it decides nothing; certificates are made of `eftheory.learn.projection.instance`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from eftheory import bounds
from eftheory.errors import MisuseError
from eftheory.exact.arithmetic import BALL, FLOAT, Number
from eftheory.learn.datasets.sparse import SparseRows
from eftheory.learn.densities.products import Rows
from eftheory.learn.models.model import VAE
from eftheory.learn.projection.measure import log_encoder, log_joint
from eftheory.learn.projection.natural import border

ENTRIES = 2**25
"""Of the table (rows, latents), at most."""
LARGEST_POWER = 290.0
"""Of ten, that counts as a float."""
SMALLEST_ALPHA = 1e-12
"""For which the envelope is evaluated."""


@dataclass(frozen=True, eq=False)
class Ladder:
    """Theorem 2 on N rows and K latents, nats (squared where R_z is).

    log_alpha: of the smallest q(z|x) and p(z|x); log_alpha_z: for each z, (K,).
    residual: R_z, (K,). error: ``E (log p(x,z) - log phat(x,z))^2``, (K,).
    bounds: by name, ``(value, log10 of it)``, on every R_z; the envelope only from `SMALLEST_ALPHA` on.
    each_z: log10 of the linear bound with the alpha of each z, (K,).
    rank: of (nu, 1) on the rows, of n + 1 columns.
    log_mass: of phat summed over all x and z: it is not normalised, and where the rank is below n + 1 other solutions
    have other masses; None where the total of x varies.
    """

    rows: int
    latents: int
    gap: float
    log_alpha: float
    log_alpha_z: Tensor
    residual: Tensor
    error: Tensor
    bounds: dict[str, tuple[float, float]]
    each_z: Tensor
    rank: int
    columns: int
    log_mass: float | None

    @property
    def best(self) -> str:
        """The name of the smallest bound."""
        return min(self.bounds, key=lambda name: self.bounds[name][1])

    def as_dict(self) -> dict[str, Any]:
        return {
            "rows": self.rows,
            "latents": self.latents,
            "gap": self.gap,
            "log_alpha": self.log_alpha,
            "log_alpha_z": self.log_alpha_z.tolist(),
            "R_z": self.residual.tolist(),
            "error_z": self.error.tolist(),
            "bounds": {
                name: {"value": _written(value), "log10": _written(log)} for name, (value, log) in self.bounds.items()
            },
            "best": self.best,
            "log10_linear_each_z": [_written(value) for value in self.each_z.tolist()],
            "rank": self.rank,
            "columns": self.columns,
            "log_mass": self.log_mass,
        }


def _written(value: float) -> float | str:
    """JSON has no infinity."""
    return value if math.isfinite(value) else str(value)


@torch.no_grad()
def ladder(model: VAE, x: Rows) -> Ladder:
    """Theorem 2 on the rows x (N, D). Raises MisuseError for latents, or a table, that are too many."""
    codes = model.latents()
    if len(x) * len(codes) > ENTRIES:
        got, do = f"{len(x)} x {len(codes)}", "take fewer rows"
        raise MisuseError(wanted=f"at most {ENTRIES} pairs of a row and a latent", got=got, do=do)
    joint, log_q = log_joint(model, x), log_encoder(model, x)
    evidence = joint.logsumexp(-1)
    log_p = joint - evidence[:, None]
    gap = float((log_q.exp() * (log_q - log_p) - log_q.exp() + log_p.exp()).sum(-1).mean())
    log_alpha_z = torch.minimum(log_q, log_p).amin(0)
    log_alpha = float(log_alpha_z.min())
    residual = log_p - log_q
    columns, coefficients = _least_squares(model, x)
    error = columns @ (columns.T @ residual)
    mass = None if model.decoder.needs_total else _log_mass(model, x, evidence, coefficients)
    return Ladder(
        rows=len(x),
        latents=len(codes),
        gap=gap,
        log_alpha=log_alpha,
        log_alpha_z=log_alpha_z,
        residual=residual.square().mean(0),
        error=error.square().mean(0),
        bounds=all_bounds(gap, log_alpha, len(codes)),
        each_z=torch.tensor([_linear(gap, value) for value in log_alpha_z.tolist()], dtype=torch.float64),
        rank=columns.shape[1],
        columns=model.decoder.natural_width + 1,
        log_mass=mass,
    )


def _least_squares(model: VAE, x: Rows) -> tuple[Tensor, Tensor]:
    """An orthonormal basis of the range of N = (nu, 1) on the rows, (N, rank), and N's pseudo-inverse, (n + 1, N)."""
    dense = x.dense() if isinstance(x, SparseRows) else x
    rows = border(model.decoder.statistics(dense))
    U, S, Vh = torch.linalg.svd(rows, full_matrices=False)
    kept = max(rows.shape) * torch.finfo(S.dtype).eps * S[0] < S
    return U[:, kept], (Vh[kept].T / S[kept]) @ U[:, kept].T


def _log_mass(model: VAE, x: Rows, evidence: Tensor, inverse: Tensor) -> float | None:
    """``log sum_{x,z} phat(x, z) = log sum_z k e^{v'psi + c + A(W psi + u)}``, every x of the support counted."""
    g = model.encode(x)
    rest = evidence - model.encoder.log_partition(g) - model.decoder.log_base(x)
    W, last = inverse @ g, inverse @ rest  # (n + 1, m): v below; (n + 1): u, and c below
    codes = model.latents()
    psi = model.encoder.statistics(codes)
    eta = psi @ W[:-1].T + last[:-1]
    logs = model.encoder.log_base(codes) + psi @ W[-1] + last[-1] + model.decoder.log_partition(eta)
    mass = float(logs.logsumexp(-1))
    return mass if math.isfinite(mass) else None  # phat may leave the decoder's natural domain, then it has no mass


def all_bounds(gap: float, log_alpha: float, states: int) -> dict[str, tuple[float, float]]:
    """Every bound of `eftheory.bounds` on R_z, by name; computed in balls, as alpha may be e^-1000."""
    eps, alpha = _sides(gap, log_alpha)
    found = {
        "trivial": bounds.trivial(alpha, states, on=BALL),
        "pinsker": bounds.pinsker(eps, alpha, on=BALL),
        "partition": bounds.partition(eps, alpha, on=BALL),
        "partition_halved": bounds.partition(eps, alpha, halved=True, on=BALL),
        "partition_envelope": bounds.partition_envelope(eps, alpha, on=BALL),
        "linear": bounds.linear(eps, alpha, on=BALL),
    }
    numbers = {name: _number(value) for name, value in found.items()}
    return {**numbers, **_envelope(gap, log_alpha, states)}


def _linear(gap: float, log_alpha: float) -> float:
    return _number(bounds.linear(*_sides(gap, log_alpha), on=BALL))[1]


def _sides(gap: float, log_alpha: float) -> tuple[Number, Number]:
    """(eps, alpha) in balls; a gap that rounding has put below 0 is none."""
    return BALL.number(max(gap, 0.0)), BALL.exp(BALL.number(log_alpha))


def _number(value: Number) -> tuple[float, float]:
    """(The midpoint, its logarithm to base 10): the former is infinite beyond the floats."""
    middle = value.mid()
    if BALL.less(BALL.number(0), middle) is not True:
        return 0.0, -math.inf
    log = float((BALL.log(middle) / BALL.log(BALL.number(10))).mid())
    return (float(middle) if log < LARGEST_POWER else math.inf), log


def _envelope(gap: float, log_alpha: float, states: int) -> dict[str, tuple[float, float]]:
    """`bounds.approximate_envelope`, which works in floats: alpha has to tell ``1 - alpha`` from 1 there."""
    if log_alpha < math.log(SMALLEST_ALPHA) or gap <= 0.0:
        return {}
    value = float(bounds.approximate_envelope(gap, math.exp(log_alpha), states).at(gap, on=FLOAT))
    return {"envelope": (value, math.log10(value))} if value > 0.0 else {}
