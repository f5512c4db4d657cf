"""The whole pipeline behind a camera that streams over the network: order, unplugging, what a recording keeps."""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from mcoe.bench.loopback import SIZE, Server, foretell
from mcoe.capture.cameras import CameraSource
from mcoe.capture.cameras.backends.network import NetworkBackend
from mcoe.capture.replay import open_replay
from mcoe.core.timing import TICK_US, WINDOW_US
from mcoe.events.packets import Events, join_events
from mcoe.live.engine.engine import Engine
from mcoe.live.stream.pipeline import Pipeline
from mcoe.model.config import ModelConfig
from mcoe.model.network import MCOENet
from mcoe.results import Result
from tests.live.fakes import FakeEngine

RATE = 1e5
SMALL = ModelConfig(size=64, d=32, heads=4, deep_layers=1, focal_width=16)


def until(condition: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.005)


def small_engine() -> Engine:
    torch.manual_seed(0)
    return Engine(MCOENet(SMALL), device=torch.device("cpu"), backbone="torch", threads=1)


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server(RATE, 30.0)
    yield running
    running.stop()


def camera(address: str) -> CameraSource:
    return CameraSource(NetworkBackend().open, address, backoff_s=(0.02, 0.05))


@contextlib.contextmanager
def live(server: Server, engine: Callable[[], object], **options: object) -> Iterator[tuple[Pipeline, list[Result]]]:
    pipeline = Pipeline(lambda: camera(server.address), engine, **options)  # type: ignore[arg-type]
    results: list[Result] = []
    pipeline.on_result = results.append
    pipeline.start()
    try:
        yield pipeline, results
    finally:
        pipeline.close()


def check(results: list[Result]) -> None:
    """Windows in order on the 33 ms clock, each with exactly the events that were sent in it."""
    ends = [r.window.t1_us for r in results]
    assert all(b > a and (b - a) % TICK_US == 0 for a, b in itertools.pairwise(ends))
    first = min(int(r.window.events["timestamp"][0]) for r in results if len(r.window.events))
    whole = [r.window for r in results if r.window.t0_us >= first]
    assert whole
    for window in whole:
        times = window.events["timestamp"]
        np.testing.assert_array_equal(np.diff(times), 10)  # 100,000 a second: one each 10 µs, none lost
        assert window.t0_us <= times[0] < window.t0_us + 10
        assert window.t1_us - 10 <= times[-1] < window.t1_us
        np.testing.assert_array_equal(window.events, foretell(times))


@pytest.mark.parametrize("engine", [FakeEngine, small_engine], ids=["fake", "small network"])
def test_every_window_holds_what_was_sent_in_it_in_order(server: Server, engine: Callable[[], object]) -> None:
    with live(server, engine) as (pipeline, results):
        until(lambda: len(results) >= 40)
        assert pipeline.info is not None
        assert pipeline.info.live
        assert pipeline.info.size == SIZE
    check(results)
    assert {r.window.epoch for r in results} == {0}
    # By the time 40 windows have come, pairs lie the full 0.4 s apart.
    last = results[-1]
    assert abs(last.window.t1_us - last.older.t1_us - 400_000) < TICK_US
    if isinstance(pair := engine(), Engine):
        said, _ = pair.step(last.older, last.window)
        np.testing.assert_array_equal(said.logits, last.prediction.logits)


def test_an_unplugged_camera_is_waited_for_and_the_recording_keeps_all_that_came(
    server: Server, tmp_path: Path
) -> None:
    path = tmp_path / "unplugged.aedat4"
    with live(server, FakeEngine, record=path) as (pipeline, results):
        until(lambda: len(results) >= 5)
        source = pipeline.source
        assert isinstance(source, CameraSource)
        server.stop()
        until(lambda: source.status().state == "reconnecting")
        before = len(results)
        stats = pipeline.stats()
        assert (stats.state, stats.error) == ("playing", None)
        assert source.status().reason
        server.start()
        until(lambda: source.status().state == "streaming")
        until(lambda: len(results) >= before + 5)
        assert source.status().reconnects == 1
        assert source.status().dropped == 0
        recorded = pipeline.stop_recording()
    assert recorded is not None
    assert (recorded.state, recorded.dropped_packets) == ("closed", 0)
    ends = [r.window.t1_us for r in results]
    assert ends == sorted(set(ends))
    kept = read(path)
    assert len(kept) == recorded.events
    assert (np.diff(kept["timestamp"]) >= 0).all()
    for result in results:
        window = result.window
        # The recording stopped while the last windows were on their way.
        if window.t1_us <= kept["timestamp"][-1]:
            low, high = np.searchsorted(kept["timestamp"], (window.t0_us, window.t1_us))
            np.testing.assert_array_equal(kept[low:high], window.events)


def test_a_recording_of_a_camera_that_never_came_back_opens(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "gone.aedat4"
    with live(server, FakeEngine, record=path) as (pipeline, results):
        until(lambda: len(results) >= 5)
        server.stop()
        source = pipeline.source
        assert isinstance(source, CameraSource)
        until(lambda: source.status().state == "reconnecting")
    kept = read(path)
    assert len(kept) > 0
    assert kept["timestamp"][-1] >= results[-1].window.t1_us - WINDOW_US
    np.testing.assert_array_equal(kept, foretell(kept["timestamp"]))


def test_a_server_that_is_not_there_is_told_in_one_sentence(server: Server) -> None:
    server.stop()
    with live(server, FakeEngine) as (pipeline, _):
        until(lambda: pipeline.stats().state == "failed")
        error = pipeline.stats().error
    assert error is not None
    assert server.address in error
    assert error.endswith(".")
    assert "\n" not in error


def read(path: Path) -> Events:
    batches = []
    with contextlib.closing(open_replay(path)) as source:
        while (packet := source.read()) is not None:
            batches.append(packet)
    return join_events(batches)  # type: ignore[arg-type]
