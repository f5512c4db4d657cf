"""The network at batch 1: a full forward, and the streaming step that the live view pays for every frame."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
import torch

from mcoe.bench.measure import Row, race
from mcoe.core.errors import McoeError
from mcoe.core.timing import STRIDE, TICK_US, WINDOW_US
from mcoe.events.packets import empty_events
from mcoe.live.engine.backbones import BACKBONES
from mcoe.live.engine.engine import Engine
from mcoe.model.config import ModelConfig
from mcoe.model.network import MCOENet
from mcoe.results import Question, Window


class _Stream:
    """Endless windows of noise, the older one a stride before, as the live pipeline hands them over."""

    def __init__(self, config: ModelConfig, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        self._rgb = rng.random((32, 3, config.size, config.size), np.float32)
        self._voxel = rng.normal(0, 0.2, (32, config.bins, config.size, config.size)).astype(np.float32)
        self._index = 0
        self._kept = [self._window(i) for i in range(STRIDE)]

    def next(self) -> tuple[Window, Window]:
        self._kept.append(self._window(STRIDE + self._index))
        self._index += 1
        return self._kept.pop(0), self._kept[-1]

    def _window(self, i: int) -> Window:
        end = i * TICK_US
        return Window(
            i, 0, end - WINDOW_US, end, None, empty_events(), (0, 0, 1), self._rgb[i % 32], self._voxel[i % 32]
        )


def bench_network(device: torch.device, threads: int, seconds: float) -> list[Row]:
    """Forward and streaming steps on every backbone engine that runs on ``device``."""
    torch.manual_seed(0)
    config = ModelConfig()
    net = MCOENet(config).eval().to(device)
    stream = _Stream(config)
    older, window = stream.next()
    pair = [
        torch.from_numpy(np.stack([getattr(w, name) for w in (older, window)]))[None].to(device)
        for name in ("rgb", "voxel")
    ]

    @torch.no_grad()
    def forward() -> object:
        torch.set_num_threads(threads)
        return net(*pair)

    contenders: dict[str, Callable[[], object]] = {"full forward, eager torch float32": forward}
    for name in (b for b in BACKBONES if b != "auto"):
        for explain in (False, True):
            try:
                engine = Engine(net, device=device, backbone=name, threads=threads)
            except McoeError:
                continue  # an engine of another device
            own = _Stream(config)
            for _ in range(STRIDE + 1):  # fill the older frames' features
                engine.step(*own.next())
            shown = "with Grad-CAM and expert trace" if explain else "prediction only"
            step = functools.partial(_step, engine, own, Question(cam=explain))
            contenders[f"streaming step, {name}, {shown}"] = step
    return race("Network, batch 1, 100×100", contenders, seconds=seconds, burst=15)


def _step(engine: Engine, stream: _Stream, question: Question) -> object:
    torch.set_num_threads(engine.torch_threads)  # the engines of this process share one setting
    return engine.step(*stream.next(), question)
