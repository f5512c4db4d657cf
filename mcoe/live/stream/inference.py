"""The third stage: what the inference thread does with a pair of windows."""

from __future__ import annotations

import dataclasses
import time
from collections import OrderedDict
from dataclasses import dataclass, field

from mcoe.events.packets import empty_events
from mcoe.live.engine.stepper import Stepper
from mcoe.live.stream.stress import stress_window
from mcoe.results import Question, Result, Stressed, Window
from mcoe.sensor.lighting import Lighting

#: Windows kept under the lighting laboratory's light: the pair's gap at 60 Hz with room.
STRESSED = 64


@dataclass(frozen=True, slots=True)
class WindowPair:
    """What the network is asked about: a window and the older one beside it.

    Attributes:
        older, window: the pair.
        size: the sensor's ``(width, height)``, pixels.
        voxel_ms: what making the window took.
        ready_s: when its latency begins, on :func:`time.perf_counter`.
    """

    older: Window
    window: Window
    size: tuple[int, int]
    voxel_ms: float
    ready_s: float


@dataclass(slots=True)
class Questions:
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
        self._kept[window.epoch, window.index] = dataclasses.replace(made, frame=None, events=empty_events(), past=())
        while len(self._kept) > STRESSED:
            self._kept.popitem(last=False)
        return made


class Inference:
    """Answers pairs with one engine, and with whatever else is asked at the moment."""

    def __init__(self, engine: Stepper, questions: Questions) -> None:
        self._engine, self._questions = engine, questions
        self._stressed: StressedWindows | None = None

    def answer(self, pair: WindowPair) -> Result:
        """Return the pair's result. Raises McoeError as the engine does."""
        question, second = self._questions.question, self._questions.second
        prediction, stages = self._engine.step(pair.older, pair.window, question)
        stressed = self._stress(pair, question)
        other = second.step(pair.older, pair.window, dataclasses.replace(question, cam=False))[0] if second else None
        latency = (time.perf_counter() - pair.ready_s) * 1e3
        stage_ms = {"voxel": pair.voxel_ms, **stages, "latency": latency}
        return Result(pair.window, pair.older, prediction, stage_ms, stressed, other)

    def _stress(self, pair: WindowPair, question: Question) -> Stressed | None:
        light = self._questions.light
        if not light.active:
            return None
        if self._stressed is None:
            self._stressed = StressedWindows(pair.size, self._engine.info.size, self._engine.info.bins)
        older, window = self._stressed.pair(pair.older, pair.window, light)
        return Stressed(window, self._engine.step(older, window, question)[0])
