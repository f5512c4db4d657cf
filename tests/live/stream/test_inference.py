"""What the inference thread does once, and what it keeps."""

from __future__ import annotations

import dataclasses
from collections import Counter

import numpy as np
import pytest

from mcoe.core.timing import STRIDE
from mcoe.live.jobs.moments import moments
from mcoe.live.stream import inference
from mcoe.live.stream.inference import Inference, Questions, WindowPair
from mcoe.live.stream.stress import stress_window
from mcoe.results import Question, Window
from mcoe.sensor.lighting import Lighting
from tests.live.fakes import SIZE, FakeEngine, FakeSource, packets

DIM = Lighting(ev=-3, noise=1.0)
WINDOWS = 60


@pytest.fixture
def pairs() -> list[WindowPair]:
    source = FakeSource(packets(frames=WINDOWS))
    read = moments(source, FakeEngine.info, stride=STRIDE, most=1000)
    return [WindowPair(older, window, SIZE, 0.0, 0.0) for older, window in read]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Counter[tuple[int, Lighting]]:
    counted: Counter[tuple[int, Lighting]] = Counter()

    def count(window: Window, light: Lighting, *shape: object) -> Window:
        counted[window.index, light] += 1
        return stress_window(window, light, *shape)  # type: ignore[arg-type]

    monkeypatch.setattr(inference, "stress_window", count)
    return counted


def test_a_window_is_stressed_once_though_it_is_part_of_two_pairs(
    pairs: list[WindowPair], calls: Counter[tuple[int, Lighting]]
) -> None:
    questions = Questions(light=DIM)
    answering = Inference(FakeEngine(), questions)
    for pair in pairs:
        stressed = answering.answer(pair).stressed
        assert stressed is not None
        # Neither the picture nor what the network says of it is another one for it.
        wanted = [stress_window(w, DIM, SIZE, 10, 3) for w in (pair.older, pair.window)]
        assert np.array_equal(stressed.window.events, wanted[1].events)
        assert stressed.window.frame is not None
        assert wanted[1].frame is not None
        assert np.array_equal(stressed.window.frame.image, wanted[1].frame.image)
        said, _ = FakeEngine().step(wanted[0], wanted[1], Question())
        assert np.array_equal(stressed.prediction.logits, said.logits)
    assert len(pairs) == WINDOWS
    assert calls == {(w, DIM): 1 for w in range(WINDOWS)}


def test_another_light_or_another_place_in_the_recording_is_stressed_anew(
    pairs: list[WindowPair], calls: Counter[tuple[int, Lighting]]
) -> None:
    questions, bright = Questions(light=DIM), Lighting(ev=2)
    answering = Inference(FakeEngine(), questions)
    for light in (DIM, bright):
        questions.light = light
        for pair in pairs[20:22]:
            answering.answer(pair)
    assert calls == {(w, light): 1 for w in (8, 9, 20, 21) for light in (DIM, bright)}
    sought = dataclasses.replace(pairs[20], window=dataclasses.replace(pairs[20].window, epoch=1))
    answering.answer(sought)
    assert calls[20, bright] == 2


def test_what_is_kept_is_bounded(pairs: list[WindowPair], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inference, "STRESSED", 20)
    kept = inference.StressedWindows(SIZE, 10, 3)
    for pair in pairs:
        kept.pair(pair.older, pair.window, DIM)
        assert len(kept._kept) <= 20
