"""The pipeline's promises: nothing recorded is lost, live never waits, errors are told, seeks change no prediction."""

from __future__ import annotations

import csv
import itertools
import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mcoe.capture.replay import open_replay
from mcoe.core.errors import McoeError
from mcoe.core.mailbox import Mailbox
from mcoe.events.inputs import View
from mcoe.events.noise import KeepAll
from mcoe.events.packets import Events, Packet, packet_end_us
from mcoe.live.stream.pipeline import Pipeline
from mcoe.live.stream.reader import PACKETS
from mcoe.recording import aedat4_writer as aedat4_write
from mcoe.results import Result
from mcoe.sensor.lighting import Lighting
from tests.live.fakes import FakeEngine, FakeSource, packets

FRAMES = 30


def until(condition: Callable[[], object], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.002)


@pytest.fixture
def make() -> Iterator[Callable[..., Pipeline]]:
    made: list[Pipeline] = []

    def build(source: FakeSource | None = None, engine: FakeEngine | None = None, **options: object) -> Pipeline:
        source = source or FakeSource()
        pipeline = Pipeline(lambda: source, lambda: engine or FakeEngine(), **options)  # type: ignore[arg-type, return-value]
        made.append(pipeline)
        return pipeline

    yield build
    for pipeline in made:
        pipeline.close()
    assert not [t for t in threading.enumerate() if t.name.startswith("mcoe-")]


def collect(pipeline: Pipeline) -> list[Result]:
    results: list[Result] = []
    pipeline.on_result = results.append
    pipeline.start()
    return results


def headless(make: Callable[..., Pipeline], items: list[Packet] | None = None) -> dict[int, Result]:
    pipeline = make(FakeSource(items), lossless=True)
    results = collect(pipeline)
    assert pipeline.wait(20)
    return {r.window.t1_us: r for r in results}


class Sought(FakeSource):
    """Knows whether it was told to seek."""

    sought = False

    def seek(self, time_us: int) -> None:
        super().seek(time_us)
        self.sought = True


def items_end(items: list[Packet]) -> int:
    return max(map(packet_end_us, items))


def test_lossless_gives_every_frame_once_in_order(make: Callable[..., Pipeline]) -> None:
    results = list(headless(make).values())
    assert [r.window.index for r in results] == list(range(FRAMES))
    assert [r.prediction.stride for r in results[12:]] == [12] * (FRAMES - 12)


def test_what_was_shown_equals_the_headless_run_though_windows_were_dropped(
    make: Callable[..., Pipeline],
) -> None:
    reference = headless(make)
    gate = threading.Semaphore(0)
    pipeline = make(engine=FakeEngine(gate), speed=4.0)
    results = collect(pipeline)
    until(lambda: pipeline.stats().dropped_windows >= 5)
    gate.release(1000)
    until(lambda: pipeline.stats().state == "ended")
    until(lambda: results and results[-1].window.index == FRAMES - 1)
    stats = pipeline.stats()
    assert stats.dropped_windows + stats.results == FRAMES
    for r in results:
        assert np.array_equal(r.prediction.logits, reference[r.window.t1_us].prediction.logits)


def test_a_seek_gives_what_headless_gave_there_also_while_paused(make: Callable[..., Pipeline]) -> None:
    reference = headless(make)
    times = sorted(reference)
    pipeline = make()
    results = collect(pipeline)
    until(pipeline.latest)
    pipeline.pause()
    until(lambda: pipeline.stats().state == "paused")
    for wanted in (times[25], times[14]):
        pipeline.seek(wanted - 10)
        until(lambda w=wanted: results[-1].window.t1_us == w)
        assert np.array_equal(results[-1].prediction.logits, reference[wanted].prediction.logits)
    pipeline.step()
    until(lambda: results[-1].window.t1_us == times[15])
    assert pipeline.stats().state == "paused"


def test_a_seek_throws_away_nothing_that_was_read_after_it(
    make: Callable[..., Pipeline], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The capture thread is given all the time it could want between the parts of a seek."""
    items = packets(frames=90)
    reference = headless(make, items)
    source, read_on = Sought(items), threading.Event()
    pipeline = make(source)
    results = collect(pipeline)
    until(pipeline.latest)
    clear = Mailbox.clear

    def late(box: Mailbox[object]) -> None:
        # It fills the mailbox from the seek's place on, if it may; it may not, so this is how long it is tempted.
        deadline = time.monotonic() + 0.5
        while time.monotonic() < deadline and not (source.sought and len(box) == PACKETS):
            time.sleep(0.002)
        clear(box)
        read_on.set()

    monkeypatch.setattr(Mailbox, "clear", late)
    pipeline.set_speed(4.0)
    pipeline.seek(items_end(items) - 2_200_000)
    assert read_on.is_set()
    until(lambda: pipeline.stats().state == "ended" and results[-1].window.t1_us == max(reference))
    after = [r for r in results if r.window.epoch == 1]
    assert len(after) > 20
    for r in after:
        assert np.array_equal(r.prediction.logits, reference[r.window.t1_us].prediction.logits)


def test_loop_starts_again_and_time_on_the_chart_never_runs_back(make: Callable[..., Pipeline]) -> None:
    pipeline = make(loop=True, speed=4.0)
    results = collect(pipeline)
    until(lambda: results and results[-1].window.epoch >= 2)
    elapsed = [p.elapsed_s for p in pipeline.history()]
    assert all(b > a for a, b in itertools.pairwise(elapsed))


def test_play_after_the_end_starts_over(make: Callable[..., Pipeline]) -> None:
    pipeline = make(speed=4.0)
    results = collect(pipeline)
    until(lambda: pipeline.stats().state == "ended")
    pipeline.play()
    until(lambda: results[-1].window.epoch == 1)


def test_live_never_waits_for_a_stuck_network(make: Callable[..., Pipeline]) -> None:
    gate = threading.Semaphore(0)
    source = FakeSource(packets(frames=300), live=True)
    pipeline = make(source, FakeEngine(gate))
    pipeline.start()
    until(lambda: source._next == len(source._items))
    stats = pipeline.stats()
    assert stats.dropped_windows + stats.dropped_packets > 0
    gate.release(1000)


def test_an_unplugged_source_is_told_and_closed(make: Callable[..., Pipeline]) -> None:
    source = FakeSource(fail_at=20)
    pipeline = make(source)
    pipeline.start()
    until(lambda: pipeline.stats().state == "failed")
    assert pipeline.stats().error == "fake was unplugged; plug it in again."
    assert source.closed.wait(5)


def test_a_source_that_does_not_open_is_told(make: Callable[..., Pipeline]) -> None:
    def refuse() -> FakeSource:
        raise McoeError("nothing.aedat4 is empty; record it again.")

    pipeline = Pipeline(refuse, FakeEngine)  # type: ignore[arg-type]
    pipeline.start()
    until(lambda: pipeline.stats().state == "failed")
    assert "nothing.aedat4" in str(pipeline.stats().error)
    pipeline.close()


def test_an_unexpected_error_names_its_type(make: Callable[..., Pipeline]) -> None:
    def broken() -> FakeEngine:
        raise KeyError("layer9")

    pipeline = Pipeline(FakeSource, broken)  # type: ignore[arg-type]
    pipeline.start()
    until(lambda: pipeline.stats().state == "failed")
    assert "KeyError" in str(pipeline.stats().error)
    pipeline.close()


def test_close_twice_and_before_start(make: Callable[..., Pipeline]) -> None:
    pipeline = make()
    pipeline.close()
    pipeline.close()


def test_a_live_source_refuses_to_run_headless(make: Callable[..., Pipeline]) -> None:
    pipeline = make(FakeSource(live=True), lossless=True)
    pipeline.start()
    until(lambda: pipeline.stats().state == "failed")
    assert "replay the file" in str(pipeline.stats().error)


def test_stress_runs_side_by_side_and_turns_off_again(make: Callable[..., Pipeline]) -> None:
    pipeline = make(loop=True, speed=4.0)
    results = collect(pipeline)
    pipeline.set_lighting(Lighting(ev=-4))
    until(lambda: results and results[-1].stressed)
    stressed = results[-1]
    assert stressed.stressed is not None
    assert stressed.stressed.window.rgb is not None
    assert stressed.window.rgb is not None
    assert stressed.stressed.window.rgb.mean() < 0.5 * stressed.window.rgb.mean()
    assert pipeline.history()[-1].stressed is not None
    pipeline.set_lighting(Lighting())
    until(lambda: results[-1].stressed is None)


def test_a_second_network_is_asked_about_the_same_windows(make: Callable[..., Pipeline]) -> None:
    pipeline = make(loop=True, speed=4.0)
    pipeline.set_second(FakeEngine())
    results = collect(pipeline)
    until(lambda: results and results[-1].second)
    assert np.array_equal(results[-1].second.logits, results[-1].prediction.logits)  # type: ignore[union-attr]


def test_the_view_moves_and_mirrors_frames_and_events_alike(make: Callable[..., Pipeline]) -> None:
    pipeline = make(lossless=True)
    pipeline.set_view(View((2, 3, 10), mirror=True))
    results = collect(pipeline)
    assert pipeline.wait(20)
    window = results[-1].window
    assert window.roi == (2, 3, 10)
    assert window.frame is not None
    assert window.rgb is not None
    assert window.voxel is not None
    assert np.allclose(window.rgb[0], window.frame.image[3:13, 2:12][:, ::-1] / 255, atol=1e-6)
    inside = window.events[(abs(window.events["x"] - 6.5) < 5) & (abs(window.events["y"] - 7.5) < 5)]
    seen = {(11 - int(e["x"]), int(e["y"]) - 3) for e in inside}
    assert {(int(x), int(y)) for _, y, x in np.argwhere(window.voxel)} <= seen


def test_a_filter_sees_all_and_the_rates_tell(make: Callable[..., Pipeline]) -> None:
    class Half(KeepAll):
        def apply(self, events: Events) -> Events:
            return events[::2]

    pipeline = make(lossless=True)
    pipeline.set_filter(lambda size: Half())
    results = collect(pipeline)
    assert pipeline.wait(20)
    stats = pipeline.stats()
    assert stats.kept_per_s == pytest.approx(stats.events_per_s / 2, rel=0.05)
    full = headless(make)
    for r in results:
        assert len(r.window.events) < 0.7 * len(full[r.window.t1_us].window.events)


def test_a_recording_holds_what_the_source_sent_and_replays_to_the_same_predictions(
    make: Callable[..., Pipeline], tmp_path: Path
) -> None:
    path = tmp_path / "session.aedat4"
    pipeline = make(lossless=True, record=path)
    results = collect(pipeline)
    assert pipeline.wait(20)
    pipeline.close()
    again = Pipeline(lambda: open_replay(path), FakeEngine, lossless=True)
    replayed = collect(again)
    assert again.wait(20)
    again.close()
    assert [r.window.t1_us for r in replayed] == [r.window.t1_us for r in results]
    for a, b in zip(results, replayed, strict=True):
        assert np.array_equal(a.prediction.logits, b.prediction.logits)
    rows = list(csv.DictReader(path.with_suffix(".csv").read_text().splitlines()))
    assert len(rows) == FRAMES


def test_recording_starts_stops_and_says_what_is_wrong(make: Callable[..., Pipeline], tmp_path: Path) -> None:
    pipeline = make(speed=0.5)
    with pytest.raises(McoeError, match="open a camera"):
        pipeline.record(tmp_path / "a.aedat4")
    pipeline.start()
    until(pipeline.latest)
    pipeline.record(tmp_path / "a.aedat4")
    with pytest.raises(McoeError, match=r"a\.aedat4"):
        pipeline.record(tmp_path / "b.aedat4")
    pipeline.mark("happy")
    until(lambda: pipeline.recording and pipeline.recording.frames > 5)
    pipeline.mark("sad")
    assert pipeline.unmark()
    pipeline.seek(1_000_000)
    assert pipeline.recording is None
    assert not pipeline.unmark()
    pipeline.record(tmp_path / "b.aedat4")
    status = pipeline.stop_recording()
    assert status is not None
    assert status.state == "closed"
    assert pipeline.stop_recording() is None
    pipeline.close()
    markers = json.loads((tmp_path / "a.json").read_text())["markers"]
    assert [marker["label"] for marker in markers] == ["happy"]


def test_a_seek_ends_a_recording_without_waiting_for_the_disk(
    make: Callable[..., Pipeline], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk, waits, gave_up = threading.Event(), threading.Event(), threading.Event()
    write = aedat4_write._write

    def slow(fd: int, parts: Sequence[bytes]) -> int:
        waits.set()
        if not disk.wait(20):
            gave_up.set()
        return write(fd, parts)

    pipeline = make(speed=0.5)
    pipeline.start()
    until(pipeline.latest)
    pipeline.record(tmp_path / "a.aedat4")
    monkeypatch.setattr(aedat4_write, "_write", slow)
    assert waits.wait(20)
    pipeline.seek(1_500_000)
    assert pipeline.recording is None
    assert not disk.is_set()
    assert not gave_up.is_set()
    disk.set()
    status = pipeline.stop_recording()
    assert status is not None
    assert status.state == "closed"
    assert status.events + status.frames > 0
    assert pipeline.stop_recording() is None
    assert json.loads((tmp_path / "a.json").read_text())["complete"]


def test_an_engine_that_moved_to_another_device_is_told_and_the_stream_goes_on(make: Callable[..., Pipeline]) -> None:
    class Moving(FakeEngine):
        def step(self, *arguments):  # type: ignore[no-untyped-def]
            self.info = replace(FakeEngine.info, device="CPU", notice="The GPU failed.")
            return super().step(*arguments)

    pipeline = make(engine=Moving(), lossless=True)
    results = collect(pipeline)
    assert pipeline.wait(20)
    assert len(results) == FRAMES
    assert pipeline.engine_info is not None
    assert (pipeline.engine_info.device, pipeline.engine_info.notice) == ("CPU", "The GPU failed.")


def test_what_the_source_left_out_is_counted_and_told(make: Callable[..., Pipeline]) -> None:
    source = FakeSource()
    pipeline = make(source, lossless=True)
    collect(pipeline)
    assert pipeline.wait(20)
    assert pipeline.stats().left_out == ""
    source.dropped_frames, source.dropped_events, source.dropped = 29, 1_234, 5  # type: ignore[attr-defined]
    assert pipeline.stats().left_out == (
        "Left out: 29 frames that the source could not use, 1,234 events that the source could not use, "
        "5 packets that the camera sent too fast."
    )
