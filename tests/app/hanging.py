"""The window on a stream that hangs for ever, in a process of its own: ``python -m tests.app.hanging WHERE [RECORD]``.

WHERE is ``loading``, ``opening``, ``decoding``, ``answering`` or ``nowhere``; RECORD the file to record to from the
start. It prints ``there`` once it hangs, or plays.
"""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

import numpy as np

from app.shell.application import run
from mcoe.capture.source import Source, SourceInfo
from mcoe.core.process import leave
from mcoe.events.packets import Packet, make_events
from mcoe.live.stream.pipeline import Pipeline
from tests.app.conftest import Maker
from tests.live.fakes import SIZE, FakeEngine


def hang() -> None:
    print("there", flush=True)
    while True:
        time.sleep(3600)


class Endless(Source):
    """Events for ever; ``closing`` it does not wake whoever reads."""

    def __init__(self, where: str) -> None:
        self._where, self._sent = where, 0
        if where == "opening":
            hang()

    @property
    def info(self) -> SourceInfo:
        return SourceInfo("endless", SIZE, has_frames=False, has_events=True, live=True)

    def read(self, timeout_s: float = 1.0) -> Packet | None:
        if self._where == "decoding" and self._sent == 20:
            hang()
        time.sleep(0.01)
        self._sent += 1
        times = self._sent * 10_000 + np.arange(100) * 100
        return make_events(times, times % SIZE[0], times % SIZE[1], times % 2)

    def seek(self, time_us: int) -> None:
        pass

    def close(self) -> None:
        if self._where == "decoding":
            threading.Event().wait()


class Engine(FakeEngine):
    def __init__(self, where: str) -> None:
        super().__init__()
        self._where = where
        if where == "loading":
            hang()

    def step(self, *arguments: object) -> object:  # type: ignore[override]
        if self._where == "answering":
            hang()
        answer = super().step(*arguments)  # type: ignore[arg-type]
        if self._where == "nowhere":
            print("there", flush=True)
        return answer


class Bench(Maker):
    def __init__(self, where: str, record: Path | None) -> None:
        super().__init__()
        self._where, self._record = where, record

    def __call__(self, path: str | None) -> Pipeline:  # type: ignore[override]
        return Pipeline(lambda: Endless(self._where), lambda: Engine(self._where), record=self._record)


if __name__ == "__main__":
    file = Path(sys.argv[2]) if len(sys.argv) > 2 else None
    leave(run(Bench(sys.argv[1], file), "tcp://fake:1"))  # type: ignore[arg-type]
