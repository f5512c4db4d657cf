"""The experts' votes over a recording, for the map of the experts (the paper's Fig. 7)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from mcoe.capture.source import Source
from mcoe.core.errors import McoeError
from mcoe.live.engine.stepper import Stepper
from mcoe.live.jobs.moments import Preprocessing, moments
from mcoe.results import Prediction, Question

#: Windows kept: with eight experts as many points as settle within seconds.
KEPT = 48


class Votes:
    """The experts' votes of at most :data:`KEPT` windows, spread evenly over all that came."""

    def __init__(self) -> None:
        self.kinds: tuple[str, ...] = ()
        self._every, self._came = 1, 0
        self._kept: list[NDArray[np.float32]] = []

    def __len__(self) -> int:
        return len(self._kept)

    def add(self, prediction: Prediction) -> None:
        """Take a window's votes, if it is its turn."""
        if self._came % self._every == 0:
            if len(self._kept) == KEPT:
                del self._kept[1::2]
                self._every *= 2
            self.kinds = prediction.expert_kinds
            self._kept.append(prediction.expert_logits)
        self._came += 1

    def features(self) -> tuple[NDArray[np.float32], tuple[str, ...]]:
        """Return the votes ``(windows · N_e, J)`` and each point's kind."""
        return np.concatenate(self._kept), self.kinds * len(self._kept)


def read_votes(
    open_source: Callable[[], Source],
    engine: Stepper,
    *,
    stride: int,
    preprocessing: Preprocessing | None = None,
    progress: Callable[[float], bool] = lambda share: True,
) -> Votes | None:
    """Read :data:`KEPT` windows, evenly spaced over a whole recording.

    Args:
        stride, preprocessing: see :func:`mcoe.live.jobs.moments.moments`.
        progress: told the share read, 0..1; returning False cancels.

    Returns:
        The votes, or None if cancelled.

    Raises:
        McoeError: the source is live, or the recording failed.
    """
    source = open_source()
    stopped = False

    def reading(share: float) -> bool:
        nonlocal stopped
        stopped = not progress(share)
        return not stopped

    try:
        if source.info.live:
            raise McoeError(f"{source.info.name} is live; a map of the whole recording needs a recording.")
        votes = Votes()
        for older, window in moments(
            source, engine.info, stride=stride, most=KEPT, preprocessing=preprocessing, progress=reading
        ):
            votes.add(engine.step(older, window, Question(cam=False))[0])
        return None if stopped else votes
    finally:
        source.close()
