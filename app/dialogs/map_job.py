"""Reads the experts' votes over a whole recording beside the window, with a network of its own."""

from __future__ import annotations

from collections.abc import Callable

from mcoe.capture.source import Source
from mcoe.core.errors import McoeError
from mcoe.live.engine.stepper import Stepper
from mcoe.live.jobs.moments import Preprocessing, moments
from mcoe.results import Prediction, Question

from ..core.jobs import Job


class MapJob(Job[list[Prediction]]):
    """One reading; what it makes are the predictions, in order.

    Args:
        open_source: opens the recording anew.
        build: builds the network, in the job's thread.
        stride, preprocessing: see :func:`mcoe.live.jobs.moments.moments`.
        most: windows read, evenly spaced over the recording.
    """

    def __init__(
        self,
        open_source: Callable[[], Source],
        build: Callable[[], Stepper],
        *,
        stride: int,
        preprocessing: Preprocessing | None = None,
        most: int,
    ) -> None:
        def work(job: Job[list[Prediction]]) -> list[Prediction] | None:
            engine, source = build(), open_source()
            try:
                if source.info.live:
                    raise McoeError(f"{source.info.name} is live; a map of the whole recording needs a recording.")
                pairs = moments(
                    source, engine.info, stride=stride, most=most, preprocessing=preprocessing, progress=self.progress
                )
                said = [engine.step(older, window, Question(cam=False))[0] for older, window in pairs]
                return None if job.cancelling else said
            finally:
                source.close()

        super().__init__("The map", work)
