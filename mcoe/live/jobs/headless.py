"""A recording through the live pipeline without a window: one CSV row per window."""

from __future__ import annotations

import contextlib
import csv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TextIO

from mcoe.capture.source import Source
from mcoe.core.errors import McoeError
from mcoe.live.engine.stepper import Stepper
from mcoe.live.stream.pipeline import Pipeline
from mcoe.recording.table import header, row
from mcoe.results import PipelineStats, Result


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
