"""t-SNE keeps neighbours together and gives the same picture every time."""

from __future__ import annotations

import numpy as np
import pytest

from mcoe.explain.tsne import _affinities, _distances, tsne


def blobs(per=30, groups=4, d=7):
    rng = np.random.default_rng(1)
    centres = rng.normal(size=(groups, d)) * 6
    names = np.repeat(np.arange(groups), per)
    return centres[names] + rng.normal(size=(groups * per, d)), names


def test_groups_stay_together_and_apart():
    x, names = blobs()
    y = tsne(x, perplexity=15, steps=300)
    d = _distances(y)
    np.fill_diagonal(d, np.inf)
    nearest = np.argsort(d, 1)[:, :5]
    assert (names[nearest] == names[:, None]).mean() > 0.99
    assert np.abs(y.mean(0)).max() < 1e-9


def test_the_same_features_give_the_same_picture_and_are_left_alone():
    x, _ = blobs(per=8)
    before = x.copy()
    assert (tsne(x, steps=40) == tsne(x, steps=40)).all()
    assert (x == before).all()


def test_every_row_has_the_perplexity_asked_for():
    x, _ = blobs(per=20)
    p = _affinities(_distances(x), 12.0)
    assert p.sum() == pytest.approx(1)
    assert np.allclose(p, p.T)
    # The symmetric matrix keeps no row's own Gaussian, so the search is checked on equal neighbourhoods.
    ring = np.stack([np.cos(t := np.linspace(0, 2 * np.pi, 60, endpoint=False)), np.sin(t)], 1)
    row = _affinities(_distances(ring), 12.0)[0] * 60
    assert np.exp(-(row[row > 0] * np.log(row[row > 0])).sum()) == pytest.approx(12, rel=1e-3)


def test_equal_points_and_few_points_do_not_break_it():
    assert np.isfinite(tsne(np.zeros((6, 3)), steps=60)).all()
    assert np.isfinite(tsne(np.eye(4), steps=60)).all()
    assert np.isfinite(tsne(np.arange(10.0)[:, None], steps=60)).all()
    with pytest.raises(ValueError, match="at least 4"):
        tsne(np.eye(3))


def test_it_can_be_watched_and_stopped():
    seen = []

    def watch(y):
        seen.append(y)
        return len(seen) < 5

    end = tsne(np.eye(8), steps=100, watch=watch)
    assert len(seen) == 5
    assert (end == seen[-1]).all()
    assert (seen[0] != end).any()
