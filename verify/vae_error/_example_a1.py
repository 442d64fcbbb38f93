r"""The VAE of Example A.1 with odds ``r = e^a``, shared by its two claims."""

from __future__ import annotations

from flint import fmpq

from eftheory.exact.finite import FiniteVAE, finite_vae
from eftheory.exact.side import side

POINTS = ((0, 0), (0, 1), (1, 0), (1, 1))
IMAGES = tuple((s, s ^ t) for s, t in POINTS)
"""F(z) = (z1, z1 xor z2), which is its own inverse."""
BITS = side(POINTS)
FAIR = ("1/4",) * 4
XOR = "xor(s, t) = s + t - 2*s*t"


def example(r: fmpq) -> FiniteVAE:
    """Decoder and encoder with logits ``a (2 F - 1)``, uniform prior and data."""
    codes = [[r ** (2 * bit - 1) for bit in image] for image in IMAGES]
    return finite_vae(BITS, BITS, theta=codes, prior=FAIR, gamma=codes, data=FAIR)
