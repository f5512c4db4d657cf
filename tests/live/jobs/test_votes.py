"""The experts' votes are spread evenly over whatever length there is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mcoe.core.errors import McoeError
from mcoe.live.jobs import votes as module
from mcoe.live.jobs.votes import KEPT, Votes, read_votes
from mcoe.results import Prediction
from tests.live.fakes import FakeEngine, FakeSource, packets


class Voter(FakeEngine):
    """Each expert votes as the fusion does, so that a window is known by its votes."""

    def step(self, older, window, question):
        said, stages = super().step(older, window, question)
        return replace(said, expert_logits=np.tile(said.logits, (8, 1))), stages


def prediction_number(i: int) -> Prediction:
    zeros = np.zeros(8, np.float32)
    return Prediction(
        zeros[:7], zeros[:7], zeros, np.array([0, 1]), zeros[:2], np.full((8, 7), i, np.float32), ("focal",) * 8,
        zeros, None, None, 0, None, None, None, 12,
    )  # fmt: skip


@pytest.mark.parametrize("came", [3, KEPT, 1000])
def test_votes_are_spread_evenly_over_the_recording(came):
    votes = Votes()
    for i in range(came):
        votes.add(prediction_number(i))
    features, kinds = votes.features()
    assert len(features) == len(kinds) == 8 * len(votes) <= 8 * KEPT
    numbers = features[::8, 0]
    assert len(votes) > min(came, KEPT / 2) - 1
    assert numbers[0] == 0
    assert len(set(np.diff(numbers))) == 1
    assert came - numbers[-1] <= numbers[1] - numbers[0]


def test_windows_are_read_evenly_over_the_recording(monkeypatch):
    long = packets(3 * KEPT)
    few = read_votes(lambda: FakeSource(long), Voter(), stride=12)
    monkeypatch.setattr(module, "KEPT", 1000)
    every = read_votes(lambda: FakeSource(long), Voter(), stride=12)
    assert (len(few), len(every)) == (KEPT, 3 * KEPT)
    np.testing.assert_array_equal(few.features()[0].reshape(KEPT, 8, 7), every.features()[0].reshape(-1, 8, 7)[::3])
    assert len(np.unique(few.features()[0], axis=0)) == KEPT


def test_reading_can_be_cancelled_and_closes_the_recording():
    source = FakeSource()
    shares: list[float] = []
    assert read_votes(lambda: source, Voter(), stride=12, progress=lambda s: shares.append(s) or s < 0.5) is None
    assert 0.5 <= shares[-1] < 0.6
    assert source.closed.is_set()


def test_a_live_source_has_no_whole():
    source = FakeSource(live=True)
    with pytest.raises(McoeError, match="needs a recording"):
        read_votes(lambda: source, Voter(), stride=12)
    assert source.closed.is_set()
