"""Maximum likelihood of a harmonium: the exact gradient, contrastive divergence, or persistent chains.

``d log p(x) = -d F(x) + E_model d F``: the second term exactly, from chains that start at the data (CD-k: Hinton 2002,
biased), or from chains that go on from step to step (PCD: Tieleman 2008). Chains that cannot cross between modes give
the modes wrong weights, and PCD then oscillates (topics of long documents are such modes): watch an exact or annealed
likelihood, and prefer exact or CD there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from eftheory.errors import MisuseError, unknown
from eftheory.learn.densities.density import Density
from eftheory.learn.densities.products import Rows, converted, moment_sums, taken
from eftheory.learn.densities.seeding import seeded
from eftheory.learn.harmoniums.rbm import Harmonium

METHODS = ("exact", "cd", "pcd")


@dataclass(frozen=True, kw_only=True)
class Fit:
    """values: one number a step, nats: the mean log-likelihood of the batch, before the step, where method is exact;
    else the mean free energy of the chain ends minus that of the batch, which is no likelihood."""

    method: str
    values: tuple[float, ...]


def fit(
    harmonium: Harmonium,
    data: Rows,
    *,
    method: str,
    steps: int,
    batch: int,
    learning_rate: float,
    gibbs_steps: int = 1,
    seed: int = 0,
) -> Fit:
    """Adam on the parameters of `harmonium`, in place. data: (N, D), conditional on their totals where these vary.

    The order of the data and the chains come from `seed`; torch's generators are as before afterwards.
    Raises MisuseError for bad arguments, data outside the support, and an objective that is no longer finite.
    """
    if method not in METHODS:
        raise unknown("method", method, METHODS)
    for name, number in (("steps", steps), ("batch", batch), ("gibbs_steps", gibbs_steps)):
        if number < 1:
            raise MisuseError(wanted=f"{name} of at least 1", got=str(number), do="raise it")
    harmonium.decoder.check_support(data, "the data")
    data = converted(data, harmonium.u)
    optimiser = torch.optim.Adam(harmonium.parameters(), lr=learning_rate)
    values = []
    with seeded(seed, harmonium.u.device):
        chains = _start(harmonium, data, min(batch, len(data))) if method == "pcd" else None
        for step, rows in zip(range(steps), _batches(data, batch, seed), strict=False):
            loss, chains = _loss(harmonium, rows, chains, method, gibbs_steps)
            value = float(loss.detach())
            if not abs(value) < float("inf"):
                do = "lower learning_rate"
                raise MisuseError(wanted="a finite objective", got=f"{value} at step {step + 1}", do=do)
            values.append(-value)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
    return Fit(method=method, values=tuple(values))


def _loss(
    model: Harmonium, rows: Rows, chains: Tensor | None, method: str, sweeps: int
) -> tuple[Tensor, Tensor | None]:
    """Its gradient is that of the mean negative log-likelihood, or an estimate of it; with the chains moved on."""
    if method == "exact":
        return -model.log_likelihood(rows).mean(), None
    start: Rows = rows if chains is None else chains
    ends, _ = model.gibbs(start, sweeps)
    loss = model.free_energy(rows).mean() - model.free_energy(ends).mean()
    return loss, None if chains is None else ends


def _start(model: Harmonium, data: Rows, count: int) -> Tensor:
    """Persistent chains at data rows spread evenly over the sorted totals: their law of the total is the data's."""
    totals = model.decoder.total(data)
    order = torch.randperm(len(data), device=model.u.device) if totals is None else totals.argsort()
    places = ((torch.arange(count, device=order.device) + 0.5) * len(data) / count).long()
    rows = taken(data, order[places])
    return rows if isinstance(rows, Tensor) else rows.dense()


def _batches(data: Rows, size: int, seed: int) -> Iterator[Rows]:
    """Without end: all rows once an epoch, in an order drawn from (seed, epoch); a short rest is left out."""
    size, epoch = min(size, len(data)), 0
    while True:
        generator = torch.Generator().manual_seed((seed * 1_000_003 + epoch) % 2**63)
        order = torch.randperm(len(data), generator=generator).to(data.device)
        for start in range(0, len(data) - size + 1, size):
            yield taken(data, order[start : start + size])
        epoch += 1


@torch.enable_grad()
def mean_bias(decoder: Density, data: Rows) -> Tensor:
    """The model without latents that fits best: ``argmax_u u'm - A(u)``, m the mean of nu(x); (n), float64.

    Its distribution is the usual start of u and the base of annealed importance sampling. The member of raw parameters
    0 counts as one further row: so a statistic that is constant in the data (a pixel that is never on) gives a finite
    u. Concave; L-BFGS. Raises MisuseError for sparse rows where the statistics are not x itself.
    """
    data = data.to(dtype=torch.float64)
    totals = decoder.total(data)
    total = None if totals is None else totals.mean()
    moments = moment_sums(decoder, data)
    u = decoder.natural(torch.zeros(decoder.raw_width, dtype=torch.float64, device=moments.device)).detach()
    u = u.requires_grad_()

    def log_partition() -> Tensor:
        return decoder.log_partition(u) if total is None else decoder.log_partition(u, total)

    (extra,) = torch.autograd.grad(log_partition(), u)
    mean = (moments + extra) / (len(data) + 1)
    optimiser = torch.optim.LBFGS(
        [u], max_iter=500, tolerance_grad=1e-10, tolerance_change=0.0, line_search_fn="strong_wolfe"
    )

    def closure() -> float:
        optimiser.zero_grad()
        loss = log_partition() - u @ mean
        loss.backward()
        return float(loss.detach())

    optimiser.step(closure)
    return u.detach()
