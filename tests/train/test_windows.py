"""A window summed from a pack's pieces is the window of the events themselves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from mcoe.data.layout import read_layout, read_raw
from mcoe.data.pack import decode_voxel, open_or_build
from mcoe.data.windows import Windows
from mcoe.errors import McoeError
from mcoe.events.packets import make_events
from mcoe.events.pieces import PieceRing, piece_weights, sum_pieces
from mcoe.events.roi import default_roi, voxel_input
from mcoe.events.voxel import voxel_grid
from mcoe.train.feed import Feed, upload

SIZE = 20
SENSOR = (12, 10)


def random_events(n: int, until_us: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    times = np.sort(rng.integers(0, until_us, n))
    return make_events(times, rng.integers(0, 12, n), rng.integers(0, 10, n), rng.integers(0, 2, n))


def pieces_of(events: np.ndarray, ends: np.ndarray, bins: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    starts = np.concatenate([[0], ends[:-1]])
    cut = [events[(events["timestamp"] >= a) & (events["timestamp"] < b)] for a, b in zip(starts, ends, strict=True)]
    grids = [voxel_grid(e, int(a), int(b), SENSOR, bins) for e, a, b in zip(cut, starts, ends, strict=True)]
    return starts, ends, np.stack(grids)


@pytest.mark.parametrize("bins", [2, 3, 5])
def test_pieces_that_tile_a_window_sum_to_it(bins: int) -> None:
    # 8 pieces of 10 ms: the middle of 3 bins and the quarters of 5 lie on borders.
    events = random_events(4000, 120_000)
    starts, ends, pieces = pieces_of(events, np.arange(10_000, 120_001, 10_000), bins)
    weights = piece_weights(starts, ends, np.int64(110_000), 80_000, bins)
    direct = voxel_grid(events, 30_000, 110_000, SENSOR, bins)
    np.testing.assert_allclose(sum_pieces(pieces, weights), direct, atol=1e-3)
    assert (weights.any((1, 2)) == ((starts >= 30_000) & (ends <= 110_000))).all()


def test_each_event_of_an_uneven_clock_counts_once_or_not_at_all() -> None:
    rng = np.random.default_rng(3)
    ends = np.cumsum(rng.integers(9_000, 60_000, 30))
    events = random_events(20_000, int(ends[-1]))
    starts, ends, pieces = pieces_of(events, ends, 3)
    t1 = int(ends[-4])
    weights = piece_weights(starts, ends, np.int64(t1), 400_000, 3)
    total = weights.sum(2)  # what each bin of each piece contributes in all
    assert set(np.unique(total.round(4))) <= {0.0, 1.0}
    half = (starts + ends) / 2
    assert (total.all(1) == ((half > t1 - 400_000) & (ends <= t1))).all()
    direct = voxel_grid(events, t1 - 400_000, t1, SENSOR)
    assert np.corrcoef(sum_pieces(pieces, weights).ravel(), direct.ravel())[0, 1] > 0.95


def test_a_ring_gives_a_streams_windows_one_after_the_other() -> None:
    ends = np.arange(33_333, 1_000_000, 33_333)
    events = random_events(30_000, int(ends[-1]))
    starts, ends, pieces = pieces_of(events, ends, 3)
    ring = PieceRing(400_000, 3)
    for i, (start, end, grid) in enumerate(zip(starts, ends, pieces, strict=True)):
        summed = ring.add(int(start), int(end), grid)
        assert len(ring._pieces) <= 13
        if i >= 12:
            direct = voxel_grid(events, int(starts[i - 11]), int(end), SENSOR)
            assert np.abs(summed - direct).max() < 2e-3 * np.abs(direct).max() + 1e-3
    with pytest.raises(ValueError, match="does not follow"):
        ring.add(int(ends[-1]) - 5, int(ends[-1]) + 5, pieces[0])
    ring.clear()
    np.testing.assert_allclose(ring.add(0, 33_333, pieces[0]).sum(0), pieces[0].sum(0), atol=1e-4)
    with pytest.raises(ValueError, match="needs a length"):
        PieceRing(0, 3)


def test_a_piece_longer_than_half_outside_counts_nowhere() -> None:
    ring = PieceRing(100_000, 3)
    one = np.ones((3, 2, 2), np.float32)
    ring.add(0, 80_000, one)
    assert ring.add(80_000, 130_000, one).sum() == pytest.approx(24)  # 50 ms of the first lie inside: whole
    assert ring.add(130_000, 170_000, one).sum() == pytest.approx(24)  # 10 ms of it do: not at all


def test_one_bin_counts_events() -> None:
    events = random_events(500, 90_000)
    starts, ends, pieces = pieces_of(events, np.array([30_000, 60_000, 90_000]), 1)
    summed = sum_pieces(pieces, piece_weights(starts, ends, np.int64(90_000), 60_000, 1))
    np.testing.assert_allclose(summed, voxel_grid(events, 30_000, 90_000, SENSOR, 1), atol=1e-5)
    with pytest.raises(ValueError, match="needs a length"):
        piece_weights(starts, ends, np.int64(90_000), 0, 3)


def test_a_pack_gives_windows_of_any_length(tmp_path: Path, make_set) -> None:
    root = make_set(tmp_path / "set", subjects=1, testing=0, emotions=("happiness", "sadness"), frames=20)
    pack = open_or_build(root, size=SIZE, workers=1)
    sequences = read_layout(root)[0]
    for window_us in (33_000, 100_000, 200_000, 400_000):
        windows = Windows(pack, window_us)
        for sequence, packed in zip(sequences[:2], pack.sequences[:2], strict=True):
            events, ends = read_raw(sequence.raw)  # type: ignore[arg-type]
            end = int(ends[15])
            start = int(ends[15 - round(window_us / 33_333)])  # to the microsecond, as the pieces lie
            inside = events[(events["timestamp"] >= start) & (events["timestamp"] < end)]
            wanted = voxel_input(inside, (start, end), (48, 40), default_roi((48, 40)), SIZE)
            found = decode_voxel(windows.voxels(np.array([packed.first + 15])))[0].numpy()
            assert np.abs(wanted).max() > 0.2
            # Twice the coding's half step, at most, besides the pieces' own.
            assert np.abs(found - wanted).max() < 0.03 + 0.05 * np.abs(wanted).max(), window_us


def test_a_window_never_reaches_into_the_sequence_before(tmp_path: Path, make_set) -> None:
    root = make_set(tmp_path / "set", subjects=1, testing=0, emotions=("happiness", "sadness"))
    pack = open_or_build(root, size=SIZE, workers=1)
    windows = Windows(pack, 400_000)
    second = pack.sequences[1].first
    pieces, weights = windows.plan(np.array([second, second + 2]))
    assert (pieces >= second).all()
    assert weights[0].any((1, 2)).sum() == 1  # its own piece alone
    assert weights[1].any((1, 2)).sum() == 3
    with pytest.raises(McoeError, match="window of 0"):
        Windows(pack, 0)


def test_event_images_are_summed_over_the_gap(tmp_path: Path, make_set) -> None:
    root = make_set(tmp_path / "set", subjects=1, testing=0, emotions=("happiness",), raw=False)
    pack = open_or_build(root, size=SIZE, workers=1)
    row = pack.sequences[0].first + 14
    summed = decode_voxel(Windows(pack, 400_000).voxels(np.array([row])))[0]
    singly = decode_voxel(torch.from_numpy(pack.voxels[row - 11 : row + 1].copy()))
    torch.testing.assert_close(summed.sum(0), singly.sum((0, 1)), atol=0.06, rtol=0.06)
    # Older images weigh on the first bin, newer ones on the last.
    late = singly[6:].sum((0, 1)).abs() > 0.1
    assert (summed[2] - summed[0]).abs()[late].mean() > 0.05


def test_a_feed_from_disk_and_a_resident_one_agree(tmp_path: Path, make_set) -> None:
    root = make_set(tmp_path / "set", subjects=2, testing=0)
    pack = open_or_build(root, size=SIZE, workers=1)
    cpu = torch.device("cpu")
    disk = Feed(pack, cpu, 200_000)
    stored = upload(pack, cpu)
    before = stored[1].clone()
    resident = Feed(pack, cpu, 200_000, stored=stored)
    assert torch.equal(stored[1], before)
    windows = Windows(pack, 200_000)
    apart = windows.resident(stored[1], torch.empty_like(stored[1]))
    assert torch.equal(windows.resident(stored[1], stored[1]), apart)
    assert resident.resident
    assert not disk.resident
    rows = np.array([[0, 12], [3, 15], [20, 31], [17, 29]])
    for (a, b), (c, d) in zip(disk.batches([rows[:3], rows[3:]]), resident.batches([rows[:3], rows[3:]]), strict=True):
        assert torch.equal(a, c)
        torch.testing.assert_close(b, d, atol=0.05, rtol=0.05)
    with pytest.raises(ValueError, match="reads from disk"):
        disk.gather(torch.from_numpy(rows))
