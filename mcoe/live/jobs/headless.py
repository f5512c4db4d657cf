"""A recording through the live pipeline without a window: one CSV row per window."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TextIO

from mcoe.capture.source import Source
from mcoe.core.errors import McoeError
from mcoe.core.files import replacing_text
from mcoe.live.engine.stepper import Stepper
from mcoe.live.stream.pipeline import Pipeline
from mcoe.recording.table import csv_lines
from mcoe.results import PipelineStats, Result

#: How long the end of a run waits for what hangs, s.
PATIENCE_S = 2.0


def run_headless(
    open_source: Callable[[], Source], engine_factory: Callable[[], Stepper], out: Path, stride: int
) -> PipelineStats:
    """Run the recording to its end and return the final counters.

    ``out`` gets the table of :mod:`mcoe.recording.table`, without latencies, once it is whole.

    Raises:
        McoeError: the recording, the engine or ``out`` failed, or there was nothing to predict; an older ``out`` stays.
    """
    pipeline = Pipeline(open_source, engine_factory, stride=stride, lossless=True)
    with _create(out) as file:

        def write(result: Result) -> None:
            file.write(csv_lines([result], head=result.window.index == 0, latency=False))

        pipeline.on_result = write
        pipeline.start()
        try:
            pipeline.wait()
            stats = pipeline.stats()
        finally:
            pipeline.close(PATIENCE_S)
        if stats.error is not None:
            raise McoeError(stats.error)
        if not stats.results:
            name = pipeline.info.name if pipeline.info else "The recording"
            raise McoeError(f"{name} held no window to predict from; record for longer.")
    return stats


@contextlib.contextmanager
def _create(path: Path) -> Iterator[TextIO]:
    try:
        with replacing_text(path) as file:
            yield file
    except OSError as error:
        raise McoeError(f"Cannot write {path}: {error.strerror}; choose another --out.") from error
