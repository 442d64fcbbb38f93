"""Bits with two sparse principal components: the simulation of bernoulli-bound 4.1, after Lee et al. (2010)."""

from __future__ import annotations

import numpy as np
from numpy.random import default_rng
from numpy.typing import NDArray

LOADINGS = 20
"""Coordinates of each component: 1 to 20 of the first, 21 to 40 of the second, with loading 1; all others 0."""
VARIANCES = (0.2, 0.15)
"""Of the scores of the two components. The text at hand does not print the paper's; with these the bound of the
training part at N = 10000 is 138.40, 276.99, 692.79 for d = 200, 400, 1000, where the paper has 138.39, 276.99, 692.75.
"""


def loadings(width: int) -> NDArray[np.float64]:
    """B, (width, 2); width at least 40."""
    table = np.zeros((width, len(VARIANCES)))
    for j in range(len(VARIANCES)):
        table[j * LOADINGS : (j + 1) * LOADINGS, j] = 1.0
    return table


def sampled(width: int, rows: int, stream: tuple[int, int]) -> NDArray[np.float32]:
    """``x_i ~ Bernoulli(sigmoid(B a)_i)``, independent given the scores a, ``a_j ~ N(0, VARIANCES[j])``: (rows, width).

    stream: seed of numpy's generator.
    """
    generator = default_rng(stream)
    scores = generator.standard_normal((rows, len(VARIANCES))) * np.sqrt(VARIANCES)
    probabilities = 1.0 / (1.0 + np.exp(-scores @ loadings(width).T))
    return (generator.random((rows, width)) < probabilities).astype(np.float32)
