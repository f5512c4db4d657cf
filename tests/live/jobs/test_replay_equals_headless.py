"""What the live view shows of a recording is, bit for bit, what a headless run of the file writes.

A reader of a figure made with ``--headless`` must be able to find the very numbers in the window, at whatever speed and
after whatever seeks.
"""

from __future__ import annotations

import contextlib
import csv
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from mcoe.capture.replay import open_replay
from mcoe.core.timing import STRIDE, TICK_US
from mcoe.core.words import EMOTIONS
from mcoe.events.packets import Frame, make_events, packet_end_us
from mcoe.live.engine.engine import Engine
from mcoe.live.jobs.headless import run_headless
from mcoe.live.stream.pipeline import Pipeline
from mcoe.model.config import ModelConfig
from mcoe.model.network import MCOENet
from mcoe.recording.aedat4_writer import Aedat4Writer
from mcoe.recording.table import header, row
from mcoe.results import Result

DEMO = Path(__file__).resolve().parents[3] / "assets" / "recordings" / "normal.aedat4"
SMALL = ModelConfig(size=64, d=32, heads=4, deep_layers=1, focal_width=16)
NAMES = header(8)
SAID = [name for name in NAMES if name not in ("index", "epoch", "latency_ms")]
#: Long enough for whole pairs (0.4 s), short enough to be played at half speed in a test.
SECONDS = 1.0


def synthetic(path: Path) -> None:
    """Write noise frames at 30 Hz, with jitter, and uneven event batches: no two windows look alike."""
    rng = np.random.default_rng(1)
    packets = []
    for k in range(round(30 * SECONDS)):
        end = 1_000_000 + k * TICK_US + int(rng.integers(-900, 900))
        packets.append(Frame(rng.integers(0, 255, (64, 80, 3), np.uint8), end - 4_000, end))
    for start in range(960_000, 1_000_000 + round(SECONDS * 1e6), 10_000):
        times = np.sort(rng.integers(start, start + 10_000, n := int(rng.integers(1, 3000))))
        packets.append(make_events(times, rng.integers(0, 80, n), rng.integers(0, 64, n), rng.integers(0, 2, n)))
    _write(path, "noise", (80, 64), sorted(packets, key=packet_end_us))


def demo(path: Path) -> None:
    """Write the first second of the bundled recording."""
    with contextlib.closing(open_replay(DEMO)) as source:
        end = source.info.start_us + round(SECONDS * 1e6)
        packets = []
        while (packet := source.read()) is not None and packet_end_us(packet) < end:
            packets.append(packet)
        _write(path, "demo", source.info.size, packets)


def _write(path: Path, name: str, size: tuple[int, int], packets: list) -> None:
    writer = Aedat4Writer(path, name, size)
    for packet in packets:
        (writer.frame if isinstance(packet, Frame) else writer.events)(packet)
    writer.close()


class Case:
    """A recording, an engine, and what a headless run said of every window, by its time."""

    def __init__(self, recording: Path, backbone: str, out: Path) -> None:
        self.recording, self.backbone = recording, backbone
        run_headless(lambda: open_replay(recording), self.engine, out, STRIDE)
        with out.open(newline="") as file:
            rows = list(csv.DictReader(file))
        self.rows = {int(r["time_us"]): r for r in rows}
        self.times = list(self.rows)

    def engine(self) -> Engine:
        torch.manual_seed(0)
        return Engine(MCOENet(SMALL), device=torch.device("cpu"), backbone=self.backbone, threads=1)

    @contextlib.contextmanager
    def live(self, speed: float = 1.0) -> Iterator[tuple[Pipeline, list[Result]]]:
        pipeline = Pipeline(lambda: open_replay(self.recording), self.engine, stride=STRIDE, speed=speed)
        shown: list[Result] = []
        pipeline.on_result = shown.append
        pipeline.start()
        try:
            yield pipeline, shown
        finally:
            pipeline.close()
        assert pipeline.stats().error is None

    def check(self, shown: list[Result]) -> None:
        """Compare every number that was shown.

        Index and epoch alone count from the last seek, and what a live window cost is not what it says.
        """
        assert shown
        for result in shown:
            shown_row = dict(zip(NAMES, map(str, row(result)), strict=True))
            wanted = self.rows[result.window.t1_us]
            assert {name: shown_row[name] for name in SAID} == {name: wanted[name] for name in SAID}
            assert not wanted["latency_ms"]


@pytest.fixture(scope="module", params=["torch", "openvino"])
def backbone(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module", params=[synthetic, demo], ids=lambda make: make.__name__)
def case(request: pytest.FixtureRequest, backbone: str, tmp_path_factory: pytest.TempPathFactory) -> Case:
    folder = tmp_path_factory.mktemp("replay")
    request.param(folder / "recording.aedat4")
    case = Case(folder / "recording.aedat4", backbone, folder / "headless.csv")
    assert len(case.rows) > STRIDE
    # A network that says the same of everything would pass every test here.
    assert len({tuple(r[name] for name in EMOTIONS) for r in case.rows.values()}) == len(case.rows)
    return case


def until(condition: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.002)


@pytest.mark.parametrize("speed", [0.5, 1.0, 4.0])
def test_at_any_speed(case: Case, speed: float) -> None:
    with case.live(speed) as (_, shown):
        until(lambda: shown and shown[-1].window.t1_us == case.times[-1])
    case.check(shown)
    assert [r.window.t1_us for r in shown] == sorted({r.window.t1_us for r in shown})


def test_after_seeks_forwards_and_back_and_through_a_change_of_speed(case: Case) -> None:
    with case.live() as (pipeline, shown):
        until(lambda: shown)
        for epoch, (place, speed) in enumerate(((20, 4.0), (3, 0.5), (26, 1.0), (0, 4.0), (14, 2.0)), 1):
            pipeline.set_speed(speed)
            pipeline.seek(case.times[place])
            until(lambda epoch=epoch: shown[-1].window.epoch == epoch)
            assert shown[-1].window.t1_us >= case.times[place]
    case.check(shown)


def test_paused_stepped_and_resumed(case: Case) -> None:
    with case.live() as (pipeline, shown):
        until(lambda: shown)
        pipeline.pause()
        until(lambda: pipeline.stats().state == "paused")
        pipeline.seek(case.times[15])
        until(lambda: shown[-1].window.t1_us == case.times[15])
        for place in (16, 17, 18):
            pipeline.step()
            until(lambda place=place: shown[-1].window.t1_us == case.times[place])
        pipeline.play()
        until(lambda: shown[-1].window.t1_us == case.times[-1])
    case.check(shown)
    stepped = [r.window.t1_us for r in shown if r.window.epoch == 1][:4]
    assert stepped == case.times[15:19]
