"""The command line as a user types it: good runs end well, bad input gets one sentence and exit code 2."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from app.cli import main
from mcoe.core.words import EMOTIONS
from mcoe.live.bundled import default_recording
from mcoe.model.config import ModelConfig
from mcoe.model.network import MCOENet
from mcoe.model.weights import save_weights
from tests.live.fakes import FakeEngine, FakeSource
from tests.shared import recording

ROOT = Path(__file__).resolve().parents[1]


def run(*args: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "main.py", *map(str, args)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=240, check=False)


def refused(result: subprocess.CompletedProcess[str], *words: str) -> None:
    assert result.returncode == 2, result.stderr
    told(result.stderr, *words)


def told(stderr: str, *words: str) -> None:
    lines = stderr.strip().splitlines()
    assert len(lines) == 1, stderr
    for word in words:
        assert word in lines[0]


def test_headless_on_the_davis_recording(tmp_path: Path) -> None:
    out = tmp_path / "predictions.csv"
    result = run("--headless", "--replay", recording("davis346_street_events_frames_imu.aedat4"), "--out", out)
    assert result.returncode == 0, result.stderr
    rows = list(csv.DictReader(out.read_text().splitlines()))
    assert len(rows) == 59
    assert [int(r["index"]) for r in rows] == list(range(59))
    for r in rows:
        shares = [float(r[e]) for e in EMOTIONS]
        assert sum(shares) == pytest.approx(1, abs=1e-5)
        assert r["emotion"] == EMOTIONS[max(range(7), key=shares.__getitem__)]
    assert len({r["happy"] for r in rows}) > 50


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--nonsense"], ["--nonsense", "--help"]),
        (["--speed", "9"], ["--speed", "0.1"]),
        (["--stride", "0"], ["--stride"]),
        (["--threads", "0"], ["--threads"]),
        (["--headless"], ["--replay", "--out"]),
        (["--out", "x.csv"], ["--headless"]),
        (["--device", "tpu"], ["tpu"]),
    ],
)
def test_bad_options(args: list[str], words: list[str]) -> None:
    refused(run(*args), *words)


def test_bad_files(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "p.csv"
    empty, text = (tmp_path / name for name in ("empty.aedat4", "text.aedat4"))
    empty.touch()
    text.write_text("these are not events\n" * 100)
    for path in (tmp_path / "missing.aedat4", empty, text, tmp_path):
        assert main(["--headless", "--replay", str(path), "--out", str(out)]) == 2
        told(capfd.readouterr().err, path.name)


def test_a_cut_recording_is_read_up_to_the_cut(tmp_path: Path) -> None:
    whole, cut, outs = default_recording(), tmp_path / "cut.aedat4", [tmp_path / "whole.csv", tmp_path / "cut.csv"]
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    for path, out in zip((whole, cut), outs, strict=True):
        assert main(["--headless", "--replay", str(path), "--out", str(out)]) == 0
    lines, fewer = (out.read_text().splitlines() for out in outs)
    assert 10 < len(fewer) < len(lines)
    assert fewer[:-1] == lines[: len(fewer) - 1]


def test_an_unwritable_out_is_named(tmp_path: Path) -> None:
    out = tmp_path / "no" / "folder" / "p.csv"
    refused(run("--headless", "--replay", default_recording(), "--out", out), str(out))


def test_missing_weights_are_named(tmp_path: Path) -> None:
    headless = ("--headless", "--replay", default_recording(), "--out", tmp_path / "p.csv")
    weights = tmp_path / "none.safetensors"
    refused(run(*headless, "--weights", weights), weights.name)
    weights.write_bytes(b"PK\x03\x04 a zipped pickle")
    refused(run(*headless, "--weights", weights), weights.name, "pickle")


def test_headless_pairs_frames_as_the_weights_were_trained(tmp_path: Path) -> None:
    weights, outs = tmp_path / "w.safetensors", [tmp_path / f"{name}.csv" for name in "abc"]
    torch.manual_seed(1)
    net = MCOENet(ModelConfig(size=32, d=16, heads=2, d_state=4, focal_width=8, deep_layers=1))
    save_weights(weights, net, {"training": {"stride": 5}, "validation": {"epoch": 0}})
    headless = ["--headless", "--replay", str(default_recording()), "--weights", str(weights), "--backbone", "torch"]
    for out, more in zip(outs, ([], ["--stride", "5"], ["--stride", "9"]), strict=True):
        assert main([*headless, "--out", str(out), *more]) == 0
    trained, same, other = (out.read_text() for out in outs)
    assert trained == same
    assert trained != other


def test_help_lists_every_option() -> None:
    result = run("--help")
    assert result.returncode == 0
    for option in ("--replay", "--headless", "--out", "--weights", "--mask", "--scan"):
        assert option in result.stdout


def test_what_a_headless_run_left_out_is_told_in_one_sentence(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    source = FakeSource()
    source.dropped_frames = 29  # type: ignore[attr-defined]
    monkeypatch.setattr("mcoe.capture.replay.open_replay", lambda path: source)
    monkeypatch.setattr("mcoe.live.engine.build.build_engine", lambda options: FakeEngine())
    assert main(["--headless", "--replay", str(default_recording()), "--out", str(tmp_path / "p.csv")]) == 0
    told(capfd.readouterr().err, "Left out: 29 frames")
