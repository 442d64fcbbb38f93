"""The conventions of the negative ELBO of documents, by hand, by enumeration and by sampling."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from learn.small import LINEAR, model
from learn.test_count_head import BITS, ROWS, WORDS, documents, text_model
from torch import Tensor

from eftheory.errors import MisuseError
from eftheory.learn.config import DataConfig
from eftheory.learn.datasets.data import load
from eftheory.learn.datasets.sparse import SparseRows
from eftheory.learn.evaluation import nelbo as module
from eftheory.learn.evaluation.nelbo import corpus_frequencies, entropies, nelbo
from eftheory.learn.models.model import VAE
from eftheory.learn.objectives.objectives import elbo_exact


def by_hand(mine: VAE, x: Tensor, r: Tensor) -> dict[str, Tensor]:
    """Every code, every word, no shortcut: of each row of x (N, V)."""
    codes = mine.latents()
    log_p = mine.decode(codes).log_softmax(-1)  # (K, V)
    probability = torch.sigmoid(mine.encode(x))[:, None]
    q = torch.where(codes == 1, probability, 1 - probability).prod(-1)  # (N, K)
    kl = (q * (q.log() + BITS * math.log(2))).sum(-1)

    def cost(y: Tensor) -> Tensor:
        return -(q * (y @ log_p.T)).sum(-1)

    def own(y: Tensor) -> Tensor:
        return torch.special.xlogy(y, y / y.sum(-1, keepdim=True)).sum(-1)

    plain = cost(x) + kl
    return {"plain": plain, "relative": plain + own(x), "smoothed": cost(x + r) + own(x + r) + kl, "kl": kl}


def frequencies(x: Tensor) -> Tensor:
    return corpus_frequencies(SparseRows.from_dense(x))


@pytest.mark.parametrize("hidden", [None, 6])
@pytest.mark.parametrize("inputs", ["x", "frequencies"])
def test_all_conventions_by_hand(hidden: int | None, inputs: str) -> None:
    mine, x = text_model(hidden), documents()
    mine.frequencies = inputs == "frequencies"
    found = nelbo(mine, SparseRows.from_dense(x), frequencies(x), samples=1, seed=0)
    for name, expected in by_hand(mine, x, frequencies(x)).items():
        torch.testing.assert_close(getattr(found, name), expected, rtol=1e-10, atol=1e-9)
    mine.frequencies = not mine.frequencies  # control: an encoder that is fed the other inputs
    other = nelbo(mine, SparseRows.from_dense(x), frequencies(x), samples=1, seed=0)
    assert not torch.allclose(other.plain, found.plain)


def test_plain_is_the_elbo_without_the_number_of_orders() -> None:
    mine, x = text_model(), documents()
    orders = torch.lgamma(x.sum(-1) + 1) - torch.lgamma(x + 1).sum(-1)
    found = nelbo(mine, SparseRows.from_dense(x), frequencies(x), samples=1, seed=0)
    torch.testing.assert_close(found.plain, orders - elbo_exact(mine, x).detach(), rtol=1e-10, atol=1e-9)


def test_samples_agree_with_the_sum_over_codes(monkeypatch: pytest.MonkeyPatch) -> None:
    mine, x = text_model(), SparseRows.from_dense(documents())
    exact = nelbo(mine, x, frequencies(x.dense()), samples=1, seed=0)
    monkeypatch.setattr(module, "ENUMERABLE", 1)
    draws = [nelbo(mine, x, frequencies(x.dense()), samples=20, seed=seed) for seed in range(40)]
    for name in ("smoothed", "relative", "plain"):
        values = torch.stack([getattr(draw, name) for draw in draws])
        error = values.std(0) / math.sqrt(len(draws))
        assert ((values.mean(0) - getattr(exact, name)).abs() <= 5 * error).all()
        assert (values.std(0) > 0).all()  # control: they are samples
    again = nelbo(mine, x, frequencies(x.dense()), samples=20, seed=0)
    assert torch.equal(again.plain, draws[0].plain)


def test_documents_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    mine, x = text_model(), SparseRows.from_dense(documents())
    whole = nelbo(mine, x, frequencies(x.dense()), samples=1, seed=0)
    monkeypatch.setattr(module, "BLOCK", 2)
    parts = nelbo(mine, x, frequencies(x.dense()), samples=1, seed=0)
    torch.testing.assert_close(parts.smoothed, whole.smoothed)
    assert parts.means()["smoothed"] == pytest.approx(float(whole.smoothed.mean()))


def test_a_document_that_the_decoder_knows_costs_nothing_but_its_code() -> None:
    mine = text_model()
    x = documents()[:1]
    with torch.no_grad():
        mine.f[-1].weight.zero_()  # type: ignore[index, operator, union-attr]
        mine.f[-1].bias.copy_((x[0] + 1e-300).log())  # type: ignore[index, operator, union-attr]
    found = nelbo(mine, SparseRows.from_dense(x), frequencies(x), samples=1, seed=0)
    torch.testing.assert_close(found.relative, found.kl, rtol=0, atol=1e-9)
    assert found.plain > found.kl + 1  # control: the words themselves do cost


def test_words_that_never_occur_do_no_harm() -> None:
    x = documents()
    x[:, 4] = 0
    r = frequencies(x)
    assert (r > 0).all() and float(r.sum()) == pytest.approx(1.0, abs=1e-14)
    own, smoothed = entropies(SparseRows.from_dense(x), r)
    y = x + r
    torch.testing.assert_close(smoothed, torch.xlogy(y, y / y.sum(-1, keepdim=True)).sum(-1))
    assert torch.isfinite(own).all()


def test_the_size_of_the_paper_s_table_decides_for_the_relative_convention(data_folder: Path) -> None:
    """Words from the corpus frequencies alone, no code: what the table's entries must be somewhat below of."""
    data = load(DataConfig(name="20news"), 0)
    assert isinstance(data.train, SparseRows) and isinstance(data.test, SparseRows)
    x, r = data.test.to(dtype=torch.float64), corpus_frequencies(data.train)
    words, corpus = x.times(r.log()[:, None])[:, 0], float((r * r.log()).sum())
    own, smoothed = entropies(x, r)
    plain, relative, both = (float(each.mean()) for each in (-words, own - words, smoothed - words - corpus))
    assert (round(plain), round(relative), round(both)) == (1518, 467, 463)
    assert 435 < both < relative < 1.2 * 435 and plain > 3 * 435


def test_bad_input_is_refused() -> None:
    x = documents()
    with pytest.raises(MisuseError, match="counts of varying total behind a linear layer"):
        bits = model("bernoulli(12)", "bernoulli(3)", decoder_network=LINEAR)
        nelbo(bits, SparseRows.from_dense(x), frequencies(x), samples=1, seed=0)
    with pytest.raises(MisuseError, match="at least one document"):
        empty = SparseRows.from_dense(torch.zeros(0, WORDS, dtype=torch.float64))
        nelbo(text_model(), empty, frequencies(x), samples=1, seed=0)
    assert len(x) == ROWS
