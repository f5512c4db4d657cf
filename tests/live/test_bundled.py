"""The bundled recordings are what lies in their folder, and weights bring the gap of their frame pair."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from app.core.workbench import ProgramWorkbench as Bench
from mcoe.capture.replay import open_replay
from mcoe.core.errors import McoeError
from mcoe.live.bundled import bundled_recordings, default_recording, which_bundled
from mcoe.live.engine.build import EngineOptions, build_engine, weights_stride
from mcoe.model.config import ModelConfig
from mcoe.model.network import MCOENet
from mcoe.model.weights import save_weights

SMALL = ModelConfig(size=32, d=16, heads=2, d_state=4, focal_width=8, deep_layers=1)


def test_lightings_come_in_the_papers_order_and_other_files_after_them(tmp_path: Path) -> None:
    for name in ("hdr", "zebra", "normal", "low", "an_eye", "overexposed"):
        (tmp_path / f"{name}.aedat4").touch()
    (tmp_path / "normal.json").touch()
    found = bundled_recordings(tmp_path)
    assert [r.path.stem for r in found] == ["normal", "overexposed", "low", "hdr", "an_eye", "zebra"]
    assert [r.title for r in found] == ["Normal light", "Over-exposed", "Low light", "HDR", "An eye", "Zebra"]
    assert default_recording(tmp_path) == tmp_path / "normal.aedat4"
    assert which_bundled(found, tmp_path / "x" / ".." / "low.aedat4") == 2
    assert which_bundled(found, tmp_path / "other.aedat4") is None
    assert which_bundled(found, None) is None


def test_an_empty_folder_is_told_in_one_sentence(tmp_path: Path) -> None:
    assert bundled_recordings(tmp_path) == ()
    with pytest.raises(McoeError, match="holds no recording"):
        default_recording(tmp_path)


def test_everything_that_is_bundled_opens_and_is_labelled() -> None:
    for recording in bundled_recordings():
        source = open_replay(recording.path)
        try:
            assert source.info.has_frames
            assert source.info.has_events
        finally:
            source.close()
        assert recording.path.with_suffix(".json").is_file()


@pytest.fixture
def options(tmp_path: Path) -> EngineOptions:
    path = tmp_path / "w.safetensors"
    record = {"training": {"stride": 5, "data": "eye"}, "validation": {"epoch": 0}}
    save_weights(path, MCOENet(SMALL), record, "int8")
    return EngineOptions(weights=path, device="cpu", backbone="torch", threads=1)


def test_the_pair_is_as_far_apart_as_in_training_unless_it_is_chosen(options: EngineOptions, tmp_path: Path) -> None:
    def bench(**choices: object) -> Bench:
        return Bench(options, open_replay, tmp_path, **choices)  # type: ignore[arg-type]

    assert bench().gap() == 5
    assert bench(stride=8).gap() == 8
    assert bench()("a.aedat4").stride == 5
    assert weights_stride(EngineOptions(untrained=True)) == 12
    save_weights(tmp_path / "bare.safetensors", MCOENet(SMALL), {})
    assert weights_stride(replace(options, weights=tmp_path / "bare.safetensors")) == 12
    with pytest.raises(McoeError, match="does not exist"):
        weights_stride(replace(options, weights=tmp_path / "absent.safetensors"))


def test_an_engine_is_trained_only_by_its_weights_own_record(options: EngineOptions, tmp_path: Path) -> None:
    info = build_engine(options).info
    assert info.trained
    assert info.facts is not None
    assert (info.facts.stride, info.weights) == (5, "w.safetensors")
    save_weights(tmp_path / "bare.safetensors", MCOENet(SMALL), {})
    bare = build_engine(replace(options, weights=tmp_path / "bare.safetensors")).info
    assert not bare.trained
    assert bare.weights == "bare.safetensors"


def test_weights_that_read_no_pair_are_refused(options: EngineOptions, tmp_path: Path) -> None:
    path = tmp_path / "three.safetensors"
    save_weights(path, MCOENet(replace(SMALL, frames=3)), {})
    with pytest.raises(McoeError, match=r"three\.safetensors read 3 frames"):
        build_engine(replace(options, weights=path))
