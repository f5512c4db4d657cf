"""Training learns, and a killed run ends where an uninterrupted one does."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import time
import types
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import SHORT, SIZE, TINY

from mcoe.calibration import fit_temperature
from mcoe.data.clips import clip_set
from mcoe.data.pack import open_or_build
from mcoe.errors import McoeError
from mcoe.metrics import scores
from mcoe.model.network import MCOENet
from mcoe.model.weights import load_weights, read_metadata
from mcoe.predict import clip_logits, predict_clips
from mcoe.train import main
from mcoe.train.feed import Feed
from mcoe.train.loop import Trainer, load_backbones
from mcoe.train.options import build_config


def train(data: Path, runs: Path, *more: str, epochs: int = 2, config: list[str] = TINY) -> Path:
    words = ["--data", str(data), "--runs", str(runs), "--epochs", str(epochs), *SHORT, *more, "--config", *config]
    assert main(words) == 0
    return runs


def history(run: Path) -> list[dict]:
    return [json.loads(line) for line in (run / "history.jsonl").read_text().splitlines()]


def steady(entries: list[dict]) -> list[dict]:
    return [{k: v for k, v in e.items() if k != "clips_per_s"} for e in entries]


def test_it_learns(data: Path, trained: Path) -> None:
    entries = history(trained)
    assert entries[-1]["cross_entropy"] < 0.7 * entries[0]["cross_entropy"]
    net, metadata = load_weights(trained / "best.safetensors")
    pack = open_or_build(data, size=SIZE)
    clips = clip_set(pack, pack.subset("testing"), 3)
    # Three classes: chance is a third, and the test subject was never seen.
    assert clips.sequences[0].skin == ""  # a real set tells none
    assert scores(predict_clips(net, Feed(pack, torch.device("cpu"), 400_000), clips))["WAR"] > 0.6
    assert metadata["training"]["lr"] == 0.003
    assert metadata["training"]["seed"] == 0
    assert metadata["data"]["origin"] == "test"
    assert not set(metadata["validation_subjects"]) & {s.subject for s in clips.sequences}


def test_what_is_logged(trained: Path) -> None:
    entries = history(trained)
    assert [e["epoch"] for e in entries] == list(range(10))
    for entry in entries:
        assert sum(entry["router_load"]) == pytest.approx(2)  # k experts per clip
        assert sum(entry["router_gate"]) == pytest.approx(1, abs=1e-4)
        parts = entry["cross_entropy"] + entry["orthogonal_loss"] + 0.05 * entry["balance_loss"]
        assert entry["loss"] == pytest.approx(parts, rel=1e-4)
        assert 0 <= entry["val_WAR"] <= 1
    assert list((trained / "tensorboard").glob("events.out.tfevents*"))


def test_a_killed_run_ends_where_an_uninterrupted_one_does(data: Path, tmp_path: Path) -> None:
    words = ["--data", str(data), "--epochs", "2", *SHORT, "--checkpoint-minutes", "0", "--config", *TINY]
    command = [sys.executable, "-m", "mcoe.train", "--runs", str(tmp_path / "killed"), *words]
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    checkpoint = tmp_path / "killed" / "mcoe" / "last.ckpt"
    deadline = time.monotonic() + 120
    while not checkpoint.exists() and child.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    child.send_signal(signal.SIGKILL)
    assert child.communicate()[1] is not None
    assert child.returncode == -signal.SIGKILL, "the run ended before it could be killed"
    assert len(history(tmp_path / "killed" / "mcoe")) < 2

    assert main(["--runs", str(tmp_path / "killed"), *words]) == 0
    assert main(["--runs", str(tmp_path / "whole"), *words]) == 0
    killed, whole = tmp_path / "killed" / "mcoe", tmp_path / "whole" / "mcoe"
    assert steady(history(killed)) == steady(history(whole))
    ours, theirs = (torch.load(run / "last.ckpt", weights_only=True) for run in (killed, whole))
    for part in ("net", "ema"):
        assert all(torch.equal(ours[part][k], theirs[part][k]) for k in ours[part])
    best = [load_weights(run / "best.safetensors")[0].state_dict() for run in (killed, whole)]
    assert all(torch.equal(best[0][k], best[1][k]) for k in best[0])


def test_a_run_is_not_resumed_with_other_options(data: Path, tmp_path: Path) -> None:
    train(data, tmp_path, epochs=1)
    with pytest.raises(McoeError, match=r"holds a run with --seed 0"):
        train(data, tmp_path, "--seed", "1", epochs=1)
    with pytest.raises(McoeError, match=r"another network"):
        train(data, tmp_path, epochs=1, config=[*TINY, "d=24"])
    (tmp_path / "mcoe" / "last.ckpt").write_bytes(b"cut")
    with pytest.raises(McoeError, match=r"is damaged; delete it"):
        train(data, tmp_path, epochs=1)


def test_two_processes_train_one_network(data: Path, tmp_path: Path) -> None:
    words = ["--data", str(data), "--runs", str(tmp_path), "--epochs", "2", *SHORT, "--config", *TINY]
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2", "-m", "mcoe.train"]
    env = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run([*command, *words], capture_output=True, text=True, timeout=240, env=env)
    assert done.returncode == 0, done.stderr[-3000:]
    entries = history(tmp_path / "mcoe")
    assert len(entries) == 2
    assert sum(entries[0]["router_load"]) == pytest.approx(2)
    assert read_metadata(tmp_path / "mcoe" / "best.safetensors")["processes"] == 2


def test_early_stopping_counts_epochs_without_gain(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Trainer, "_validate", lambda self: {"score": -float(self.progress.epoch)})
    train(data, tmp_path, "--patience", "1", epochs=9)
    assert len(history(tmp_path / "mcoe")) == 2


def test_half_precision_backbones_train(data: Path, tmp_path: Path) -> None:
    train(data, tmp_path, "--precision", "bf16", epochs=1)
    assert np.isfinite(history(tmp_path / "mcoe")[0]["loss"])


def test_a_time_budget_ends_a_run_with_its_schedule(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = itertools.count()
    clock = types.SimpleNamespace(monotonic=lambda: 0.2 * next(ticks))  # a fifth of a second at every look
    monkeypatch.setattr("mcoe.train.loop.time", clock)
    train(data, tmp_path, "--time-budget", "0.1", epochs=1000)
    entries = history(tmp_path / "mcoe")
    assert 2 < len(entries) < 10
    assert entries[-1]["lr"] < 0.15 * max(e["lr"] for e in entries)


@pytest.mark.parametrize("row", ["2.A", "2.B", "2.C", "2.F", "6.A"])
def test_ablations_train(data: Path, tmp_path: Path, row: str) -> None:
    train(data, tmp_path, "--ablation", row, epochs=1)
    net, _ = load_weights(tmp_path / row / "best.safetensors")
    assert net.config.modality == {"2.A": "rgb", "2.B": "event"}.get(row, "both")


def test_backbone_weights_start_both_backbones(data: Path, tmp_path: Path) -> None:
    source = MCOENet(build_config(TINY)).backbone("rgb").state_dict()
    torch.save({**source, "fc.weight": torch.zeros(1000, 512)}, tmp_path / "resnet18.pth")
    net = MCOENet(build_config(TINY))
    load_backbones(net, tmp_path / "resnet18.pth")
    for modality in ("rgb", "event"):
        assert torch.equal(net.backbone(modality).layer4[1].conv2.weight, source["layer4.1.conv2.weight"])
    (tmp_path / "bad.pth").write_bytes(b"nothing")
    with pytest.raises(McoeError, match=r"cannot be read"):
        load_backbones(net, tmp_path / "bad.pth")
    train(data, tmp_path, "--backbone-weights", str(tmp_path / "resnet18.pth"), epochs=1)
    assert read_metadata(tmp_path / "mcoe" / "best.safetensors")["config"]["rgb_mean"][0] == pytest.approx(0.485)


def test_a_run_with_all_of_its_defaults(data: Path, tmp_path: Path) -> None:
    words = ["--data", str(data), "--runs", str(tmp_path), "--epochs", "1", "--stride", "3", "--batch", "8"]
    assert main([*words, "--threads", "1", "--smoothing", "0.1", "--config", *TINY]) == 0
    entry = history(tmp_path / "mcoe")[0]
    # The loss of each stream's own reading comes on top.
    both = entry["cross_entropy"] + entry["orthogonal_loss"] + 0.05 * entry["balance_loss"]
    assert entry["loss"] > both + 0.5
    assert sum(entry["router_load"]) == pytest.approx(2)
    metadata = read_metadata(tmp_path / "mcoe" / "best.safetensors")
    assert metadata["training"]["window_us"] == 400_000
    assert metadata["config"]["rgb_norm"] == "frame"


def test_the_temperature_is_fitted_on_the_held_out_subjects(data: Path, trained: Path) -> None:
    net, metadata = load_weights(trained / "best.safetensors")
    pack = open_or_build(data, size=SIZE)
    held = [s for s in pack.subset("training") if s.subject in metadata["validation_subjects"]]
    clips = clip_set(pack, held, 3)
    rows, index = clips.spread(4)
    logits = clip_logits(net, Feed(pack, torch.device("cpu"), 400_000), rows)
    assert metadata["temperature"] == pytest.approx(fit_temperature(logits, clips.labels[index]), rel=0.01)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("tighter", "0.5"), ("wider", "9"), ("mirror", "2"), ("erase", "-1"), ("own", "-1"), ("shift", "0.6"),
        ("window-us", "0"), ("smoothing", "1"),
    ],
)  # fmt: skip
def test_options_that_make_no_sense_are_named(data: Path, tmp_path: Path, option: str, value: str) -> None:
    with pytest.raises(McoeError, match=f"--{option}"):
        main(["--data", str(data), "--runs", str(tmp_path), f"--{option}", value])


def test_config_overrides(tmp_path: Path) -> None:
    (tmp_path / "c.json").write_text('{"d": 64, "experts": ["focal", "deep"]}')
    config = build_config([str(tmp_path / "c.json"), "tokens=pooled", "d=32"], "6.A")
    assert (config.d, config.tokens, config.experts, config.top_k) == (32, "pooled", ("focal", "deep"), 1)
    for words, ablation in ((["width=3"], None), (["c.txt"], None), ([], "9.Z"), (["d=x"], None)):
        with pytest.raises(McoeError):
            build_config(words, ablation)
