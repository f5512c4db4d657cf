"""What the inference thread does with a pair of windows, and the points that the charts draw of it."""

from __future__ import annotations

import dataclasses
import time
from collections import OrderedDict, deque
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mcoe.core.timing import TICK_US
from mcoe.events.packets import empty_events
from mcoe.live.engine.stepper import Stepper
from mcoe.live.stream.stress import stress_window
from mcoe.results import Question, Result, Stressed, Window
from mcoe.sensor.lighting import Lighting

#: Points kept for the strip chart: 20 s at 60 Hz.
HISTORY = 1200
#: Windows kept under the lighting laboratory's light: the pair's gap at 60 Hz with room.
STRESSED = 64


@dataclass(frozen=True, slots=True)
class HistoryPoint:
    """What the strip chart draws of one result; ``alpha`` is the mean over tokens.

    ``elapsed_s`` is stream time that goes on across loops and seeks, so that a chart over it never runs backwards;
    ``stressed`` holds the probabilities under the lighting laboratory's light.
    """

    epoch: int
    t_us: int
    elapsed_s: float
    probabilities: NDArray[np.float32]
    alpha: float
    events_per_s: float
    stressed: NDArray[np.float32] | None = None


class History:
    """The newest :data:`HISTORY` points. Not thread-safe."""

    def __init__(self) -> None:
        self._points: deque[HistoryPoint] = deque(maxlen=HISTORY)

    def append(self, result: Result) -> None:
        """Add a result's point."""
        window, said = result.window, result.prediction
        elapsed_s = 0.0
        if self._points:
            last = self._points[-1]
            step_us = window.t1_us - last.t_us if last.epoch == window.epoch else TICK_US
            elapsed_s = last.elapsed_s + step_us / 1e6
        self._points.append(
            HistoryPoint(
                window.epoch,
                window.t1_us,
                elapsed_s,
                said.probabilities,
                float(said.alpha.mean()),
                len(window.events) * 1e6 / (window.t1_us - window.t0_us),
                result.stressed.prediction.probabilities if result.stressed else None,
            )
        )

    def points(self) -> list[HistoryPoint]:
        """Return the points, oldest first."""
        return list(self._points)


@dataclass(frozen=True, slots=True)
class Job:
    """A pair of windows on its way to the network; ``size`` is the sensor's (w, h), ``ready_s`` when latency begins."""

    older: Window
    window: Window
    size: tuple[int, int]
    voxel_ms: float
    ready_s: float


@dataclass(slots=True)
class Asked:
    """What is asked of every window; each field may be replaced from another thread at any time.

    Attributes:
        question: what to explain.
        light: also answer under this light, if it changes anything.
        second: also ask this engine.
    """

    question: Question = field(default_factory=Question)
    light: Lighting = field(default_factory=Lighting)
    second: Stepper | None = None


class StressedWindows:
    """Windows under another light, each made once though it is the newer of one pair and the older of another.

    Not thread-safe.

    Args:
        sensor: ``(width, height)``, px.
        side, bins: the network's S and N_b.
    """

    def __init__(self, sensor: tuple[int, int], side: int, bins: int) -> None:
        self._sensor, self._side, self._bins = sensor, side, bins
        self._light = Lighting()
        self._kept: OrderedDict[tuple[int, int], Window] = OrderedDict()

    def pair(self, older: Window, window: Window, light: Lighting) -> tuple[Window, Window]:
        """Return both windows under ``light``; of the older one perhaps only what the network sees of it."""
        if light != self._light:
            self._light = light
            self._kept.clear()
        now = self._stress(window)
        before = self._kept.get((older.epoch, older.index))
        return self._stress(older) if before is None else before, now

    def _stress(self, window: Window) -> Window:
        made = stress_window(window, self._light, self._sensor, self._side, self._bins)
        # Without frame and events: those of so many windows could fill the memory.
        self._kept[window.epoch, window.index] = dataclasses.replace(made, frame=None, events=empty_events())
        while len(self._kept) > STRESSED:
            self._kept.popitem(last=False)
        return made


class Inference:
    """Answers jobs with one engine, and with whatever else is asked at the moment."""

    def __init__(self, engine: Stepper, asked: Asked) -> None:
        self._engine, self._asked = engine, asked
        self._stressed: StressedWindows | None = None

    def answer(self, job: Job) -> Result:
        """Return the job's result. Raises McoeError as the engine does."""
        question, second = self._asked.question, self._asked.second
        prediction, stages = self._engine.step(job.older, job.window, question)
        stressed = self._stress(job, question)
        other = second.step(job.older, job.window, dataclasses.replace(question, cam=False))[0] if second else None
        latency = (time.perf_counter() - job.ready_s) * 1e3
        stage_ms = {"voxel": job.voxel_ms, **stages, "latency": latency}
        return Result(job.window, job.older, prediction, stage_ms, stressed, other)

    def _stress(self, job: Job, question: Question) -> Stressed | None:
        light = self._asked.light
        if not light.active:
            return None
        if self._stressed is None:
            self._stressed = StressedWindows(job.size, self._engine.info.size, self._engine.info.bins)
        older, window = self._stressed.pair(job.older, job.window, light)
        return Stressed(window, self._engine.step(older, window, question)[0])
