"""A folder's recordings at a glance: what opens gets a picture, what does not says why."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from mcoe.capture.replay import open_replay
from mcoe.core.errors import McoeError
from mcoe.recording.preview import labels, preview, recordings
from mcoe.recording.sidecar import Segment, Sidecar

DEMO = Path(__file__).resolve().parents[2] / "assets" / "recordings" / "normal.aedat4"


def test_a_recording_is_shown_by_its_middle() -> None:
    seen = preview(DEMO, 120)
    assert seen.error == ""
    assert seen.duration_us == pytest.approx(3.37e6, rel=0.01)
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


def sequence(folder: Path, count: int = 60, stem: str = "{:05}") -> Path:
    folder.mkdir(parents=True)
    for number in range(count):
        picture = np.full((20, 30), 4 * number % 256, np.uint8)
        (folder / f"{stem.format(number)}.png").write_bytes(cv2.imencode(".png", picture)[1].tobytes())
    return folder


def test_a_data_sets_sequences_are_found_once_from_its_parent_its_root_and_below(tmp_path: Path) -> None:
    root = tmp_path / "SEE"
    for kind in ("Frame", "event"):
        for name in ("happy/seq_1_m_20_low", "Sad/seq_2_f_30_hdr"):
            sequence(root / kind / name, 4)
    wanted = ["Frame/Sad/seq_2_f_30_hdr", "Frame/happy/seq_1_m_20_low"]
    for place in (tmp_path, root, root / "Frame"):
        assert [str(p.relative_to(root)) for p in recordings(place)] == wanted
    assert [str(p.relative_to(root)) for p in recordings(root / "Frame" / "Sad")] == wanted[:1]
    assert recordings(root / "event" / "happy" / "seq_1_m_20_low") == [root / "event" / "happy" / "seq_1_m_20_low"]
    assert recordings(root, lambda: True) == []


def test_a_folder_of_frames_and_events_is_one_sequence_and_a_folder_of_pictures_none(tmp_path: Path) -> None:
    for kind in ("frame", "event"):
        sequence(tmp_path / "mine" / kind, 3)
    sequence(tmp_path / "plain", 3, "image_{}")
    sequence(tmp_path / ".hidden", 3)
    (tmp_path / "pictures").mkdir()
    for name in ("demo_1280x800.png", "explain_1280x800.png", "holiday 2021.png"):
        (tmp_path / "pictures" / name).touch()
    assert recordings(tmp_path) == [tmp_path / "mine", tmp_path / "plain"]
    for path in recordings(tmp_path):
        open_replay(path).close()


def test_a_sequence_is_shown_by_its_middle_frame_and_the_emotion_that_its_place_or_name_says(tmp_path: Path) -> None:
    path = sequence(tmp_path / "frame" / "Happiness" / "seq_7_m_20_low_sad")
    seen = preview(path, 15)
    assert (seen.error, seen.duration_us, seen.labels) == ("", 2_000_000, ("happy",))
    assert seen.image is not None
    assert seen.image.shape == (10, 15)
    assert seen.image.mean() == 4 * 30
    elsewhere = sequence(tmp_path / "other" / "seq_7_m_20_low_sad")
    assert preview(elsewhere).labels == ("sad",)
    elsewhere.with_suffix(".json").write_text('{"label": "fear"}')
    assert preview(elsewhere).labels == ("fear",)
    (elsewhere / "00030.png").write_bytes(b"torn")
    assert "00030.png" in preview(elsewhere).error


def test_labels_come_by_time() -> None:
    segments = (Segment(0, 10, "sad"), Segment(10, 50, "fear"), Segment(50, 70, "sad"))
    assert labels(Sidecar(segments)) == ("fear", "sad")


def test_looking_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "d.aedat4"
    shutil.copy(DEMO, file)
    preview(file)
    assert [p.name for p in tmp_path.iterdir()] == ["d.aedat4"]
