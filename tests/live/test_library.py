"""The front door: light to import, and its predictions are those of the headless run."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import mcoe
from mcoe.capture.replay import open_replay
from mcoe.events.packets import Frame, join_events
from mcoe.live.engine.build import build_engine
from mcoe.live.engine.engine import Engine
from mcoe.live.jobs.headless import run_headless
from mcoe.live.library import Network
from mcoe.model.config import ModelConfig
from mcoe.model.network import MCOENet
from mcoe.recording.table import csv_lines
from tests.live.fakes import FakeEngine, FakeSource
from tests.live.jobs.test_replay_equals_headless import demo, synthetic

ROOT = Path(__file__).resolve().parents[2]
SMALL = ModelConfig(size=64, d=32, heads=4, deep_layers=1, focal_width=16)
STRIDE = 12


def small_engine() -> Engine:
    torch.manual_seed(0)
    return Engine(MCOENet(SMALL), device=torch.device("cpu"), backbone="torch", threads=1)


@pytest.fixture(scope="module", params=[synthetic, demo], ids=lambda make: make.__name__)
def recording(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("library") / "recording.aedat4"
    request.param(path)
    return path


@pytest.fixture
def net() -> Network:
    return Network(small_engine(), STRIDE)


def same(a: list[mcoe.Result], b: list[mcoe.Result]) -> None:
    assert len(a) == len(b) > 0
    for one, two in zip(a, b, strict=True):
        assert (one.window.t1_us, one.older.t1_us) == (two.window.t1_us, two.older.t1_us)
        for field in dataclasses.fields(mcoe.Prediction):
            np.testing.assert_array_equal(getattr(one.prediction, field.name), getattr(two.prediction, field.name))


def test_read_equals_the_headless_run_bit_for_bit(net: Network, recording: Path, tmp_path: Path) -> None:
    run_headless(lambda: open_replay(recording), small_engine, tmp_path / "headless.csv", STRIDE)
    results = list(net.read(recording))
    assert csv_lines(results, head=True, latency=False) == (tmp_path / "headless.csv").read_text()
    assert len({r.prediction.probabilities.tobytes() for r in results}) == len(results)


def test_an_open_source_stays_open_and_a_name_does_not(net: Network) -> None:
    source = FakeSource()
    fake = Network(FakeEngine(), STRIDE)
    assert len(list(fake.read(source))) == 30
    assert not source.closed.is_set()


def test_what_was_read_before_changes_no_bit(net: Network, recording: Path) -> None:
    first = list(net.read(recording))
    with contextlib.closing(open_replay(recording)) as source:
        again = [b for _, b in zip(net.read(recording, roi=(3, 2, 40)), net.read(source), strict=True)]
    same(again, first)
    assert {r.window.epoch for r in first}.isdisjoint(r.window.epoch for r in again)


def arrays(recording: Path) -> tuple[np.ndarray, list[int], np.ndarray]:
    read = []
    with contextlib.closing(open_replay(recording)) as source:
        while (packet := source.read()) is not None:
            read.append(packet)
    frames = [p for p in read if isinstance(p, Frame)]
    events = join_events([p for p in read if not isinstance(p, Frame)])
    return np.stack([f.image for f in frames]), [f.end_us for f in frames], events


def test_predict_equals_read(net: Network, recording: Path) -> None:
    frames, times, events = arrays(recording)
    before = events.copy()
    same(net.predict(frames, times, events), list(net.read(recording)))
    columns = np.stack([events[name].astype(np.int64) for name in ("timestamp", "x", "y", "polarity")], 1)
    view = {"roi": (3, 2, 40), "mirror": True}
    same(net.predict(frames, times, columns, **view), list(net.read(recording, **view)))  # type: ignore[arg-type]
    np.testing.assert_array_equal(events, before)


def test_frames_alone_and_events_alone(net: Network, recording: Path) -> None:
    frames, times, events = arrays(recording)
    assert [r.window.t1_us for r in net.predict(frames, times)] == times
    size = (frames.shape[2], frames.shape[1])
    alone = net.predict(None, None, events, sensor=size)
    assert all(r.prediction.cam_rgb is None and r.prediction.cam_event is not None for r in alone)
    source = FakeSource([events[i : i + 500] for i in range(0, len(events), 500)])
    source.info = dataclasses.replace(source.info, size=size, start_us=int(events["timestamp"][0]))
    same(alone, list(net.read(source)))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ((None, None, None), "neither"),
        ((np.zeros((2, 4, 5)), [1, 2]), "float64"),
        ((np.zeros((2, 4, 5), np.uint8), [1]), "2 frames"),
        ((np.zeros((2, 4, 5), np.uint8), [2, 2]), "do not rise"),
        ((None, None, np.zeros((3, 4))), "sensor="),
        ((np.zeros((1, 4, 5), np.uint8), [9], np.zeros((3, 3))), r"\(N, 4\)"),
        ((np.zeros((1, 4, 5), np.uint8), [9], [[5, 1, 1, 1], [4, 1, 1, 1]]), "not ordered"),
        ((np.zeros((1, 4, 5), np.uint8), [9], [[4, 1, 65_537, 1]]), "outside the 5 . 4"),
        ((np.zeros((1, 4, 5), np.uint8), [9], [[np.nan, 1, 1, 1], [4, 1, 1, 1]]), "not ordered"),
    ],
)
def test_bad_arrays_are_told(given: tuple[object, ...], words: str) -> None:
    with pytest.raises(mcoe.McoeError, match=words):
        Network(FakeEngine(), STRIDE).predict(*given)  # type: ignore[arg-type]


def test_a_square_outside_the_sensor_a_live_source_and_an_absent_file_are_told() -> None:
    net = Network(FakeEngine(), STRIDE)
    with pytest.raises(mcoe.McoeError, match="does not lie inside"):
        list(net.read(FakeSource(), roi=(20, 0, 20)))
    with pytest.raises(mcoe.McoeError, match="live"):
        list(net.read(FakeSource(live=True)))
    with pytest.raises(mcoe.McoeError, match=r"absent\.aedat4"):
        list(net.read("absent.aedat4"))


def test_a_file_is_closed_when_reading_is_broken_off(recording: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = FakeSource()
    monkeypatch.setattr("mcoe.live.library.open_replay", lambda path: opened)
    reading = Network(FakeEngine(), STRIDE).read("a.aedat4")
    next(reading)
    assert not opened.closed.is_set()
    reading.close()  # type: ignore[attr-defined]
    assert opened.closed.is_set()


def test_load_builds_what_main_builds(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    monkeypatch.setattr("mcoe.live.library.build_engine", lambda options: seen.append(options) or build_engine(options))
    net = mcoe.load(device="cpu", backbone="torch", threads=1)
    assert net.info.trained
    assert net.info.facts is not None
    assert net.stride == net.info.facts.stride
    assert mcoe.load(device="cpu", backbone="torch", stride=5, untrained=True).stride == 5
    assert [(o.weights, o.untrained) for o in seen] == [(None, False), (None, True)]
    with pytest.raises(mcoe.McoeError, match="does not exist"):
        mcoe.load("absent.safetensors")


def test_every_public_name_is_there_documented_and_typed() -> None:
    assert set(mcoe.__all__) == set(mcoe._PLACES) <= set(dir(mcoe))
    for name in mcoe.__all__:
        value = getattr(mcoe, name)
        assert name == "EMOTIONS" or value.__doc__
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = mcoe.nonsense


def test_the_page_about_the_library_runs_word_for_word(tmp_path: Path) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```", (ROOT / "docs" / "library.md").read_text(), re.S | re.M)
    assert len(blocks) == 2
    assert len([line for line in blocks[0].splitlines() if line]) <= 10, "the front door fits in ten lines"
    check = [
        "shape = (*results[-1].window.frame.image.shape, 3)",
        "assert (str(picture.dtype), picture.shape) == ('uint8', shape)",
        "assert len(said) == 20",
    ]
    done = subprocess.run(
        [sys.executable, "-c", "\n".join([*blocks, *check])],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert not done.returncode, done.stderr
    lines = (tmp_path / "predictions.csv").read_text().splitlines()
    said = [line for line in done.stdout.splitlines() if re.fullmatch(r"[\d.]+ s: \w+", line)]
    assert len(said) == len(lines) - 1 > 50
