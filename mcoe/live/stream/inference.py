"""What the inference thread does with a pair of windows, and the points that the charts draw of it."""

from __future__ import annotations

import dataclasses
import time
from collections import deque
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mcoe.core.timing import TICK_US
from mcoe.live.engine.stepper import Stepper
from mcoe.live.stream.stress import stress_window
from mcoe.results import Question, Result, Stressed, Window
from mcoe.sensor.lighting import Lighting

#: Points kept for the strip chart: 20 s at 60 Hz.
HISTORY = 1200


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


class Inference:
    """Answers jobs with one engine, and with whatever else is asked at the moment."""

    def __init__(self, engine: Stepper, asked: Asked) -> None:
        self._engine, self._asked = engine, asked

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
        shape = self._engine.info
        older, window = (stress_window(w, light, job.size, shape.size, shape.bins) for w in (job.older, job.window))
        return Stressed(window, self._engine.step(older, window, question)[0])
