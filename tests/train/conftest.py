"""A tiny data set in the real one's layout: a moving bar whose direction is the emotion, seen by frames and events."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from mcoe.data.pack import open_or_build
from mcoe.train import main

SENSOR = (48, 40)  # width, height
EMOTION_FOLDERS = {"happiness": "happiness", "sadness": "sadness", "angry": "angry", "neutral": "neutraL"}
LIGHTINGS = {"normal": 1.0, "Overexposed": 1.6, "Low": 0.25, "HDR": 1.2}

#: A network and a run small enough for a test; the backbones stay ResNet-18.
SIZE = 32
TINY = [f"size={SIZE}", "d=16", "heads=2", "d_state=4", "focal_width=8", "deep_layers=1"]
SHORT = ["--stride", "3", "--clips", "2", "--batch", "8", "--checkpoint-minutes", "60", "--threads", "1"]
#: The bar of a tiny set leaves a tight crop: as it is framed, both streams or one of them.
SHORT += ["--tighter", "1.1", "--wider", "1.1", "--shift", "0.06", "--mirror", "0", "--erase", "0"]
SHORT += ["--exposure", "0.5", "--own", "0", "--lose", "0.2"]

MakeSet = Callable[..., Path]


def bar_image(emotion: str, phase: float, gain: float, rng: np.random.Generator) -> np.ndarray:
    """Return a grey image: the emotion sets the bar's direction, ``phase`` 0..1 its place."""
    width, height = SENSOR
    y, x = np.mgrid[:height, :width]
    coordinate = {"happiness": x, "sadness": y, "angry": (x + y) / 1.4, "neutral": np.hypot(x - 24, y - 20)}[emotion]
    span = {"happiness": width, "sadness": height, "angry": 60, "neutral": 24}[emotion]
    image = 60 + 120 * (np.abs(coordinate - phase * span) < 4)
    return np.clip(image * gain + rng.normal(0, 2, image.shape), 0, 255).astype(np.uint8)


def write_sequence(root: Path, name: str, emotion: str, gain: float, frames: int, raw: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    start, columns = rng.uniform(0, 0.3), []
    folders = [root / kind / EMOTION_FOLDERS[emotion] / name for kind in ("frame", "event")]
    for folder in folders:
        folder.mkdir(parents=True)
    before = None
    ends = 50_000 + 33_333 * np.arange(frames)
    for i in range(frames):
        image = bar_image(emotion, start + 0.6 * i / frames, gain, rng)
        change = np.zeros(image.shape, int) if before is None else image.astype(int) - before
        fired = np.where(np.abs(change) > 20 * gain, np.sign(change), 0)
        y, x = np.nonzero(fired)
        times = np.sort(rng.integers(ends[i] - 30_000, ends[i], len(x)))
        columns.append(np.stack([times, x, y, fired[y, x] > 0]))
        before = image.astype(int)
        for folder, picture in zip(folders, (image, (128 + 127 * fired).astype(np.uint8)), strict=True):
            cv2.imwrite(str(folder / f"{i:05d}.jpg"), picture, [cv2.IMWRITE_JPEG_QUALITY, 95])
    if raw:
        (root / "raw").mkdir(exist_ok=True)
        t, x, y, p = np.concatenate(columns, 1)
        np.savez(
            root / "raw" / f"{name}.npz",
            timestamp=t.astype(np.int64),
            x=x.astype(np.int16),
            y=y.astype(np.int16),
            polarity=p.astype(np.int8),
            frame_end_us=ends.astype(np.int64),
        )


@pytest.fixture(scope="session")
def make_set() -> MakeSet:
    """Return a function that writes a set into a folder: ``make_set(root, subjects=…, testing=…, …)``."""

    def make(
        root: Path,
        *,
        subjects: int = 4,
        testing: int = 1,
        emotions: tuple[str, ...] = ("happiness", "sadness", "angry"),
        lightings: tuple[str, ...] = ("normal", "Low"),
        frames: int = 16,
        raw: bool = True,
    ) -> Path:
        database = {}
        for subject in range(subjects):
            for e, emotion in enumerate(emotions):
                for lighting in lightings:
                    name = f"seq_{subject}_F_30_2_{lighting}_{emotion}_{frames}_1"
                    seed = subject * 100 + e * 10 + list(LIGHTINGS).index(lighting)
                    write_sequence(root, name, emotion, LIGHTINGS[lighting], frames, raw, seed)
                    database[name] = {
                        "subset": "testing" if subject >= subjects - testing else "training",
                        "annotations": {"label": emotion, "segment": [0, frames]},
                    }
        index = {"labels": list(emotions), "database": database, "origin": "test"}
        (root / "emotion.json").write_text(json.dumps(index))
        return root

    return make


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory, make_set: MakeSet) -> Path:
    """A set of five subjects, the last for testing, packed."""
    root = make_set(tmp_path_factory.mktemp("set"), subjects=5, testing=1)
    open_or_build(root, size=SIZE, workers=1)
    return root


@pytest.fixture(scope="session")
def trained(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that has learnt something."""
    runs = tmp_path_factory.mktemp("runs")
    words = ["--data", str(data), "--runs", str(runs), "--epochs", "10", "--lr", "0.003", "--ema", "0.9"]
    assert main([*words, *SHORT, "--config", *TINY]) == 0
    return runs / "mcoe"


@pytest.fixture(autouse=True)
def same_threads():
    """Training sets the process's thread count."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)
