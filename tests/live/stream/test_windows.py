"""Windows: the right events, once complete, whatever the batching."""

import numpy as np
import pytest

from mcoe.core.timing import TICK_US, WINDOW_US
from mcoe.events.inputs import View, voxel_input
from mcoe.events.packets import Frame, Packet, make_events, packet_end_us
from mcoe.live.stream.windows import PATIENCE_US, Pairing, WindowBuilder
from mcoe.results import Window
from tests.live.fakes import SIZE, FakeSource, packets


def build(items: list[Packet]) -> tuple[list[Window], WindowBuilder]:
    builder = WindowBuilder(FakeSource(items).info, 10, 3)
    builder.restart(0)
    windows = [w for item in items for w in builder.feed(item)]
    return windows + list(builder.finish()), builder


def all_events(items: list[Packet]) -> np.ndarray:
    return np.concatenate([p for p in items if not isinstance(p, Frame)])


def test_each_frame_gets_the_events_of_the_33_ms_before_its_end() -> None:
    items = packets()
    windows, builder = build(items)
    events, frames = all_events(items), [p for p in items if isinstance(p, Frame)]
    assert [w.t1_us for w in windows] == [f.end_us for f in frames]
    for window in windows:
        t = events["timestamp"]
        wanted = events[(t >= window.t1_us - WINDOW_US) & (t < window.t1_us)]
        assert np.array_equal(np.sort(window.events, order="timestamp"), np.sort(wanted, order="timestamp"))
        assert len(wanted) > 50
    assert builder.late_events == 0


def test_batching_changes_nothing() -> None:
    items = packets()
    single = [Frame(p.image, p.start_us, p.end_us) if isinstance(p, Frame) else p for p in items]
    split: list[Packet] = []
    for p in single:
        split += [p] if isinstance(p, Frame) else [p[i : i + 7] for i in range(0, len(p), 7)]
    split.sort(key=packet_end_us)
    for a, b in zip(build(items)[0], build(split)[0], strict=True):
        assert a.voxel is not None
        assert b.voxel is not None
        assert np.array_equal(a.voxel, b.voxel)
        assert np.array_equal(a.events, b.events)


def test_a_still_scene_does_not_hold_frames_back_for_ever() -> None:
    image = np.zeros((SIZE[1], SIZE[0]), np.uint8)
    first = make_events([0], [1], [1], [1])
    builder = WindowBuilder(FakeSource([first, Frame(image, 0, 1)]).info, 10, 3)
    assert list(builder.feed(first)) == []
    assert list(builder.feed(Frame(image, 10_000, 20_000))) == []
    ready = list(builder.feed(Frame(image, 20_000, 20_000 + PATIENCE_US)))
    assert [w.t1_us for w in ready] == [20_000]


def test_events_after_their_window_are_counted() -> None:
    image = np.zeros((SIZE[1], SIZE[0]), np.uint8)
    items = [
        make_events([0], [1], [1], [1]),
        Frame(image, 0, 20_000),
        Frame(image, 0, 20_000 + PATIENCE_US),
        make_events([19_000, 130_000], [1, 1], [1, 1], [1, 0]),
    ]
    assert build(items)[1].late_events == 1


def test_without_frames_windows_follow_a_30_hz_clock_that_a_seek_does_not_shift() -> None:
    items = [p for p in packets() if not isinstance(p, Frame)]
    ends = [w.t1_us for w in build(items)[0]]
    assert set(np.diff(ends)) == {TICK_US}
    builder = WindowBuilder(FakeSource(items).info, 10, 3)
    builder.restart(1)
    later = [w for item in items[40:] for w in builder.feed(item)]
    assert {w.t1_us for w in later} <= set(ends)
    assert later[0].rgb is None
    assert later[0].frame is None


def test_without_events_a_frame_is_a_window_at_once() -> None:
    image = np.full((SIZE[1], SIZE[0]), 255, np.uint8)
    builder = WindowBuilder(FakeSource([Frame(image, 0, 5)]).info, 10, 3)
    (window,) = builder.feed(Frame(image, 0, 5))
    assert window.voxel is None
    assert window.rgb is not None
    assert window.rgb.shape == (3, 10, 10)
    assert window.rgb.max() == pytest.approx(1.0)


@pytest.mark.parametrize(("rate", "gap"), [(30, 12), (25, 10), (60, 24)])
def test_pairs_lie_0_4_s_apart_at_any_frame_rate(rate: int, gap: int) -> None:
    items: list[Packet] = []
    for k in range(60):
        end = round(k * 1e6 / rate)
        items.append(Frame(np.zeros((SIZE[1], SIZE[0]), np.uint8), end - 1, end))
    pairing = Pairing(12)
    gaps = [w.index - pairing.older(w).index for w in build(items)[0]]
    assert set(gaps[gap:]) == {gap}
    assert gaps[: gap + 1] == list(range(gap + 1))


def test_pairs_do_not_reach_across_a_seek() -> None:
    windows, builder = build(packets())
    pairing = Pairing(12)
    for w in windows:
        pairing.older(w)
    builder.restart(1)
    first = next(w for item in packets() for w in builder.feed(item))
    assert pairing.older(first) is first


def test_events_do_not_pile_up_when_the_frames_stop() -> None:
    items = packets(frames=300)
    frames_end = next(i for i, p in enumerate(items) if not isinstance(p, Frame) and i > 20)
    builder = WindowBuilder(FakeSource(items).info, 10, 3)
    for item in items[:frames_end]:
        list(builder.feed(item))
    for item in items[frames_end:]:
        if not isinstance(item, Frame):
            list(builder.feed(item))
            assert len(builder._batches) <= (WINDOW_US + 2 * PATIENCE_US) // 10_000 + 2


def test_events_before_a_gap_reach_their_windows() -> None:
    items = [p for p in packets() if not isinstance(p, Frame)]
    late = items[-1].copy()
    late["timestamp"] += 3_000_000
    builder = WindowBuilder(FakeSource(items).info, 10, 3)
    for item in items[:-1]:
        list(builder.feed(item))
    first = next(iter(builder.feed(late)))
    before = all_events(list(items))
    inside = (before["timestamp"] >= first.t0_us) & (before["timestamp"] < first.t1_us)
    assert inside.sum() > 50
    assert len(first.events) >= 0.5 * inside.sum()


LONG_US = 12 * TICK_US


def long_windows(items: list[Packet], start: int = 0, view: View | None = None) -> list[Window]:
    builder = WindowBuilder(FakeSource(items).info, 10, 3, window_us=LONG_US)
    builder.restart(0)
    found = []
    for item in items[start:]:
        found += builder.feed(item)
        if view is not None and len(found) > 15:
            builder.view = view
    return found + list(builder.finish())


def test_a_long_window_holds_the_events_since_so_long_before_the_frames_end() -> None:
    items = packets()
    events = all_events(items)
    info = FakeSource(items).info
    windows = long_windows(items)
    assert len(windows) > 20
    for window in windows[14:]:
        assert window.voxel_span == (window.t1_us - LONG_US, window.t1_us)
        span = max(window.voxel_span[0], int(events["timestamp"][0])), window.t1_us
        wanted = voxel_input(events, window.voxel_span, info.size, window.roi, 10, 3)
        assert window.voxel is not None
        # Frames may end a little beside the bins' centres, so a piece's events may lie on both sides of one.
        np.testing.assert_allclose(window.voxel.sum(), wanted.sum(), atol=0.1 * np.abs(wanted).sum() / 12)
        kept = np.concatenate([*window.past, window.events])
        assert kept["timestamp"][0] >= span[0] - TICK_US and kept["timestamp"][-1] < window.t1_us
        assert (np.diff(kept["timestamp"]) >= 0).all()


def test_pieces_on_the_bins_centres_make_the_window_that_the_events_themselves_make() -> None:
    rng = np.random.default_rng(3)
    image = np.zeros((SIZE[1], SIZE[0]), np.uint8)
    times = np.sort(rng.integers(0, 24 * TICK_US, 4000))
    events = make_events(
        times, rng.integers(0, SIZE[0], 4000), rng.integers(0, SIZE[1], 4000), rng.integers(0, 2, 4000)
    )
    items: list[Packet] = []
    for i in range(24):
        first, last = np.searchsorted(times, (i * TICK_US, (i + 1) * TICK_US))
        items += [events[first:last], Frame(image, i * TICK_US, (i + 1) * TICK_US)]
    info = FakeSource(items).info
    for window in long_windows(items)[13:]:
        wanted = voxel_input(events, window.voxel_span, info.size, window.roi, 10, 3)
        np.testing.assert_allclose(window.voxel, wanted, atol=1e-4)


def test_a_long_window_is_the_same_to_the_last_bit_wherever_reading_began() -> None:
    items = packets()
    whole = {w.t1_us: w for w in long_windows(items)}
    late = long_windows(items, start=len(items) // 4)
    shared = [w for w in late if w.t1_us - LONG_US > late[0].t1_us + TICK_US]
    assert len(shared) > 5
    for window in shared:
        assert np.array_equal(window.voxel, whole[window.t1_us].voxel)


def test_a_moved_square_holds_for_the_whole_long_window() -> None:
    items = packets()
    view = View((3, 2, 15))
    moved = long_windows(items, view=view)[-1]
    builder = WindowBuilder(FakeSource(items).info, 10, 3, view, LONG_US)
    builder.restart(0)
    always = [w for item in items for w in builder.feed(item)] + list(builder.finish())
    assert np.array_equal(moved.voxel, always[-1].voxel)


def test_a_gap_between_frames_does_not_empty_a_long_window() -> None:
    image = np.zeros((SIZE[1], SIZE[0]), np.uint8)
    times = np.arange(0, 3_000_000, 500)
    events = make_events(times, times % SIZE[0], times % SIZE[1], times // 500 % 2)
    builder = WindowBuilder(FakeSource([Frame(image, 0, 1), events]).info, 10, 3, window_us=LONG_US)
    builder.restart(0)
    ends = (33_333, 66_666, 2_900_000)
    found = [w for end in ends for w in builder.feed(Frame(image, end - 10_000, end))]
    found += [w for batch in np.array_split(events, 300) for w in builder.feed(batch)]
    last = found[-1]
    assert last.t1_us == 2_900_000
    assert len(last.events) == LONG_US // 500
    assert np.abs(last.voxel).sum() > 0


@pytest.mark.parametrize("silence_us", [100_000, 3_000_000, 3_600_000_000, 50 * 365 * 86_400_000_000])
def test_a_silence_of_events_alone_has_no_windows_and_changes_none_of_the_others(silence_us: int) -> None:
    times = np.arange(0, 200_000, 1_000)
    both = [times, times + 200_000 + silence_us]
    first, second = ([make_events(p, p % 7, p % 5, p % 2) for p in np.split(t, 20)] for t in both)
    windows, _ = build([*first, *second])
    assert all(len(window.events) for window in windows)
    assert 10 <= len(windows) <= 13
    assert all((w.t1_us - windows[0].t1_us) % TICK_US == 0 for w in windows)
    before = [w.t1_us for w in build(first)[0]]
    assert [w.t1_us for w in windows][: len(before)] == before
