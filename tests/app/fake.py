"""A pipeline without threads or network: plausible moving results, and a record of what it was told."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TypeVar

import cv2
import numpy as np

from app.shell.window import MainWindow
from mcoe.capture.source import SourceInfo
from mcoe.events.packets import Frame, empty_events, make_events
from mcoe.live.stream.history import HistoryPoint
from mcoe.live.stream.stress import stress_window
from mcoe.recording.recorder import RecorderStatus
from mcoe.results import EngineInfo, PipelineStats, Prediction, Question, Result, Stressed, Window
from mcoe.sensor.lighting import Lighting

KINDS = ("focal", "attention", "deep", "focal", "attention", "focal", "deep", "attention")
WIDTH, HEIGHT, SIZE = 346, 260, 100
ROI = (63, 20, 220)
STEP_US = 33_333

Part = TypeVar("Part")


def feature(window: MainWindow, kind: type[Part]) -> Part:
    """Return the window's one feature of a class."""
    return next(f for f in window.features if isinstance(f, kind))


def engine(trained: bool = False, weights: str = "") -> EngineInfo:
    return EngineInfo("cpu", "openvino", "torch", trained, weights, SIZE, 3)


def point(index: int, probabilities, epoch: int = 0, t_us: int | None = None) -> HistoryPoint:
    """A history point ``index`` frames after the start, at that stream time unless told another."""
    t_us = index * STEP_US if t_us is None else t_us
    return HistoryPoint(epoch, t_us, index * STEP_US / 1e6, np.asarray(probabilities), 0.5, 4e5)


SOURCE = SourceInfo("eye_demo.aedat4", (WIDTH, HEIGHT), True, True, False, 1_000_000, 30_000_000)


@dataclass
class FakePipeline:
    """Results come when a test calls ``advance``; ``auto`` makes one at every ``latest``."""

    info: SourceInfo | None = SOURCE
    engine_info: EngineInfo | None = field(default_factory=engine)
    state: str = "loading"
    error: str | None = None
    auto: bool = False
    calls: list = field(default_factory=list)
    question: Question = field(default_factory=Question)
    light: Lighting = field(default_factory=Lighting)
    second: object = None
    on_result: object = None
    recording: RecorderStatus | None = None
    source: object = None
    dropped: int = 2

    def __post_init__(self):
        self._index, self._epoch, self._result = -1, 0, None
        self._points: list[HistoryPoint] = []
        self._windows: list[Window] = []

    def advance(self, count: int = 1):
        for _ in range(count):
            self._index += 1
            self._make()
        if self.state == "loading":
            self.state = "playing"

    def start(self):
        self.calls.append(("start",))

    def latest(self):
        if self.auto and self.state == "playing":
            self.advance()
        return self._result

    def history(self):
        return self._points[-660:]

    def stats(self):
        position = self._result.window.t1_us if self._result else (self.info.start_us if self.info else 0)
        stages = {
            "latency": (8.4, 11.9),
            "voxel": (0.3, 0.5),
            "backbone": (4.1, 5.2),
            "head": (2.2, 3.0),
            "explain": (1.8, 2.4),
        }
        return PipelineStats(
            state=self.state,
            error=self.error,
            position_us=position,
            results=self._index + 1,
            results_per_s=29.8,
            dropped_packets=0,
            dropped_windows=self.dropped,
            late_events=0,
            events_per_s=412_000.0,
            stage_ms=stages if self._result else {},
        )

    def play(self):
        self.calls.append(("play",))
        self.state = "playing"

    def pause(self):
        self.calls.append(("pause",))
        self.state = "paused"

    def step(self):
        self.calls.append(("step",))
        self.state = "paused"
        self.advance()

    def seek(self, time_us):
        self.calls.append(("seek", time_us))
        self._epoch += 1
        self._windows.clear()
        self._index = max(-1, (time_us - self.info.start_us) // STEP_US - 1)
        self.advance()

    def set_speed(self, speed):
        self.calls.append(("set_speed", speed))

    def set_view(self, view):
        self.calls.append(("set_view", view))

    def set_filter(self, make):
        self.calls.append(("set_filter", make))

    def set_lighting(self, light):
        self.calls.append(("set_lighting", light))
        self.light = light

    def set_second(self, engine):
        self.calls.append(("set_second", engine))
        self.second = engine

    def record(self, path):
        self.calls.append(("record", path))
        self.recording = RecorderStatus("recording", None, 0, 0, 0, 0, 0, 0)

    def stop_recording(self):
        self.calls.append(("stop_recording",))
        status, self.recording = self.recording, None
        return status

    def mark(self, label):
        self.calls.append(("mark", label))

    def unmark(self):
        self.calls.append(("unmark",))
        return True

    def finish_recordings(self):
        return True

    def close(self):
        self.calls.append(("close",))
        self.state = "closed"

    def _make(self):
        window = make_window(self._index, self._epoch, self.info)
        self._windows = [*self._windows[-12:], window]
        prediction = make_prediction(self._index, self.question)
        older = self._windows[0]
        stressed = second = None
        if self.light.active:
            under = stress_window(window, self.light, (WIDTH, HEIGHT), SIZE, 3)
            stressed = Stressed(under, make_prediction(self._index + 9, self.question))
        if self.second is not None:
            second = make_prediction(self._index + 17, self.question)
        prediction = replace(prediction, stride=window.index - older.index)
        self._result = Result(window, older, prediction, {}, stressed, second)
        if self.on_result is not None:
            self.on_result(self._result)
        shown = point(len(self._points), prediction.probabilities, self._epoch, window.t1_us)
        shown = replace(shown, alpha=float(prediction.alpha.mean()), events_per_s=30.0 * len(window.events))
        self._points.append(replace(shown, stressed=stressed.prediction.probabilities if stressed else None))


def eye(index: int) -> np.ndarray:
    """Draw a simple eye that looks about and blinks, ``(H, W, 3)`` uint8."""
    t = index / 30
    yy, xx = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    skin = 150 + 25 * np.cos((xx - 170) / 150) - 20 * ((yy - 130) / 130) ** 2
    image = np.stack([skin * 1.05, skin * 0.8, skin * 0.66], -1).clip(0, 255).astype(np.uint8)
    gaze = (173 + int(30 * np.sin(1.3 * t)), 135 + int(10 * np.sin(0.9 * t + 1)))
    opening = int(44 * (1 - 0.92 * np.exp(-(((t % 3.5) - 2.6) ** 2) / 0.01)))
    ball = np.full_like(image, 226)
    cv2.circle(ball, gaze, 40, (92, 70, 48), -1, cv2.LINE_AA)
    cv2.circle(ball, gaze, 40, (50, 36, 24), 3, cv2.LINE_AA)
    cv2.circle(ball, gaze, 17, (10, 8, 8), -1, cv2.LINE_AA)
    cv2.circle(ball, (gaze[0] - 12, gaze[1] - 12), 6, (255, 255, 255), -1, cv2.LINE_AA)
    lid = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.ellipse(lid, (173, 135), (100, max(2, opening)), 0, 0, 360, 255, -1, cv2.LINE_AA)
    cv2.copyTo(ball, lid, image)
    cv2.ellipse(image, (173, 135), (100, max(2, opening)), 0, 180, 360, (60, 40, 34), 4, cv2.LINE_AA)
    cv2.ellipse(image, (170, 78 - opening // 8), (115, 34), 0, 195, 345, (74, 52, 42), 13, cv2.LINE_AA)
    return cv2.GaussianBlur(image, (0, 0), 1.2)


def make_window(index: int, epoch: int, info: SourceInfo) -> Window:
    rng = np.random.default_rng(index + 5)
    t1 = info.start_us + (index + 1) * STEP_US
    image, events, voxel = eye(index), empty_events(), None
    if info.has_events:
        change = image.astype(np.float32).mean(-1) - eye(index - 1).astype(np.float32).mean(-1)
        change += rng.normal(0, 0.8, change.shape)
        ys, xs = np.nonzero(np.abs(change) > 2.6)
        times = np.sort(rng.integers(t1 - 33_000, t1, len(ys)))
        events = make_events(times, xs, ys, change[ys, xs] > 0)
        x, y, side = ROI
        crop = cv2.resize(np.where(np.abs(change) > 2.6, np.sign(change), 0)[y : y + side, x : x + side], (100, 100))
        voxel = np.stack([np.roll(crop, shift, 1) * share for shift, share in ((-1, 0.7), (0, 1.6), (1, 0.9))])
        voxel = voxel.astype(np.float32)
    rgb = None
    if info.has_frames:
        x, y, side = ROI
        crop = cv2.resize(image[y : y + side, x : x + side], (SIZE, SIZE), interpolation=cv2.INTER_AREA)
        rgb = (crop.transpose(2, 0, 1) / 255).astype(np.float32)
    frame = Frame(image, t1 - 8000, t1) if info.has_frames else None
    return Window(index, epoch, t1 - 33_000, t1, frame, events, ROI, rgb, voxel)


def make_prediction(index: int, question: Question | None = None) -> Prediction:
    question = question or Question()
    t = index / 30
    rng = np.random.default_rng(index)
    logits = 2.2 * np.sin(t * np.array([0.5, 0.31, 0.43, 0.37, 0.61, 0.29, 0.23]) + np.arange(7) * 1.7)
    logits = (logits + rng.normal(0, 0.18, 7)).astype(np.float32)
    probabilities = np.exp(logits) / np.exp(logits).sum()
    gate = 1.3 * np.sin(t * 0.7 + np.arange(8) * 2.1) + rng.normal(0, 0.1, 8)
    gates = (np.exp(gate) / np.exp(gate).sum()).astype(np.float32)
    chosen = np.argsort(-gates)[:2]
    alpha = 1 / (1 + np.exp(-(0.5 * np.sin(t) + rng.normal(0, 0.1, 32) + np.sin(np.arange(32)))))
    side = 7 if question.layer == "stage3" else 4
    yy, xx = np.mgrid[:side, :side] * 3 / (side - 1)
    cams = [
        np.exp(-((xx - 1.5 - np.sin(t + s)) ** 2 + (yy - 1.6 - 0.7 * np.cos(t * 0.8 + s)) ** 2) / 1.6)
        for s in (0, 0.6, 2, 2.5)
    ]
    if question.versus is not None:
        cams = [cam - cams[3 - i] for i, cam in enumerate(cams)]
    alone = [np.roll(probabilities, shift).astype(np.float32) if question.readings else None for shift in (0, 2)]
    return Prediction(
        probabilities=probabilities.astype(np.float32),
        logits=logits,
        gates=gates,
        chosen=chosen,
        weights=(gates[chosen] / gates[chosen].sum()).astype(np.float32),
        expert_logits=rng.normal(size=(8, 7)).astype(np.float32),
        expert_kinds=KINDS,
        alpha=alpha.astype(np.float32),
        cam_rgb=np.stack(cams[:2]).astype(np.float32) if question.cam else None,
        cam_event=np.stack(cams[2:]).astype(np.float32) if question.cam else None,
        cam_class=int(probabilities.argmax()) if question.target is None else question.target,
        cam_versus=question.versus,
        stride=12,
        rgb_only=alone[0],
        event_only=alone[1],
    )
