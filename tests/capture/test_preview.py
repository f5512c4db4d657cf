"""A folder's recordings at a glance: what opens gets a picture, what does not says why."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from mcoe.capture.preview import labels, preview, recordings
from mcoe.capture.sidecar import Segment, Sidecar
from mcoe.errors import McoeError

DEMO = Path(__file__).resolve().parents[2] / "assets" / "demo.aedat4"


def test_a_recording_is_shown_by_its_middle() -> None:
    seen = preview(DEMO, 120)
    assert seen.error == ""
    assert seen.duration_us == pytest.approx(4.2e6, rel=0.05)
    assert seen.image is not None
    assert seen.image.shape[:2] == (90, 120)
    assert seen.image.std() > 10
    assert seen.labels == ("happy", "surprise", "neutral")


def test_a_damaged_recording_says_why(tmp_path: Path) -> None:
    (tmp_path / "bad.aedat4").write_bytes(DEMO.read_bytes()[:200])
    seen = preview(tmp_path / "bad.aedat4")
    assert seen.image is None
    assert "bad.aedat4" in seen.error


def test_recordings_of_a_folder_and_of_its_folders(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name in ("b.aedat4", "a.RAW", "notes.txt", "in/c.mp4"):
        (tmp_path / name).touch()
    assert [str(p.relative_to(tmp_path)) for p in recordings(tmp_path)] == ["a.RAW", "b.aedat4", "in/c.mp4"]
    with pytest.raises(McoeError, match="choose another"):
        recordings(tmp_path / "absent")


def test_labels_come_by_time() -> None:
    segments = (Segment(0, 10, "sad"), Segment(10, 50, "fear"), Segment(50, 70, "sad"))
    assert labels(Sidecar(segments)) == ("fear", "sad")


def test_looking_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "d.aedat4"
    shutil.copy(DEMO, file)
    preview(file)
    assert [p.name for p in tmp_path.iterdir()] == ["d.aedat4"]
