"""What latents say of labels, and what labels say of samples: two of the comparisons of InfoVAE, section 5.2.

*Semi-supervised error*: classifiers of 1000 labelled latents, on test images. The paper trains a support vector machine
(M1+TSVM of Kingma et al. 2014); here a linear classifier, which the embedding must make easy, and nearest neighbours,
which see curved classes too. Features are the means of q(z|x), each divided by its spread in the labelled rows.

*Class cross-entropy*: ``l_ce(c, s) = sum_k c_k (log c_k - log s_k)``, which is ``KL(c || s)``, nats: c the shares of
the classes in the data, s those that a classifier finds among samples.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from eftheory.errors import MisuseError

PENALTY = 1e-3
"""Times half the squared weights, beside the mean cross-entropy."""
NEIGHBOURS = 5
BLOCK = 1000
"""Rows whose distances are computed at a time."""


def linear_error(train: Tensor, train_labels: Tensor, test: Tensor, test_labels: Tensor) -> float:
    """The share of test rows that multinomial logistic regression, fitted to the labelled rows, gets wrong.

    train (N, L), test (M, L): latents; labels (N), (M) from 0. Fitted by L-BFGS in float64: the problem is convex, so
    there is nothing random. Raises MisuseError for labels that do not fit or numbers that are not finite.
    """
    here, there = _standardised(train, train_labels, test, test_labels)
    classes = int(train_labels.max()) + 1
    model = nn.utils.skip_init(nn.Linear, here.shape[1], classes, dtype=torch.float64)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    optimiser = torch.optim.LBFGS(model.parameters(), max_iter=500, tolerance_grad=1e-8, line_search_fn="strong_wolfe")

    def closure() -> float:
        optimiser.zero_grad()
        loss = nn.functional.cross_entropy(model(here), train_labels) + 0.5 * PENALTY * model.weight.square().sum()
        loss.backward()
        return float(loss.detach())

    optimiser.step(closure)
    with torch.no_grad():
        return _wrong(model(there).argmax(-1), test_labels)


def neighbour_error(train: Tensor, train_labels: Tensor, test: Tensor, test_labels: Tensor) -> float:
    """The same of the majority of the `NEIGHBOURS` nearest labelled latents (of a tie, the smallest label)."""
    here, there = _standardised(train, train_labels, test, test_labels)
    count = min(NEIGHBOURS, len(here))
    found = []
    for block in there.split(BLOCK):
        nearest = torch.cdist(block, here).topk(count, largest=False).indices
        votes = nn.functional.one_hot(train_labels[nearest], int(train_labels.max()) + 1).sum(1)
        found.append(votes.argmax(-1))
    return _wrong(torch.cat(found), test_labels)


def class_shares(labels: Tensor, classes: int) -> Tensor:
    """The share of each class, (classes), float64, sum 1. Raises MisuseError for no labels, or one outside."""
    if labels.ndim != 1 or len(labels) == 0 or not bool(((labels >= 0) & (labels < classes)).all()):
        got = f"{tuple(labels.shape)} of {labels.dtype}"
        raise MisuseError(wanted=f"labels from 0 to {classes - 1}", got=got, do="take the classes of a classifier")
    return torch.bincount(labels, minlength=classes).double() / len(labels)


def class_cross_entropy(data: Tensor, samples: Tensor) -> float:
    """``sum_k c_k (log c_k - log s_k)``, nats: 0 where the shares agree, infinite where the samples miss a class.

    data, samples: shares (K), as of `class_shares`. With S samples of the right law it is about (K - 1)/(2 S), not 0.
    """
    if data.shape != samples.shape or data.ndim != 1:
        got = f"{tuple(data.shape)} and {tuple(samples.shape)}"
        raise MisuseError(wanted="shares of the same classes", got=got, do="count both with one classifier")
    present = data > 0
    return float((data[present] * (data[present].log() - samples[present].log())).sum())


def _standardised(train: Tensor, train_labels: Tensor, test: Tensor, test_labels: Tensor) -> tuple[Tensor, Tensor]:
    """Both parts in float64, less the mean of `train`, over its spread; a latent that never varies stays 0."""
    for rows, labels in ((train, train_labels), (test, test_labels)):
        wrong = labels.shape != rows.shape[:1] or labels.is_floating_point() or bool((labels < 0).any())
        if rows.ndim != 2 or len(rows) == 0 or wrong:
            got = f"{tuple(rows.shape)} latents with labels {tuple(labels.shape)} of {labels.dtype}"
            raise MisuseError(wanted="one label, a whole number from 0, for each latent", got=got, do="correct them")
        if not bool(torch.isfinite(rows).all()):
            raise MisuseError(wanted="finite latents", got="NaN or infinity", do="check the model they come from")
    here, there = train.detach().double(), test.detach().double()
    mean, spread = here.mean(0), here.std(0, correction=0)
    spread = torch.where(spread > 0, spread, torch.ones_like(spread))
    return (here - mean) / spread, (there - mean) / spread


def _wrong(found: Tensor, labels: Tensor) -> float:
    return float((found != labels).double().mean())
