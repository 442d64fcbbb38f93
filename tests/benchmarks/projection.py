"""Natural projection of a decoder with 512 hidden units and 2^16 latents, over one epoch of its training.

The epoch is of 60000 images of 784 pixels, batch 256, ARM with one sample; `STEPS` of its steps are timed, and scaled.
"""

from __future__ import annotations

from time import perf_counter

import torch
from benchmarks.ratios import PAIRS, median_ratio

from eftheory.learn.config import ModelConfig, NetworkConfig, Phase
from eftheory.learn.models.model import VAE, build
from eftheory.learn.objectives.objectives import objective_of
from eftheory.learn.projection.measure import Decoded, measure_of
from eftheory.learn.projection.natural import natural_projection

ROWS, BATCH, STEPS, BITS = 60000, 256, 20, 16
PHASE = Phase(objective="elbo", estimator="arm", epochs=1, batch=BATCH, learning_rate=1e-3)


def model() -> VAE:
    torch.manual_seed(0)
    network = NetworkConfig(kind="mlp", hidden=(512,))
    return build(
        ModelConfig(
            decoder="bernoulli(784)",
            encoder=f"bernoulli({BITS})",
            prior="uniform",
            inputs="x",
            decoder_network=network,
            encoder_network=network,
        )
    )


def epoch() -> float:
    """Seconds of an epoch, by hand: no logging, no checkpoints."""
    vae, objective = model(), objective_of(PHASE)
    optimiser = torch.optim.Adam(vae.parameters(), lr=1e-3, fused=True)
    x = (torch.rand(BATCH, 784) < 0.13).float()
    start = perf_counter()
    for _ in range(STEPS):
        (-objective(vae, x).mean()).backward()
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
    return (perf_counter() - start) * ROWS / BATCH / STEPS


def projection() -> float:
    """Seconds of the natural projection, f evaluated in it, float64."""
    vae = model().double()
    start = perf_counter()
    with torch.no_grad():
        measure = measure_of(vae, "prior")
        natural_projection(Decoded(vae, measure.codes), measure, vae.decoder, vae.encoder)
    return perf_counter() - start


def measurement() -> float:
    return median_ratio(epoch, projection)


if __name__ == "__main__":
    what = f"time of an epoch over that of the natural projection, 512 hidden units, 2^{BITS} latents"
    print(f"{measurement():5.2f}  {what}  (median of {PAIRS} interleaved pairs)")
