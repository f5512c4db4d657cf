"""The reader takes the layout as it is spelt, and names whatever it leaves out."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from mcoe.core.errors import McoeError
from mcoe.core.images import read_image
from mcoe.core.words import EMOTIONS, LIGHTINGS, emotion_of, lighting_of, parse_name
from mcoe.data.layout import read_layout


@pytest.mark.parametrize(
    ("word", "emotion"),
    [("happiness", "happy"), ("Happy", "happy"), ("neutraL", "neutral"), ("ANGRY", "angry"), ("anger", "angry"),
     ("sadness", "sad"), ("surprise", "surprise"), ("disgust", "disgust"), ("fear", "fear")],
)  # fmt: skip
def test_an_emotion_reads_in_every_spelling(word: str, emotion: str) -> None:
    assert emotion_of(word) == EMOTIONS.index(emotion)


@pytest.mark.parametrize(
    ("word", "lighting"),
    [("normal", "normal"), ("Overexposed", "overexposed"), ("over-exposure", "overexposed"), ("Low", "low"),
     ("LowLight", "low"), ("HDR", "hdr")],
)  # fmt: skip
def test_a_lighting_reads_in_every_spelling(word: str, lighting: str) -> None:
    assert lighting_of(word) == LIGHTINGS.index(lighting)


def test_words_that_say_neither_are_none() -> None:
    assert emotion_of("normal") is None
    assert lighting_of("neutral") is None
    said = parse_name("seq_7_F_31_2_Sunset_bored_54_1")
    assert (said.subject, said.lighting, said.label) == ("7", None, None)


def test_a_name_tells_subject_lighting_and_emotion() -> None:
    said = parse_name("seq_012_M_24_3_Overexposed_disgust_54_1")
    assert said.subject == "012"
    assert LIGHTINGS[said.lighting or 0] == "overexposed"
    assert EMOTIONS[said.label or 0] == "disgust"


def test_the_set_reads_whole(tmp_path: Path, make_set) -> None:
    root = make_set(tmp_path, subjects=2, emotions=("happiness", "neutral"))
    sequences, skipped, extra = read_layout(root)
    assert len(sequences) == 8
    assert not skipped.entries
    assert extra == {"origin": "test"}
    assert {s.subset for s in sequences} == {"training", "testing"}
    assert {EMOTIONS[s.label] for s in sequences} == {"happy", "neutral"}
    assert all(s.numbers == tuple(range(16)) and s.raw is not None for s in sequences)


def test_other_case_and_a_missing_frame(tmp_path: Path, make_set) -> None:
    root = make_set(tmp_path, subjects=1, testing=0, lightings=("normal",), raw=False)
    (root / "frame").rename(root / "Frame")
    (root / "event").rename(root / "EVENT")
    folder = next((root / "Frame" / "happiness").iterdir())
    (folder / "00004.jpg").unlink()
    (folder / "00005.jpg").rename(folder / "5.JPG")
    sequences, skipped, _ = read_layout(root)
    happy = next(s for s in sequences if EMOTIONS[s.label] == "happy")
    assert happy.numbers == (0, 1, 2, 3, *range(5, 16))
    assert skipped.entries == [(f"{happy.name} frame 4", "missing frame")]
    assert "missing frame" in skipped.report()


@pytest.mark.parametrize(
    ("said", "segment"),
    [([3, 9], (3, 9)), ([0, 99], (0, 15)), ([40, 60], (0, 15)), (None, (0, 15)), ([0.0, 1], (0, 15))],
)
def test_segments_are_read_and_kept_inside_the_sequence(tmp_path: Path, make_set, said, segment) -> None:
    root = make_set(tmp_path, subjects=1, testing=0, emotions=("happiness",), lightings=("normal",))
    index = json.loads((root / "emotion.json").read_text())
    for entry in index["database"].values():
        entry["annotations"]["segment"] = said
    (root / "emotion.json").write_text(json.dumps(index))
    sequence = read_layout(root)[0][0]
    assert sequence.numbers == tuple(range(16))
    assert sequence.segment == segment


def test_what_cannot_be_used_is_named(tmp_path: Path, make_set) -> None:
    root = make_set(tmp_path, subjects=3, testing=0, emotions=("happiness",), lightings=("normal",))
    index = json.loads((root / "emotion.json").read_text())
    names = sorted(index["database"])
    index["database"][names[0]]["annotations"]["label"] = "sadness"
    index["database"]["seq_9_F_30_2_normal_fear_54_1"] = {"subset": "training", "annotations": {"label": "fear"}}
    del index["database"][names[1]]
    (root / "emotion.json").write_text(json.dumps(index))
    sequences, skipped, _ = read_layout(root)
    assert [s.name for s in sequences] == [names[2]]
    reasons = {Path(what).name: why for what, why in skipped.entries}
    assert "disagree" in reasons[names[0]]
    assert "does not name" in reasons[names[1]]
    assert "without a frame folder" in reasons["seq_9_F_30_2_normal_fear_54_1"]


def test_a_folder_that_is_no_data_set_is_refused_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(McoeError, match=r"no single-eye data set"):
        read_layout(tmp_path)
    (tmp_path / "frame").mkdir()
    (tmp_path / "emotion.json").write_text('{"database": [1]}')
    with pytest.raises(McoeError, match=r"cannot be read"):
        read_layout(tmp_path)


@pytest.mark.parametrize("text", ["[" * 100_000, '{"database": 1e999}', "\\xff", '{"database": {"a": {"subset": [}}}'])
def test_a_hostile_index_is_one_sentence(tmp_path: Path, text: str) -> None:
    (tmp_path / "frame").mkdir()
    (tmp_path / "emotion.json").write_text(text, "latin-1")
    with pytest.raises(McoeError, match=r"emotion\.json cannot be read as the data set's index"):
        read_layout(tmp_path)


@pytest.mark.parametrize("said", [["label"], 7, "happiness", {"label": ["sad"], "segment": {"a": 1}}])
def test_a_hostile_annotation_costs_its_sequence_at_most(tmp_path: Path, make_set, said: object) -> None:
    root = make_set(tmp_path, subjects=2, testing=0, emotions=("happiness",), lightings=("normal",))
    index = json.loads((root / "emotion.json").read_text())
    index["database"][min(index["database"])]["annotations"] = said
    (root / "emotion.json").write_bytes(json.dumps(index).encode("utf-8-sig"))
    sequences, skipped, _ = read_layout(root)
    assert len(sequences) + len(skipped.entries) == 2


def test_damaged_images_are_none(tmp_path: Path, make_set) -> None:
    root = make_set(tmp_path, subjects=1, testing=0, emotions=("happiness",), lightings=("normal",))
    image = next((root / "frame").rglob("*.jpg"))
    whole = read_image(image)
    assert whole is not None
    assert whole.shape == (40, 48)
    data = image.read_bytes()
    for name, damaged in (("cut", data[: len(data) // 2]), ("empty", b""), ("text", b"hello")):
        path = tmp_path / f"{name}.jpg"
        path.write_bytes(damaged)
        assert read_image(path) is None, name
    assert read_image(tmp_path / "absent.jpg") is None


def test_a_colour_frame_keeps_its_order(tmp_path: Path) -> None:
    import cv2

    image = np.zeros((8, 8, 3), np.uint8)
    image[..., 0] = 200  # blue, as OpenCV writes
    cv2.imwrite(str(tmp_path / "0.png"), image)
    read = read_image(tmp_path / "0.png")
    assert read is not None
    assert read[0, 0].tolist() == [0, 0, 200]
