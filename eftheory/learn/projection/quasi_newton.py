"""L-BFGS with backtracking, for smooth convex objectives that may be infinite outside a domain.

SciPy's line search takes no infinite values, which natural domains give; this one halves its step until it is inside.
Nocedal and Wright, Numerical Optimization (2006), algorithm 7.4.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

Objective = Callable[[Tensor], tuple[float, Tensor]]
"""From a flat point to the value (infinite outside the domain) and its gradient."""
STEPS = 5000
MEMORY = 30
HALVINGS = 60
PATIENCE = 20
"""Steps in a row that may improve neither the value nor the gradient."""
DECREASE = 1e-4
ROUNDING = 1e-14
"""Of the value, relative to 1 + |value|: by so much a step may seem to go up."""


@dataclass(frozen=True, eq=False)
class Minimum:
    """point: flat; value; gradient: its largest entry; converged: whether that is within the tolerance."""

    point: Tensor
    value: float
    gradient: float
    steps: int
    converged: bool


def minimise(objective: Objective, start: Tensor, *, tolerance: float, steps: int = STEPS) -> Minimum:
    """Where the largest entry of the gradient is at most `tolerance`, or nothing more can be gained."""
    point, (value, gradient) = start, objective(start)
    past: deque[tuple[Tensor, Tensor]] = deque(maxlen=MEMORY)
    lowest = value
    best, waited = Minimum(point, value, float(gradient.abs().max()), 0, False), 0
    for step in range(steps):
        largest = float(gradient.abs().max())
        if largest <= tolerance:
            return Minimum(point, value, largest, step, True)
        waited = 0 if largest < best.gradient or value < lowest else waited + 1
        lowest = min(lowest, value)
        if largest < best.gradient:
            best = Minimum(point, value, largest, step, False)
        if waited > PATIENCE:
            break
        moved = search(objective, point, value, gradient, _direction(gradient, past), first=not past)
        if moved is None:
            if not past:
                break
            past.clear()  # what is remembered misleads here: start again along the gradient
            continue
        difference, change = moved[0] - point, moved[2] - gradient
        if float(difference @ change) > 1e-12 * float(change @ change):
            past.append((difference, change))
        point, value, gradient = moved
    return best


def _direction(gradient: Tensor, past: deque[tuple[Tensor, Tensor]]) -> Tensor:
    """Minus the approximate inverse Hessian times the gradient: the two loops."""
    found, shares = -gradient, []
    for difference, change in reversed(past):
        share = float(difference @ found) / float(difference @ change)
        shares.append(share)
        found = found - share * change
    if past:
        difference, change = past[-1]
        found = found * (float(difference @ change) / float(change @ change))
    for (difference, change), share in zip(past, reversed(shares), strict=True):
        found = found + (share - float(change @ found) / float(difference @ change)) * difference
    return found


def search(
    objective: Objective, point: Tensor, value: float, gradient: Tensor, direction: Tensor, *, first: bool = False
) -> tuple[Tensor, float, Tensor] | None:
    """(point, value, gradient) further down (Armijo); None where no step is found. first: of unknown scale."""
    slope = float(gradient @ direction)
    if not slope < 0.0:
        return None
    length = min(1.0, 1.0 / float(direction.norm())) if first else 1.0
    for _ in range(HALVINGS):
        tried = point + length * direction
        found, slopes = objective(tried)
        if found <= value + DECREASE * length * slope + ROUNDING * (1.0 + abs(value)):
            return tried, found, slopes
        length /= 2
    return None
