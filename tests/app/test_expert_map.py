"""The map of the experts: votes are spread over the recording, laid out beside the window's thread, and drawn."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import Qt

from app.expert_map import KEPT, ExpertMap, Votes
from app.theme import KIND_COLOURS
from tests.app.test_panels import count, picture, result_of


def result_number(i: int):
    return result_of(expert_logits=np.full((8, 7), i, np.float32))


@pytest.fixture
def quick(monkeypatch):
    """A layout of 20 steps: what it looks like is tested elsewhere."""
    from app import expert_map
    from mcoe.explain.tsne import tsne

    monkeypatch.setattr(expert_map, "tsne", lambda features, watch: tsne(features, watch=watch, steps=20))


@pytest.mark.parametrize("came", [3, KEPT, 1000])
def test_votes_are_spread_evenly_over_the_recording(came):
    votes = Votes()
    for i in range(came):
        votes.add(result_number(i))
    features, kinds = votes.features()
    assert len(features) == len(kinds) == 8 * len(votes) <= 8 * KEPT
    numbers = features[::8, 0]
    assert len(votes) > min(came, KEPT / 2) - 1
    assert numbers[0] == 0
    assert len(set(np.diff(numbers))) == 1
    assert came - numbers[-1] <= numbers[1] - numbers[0]


def test_a_key_lays_the_votes_out_and_draws_them_by_kind(playing, quick, qtbot):
    window, pipeline = playing
    for _ in range(6):
        pipeline.advance()
        window.tick()
    qtbot.keyClick(window, Qt.Key.Key_T)
    dialog = window.feature(ExpertMap).dialog
    qtbot.waitUntil(lambda: dialog.points is not None and not dialog.busy and dialog.again.isEnabled())
    assert "settled" in dialog.words.text()
    assert len(dialog.points) == len(dialog.kinds) >= 8 * 7
    image = picture(dialog)
    for colour in KIND_COLOURS.values():
        assert count(image, colour) > 50
    before = len(dialog.points)
    for _ in range(3):
        pipeline.advance()
        window.tick()
    qtbot.mouseClick(dialog.again, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not dialog.busy and dialog.again.isEnabled())
    assert len(dialog.points) == before + 3 * 8


def test_too_few_windows_are_said_in_words(window, qtbot):
    window.feature(ExpertMap).show_map()
    dialog = window.feature(ExpertMap).dialog
    assert "Play some of a recording first" in dialog.words.text()
    assert not dialog.busy


def test_closing_the_map_or_the_recording_stops_the_layout(playing, maker, qtbot):
    window, pipeline = playing
    for i in range(KEPT):
        window.result_shown.emit(replace(pipeline.latest(), prediction=result_number(i % 9).prediction))
    feature = window.feature(ExpertMap)
    feature.show_map()
    assert feature.dialog.busy
    feature.dialog.close()
    qtbot.waitUntil(lambda: not feature.dialog.busy)
    feature.show_map()
    window.open("other.aedat4")
    qtbot.waitUntil(lambda: len(maker.made) == 2 and not feature.dialog.busy)
    assert len(feature.votes) == 0
