"""Where data files come from: the folder that EFTHEORY_DATA names, else a download; each verified by its sha256."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from eftheory.errors import MisuseError

VARIABLE = "EFTHEORY_DATA"
"""The environment variable that names the folder of data sets, each in a folder of its own."""

HASHES = {
    "mnist/t10k-images-idx3-ubyte.gz": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    "mnist/t10k-labels-idx1-ubyte.gz": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    "mnist/train-images-idx3-ubyte.gz": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    "mnist/train-labels-idx1-ubyte.gz": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    "20news/20news_bow_10k.npz": "ea0aa7cf8a6c63337f2bdeff0227a78e7572dcd36d94174917d399da072e3ed5",
    "cifar10/cifar10_subset.npz": "af71e6de3079fd01e4dd15e7de5cf604f4a5a1f1bc256fa310e24e20d6b8083e",
    "freyfaces/freyfaces.npz": "3c70375e0a9c4751ad49ad5f1f692bd094c46f133cf4aa8ea77d1cb14e1efcd1",
}
ORIGINS = {
    "mnist": "yann.lecun.com/exdb/mnist",
    "20news": "qwone.com/~jason/20Newsgroups",
    "cifar10": "www.cs.toronto.edu/~kriz/cifar.html",
    "freyfaces": "github.com/jmtomczak/vae_vampprior",
}
MIRRORS = {
    "mnist": ("https://ossci-datasets.s3.amazonaws.com/mnist/", "https://storage.googleapis.com/cvdf-datasets/mnist/")
}
"""Public copies of the original files; the other sets are project files and have none."""


def find(name: str) -> Path:
    """The file `name` (a key of `HASHES`), verified. Raises MisuseError: not there, or another hash than wanted."""
    folder = os.environ.get(VARIABLE)
    path = Path(folder).expanduser() / name if folder else None
    if path is not None and path.is_file():
        _verify(path, HASHES[name])
        return path
    looked = f"none at {path}" if path is not None else f"{VARIABLE} not set"
    if name.partition("/")[0] in MIRRORS:
        return _fetch(name, looked)
    raise _absent(name, looked)


def _verify(path: Path, wanted: str) -> None:
    try:
        with open(path, "rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        got = f"{path}: {error.strerror or error}"
        raise MisuseError(wanted="a data file that can be read", got=got, do="check its permissions") from None
    if found != wanted:
        do = f"replace {path}"
        raise MisuseError(wanted=f"{path.name} with sha256 {wanted}", got=found, do=do)


def _fetch(name: str, looked: str) -> Path:
    """Through pooch, which keeps verified files in the user's cache and asks the network only once."""
    import pooch

    pooch.get_logger().setLevel("ERROR")
    kind, _, file = name.partition("/")
    cache = Path(pooch.os_cache("eftheory")) / kind
    failure = ""
    for mirror in MIRRORS[kind]:
        try:
            return Path(pooch.retrieve(mirror + file, f"sha256:{HASHES[name]}", fname=file, path=cache))
        except OSError as error:  # requests raises these for all that goes wrong on the way
            failure = f"no download from {mirror} ({type(error).__name__})"
        except ValueError:
            failure = f"another file than that of sha256 {HASHES[name][:16]}... at {mirror}"
    raise _absent(name, f"{looked}; none in {cache}; {failure}")


def _absent(name: str, looked: str) -> MisuseError:
    kind, _, file = name.partition("/")
    own = "" if kind in MIRRORS else ", or give your own with data.name = 'npz'"
    do = f"put it into {kind}/ of the folder that {VARIABLE} names{own} (origin: {ORIGINS[kind]})"
    return MisuseError(wanted=f"the data file {kind}/{file}", got=looked, do=do)
