"""A recording through the live pipeline without a window: one CSV row per window."""

from __future__ import annotations

import contextlib
import csv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TextIO

from mcoe.capture.source import Source
from mcoe.errors import McoeError
from mcoe.live.pipeline import Pipeline
from mcoe.live.protocols import Stepper
from mcoe.live.result import PipelineStats, Result
from mcoe.model.config import EMOTIONS


def header(experts: int) -> list[str]:
    """Return the CSV's column names; times are µs of the recording, ``alpha`` the mean over tokens (1 = RGB)."""
    return [
        "index",
        "time_us",
        "older_time_us",
        "events",
        "emotion",
        *EMOTIONS,
        "alpha",
        *(f"gate_{i}" for i in range(experts)),
        "chosen",
        "weights",
    ]


def row(result: Result) -> list[object]:
    """Return one result's CSV values; floats are written in full, so that equal files mean equal predictions."""
    window, said = result.window, result.prediction
    return [
        window.index,
        window.t1_us,
        result.older.t1_us,
        len(window.events),
        EMOTIONS[int(said.probabilities.argmax())],
        *(repr(float(p)) for p in said.probabilities),
        repr(float(said.alpha.mean())),
        *(repr(float(g)) for g in said.gates),
        " ".join(str(i) for i in said.chosen),
        " ".join(repr(float(w)) for w in said.weights),
    ]


def run_headless(
    open_source: Callable[[], Source], engine_factory: Callable[[], Stepper], out: Path, stride: int
) -> PipelineStats:
    """Run the recording to its end, writing ``out`` as it goes, and return the final counters.

    Raises:
        McoeError: the recording, the engine or ``out`` failed; rows written so far stay.
    """
    pipeline = Pipeline(open_source, engine_factory, stride=stride, lossless=True)
    with _create(out) as file:
        writer = csv.writer(file)

        def write(result: Result) -> None:
            if result.window.index == 0:
                writer.writerow(header(len(result.prediction.gates)))
            writer.writerow(row(result))

        pipeline.on_result = write
        pipeline.start()
        try:
            pipeline.wait()
            stats = pipeline.stats()
        finally:
            pipeline.close()
    if stats.error is not None:
        raise McoeError(stats.error)
    if not stats.results:
        name = pipeline.info.name if pipeline.info else "The recording"
        raise McoeError(f"{name} held no window to predict from; record for longer.")
    return stats


@contextlib.contextmanager
def _create(path: Path) -> Iterator[TextIO]:
    try:
        with path.open("w", newline="") as file:
            yield file
    except OSError as error:
        raise McoeError(f"Cannot write {path}: {error.strerror}; choose another --out.") from error
