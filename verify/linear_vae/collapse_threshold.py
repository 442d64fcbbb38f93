r"""Linear VAE: the threshold of collapse, in symbols.

One latent and one direction of variance l: with the best encoder the ELBO as a function of the column w has

.. math:: \frac{d\,\mathrm{ELBO}}{dw} = \frac{w (\lambda - \sigma^2 - w^2)}{(\sigma^2 + w^2)^2},

so w = 0 is its only stationary point and its maximum where :math:`\lambda \le \sigma^2`; otherwise w^2 = l - s2 is the
maximum, with :math:`\mathrm{KL} = \tfrac12 \log(\lambda/\sigma^2) > 0`, which falls in s2 at the rate 1/(2 s2): larger
s2, more collapse. At the maximum the latents of several dimensions are independent of each other (`elbo_maximum`), so
that this holds of each. Lucas, Tucker, Grosse, Norouzi (2019), section 4.3; theory: section 7 (iii). A symbolic claim
stands in the report and has no certificate.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

from eftheory.analytic import linear_vae
from eftheory.claims import Instances, claim, control
from eftheory.exact.decide import exactly
from eftheory.verdict import Verdict

from ._exactly import Instance
from ._symbols import Formal, Symbols, formal

ON = Symbols("l", "s2", "w")
L, S2, COLUMN = (ON[name] for name in ("l", "s2", "w"))


def profile() -> Formal:
    """The ELBO of the best encoder as a function of w."""
    V, D = linear_vae.optimum([[COLUMN]], S2, on=ON)
    return formal(linear_vae.relative_elbo([[L]], [[COLUMN]], V, D, S2, on=ON))


def slope(threshold: int = 1) -> bool:
    """Whether the derivative by w is the stated one, whose roots are 0 and w^2 = l - threshold s2."""
    stated = COLUMN * (L - threshold * S2 - COLUMN**2) / (S2 + COLUMN**2) ** 2
    return bool(profile().by(COLUMN) == stated)


def divergence() -> bool:
    """Whether the KL at l = s2 + w^2 is 1/2 log(l/s2)."""
    value = S2 + COLUMN**2
    (found,) = linear_vae.divergences([[value]], *linear_vae.optimum([[COLUMN]], S2, on=ON), on=ON)
    return formal(found - ON.log(value / S2) * ON.number(Fraction(1, 2))).is_zero


def decrease() -> bool:
    """Whether the derivative of 1/2 log(l/s2) by s2 is -1/(2 s2)."""
    return bool((ON.log(L / S2) * ON.number(Fraction(1, 2))).by(S2) == -1 / (2 * S2))


PARTS: dict[str, Callable[[], bool]] = {"slope": slope, "divergence": divergence, "decrease": decrease}


def build(key: str) -> dict[str, Any]:
    return {"part": key}


@claim("linear-vae/collapse-threshold", instances=Instances(keys=lambda quick: list(PARTS), build=build))
def collapse_threshold(instance: Instance) -> Verdict:
    """d ELBO/dw = w (l - s2 - w^2)/(s2 + w^2)^2: latent j collapses exactly when l_j <= s2, as a symbolic identity."""
    return exactly(PARTS[instance["part"]](), reason="the two sides cancel")


@control(
    "linear-vae/collapse-threshold",
    "at-twice-the-noise",
    instances=Instances(keys=lambda quick: ["slope"], build=build),
)
def at_twice_the_noise(instance: Instance) -> Verdict:
    """The same with 2 s2 in place of s2 in the numerator."""
    return exactly(slope(2), reason="the two sides cancel")
