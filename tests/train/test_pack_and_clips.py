"""A pack holds the live path's own tensors; clips are pairs, drawn by seed alone."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from mcoe.data.augment import AugmentConfig, augment, lose_modality
from mcoe.data.clips import clip_set, split_subjects
from mcoe.data.layout import read_image, read_layout, read_raw
from mcoe.data.pack import decode_rgb, decode_voxel, event_image_voxel, framed, open_or_build, open_pack
from mcoe.errors import McoeError
from mcoe.events.roi import default_roi, rgb_input, voxel_input

SIZE = 20


def test_a_pack_holds_what_the_live_path_computes(tmp_path: Path, make_set) -> None:
    root = make_set(tmp_path / "set", subjects=1, testing=0, emotions=("happiness",), lightings=("Low",))
    pack = open_or_build(root, size=SIZE, workers=1)
    sequence, packed = read_layout(root)[0][0], pack.sequences[0]
    events, ends = read_raw(sequence.raw)  # type: ignore[arg-type]
    roi, end = default_roi((48, 40)), int(ends[7])
    image = read_image(sequence.frames[7])
    assert image is not None
    live_rgb = torch.from_numpy(rgb_input(image, roi, SIZE))
    before = int(ends[6])
    live_voxel = torch.from_numpy(
        voxel_input(events[events["timestamp"] >= before], (before, end), (48, 40), roi, SIZE)
    )
    row = packed.first + 7
    rgb, voxel = (torch.from_numpy(a[row : row + 1].copy()) for a in (pack.frames, pack.voxels))
    assert pack.times[row].tolist() == [before, end]
    assert pack.valid.all()
    assert rgb.shape == (1, 1, SIZE, SIZE)
    # Half a step of the stored square root, which is what the module's text promises.
    assert ((decode_rgb(rgb)[0].sqrt() - live_rgb[:1].sqrt()).abs() <= 0.5 / 255 + 1e-6).all()
    assert live_voxel.abs().max() > 0.2
    assert (decode_voxel(voxel)[0] - live_voxel).abs().max() < 0.03
    assert (decode_voxel(voxel)[0][live_voxel == 0] == 0).all()


def test_event_images_stand_in_for_raw_events(tmp_path: Path, make_set) -> None:
    root = make_set(tmp_path / "set", subjects=1, testing=0, emotions=("happiness",), raw=False)
    pack = open_or_build(root, size=SIZE, workers=1)
    assert pack.valid.all()
    voxel = decode_voxel(torch.from_numpy(pack.voxels[5].copy()))
    assert (pack.times[6:9, 0] == pack.times[5:8, 1]).all()
    assert (voxel[0] == voxel[1]).all()
    assert voxel.max() > 0.1
    assert voxel.min() < -0.1
    image = np.full((40, 40), 128, np.uint8)
    image[:20] = 255
    grid = event_image_voxel(image, SIZE, 3)
    assert grid.sum(0)[0, 0] == pytest.approx(1)
    assert grid.sum(0)[-1, -1] == 0


def test_damaged_files_are_counted_and_no_clip_uses_them(tmp_path: Path, make_set) -> None:
    root = make_set(tmp_path / "set", subjects=1, testing=0, lightings=("normal",))
    folder = next((root / "frame" / "happiness").iterdir())
    (folder / "00003.jpg").write_bytes(b"broken")
    raw = next((root / "raw").glob("*sadness*"))
    raw.write_bytes(raw.read_bytes()[:200])
    pack = open_or_build(root, size=SIZE, workers=1)
    reasons = dict(pack.skipped.entries)
    assert reasons[f"{folder.name} frame 3"] == "damaged frame"
    assert "damaged event file" in reasons[str(raw)]
    happy = next(s for s in pack.sequences if s.name == folder.name)
    clips = clip_set(pack, [happy], stride=3)
    assert happy.first + 3 not in clips.pairs[0]
    assert len(clips.pairs[0]) == 16 - 3 - 2


def test_a_killed_build_goes_on_where_it_stopped(tmp_path: Path, make_set, monkeypatch: pytest.MonkeyPatch) -> None:
    root = make_set(tmp_path / "set", subjects=2, lightings=("normal",))
    whole = open_or_build(root, tmp_path / "whole", size=SIZE, workers=1)
    import mcoe.data.pack as module

    original, calls = module._pack_sequence, []

    def dies_at_the_third(job):  # type: ignore[no-untyped-def]
        calls.append(job[1].name)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return original(job)

    monkeypatch.setattr(module, "_pack_sequence", dies_at_the_third)
    with pytest.raises(KeyboardInterrupt):
        open_or_build(root, tmp_path / "cut", size=SIZE, workers=1)
    calls.extend(["again"] * 3)
    with (tmp_path / "cut" / "done.jsonl").open("a") as log:
        log.write('{"name": "half')
    with pytest.raises(McoeError, match="damaged"):
        open_pack(tmp_path / "cut")
    resumed = open_or_build(root, tmp_path / "cut", size=SIZE, workers=1)
    assert len(calls) == 3 + 3 + 4  # two of six were already there
    assert (resumed.frames == whole.frames).all()
    assert (resumed.voxels == whole.voxels).all()
    assert resumed.valid.all()


def test_two_processes_pack_what_one_does(tmp_path: Path, make_set) -> None:
    root = make_set(tmp_path / "set", subjects=2, lightings=("normal",), frames=4)
    one = open_or_build(root, tmp_path / "one", size=SIZE, workers=1)
    two = open_or_build(root, tmp_path / "two", size=SIZE, workers=2)
    assert (one.frames == two.frames).all()
    assert (one.voxels == two.voxels).all()


def test_a_pack_of_another_set_or_size_is_refused(tmp_path: Path, make_set) -> None:
    root = make_set(tmp_path / "set", subjects=1, testing=0, emotions=("happiness",))
    pack = open_or_build(root, size=SIZE, workers=1)
    with pytest.raises(McoeError, match="holds 20 px"):
        open_pack(pack.root, size=100, bins=3)
    next((root / "frame").rglob("00015.jpg")).unlink()
    with pytest.raises(McoeError, match="another state"):
        open_or_build(root, size=SIZE, workers=1)
    with pytest.raises(McoeError, match="no testing sequence"):
        pack.subset("testing")


def test_pairs_lie_a_stride_apart_and_short_sequences_are_named(tmp_path: Path, make_set) -> None:
    root = make_set(tmp_path / "set", subjects=1, testing=0, emotions=("happiness",), lightings=("normal",))
    pack = open_or_build(root, size=SIZE, workers=1)
    clips = clip_set(pack, pack.sequences, stride=12)
    assert clips.pairs[0].tolist() == [[0, 12], [1, 13], [2, 14], [3, 15]]
    assert not clips.short
    long = clip_set(pack, pack.sequences, stride=40)
    assert long.pairs[0].tolist() == [[0, 15]]
    assert long.short == (pack.sequences[0].name,)
    rows, index = clips.spread(2)
    assert rows.tolist() == [[0, 12], [3, 15]]
    assert index.tolist() == [0, 0]


def test_the_newer_frame_lies_in_the_segment(tmp_path: Path, make_set) -> None:
    root = make_set(tmp_path / "set", subjects=1, testing=0, emotions=("happiness",), lightings=("normal",))
    index = json.loads((root / "emotion.json").read_text())
    entry = next(iter(index["database"].values()))["annotations"]
    for segment, newer in (([5, 7], [5, 6, 7]), ([0, 1], list(range(3, 16)))):
        entry["segment"] = segment
        (root / "emotion.json").write_text(json.dumps(index))
        pack = open_or_build(root, tmp_path / f"pack{segment[0]}", size=SIZE, workers=1)
        assert clip_set(pack, pack.sequences, stride=3).pairs[0].tolist() == [[n - 3, n] for n in newer]


def test_an_epoch_hangs_on_seed_and_number_alone(tmp_path: Path, make_set) -> None:
    root = make_set(tmp_path / "set")
    pack = open_or_build(root, size=SIZE, workers=1)
    clips = clip_set(pack, pack.subset("training"), stride=3)
    rows, labels = clips.epoch(5, 2, 3)
    again, _ = clips.epoch(5, 2, 3)
    other, _ = clips.epoch(5, 3, 3)
    assert (rows == again).all()
    assert not (rows == other).all()
    assert len(rows) == 3 * len(clips.sequences)
    owner = {row: s.label for s in clips.sequences for row in range(s.first, s.first + 16)}
    assert all(owner[int(row[0])] == label == owner[int(row[1])] for row, label in zip(rows, labels, strict=True))


def test_no_subject_is_in_both_splits(tmp_path: Path, make_set) -> None:
    pack = open_or_build(make_set(tmp_path / "set"), size=SIZE, workers=1)
    training, validation = split_subjects(pack.subset("training"), 0.1, seed=3)
    assert training
    assert validation
    assert not {s.subject for s in training} & {s.subject for s in validation}
    assert split_subjects(pack.subset("training"), 0.0, seed=3)[1] == []


def test_augmentation_is_bounded_seeded_and_leaves_its_input_alone() -> None:
    rgb, voxel = torch.rand(6, 2, 1, SIZE, SIZE), torch.randn(6, 2, 3, SIZE, SIZE)
    before = rgb.clone(), voxel.clone()
    out = augment(rgb, voxel, AugmentConfig(), torch.Generator().manual_seed(1))
    again = augment(rgb, voxel, AugmentConfig(), torch.Generator().manual_seed(1))
    other = augment(rgb, voxel, AugmentConfig(), torch.Generator().manual_seed(2))
    assert all(torch.equal(a, b) for a, b in zip(out, again, strict=True))
    assert not torch.equal(out[0], other[0])
    assert torch.equal(rgb, before[0])
    assert torch.equal(voxel, before[1])
    assert out[0].min() >= 0
    assert out[0].max() <= 1
    assert [t.shape for t in out] == [rgb.shape, voxel.shape]


def test_augmentation_of_strength_zero_changes_nothing() -> None:
    rgb, voxel = torch.rand(2, 2, 1, SIZE, SIZE), torch.randn(2, 2, 3, SIZE, SIZE)
    out = augment(rgb, voxel, AugmentConfig().times(0.0), torch.Generator().manual_seed(1))
    torch.testing.assert_close(out[0], rgb, atol=1e-5, rtol=0)
    torch.testing.assert_close(out[1], voxel, atol=1e-5, rtol=0)


def test_frames_and_events_move_together() -> None:
    spot = torch.zeros(1, 2, 1, SIZE, SIZE)
    spot[..., 8:11, 8:11] = 1
    only_geometry = replace(AugmentConfig().times(0.0), tighter=1.3, wider=1.3, turn=15.0, shift=0.2, slip=0.05)
    rgb, voxel = augment(spot, spot.expand(-1, -1, 3, -1, -1), only_geometry, torch.Generator().manual_seed(4))
    torch.testing.assert_close(rgb.expand_as(voxel), voxel)
    assert not torch.allclose(rgb, spot)


def test_zoom_reaches_its_two_bounds_and_no_further() -> None:
    size = 64
    disc = (torch.hypot(*torch.meshgrid(*[torch.arange(size) - size / 2 + 0.5] * 2, indexing="ij")) < 12).float()
    config = replace(AugmentConfig().times(0.0), tighter=2.0, wider=1.25)
    rgb = disc.expand(500, 1, 1, size, size)
    out, _ = augment(rgb, torch.zeros_like(rgb), config, torch.Generator().manual_seed(1))
    factors = (out.sum((1, 2, 3, 4)) / disc.sum()).sqrt()
    assert factors.max() == pytest.approx(2.0, rel=0.03)
    assert factors.min() == pytest.approx(1 / 1.25, rel=0.03)


def test_a_mirrored_clip_is_the_other_eye() -> None:
    rgb, voxel = torch.rand(8, 2, 1, SIZE, SIZE), torch.randn(8, 2, 3, SIZE, SIZE)
    still = AugmentConfig().times(0.0)
    out = augment(rgb, voxel, replace(still, mirror=1.0), torch.Generator().manual_seed(1))
    torch.testing.assert_close(out[0], rgb.flip(-1), atol=1e-5, rtol=0)
    torch.testing.assert_close(out[1], voxel.flip(-1), atol=1e-5, rtol=0)
    some = augment(rgb, voxel, replace(still, mirror=0.5), torch.Generator().manual_seed(1))[0]
    mirrored = [torch.allclose(a, b.flip(-1), atol=1e-5) for a, b in zip(some, rgb, strict=True)]
    assert 0 < sum(mirrored) < 8


def test_a_blotted_rectangle_shows_neither_frames_nor_events() -> None:
    rgb, voxel = torch.full((64, 2, 1, SIZE, SIZE), 2.0) - 1.5, torch.ones(64, 2, 3, SIZE, SIZE)
    config = replace(AugmentConfig().times(0.0), erase=0.5)
    out = augment(rgb, voxel, config, torch.Generator().manual_seed(3))
    gone = (out[1] < 0.5)[:, :1, :1]  # (B, 1, 1, S, S)
    share = gone.float().mean((1, 2, 3, 4))
    assert 10 < int((share > 0).sum()) < 54
    assert share.max() <= 0.27
    assert ((out[1] < 0.5) == gone).all()
    assert out[0][~gone.expand_as(out[0])] == pytest.approx(0.5, abs=1e-5)
    assert (out[0][:, 0] == out[0][:, 1]).all()


def test_a_framing_shows_the_middle_and_is_stated(tmp_path: Path, make_set) -> None:
    assert framed((346, 260), 1.0) == default_roi((346, 260))
    assert framed((346, 260), 1.55) == (89, 46, 168)
    root = make_set(tmp_path / "set", subjects=1, testing=0, emotions=("happiness",), lightings=("normal",))
    wide, tight = (open_or_build(root, size=SIZE, workers=1, zoom=zoom) for zoom in (1.0, 2.0))
    sequence = read_layout(root)[0][0]
    image = read_image(sequence.frames[4])
    assert image is not None
    middle = torch.from_numpy(rgb_input(image, (14, 10, 20), SIZE))[:1]
    assert ((decode_rgb(torch.from_numpy(tight.frames[4].copy())).sqrt() - middle.sqrt()).abs() < 0.003).all()
    assert (tight.zoom, wide.zoom) == (2.0, 1.0)
    with pytest.raises(McoeError, match=r"framed at zoom 2 where 1 is wanted"):
        open_or_build(tight.root, zoom=1.0, size=SIZE)
    with pytest.raises(McoeError, match=r"zoom of 0.5"):
        open_or_build(root, size=SIZE, zoom=0.5)


def test_a_clip_never_loses_both_modalities() -> None:
    kept = lose_modality(4000, 0.2, torch.Generator().manual_seed(0), torch.device("cpu"))
    lost = 1 - kept.float().mean(0)
    assert kept.any(1).all()
    assert lost.tolist() == pytest.approx([0.1, 0.1], abs=0.02)
    assert lose_modality(50, 0.0, torch.Generator().manual_seed(0), torch.device("cpu")).all()
