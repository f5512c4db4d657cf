"""The robustness sweep against an engine whose answers are known."""

from __future__ import annotations

import csv
import dataclasses
import errno
import os
from pathlib import Path

import numpy as np
import pytest

from mcoe.core.errors import McoeError
from mcoe.events.packets import Frame
from mcoe.live.jobs.sweep import READINGS, sweep
from mcoe.recording.sidecar import Segment, Sidecar
from mcoe.results import Prediction, Question, Window
from tests.live.fakes import FakeEngine, FakeSource, packets


class LightMeter(FakeEngine):
    """RGB alone says what the brightness says; events alone are always right; fusion follows the events."""

    def step(self, older: Window, window: Window, question: Question) -> tuple[Prediction, dict[str, float]]:
        assert window.rgb is not None
        said, stages = super().step(older, window, question)
        brightness = int(window.rgb.mean() * 6.99)
        events = np.eye(7, dtype=np.float32)[3]
        rgb = np.eye(7, dtype=np.float32)[brightness]
        return dataclasses.replace(said, probabilities=events, rgb_only=rgb, event_only=events), stages


def test_rgb_alone_breaks_where_the_light_changes_and_events_do_not() -> None:
    known = Sidecar((Segment(0, 1 << 62, "disgust"),))
    result = sweep(FakeSource, LightMeter(), evs=(-6, 0, 6), most=10, sidecar=known)
    assert result is not None
    assert result.windows == result.labelled == 10
    assert result.agreement.shape == (3, len(READINGS))
    assert (result.agreement[:, [0, 2]] == 1).all()
    assert result.agreement[1, 1] == 1
    assert (result.agreement[[0, 2], 1] == 0).all()
    assert np.array_equal(result.accuracy, result.agreement)


def test_without_labels_there_is_agreement_but_no_accuracy(tmp_path: Path) -> None:
    result = sweep(FakeSource, LightMeter(), evs=(0,), most=5)
    assert result is not None
    assert result.accuracy is None
    result.save_csv(tmp_path / "s.csv")
    rows = list(csv.reader((tmp_path / "s.csv").read_text().splitlines()))
    assert rows[0] == ["ev", "agreement fusion", "agreement RGB only", "agreement events only"]
    assert [float(v) for v in rows[1]] == [0, 1, 1, 1]
    with pytest.raises(McoeError, match="no"):
        result.save_csv(tmp_path / "no" / "s.csv")


def test_a_sweep_that_cannot_be_written_leaves_the_older_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = sweep(FakeSource, LightMeter(), evs=(0,), most=5)
    assert result is not None
    path = tmp_path / "s.csv"
    path.write_text("older")

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(McoeError, match="No space left"):
        result.save_csv(path)
    assert [p.name for p in tmp_path.iterdir()] == ["s.csv"]
    assert path.read_text() == "older"


def test_progress_rises_to_one_and_can_cancel() -> None:
    seen: list[float] = []
    sweep(FakeSource, LightMeter(), evs=(0,), most=5, progress=lambda s: seen.append(s) or True)  # type: ignore[func-returns-value]
    assert seen == sorted(seen)
    assert seen[-1] == 1
    assert sweep(FakeSource, LightMeter(), evs=(0,), most=5, progress=lambda s: s < 0.3) is None


def test_a_recording_without_frames_is_refused() -> None:
    only_events = FakeSource([p for p in packets() if not isinstance(p, Frame)])
    with pytest.raises(McoeError, match="frames and events"):
        sweep(lambda: only_events, LightMeter())
    assert only_events.closed.is_set()
