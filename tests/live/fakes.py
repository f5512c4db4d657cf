"""A source and an engine without files or weights, at the pipeline's own seams."""

from __future__ import annotations

import threading

import numpy as np

from mcoe.capture.source import SourceInfo
from mcoe.core.errors import McoeError
from mcoe.core.timing import TICK_US
from mcoe.events.packets import Frame, Packet, make_events, packet_end_us
from mcoe.results import EngineInfo, Prediction, Question, Window

SIZE = (24, 20)


def packets(frames: int = 30, events_per_batch: int = 50, seed: int = 0) -> list[Packet]:
    """30 Hz frames and 10 ms event batches in the order that a source promises."""
    rng = np.random.default_rng(seed)
    out: list[Packet] = []
    for k in range(frames):
        end = 1_000_000 + k * TICK_US
        image = rng.integers(0, 255, (SIZE[1], SIZE[0]), np.uint8)
        out.append(Frame(image, end - 5_000, end))
    stop = 1_000_000 + frames * TICK_US
    for start in range(960_000, stop, 10_000):
        times = np.sort(rng.integers(start, start + 10_000, events_per_batch))
        x, y = (rng.integers(0, limit, events_per_batch) for limit in SIZE)
        out.append(make_events(times, x, y, rng.integers(0, 2, events_per_batch)))
    return sorted(out, key=packet_end_us)


class FakeSource:
    """Replays a list of packets; ``fail_at`` raises after so many, ``live`` gives them without end."""

    def __init__(self, items: list[Packet] | None = None, live: bool = False, fail_at: int | None = None) -> None:
        self._items = packets() if items is None else items
        self._next, self._fail_at = 0, fail_at
        self.closed = threading.Event()
        ends = [packet_end_us(p) for p in self._items]
        self.info = SourceInfo(
            "fake",
            SIZE,
            any(isinstance(p, Frame) for p in self._items),
            any(not isinstance(p, Frame) for p in self._items),
            live,
            ends[0] if ends else 0,
            None if live else (ends[-1] - ends[0] if ends else 0),
        )

    def read(self, timeout_s: float = 1.0) -> Packet | None:
        if self._fail_at is not None and self._next >= self._fail_at:
            raise McoeError("fake was unplugged; plug it in again.")
        if self._next >= len(self._items):
            return None
        self._next += 1
        return self._items[self._next - 1]

    def seek(self, time_us: int) -> None:
        self._next = next((i for i, p in enumerate(self._items) if packet_end_us(p) >= time_us), len(self._items))

    def close(self) -> None:
        self.closed.set()


class FakeEngine:
    """Predicts from the pair's content alone, so that a wrong pair gives a wrong answer. ``gate`` makes it slow."""

    info = EngineInfo("fake", "fake", "torch", False, "", 10, 3)

    def __init__(self, gate: threading.Semaphore | None = None) -> None:
        self._gate = gate

    def step(self, older: Window, window: Window, question: Question) -> tuple[Prediction, dict[str, float]]:
        if self._gate is not None:
            self._gate.acquire()
        sums = []
        for w in (older, window):
            for image in (w.rgb, w.voxel):
                sums.append(0.0 if image is None else float(np.abs(image).sum()))
        logits = np.zeros(7, np.float32)
        logits[:4] = np.sin(sums)
        zeros = np.zeros(8, np.float32)
        return Prediction(
            probabilities=np.exp(logits) / np.exp(logits).sum(),
            logits=logits,
            gates=zeros,
            chosen=np.array([0, 1]),
            weights=np.array([0.5, 0.5], np.float32),
            expert_logits=np.zeros((8, 7), np.float32),
            expert_kinds=("focal",) * 8,
            alpha=np.full(32, 0.5, np.float32),
            cam_rgb=None,
            cam_event=None,
            cam_class=question.target or 0,
            cam_versus=None,
            rgb_only=None,
            event_only=None,
            stride=window.index - older.index,
        ), {"backbone": 1.0, "head": 1.0}
