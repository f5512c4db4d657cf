"""From a packet's arrival to the result on screen: the whole live pipeline on a camera that streams over loopback."""

from __future__ import annotations

import threading
import time

import numpy as np

from mcoe.bench.loopback import Server
from mcoe.bench.measure import Row
from mcoe.capture.cameras import open_camera
from mcoe.capture.source import Source
from mcoe.core.errors import McoeError
from mcoe.live.engine.build import EngineOptions, build_engine
from mcoe.live.engine.engine import Engine
from mcoe.live.stream.pipeline import Pipeline
from mcoe.results import Result

RATE = 1e6
#: Results before this are left out: the first passes of any engine are slow, s.
WARM_UP_S = 1.0
#: How long loading and connecting may take, s.
LOADING_S = 120.0
_STAGES = {
    "latency": "packet's arrival to result, with Grad-CAM and expert trace",
    "voxel": "of which voxel grid",
    "backbone": "of which event backbone",
    "head": "of which head and Grad-CAM",
}


def bench_latency(seconds: float, options: EngineOptions | None = None) -> list[Row]:
    """Measure the live pipeline on a network stream of a million events per second, which has no frames.

    Latency runs from the arrival of the packet that completes a window, in the capture thread, to the finished result;
    the rows below it are its parts, waiting makes the rest.

    Args:
        seconds: measuring time.
        options: engine and weights.

    Raises:
        McoeError: the stream or the network failed.
    """
    options, built = options or EngineOptions(), threading.Event()
    results: list[Result] = []
    server = Server(RATE, seconds + WARM_UP_S + 2)

    def engine() -> Engine:
        try:
            return build_engine(options)
        finally:
            built.set()

    def source() -> Source:
        built.wait()  # the server sends from the first connection on: nothing may be missed while the engine loads
        return open_camera(server.address)

    pipeline = Pipeline(source, engine)
    pipeline.on_result = results.append
    try:
        pipeline.start()
        _wait(pipeline, results)
        time.sleep(WARM_UP_S)
        first = len(results)
        time.sleep(seconds)
        taken, stats = results[first:], pipeline.stats()
    finally:
        pipeline.close()
        server.stop()
    if stats.error is not None:
        raise McoeError(stats.error)
    if not taken:
        raise McoeError("The network answered no window while it was measured; measure with more --seconds.")
    group = (
        f"Live latency, {RATE / 1e6:g} M events/s over loopback, {len(taken)} windows, dropped {stats.dropped_windows}"
    )
    rows = []
    for stage, name in _STAGES.items():
        low, median, high = (float(v) for v in np.percentile([r.stage_ms[stage] for r in taken], (5, 50, 95)))
        # What share of the latency a part is can be read from the medians: nothing here races anything.
        rows.append(Row(group, name, median, "ms", (low, high), 1.0))
    return rows


def _wait(pipeline: Pipeline, results: list[Result]) -> None:
    deadline = time.monotonic() + LOADING_S
    while not results:
        if (error := pipeline.stats().error) is not None:
            raise McoeError(error)
        if time.monotonic() > deadline:
            raise McoeError(f"No result came within {LOADING_S:g} s; close what else uses this computer and try again.")
        time.sleep(0.01)
