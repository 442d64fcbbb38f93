"""Data sets against their files read in another way, and every way in which they can be refused."""

from __future__ import annotations

import gzip
import hashlib
import pickle
import shutil
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pooch
import pytest
import torch

from eftheory.errors import MisuseError
from eftheory.learn.config import DataConfig
from eftheory.learn.datasets import data, data_files
from eftheory.learn.datasets.sparse import SparseRows

CENTRES = ((1.0, 1.0), (1.0, -1.0), (0.0, 0.0), (-1.0, 0.0))


def load(name: str, seed: int = 0, **options: object) -> data.Dataset:
    return data.load(DataConfig(name=name, **options), seed)


def refused(name: str, **options: object) -> str:
    with pytest.raises(MisuseError) as caught:
        load(name, **options)
    message = str(caught.value)
    assert "\n" not in message
    return message


# --- the sets ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def digits(data_folder: Path) -> np.ndarray:
    """The first 300 test images, by hand."""
    raw = gzip.decompress((data_folder / "mnist/t10k-images-idx3-ubyte.gz").read_bytes())
    return np.frombuffer(raw, np.uint8, 300 * 784, offset=16).reshape(300, 784)


def test_mnist_grey(data_folder: Path) -> None:
    found = load("mnist", train=50)
    assert found.train.shape == (50, 784) and found.test.shape == (10000, 784) and found.shape == (1, 28, 28)
    assert float(found.test.mean()) == pytest.approx(0.13251, abs=1e-5)
    assert torch.bincount(found.test_labels).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert found.train_labels[:5].tolist() == [5, 0, 4, 1, 9] and "pixels / 255" in found.source


def test_mnist_thresholded(digits: np.ndarray) -> None:
    found = load("mnist", train=20, test=300, binarise="threshold")
    assert np.array_equal(found.test.numpy(), digits > 127) and found.test.dtype == torch.float32
    assert "128" in found.source
    assert not np.array_equal(found.test.numpy(), digits > 0), "the comparison can fail"


def test_mnist_sampled(digits: np.ndarray) -> None:
    found = load("mnist", train=20, test=300, binarise="sample").test.numpy()
    assert set(np.unique(found)) == {0.0, 1.0}
    assert not found[digits == 0].any() and found[digits == 255].all()
    grey = (digits > 100) & (digits < 156)
    share, expected = found[grey].mean(), digits[grey].mean() / 255
    assert abs(share - expected) < 4 * 0.5 / np.sqrt(grey.sum())
    assert np.array_equal(found, load("mnist", train=30, test=300, binarise="sample").test), "train does not matter"
    assert not np.array_equal(found, load("mnist", seed=1, train=20, test=300, binarise="sample").test)


def test_cifar10(data_folder: Path) -> None:
    found = load("cifar10", train=30, test=20)
    with np.load(data_folder / "cifar10/cifar10_subset.npz") as archive:
        images, labels = archive["test_images"][:20], archive["test_labels"][:20]
    pixels = found.test.reshape(20, *found.shape)
    assert found.shape == (3, 32, 32) and found.train.shape == (30, 3072)
    assert float(pixels[7, 2, 5, 11]) == pytest.approx(images[7, 5, 11, 2] / 255)
    assert found.test_labels.tolist() == labels.tolist() and "not comparable" in found.source


def test_freyfaces_are_split_by_the_seed(data_folder: Path) -> None:
    found, again, other = (load("freyfaces", seed=seed) for seed in (0, 0, 1))
    assert len(found.train) == 1565 and len(found.test) == 400 and found.shape == (1, 28, 20)
    with np.load(data_folder / "freyfaces/freyfaces.npz") as archive:
        total = archive["images"].sum()
    both = (torch.cat([found.train, found.test]) * 255).round().to(torch.int64)
    assert int(both.sum()) == int(total), "each frame once"
    assert torch.equal(found.train, again.train) and not torch.equal(found.train, other.train)
    assert "near copies" in found.source and found.train_labels is None


def test_newsgroups(data_folder: Path) -> None:
    found = load("20news")
    assert isinstance(found.train, SparseRows) and isinstance(found.test, SparseRows)
    assert found.train.shape == (11269, 10000) and found.test.shape == (7505, 10000)
    assert int(found.train.totals().double().sum()) == 2548207 and int(found.test.totals().double().sum()) == 1634928
    assert torch.bincount(found.train_labels).tolist()[:4] == [480, 581, 572, 587]
    few = load("20news", vocabulary=60, train=500)
    assert few.train.shape == (500, 60) and "first 60" in few.source and "left out" in few.source
    assert bool((few.test.totals() > 0).all()) and len(few.test) == len(few.test_labels) < 7505
    assert len(few.train_labels.unique()) == 20, "drawn from all classes"
    whole = found.test.take(slice(0, 40)).columns(60)
    assert torch.equal(whole.take((whole.totals() > 0).nonzero()[:, 0]).dense()[:30], few.test.dense()[:30])


def test_a_mixture_is_sampled_around_its_centres() -> None:
    found = load("mixture", centres=CENTRES, variance=0.25, train=4000, test=10)
    assert found.train.shape == (4000, 2) and found.test.shape == (10, 2) and found.shape == (2,)
    for label, centre in enumerate(CENTRES):
        rows = found.train[found.train_labels == label]
        assert abs(len(rows) - 1000) < 4 * np.sqrt(750)
        torch.testing.assert_close(rows.mean(0), torch.tensor(centre), atol=4 * 0.5 / np.sqrt(len(rows)), rtol=0)
        assert float(rows.var(0).mean()) == pytest.approx(0.25, rel=0.15)
    assert torch.equal(found.truth["natural"], torch.tensor(CENTRES).double() / 0.25)
    again, other = (load("mixture", seed=seed, centres=CENTRES, variance=0.25, train=7, test=10) for seed in (0, 1))
    assert torch.equal(again.test, found.test) and not torch.equal(other.test, found.test)
    assert len(load("mixture", centres=CENTRES, variance=1.0, train=3).test) == 0


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("minst", {}, "did you mean 'mnist'"),
        ("mnist", {"vocabulary": 5}, "data.vocabulary only with 20news"),
        ("20news", {"binarise": "threshold"}, "only with mnist, cifar10, freyfaces"),
        ("mnist", {"binarise": "treshold"}, "did you mean 'threshold'"),
        ("mnist", {"train": 60001}, "at most 60000 rows of mnist"),
        ("npz", {}, "data.path"),
        ("mixture", {"train": 5}, "no data.centres, data.variance"),
        ("mixture", {"centres": CENTRES, "variance": 1.0}, "no data.train"),
        ("mixture", {"centres": ((1.0,), (1.0, 2.0)), "variance": 1.0, "train": 5}, "one length"),
        ("mixture", {"centres": CENTRES, "variance": 0.0, "train": 5}, "variance above 0"),
        ("mixture", {"centres": ((float("nan"),),), "variance": 1.0, "train": 5}, "finite data.centres"),
    ],
)
def test_options_that_do_not_fit_are_refused(name: str, options: dict, message: str) -> None:
    assert message in refused(name, **options)


# --- a user's own file ------------------------------------------------------------------------------------------------


def test_own_arrays(tmp_path: Path) -> None:
    images = np.arange(4 * 6, dtype=np.uint8).reshape(4, 2, 3)
    np.savez(tmp_path / "own.npz", train=images, test=images[:2], train_labels=[1, 0, 1, 0])
    found = load("npz", path=str(tmp_path / "own.npz"), train=3)
    assert np.array_equal(found.train.numpy(), images.reshape(4, 6)[:3]) and found.shape == (1, 2, 3)
    assert found.train_labels.tolist() == [1, 0, 1] and found.test_labels is None
    assert "own.npz, sha256" in found.source and str(tmp_path) not in found.source
    np.savez(tmp_path / "own.npz", train=np.zeros((4, 2)))
    assert load("npz", path=str(tmp_path / "own.npz")).test.shape == (0, 2)


def test_own_sparse_rows(tmp_path: Path) -> None:
    rows = {"train_data": [1, 2], "train_indices": [0, 2], "train_indptr": [0, 1, 2], "train_shape": [2, 3]}
    np.savez(tmp_path / "own.npz", **rows)
    found = load("npz", path=str(tmp_path / "own.npz"))
    assert found.train.dense().tolist() == [[1, 0, 0], [0, 0, 2]] and found.test.shape == (0, 3)
    np.savez(tmp_path / "own.npz", **{**rows, "train_shape": [3, 3]})
    assert "wanted 3 rows" in refused("npz", path=str(tmp_path / "own.npz"))
    np.savez(tmp_path / "own.npz", train_indptr=[0, 1])
    assert "train_data" in refused("npz", path=str(tmp_path / "own.npz"))


GOOD = np.ones((3, 2))
BAD = GOOD.copy()
BAD[2, 1] = np.nan
SPARSE: dict = {
    "train_data": [1.0, 2.0], "train_indices": [0, 1], "train_indptr": [0, 2], "train_shape": [1, 3]
}  # fmt: skip
NONE = np.zeros(0, dtype=np.int64)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"train": BAD}, "in train; got nan at row 2, column 1"),
        ({"train": GOOD, "test": BAD * np.inf}, "in test; got inf at row 0, column 0"),
        ({"train": GOOD * 1e300}, "1e+300 at row 0"),
        ({"train": np.full((3, 2), 2**24 + 1)}, "exact in float32"),
        ({"train": np.ones(3)}, "shape (rows, ...)"),
        ({"train": np.ones((0, 2))}, "at least one row"),
        ({"train": np.ones((2, 0))}, "shape (rows, ...)"),
        ({"tarin": GOOD}, "own.npz with tarin"),
        ({"train": GOOD, "test": np.ones((3, 3))}, "rows of shape (2,) in test"),
        ({"train": np.array([["a", "b"]])}, "dtype <U1"),
        ({"train": GOOD * 1j}, "dtype complex128"),
        ({"train": GOOD, "train_labels": [0, 1]}, "train_labels, 3 whole numbers"),
        ({"train": GOOD, "train_labels": [0.5, 1, 2]}, "whole numbers; got dtype float64"),
        (SPARSE | {"train_indices": [0.2, 1.9]}, "whole numbers in train_indices; got dtype float64"),
        (SPARSE | {"train_indptr": [0, np.nan]}, "whole numbers in train_indptr; got dtype float64"),
        (SPARSE | {"train_shape": [1, np.inf]}, "whole numbers in train_shape; got dtype float64"),
        ({**SPARSE, "train_data": [], "train_indices": NONE, "train_indptr": [0, 0], "train_shape": [1, -3]}, "got -3"),
    ],
)
def test_own_arrays_that_do_not_fit_are_refused(tmp_path: Path, arrays: dict, message: str) -> None:
    np.savez(tmp_path / "own.npz", **arrays)
    assert message in refused("npz", path=str(tmp_path / "own.npz"))


class Trap:
    """Unpickling it leaves a file behind."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self) -> tuple:
        return Path.touch, (self.place,)


def test_own_files_that_are_something_else_are_refused_and_never_unpickled(tmp_path: Path) -> None:
    file, trap = tmp_path / "own.npz", tmp_path / "sprung"
    np.savez(file, train=np.array([[Trap(trap)]], dtype=object))
    assert "never unpickled" in refused("npz", path=str(file))
    file.write_bytes(pickle.dumps(Trap(trap)))
    assert "whole file of numpy.savez" in refused("npz", path=str(file))
    assert not trap.exists()
    np.savez(file, train=GOOD)
    file.write_bytes(file.read_bytes()[:-40])
    assert "whole file of numpy.savez" in refused("npz", path=str(file))
    with open(file, "wb") as plain:
        np.save(plain, GOOD)
    assert "one array" in refused("npz", path=str(file))
    assert "no file" in refused("npz", path=str(tmp_path / "absent.npz"))
    assert "own.npz" not in refused("npz", path=str(tmp_path))


# --- where files come from --------------------------------------------------------------------------------------------

FREY = "freyfaces/freyfaces.npz"


def test_a_file_that_is_absent_is_named_with_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("EFTHEORY_DATA", raising=False)
    message = refused("freyfaces")
    assert "EFTHEORY_DATA not set" in message and "github.com/jmtomczak/vae_vampprior" in message
    monkeypatch.setenv("EFTHEORY_DATA", str(tmp_path))
    assert f"none at {tmp_path}" in refused("freyfaces")


def test_a_corrupt_file_is_refused_with_both_hashes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, data_folder: Path
) -> None:
    (tmp_path / "freyfaces").mkdir()
    copy = tmp_path / FREY
    shutil.copy(data_folder / FREY, copy)
    monkeypatch.setenv("EFTHEORY_DATA", str(tmp_path))
    assert load("freyfaces", train=1, test=1).train.shape == (1, 560), "the copy works"
    copy.chmod(0o644)
    altered = bytearray(copy.read_bytes())
    altered[1000] ^= 1
    copy.write_bytes(altered)
    message = refused("freyfaces")
    assert data_files.HASHES[FREY] in message and hashlib.sha256(altered).hexdigest() in message


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder served as the only mirror of MNIST; no data folder, an empty cache."""
    served = tmp_path / "served"
    served.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(served)))
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.delenv("EFTHEORY_DATA", raising=False)
    monkeypatch.setattr(pooch, "os_cache", lambda _: tmp_path / "cache")
    monkeypatch.setitem(data_files.MIRRORS, "mnist", (f"http://127.0.0.1:{server.server_port}/",))
    yield served
    server.shutdown()
    server.server_close()
    thread.join()


LABELS = "t10k-labels-idx1-ubyte.gz"


def test_mnist_is_fetched_verified_and_kept(mirror: Path, data_folder: Path) -> None:
    shutil.copy(data_folder / "mnist" / LABELS, mirror / LABELS)
    path = data_files.find(f"mnist/{LABELS}")
    assert path.read_bytes() == (mirror / LABELS).read_bytes()
    (mirror / LABELS).unlink()
    assert data_files.find(f"mnist/{LABELS}") == path, "the second time no network is needed"


def test_mnist_that_cannot_be_fetched_is_one_line(mirror: Path) -> None:
    assert "no download from http://127.0.0.1" in refused("mnist")
    (mirror / "train-images-idx3-ubyte.gz").write_bytes(b"something else")
    message = refused("mnist")
    assert "another file than that of sha256" in message and "EFTHEORY_DATA" in message
