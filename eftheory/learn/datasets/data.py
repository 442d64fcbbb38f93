"""The data sets: `load` gives train and test rows in float32, and says in words what was done to them.

Nothing is normalised silently. Rows outside a decoder's support are refused later, by `Density.check_support`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType

import numpy as np
import torch
from numpy.random import default_rng
from torch import Tensor

from eftheory.errors import MisuseError, unknown
from eftheory.learn.config import DataConfig
from eftheory.learn.datasets import components, data_read
from eftheory.learn.datasets.data_files import find
from eftheory.learn.datasets.sparse import SparseRows

BINARISATIONS = ("threshold", "sample", "presence", "none")
THRESHOLD = 128
"""Pixels of 0 to 255 from here on are ink."""
FREY_TEST = 400
TRAIN, TEST, SPLIT = range(3)
"""Random streams beside the seed, so that the size of one part does not change another."""


@dataclass(frozen=True, eq=False)
class Dataset:
    """train (N, D), test (M, D): tensors in float32, or `SparseRows`; M may be 0. labels: (N,), (M,) int64 or None.

    shape: of one row before it was flattened; images are (channels, height, width). truth: the parameters that made
    the data, where they are known. source: where they come from and all that was done to them.
    """

    name: str
    train: Tensor | SparseRows
    test: Tensor | SparseRows
    train_labels: Tensor | None
    test_labels: Tensor | None
    shape: tuple[int, ...]
    source: str
    truth: Mapping[str, Tensor] = field(default_factory=lambda: MappingProxyType({}))


def load(config: DataConfig, seed: int) -> Dataset:
    """The data set that `config` names; what is random (sampled pixels, splits, subsets) depends on `seed` alone.

    Raises MisuseError: names and keys that do not fit, files that are absent, altered or malformed (see `data_files`).
    """
    if config.name not in LOADERS:
        raise unknown("data set", config.name, LOADERS)
    loader, keys = LOADERS[config.name]
    for key in ("path", "binarise", "vocabulary", "centres", "variance", "width"):
        if getattr(config, key) is not None and key not in keys:
            users = ", ".join(name for name, (_, known) in LOADERS.items() if key in known)
            raise _misfit(f"data.{key} only with {users}", f"it with {config.name}", f"leave data.{key} out")
    if config.binarise not in (None, *BINARISATIONS):
        raise unknown("data.binarise", str(config.binarise), BINARISATIONS)
    if config.binarise not in (None, "none") and (config.binarise == "presence") != (config.name == "20news"):
        users = "20news" if config.binarise == "presence" else "mnist, cifar10, freyfaces"
        raise _misfit(f"data.binarise {config.binarise!r} only with {users}", f"it with {config.name}", "take another")
    return loader(config, seed)


def mnist(config: DataConfig, seed: int) -> Dataset:
    """The digits, 28 x 28; fewer rows: the first ones."""
    parts, labels = [], []
    for stem, rows, available in (("train", config.train, 60000), ("t10k", config.test, 10000)):
        _enough(rows, available, config.name)
        parts.append(data_read.idx(find(f"mnist/{stem}-images-idx3-ubyte.gz"), rows)[:, None])
        labels.append(data_read.idx(find(f"mnist/{stem}-labels-idx1-ubyte.gz"), rows))
    return _images(config, seed, parts, labels, "MNIST (LeCun, Cortes, Burges), original files")


def cifar10(config: DataConfig, seed: int) -> Dataset:
    """The balanced subset, 3 x 32 x 32, shuffled already; fewer rows: the first ones."""
    names = [f"{part}_{what}" for what in ("images", "labels") for part in ("train", "test")]
    found = data_read.arrays(find("cifar10/cifar10_subset.npz"), *names)
    parts = [found[name].transpose(0, 3, 1, 2) for name in names[:2]]
    sizes = (config.train, config.test)
    for size, part in zip(sizes, parts, strict=True):
        _enough(size, len(part), config.name)
    parts = [part[:size] for part, size in zip(parts, sizes, strict=True)]
    labels = [found[name][:size] for name, size in zip(names[2:], sizes, strict=True)]
    source = "CIFAR-10 (Krizhevsky), a balanced subset of 6000 + 2000 images, channels first: figures on it are not"
    return _images(config, seed, parts, labels, f"{source} comparable with figures on the whole set")


def freyfaces(config: DataConfig, seed: int) -> Dataset:
    """1965 frames, 28 x 20, split at random by the seed."""
    images = data_read.arrays(find("freyfaces/freyfaces.npz"), "images")["images"][:, None]
    test = FREY_TEST if config.test is None else config.test
    train = max(len(images) - test, 1) if config.train is None else config.train
    _enough(train + test, len(images), config.name)
    order = default_rng((seed, SPLIT)).permutation(len(images))
    parts = [images[order[:train]], images[order[train : train + test]]]
    source = f"Frey faces (Frey, Roweis), {train} + {test} frames split at random by seed {seed}: neighbouring frames"
    return _images(config, seed, parts, None, f"{source} are nearly alike, so test holds near copies of train")


def newsgroups(config: DataConfig, seed: int) -> Dataset:
    """Word counts, sparse; fewer words: those in most documents; fewer rows: drawn by the seed (they come by class).

    binarise ``presence``: 1 for a word that occurs, however often.
    """
    pieces = [f"{part}_{piece}" for part in ("train", "test") for piece in ("data", "indices", "indptr", "shape")]
    found = data_read.arrays(find("20news/20news_bow_10k.npz"), *pieces, "train_label", "test_label")
    source = ["20 Newsgroups by date (Lang, Rennie), word counts, the 10000 words in most training documents"]
    if config.vocabulary is not None:
        source.append(f"of these the first {config.vocabulary}")
    rows, labels = [], []
    for stream, part, size in ((TRAIN, "train", config.train), (TEST, "test", config.test)):
        table = data_read.sparse(found, part)
        table = table if config.vocabulary is None else table.columns(config.vocabulary)
        kept = (table.offsets.diff() > 0).nonzero()[:, 0]
        if len(kept) < len(table):
            source.append(f"{len(table) - len(kept)} {part} documents without such words left out")
        _enough(size, len(kept), config.name)
        if size is not None:
            drawn = default_rng((seed, stream)).permutation(len(kept))[:size]
            kept = kept[torch.from_numpy(np.sort(drawn))]
            source.append(f"{size} {part} documents drawn by seed {seed}")
        table = table.take(kept)
        rows.append(table.with_values(torch.ones_like(table.values)) if config.binarise == "presence" else table)
        labels.append(torch.from_numpy(found[f"{part}_label"])[kept])
    if config.binarise == "presence":
        source.append("1 where a word occurs, else 0")
    return _dataset(config, rows, labels, (rows[0].width,), "; ".join(source))


def mixture(config: DataConfig, seed: int) -> Dataset:
    """Equally weighted normal components ``N(centre, variance I)``, sampled by the seed; labels: the components.

    truth: ``centres`` (K, D), ``variance`` (), and ``natural`` = centres / variance (K, D), float64.
    """
    if config.centres is None or config.variance is None or config.train is None:
        given = {"centres": config.centres, "variance": config.variance, "train": config.train}
        missing = ", ".join(f"data.{key}" for key, value in given.items() if value is None)
        raise _misfit(
            "data.centres, data.variance and data.train for a mixture", f"no {missing}", "add what is missing"
        )
    widths = {len(centre) for centre in config.centres}
    if len(widths) != 1 or widths == {0}:
        raise _misfit("data.centres of one length each", f"lengths {sorted(widths)}", "correct them")
    centres = np.array(config.centres)
    if not np.isfinite(centres).all() or not 0 < config.variance < np.inf:
        raise _misfit("finite data.centres and data.variance above 0", f"{config.variance}", "correct them")
    rows, labels = [], []
    for stream, size in ((TRAIN, config.train), (TEST, config.test or 0)):
        generator = default_rng((seed, stream))
        label = generator.integers(len(centres), size=size)
        noise = generator.standard_normal((size, centres.shape[1])) * np.sqrt(config.variance)
        rows.append(torch.from_numpy((centres[label] + noise).astype(np.float32)))
        labels.append(torch.from_numpy(label))
    truth = {
        "centres": torch.from_numpy(centres),
        "variance": torch.tensor(config.variance, dtype=torch.float64),
        "natural": torch.from_numpy(centres / config.variance),
    }
    source = (
        f"{len(centres)} normal components of equal weight and variance {config.variance:g}, sampled by seed {seed}"
    )
    return _dataset(config, rows, labels, (centres.shape[1],), source, truth)


def sparse_components(config: DataConfig, seed: int) -> Dataset:
    """Bits with two sparse principal components, sampled by the seed: see `components`. truth: their ``loadings``."""
    least = components.LOADINGS * len(components.VARIANCES)
    if config.width is None or config.train is None or config.width < least:
        got = f"width {config.width}, train {config.train}"
        raise _misfit(f"data.width of at least {least} and data.train for sparse-components", got, "add them")
    rows = [
        torch.from_numpy(components.sampled(config.width, size, (seed, stream)))
        for stream, size in ((TRAIN, config.train), (TEST, config.test or 0))
    ]
    variances = " and ".join(f"{variance:g}" for variance in components.VARIANCES)
    source = f"bits with two sparse components of {components.LOADINGS} loadings 1 each, scores of variance {variances}"
    truth = {"loadings": torch.from_numpy(components.loadings(config.width))}
    return _dataset(config, rows, [None, None], (config.width,), f"{source}, sampled by seed {seed}", truth)


def npz(config: DataConfig, seed: int) -> Dataset:
    """The user's own arrays, as they are (`data_read.own`); fewer rows: the first ones."""
    if config.path is None:
        raise _misfit("data.path, a file of numpy.savez, for npz", "none", "add it")
    path = Path(config.path).expanduser()
    rows, labels, shape = data_read.own(path)
    for part, size in (("train", config.train), ("test", config.test)):
        _enough(size, len(rows[part]), path.name)
        label, table = labels[part], rows[part]
        rows[part] = table.take(slice(0, size)) if isinstance(table, SparseRows) else table[:size]
        labels[part] = None if label is None else label[:size]
    source = f"own file {path.name}, sha256 {sha256(path.read_bytes()).hexdigest()}, in float32, otherwise as it is"
    return _dataset(config, [*rows.values()], [*labels.values()], shape, source)


LOADERS: dict[str, tuple[Callable[[DataConfig, int], Dataset], tuple[str, ...]]] = {
    "mnist": (mnist, ("binarise",)),
    "20news": (newsgroups, ("vocabulary", "binarise")),
    "cifar10": (cifar10, ("binarise",)),
    "freyfaces": (freyfaces, ("binarise",)),
    "mixture": (mixture, ("centres", "variance")),
    "sparse-components": (sparse_components, ("width",)),
    "npz": (npz, ("path",)),
}
"""Each with the keys of `DataConfig` that it reads beside name, train and test."""
NAMES = tuple(LOADERS)


def _dataset(
    config: DataConfig,
    rows: Sequence[Tensor | SparseRows],
    labels: Sequence[Tensor | None],
    shape: tuple[int, ...],
    source: str,
    truth: Mapping[str, Tensor] | None = None,
) -> Dataset:
    """rows, labels: of train and test."""
    (train, test), (train_labels, test_labels) = rows, labels
    return Dataset(
        name=config.name,
        train=train,
        test=test,
        train_labels=train_labels,
        test_labels=test_labels,
        shape=shape,
        source=source,
        truth=MappingProxyType(dict(truth or {})),
    )


def _images(
    config: DataConfig, seed: int, parts: list[data_read.Array], labels: list[data_read.Array] | None, source: str
) -> Dataset:
    """Pixels of 0 to 255, (N, C, H, W), as rows of 0 and 1 or of grey levels in [0, 1]."""
    rows = [_pixels(part.reshape(len(part), -1), config.binarise, (seed, stream)) for stream, part in enumerate(parts)]
    done = {
        "threshold": f"pixels from {THRESHOLD} on are 1, others 0",
        "sample": f"each pixel drawn once, 1 with probability pixel / 255, by seed {seed}",
    }.get(config.binarise or "none", "pixels / 255")
    numbers = [None if labels is None else torch.from_numpy(labels[part].astype(np.int64)) for part in (TRAIN, TEST)]
    return _dataset(config, rows, numbers, parts[0].shape[1:], f"{source}; {done}")


def _pixels(grey: data_read.Array, binarise: str | None, stream: tuple[int, int]) -> Tensor:
    if binarise == "threshold":
        return torch.from_numpy(grey >= THRESHOLD).float()
    if binarise == "sample":
        draws = default_rng(stream).integers(255, size=grey.shape, dtype=np.uint8)  # 0 to 254: below g with g / 255
        return torch.from_numpy(draws < grey).float()
    return torch.from_numpy(grey.astype(np.float32)).div_(255)


def _enough(rows: int | None, available: int, name: str) -> None:
    if rows is not None and rows > available:
        raise _misfit(f"at most {available} rows of {name}", str(rows), "lower data.train or data.test")


def _misfit(wanted: str, got: str, do: str) -> MisuseError:
    return MisuseError(wanted=wanted, got=got, do=do)
