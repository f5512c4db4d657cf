"""What weights say of themselves: read from what training and export write, never guessed from anything else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mcoe.model.config import ModelConfig
from mcoe.model.facts import read_facts
from mcoe.model.network import MCOENet
from mcoe.model.weights import load_facts, save_weights

SMALL = ModelConfig(size=32, d=16, heads=2, d_state=4, focal_width=8, deep_layers=1)
TRAINING = {"training": {"stride": 9, "data": "eye"}, "validation": {"epoch": 41, "loss": 0.5}}
VIRTUAL = {"data": {"sequences": 2240, "subjects": 80, "note": "virtual eyes", "synth": {"seed": 7}}, "commit": "abc1"}
SCORES = {
    "scores": {
        "measured_on": {"subset": "testing", "subjects": 25, "synth": {"seed": 7}},
        "values": {"WAR": 0.871, "UAR": 0.86, "normal": 0.9, "overexposed": 0.88, "low": 0.8, "hdr": 0.9, "ECE": 0.04},
        "intervals_95": {"WAR": [0.84, 0.902], "UAR": [None, None], "low": [0.7, 0.85]},
        "WAR_before_storage": 0.872,
    }
}


def facts(**metadata: Any):
    return read_facts(Path("mcoe.safetensors"), metadata, SMALL)


def test_a_trained_and_measured_file_says_on_whom_and_how_sure() -> None:
    f = facts(**TRAINING, **VIRTUAL, **SCORES)
    assert f.trained
    assert (f.stride, f.epoch, f.seed, f.test_subjects, f.commit) == (9, 42, 7, 25, "abc1")
    assert f.sentence == (
        "mcoe.safetensors: trained on virtual eyes; accuracy on virtual eyes: "
        "WAR 87.1 % (95 % interval 84.0–90.2 %) of 25 test subjects."
    )
    rows = dict(f.rows())
    assert rows["trained on"] == "virtual eyes"
    assert rows["its data set"] == "2,240 sequences of 80 subjects, those held out among them"
    assert rows["accuracy, low"] == "80.0 % (95 % interval 70.0–85.0 %)"
    assert rows["UAR, mean of the emotions"] == "86.0 %"
    assert rows["data seed"] == "7"
    assert rows["frame pair"] == "9 frames apart at 30 Hz, 0.30 s"
    assert "0.485 0.456 0.406" in rows["normalisation"]
    assert "each frame by its own" in rows["normalisation"]
    assert rows["event window"] == "33 ms before each frame's end"
    assert (f.window_us, f.temperature) == (33_000, 1.0)
    assert "d 16" in rows["config"]
    assert rows["experts"] == "3 focal, 3 attention, 2 deep"


def test_the_window_and_temperature_of_a_training_are_told() -> None:
    f = facts(training=TRAINING["training"] | {"window_us": 400_000}, validation={"epoch": 3}, temperature=1.62)
    assert (f.window_us, f.temperature) == (400_000, 1.62)
    assert dict(f.rows())["event window"] == "400 ms before each frame's end"
    for odd in (0, -1.0, float("nan"), "hot", True):
        assert facts(temperature=odd).temperature == 1.0


def test_without_scores_the_accuracy_is_not_measured() -> None:
    f = facts(**TRAINING, **VIRTUAL)
    assert f.sentence == "mcoe.safetensors: trained on virtual eyes; accuracy not measured."
    assert dict(f.rows())["accuracy"] == "not measured"
    assert "measured on" not in dict(f.rows())


@pytest.mark.parametrize("metadata", [{}, {"training": TRAINING["training"]}, {"validation": {"epoch": 3}}, VIRTUAL])
def test_a_file_without_a_whole_record_of_training_is_not_trained(metadata: dict[str, Any]) -> None:
    f = facts(**metadata)
    assert not f.trained
    assert "may mean nothing" in f.sentence
    assert "virtual" not in f.sentence


def test_another_data_set_is_called_by_its_folder() -> None:
    assert facts(**TRAINING).trained_on == "the data set eye"
    assert facts(**(TRAINING | {"training": {"stride": 0}})).stride == 0


@pytest.mark.parametrize(
    "odd",
    [
        {"training": 3, "validation": [], "data": "eye", "scores": None, "commit": 5},
        {"training": {"stride": "many"}, "validation": {"epoch": True}, "data": {"synth": 4, "subjects": -1}},
        {"scores": {"measured_on": 1, "values": {"WAR": "good", "UAR": float("nan")}, "intervals_95": 2}},
        {"scores": {"values": {"WAR": 0.5}, "intervals_95": {"WAR": [0.1]}}},
    ],
)
def test_a_record_that_makes_no_sense_is_taken_as_absent(odd: dict[str, Any]) -> None:
    f = facts(**odd)
    assert not f.trained
    assert (f.stride, f.seed, f.subjects, f.test_subjects) == (None, None, None, None)
    assert all(score.low is None for score in f.scores.values())
    assert f.rows()


def test_facts_come_from_the_file(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    save_weights(path, MCOENet(SMALL), TRAINING | VIRTUAL | SCORES, "int8")
    assert load_facts(path) == read_facts(path, {**TRAINING, **VIRTUAL, **SCORES, "storage": "int8",
        "classes": ["happy", "sad", "angry", "disgust", "surprise", "fear", "neutral"]}, SMALL)  # fmt: skip
